"""Kalshi: directions, units, subaccounts, history, marks."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from exporter.errors import SourceMalformed, SourceRejected
from exporter.records import Balance, Fill, Mark, Settlement, Transfer, VenuePosition
from exporter.simulator import examples
from exporter.simulator.server import serve_in_thread
from exporter.sources.contract import Reading, Window
from exporter.sources.kalshi.account import Kalshi
from tests.sources import payloads as p
from tests.sources.canned import KEY_ID, NOW, WINDOW, Turns, Upstream, kalshi, read, text_of

D = Decimal


def only(reading: Reading, kind: type[Any]) -> list[Any]:
    """Return the records and observations of one kind."""
    return [item for item in (*reading.records, *reading.observations) if isinstance(item, kind)]


async def account(**changed: Any) -> Reading:
    """Read the usual account; `changed` gives other answers by the name of their path in payloads."""
    return await read("kalshi", p.answers("kalshi") | {getattr(p, name): a for name, a in changed.items()})


# Records.


@pytest.mark.anyio
async def test_a_fill_buys_the_side_of_its_outcome() -> None:
    """A sale of YES is a purchase of NO at one minus the price; the older pair of fields is not read."""
    fills = only(await account(), Fill)
    assert fills[1] == Fill(
        source="kalshi",
        fill_id="f-0002", ticker=p.OPEN, subaccount=0, side="no", count=D("4.00"), price=D("0.4500"),
        fee=D("0.069300"), at=datetime(2026, 11, 21, 15, 4, 5, 123400, UTC), order_id="o-0002",
    )  # fmt: skip
    assert (fills[0].side, fills[0].price) == ("yes", D("0.4000"))


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"book_side": "ask"}, "fills.book_side"),
        ({"outcome_side": "no"}, "fills.book_side"),
        ({"no_price_dollars": "0.6001"}, "fills.no_price_dollars"),
        ({"created_time": None, "ts": None}, "fills.created_time"),
    ],
)
async def test_a_fill_that_contradicts_itself_is_set_aside(change: dict[str, Any], field: str) -> None:
    """Two fields that must agree and do not: either could be wrong, so it is not booked; the others are."""
    reading = await account(FILLS={"cursor": "", "fills": [p.fill(1, **change), p.fill(2)]})
    assert [each.fill_id for each in only(reading, Fill)] == ["f-0002"]
    [aside] = reading.aside
    assert (aside.listed, aside.key, aside.field, aside.scope) == ("fills", "f-0001", field, p.OPEN)
    assert aside.record == "fill/f-0001"


@pytest.mark.anyio
async def test_a_fill_without_time_of_creation_has_its_second() -> None:
    """The exact time is documented as optional; the older field knows the second."""
    [fill] = only(await account(FILLS={"cursor": "", "fills": [p.fill(1, created_time=None)]}), Fill)
    assert fill.at == datetime(2026, 11, 20, 14, 0, tzinfo=UTC)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("text", "microsecond"),
    [("2026-11-20T14:00:00Z", 0), ("2026-11-20T14:00:00.5Z", 500_000),
     ("2026-11-20T14:00:00.56687Z", 566_870), ("2026-11-20T14:00:00.000001Z", 1)],
)  # fmt: skip
async def test_times_have_up_to_six_digits(text: str, microsecond: int) -> None:
    """The venue drops trailing zeros of a second's fraction."""
    [fill] = only(await account(FILLS={"cursor": "", "fills": [p.fill(1, created_time=text)]}), Fill)
    assert fill.at == datetime(2026, 11, 20, 14, 0, 0, microsecond, UTC)


@pytest.mark.anyio
async def test_two_fills_of_one_id_are_set_aside_together() -> None:
    """A row may repeat as pages shift, but it must be the same row: which of two is right nobody knows."""
    rows = [p.fill(1), p.fill(1, count_fp="11.00"), p.fill(2), p.fill(2)]
    reading = await account(FILLS={"cursor": "", "fills": rows})
    assert [each.fill_id for each in only(reading, Fill)] == ["f-0002"]
    [aside] = reading.aside
    assert (aside.key, aside.what) == ("f-0001", "has two different rows")
    assert json.loads(aside.row) == rows[:2]


@pytest.mark.anyio
async def test_a_position_that_cannot_be_read_has_a_mark_all_the_same() -> None:
    """The market is known by the row's ticker, and what we hold there has to be valued."""
    reading = await account(POSITIONS={"market_positions": [p.POSITION | {"position_fp": 6}]})
    assert [(each.listed, each.components) for each in reading.aside] == [("positions", ())]
    assert [mark.ticker for mark in only(reading, Mark)] == [p.OPEN]
    assert not only(reading, VenuePosition)


@pytest.mark.anyio
async def test_a_settlement_pays_cents_and_costs_dollars() -> None:
    """`revenue` is cents and becomes dollars; costs are dollars already and stay gross."""
    [settlement] = only(await account(), Settlement)
    assert settlement == Settlement(
        source="kalshi",
        ticker=p.SETTLED, subaccount=0, result="no", yes_count=D("3.00"), yes_cost=D("0.900000"),
        no_count=D("8.00"), no_cost=D("4.800000"), payout=D("5.00"), value=D("0.00"), fee=D("0.178500"),
        at=datetime(2026, 11, 20, 22, 10, 38, 438571, UTC),
    )  # fmt: skip


@pytest.mark.anyio
@pytest.mark.parametrize("result", ["", "void", "scalar", "something new"])
async def test_an_unknown_result_is_kept(result: str) -> None:
    """The payout says what happened; the word is for people."""
    row = p.SETTLEMENT | {"market_result": result, "value": None}
    [settlement] = only(await account(SETTLEMENTS={"cursor": "", "settlements": [row]}), Settlement)
    assert (settlement.result, settlement.value) == (result, None)


@pytest.mark.anyio
async def test_movements_of_cash_are_kept_with_their_status() -> None:
    """Also money under way, refused or returned; withdrawals are negative, their fee is not."""
    statuses = ("applied", "pending", "failed", "returned")
    deposits = [p.movement(n, status=s) for n, s in enumerate(statuses)]
    reading = await account(DEPOSITS={"deposits": deposits}, INSTANCE_TRANSFERS={"transfers": []})
    *came, left = only(reading, Transfer)
    assert [each.status for each in came] == list(statuses)
    applied = came[0]
    assert (applied.amount, applied.fee) == (D("100.00"), D(0))
    assert applied.at == datetime.fromtimestamp(1793260000, UTC)
    assert (left.amount, left.fee, left.status) == (D("-25.00"), D("2.00"), "applied")
    assert len({each.key for each in (*came, left)}) == 5


@pytest.mark.anyio
async def test_cash_that_crosses_to_another_instance_leaves_the_account() -> None:
    """And comes back; between shards it stays inside, whatever word its status is."""
    rows = [
        p.instance_transfer(1),
        p.instance_transfer(
            2, source="margined", destination="event_contract", amount="2.25", status="pending"
        ),
        p.instance_transfer(3, destination="event_contract", status="a new word"),
    ]
    reading = await account(INSTANCE_TRANSFERS={"transfers": rows})
    *_, left, back = only(reading, Transfer)
    assert (left.amount, back.amount, left.fee) == (D("-7.50"), D("2.25"), D(0))
    assert (left.status, back.status) == ("applied", "pending")
    odd = await account(INSTANCE_TRANSFERS={"transfers": [p.instance_transfer(1, status="a new word")]})
    assert [each.field for each in odd.aside] == ["transfers.status"]


@pytest.mark.anyio
async def test_movements_this_key_may_not_see_are_none() -> None:
    """Deposits are only for the cash check; an account without the right to see them is still read."""
    reading = await account(
        DEPOSITS=httpx.Response(403, json={}),
        WITHDRAWALS=httpx.Response(404, text="no"),
        INSTANCE_TRANSFERS=httpx.Response(403, json={}),
    )
    assert only(reading, Transfer) == []
    assert only(reading, Fill)


@pytest.mark.anyio
async def test_the_venues_own_view_is_kept_to_compare() -> None:
    """Balance and positions are what the venue says, with the time it speaks of."""
    reading = await account()
    assert only(reading, Balance) == [
        Balance(
            source="kalshi",
            subaccount=0, cash=D("100.0842"), portfolio_value=D("3.48"),
            at=datetime.fromtimestamp(1795305540, UTC),
        )
    ]  # fmt: skip
    assert only(reading, VenuePosition) == [
        VenuePosition(
            source="kalshi",
            ticker=p.OPEN, subaccount=0, position=D("6.00"), exposure=D("2.400000"), realised=D("0.600000"),
            fees=D("0.237300"), at=datetime(2026, 11, 21, 15, 4, 5, 123400, UTC),
        )
    ]  # fmt: skip


@pytest.mark.anyio
async def test_every_subaccount_is_walked() -> None:
    """Rows of settlements, balance and positions do not say whose they are: each is asked for by number."""

    def mine(rows: str, row: dict[str, Any]) -> Any:
        def answer(request: httpx.Request) -> dict[str, Any]:
            return {rows: [row] if request.url.params["subaccount"] == "7" else []}

        return answer

    upstream = Upstream(p.answers("kalshi") | {
        p.SUBACCOUNTS: {"subaccount_balances": [{"subaccount_number": n} for n in (7, 0, 7)]},
        p.SETTLEMENTS: mine("settlements", p.SETTLEMENT),
        p.POSITIONS: mine("market_positions", p.POSITION),
        p.FILLS: {
            "cursor": None, "fills": [p.fill(1, subaccount_number=7), p.fill(2, subaccount_number=None)],
        },
    })  # fmt: skip
    reading = await kalshi(upstream).fetch(WINDOW)
    assert [settlement.scope for settlement in only(reading, Settlement)] == [f"{p.SETTLED}#7"]
    assert [position.subaccount for position in only(reading, VenuePosition)] == [7]
    assert [balance.subaccount for balance in only(reading, Balance)] == [0, 7]
    assert [fill.subaccount for fill in only(reading, Fill)] == [7, 0]
    assert "subaccount" not in upstream.asked(p.FILLS)[0]


@pytest.mark.anyio
@pytest.mark.parametrize(
    "answer", [httpx.Response(403, json={}), httpx.Response(404, text="no"), {"subaccount_balances": []}]
)
async def test_an_account_without_subaccounts_is_its_primary_one(answer: Any) -> None:
    """Most accounts have no subaccounts and are told so with an error."""
    upstream = Upstream(p.answers("kalshi") | {p.SUBACCOUNTS: answer})
    source = kalshi(upstream)
    await source.fetch(WINDOW)
    assert {query["subaccount"] for query in upstream.asked(p.BALANCE)} == {"0"}
    asked = len(upstream.asked(p.BALANCE))
    await source.fetch(WINDOW)
    assert len(upstream.asked(p.BALANCE)) == asked + 1  # it is asked once only whether the primary is open
    assert source.client.breaker_state == "closed"


@pytest.mark.anyio
async def test_a_refused_key_is_not_an_account_without_subaccounts() -> None:
    """A 401 is about the key, wherever it comes."""
    with pytest.raises(SourceRejected):
        await account(SUBACCOUNTS=httpx.Response(401, json={}))


@pytest.mark.anyio
async def test_the_window_is_asked_for_from_a_whole_second_on_and_without_an_end() -> None:
    """Nothing at its edge is lost, nor what is ahead of our clock."""
    upstream = Upstream(p.answers("kalshi"))
    start, end = NOW - timedelta(seconds=9.5), NOW + timedelta(seconds=0.5)
    await kalshi(upstream).fetch(Window(start, end))
    for path in (p.FILLS, p.SETTLEMENTS):
        [query] = upstream.asked(path)
        assert (query["min_ts"], query["limit"]) == ("1795348790", "1000")
        assert "max_ts" not in query


@pytest.mark.anyio
async def test_a_full_page_without_cursor_is_refused() -> None:
    """Where the cursor may be left out, a full page without one looks like a cursor with a new name."""
    rows = [p.SETTLEMENT | {"ticker": f"T-{number}"} for number in range(1000)]
    with pytest.raises(SourceMalformed) as caught:
        await account(SETTLEMENTS={"settlements": rows, "next": "more"})
    assert caught.value.field == "cursor"


@pytest.mark.anyio
async def test_all_pages_are_read() -> None:
    """A short page is no last page; the cursor says what is."""
    pages = [
        {"cursor": "a", "fills": [p.fill(1)]},
        {"cursor": "b", "fills": []},
        {"cursor": "", "fills": [p.fill(2)]},
    ]
    upstream = Upstream(p.answers("kalshi") | {p.FILLS: Turns(pages)})
    reading = await kalshi(upstream).fetch(WINDOW)
    assert [fill.fill_id for fill in only(reading, Fill)] == ["f-0001", "f-0002"]
    assert [query.get("cursor") for query in upstream.asked(p.FILLS)] == [None, "a", "b"]


# Marks.


@pytest.mark.anyio
async def test_a_mark_is_what_is_quoted_now() -> None:
    """Prices are YES dollars at the window's end."""
    [mark] = only(await account(), Mark)
    assert mark == Mark(
        source="kalshi",
        ticker=p.OPEN, at=NOW,
        yes_bid=D("0.5800"), yes_ask=D("0.6000"), last=D("0.5900"), settled_value=D("0.5000"),
    )  # fmt: skip


@pytest.mark.anyio
@pytest.mark.parametrize(
    "empty",
    [
        {"yes_ask_dollars": "1.0000", "yes_ask_size_fp": "0.00"},
        {"yes_ask_dollars": "0.0000", "yes_ask_size_fp": "0.00"},
        {"yes_ask_dollars": "0.6000", "yes_ask_size_fp": "0.00"},
        {"yes_ask_dollars": "1.0000", "yes_ask_size_fp": "5.00"},
        {"yes_ask_dollars": "0.0000", "yes_ask_size_fp": "5.00"},
    ],
)
async def test_an_empty_side_has_no_price(empty: dict[str, str]) -> None:
    """Nobody stands behind a boundary price or one of size zero: it is no price, not 0 or 1."""
    row = p.MARKET | empty | {"last_price_dollars": "0.0000", "settlement_value_dollars": None}
    [mark] = only(await account(MARKETS={"cursor": "", "markets": [row]}), Mark)
    assert (mark.yes_bid, mark.yes_ask, mark.last, mark.settled_value) == (D("0.5800"), None, None, None)


@pytest.mark.anyio
async def test_a_market_that_is_left_out_has_no_mark() -> None:
    """Unknown tickers are missing from the answer without a word; others in it were not asked for."""
    stranger = p.MARKET | {"ticker": "KXOTHER"}
    reading = await account(MARKETS={"cursor": "", "markets": [stranger]})
    assert only(reading, Mark) == []


@pytest.mark.anyio
async def test_marks_are_asked_for_in_chunks_and_only_for_what_is_open() -> None:
    """A flat market needs no mark; a URL holds a hundred tickers."""
    rows = [p.POSITION | {"ticker": f"T{n:03d}", "position_fp": "-1.00" if n else "0.00"} for n in range(202)]
    upstream = Upstream(p.answers("kalshi") | {p.POSITIONS: {"cursor": "", "market_positions": rows}})
    await kalshi(upstream).fetch(WINDOW)
    asked = [query["tickers"].split(",") for query in upstream.asked(p.MARKETS)]
    assert [len(tickers) for tickers in asked] == [100, 100, 1]
    assert asked[0][0] == "T001"


@pytest.mark.anyio
async def test_nothing_open_asks_for_no_market() -> None:
    """Without a position there is nothing to mark."""
    upstream = Upstream(p.answers("kalshi") | {p.POSITIONS: {"cursor": "", "market_positions": []}})
    await kalshi(upstream).fetch(WINDOW)
    assert upstream.asked(p.MARKETS) == []


# The key's rights.


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("answer", "trades"),
    [
        ({"api_keys": [{"api_key_id": KEY_ID, "scopes": ["read", "write"]}]}, True),
        ({"api_keys": [{"api_key_id": KEY_ID, "scopes": ["read", "write::trade"]}]}, True),
        ({"api_keys": [{"api_key_id": KEY_ID, "scopes": ["read"]}]}, False),
        ({"api_keys": [{"api_key_id": "another", "scopes": ["write"]}]}, False),
        ({"api_keys": [{"api_key_id": KEY_ID}]}, False),
        (httpx.Response(403, json={}), False),
        ({"something": "else"}, False),
    ],
)
async def test_the_probe_warns_of_a_key_that_can_trade(answer: Any, trades: bool) -> None:
    """Reading needs no right to trade; not knowing the rights is no failure."""
    sentence = await kalshi(Upstream(p.answers("kalshi") | {p.API_KEYS: answer})).probe()
    assert sentence.startswith("Kalshi answers: cash 100.0842 USD.")
    assert ("trade" in sentence) == trades


# Against the simulator.


@pytest.mark.anyio
@pytest.mark.parametrize("ed25519", [False, True])
async def test_the_reference_account_is_read_from_a_server(ed25519: bool, tmp_path: Path) -> None:
    """Signed, paged and compressed for real: the worked account comes out to the last digit."""
    with serve_in_thread(examples.reference_account(), folder=tmp_path) as simulator:
        settings = simulator.environment(ed25519=ed25519)
        source = Kalshi(
            settings["KALSHI_API_KEY"], text_of(settings["KALSHI_PRIVATE_KEY_PATH"]),
            base_url=settings["KALSHI_BASE_URL"], clock=lambda: examples.NOW,
        )  # fmt: skip
        reading = await source.fetch(Window(None, examples.NOW))
        await source.aclose()
    assert sum(fill.fee for fill in only(reading, Fill)) == D("0.4158")
    assert [balance.cash for balance in only(reading, Balance)] == [D("100.0842")]
    [settlement] = only(reading, Settlement)
    assert (settlement.payout, settlement.yes_cost, settlement.no_cost) == (D("5.00"), D("0.9"), D("4.8"))
    [position] = [position for position in only(reading, VenuePosition) if position.position]
    assert (position.position, position.exposure) == (D("6.00"), D("2.4"))
    assert [mark.yes_bid for mark in only(reading, Mark)] == [D("0.5800")]
    assert reading.skew == timedelta(0)


@pytest.mark.anyio
async def test_real_settlements_are_read_to_the_last_digit() -> None:
    """The check vectors come from real settlements; gross and fee of each follow from the record."""
    rows = examples.check_vector_rows()
    settlements = only(await account(SETTLEMENTS={"cursor": "", "settlements": rows}), Settlement)
    for settlement, vector in zip(settlements, examples.CHECK_VECTORS, strict=True):
        pairs = min(settlement.yes_count, settlement.no_count)
        gross = settlement.payout + pairs - settlement.yes_cost - settlement.no_cost
        assert (gross, gross - settlement.fee) == (D(vector[8]), D(vector[9]))
