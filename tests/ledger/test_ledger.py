"""The ledger under anything that can arrive, in any order, any number of times."""

from __future__ import annotations

import copy
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from exporter.ledger import windows
from exporter.money import ZERO, to_micro
from exporter.records import ApiKey, Fill, Refund, Sale, Workspace
from exporter.times import to_us
from tests.builders import NOW, UTC_ZONE, Books, bill, healthy, key_usage, sale, usage
from tests.examples import examples

money = st.integers(0, 10**9).map(lambda units: Decimal(units) / 10**6)
moments = st.integers(0, 60 * 24 * 60).map(lambda minutes: NOW - timedelta(minutes=minutes))
days = st.integers(0, 40).map(lambda back: NOW.date() - timedelta(days=back))


class AnyHistory(RuleBasedStateMachine):
    """Feeds one ledger records as they might come; a second one gets only the final state at the end."""

    @initialize()
    def begin(self) -> None:
        self.books = Books()
        self.now = NOW

    @rule(
        side=st.sampled_from(["yes", "no"]),
        count=st.integers(1, 300),
        price=st.integers(1, 99),
        fee=money,
        at=moments,
        market=st.sampled_from(["A", "B"]),
        key=st.integers(0, 30),
    )
    def fill_arrives(
        self, side: str, count: int, price: int, fee: Decimal, at: datetime, market: str, key: int
    ) -> None:
        """A fill, perhaps late, perhaps one that changes an earlier one."""
        self.books.book(
            Fill(
                source="kalshi",
                fill_id=f"{market}-{key}",
                ticker=market,
                subaccount=0,
                side=side,  # type: ignore[arg-type]
                count=Decimal(count) / 100,
                price=Decimal(price) / 100,
                fee=fee,
                at=at,
            )
        )

    @rule(
        key=st.integers(0, 10),
        gross=money,
        fee=money,
        at=moments,
        status=st.sampled_from(["paid", "pending", "void"]),
        refunds=st.lists(st.tuples(moments, money), max_size=2),
    )
    def sale_arrives(
        self,
        key: int,
        gross: Decimal,
        fee: Decimal,
        at: datetime,
        status: str,
        refunds: list[tuple[datetime, Decimal]],
    ) -> None:
        """A sale or a later version of one."""
        self.books.book(
            Sale(
                source="sales",
                sale_id=f"s-{key}",
                at=at,
                updated_at=at,
                status=status,  # type: ignore[arg-type]
                gross=gross,
                fee=fee,
                tax=gross / 10,
                customer="c",
                product="p",
                refunds=tuple(
                    Refund(refund_id=f"r-{number}", amount=amount, at=given)
                    for number, (given, amount) in enumerate(refunds)
                ),
            )
        )

    @rule(day=days, amounts=st.lists(money, max_size=3))
    def bill_lands(self, day: date, amounts: list[Decimal]) -> None:
        """A bill or its revision, up or down."""
        self.books.book(bill(day, *map(str, amounts)))

    @rule(day=days, hour=st.integers(0, 23), cost=st.none() | money)
    def usage_arrives(self, day: date, hour: int, cost: Decimal | None) -> None:
        """An hour of usage, priced or not."""
        at = datetime(day.year, day.month, day.day, hour, tzinfo=NOW.tzinfo)
        self.books.book(usage(at, None if cost is None else str(cost)))

    @rule()
    def everything_arrives_again(self) -> None:
        """An overlapping reading changes nothing."""
        before = dict(self.books.balances)
        assert self.books.keeper.book(list(self.books.keeper.records.values())) == []
        assert self.books.balances == before

    @rule()
    def it_goes_on_from_what_was_kept(self) -> None:
        """A ledger that takes over what the records have made of another one is no other."""
        kept = copy.deepcopy(self.books.ledger.kept())
        before = self.books.ledger.terms
        self.books.ledger = Books().ledger
        self.books.ledger.resume(kept)
        assert self.books.ledger.terms == before

    @rule(minutes=st.integers(1, 3 * 24 * 60))
    def time_passes(self, minutes: int) -> None:
        """Windows move on."""
        self.now += timedelta(minutes=minutes)

    @invariant()
    def books_balance(self) -> None:
        """Double entry sums to zero and every window's parts to its net."""
        self.books.ledger.prove()

    @invariant()
    def windows_equal_a_sum_from_scratch(self) -> None:
        """Moving sums say what adding up the entries of the window says."""
        stated = self.books.figures(now=self.now)
        for window, start in windows.starts(self.now, UTC_ZONE).items():
            books = self.books.ledger.books.values()
            for component, timeline in (item for book in books for item in book.journal.timelines.items()):
                if component == "open_cost" or start is None:
                    continue
                shared = self._shared(component, start)
                fresh = sum(
                    (
                        Decimal(digits).scaleb(exponent)
                        for at, digits, exponent in zip(
                            timeline._times, timeline._digits, timeline._exponents, strict=True
                        )
                        if to_us(start) <= at <= to_us(self.now)
                    ),
                    ZERO,
                )
                assert stated[window].components[component].usd == fresh - shared

    def _shared(self, component: str, start: datetime) -> Decimal:
        """Return what of the hour that a window's start cuts is in the window, by its minutes."""
        hour = start.replace(minute=0, second=0, microsecond=0)
        day = self.books.bill.spending.days.get(start.date())
        if day is None or not component.startswith("api_cost"):
            return ZERO
        of_hours = day.cost_billed if component == "api_cost_billed" else day.cost_estimated
        cost = of_hours(start.hour, start.hour + 1)
        known = min(60, (self.now - hour) // timedelta(minutes=1))
        inside = known - (start - hour) // timedelta(minutes=1)
        return to_micro(cost * inside / known) if 0 < inside < known else ZERO

    def teardown(self) -> None:
        """A ledger that sees only the final records, in another order, ends at the same figures."""
        again = Books(*reversed(list(self.books.keeper.records.values())))
        figures, others = self.books.figures(now=self.now), again.figures(now=self.now)
        for window in windows.starts(self.now, UTC_ZONE):
            assert others[window].net.usd == figures[window].net.usd
            for component in ("trading_realised", "sales_gross", "sales_refunds", "api_cost_billed"):
                assert others[window].components[component].usd == figures[window].components[component].usd


AnyHistory.TestCase.settings = settings(max_examples=examples(60), stateful_step_count=25)
TestAnyHistory = AnyHistory.TestCase


def test_refund_counts_when_it_is_given() -> None:
    """A sale of last month refunded today makes today poorer, not last month."""
    sold, given = NOW - timedelta(days=40), NOW - timedelta(hours=1)
    books = Books(sale("100.00", at=sold, refunds={given: "30.00"}))
    assert books.usd("sales_refunds", "today") == Decimal("-30.00")
    assert books.usd("sales_gross", "today") == 0
    assert books.usd("net", "today") == Decimal("-30.00")


def test_refund_larger_than_sales_makes_net_negative() -> None:
    """A gauge may fall below zero."""
    books = Books(sale("10", at=NOW - timedelta(days=400), refunds={NOW: "9"}), sale("1", sale_id="s-2"))
    assert books.usd("net", "today") == Decimal(-8)


def test_pending_and_void_sales_are_not_income() -> None:
    """Only what was paid counts; a sale that turns void is taken back."""
    books = Books(sale("10", status="pending"))
    assert books.usd("sales_gross") == 0
    books.book(sale("10", fee="0.50"))
    assert books.usd("net") == Decimal("9.50")
    books.book(sale("10", fee="0.50", status="void"))
    assert books.usd("net") == 0


def test_tax_is_never_income() -> None:
    """It is owed to the authority."""
    assert Books(sale("10", tax="1.90")).usd("net") == Decimal(10)


def test_bill_replaces_the_estimate_and_a_revision_replaces_the_bill() -> None:
    """The day is counted once, under the name of what is known best."""
    day = NOW.date() - timedelta(days=1)
    at = datetime(day.year, day.month, day.day, 9, tzinfo=NOW.tzinfo)
    books = Books(usage(at, "3.00"))
    assert (books.usd("api_cost_estimated"), books.usd("api_cost_billed")) == (Decimal("-3.00"), 0)
    books.book(bill(day, "2.50", "1.00"))
    assert (books.usd("api_cost_estimated"), books.usd("api_cost_billed")) == (0, Decimal("-3.50"))
    books.book(bill(day, "2.00"))
    assert (books.usd("api_cost_estimated"), books.usd("api_cost_billed")) == (0, Decimal("-2.00"))


def test_billed_day_cut_by_a_window_is_shared_out_by_its_hours() -> None:
    """The hours inside the window carry their share; the whole day is the bill to the last digit."""
    day = NOW.date() - timedelta(days=1)
    early = datetime(day.year, day.month, day.day, 3, tzinfo=NOW.tzinfo)
    late = early + timedelta(hours=15)
    books = Books(usage(early, "1.00"), usage(late, "2.00"), bill(day, "10.00"))
    assert books.usd("api_cost_billed", "24h") == Decimal("-6.666667")
    assert books.usd("api_cost_billed") == Decimal("-10.00")


def test_calendar_windows_follow_the_reporting_zone() -> None:
    """At noon UTC it is still night in Honolulu: the sale of 23:00 UTC was made today there."""
    sold = NOW - timedelta(hours=1, minutes=30)
    books = Books(sale("5", at=sold), zone=ZoneInfo("Pacific/Kiritimati"))
    assert windows.starts(NOW, ZoneInfo("Pacific/Kiritimati"))["today"] == NOW - timedelta(hours=2)
    assert books.usd("sales_gross", "today") == 5
    assert (
        Books(sale("5", at=sold - timedelta(hours=1)), zone=ZoneInfo("Pacific/Kiritimati")).usd(
            "sales_gross", "today"
        )
        == 0
    )


def test_a_day_of_25_hours_is_one_day() -> None:
    """When summer time ends the day is longer; its window starts at its midnight all the same."""
    zone = ZoneInfo("America/New_York")
    evening = datetime(2026, 11, 1, 23, 30, tzinfo=zone)
    start = windows.starts(evening, zone)["today"]
    assert start is not None
    assert evening - start == timedelta(hours=24, minutes=30)


def test_who_used_it_and_what_things_are_called_is_no_cost() -> None:
    """Usage by key and names are told beside the bill; they move no figure."""
    books = Books(bill(NOW.date() - timedelta(days=1), "1.00"))
    before = books.ledger.figures(NOW, healthy(), {})
    books.book(key_usage(NOW.date(), "apikey_1"), key_usage(NOW.date() - timedelta(days=1), "apikey_2"))
    books.ledger.observe(
        [
            Workspace(source="anthropic", workspace_id="wrkspc_1", name="Research", archived=True),
            ApiKey(
                source="anthropic", key_id="apikey_1", name="laptop", status="active", workspace="wrkspc_1"
            ),
        ]
    )
    assert books.ledger.figures(NOW, healthy(), {}) == before
