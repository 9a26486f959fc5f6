"""Fills and settlements of one market: average cost, pairs, and the real rows of the fact sheet."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.ledger.trading.positions import ONE, Book, replay
from exporter.money import ZERO
from exporter.records import Fill, Settlement, Side
from tests.builders import NOW, Books, fill, settlement

VECTORS = [
    ("132.00 / 47.520000", "132.00 / 10.560000", "yes", "0", "2.8090", "73.92", "71.1110"),
    ("5.00 / 4.490000", "5.00 / 0.550000", "yes", "0", "0.066400", "-0.04", "-0.106400"),
    ("1.00 / 0.720000", "3.00 / 1.980000", "no", "2.00", "0.061000", "0.30", "0.239000"),
    ("16.00 / 13.840000", "6.00 / 2.340000", "yes", "10.00", "0.210300", "-0.18", "-0.390300"),
    ("5.68 / 4.941600", "5.00 / 0.450000", "yes", "0.68", "0.073700", "0.2884", "0.214700"),
    ("1.00 / 0.230000", "1.97 / 1.359300", "no", "0.97", "0.041900", "0.3807", "0.338800"),
    ("0.00 / 0", "25.00 / 21.000000", "yes", "0", "0.216700", "-21.00", "-21.216700"),
    ("198.00 / 98.830000", "0.00 / 0", "no", "0", "3.070000", "-98.83", "-101.900000"),
    ("0.00 / 0", "0.00 / 0", "yes", "0", "0.000000", "0", "0"),
]
"""Settlement rows of real accounts with the result worked out by hand (facts, Kalshi, section 10)."""


@pytest.mark.parametrize(("yes", "no", "result", "payout", "fee", "gross", "net"), VECTORS)
def test_settlement_row_alone_gives_the_result_of_the_market(
    yes: str, no: str, result: str, payout: str, fee: str, gross: str, net: str
) -> None:
    """Where the venue no longer lists the fills, payout plus a dollar a pair minus cost is the result."""
    books = Books(settlement(yes, no, result, payout, fee=fee))
    assert books.usd("trading_realised") == Decimal(gross)
    assert books.usd("net") == Decimal(net)


@pytest.mark.parametrize(("yes", "no", "result", "payout", "fee", "gross", "net"), VECTORS)
def test_fills_then_settlement_give_the_same_as_the_row_alone(
    yes: str, no: str, result: str, payout: str, fee: str, gross: str, net: str
) -> None:
    """Fees and pairs are counted once, however the market's history reaches us."""
    row = settlement(yes, no, result, payout, fee=fee, at=NOW + timedelta(hours=1))
    fills = [*bought("yes", row.yes_count, row.yes_cost), *bought("no", row.no_count, row.no_cost)]
    if fills:
        fills[0] = replace(fills[0], fee=row.fee)
    books = Books(*fills, row)
    assert books.usd("trading_realised") == Decimal(gross)
    assert books.usd("net") == Decimal(net)


def bought(side: Side, count: Decimal, cost: Decimal) -> list[Fill]:
    """Return fills at prices of four decimals that add up to this count and cost."""
    if not count:
        return []
    first = (cost / count).quantize(Decimal("0.0001"))
    parts = (
        [(count, first)] if first * count == cost else [(count - 1, first), (ONE, cost - first * (count - 1))]
    )
    return [
        Fill(
            source="kalshi",
            fill_id=f"{side}-{index}",
            ticker="M",
            subaccount=0,
            side=side,
            count=part,
            price=price,
            fee=ZERO,
            at=NOW + timedelta(seconds=index),
        )
        for index, (part, price) in enumerate(parts)
    ]


def test_reference_account_is_exact() -> None:
    """The worked account of the fact sheet, both markets, to the last digit."""
    books = Books(
        fill("buy yes 10.00 @ 0.40 fee 0.168000 in T10", at=NOW - timedelta(days=2)),
        fill("buy no 4.00 @ 0.45 fee 0.069300 in T10", at=NOW - timedelta(days=1)),
        fill("buy no 8.00 @ 0.60 fee 0.134400 in T7", at=NOW - timedelta(days=1)),
        fill("buy yes 3.00 @ 0.30 fee 0.044100 in T7", at=NOW - timedelta(hours=20)),
        settlement("3.00 / 0.900000", "8.00 / 4.800000", "no", "5.00", fee="0.178500", ticker="T7"),
    )
    open_book = books.venue.portfolio.books["T10"]
    assert (open_book.position, open_book.cost) == (Decimal("6.00"), Decimal("2.400000"))
    assert open_book.realised == Decimal("0.600000")
    assert open_book.fees == Decimal("0.237300")
    assert books.venue.portfolio.books["T7"].realised == Decimal("2.30")
    assert books.usd("trading_realised") == Decimal("2.90")
    assert books.usd("trading_fees") == Decimal("-0.4158")


def test_fee_is_subtracted_once_across_opening_and_closing_fills() -> None:
    """The settlement row repeats the fills' fees; they are not taken twice."""
    books = Books(
        fill("buy yes 2 @ 0.50 fee 0.03"),
        fill("buy no 2 @ 0.40 fee 0.02", at=NOW + timedelta(seconds=1)),
        settlement("2 / 1.00", "2 / 0.80", "yes", "0", fee="0.05", at=NOW + timedelta(hours=1)),
    )
    assert books.usd("trading_fees") == Decimal("-0.05")


def test_all_zero_settlement_row_does_not_wipe_out_what_fills_say() -> None:
    """Such rows occur; the fills are the better witness, and the disagreement is said."""
    books = Books(
        fill("buy yes 10 @ 0.40"),
        settlement("0 / 0", "0 / 0", "yes", "0", at=NOW + timedelta(hours=1)),
    )
    assert books.usd("trading_realised") == Decimal("6.00")
    assert "0 YES" in next(iter(books.venue.portfolio.disagreeing.values()))


def test_settlement_that_does_not_say_what_it_paid_leaves_the_position_open() -> None:
    """A result we do not know books nothing: neither a win nor a loss."""
    books = Books(
        fill("buy yes 10 @ 0.40"),
        settlement("3 / 1", "0 / 0", "void", "0", at=NOW + timedelta(hours=1)),
    )
    assert books.usd("trading_realised") == 0
    assert books.venue.portfolio.books["M"].position == 10
    assert "does not say" in next(iter(books.venue.portfolio.disagreeing.values()))


def test_crossing_through_zero_closes_then_opens_the_other_side() -> None:
    """Three contracts closed, two opened, by one fill."""
    book = Book("M", "M")
    book.apply(fill("buy yes 3 @ 0.40"))
    book.apply(fill("buy no 5 @ 0.50", at=NOW + timedelta(seconds=1)))
    assert (book.position, book.cost, book.realised) == (Decimal(-2), Decimal("1.00"), Decimal("0.30"))


def test_rounding_of_shares_is_returned_by_the_last_contract() -> None:
    """A third of a cent stays in the open cost until the end; the sum is exact."""
    book = Book("M", "M")
    book.apply(fill("buy yes 1 @ 0.1"))
    book.apply(fill("buy yes 2 @ 0.2", at=NOW + timedelta(seconds=1)))
    for second in (2, 3, 4):
        book.apply(fill("buy no 1 @ 0.5", at=NOW + timedelta(seconds=second), fill_id=str(second)))
    assert (book.position, book.cost) == (0, 0)
    assert book.realised == Decimal("1.0")


counts = st.integers(1, 500).map(lambda cents: Decimal(cents) / 100)
prices = st.integers(1, 9999).map(lambda unit: Decimal(unit) / 10000)
fees = st.integers(0, 99999).map(lambda unit: Decimal(unit) / 1_000_000)


@st.composite
def markets(draw: st.DrawFn) -> tuple[list[Fill], Settlement]:
    """Draw the fills of one market and the settlement row that a venue would make of them."""
    number = draw(st.integers(1, 12))
    fills = [
        Fill(
            source="kalshi",
            fill_id=f"f-{index}",
            ticker="M",
            subaccount=0,
            side=draw(st.sampled_from(["yes", "no"])),
            count=draw(counts),
            price=draw(prices),
            fee=draw(fees),
            at=NOW + timedelta(seconds=draw(st.integers(0, 5))),
        )
        for index in range(number)
    ]
    gross = {
        side: (
            sum((f.count for f in fills if f.side == side), ZERO),
            sum((f.count * f.price for f in fills if f.side == side), ZERO),
        )
        for side in ("yes", "no")
    }
    value = draw(st.sampled_from([Decimal(0), Decimal(1), Decimal("0.5")]))
    net = gross["yes"][0] - gross["no"][0]
    return fills, Settlement(
        source="kalshi",
        ticker="M",
        subaccount=0,
        result="scalar",
        yes_count=gross["yes"][0],
        yes_cost=gross["yes"][1],
        no_count=gross["no"][0],
        no_cost=gross["no"][1],
        payout=max(net, ZERO) * value + max(-net, ZERO) * (1 - value),
        value=value,
        fee=sum((f.fee for f in fills), ZERO),
        at=NOW + timedelta(minutes=1),
    )


@given(markets())
def test_settled_result_is_payout_plus_pairs_minus_cost(market: tuple[list[Fill], Settlement]) -> None:
    """Whatever average cost did on the way, the market's sum is the gross rule's, exactly."""
    fills, row = market
    book, _ = replay("M", [*fills, row])
    pairs = min(row.yes_count, row.no_count)
    assert book.realised == row.payout + pairs - row.yes_cost - row.no_cost
    assert book.fees == row.fee
    assert (book.position, book.cost, book.doubt) == (0, 0, "")


@given(markets())
def test_venue_identity_holds_after_every_fill(market: tuple[list[Fill], Settlement]) -> None:
    """Pairs closed = realised + traded - exposure, as in every capture of a real account."""
    fills, _ = market
    book, _ = replay("M", fills)
    traded = book.yes_cost + book.no_cost
    assert min(book.yes_count, book.no_count) == book.realised + traded - book.cost
    assert book.position == book.yes_count - book.no_count


@given(markets(), st.randoms())
def test_order_of_arrival_does_not_matter(market: tuple[list[Fill], Settlement], random: object) -> None:
    """A late fill, or a settlement before its last fill, ends at the same figures."""
    fills, row = market
    straight = Books(*sorted(fills, key=lambda f: (f.at, f.fill_id)), row)
    shuffled = [*fills, row]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    books = Books()
    for record in shuffled:
        books.book(record)
    books.ledger.prove()
    for component in ("trading_realised", "trading_fees", "net"):
        assert books.usd(component) == straight.usd(component)
    assert books.balances == straight.balances
