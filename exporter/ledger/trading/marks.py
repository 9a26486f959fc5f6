"""What the open contracts are worth: the price at which each could be closed now, by one rule.

Rule:   `bid` takes the best bid of the side held (for NO: one minus the YES ask), `mid` the middle
        of both quotes, `last` the last trade. A resolved market is worth what it pays.
        A side nobody quotes has no price: the position is unmarked, never worth zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

from exporter.records import Mark, Side

MarkRule = Literal["bid", "mid", "last"]

ONE = Decimal(1)


@dataclass(slots=True)
class Price:
    """Dollars per contract of one side: since when it has this value, and the quotes that said so last.

    `quotes` is None for a price that was restored. Newer quotes that say the same take their place.
    """

    usd: Decimal
    since: datetime
    quotes: Mark | None = None

    @property
    def confirmed(self) -> datetime:
        """When the value was last confirmed."""
        return self.since if self.quotes is None else self.quotes.at


def price(mark: Mark, side: Side, rule: MarkRule) -> Decimal | None:
    """Return what one contract of the side is worth by the rule, None when the market does not say."""
    yes = mark.settled_value if mark.settled_value is not None else _quoted(mark, side, rule)
    if yes is None:
        return None
    return yes if side == "yes" else ONE - yes


def _quoted(mark: Mark, side: Side, rule: MarkRule) -> Decimal | None:
    if rule == "last":
        return mark.last
    if rule == "mid":
        if mark.yes_bid is None or mark.yes_ask is None:
            return None
        return (mark.yes_bid + mark.yes_ask) / 2
    return mark.yes_bid if side == "yes" else mark.yes_ask


def seen(before: Price | None, usd: Decimal, quotes: Mark) -> Price:
    """Return the price that quotes say, dated from when it took this value."""
    since = before.since if before is not None and before.usd == usd else quotes.at
    return Price(usd, since, quotes)
