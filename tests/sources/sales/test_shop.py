"""The sales API: refunds, changes while we read, and its own contract."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest

from exporter.errors import SourceMalformed, SourceRejected
from exporter.records import Refund, Sale
from exporter.simulator import keys
from exporter.simulator.clock import SettableClock
from exporter.simulator.examples import frozen
from exporter.simulator.server import serve_in_thread
from exporter.sources.contract import Window
from exporter.sources.sales.shop import Sales
from tests.sources import payloads as p
from tests.sources.canned import NOW, TOKEN, WINDOW, Turns, Upstream, read, sales

pytestmark = pytest.mark.anyio

D = Decimal
CHANGED = datetime(2026, 11, 21, 14, tzinfo=UTC)


async def shop(*rows: dict[str, Any]) -> list[Any]:
    """Return the records of a shop with these sales."""
    return list((await read("sales", {p.SALES: {"sales": list(rows), "next_cursor": None}})).records)


async def test_a_sale_carries_its_refunds() -> None:
    """Amounts are dollars and positive; a refund has the time it was given."""
    assert await shop(p.sale(1)) == [
        Sale(
            source="sales",
            sale_id="sale_1", at=datetime(2026, 11, 20, 10, 30, 0, 250_000, UTC),
            updated_at=CHANGED, status="paid", gross=D("19.00"), fee=D("0.85"),
            tax=D("0.00"), customer="customer-1", product="data export",
            refunds=(Refund(refund_id="refund_1", amount=D("9.50"), at=CHANGED),),
        )
    ]  # fmt: skip


@pytest.mark.parametrize("status", ["pending", "paid", "void"])
async def test_every_status_is_kept(status: str) -> None:
    """What counts as income is decided in the ledger."""
    [record] = await shop(p.sale(1, status=status))
    assert record.status == status


def refund(number: int, amount: str) -> dict[str, str]:
    return {"id": f"refund_{number}", "refunded_at": "2026-11-21T14:00:00Z", "amount": amount}


@pytest.mark.parametrize(
    "refunds", [[refund(1, "1.00"), refund(1, "1.00")], [refund(1, "1.00"), refund(1, "2.00")]]
)
async def test_a_sale_that_names_one_refund_twice_is_set_aside(refunds: list[dict[str, str]]) -> None:
    """It was given once, and nobody knows how much; the other sales are booked."""
    reading = await read(
        "sales", {p.SALES: {"sales": [p.sale(1, refunds=refunds), p.sale(2)], "next_cursor": None}}
    )
    assert [record.key for record in reading.records] == ["sale_2"]
    assert [(each.listed, each.key, each.field) for each in reading.aside] == [
        ("sales", "sale_1", "sales.refunds")
    ]


@pytest.mark.parametrize("amount", ["9.00", "9.01", "90.00"])
async def test_more_than_the_price_may_be_given_back(amount: str) -> None:
    """Most shops state a refund with its tax, and some give more back than they took."""
    [record] = await shop(p.sale(1, refunds=[refund(1, "10.00"), refund(2, amount)]))
    assert [given.amount for given in record.refunds] == [D("10.00"), D(amount)]


ODD_SALES = {
    "currency": "usd",
    "status": "disputed",
    "fee": "-1.00",
    "customer": None,
    "gross": "1.00000000000000000001",
    "refunds": [refund(1, "0.00")],
}


@pytest.mark.parametrize(("field", "value"), ODD_SALES.items())
async def test_an_odd_sale_stands_aside_alone(field: str, value: Any) -> None:
    """A hundred others do not wait for it: it is kept as it came, with its id, time and what is odd."""
    odd = p.sale(50, **{field: value})
    rows = [odd if number == 50 else p.sale(number) for number in range(100)]
    reading = await read("sales", {p.SALES: {"sales": rows, "next_cursor": None}})
    assert len(reading.records) == 99
    [aside] = reading.aside
    assert (aside.source, aside.listed, aside.key, aside.record) == (
        "sales", "sales", "sale_50", "sale/sale_50",
    )  # fmt: skip
    assert aside.field in (f"sales.{field}", "sales.refunds.amount")
    assert json.loads(aside.row) == odd
    assert (aside.at, aside.since) == (CHANGED, CHANGED)
    assert aside.components is None


async def test_a_sale_that_changes_while_we_read_counts_as_it_is_now() -> None:
    """The list goes by the last change, so a change moves a sale to a later page."""
    later = p.sale(1, updated_at="2026-11-22T11:59:59Z", gross="21.00")
    for rows in ([p.sale(1), later], [later, p.sale(1)]):
        [record] = await shop(*rows)
        assert record.gross == D("21.00")


async def test_of_two_truths_of_one_moment_the_later_one_counts() -> None:
    """One id, one time of change, two contents: the list is walked forwards, so the last is the newest."""
    [record] = await shop(p.sale(1), p.sale(1, gross="21.00"))
    assert record.gross == D("21.00")


@pytest.mark.parametrize(("ahead", "named"), [(61, True), (60, False), (-3600, False)])
async def test_a_change_ahead_of_the_shops_own_clock_is_named(ahead: int, named: bool) -> None:
    """Whatever our clock says: the shop contradicts itself. The sale counts all the same."""
    there = NOW - timedelta(days=2)
    changed = (there + timedelta(seconds=ahead)).strftime("%Y-%m-%dT%H:%M:%SZ")
    answer = httpx.Response(
        200,
        json={"sales": [p.sale(1, updated_at=changed)], "next_cursor": None},
        headers={"Date": there.strftime("%a, %d %b %Y %H:%M:%S GMT")},
    )
    reading = await sales(Upstream({p.SALES: answer})).fetch(WINDOW)
    assert len(reading.records) == 1
    assert [trouble.field for trouble in reading.troubles if isinstance(trouble, SourceMalformed)] == (
        ["sales.updated_at"] if named else []
    )


async def test_the_question_is_what_changed_since() -> None:
    """The token is a bearer token; paging keeps every other parameter."""
    pages = Turns([{"sales": [p.sale(1)], "next_cursor": "c2"}, {"sales": [p.sale(2)], "next_cursor": None}])
    upstream = Upstream({p.SALES: pages})
    reading = await sales(upstream).fetch(WINDOW)
    first, second = upstream.asked(p.SALES)
    assert first == {"updated_since": "2026-11-16T12:00:00.000000Z", "limit": "500"}
    assert second == first | {"cursor": "c2"}
    assert upstream.requests[0].headers["authorization"] == f"Bearer {TOKEN}"
    assert len(reading.records) == 2


async def test_from_the_beginning_asks_without_a_time() -> None:
    """No start, no filter."""
    upstream = Upstream(p.answers("sales"))
    await sales(upstream).fetch(Window(None, NOW))
    assert upstream.asked(p.SALES) == [{"limit": "500"}]


async def test_a_refused_token_is_explained() -> None:
    """One sentence that says what to check."""
    with pytest.raises(SourceRejected, match="check the token"):
        await read("sales", {p.SALES: httpx.Response(401, json={})})


async def test_a_shop_is_read_from_a_server() -> None:
    """More than a page of sales, with a refund and a correction, over a real connection."""
    world = frozen(NOW)
    for number in range(520):
        world.sales.sale("1.10", fee="0.05", at=NOW - timedelta(hours=2, seconds=number), id=f"s{number:03d}")
    world.sales.refund("s007", "0.60", at=NOW - timedelta(minutes=5))
    world.sales.change("s008", status="void", at=NOW - timedelta(minutes=4))
    with serve_in_thread(world) as simulator:
        source = Sales(simulator.url, keys.SALES_TOKEN, clock=SettableClock(NOW))
        whole = await source.fetch(Window(None, NOW))
        recent = await source.fetch(Window(NOW - timedelta(minutes=10), NOW, NOW))
        review = await source.fetch(Window(NOW - timedelta(minutes=10), NOW, NOW - timedelta(hours=1)))
        await source.aclose()
    assert len(whole.records) == len(review.records) == 520
    assert len(whole.answers) == 2
    changed = {record.key: record for record in recent.records if isinstance(record, Sale)}
    assert set(changed) == {"s007", "s008"}
    assert changed["s007"].refunds[0].amount == D("0.60")
    assert changed["s008"].status == "void"
