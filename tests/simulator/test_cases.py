"""Every accounting case, worked by hand, and the identities that hold whatever is traded."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.simulator import examples, oracle
from exporter.simulator.kalshi import cases
from exporter.simulator.kalshi.account import Account
from exporter.simulator.world import World
from tests.simulator.callers import Ask

Case = Callable[[Account], None]


def played(case: Case) -> World:
    """Return a world with one case in it."""
    world = examples.frozen()
    case(world.kalshi)
    return world


def only(world: World) -> dict[str, Any]:
    """Return the oracle's word on the one market there is."""
    (found,) = oracle.markets(world)
    return found


def balanced(world: World) -> None:
    """Check the identities that hold in every account at every moment."""
    for market in oracle.markets(world):
        for rule in ("average", "fifo"):
            realised, exposure = (Decimal(market[rule][name]) for name in ("realised", "exposure"))
            if not market["settled"]:
                assert Decimal(market["closed_pairs"]) == realised + Decimal(market["traded"]) - exposure
    report = oracle.report(world)
    flows = sum(map(Decimal, report["cash_flows"].values()), Decimal(0))
    for rule in ("trading", "fifo"):
        trading = report[rule]
        cost = sum((Decimal(p["cost"]) for p in trading["positions"]), Decimal(0))
        earned = Decimal(trading["realised"]) - Decimal(trading["fees"])
        assert Decimal(report["cash"]) == flows + earned - cost
    assert world.kalshi.earned == Decimal(report["trading"]["realised"]) - Decimal(report["trading"]["fees"])


@pytest.mark.parametrize("case", [*cases.CASES, cases.every_case], ids=lambda case: case.__name__)
def test_every_case_keeps_the_books(case: Case) -> None:
    """Pairs, realised, traded and exposure; cash, flows, realised, fees and cost."""
    balanced(played(case))


def test_lot_rules_disagree_only_while_something_is_partly_closed() -> None:
    """Thirteen of twenty YES sold for 6.80: 8.00 x 13/20 by average, 2.00 and 1.80 first in first out."""
    world = played(cases.partial_exits)
    market = only(world)
    assert market["average"] == {"realised": "1.00", "exposure": "2.80"}
    assert market["fifo"] == {"realised": "2.40", "exposure": "4.20"}
    world.kalshi.settle("KXPARTS-1-A", "yes")
    assert only(world)["average"] == only(world)["fifo"] == {"realised": "5.20", "exposure": "0.00"}


def test_venue_reports_by_the_rule_it_is_given(ask: Ask) -> None:
    """Positions and events follow; a client can find out which rule ties."""
    world = played(cases.partial_exits)
    caller = ask(world)
    for rule, realised, exposure in (("average", "1.000000", "2.800000"), ("fifo", "2.400000", "4.200000")):
        world.kalshi.lot_rule = rule
        answer = caller.venue("/portfolio/positions").json()
        for row in (answer["market_positions"][0], answer["event_positions"][0]):
            assert row["realized_pnl_dollars"] == realised
        assert answer["market_positions"][0]["market_exposure_dollars"] == exposure
    with pytest.raises(ValueError, match="lot rule"):
        world.kalshi.positions[0, "KXPARTS-1-A"].book("lifo")


def test_void_market_pays_the_cost_back(ask: Ask) -> None:
    """0.20 was realised by closing four at 0.50; the other six return their 2.70, which realises nothing."""
    world = played(cases.void)
    assert only(world)["average"]["realised"] == "0.20"
    row = ask(world).venue("/portfolio/settlements").json()["settlements"][0]
    assert (row["market_result"], row["revenue"], row["value"]) == ("void", 270, None)
    market = ask(world).venue("/markets/KXVOID-1-A").json()["market"]
    assert (market["status"], market["result"]) == ("finalized", "void")
    assert "settlement_value_dollars" not in market


def test_void_market_may_leave_no_row(ask: Ask) -> None:
    """Only the balance and the positions show that it is over."""
    world = played(cases.void_without_row)
    caller = ask(world)
    assert caller.venue("/portfolio/settlements").json()["settlements"] == []
    assert caller.venue("/portfolio/positions").json()["market_positions"] == []
    fee = Decimal(only(world)["fees"])
    assert Decimal(oracle.report(world)["cash"]) == -fee


@pytest.mark.parametrize("shown", [False, True])
def test_sub_cent_payout_keeps_a_settlement_fee_back(shown: bool) -> None:
    """3.33 NO at 0.60 get 3.33 x 0.5845 = 1.946385, paid 1.94; the rest is a smaller payout, or a fee."""
    world = examples.frozen()
    world.kalshi.settlement_fee_shown = shown
    world.kalshi.fill("KXSUBCENT-1-A", "no", "3.33", "0.40", fee=0)
    world.kalshi.settle("KXSUBCENT-1-A", "scalar", "0.4155")
    market = only(world)
    assert market["settlement_fee"] == "0.006385"
    balanced(world)
    net = Decimal(market["average"]["realised"]) - Decimal(market["fees"])
    assert net == Decimal("1.94") - Decimal("1.998")
    assert Decimal(market["fees"]) == (Decimal("0.006385") if shown else 0)


def test_fill_may_be_listed_after_its_settlement(ask: Ask) -> None:
    """The settlement row counts five contracts while the list of fills shows two, for a minute."""
    world = played(cases.late_listing)
    caller = ask(world)
    row = caller.venue("/portfolio/settlements").json()["settlements"][0]
    assert (row["yes_count_fp"], row["revenue"]) == ("5.00", 500)

    def counts() -> list[str]:
        return [f["count_fp"] for f in caller.venue("/portfolio/fills").json()["fills"]]

    assert counts() == ["2.00"]
    world.clock.advance(60)
    assert sorted(counts()) == ["2.00", "3.00"]  # of one moment, so that their ids say which is above


def test_market_known_but_unpaid_is_marked_at_its_result(ask: Ask) -> None:
    """Still open, no quotes, worth what it will pay; paying changes equity by nothing."""
    world = played(cases.determined)
    (position,) = oracle.report(world)["trading"]["positions"]
    assert (position["mark"], position["unrealised"]) == ("1.00", "1.00")
    market = ask(world).venue("/markets", status="closed").json()["markets"][0]
    assert (market["status"], market["settlement_value_dollars"], market["yes_bid_dollars"]) == (
        "determined",
        "1.0000",
        "0.0000",
    )
    world.kalshi.settle("KXKNOWN-1-A", "yes")
    assert only(world)["average"]["realised"] == "1.00"


def test_subaccounts_and_shards_have_their_own_cash(ask: Ask) -> None:
    """One row per place; transfers are listed and change no sum."""
    world = examples.frozen()
    world.kalshi.deposit("100.00")
    world.kalshi.transfer("30.00", subaccounts=(0, 7))
    world.kalshi.transfer("25.00", shards=(0, 2))
    caller = ask(world)
    places = [
        (r["subaccount_number"], r["exchange_index"], r["balance"])
        for r in caller.venue("/portfolio/subaccounts/balances").json()["subaccount_balances"]
    ]
    assert places == [(0, 0, "45.0000"), (0, 2, "25.0000"), (7, 0, "30.0000")]
    assert caller.venue("/portfolio/balance").json()["balance_dollars"] == "70.0000"
    assert caller.venue("/portfolio/balance", exchange_index=2).json()["balance_dollars"] == "25.0000"
    assert caller.venue("/portfolio/balance", subaccount=7).json()["balance_breakdown"] == [
        {"exchange_index": 0, "balance": "30.0000"}
    ]
    (transfer,) = caller.venue("/portfolio/subaccounts/transfers").json()["transfers"]
    assert (transfer["to_subaccount"], transfer["amount_cents"]) == (7, 3000)
    (moved,) = caller.venue("/portfolio/intra_exchange_instance_transfers").json()["transfers"]
    assert (moved["destination_exchange_shard"], moved["amount"]) == (2, "25.0000")
    with pytest.raises(ValueError, match="two subaccounts or between two shards"):
        world.kalshi.transfer("1.00")


def test_only_applied_movements_move_cash_and_a_return_undoes_it(ask: Ask) -> None:
    """25.00 less 0.50 by card, less 15.00 and 2.00; the deposit that came back left nothing."""
    world = played(cases.cash_movements)
    assert oracle.report(world)["cash"] == "7.50"
    rows = {d["id"]: d for d in ask(world).venue("/portfolio/deposits").json()["deposits"]}
    assert {d["status"] for d in rows.values()} == {"pending", "applied", "failed", "returned"}
    assert "finalized_ts" in rows["deposit-returned"]
    assert "finalized_ts" not in rows["deposit-pending"]
    with pytest.raises(ValueError, match="a movement is one of"):
        world.kalshi.deposit("1.00", status="lost")


def test_credits_are_in_the_balance_and_nowhere_else(ask: Ask) -> None:
    """5.37 that no list explains."""
    world = played(cases.credits)
    caller = ask(world)
    assert caller.venue("/portfolio/balance").json()["balance_dollars"] == "5.3700"
    assert caller.venue("/portfolio/deposits").json()["deposits"] == []
    assert oracle.report(world)["cash_flows"]["credits"] == "5.37"


def test_market_may_vanish(ask: Ask) -> None:
    """Its position stays; it is found neither live nor in the archive."""
    world = played(cases.netting)
    world.kalshi.market("KXNETTING-1-A", hidden=True)
    caller = ask(world)
    assert caller.venue("/markets/KXNETTING-1-A").status_code == 404
    assert caller.venue("/markets", tickers="KXNETTING-1-A").json()["markets"] == []
    assert caller.venue("/historical/markets/KXNETTING-1-A").status_code == 404
    assert len(caller.venue("/portfolio/positions").json()["market_positions"]) == 1


def test_cursor_repeats_and_pages_are_short_when_the_dial_says_so(ask: Ask, faults: Any) -> None:
    """A page that names itself as the next never ends; short pages end properly."""
    world = played(cases.every_case)
    caller = ask(world)
    whole = caller.venue("/portfolio/fills").json()["fills"]
    faults.set("kalshi", "short", value=7)
    pages = list(caller.venue_pages("/portfolio/fills", "fills", limit=1000))
    assert [f for page in pages for f in page] == whole
    assert {len(page) for page in pages[:-1]} == {7}
    faults.replace("kalshi", [])
    faults.set("kalshi", "repeat_cursor")
    first = caller.venue("/portfolio/fills", limit=5).json()
    second = caller.venue("/portfolio/fills", limit=5, cursor=first["cursor"]).json()
    assert second["cursor"] == first["cursor"]
    assert second["fills"] == whole[5:10]


# Whatever is traded.

TICKERS = ("KXANY-1-A", "KXANY-1-B", "KXANY-2-A")
counts = st.integers(1, 3000).map(lambda n: Decimal(n) / 100)
prices = st.integers(1, 9999).map(lambda n: Decimal(n) / 10_000)
dollars = st.integers(1, 100_000).map(lambda n: Decimal(n) / 100)
fills = st.tuples(
    st.just("fill"), st.sampled_from(TICKERS), st.sampled_from(("yes", "no")), counts, prices, st.booleans(),
    st.sampled_from((0, 3)),
)  # fmt: skip
settles = st.tuples(
    st.just("settle"), st.sampled_from(TICKERS), st.sampled_from(("yes", "no", "void", None)), prices
)
moves = st.tuples(
    st.just("move"), st.sampled_from(("deposit", "withdraw", "credit", "transfer", "return")), dollars
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(fills, fills, fills, settles, moves), max_size=40), st.booleans())
def test_random_order_flow_keeps_the_identities(steps: list[Any], shown: bool) -> None:
    """Pairs = realised + traded - exposure, and cash = flows + realised - fees - cost, by both rules."""
    world = examples.frozen()
    account = world.kalshi
    account.settlement_fee_shown = shown
    for step in steps:
        world.clock.advance(timedelta(milliseconds=1))
        act(account, step)
    balanced(world)
    for market in oracle.markets(world):
        if market["settled"]:
            assert market["average"] == market["fifo"]
            assert market["count"] == "0.00"


def act(account: Account, step: Any) -> None:
    """Take one random step; what cannot be done any more is left."""
    kind, *rest = step
    if kind == "fill":
        ticker, side, count, price, taker, subaccount = rest
        if account.market(ticker).status == "active":
            account.fill(ticker, side, count, price, is_taker=taker, subaccount=subaccount)
    elif kind == "settle":
        ticker, result, value = rest
        if account.market(ticker).status == "active":
            account.settle(ticker, result or "scalar", None if result else value)
    else:
        _move(account, *rest)


def _move(account: Account, what: str, amount: Decimal) -> None:
    if what == "transfer":
        account.transfer(amount, subaccounts=(0, 3))
    elif what == "return":
        for movement in account.movements[:1]:
            account.change_movement(movement.id, "returned")
    else:
        getattr(account, what)(amount)
