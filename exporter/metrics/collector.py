"""One scrape: all figures from the one snapshot that is newest when it begins.

Rendered afresh each time, so the labels of a closed position vanish by themselves and a figure
graded `missing` has no sample. This is the one place where money becomes a float.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from heapq import nsmallest

from prometheus_client import Metric as Family
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from exporter.metrics import costs, sales
from exporter.metrics.catalogue import FIGURES, METRICS
from exporter.snapshot import Grade, Tree
from exporter.times import unstamp

TOP_MARKETS = 20
"""Markets with a series of their own; more would let an active account flood Prometheus."""

Labelled = tuple[Sequence[str], float]


class SnapshotCollector(Collector):
    """Renders what `latest` returns; nothing before the first snapshot."""

    def __init__(self, latest: Callable[[], Tree | None]) -> None:
        self._latest = latest

    def describe(self) -> Iterable[Family]:
        return [_family(metric.name, ()) for metric in FIGURES]

    def collect(self) -> Iterator[Family]:
        tree = self._latest()
        if tree is None:
            return
        samples: dict[str, list[Labelled]] = {metric.name: [] for metric in FIGURES}
        for name, labels, value in _samples(tree):
            samples[name].append((labels, value))
        for name, found in samples.items():
            if found:
                yield _family(name, found)


def _family(name: str, samples: Iterable[Labelled]) -> Family:
    metric = METRICS[name]
    kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    family = kind(name, metric.help, labels=metric.labels)
    for labels, value in samples:
        family.add_metric(labels, value)
    return family


def _samples(tree: Tree) -> Iterator[tuple[str, Sequence[str], float]]:
    yield "northstar_snapshot_sequence", (), tree["sequence"]
    yield "northstar_snapshot_timestamp_seconds", (), _seconds(tree["as_of"])
    stated_in = (tree["epoch"], tree["currency"], tree["timezone"], tree["mark_rule"])
    yield "northstar_snapshot_info", stated_in, 1
    for window, stated in tree["windows"].items():
        yield from _window(window, stated)
    for name, source in tree["sources"].items():
        yield from _source(name, source)
    for name, check in tree["checks"].items():
        yield "northstar_check_ok", (name,), float(check["ok"])
        if "usd" in check:
            yield "northstar_check_difference_usd", (name,), float(check["usd"])
        if "tolerance_usd" in check:
            yield "northstar_check_tolerance_usd", (name,), float(check["tolerance_usd"])
        if "contracts" in check:
            yield "northstar_check_difference_contracts", (name,), float(check["contracts"])
    yield from _trading(tree)
    yield from sales.samples(tree)
    yield from costs.samples(tree)


def _window(window: str, stated: Tree) -> Iterator[tuple[str, Sequence[str], float]]:
    net = stated["net"]
    yield "northstar_pnl_grade", (window,), _grade(net)
    if "usd" in net:
        yield "northstar_pnl_net_usd", (window,), float(net["usd"])
    if "as_of" in net:
        yield "northstar_pnl_as_of_timestamp_seconds", (window,), _seconds(net["as_of"])
    for name, part in stated["components"].items():
        yield "northstar_pnl_component_grade", (window, name), _grade(part)
        if "usd" in part:
            yield "northstar_pnl_component_usd", (window, name), float(part["usd"])


def _source(name: str, source: Tree) -> Iterator[tuple[str, Sequence[str], float]]:
    yield "northstar_source_up", (name,), float("error" not in source and "as_of" in source)
    yield "northstar_source_grade", (name,), _grade(source)
    if "as_of" in source:
        yield "northstar_source_as_of_timestamp_seconds", (name,), _seconds(source["as_of"])
    if "live_since" in source:
        yield "northstar_live_since_timestamp_seconds", (name,), _seconds(source["live_since"])
    if "last_success" in source:
        yield "northstar_source_last_success_timestamp_seconds", (name,), _seconds(source["last_success"])


def _trading(tree: Tree) -> Iterator[tuple[str, Sequence[str], float]]:
    if "usd" in tree.get("unrealised", {}):
        yield "northstar_unrealised_usd", (), float(tree["unrealised"]["usd"])
    for account in tree.get("accounts", {}).values():
        yield "northstar_venue_cash_usd", (), float(account["cash"])
        yield "northstar_venue_portfolio_value_usd", (), float(account["portfolio_value"])
        yield "northstar_venue_paid_in_usd", (), float(account["paid_in"])
    if "positions" not in tree:
        return
    for window, results in tree["trading"].items():
        yield from _results(window, results)
    yield "northstar_exposure_usd", (), float(tree["exposure"]["usd"])
    if "largest" in tree["exposure"]:
        yield "northstar_largest_position_usd", (), float(tree["exposure"]["largest"]["usd"])
    yield "northstar_positions_open", (), len(tree["positions"])
    yield from _positions(tree)


def _positions(tree: Tree) -> Iterator[tuple[str, Sequence[str], float]]:
    """Yield the positions that move the most, and the rest as one: what the totals leave, so that a scrape
    need not add up a thousand positions."""
    rest = dict(tree["positions"])
    cost, unrealised = (Decimal(tree[total].get("usd", 0)) for total in ("exposure", "unrealised"))
    # Only the few largest are put in order: sorting a thousand takes longer than the rest of a scrape.
    for market, position in nsmallest(TOP_MARKETS, rest.items(), key=_by_size):
        cost -= Decimal(position["cost"])
        yield "northstar_position_cost_usd", (market,), float(position["cost"])
        if "unrealised" in position:
            unrealised -= Decimal(position["unrealised"])
            yield "northstar_position_unrealised_usd", (market,), float(position["unrealised"])
        del rest[market]
    if rest:
        yield "northstar_position_cost_usd", ("other",), float(cost)
        if "usd" in tree["unrealised"] and any("unrealised" in position for position in rest.values()):
            yield "northstar_position_unrealised_usd", ("other",), float(unrealised)


def _by_size(item: tuple[str, Tree]) -> tuple[float, str]:
    market, position = item
    return -abs(float(position.get("unrealised", "0"))), market


def _results(window: str, results: Tree) -> Iterator[tuple[str, Sequence[str], float]]:
    for result, name in (("win", "wins"), ("loss", "losses"), ("even", "even")):
        yield "northstar_trading_round_trips", (window, result), results[name]
    yield "northstar_trading_max_drawdown_usd", (window,), float(results["max_drawdown_usd"])
    for name in ("win_ratio", "profit_factor", "fee_ratio"):
        if name in results:
            yield f"northstar_trading_{name}", (window,), float(results[name])


def _grade(graded: Tree) -> float:
    return float(Grade[graded["grade"].upper()])


def _seconds(text: str) -> float:
    return unstamp(text).timestamp()
