"""What each panel must say for a snapshot, computed from the API's answer and not from Prometheus."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from exporter.commands.demo import DEMO_LIMITS
from exporter.snapshot import COMPONENTS, WINDOWS, Grade
from exporter.times import unstamp

Tree = dict[str, Any]
Values = Mapping[str, Decimal | float]
Stated = Callable[[Tree, str], "Values | Decimal | float | None"]
"""Snapshot, with `scraped`, and chosen window -> one value, a value by label, or None where there is none."""


def _net(window: str | None = None) -> Stated:
    return lambda tree, chosen: _usd(tree["windows"][window or chosen]["net"])


def _usd(figure: Tree) -> Decimal | None:
    return Decimal(figure["usd"]) if "usd" in figure else None


def _of(tree: Tree, window: str, prefix: str) -> Decimal:
    parts = tree["windows"][window]["components"]
    return sum((Decimal(part["usd"]) for name, part in parts.items() if name.startswith(prefix)), Decimal(0))


def _sum(prefix: str, sign: int = 1, window: str | None = None, share: int = 1) -> Stated:
    return lambda tree, chosen: sign * _of(tree, window or chosen, prefix) / share


def _per_sales(over: Callable[[Tree, str], Decimal], under: str) -> Stated:
    def share(tree: Tree, window: str) -> Decimal | None:
        sold = _of(tree, window, under)
        return over(tree, window) / sold if sold > 0 else None

    return share


def _worst(prefix: str) -> Stated:
    return lambda tree, window: min(
        _grade(part)
        for name, part in tree["windows"][window]["components"].items()
        if name.startswith(prefix)
    )


def _grade(figure: Tree) -> float:
    return float(Grade[figure["grade"].upper()])


def _lines(window: str, say: Callable[[Tree], Any]) -> Stated:
    def by_component(tree: Tree, _: str) -> Values:
        stated = tree["windows"][window]
        return {name: say(part) for name, part in stated["components"].items()} | {"net": say(stated["net"])}

    return by_component


def _by_window(say: Callable[[Tree], Any]) -> Stated:
    return lambda tree, _: {window: say(tree["windows"][window]) for window in WINDOWS}


def _component(name: str, sign: int = 1) -> Callable[[Tree], Decimal]:
    return lambda stated: sign * Decimal(stated["components"][name]["usd"])


def _by_source(say: Callable[[Tree], float | None]) -> Stated:
    return lambda tree, _: {
        name: value for name, source in tree["sources"].items() if (value := say(source)) is not None
    }


def _milliseconds(text: str) -> float:
    return 1000 * unstamp(text).timestamp()


def _when(field: str) -> Callable[[Tree], float]:
    return lambda source: _milliseconds(source[field])


def _up(source: Tree) -> float:
    return float("error" not in source)


def _age_by_source(tree: Tree, _: str) -> Values:
    return {
        name: tree["scraped"] - unstamp(source["as_of"]).timestamp()
        for name, source in tree["sources"].items()
    }


def _trading(name: str) -> Stated:
    def result(tree: Tree, window: str) -> Decimal | None:
        results = tree["trading"][window]
        return Decimal(results[name]) if name in results else None

    return result


def _venue(*names: str) -> Stated:
    return lambda tree, _: sum((Decimal(tree["accounts"]["kalshi"][name]) for name in names), Decimal(0))


def _positions(field: str) -> Stated:
    return lambda tree, _: {
        market: Decimal(each[field]) for market, each in tree["positions"].items() if field in each
    }


def _checks(say: Callable[[Tree], Any]) -> Stated:
    return lambda tree, _: {
        name: value for name, check in tree["checks"].items() if (value := say(check)) is not None
    }


def _trust(tree: Tree, _: str) -> float:
    today = _grade(tree["windows"]["today"]["net"])
    return ((today >= 3) + (today >= 2)) * float(all(check["ok"] for check in tree["checks"].values()))


def _order(names: tuple[str, ...]) -> Stated:
    return lambda tree, _: {name: float(place) for place, name in enumerate(names, start=1)}


def _spent(tree: Tree, window: str) -> Tree:
    spent: Tree = tree["api_cost"]["windows"][window]
    return spent


def _cost_by(dimension: str) -> Stated:
    return lambda tree, window: {
        name: Decimal(usd) for name, usd in _spent(tree, window)["by"][dimension].items()
    }


def _tokens_by(dimension: str) -> Stated:
    return lambda tree, window: _spent(tree, window)["tokens"][dimension]


def _a_million(tree: Tree, window: str) -> Values:
    cost, tokens = _spent(tree, window)["by"]["model"], _spent(tree, window)["tokens"]["model"]
    return {name: 10**6 * Decimal(cost[name]) / tokens[name] for name in cost if tokens.get(name)}


def _unpriced(tree: Tree, window: str) -> Values:
    found = dict.fromkeys(_spent(tree, window)["by"]["model"], 0)
    for row in tree["api_cost"]["unpriced"]:
        found[row["model"]] = found.get(row["model"], 0) + row["tokens"]
    return found


def _named(dimension: str, names: str) -> Stated:
    def by_name(tree: Tree, window: str) -> Values:
        found: dict[str, Decimal] = {}
        for id_, usd in _spent(tree, window)["by"][dimension].items():
            name = tree["api_cost"]["names"][names].get(id_, {"name": id_})["name"]
            found[name] = found.get(name, Decimal(0)) + Decimal(usd)
        return found

    return by_name


def _drift_by_model(figure: str) -> Stated:
    return lambda tree, _: {
        name: Decimal(drift[figure])
        for name, drift in tree["api_cost"]["drift"]["models"].items()
        if figure in drift
    }


def _cached(figure: str) -> Stated:
    return lambda tree, window: Decimal(_spent(tree, window)["cache"][figure])


def _forecast(bound: str) -> Stated:
    return lambda tree, _: Decimal(tree["api_cost"]["forecast"][bound])


def _counted(count: str) -> Stated:
    return lambda tree, window: float(tree["sales"][window][count])


def _per_order(*prefixes: str, sign: int = 1) -> Stated:
    def figure(tree: Tree, window: str) -> Decimal | None:
        orders = tree["sales"][window]["orders"]
        amount = sum((_of(tree, window, prefix) for prefix in prefixes), Decimal(0))
        return sign * amount / orders if orders else None

    return figure


def _refund_rate(tree: Tree, window: str) -> float | None:
    counts = tree["sales"][window]
    return counts["refunds"] / counts["orders"] if counts["orders"] else None


def _worst_of_orders(tree: Tree, window: str) -> float | None:
    parts = (_worst("sales_")(tree, window), _worst("api_cost_")(tree, window))
    return min(parts) if tree["sales"][window]["orders"] else None  # type: ignore[type-var]


def _in_windows(say: Stated) -> Stated:
    return lambda tree, _: {window: say(tree, window) for window in WINDOWS}  # type: ignore[misc]


def _cost(tree: Tree, window: str) -> Decimal:
    return -_of(tree, window, "api_cost_")


LOSS_LIMIT = Decimal(DEMO_LIMITS["NORTHSTAR_LIMIT_LOSS_TODAY_USD"])
UNREALISED: Stated = lambda tree, _: _usd(tree["unrealised"])  # noqa: E731 - one of a table
EXPOSURE: Stated = lambda tree, _: Decimal(tree["exposure"]["usd"])  # noqa: E731
LARGEST: Stated = lambda tree, _: Decimal(tree["exposure"]["largest"]["usd"])  # noqa: E731
AVERAGE_ORDER = _per_order("sales_gross")
COST_PER_ORDER = _per_order("api_cost_", sign=-1)
CONTRIBUTION = _per_order("sales_", "api_cost_")
SOURCES = (_by_source(_up), _by_source(_grade), _by_source(_when("last_success")))

STATED: dict[str, tuple[Stated, ...]] = {
    "Today's net can be trusted": (_trust,),
    "Grade, $window": (lambda tree, window: _grade(tree["windows"][window]["net"]),),
    "As of, $window": (lambda tree, window: _milliseconds(tree["windows"][window]["net"]["as_of"]),),
    "Sources": (_by_source(_up),),
    "Net today": (_net("today"),),
    "To the loss limit of today": (lambda tree, _: LOSS_LIMIT + _of(tree, "today", ""),),
    "Net, this month": (_net("mtd"),),
    "Net, 7 days": (_net("7d"),),
    "Net, this year": (_net("ytd"),),
    "Trading, $window": (_sum("trading_"),),
    "Sales net, $window": (_sum("sales_"),),
    "company: API cost, $window": (_sum("api_cost_"),),
    "kiosk: API cost, $window": (_sum("api_cost_"),),
    "Net, $window, as it moved": (_net(),),
    "What it is made of, $window": (_sum("trading_"), _sum("sales_"), _sum("api_cost_")),
    "Income statement": (
        _lines("today", _usd),
        _lines("today", _grade),
        _lines("mtd", _usd),
        _lines("mtd", _grade),
        _lines("ytd", _usd),
        _order((*COMPONENTS, "net")),
    ),
    "Sources, since when": SOURCES,
    "Net today, scraped": (_net("today"),),
    "Realised, $window": (_sum("trading_realised"),),
    "Unrealised change, $window": (_sum("trading_unrealised_change"),),
    "Fees, $window": (_sum("trading_fees"),),
    "Unrealised": (UNREALISED,),
    "Exposure": (EXPOSURE,),
    "Largest position": (LARGEST,),
    "Round trips won, $window": (_trading("win_ratio"),),
    "Profit factor, $window": (_trading("profit_factor"),),
    "Deepest fall, $window": (_trading("max_drawdown_usd"),),
    "Trading P&L, $window": (
        _sum("trading_realised"),
        _sum("trading_unrealised_change"),
        _sum("trading_fees"),
    ),
    "At risk": (EXPOSURE, LARGEST, UNREALISED),
    "At the venue": (_venue("cash", "portfolio_value"), _venue("cash"), _venue("paid_in")),
    "Fees as a share of realised P&L, $window": (_trading("fee_ratio"),),
    "Open positions": (_positions("cost"), _positions("unrealised")),
    "Truth checks": (
        _checks(lambda check: float(check["ok"])),
        _checks(lambda check: Decimal(check["usd"]) if "usd" in check else None),
        _checks(lambda check: Decimal(check["tolerance_usd"]) if "tolerance_usd" in check else None),
        _checks(lambda check: Decimal(check["contracts"]) if "contracts" in check else None),
    ),
    "ai-cost: API cost, $window": (_sum("api_cost_", -1),),
    "Of it estimated, $window": (_sum("api_cost_estimated", -1),),
    "A day": (lambda tree, _: Decimal(tree["api_cost"]["burn_rate"]["usd_per_day"]),),
    "Of the budget used": (lambda tree, _: Decimal(tree["api_cost"]["budgets"]["total"]["used_ratio"]),),
    "This month will cost": (_forecast("mid"),),
    "This month, and where it leads": (
        _sum("api_cost_", -1, "mtd"),
        _forecast("mid"),
        _forecast("low"),
        _forecast("high"),
    ),
    "By model, $window": (_cost_by("model"), _tokens_by("model"), _unpriced, _a_million),
    "By workspace, $window": (_named("workspace", "workspaces"),),
    "By kind, $window": (_cost_by("kind"), _tokens_by("kind")),
    "By API key, $window": (_named("api_key", "api_keys"),),
    "Estimate against the bill": (lambda tree, _: Decimal(tree["api_cost"]["drift"]["ratio"]),),
    "Of that bill not estimable": (lambda tree, _: Decimal(tree["api_cost"]["drift"]["unestimated"]),),
    "Read from the cache, $window": (
        lambda tree, window: Decimal(_spent(tree, window)["cache"]["hit_ratio"]),
    ),
    "Saved by the cache, $window": (
        lambda tree, window: Decimal(_spent(tree, window)["cache"]["saved_usd"]),
    ),
    "Bill minus estimate by model": (_drift_by_model("usd"), _drift_by_model("ratio")),
    "Share of sales, $window": (_per_sales(_cost, "sales_"),),
    "Billed and estimated, $window": (_sum("api_cost_billed", -1), _sum("api_cost_estimated", -1)),
    "API cost by window": (
        _by_window(_component("api_cost_billed", -1)),
        _by_window(_component("api_cost_estimated", -1)),
        lambda tree, _: {window: _worst("api_cost_")(tree, window) for window in WINDOWS},  # type: ignore[misc]
        _order(WINDOWS),
    ),
    "Sales, gross, $window": (_sum("sales_gross"),),
    "Refunds, $window": (_sum("sales_refunds"),),
    "Processing, $window": (_sum("sales_fees"),),
    "Refunded, $window": (
        _per_sales(lambda tree, window: -_of(tree, window, "sales_refunds"), "sales_gross"),
    ),
    "Processing, share, $window": (
        _per_sales(lambda tree, window: -_of(tree, window, "sales_fees"), "sales_gross"),
    ),
    "API cost, share, $window": (_per_sales(_cost, "sales_gross"),),
    "Contribution margin, $window": (
        _per_sales(lambda tree, window: _of(tree, window, "sales_") - _cost(tree, window), "sales_gross"),
    ),
    "Orders, $window": (_counted("orders"),),
    "Average order, $window": (AVERAGE_ORDER,),
    "API cost per order, $window": (COST_PER_ORDER,),
    "Contribution per order, $window": (CONTRIBUTION,),
    "Refund rate, $window": (_refund_rate,),
    "Orders and refunds, $window": (_counted("orders"), _counted("refunds")),
    "An order, $window": (AVERAGE_ORDER, COST_PER_ORDER, CONTRIBUTION),
    "What an order brings and costs, by window": (
        _in_windows(_counted("orders")),
        _in_windows(_counted("refunds")),
        _in_windows(_refund_rate),
        _in_windows(AVERAGE_ORDER),
        _in_windows(COST_PER_ORDER),
        _in_windows(CONTRIBUTION),
        _in_windows(_worst_of_orders),
        _order(WINDOWS),
    ),
    "Sales, $window": (_sum("sales_gross"), _sum("sales_refunds"), _sum("sales_fees")),
    "Sales against the API, $window": (_sum("sales_"), _sum("api_cost_", -1)),
    "Sales by window": (
        _by_window(_component("sales_gross")),
        _by_window(_component("sales_refunds")),
        _by_window(_component("sales_fees")),
        lambda tree, _: {window: _worst("sales_")(tree, window) for window in WINDOWS},  # type: ignore[misc]
        _order(WINDOWS),
    ),
    "Exporter": (lambda *_: 1.0,),
    "Stream": (lambda *_: 1.0,),
    "Age of each source": (_age_by_source,),
    "Checks that fail": (lambda tree, _: float(sum(not check["ok"] for check in tree["checks"].values())),),
}
"""By title, with the dashboard before it where two of them mean different things by it."""

NOT_IN_THE_API = {
    "By series, this month": "compared with another answer of the API than the snapshot",
    "By event, this month": "compared with another answer of the API than the snapshot",
    "Net by day": "of days, which the snapshot does not have: compared in tests/e2e/test_remote_read.py",
    "Months that are over": "of months, likewise",
    "Alertmanager": "Prometheus's own",
    "Grafana Live": "about the stream",
    "Alerts": "Prometheus's own",
    "Stated in": "labels, not a value: compared by themselves",
    "Sources: which one is down, and since when": "in part about the exporter's requests",
    "Rows set aside: which field of which list cannot be read": "in another answer than the snapshot",
    "Newest snapshot": "depends on when it is asked",
    "Alerts that fire": "Prometheus's own",
    "Refused, 1 h": "about the exporter",
    "Sales booked": "about the exporter",
    "Requests by outcome": "about the exporter",
    "Readings that failed, 5 minutes": "about the exporter",
    "Request budget left": "about the exporter",
    "From asking a source to publishing": "about the exporter",
    "Durable commit of a snapshot": "about the exporter",
    "Scheduled runs that did not happen, 5 minutes": "about the exporter",
    "Database": "about the exporter",
    "Room on its disk": "about the exporter",
    "Newest verified backup": "about the exporter",
    "Delivered in 50 ms, 1 h": "about the stream",
    "From commit to socket": "about the stream",
    "Answers of another shape, 15 minutes": "about the exporter",
    "A reading takes, 99 %": "about the exporter",
    "Live feed": "about the exporter",
    "Streams that ended, 5 minutes": "about the stream",
    "Pushes to Grafana Live": "about the stream",
    "Clients": "about the stream",
    "Readers that started over, 5 minutes": "about the stream",
}
"""Panels whose figure the API does not state, and why; they must have a value all the same."""


def stated(dashboard: str, title: str) -> tuple[Stated, ...] | None:
    """Return what a panel's queries must give; None where the API does not say."""
    if title in NOT_IN_THE_API:
        return None
    own = f"{dashboard}: {title}"
    return STATED[own] if own in STATED else STATED[title]


NOT_AT_FIRST = {"Grafana Live"}
"""Panels of what is switched off until a setting names it; they say so instead of a figure."""
