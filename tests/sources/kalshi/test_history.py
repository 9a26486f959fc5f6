"""Kalshi's past: slices and their places, the archive, endings, and the request budget."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from exporter.errors import SourceMalformed, SourceRejected, SourceUnavailable
from exporter.records import Fill, Settlement, Transfer
from exporter.simulator.clock import SettableClock
from exporter.simulator.server import serve_in_thread
from exporter.simulator.world import World
from exporter.sources.contract import Slice
from exporter.sources.kalshi import limits
from exporter.sources.kalshi.account import Kalshi
from exporter.sources.kalshi.limits import TokenBucket
from tests.sources import payloads as p
from tests.sources.canned import NOW, Turns, Upstream, kalshi, text_of

pytestmark = pytest.mark.anyio

D = Decimal
CUTOFF, ARCHIVE = f"{p.VENUE}/historical/cutoff", f"{p.VENUE}/historical/fills"
OLD_MARKETS, LIMITS = f"{p.VENUE}/historical/markets", f"{p.VENUE}/account/limits"
COSTS = f"{p.VENUE}/account/endpoint_costs"
CUTOFFS = {"trades_created_ts": "2026-08-20T00:00:00Z", "market_settled_ts": "2026-08-20T00:00:00Z"}


def page(*rows: dict[str, Any], cursor: str | None = "") -> dict[str, Any]:
    return {"cursor": cursor, "fills": list(rows)}


def at(number: int, time: str, **changes: Any) -> dict[str, Any]:
    return p.fill(number, created_time=f"2026-11-20T{time}Z", **changes)


async def slices(
    answers: dict[str, Any], part: str = "fills", bottom: datetime | None = None, place: str = ""
) -> tuple[list[Slice], Upstream]:
    """Return all slices of a part from canned answers, and what was asked."""
    upstream = Upstream(answers)
    source = kalshi(upstream)
    try:
        return [each async for each in source.history.slices(part, bottom, place)], upstream
    finally:
        await source.aclose()


# Slices.


async def test_a_page_is_a_slice_and_its_place_is_its_oldest_row() -> None:
    """Each can be kept by itself; the last one says so."""
    pages = [page(at(3, "12:00:00.5"), at(2, "11:00:00"), cursor="a"), page(at(1, "10:00:00"))]
    found, upstream = await slices({p.FILLS: Turns(pages)})
    assert [[record.key for record in each.records] for each in found] == [["f-0003", "f-0002"], ["f-0001"]]
    assert [each.place for each in found] == ["2026-11-20T11:00:00+00:00", "2026-11-20T10:00:00+00:00"]
    assert [each.done for each in found] == [False, True]
    assert [query.get("cursor") for query in upstream.asked(p.FILLS)] == [None, "a"]
    assert all(len(each.answers) == 1 for each in found)


async def test_going_on_asks_for_the_whole_second_of_the_place_again() -> None:
    """Many fills share a second, even a microsecond: the place itself may lie in the middle of them."""
    place = "2026-11-20T11:00:00.250000+00:00"
    same = [at(number, "11:00:00.25") for number in (1, 2)]
    found, upstream = await slices({p.FILLS: page(at(3, "11:00:00.7"), *same)}, place=place)
    [query] = upstream.asked(p.FILLS)
    assert query["max_ts"] == str(int(datetime(2026, 11, 20, 11, 0, 1, tzinfo=UTC).timestamp()))
    assert found[0].place == place


async def test_the_bottom_is_asked_for_in_whole_seconds_outwards() -> None:
    """No document says whether a bound counts."""
    bottom = datetime(2026, 11, 1, 0, 0, 0, 900_000, UTC)
    _, upstream = await slices({p.FILLS: page()}, bottom=bottom)
    assert upstream.asked(p.FILLS)[0]["min_ts"] == str(int(bottom.timestamp()))


async def test_a_list_out_of_order_keeps_its_last_sure_place() -> None:
    """What comes after may belong before, so going on from the oldest row could skip something."""
    pages = [page(at(5, "12:00:00"), cursor="a"), page(at(2, "09:00:00"), at(4, "11:00:00"), cursor="b"),
             page(at(1, "08:00:00"))]  # fmt: skip
    found, _ = await slices({p.FILLS: Turns(pages)})
    assert {each.place for each in found} == {"2026-11-20T12:00:00+00:00"}
    assert sum(len(each.records) for each in found) == 4


async def test_rows_that_shift_between_pages_may_repeat() -> None:
    """The store counts them once, by their id."""
    pages = [page(at(3, "12:00:00"), at(2, "11:00:00"), cursor="a"),
             page(at(2, "11:00:00"), at(1, "10:00:00"))]  # fmt: skip
    found, _ = await slices({p.FILLS: Turns(pages)})
    assert [record.key for each in found for record in each.records].count("f-0002") == 2


@pytest.mark.parametrize(
    ("pages", "field"),
    [
        ([page(at(3, "12:00:00"), cursor="a"), page(at(2, "11:00:00"), cursor="a")], "cursor"),
        ([{"fills": []}], "cursor"),
        ([{"cursor": "", "fills": None}], "fills"),
    ],
)
async def test_a_broken_list_is_refused(pages: list[Any], field: str) -> None:
    """The past is read as strictly as the present; what was kept before stays kept."""
    with pytest.raises(SourceMalformed) as caught:
        await slices({p.FILLS: Turns(pages)})
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("rows", "field"),
    [
        ([p.fill(1), p.fill(1, count_fp="11.00")], "fills"),
        ([p.fill(1, fee_cost=1)], "fills.fee_cost"),
        ([None], "fills"),
    ],
)
async def test_an_odd_row_of_the_past_stands_aside_alone(rows: list[Any], field: str) -> None:
    """The slice has all others, and the odd one as it came."""
    found, _ = await slices({p.FILLS: Turns([page(*rows, p.fill(2))])})
    assert [record.key for each in found for record in each.records] == ["f-0002"]
    [aside] = [aside for each in found for aside in each.aside]
    assert aside.field == field
    assert json.loads(aside.row) == (rows if len(rows) > 1 else rows[0])


async def test_an_archive_this_key_may_not_read_is_missed_and_not_empty() -> None:
    """An empty archive is the end of the past; a closed one is a hole in it."""
    for answer, missed in ((httpx.Response(403, json={}), 1), (page(), 0)):
        found, _ = await slices({ARCHIVE: answer}, "archived fills")
        assert [(each.missed, each.done) for each in found] == [(missed, True)]
    with pytest.raises(SourceRejected):
        await slices({p.FILLS: httpx.Response(403, json={})})


async def test_a_page_that_fails_leaves_nobody_waiting() -> None:
    """The next page is under way while one is kept; leaving early ends it."""
    started = asyncio.Event()

    async def never(request: httpx.Request) -> Any:
        started.set()
        await asyncio.sleep(3600)

    source = kalshi(Upstream({p.FILLS: Turns([page(at(1, "12:00:00"), cursor="a"), never])}))
    walk = source.history.slices("fills", None, "")
    await anext(walk)
    await started.wait()
    await asyncio.wait_for(walk.aclose(), 1)
    await source.aclose()


async def test_every_subaccount_has_its_settlements_and_its_archive() -> None:
    """Rows of settlements do not say whose they are; the archive may answer for the primary one only."""
    upstream = Upstream({
        p.SUBACCOUNTS: {"subaccount_balances": [{"subaccount_number": n} for n in (7, 0)]},
        p.SETTLEMENTS: {"cursor": "", "settlements": [p.SETTLEMENT]},
        ARCHIVE: page(p.fill(1, subaccount_number=7)),
    })  # fmt: skip
    history = kalshi(upstream).history
    parts = await history.parts()
    assert parts == ("deposits", "withdrawals", "fills", "archived fills", "archived fills/7",
                     "settlements/0", "settlements/7")  # fmt: skip
    [seven] = [each async for each in history.slices("settlements/7", None, "")]
    [row] = seven.records
    assert isinstance(row, Settlement)
    assert (row.subaccount, row.origin) == (7, "row")
    [archived] = [each async for each in history.slices("archived fills/7", None, "")]
    assert archived.redundant
    assert upstream.asked(ARCHIVE)[0]["subaccount"] == "7"


async def test_movements_are_read_like_everything_else() -> None:
    """However they stand: a later reading may find that one has changed."""
    rows = {"cursor": "", "deposits": [p.movement(1), p.movement(2, status="pending")]}
    [found], _ = await slices({p.DEPOSITS: rows}, "deposits")
    assert [record.status for record in found.records if isinstance(record, Transfer)] == [
        "applied",
        "pending",
    ]
    [none], _ = await slices({p.DEPOSITS: httpx.Response(404, text="no")}, "deposits")
    assert none.done


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (CUTOFFS, datetime(2026, 8, 20, tzinfo=UTC)),
        (CUTOFFS | {"market_positions_last_updated_ts": "2026-10-20T00:00:00Z"},
         datetime(2026, 10, 20, tzinfo=UTC)),
        (httpx.Response(404, text="no"), None),
    ],
)  # fmt: skip
async def test_the_cutoff_is_the_newest_of_all(answer: Any, expected: datetime | None) -> None:
    """Settlement rows leave with the positions, earlier than fills and markets."""
    assert await kalshi(Upstream({CUTOFF: answer})).history.cutoff() == expected


# Endings.


def ended(ticker: str, **changes: Any) -> dict[str, Any]:
    return p.MARKET | {
        "ticker": ticker, "status": "finalized", "result": "yes", "settlement_value_dollars": "1.0000",
        "settlement_ts": "2026-11-20T22:10:38Z",
    } | changes  # fmt: skip


async def test_an_ending_comes_from_the_archive_or_from_the_live_list() -> None:
    """A market that has a result but did not pay yet has not ended; one in neither list is unknown."""
    scalar = ended("B", result="scalar", settlement_value_dollars="0.3333")
    upstream = Upstream({
        OLD_MARKETS: {"cursor": "", "markets": [ended("A"), scalar, ended("STRANGER")]},
        p.MARKETS: {"cursor": "", "markets": [ended("C", status="determined"), ended("D", result="no",
                                              settlement_value_dollars=None)]},
    })  # fmt: skip
    found = await kalshi(upstream).history.resolutions(["A", "B", "C", "D", "E"])
    assert {ticker: each.value for ticker, each in found.ended.items()} == {"A": 1, "B": D("0.3333"), "D": 0}
    assert found.unknown == {"E"}
    assert upstream.asked(p.MARKETS)[0]["tickers"] == "C,D,E"


async def test_a_void_market_has_no_value() -> None:
    """Nobody says what it paid, and nothing is made up here."""
    row = ended("A", result="", settlement_value_dollars=None, settlement_ts=None)
    found = await kalshi(Upstream({OLD_MARKETS: {"cursor": "", "markets": [row]}})).history.resolutions(["A"])
    assert (found.ended["A"].value, found.ended["A"].at) == (None, datetime(2026, 11, 1, 9, tzinfo=UTC))


# The request budget.


def test_the_smallest_tier_is_assumed_until_the_venue_says_more() -> None:
    """And a share of it is not ours."""
    assert TokenBucket().available == limits.BASIC_CAPACITY * limits.OUR_SHARE


async def test_limits_and_prices_are_read_once_an_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tier may change; a path with a placeholder is matched whatever stands there."""
    upstream = Upstream(p.answers("kalshi") | {
        LIMITS: {"read": {"refill_rate": 1000, "bucket_capacity": 1000}},
        COSTS: {"default_cost": 7, "endpoint_costs": [
            {"method": "GET", "path": "/trade-api/v2/portfolio/orders/:id", "cost": 2}]},
    })  # fmt: skip
    source = kalshi(upstream)
    await source.history.parts()
    assert source.allowance.available == pytest.approx(750, abs=40)
    assert source.allowance.cost("GET", "/portfolio/orders/abc") == 2
    assert source.allowance.cost("GET", "/portfolio/orders/abc/queue") == 7
    await source.history.parts()
    assert len(upstream.asked(LIMITS)) == 1
    monkeypatch.setattr(limits, "REREAD_AFTER", 0.0)
    await source.history.parts()
    assert len(upstream.asked(LIMITS)) == 2


@pytest.mark.parametrize("answer", [httpx.Response(403, json={}), httpx.Response(500), {"read": {}}, b"no"])
async def test_limits_that_cannot_be_read_stay_as_they_were(answer: Any) -> None:
    """They are a courtesy: no figure waits for them."""
    source = kalshi(Upstream(p.answers("kalshi") | {LIMITS: answer}))
    await source.history.parts()
    assert source.allowance.cost("GET", "/markets") == limits.BASIC_COST


async def test_a_burst_never_meets_the_venues_own_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """We wait before the simulator's bucket is empty: no answer is a 429."""
    spend, left = limits.TokenBucket.spend, []

    async def noted(bucket: TokenBucket, method: str, path: str) -> None:
        await spend(bucket, method, path)
        left.append(bucket.available)

    monkeypatch.setattr(limits.TokenBucket, "spend", noted)
    world = World(SettableClock(NOW))
    with serve_in_thread(world, folder=tmp_path) as simulator:
        settings = simulator.environment(ed25519=True)
        outcomes: list[str] = []

        class Counter:
            def retried(self, source: str, reason: str) -> None:
                outcomes.append(reason)

            def waited(self, source: str, seconds: float) -> None: ...

            def finished(self, source: str, outcome: str) -> None:
                outcomes.append(outcome)

        source = Kalshi(
            settings["KALSHI_API_KEY"], text_of(settings["KALSHI_PRIVATE_KEY_PATH"]),
            base_url=settings["KALSHI_BASE_URL"], clock=lambda: NOW, observer=Counter(),
        )  # fmt: skip
        await source.history.parts()
        await asyncio.gather(*(source.client.get("/portfolio/balance") for _ in range(75)))
        await source.aclose()
    assert set(outcomes) == {"ok"}
    assert min(left) < 100


# What a refusal says.


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({"error": {"code": "unauthorized", "message": "no", "details": "INCORRECT_API_KEY_SIGNATURE"}},
         "INCORRECT_API_KEY_SIGNATURE"),
        ({"code": "insufficient_scope", "message": "no"}, "insufficient_scope"),
        ({"error": {"code": "not_found", "message": "not found"}}, "not_found"),
    ],
)  # fmt: skip
async def test_a_refusal_repeats_the_venues_code_word(body: dict[str, Any], word: str) -> None:
    """Flat or nested, a bare word is worth more than a status."""
    with pytest.raises(SourceRejected) as caught:
        await kalshi(Upstream({p.BALANCE: httpx.Response(401, json=body)})).client.get("/portfolio/balance")
    assert f"(HTTP 401, {word})" in str(caught.value)


@pytest.mark.parametrize(
    "body",
    [{"error": "too many requests"}, {"error": {"message": "key abc of you"}}, {"code": "a b c"}, [], 1],
)
async def test_prose_is_never_repeated(body: Any) -> None:
    """It may quote what was sent."""
    with pytest.raises((SourceRejected, SourceUnavailable)) as caught:
        await kalshi(Upstream({p.BALANCE: httpx.Response(401, json=body)})).client.get("/portfolio/balance")
    assert "(HTTP 401)" in str(caught.value)


async def test_a_fill_of_the_archive_is_a_fill() -> None:
    """The archive's rows have the same shape."""
    [found], _ = await slices({ARCHIVE: page(p.fill(8))}, "archived fills")
    assert [type(record) for record in found.records] == [Fill]
