"""What a market comes to where nobody says which of our orders was executed first.

Fills of one order and moment have an order that is known (`Fill.place`), those of two orders have none: two
resting orders that one trade sweeps away, or two that we sent at once. What a close has cost then depends
on it, and so does every later close, until nothing is held any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import chain, islice, permutations
from typing import NamedTuple

from exporter.ledger.trading.lots import Lots
from exporter.money import ZERO
from exporter.records import Fill

ONE = Decimal(1)

ORDERINGS_TRIED = 24
"""All orderings of four orders of one moment. Of more, these are tried and those that go by price."""

MOST_WAYS = 32
"""Ways that a market is followed along; beyond that, those with the highest and the lowest cost."""


class Traded(NamedTuple):
    """What one fill has done: contracts closed, what they had cost, and what the opened ones cost."""

    closes: Decimal
    freed: Decimal
    opened: Decimal
    gain: Decimal


def trade(lots: Lots, position: Decimal, fill: Fill) -> Traded:
    """Let a fill close the other side's contracts and open what is left of it."""
    held = abs(position)
    closes = min(fill.count, held) if signed(fill) * position < 0 else ZERO
    freed = lots.take(closes, held) if closes else ZERO
    opens = fill.count - closes
    if opens:
        lots.add(opens, fill.price)
    return Traded(closes, freed, opens * fill.price, closes * (ONE - fill.price) - freed)


def signed(fill: Fill) -> Decimal:
    """Return the contracts of a fill: YES positive, NO negative."""
    return fill.count if fill.side == "yes" else -fill.count


@dataclass(slots=True)
class Way:
    """One way in which a market may have gone: lots and realised so far."""

    lots: Lots
    position: Decimal
    realised: Decimal

    def take(self, fill: Fill) -> None:
        """Follow one fill."""
        self.realised += trade(self.lots, self.position, fill).gain
        self.position += signed(fill)

    def after(self, fills: Iterable[Fill]) -> Way:
        """Return where the way leads with these fills."""
        way = Way(self.lots.copy(), self.position, self.realised)
        for fill in fills:
            way.take(fill)
        return way

    @property
    def state(self) -> tuple[object, ...]:
        return (self.realised, *self.lots.state)


def orders_of(moment: Iterable[Fill]) -> list[list[Fill]]:
    """Return the fills of one moment by order, each as it was executed.

    Orders that bought one side at one price count as one: which came first is all the same.
    """
    orders: dict[str, list[Fill]] = {}
    for fill in sorted(moment, key=lambda fill: fill.place):
        orders.setdefault(fill.place[0], []).append(fill)
    alike: dict[tuple[object, ...], list[Fill]] = {}
    for order, fills in orders.items():
        first = fills[0]
        plain = all((fill.side, fill.price) == (first.side, first.price) for fill in fills)
        alike.setdefault((first.side, first.price) if plain else (order,), []).extend(fills)
    return list(alike.values())


def spread(ways: Sequence[Way], orders: Sequence[Sequence[Fill]]) -> tuple[Way, ...]:
    """Return all ways on from these, whichever order came first; those that cannot differ count once."""
    by_price = sorted(orders, key=lambda fills: fills[0].price)
    tried = chain(
        islice(permutations(orders), ORDERINGS_TRIED),
        (by_price, by_price[::-1]),
        (sorted(by_price, key=lambda fills: fills[0].side, reverse=last) for last in (False, True)),
    )
    orderings = list(tried)
    found: dict[tuple[object, ...], Way] = {}
    for way in ways:
        for ordering in orderings:
            new = way.after(chain.from_iterable(ordering))
            found.setdefault(new.state, new)
    return narrowed(found.values())


def narrowed(ways: Iterable[Way]) -> tuple[Way, ...]:
    """Return the ways that may still differ, none when there is only one."""
    distinct = list({way.state: way for way in ways}.values())
    if len(distinct) > MOST_WAYS:
        distinct.sort(key=lambda way: way.lots.cost)
        distinct = [distinct[0], distinct[-1]]
    return tuple(distinct) if len(distinct) > 1 else ()
