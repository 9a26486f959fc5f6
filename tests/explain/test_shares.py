"""Two accounts, two shops, two organizations: a figure is explained whole, and for one of them alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from exporter.explain import FIGURES, CannotExplain, explain_day, explain_figure
from exporter.ledger import SourceState, state
from exporter.records import Observation, Record, SourceInfo
from exporter.snapshot import WINDOWS, Cursor, Opening, Window
from exporter.store import Store
from exporter.stream.history import question, values
from tests.builders import NOW, SOURCES, Books, balance, bill, fill, mark, sale, usage

ALL = (
    *SOURCES,
    SourceInfo("hedge", "Kalshi (hedge)", "venue"),
    SourceInfo("etsy", "Etsy", "sales"),
    SourceInfo("lab", "Anthropic (lab)", "api_cost"),
)
TWIN = {"kalshi": "hedge", "sales": "etsy", "anthropic": "lab"}
HOURS, DAY = timedelta(hours=1), timedelta(days=1)
BILLED = (NOW - DAY).date()


def ours() -> list[Record]:
    """Return records of which the twins have the same ids and days, and other amounts."""
    return [
        fill("buy yes 10 @ 0.40 fee 0.07", fill_id="f-1", at=NOW - 3 * DAY),
        fill("buy no 4 @ 0.30 fee 0.02", fill_id="f-2", at=NOW - HOURS),
        sale("19.00", fee="0.50", at=NOW - 2 * HOURS, refunds={NOW - HOURS: "4.00"}),
        bill(BILLED, "3.00"),
        usage(NOW.replace(hour=1), "0.25"),
    ]


def theirs() -> list[Record]:
    """Return what the second account, shop and organization has."""
    changed = {"fill": {"fee": Decimal("0.50")}, "sale": {"gross": Decimal(50)}}
    twins = [replace(each, source=TWIN[each.source], **changed.get(each.kind, {})) for each in ours()]
    return [each for each in twins if each.kind != "billed_day"] + [bill(BILLED, "8.00", source="lab")]


class Company:
    """A store and the ledger behind it, published by hand."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.books = Books(sources=ALL)
        self.sequence = 0

    def read(self, records: list[Record], at: datetime) -> None:
        """Book records in the store and in the ledger."""
        for source in sorted({record.source for record in records}):
            found = [record for record in records if record.source == source]
            self.store.records.book(source, found, (), as_of=at, recorded_at=at)
        self.books.book(*records)

    def see(self, *observations: Observation) -> None:
        self.books.ledger.observe(observations)

    def publish(self, at: datetime) -> None:
        """State and keep a snapshot, with the openings that the store has."""
        self.sequence += 1
        needed = self.books.ledger.openings_needed(at)
        openings = {source: self._openings(source, starts) for source, starts in needed.items()}
        fresh = {info.name: SourceState(as_of=at, last_success=at) for info in ALL}
        cursor = Cursor(self.store.snapshots.epoch, self.sequence)
        self.store.snapshots.append(
            state(self.books.ledger, now=at, cursor=cursor, sources=fresh, openings=openings)
        )

    def _openings(self, source: str, starts: dict[str, datetime]) -> dict[str, Opening]:
        found = {window: self.store.snapshots.opening(source, start) for window, start in starts.items()}
        return {window: opening for window, opening in found.items() if opening is not None}


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    with Store.write(tmp_path_factory.mktemp("explain") / "northstar.sqlite3") as store:
        made = Company(store)
        early = [record for record in (*ours(), *theirs()) if record.at < NOW - 2 * DAY]
        made.read(early, NOW - 2 * DAY)
        made.see(
            mark(bid="0.50"), balance("90"), mark(bid="0.45", source="hedge"), balance("9", source="hedge")
        )
        made.publish(NOW - 2 * DAY)
        made.read([*ours(), *theirs()], NOW)
        made.see(
            mark(bid="0.55"), balance("95"), mark(bid="0.30", source="hedge"), balance("8", source="hedge")
        )
        made.publish(NOW)
        yield made


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("figure", FIGURES)
def test_the_lines_of_each_source_sum_to_its_share_and_together_to_the_figure(
    company: Company, window: Window, figure: str
) -> None:
    """To the last digit, although ids, markets and days are the same in both."""
    whole = explain_figure(company.store, window=window, figure=figure)
    assert whole.exact
    assert whole.usd is not None
    stated = company.store.snapshots.newest()
    assert stated is not None
    shares = (stated.windows[window].by_source or {}).items()
    named = [name for name, share in shares if figure == "net" or figure in share.components]
    parts = [explain_figure(company.store, window=window, figure=figure, source=name) for name in named]
    assert all(part.exact and part.usd is not None for part in parts)
    assert sum(part.total for part in parts) == whole.usd
    apart = ("net", "trading_unrealised_change")  # one line a component, one for all values at the start
    assert figure in apart or sum(part.count for part in parts) == whole.count
    assert len(parts) == (6 if figure == "net" else 2)


def test_a_line_says_whose_it_is_where_there_are_several(company: Company) -> None:
    """And nothing more for one alone."""
    both = explain_figure(company.store, window="all", figure="sales_gross")
    assert [line.what for line, _ in both.lines] == [
        "etsy: sale s-1, paid, gross 50.00",
        "sales: sale s-1, paid, gross 19.00",
    ]
    one = explain_figure(company.store, window="all", figure="sales_gross", source="etsy")
    assert [line.what for line, _ in one.lines] == ["sale s-1, paid, gross 50.00"]


def test_each_venue_is_measured_from_its_own_value_at_the_start(company: Company) -> None:
    """One account's value taken for the other's would be profit out of nothing."""
    figure, started = "trading_unrealised_change", {}
    for source in ("kalshi", "hedge"):
        told = explain_figure(company.store, window="24h", figure=figure, source=source)
        ((line, _),) = (each for each in told.lines if "value at" in each[0].what)
        assert line.what == "value at the window's start, published 2026-11-20 12:00:00 UTC"
        started[source] = line.usd
    assert started == {"kalshi": Decimal("-1.00"), "hedge": Decimal("-0.50")}


def test_a_day_of_cost_is_of_one_source(company: Company) -> None:
    """Two bills of a day are two explanations; which one is asked for must be said."""
    with pytest.raises(CannotExplain, match="has a cost at anthropic and lab: say of which source"):
        explain_day(company.store, BILLED)
    billed = {name: explain_day(company.store, BILLED, name).total.billed for name in ("anthropic", "lab")}
    assert billed == {"anthropic": Decimal("3.00"), "lab": Decimal("8.00")}
    with pytest.raises(CannotExplain, match="Nothing is known"):
        explain_day(company.store, BILLED, "kalshi")


def test_history_has_the_share_of_each_source(company: Company) -> None:
    """By its name; one that was never there states nothing."""
    names = [
        "all.net",
        *(f"all.net@{info.name}" for info in ALL),
        "equity@hedge",
        "unrealised@hedge",
        "all.net@ebay",
    ]
    asked = question("2026-11-22T11:59:59Z", "2026-11-22T12:00:01Z", 1, names, NOW)
    ((*_, point),) = (values(asked, company.store.snapshots.history(asked.aligned, asked.end, asked.points)),)
    stated = point["values"]
    assert isinstance(stated, list)
    whole, *shares = (Decimal(value) for value in stated[:7])
    assert sum(shares) == whole
    assert stated[7:] == ["8.00", "-0.60", None]


def test_rows_of_before_venues_were_named_are_of_the_first_one(tmp_path: Path) -> None:
    """And of no other: a second venue's value at that time is not known."""
    with Store.write(tmp_path / "northstar.sqlite3") as store:
        company = Company(store)
        company.see(mark(bid="0.50"), balance("90"))
        company.publish(NOW)
        row = json.dumps([None] * 70 + ["1.25", "final"])
        with store.engine.begin() as connection:
            connection.exec_driver_sql("UPDATE snapshots SET crc32 = -1, layout = 1, figures = ?", (row,))
        known = store.snapshots.opening("kalshi", NOW)
        assert known is not None
        assert known.usd == Decimal("1.25")
        assert store.snapshots.opening("hedge", NOW) is None
