"""One-line records for tests, and a record keeper that lives in memory."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from exporter.ledger import Ledger, MarkRule, SourceState, state
from exporter.ledger.cost.cost_book import CostBook
from exporter.ledger.ledger import WindowFigures
from exporter.ledger.sales.shop_book import ShopBook
from exporter.ledger.trading.confirmation import CONFIRMING_READINGS
from exporter.ledger.trading.lots import LotRule
from exporter.ledger.trading.venue_book import VenueBook
from exporter.records import (
    Balance,
    BilledDay,
    BilledLine,
    Change,
    Fill,
    KeyUsage,
    KeyUsageLine,
    Mark,
    Observation,
    Record,
    Refund,
    Sale,
    Settlement,
    SourceInfo,
    UsageHour,
    UsageLine,
)
from exporter.snapshot import COMPONENTS, WINDOWS, Opening, plain_json
from exporter.times import stamp

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
UTC_ZONE = ZoneInfo("UTC")
KALSHI, ANTHROPIC, SALES = "kalshi", "anthropic", "sales"
NAMES = (KALSHI, ANTHROPIC, SALES)
"""The usual sources: one of each kind."""

SOURCES = (
    SourceInfo("kalshi", "Kalshi", "venue"),
    SourceInfo("anthropic", "Anthropic", "api_cost"),
    SourceInfo("sales", "The sales API", "sales"),
)
"""The usual three."""


def infos(*names: str) -> tuple[SourceInfo, ...]:
    """Return some of the usual sources."""
    return tuple(info for info in SOURCES if info.name in names)


Said = TypeVar("Said", bound=Record | Observation)


def of(source: str, *said: Said) -> list[Said]:
    """Return records or observations as those of another source."""
    return [replace(each, source=source) for each in said]


_FILL = re.compile(
    r"buy (?P<side>yes|no) (?P<count>[\d.]+) @ (?P<price>[\d.]+)"
    r"(?: fee (?P<fee>[\d.]+))?(?: in (?P<ticker>\S+))?"
)


def fill(
    text: str,
    *,
    at: datetime = NOW,
    fill_id: str = "",
    subaccount: int = 0,
    source: str = KALSHI,
    order: str = "",
) -> Fill:
    """Read `buy yes 10 @ 0.42 fee 0.07 in MARKET`; the price is that of the side bought."""
    parts = _FILL.fullmatch(text)
    assert parts is not None, text
    return Fill(
        source=source,
        fill_id=fill_id or f"{text} {at.isoformat()}",
        ticker=parts["ticker"] or "M",
        subaccount=subaccount,
        side="yes" if parts["side"] == "yes" else "no",
        count=Decimal(parts["count"]),
        price=Decimal(parts["price"]),
        fee=Decimal(parts["fee"] or 0),
        at=at,
        order_id=order,
    )


def settlement(
    yes: str,
    no: str,
    result: str,
    payout: str,
    *,
    fee: str = "0",
    at: datetime = NOW,
    ticker: str = "M",
    source: str = KALSHI,
) -> Settlement:
    """Read counts and costs as `132.00 / 47.52`, the payout in dollars."""
    yes_count, yes_cost = (Decimal(part) for part in yes.split(" / "))
    no_count, no_cost = (Decimal(part) for part in no.split(" / "))
    return Settlement(
        source=source,
        ticker=ticker,
        subaccount=0,
        result=result,
        yes_count=yes_count,
        yes_cost=yes_cost,
        no_count=no_count,
        no_cost=no_cost,
        payout=Decimal(payout),
        value={"yes": Decimal(1), "no": Decimal(0)}.get(result),
        fee=Decimal(fee),
        at=at,
    )


def mark(
    ticker: str = "M",
    *,
    bid: str = "",
    ask: str = "",
    last: str = "",
    at: datetime = NOW,
    source: str = KALSHI,
) -> Mark:
    """Return quotes of YES in dollars; an empty text is a side nobody quotes."""
    bid_usd, ask_usd, last_usd = (Decimal(text) if text else None for text in (bid, ask, last))
    return Mark(
        source=source,
        ticker=ticker,
        yes_bid=bid_usd,
        yes_ask=ask_usd,
        last=last_usd,
        settled_value=None,
        at=at,
    )


def balance(cash: str, value: str = "0", *, at: datetime = NOW, source: str = KALSHI) -> Balance:
    """Return the venue's statement of the primary subaccount."""
    return Balance(source=source, subaccount=0, cash=Decimal(cash), portfolio_value=Decimal(value), at=at)


def sale(
    gross: str,
    *,
    sale_id: str = "s-1",
    at: datetime = NOW,
    status: str = "paid",
    fee: str = "0",
    tax: str = "0",
    refunds: Mapping[datetime, str] | None = None,
    source: str = SALES,
) -> Sale:
    """Return a sale; `refunds` gives amounts by the time they were given."""
    return Sale(
        source=source,
        sale_id=sale_id,
        at=at,
        updated_at=at,
        status=status,  # type: ignore[arg-type]
        gross=Decimal(gross),
        fee=Decimal(fee),
        tax=Decimal(tax),
        customer="c",
        product="p",
        refunds=tuple(
            Refund(refund_id=f"r-{given.isoformat()}", amount=Decimal(amount), at=given)
            for given, amount in (refunds or {}).items()
        ),
    )


def bill(day: date, *amounts: str, source: str = ANTHROPIC) -> BilledDay:
    """Return a day's bill with one line per amount in dollars."""
    lines = tuple(
        BilledLine(
            workspace="default",
            description=f"line {number}",
            amount=Decimal(amount),
            cost_type="tokens",
            model="claude-sonnet-5-5",
            token_type="output_tokens",
        )
        for number, amount in enumerate(amounts)
    )
    return BilledDay(source=source, day=day, lines=lines)


def usage(
    at: datetime,
    cost: str | None,
    *,
    model: str = "claude-sonnet-5-5",
    tokens: int = 1000,
    tier: str = "standard",
    source: str = ANTHROPIC,
) -> UsageHour:
    """Return an hour of usage with one line; a cost of None is usage without a price."""
    line = UsageLine(
        workspace="default",
        model=model,
        tier=tier,
        geo="global",
        speed="standard",
        uncached_input=0,
        cache_write_5m=0,
        cache_write_1h=0,
        cache_read=0,
        output=tokens,
        web_searches=0,
        cost=None if cost is None else Decimal(cost),
    )
    return UsageHour(source=source, at=at, lines=(line,))


def key_usage(
    day: date,
    *keys: str,
    tokens: int = 1000,
    workspace: str = "default",
    model: str = "claude-sonnet-5-5",
    source: str = ANTHROPIC,
) -> KeyUsage:
    """Return a day on which each key made so many tokens of output."""
    lines = tuple(
        KeyUsageLine(
            api_key=key,
            workspace=workspace,
            model=model,
            tier="standard",
            context_window="0-200k",
            uncached_input=0,
            cache_write_5m=0,
            cache_write_1h=0,
            cache_read=0,
            output=tokens,
            web_searches=0,
        )
        for key in keys
    )
    return KeyUsage(source=source, day=day, lines=lines)


def said(figure: Mapping[str, Any]) -> list[str]:
    """Return a figure's reasons as `source: text`."""
    return [f"{reason['source']}: {reason['text']}" for reason in figure.get("because", ())]


def healthy(now: datetime = NOW, **states: SourceState) -> dict[str, SourceState]:
    """Return three sources that have just answered, but for the ones given."""
    fresh = SourceState(as_of=now, last_success=now, freshness=timedelta(minutes=5))
    return {"kalshi": fresh, "anthropic": fresh, "sales": fresh} | states


class Keeper:
    """What RecordStore does, in memory: records by key with their newest revision."""

    def __init__(self) -> None:
        self.records: dict[tuple[str, str, str], Record] = {}

    def book(self, records: Iterable[Record]) -> list[Change]:
        """Return the changes that these records make."""
        changes = []
        for record in records:
            identity = (record.source, record.kind, record.key)
            old = self.records.get(identity)
            if old != record:
                self.records[identity] = record
                changes.append(Change(old, record))
        return changes

    def of_scope(self, source: str, scope: str) -> list[Record]:
        """Return the newest revisions of one scope of a source."""
        return [each for each in self.records.values() if (each.source, each.scope) == (source, scope)]


class Books:
    """A ledger fed the way the cycle feeds it."""

    def __init__(
        self,
        *records: Record,
        zone: ZoneInfo = UTC_ZONE,
        rule: MarkRule = "bid",
        lots: LotRule = "average",
        other_cash: Sequence[tuple[datetime, Decimal]] = (),
        sources: Sequence[SourceInfo] = SOURCES,
    ) -> None:
        self.ledger = Ledger(zone, sources, rule, lots, {"kalshi": other_cash})
        self.keeper = Keeper()
        self.book(*records)

    def observe_steadily(self, observations: Iterable[Observation]) -> None:
        """Observe the same for as many readings as a difference needs to count."""
        observed = tuple(observations)
        for _ in range(CONFIRMING_READINGS):
            self.ledger.observe(observed)

    def book(self, *records: Record) -> None:
        """Book records; late ones are replayed."""
        for source, scope in self.ledger.apply(self.keeper.book(records)):
            self.ledger.restate(source, scope, self.keeper.of_scope(source, scope))

    def reopen(self, now: datetime) -> None:
        """Open the bills again that only a clock ahead has settled."""
        for source, days in self.ledger.settled_ahead(now).items():
            records = {day: self.keeper.of_scope(source, day) for day in days}
            self.ledger.reopen(source, records, now)

    @property
    def venue(self) -> VenueBook:
        """The books of the usual venue."""
        return self.ledger.venues["kalshi"]

    @property
    def shop(self) -> ShopBook:
        """The books of the usual shop."""
        return self.ledger.shops["sales"]

    @property
    def bill(self) -> CostBook:
        """The books of the usual API cost."""
        return self.ledger.bills["anthropic"]

    @property
    def balances(self) -> dict[str, dict[str, Decimal]]:
        """Every account's balance, by source."""
        return {name: dict(book.journal.balances) for name, book in self.ledger.books.items()}

    @property
    def newest(self) -> datetime:
        """When the last of the records happened, NOW at the earliest."""
        return max([NOW, *(record.at for record in self.keeper.records.values())])

    def figures(
        self, *, now: datetime | None = None, openings: Mapping[str, Opening] | None = None
    ) -> Mapping[str, WindowFigures]:
        """Return the figures of every window, when all has happened; `openings` are the usual venue's."""
        now = self.newest if now is None else now
        return self.ledger.figures(now, healthy(now), {"kalshi": openings or {}})

    def usd(
        self,
        component: str,
        window: str = "all",
        *,
        now: datetime | None = None,
        openings: Mapping[str, Opening] | None = None,
    ) -> Decimal | None:
        """Return a component (or `net`) of a window; `openings` are the usual venue's."""
        stated = self.figures(now=now, openings=openings)[window]
        return stated.net.usd if component == "net" else stated.components[component].usd


def told(ledger: Ledger, **known: Any) -> dict[str, Any]:
    """Return the JSON of the snapshot that a ledger states."""
    return plain_json(state(ledger, **known))


def bare(epoch: str, sequence: int, at: datetime, usd: str = "1.00") -> dict[str, Any]:
    """Return the JSON of a small snapshot in which every figure is the same."""
    figure = {"grade": "final", "usd": usd}
    window = {
        "from": stamp(at),
        "to": stamp(at),
        "net": figure,
        "components": dict.fromkeys(COMPONENTS, figure),
    }
    return {
        "epoch": epoch,
        "sequence": sequence,
        "as_of": stamp(at),
        "currency": "USD",
        "timezone": "UTC",
        "mark_rule": "bid",
        "lot_rule": "average",
        "windows": {name: dict(window) for name in WINDOWS},
        "sources": {},
        "checks": {},
        "unrealised": figure,
    }


def held(count: object) -> dict[str, Any]:
    """Return the JSON of an open position."""
    return {"source": "kalshi", "side": "yes", "count": str(count), "cost": "1.00", "grade": "missing"}
