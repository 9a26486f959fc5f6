"""API cost in a scrape: what the snapshot says of it, as samples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal

from exporter.snapshot import Tree
from exporter.times import unstamp

Sample = tuple[str, Sequence[str], float]

BY = {
    "model": "northstar_api_cost_by_model_usd",
    "workspace": "northstar_api_cost_by_workspace_usd",
    "kind": "northstar_api_cost_by_kind_usd",
    "tier": "northstar_api_cost_by_tier_usd",
    "api_key": "northstar_api_cost_allocated_usd",
}
BUDGET = {
    "usd": "northstar_api_budget_usd",
    "spent": "northstar_api_budget_spent_usd",
    "used_ratio": "northstar_api_budget_used_ratio",
    "step": "northstar_api_budget_step_percent",
}


def samples(tree: Tree) -> Iterator[Sample]:
    """Yield name, labels and value of each figure; nothing where nothing of Anthropic is known."""
    costs = tree.get("api_cost")
    if not costs:
        return
    for window, stated in costs["windows"].items():
        yield from _window(window, stated)
    for row in costs["unpriced"]:
        yield "northstar_api_unpriced_tokens", (row["model"], row["reason"]), row["tokens"]
    if "drift" in costs:
        yield from _drift(costs["drift"])
    yield from _ahead(costs)
    yield from _restatements(costs["restatements"])
    yield from _names(costs["names"])


def _window(window: str, stated: Tree) -> Iterator[Sample]:
    for dimension, name in BY.items():
        for label, amount in stated["by"][dimension].items():
            yield name, (window, label), float(amount)
    yield "northstar_api_cost_estimate_low_usd", (window,), float(stated["estimated"]["low"])
    yield "northstar_api_cost_estimate_high_usd", (window,), float(stated["estimated"]["high"])
    for kind, count in stated["tokens"]["kind"].items():
        yield "northstar_api_tokens", (window, kind), count
    for model, count in stated["tokens"]["model"].items():
        yield "northstar_api_model_tokens", (window, model), count
    if "hit_ratio" in stated["cache"]:
        yield "northstar_api_cache_hit_ratio", (window,), float(stated["cache"]["hit_ratio"])
    yield "northstar_api_cache_saved_usd", (window,), float(stated["cache"]["saved_usd"])


def _drift(stated: Tree) -> Iterator[Sample]:
    yield "northstar_api_cost_drift_day_timestamp_seconds", (), _start(stated["day"])
    yield "northstar_api_cost_drift_usd", (), float(stated["usd"])
    if "ratio" in stated:
        yield "northstar_api_cost_drift_ratio", (), float(stated["ratio"])
    yield "northstar_api_cost_unestimated_usd", (), float(stated["unestimated"])
    for model, drift in stated["models"].items():
        yield "northstar_api_cost_model_drift_usd", (model,), float(drift["usd"])
        if "ratio" in drift:
            yield "northstar_api_cost_model_drift_ratio", (model,), float(drift["ratio"])


def _ahead(costs: Tree) -> Iterator[Sample]:
    if "burn_rate" in costs:
        yield "northstar_api_cost_burn_rate_usd", (), float(costs["burn_rate"]["usd_per_day"])
    if "forecast" in costs:
        yield "northstar_api_cost_forecast_usd", (), float(costs["forecast"]["mid"])
        yield "northstar_api_cost_forecast_low_usd", (), float(costs["forecast"]["low"])
        yield "northstar_api_cost_forecast_high_usd", (), float(costs["forecast"]["high"])
    for name, budget in costs.get("budgets", {}).items():
        for figure, metric in BUDGET.items():
            yield metric, (name,), float(budget[figure])
        if "gone" in budget:
            yield "northstar_api_budget_gone_timestamp_seconds", (name,), _start(budget["gone"])
    credit = costs.get("credit", {})
    if credit:
        yield "northstar_api_credit_left_usd", (), float(credit["left"])
    if "gone" in credit:
        yield "northstar_api_credit_gone_timestamp_seconds", (), _start(credit["gone"])
    if "gone_earliest" in credit:
        yield "northstar_api_credit_gone_earliest_timestamp_seconds", (), _start(credit["gone_earliest"])


def _restatements(stated: Tree) -> Iterator[Sample]:
    yield "northstar_api_cost_restatements_total", (), stated["count"]
    for last in stated["latest"][-1:]:
        change = Decimal(last["after"]) - Decimal(last["before"])
        yield "northstar_api_cost_restatement_usd", (), float(change)
        yield "northstar_api_cost_restatement_timestamp_seconds", (), unstamp(last["at"]).timestamp()


def _names(names: Tree) -> Iterator[Sample]:
    for place, named in names["workspaces"].items():
        archived = str(named["archived"]).lower()
        yield "northstar_api_workspace_info", (place, named["name"], archived), 1
    for place, named in names["api_keys"].items():
        labels = (place, named["name"], named["status"], named["workspace"])
        yield "northstar_api_key_info", labels, 1


def _start(day: str) -> float:
    """Return the UTC midnight of a date as seconds."""
    return datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()
