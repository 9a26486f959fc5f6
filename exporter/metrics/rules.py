"""Figures of a snapshot that no path leads to: those that are counted, bounded, or told by what is absent."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from heapq import nsmallest

from exporter.metrics.exposition import Sample
from exporter.snapshot import KIND_COMPONENTS, Snapshot
from exporter.snapshot.texts import decimal
from exporter.snapshot.tree import Position

TOP_MARKETS = 20
"""Markets with a series of their own; more would let an active account flood Prometheus."""

Named = tuple[str, Sample]


def by_rule(snapshot: Snapshot) -> Iterator[Named]:
    """Yield the samples of all metrics that have no path, each with its name."""
    yield from _sources(snapshot)
    yield from _shares(snapshot)
    for window, results in (snapshot.trading or {}).items():
        for result, count in (("win", results.wins), ("loss", results.losses), ("even", results.even)):
            yield "northstar_trading_round_trips", ((window, result), count)
    if snapshot.positions is not None:
        yield "northstar_positions_open", ((), len(snapshot.positions))
        yield from _positions(snapshot, snapshot.positions)
    if snapshot.api_cost is not None:
        for last in snapshot.api_cost.restatements.latest[-1:]:
            change = decimal(last.after) - decimal(last.before)
            yield "northstar_api_cost_restatement_usd", ((), float(change))


def _sources(snapshot: Snapshot) -> Iterator[Named]:
    for name, source in snapshot.sources.items():
        well = source.error is None and source.as_of is not None
        yield "northstar_source_up", ((name,), float(well))


def _shares(snapshot: Snapshot) -> Iterator[Named]:
    """Yield what each source has brought. Where a kind has one source, its components are that source's."""
    for window, stated in snapshot.windows.items():
        for name, source in snapshot.sources.items():
            share = (stated.by_source or {}).get(name)
            of_kind = KIND_COMPONENTS.get(source.kind, ())
            all_of_kind = {part: stated.components[part] for part in of_kind if part in stated.components}
            components = all_of_kind if share is None else share.components
            amounts = {part: figure.usd for part, figure in components.items() if figure.usd is not None}
            if components and len(amounts) == len(components):
                net = sum(map(decimal, amounts.values()), Decimal(0))
                yield "northstar_pnl_source_net_usd", ((window, name), float(net))
            for part, amount in amounts.items():
                yield "northstar_pnl_source_component_usd", ((window, name, part), float(amount))


def _positions(snapshot: Snapshot, positions: dict[str, Position]) -> Iterator[Named]:
    """Yield the positions that move the most, and the rest as one: what the totals leave, so that a scrape
    need not add up a thousand positions."""
    rest = dict(positions)
    total = None if snapshot.unrealised is None else snapshot.unrealised.usd
    cost = Decimal(0) if snapshot.exposure is None else decimal(snapshot.exposure.usd)
    unrealised = Decimal(0) if total is None else decimal(total)
    # Only the few largest are put in order: sorting a thousand takes longer than the rest of a scrape.
    for market, position in nsmallest(TOP_MARKETS, rest.items(), key=_by_size):
        cost -= decimal(position.cost)
        yield "northstar_position_cost_usd", ((market,), float(position.cost))
        if position.unrealised is not None:
            unrealised -= decimal(position.unrealised)
            yield "northstar_position_unrealised_usd", ((market,), float(position.unrealised))
        del rest[market]
    if rest:
        yield "northstar_position_cost_usd", (("other",), float(cost))
        if total is not None and any(position.unrealised is not None for position in rest.values()):
            yield "northstar_position_unrealised_usd", (("other",), float(unrealised))


def _by_size(item: tuple[str, Position]) -> tuple[float, str]:
    market, position = item
    return -abs(float(position.unrealised or 0)), market
