"""The daybook comes to what the ledger says, in any zone, whatever has happened and whatever the time is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from hypothesis import example, given, settings
from hypothesis import strategies as st

from exporter.ledger import Ledger
from exporter.ledger.cost.day import SETTLES_AFTER, USAGE_LATE
from exporter.ledger.daybook import Calendar, Reckoned, reckon
from exporter.ledger.journal import OPEN_COST
from exporter.ledger.windows import starts
from exporter.money import ZERO
from exporter.records import Change, Record
from exporter.snapshot import COMPONENTS, Window
from tests.builders import NOW, SOURCES, bill, fill, healthy, key_usage, sale, settlement, usage
from tests.examples import examples

ZONES = [
    ZoneInfo(name)
    for name in (
        "UTC",
        "America/New_York",
        "Europe/Berlin",
        "Asia/Kolkata",
        "Asia/Kathmandu",
        "Pacific/Chatham",
        "America/St_Johns",
        "Australia/Lord_Howe",
        "Pacific/Apia",
    )
]
CALENDAR: tuple[Window, ...] = ("today", "mtd", "ytd", "all")

amounts = st.decimals(Decimal("0.01"), Decimal("0.99"), places=2)
minutes = st.integers(-2 * 24 * 60, 40 * 24 * 60)
ago = minutes.map(lambda number: NOW - timedelta(minutes=number))
fills = st.builds(
    lambda side, count, price, at, market, number: fill(
        f"buy {side} {count} @ {price} fee 0.02 in {market}", at=at, fill_id=f"f-{number}"
    ),
    st.sampled_from(["yes", "no"]),
    st.integers(1, 9),
    amounts,
    ago,
    st.sampled_from(["A-1", "B-1"]),
    st.integers(0, 30),
)
settlements = st.builds(
    lambda at, market: settlement("0 / 0", "0 / 0", "yes", "0", at=at, ticker=market),
    ago,
    st.sampled_from(["A-1", "B-1"]),
)
sales = st.builds(
    lambda gross, at, number, back: sale(
        str(gross), sale_id=f"s-{number}", at=at, fee="0.01", refunds={back: str(gross)}
    ),
    amounts,
    ago,
    st.integers(0, 30),
    ago,
)
bills = st.builds(
    lambda ago, amount: bill(NOW.date() - timedelta(days=ago), str(amount)), st.integers(0, 40), amounts
)
used = st.builds(
    lambda at, cost, model: usage(at.replace(minute=0), str(cost), model=model),
    ago,
    amounts,
    st.sampled_from(["claude-sonnet-5-5", "a-model-that-no-bill-has-a-line-of"]),
)
records = st.lists(st.one_of(fills, settlements, sales, bills, used), max_size=40)


def newest(given: Sequence[Record]) -> list[Record]:
    """Return the last of what is said of each record, as the store does."""
    return list({(record.source, record.kind, record.key): record for record in given}.values())


def reckoned(given: Sequence[Record], zone: ZoneInfo, now: datetime) -> dict[tuple[str, str], Reckoned]:
    """Return the daybook of all records, scope by scope."""
    scopes: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in given:
        scopes[record.source, record.scope].append(record)
    return {scope: reckon(found, Calendar(zone), "average", now) for scope, found in scopes.items()}


def since(book: dict[tuple[str, str], Reckoned], account: str, first: date | None) -> Decimal:
    """Return what an account comes to from a day on."""
    return sum(
        (
            line.sums().get(account, ZERO)
            for each in book.values()
            for day, line in each.lines.items()
            if first is None or day >= first
        ),
        ZERO,
    )


@settings(max_examples=examples(200))
@given(records, st.sampled_from(ZONES), st.integers(0, 3 * 24 * 60))
@example([usage(NOW - timedelta(hours=18), "0.33")], ZoneInfo("Asia/Kolkata"), 0)
@example([usage(NOW + timedelta(hours=6), "0.33")], ZoneInfo("Asia/Kolkata"), 6 * 60 + 45)
@example(
    [bill(NOW.date() - timedelta(days=9), "1"), usage(NOW - timedelta(days=9), "2", model="x")], ZONES[0], 0
)
def test_days_come_to_what_the_windows_say(given: list[Record], zone: ZoneInfo, later: int) -> None:
    """From each midnight at which a window begins the days sum to the window, to the last digit."""
    now, given = NOW + timedelta(minutes=later), newest(given)
    ledger = Ledger(zone, SOURCES)
    late = ledger.apply(Change(None, record) for record in given)
    for source, scope in late:
        ledger.restate(source, scope, [r for r in given if (r.source, r.scope) == (source, scope)])
    figures = ledger.figures(now, healthy(now), {})
    book = reckoned(given, zone, now)
    for window in CALENDAR:
        start = starts(now, zone)[window]
        first = None if start is None else start.astimezone(zone).date()
        for component in COMPONENTS:
            if component != "trading_unrealised_change":
                stated = figures[window].components[component].usd
                assert since(book, component, first) == stated, (window, component)
    ahead = sum((venue.journal.waiting(OPEN_COST) for venue in ledger.venues.values()), ZERO)
    assert -since(book, OPEN_COST, None) == ledger.venues["kalshi"].portfolio.exposure + ahead


def test_what_is_dated_ahead_waits_for_its_time() -> None:
    """A line is there once its time has come, and until then the daybook says when that is."""
    ahead = NOW + timedelta(hours=1)
    waiting = reckon([sale("5", at=ahead)], Calendar(ZONES[0]), "average", NOW)
    assert (waiting.lines, waiting.due) == ({}, ahead)
    come = reckon([sale("5", at=ahead)], Calendar(ZONES[0]), "average", ahead)
    assert come.lines[NOW.date()].sums()["sales_gross"] == 5
    assert come.due is None


def test_a_day_of_cost_says_what_is_not_certain_of_it_and_when_that_changes() -> None:
    """It is estimated until its bill is there, may change for a day more, and is then what it is."""
    day = (NOW - timedelta(days=1)).replace(hour=0)
    hours = [usage(day + timedelta(hours=hour), "0.10") for hour in range(24)]

    def said(*records: Record, at: datetime) -> tuple[set[tuple[str, str]], datetime | None]:
        found = reckon(records, Calendar(ZONES[0]), "average", at)
        return {(each.code, each.grade) for each in found.lines[day.date()].doubts}, found.due

    ends = day + timedelta(days=1)
    assert said(*hours, at=ends) == ({("not_billed", "estimated")}, ends + USAGE_LATE)
    assert said(*hours[1:], at=ends + USAGE_LATE)[0] == {
        ("not_billed", "estimated"),
        ("unknown_hours", "partial"),
    }
    billed = (*hours, bill(day.date(), "2.40"))
    assert said(*billed, at=NOW) == ({("bill_open", "estimated")}, ends + SETTLES_AFTER)
    assert said(*billed, at=ends + SETTLES_AFTER) == (set(), None)


def test_use_without_a_price_is_partial_and_named() -> None:
    """Unpriced is not free."""
    found = reckon([usage(NOW, None, model="new-model")], Calendar(ZONES[0]), "average", NOW)
    doubts = [each for each in found.lines[NOW.date()].doubts if each.code == "unpriced"]
    assert [(each.grade, each.text) for each in doubts] == [
        ("partial", "1,000 tokens of new-model have no price")
    ]


def test_lines_count_what_happened_and_name_whose_it_was() -> None:
    """A market counts fills, a sale orders and refunds; a sale says its product and customer."""
    traded = reckon([fill("buy yes 1 @ 0.40"), fill("buy no 1 @ 0.50")], Calendar(ZONES[0]), "average", NOW)
    assert traded.lines[NOW.date()].counts == {"fills": 2}
    sold = reckon([sale("5", refunds={NOW: "5"})], Calendar(ZONES[0]), "average", NOW)
    line = sold.lines[NOW.date()]
    assert (line.counts, line.names) == ({"orders": 1, "refunds": 1}, {"product": "p", "customer": "c"})


def test_a_day_of_which_only_the_keys_are_known_has_no_line() -> None:
    """What keys used is no cost by itself: nothing is known of the day yet, and nothing said of it."""
    found = reckon([key_usage(NOW.date(), "key")], Calendar(ZONES[0]), "average", NOW)
    assert (found.lines, found.due) == ({}, None)


def test_a_bill_that_lands_in_pieces_is_said_to_lack_some() -> None:
    """What was used and has no line yet is estimated; use without a price that the bill has is billed."""
    day = NOW.date() - timedelta(days=1)
    at = NOW - timedelta(days=1)
    said = reckon(
        [
            bill(day, "1"),
            usage(at, "2", model="lacking"),
            usage(at - timedelta(hours=1), None, model="claude-sonnet-5-5"),
        ],
        Calendar(ZONES[0]),
        "average",
        NOW,
    ).lines[day]
    assert {each.code for each in said.doubts} == {"bill_open", "bill_in_pieces"}


def test_the_day_that_it_is_goes_by_the_zone() -> None:
    assert Calendar(ZoneInfo("Pacific/Apia")).today(NOW) == NOW.date() + timedelta(days=1)
