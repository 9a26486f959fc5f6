"""The routes that answer about the past."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from exporter.store import Store
from exporter.stream import create_app
from exporter.stream import periods as served_periods
from tests.builders import NOW, bill, fill, mark, sale
from tests.reports.test_reader import World
from tests.stream.serving import serving, until

pytestmark = pytest.mark.slow


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A month of trades, sales and bills."""
    with Store.write(tmp_path / "northstar.sqlite3") as store:
        world = World(store)
        world.marks = [mark("KXA-1-T", bid="0.60", ask="0.61")]
        for ago in range(40, 2, -1):
            at = NOW - timedelta(days=ago)
            world.keep(
                fill(f"buy yes 1 @ 0.40 fee 0.01 in KX{'AB'[ago % 2]}-1-T", fill_id=f"f{ago}", at=at),
                sale("2.00", sale_id=f"s{ago}", at=at, fee="0.10"),
                bill(at.date(), "0.50"),
            )
        world.publish()
        yield world


@pytest.fixture
def url(world: World) -> Iterator[str]:
    app = create_app(world.store.path, clock=lambda: NOW + timedelta(seconds=3))
    with serving(app) as address:
        until(lambda: app.state.feed.current())
        yield f"{address}/api/pnl"


def asked(url: str, **parameters: Any) -> dict[str, Any]:
    answer = httpx.get(url, params=parameters)
    assert answer.status_code == 200, answer.text
    tree: dict[str, Any] = answer.json()
    return tree


def test_months_are_listed_with_what_each_came_to(url: str) -> None:
    """One after the other, clipped where the range begins, and their lines sum to their net."""
    tree = asked(f"{url}/periods", **{"by": "month", "from": "2026-10-20", "to": "month"})
    assert [each["period"] for each in tree["periods"]] == ["2026-10-20..2026-10-31", "2026-11"]
    october, november = tree["periods"]
    assert (october["over"], november["over"]) == (True, False)
    assert october["components"]["sales_gross"] == {
        "grade": "final",
        "usd": "24.00",
        "as_of": tree["as_of"],
    }
    assert october["counts"] == {"cost_days": 12, "fills": 12, "orders": 12}
    days = asked(f"{url}/periods", **{"by": "day", "from": "2026-11"})["periods"]
    assert len(days) == 30
    assert "usd" not in days[-1]["net"], "it has not begun"


def test_a_statement_has_its_rows_page_by_page(url: str) -> None:
    """All rows sum to the lines that they divide, whatever the page."""
    tree = asked(f"{url}/statement", period="2026-10-20..2026-11-10", by="event", limit=1)
    assert (tree["count"], tree["exact"], len(tree["rows"])) == (2, True, 1)
    rest = asked(f"{url}/statement", period="2026-10-20..2026-11-10", by="event", limit=9, offset=1)
    assert {row["name"] for row in (*tree["rows"], *rest["rows"])} == {"KXA-1", "KXB-1"}
    assert tree["statement"]["words"] == "20 October to 10 November 2026, UTC"
    models = asked(f"{url}/statement", period="2026-10-20..2026-11-10", by="model")
    assert models["rows"] == [
        {"name": "claude-sonnet-5-5", "net": "-11.00", "amounts": {"api_cost": "-11.00"}}
    ]
    assert "rows" not in asked(f"{url}/statement", period="2026-11")


@pytest.mark.parametrize(
    ("path", "parameters", "said"),
    [
        ("statement", {"period": "2026-13"}, "2026-13"),
        ("statement", {"period": "2026-02-30"}, "2026-02-30"),
        ("statement", {"period": "2026-11-10..2026-11-01"}, "2026-11-10..2026-11-01"),
        ("statement", {"period": "x" * 61}, "60"),
        ("statement", {"period": "2026-11", "by": "colour"}, "by"),
        ("periods", {"from": "2026-11", "to": "2026-10"}, "from (2026-11) must not be after to (2026-10)"),
        ("periods", {"from": "1970", "to": "2026", "by": "day"}, "days"),
        ("periods", {"from": "2024", "to": "2026", "by": "day"}, "400 is the limit"),
    ],
)
def test_what_is_no_period_is_said_in_a_sentence(
    url: str, path: str, parameters: dict[str, str], said: str
) -> None:
    """Which text it was, and what would do."""
    answer = httpx.get(f"{url}/{path}", params=parameters)
    assert answer.status_code == 422
    assert said in answer.json()["error"]["message"]


def test_rows_that_are_not_up_with_the_snapshot_are_waited_for(
    url: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line of today follows within a moment; what is still not there then is said."""
    monkeypatch.setattr(served_periods, "FOLLOWS_SECONDS", 0.01)
    with world.store.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM daybook WHERE scope = 's3'")
    tree = asked(f"{url}/statement", period="month", by="product")
    assert not tree["exact"]
    world.store.daybook.begin("")
    world.follow()
    assert asked(f"{url}/statement", period="month", by="product")["exact"]


def test_without_a_snapshot_there_is_nothing_to_speak_of(tmp_path: Path) -> None:
    Store.write(tmp_path / "empty.sqlite3").close()
    with serving(create_app(tmp_path / "empty.sqlite3")) as url:
        assert httpx.get(f"{url}/api/pnl/periods").status_code == 503


def test_a_period_is_answered_as_it_was_known(url: str, world: World) -> None:
    """Then, now, and each line that has changed in between, with the record that came."""
    world.clock.advance(hours=1)
    late = NOW - timedelta(days=30)
    world.keep(sale("9.00", sale_id="late", at=late))
    world.publish()
    until(lambda: httpx.get(f"{url}/current").json()["sequence"] == 2)
    then = NOW.isoformat()
    known = asked(f"{url}/statement", period="2026-10", known_at=then)["statement"]["components"]
    now = asked(f"{url}/statement", period="2026-10")["statement"]["components"]
    gross = [each["sales_gross"]["usd"] for each in (known, now)]
    assert Decimal(gross[1]) - Decimal(gross[0]) == 9
    [month] = asked(f"{url}/periods", **{"by": "month", "from": "2026-10", "known_at": then})["periods"]
    assert month["components"]["sales_gross"]["usd"] == gross[0]
    tree = asked(f"{url}/changes", period="2026-10", since=then)
    [line] = tree["changes"]
    assert (line["source"], line["name"], line["amounts"]) == ("sales", "late", {"sales_gross": "9.00"})
    assert [record["key"] for record in line["records"]] == ["late"]
    assert (tree["sum"], tree["then"]["net"]["usd"] != tree["now"]["net"]["usd"]) == ("9.00", True)
    assert httpx.get(f"{url}/changes", params={"period": "2026-10", "since": "then"}).status_code == 422
    early = httpx.get(f"{url}/statement", params={"period": "2026-10", "known_at": "2020-01-01T00:00:00Z"})
    assert early.status_code == 422
    assert "kept whole" in early.json()["error"]["message"]


def test_a_period_is_answered_beside_another(url: str) -> None:
    """The running month to the same point of the last one, unless another rule is named."""
    tree = asked(f"{url}/comparison")
    assert (tree["rule"], tree["others"][0]["period"]) == ("same_point", "2026-10")
    whole = asked(f"{url}/comparison", period="2026-10", rule="average_n", count=1)
    assert [each["period"] for each in whole["others"]] == ["2026-09"]
    refused = httpx.get(f"{url}/comparison", params={"period": "month", "rule": "weekdays", "weeks": 7})
    assert refused.status_code == 422


def test_a_course_ends_at_the_figure_of_its_period(url: str) -> None:
    """By the hour and by the day; what is too long is said in a sentence."""
    month = asked(f"{url}/statement", period="month")["statement"]["net"]["usd"]
    for step in ("hour", "day"):
        tree = asked(f"{url}/course", period="month", step=step)
        assert (tree["points"][0]["at"], tree["points"][0]["usd"]) == (tree["from"], "0.00")
        assert (tree["points"][-1]["at"], tree["points"][-1]["usd"]) == (tree["as_of"], month)
    lines = asked(f"{url}/course", period="2026-10-20", components=True)["points"][-1]
    assert lines["components"]["sales_gross"] == "2.00"
    answer = httpx.get(f"{url}/course", params={"period": "2020..2026", "step": "hour"})
    assert (answer.status_code, "2,000 hours" in answer.json()["error"]["message"]) == (422, True)


def test_days_come_with_their_weeks_and_their_sum(url: str) -> None:
    """Of one state, so that they sum exactly; a week that the range cuts is of its days in it."""
    tree = asked(f"{url}/periods", **{"by": "day", "from": "2026-11", "sums": "true"})
    assert tree["total"]["net"] == asked(f"{url}/statement", period="month")["statement"]["net"]
    for pieces in (tree["periods"], tree["weeks"]):
        assert sum(Decimal(each["net"].get("usd", 0)) for each in pieces) == Decimal(
            tree["total"]["net"]["usd"]
        )
    assert [each["period"] for each in tree["weeks"]][:2] == ["2026-11-01", "2026-W45"]
