"""A period beside another: to the same point, with the figures that were there, and how sure they are."""

from __future__ import annotations

import shutil
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.errors import PeriodError
from exporter.ledger import SourceState
from exporter.periods.period import Period
from exporter.records import Record
from exporter.reports.comparison import ComparisonAsked, comparison_tree
from exporter.reports.reader import PeriodReader
from exporter.snapshot import KIND_COMPONENTS, Grade
from exporter.store import Store
from tests.builders import NOW, UTC_ZONE, bill, mark, sale, usage
from tests.examples import examples
from tests.ledger.test_daybook import ZONES, newest, records
from tests.reports.test_reader import World, empty, reasons, world

__all__ = ["empty", "world"]  # fixtures


@settings(max_examples=examples(25), deadline=None)
@given(records, st.sampled_from(ZONES), st.lists(st.integers(1, 15 * 24 * 60), min_size=1, max_size=4))
def test_a_period_up_to_a_moment_is_what_it_was_then(
    empty: Path, given: list[Record], zone: ZoneInfo, looked: list[int]
) -> None:
    """Where everything was read when it happened, the figures up to a moment are those of that moment."""
    happened = [each for each in newest(given) if each.source != "anthropic"]
    with Store.write(shutil.copy(empty, empty.with_name(f"{uuid4()}.sqlite3"))) as store:
        world = World(store, zone)
        world.marks = [mark("A-1", bid="0.40", ask="0.41"), mark("B-1", bid="0.50", ask="0.52")]
        moments = sorted(NOW - timedelta(minutes=ago) for ago in looked)
        then = []
        for moment in moments:
            world.clock.now = moment
            world.keep(*(each for each in happened if each.at <= moment))
            world.publish()
            reader = PeriodReader(store)
            month = Period.holding("month", reader.today, zone)
            then.append((month, moment, reader.figures(month)))
        world.clock.now = NOW
        world.keep(*(each for each in happened if each.at <= NOW))
        world.publish()
        reader = PeriodReader(store)
        for month, moment, said in then:
            found = reader.figures(month, moment)
            for component in (*KIND_COMPONENTS["venue"], *KIND_COMPONENTS["sales"]):
                assert found.components[component].usd == said.components[component].usd, component


def traded(world: World) -> None:
    """Two months of a sale of two dollars each noon, and of bills."""
    for ago in range(60, -1, -1):
        at = NOW - timedelta(days=ago)
        world.keep(sale("2.00", sale_id=f"s{ago}", at=at, fee="0.10"))
        if ago:
            world.keep(bill(at.date(), "0.50"))
    world.publish()


def test_a_running_month_is_compared_to_the_same_point(world: World) -> None:
    """Noon of the 22nd beside noon of the 22nd, days on both sides; the bill of a cut day is shared."""
    world.keep(usage(datetime(2026, 10, 22, 12, tzinfo=NOW.tzinfo), "1.00"))
    traded(world)
    reader = PeriodReader(world.store)
    tree = comparison_tree(
        world.store, reader, Period.holding("month", NOW.date(), UTC_ZONE), ComparisonAsked()
    )
    [other] = tree["others"]
    assert (tree["rule"], tree["this"]["days"], other["days"], other["of_days"]) == ("same_point", 22, 22, 31)
    assert tree["components"]["sales_gross"] == {
        "grade": "final",
        "then": "44.00",
        "usd": "0.00",
        "ratio": "0.00",
    }
    assert other["until"] == "2026-10-22T12:00:00.000000Z"
    assert other["net"]["grade"] == "estimated"
    assert other["components"]["api_cost_billed"]["usd"] == "-10.50"
    october = Period.holding("month", date(2026, 10, 1), UTC_ZONE)
    minutes = reader.figures(october, datetime(2026, 10, 22, 12, 30, tzinfo=NOW.tzinfo))
    assert minutes.components["api_cost_billed"].usd == Decimal("-10.75")
    assert "hour_cut" in reasons(minutes, "api_cost_estimated")


def test_a_month_that_is_over_is_compared_whole_and_with_a_mean(world: World) -> None:
    """30 days beside 31; a cost that falls is a share of the cost."""
    traded(world)
    reader = PeriodReader(world.store)
    october = Period.holding("month", date(2026, 10, 5), UTC_ZONE)
    whole = comparison_tree(world.store, reader, october, ComparisonAsked())
    assert (whole["rule"], whole["components"]["sales_gross"]["then"]) == ("whole", "16.00")
    assert whole["components"]["sales_fees"] == {
        "grade": "final",
        "then": "-0.80",
        "usd": "-2.30",
    }  # of less than a dollar there is no share
    mean = comparison_tree(world.store, reader, october, ComparisonAsked("average_n", count=2))
    assert (len(mean["others"]), mean["components"]["sales_gross"]["then"]) == (2, "8.00")
    weekly = comparison_tree(world.store, reader, october, ComparisonAsked("weekdays", weeks=52))
    assert weekly["this"]["days"] == weekly["others"][0]["days"] == 31
    with pytest.raises(PeriodError, match="not begun"):
        comparison_tree(world.store, reader, october.moved(3), ComparisonAsked())


def test_at_equal_knowledge_the_other_side_is_as_it_was_known(world: World) -> None:
    """What came late is on both sides or on none."""
    world.clock.now = datetime(2026, 10, 22, 12, tzinfo=NOW.tzinfo)
    world.keep(sale("2.00", sale_id="known", at=world.clock() - timedelta(days=3)))
    world.publish()
    world.clock.now = NOW
    world.keep(sale("5.00", sale_id="late", at=datetime(2026, 10, 20, 12, tzinfo=NOW.tzinfo)))
    world.publish()
    reader = PeriodReader(world.store)
    november = Period.holding("month", NOW.date(), UTC_ZONE)
    for equal, then in ((False, "7.00"), (True, "2.00")):
        tree = comparison_tree(world.store, reader, november, ComparisonAsked(equal_knowledge=equal))
        assert tree["components"]["sales_gross"]["then"] == then


def test_an_unknown_side_gives_no_difference(world: World) -> None:
    """Neither an amount nor a share; the grade says why."""
    world.publish(kalshi=SourceState())
    reader = PeriodReader(world.store)
    tree = comparison_tree(
        world.store, reader, Period.holding("month", NOW.date(), UTC_ZONE), ComparisonAsked()
    )
    assert tree["components"]["trading_fees"] == {"grade": Grade.MISSING.word}
