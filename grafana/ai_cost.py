"""AI cost: what does the API cost, who spends it, where does it lead, and do the estimates hold?"""

from __future__ import annotations

from grafana import queries, words
from grafana.dashboard import Dashboard, Row, trust
from grafana.panels import Column, Panel, Query, about, lines, stat, table
from grafana.words import AMOUNT, COUNT, SHARE, USD, WINDOW_WORDS, Steps

W = f'window="{queries.CHOSEN}"'
BUDGET: Steps = [(None, words.BLUE), (0.8, words.PALE), (1, words.ORANGE)]
DRIFT: Steps = [(None, words.BLUE), (0.05, words.ORANGE)]
"""The limit that is set unless NORTHSTAR_LIMIT_COST_DRIFT_RATIO says otherwise."""


def dashboard() -> Dashboard:
    """Return the dashboard of the API's cost."""
    return Dashboard(
        "ai-cost",
        "3 AI cost",
        "What the Anthropic API costs, for whom and for what, where it leads, and how well it is estimated.",
        [
            trust(),
            Row([_cost(), _estimated(), _burn(), _forecast(), _budget(), _share()]),
            Row([_month(), _over_time()]),
            Row([_models(), _workspaces()], "By whom, and for what"),
            Row([_kinds(), _keys()]),
            Row([_drift(), _unestimated(), _cache(), _saved()], "Estimates and cache"),
            Row([_model_drift(), _windows()]),
        ],
        since="now-24h",
    )


def _stat(
    title: str,
    query: str,
    what: str,
    formula: str,
    *,
    unit: str = USD,
    steps: Steps = words.CALM,
    mappings: list[words.Json] | None = None,
) -> Panel:
    return stat(
        title,
        Query(queries.or_nothing(query)),
        about(what, formula=formula),
        unit=unit,
        decimals=1 if unit == SHARE else 2,
        steps=steps,
        mappings=mappings,
        width=4,
    )


def _cost() -> Panel:
    return _stat(
        "API cost, $window",
        queries.cost(),
        "Billed and estimated cost together.",
        "billed days + usage x list price of the others",
    )


def _estimated() -> Panel:
    return _stat(
        "Of it estimated, $window",
        f'-max(northstar_pnl_component_usd{{{W},component="api_cost_estimated"}})',
        "Cost of the days that are not billed yet; a lower bound where a tier or a price is not known.",
        "usage x list price",
    )


def _burn() -> Panel:
    return _stat(
        "A day",
        "max(northstar_api_cost_burn_rate_usd)",
        "What a day costs on average.",
        "mean of the last seven finished days that are known",
    )


def _forecast() -> Panel:
    return _stat(
        "This month will cost",
        "max(northstar_api_cost_forecast_usd)",
        "What this calendar month is expected to cost.",
        "spent so far + days to come at the pace of the last ones",
    )


def _budget() -> Panel:
    return _stat(
        "Of the budget used",
        'max(northstar_api_budget_used_ratio{budget="total"})',
        "Share of this month's budget. NORTHSTAR_API_BUDGET_USD sets it.",
        "spent / budget",
        unit=SHARE,
        steps=BUDGET,
        mappings=words.NO_LIMIT,
    )


def _share() -> Panel:
    return _stat(
        "Share of sales, $window",
        f"{queries.cost()} / ({queries.parts(queries.SALES)} > 0)",
        "What part of a dollar of net sales goes to the API.",
        "API cost / sales net; no figure without sales",
        unit=SHARE,
    )


def _month() -> Panel:
    return lines(
        "This month, and where it leads",
        [
            Query(queries.or_nothing(queries.cost("mtd")), "Spent"),
            Query("max(northstar_api_cost_forecast_usd)", "Expected"),
            Query("max(northstar_api_cost_forecast_low_usd)", "At least"),
            Query("max(northstar_api_cost_forecast_high_usd)", "At most"),
        ],
        about(
            "What is spent, and what the month is expected to come to. At least and at most: if all days to "
            "come were as cheap, or as dear, as one in twenty was.",
            formula="spent + days to come",
        ),
        unit=USD,
        colors=(words.BLUE, words.ORANGE, words.GREY, words.GREY),
    )


def _over_time() -> Panel:
    return lines(
        "Billed and estimated, $window",
        [
            Query(f"-({queries.component('api_cost_billed')})", "Billed"),
            Query(f"-({queries.component('api_cost_estimated')})", "Estimated"),
        ],
        about("A day moves from estimated to billed, whole, when its bill arrives.", formula="by component"),
        unit=USD,
        colors=(words.BLUE, words.ORANGE),
    )


def _models() -> Panel:
    cost = f"sum by (model) (northstar_api_cost_by_model_usd{{{W}}})"
    tokens = f"sum by (model) (northstar_api_model_tokens{{{W}}})"
    unpriced = "sum by (model) (northstar_api_unpriced_tokens)"
    return table(
        "By model, $window",
        "model",
        [
            Column("Cost, $", cost, AMOUNT, decimals=2),
            Column("Tokens", tokens, COUNT, words.IF_ANY),
            Column("Unpriced", f"{unpriced} or 0 * {cost}", COUNT, words.IF_ANY),
            Column("Per million, $", f"1e6 * {cost} / ({tokens} > 0)", AMOUNT, words.IF_ANY, decimals=2),
        ],
        about(
            "The dearest models, the rest as other; `none` is what no model is named for. Tokens without a "
            "list price are in no estimate.",
            formula="bills by model, else usage x list price",
        ),
        heading="Model",
        largest="Cost, $",
        height=9,
        first=180,
    )


def _workspaces() -> Panel:
    return _by_name(
        "By workspace, $window",
        "Workspace",
        _named("northstar_api_cost_by_workspace_usd", "workspace", "northstar_api_workspace_info"),
        about("What each workspace spent.", formula="bills by workspace, else usage x list price"),
    )


def _keys() -> Panel:
    return _by_name(
        "By API key, $window",
        "API key",
        _named("northstar_api_cost_allocated_usd", "api_key", "northstar_api_key_info"),
        about("What each key spent. No bill says so: it is allocated.", formula="cost x share of the tokens"),
    )


def _named(cost: str, label: str, info: str) -> str:
    """Return a cost by the name in the Console; by the id where nobody knows a name."""
    series = f"{cost}{{{W}}}"
    known = f"{series} * on ({label}) group_left (name) max by ({label}, name) ({info})"
    unknown = f'label_replace({series} unless on ({label}) {info}, "name", "$1", "{label}", "(.*)")'
    return f"sum by (name) ({known} or {unknown})"


def _by_name(title: str, heading: str, cost: str, description: str) -> Panel:
    columns = [Column("Cost, $", cost, AMOUNT, decimals=2)]
    return table(title, "name", columns, description, heading=heading, largest="Cost, $", height=9)


def _kinds() -> Panel:
    return table(
        "By kind, $window",
        "kind",
        [
            Column("Cost, $", f"sum by (kind) (northstar_api_cost_by_kind_usd{{{W}}})", AMOUNT, decimals=2),
            Column("Tokens", f"sum by (kind) (northstar_api_tokens{{{W}}})", COUNT, words.IF_ANY),
        ],
        about(
            "By kind of token, or by what else is billed.", formula="bills by kind, else usage x list price"
        ),
        heading="Kind",
        largest="Cost, $",
        height=9,
    )


def _drift() -> Panel:
    return stat(
        "Estimate against the bill",
        Query(queries.or_nothing("max(northstar_api_cost_drift_ratio)")),
        about(
            "By how much the bill of the newest finished day was above its estimate. Beyond the limit list "
            "prices are stale, or a rule is missing.",
            formula="(bill - estimate) / bill",
        ),
        unit=SHARE,
        decimals=1,
        steps=DRIFT,
        width=6,
    )


def _unestimated() -> Panel:
    return stat(
        "Of that bill not estimable",
        Query(queries.or_nothing("max(northstar_api_cost_unestimated_usd)")),
        about("What usage does not show, or has no list price.", formula="bill of what has no estimate"),
        unit=USD,
        decimals=2,
        width=6,
    )


def _cache() -> Panel:
    return stat(
        "Read from the cache, $window",
        Query(queries.or_nothing(f"max(northstar_api_cache_hit_ratio{{{W}}})")),
        about("Tokens read from a cache as a share of all tokens of prompts.", formula="cache reads / input"),
        unit=SHARE,
        decimals=1,
        width=6,
    )


def _saved() -> Panel:
    return stat(
        "Saved by the cache, $window",
        Query(queries.or_nothing(f"max(northstar_api_cache_saved_usd{{{W}}})")),
        about("By list price, less what writing it cost.", formula="reads x (input - read price) - writes"),
        unit=USD,
        decimals=2,
        width=6,
    )


def _model_drift() -> Panel:
    return table(
        "Bill minus estimate by model",
        "model",
        [
            Column("Drift, $", "max by (model) (northstar_api_cost_model_drift_usd)", AMOUNT, decimals=2),
            Column(
                "Share of the bill",
                "max by (model) (northstar_api_cost_model_drift_ratio)",
                SHARE,
                words.IF_ANY,
                decimals=1,
            ),
        ],
        about("Of the newest day whose bill is final and was estimated.", formula="bill - estimate"),
        heading="Model",
        largest="Drift, $",
        height=10,
    )


def _windows() -> Panel:
    def by_window(component: str) -> str:
        return f'-max by (window) (northstar_pnl_component_usd{{component="{component}"}})'

    return table(
        "API cost by window",
        "window",
        [
            Column("Billed, $", by_window("api_cost_billed"), AMOUNT, decimals=2),
            Column("Estimated, $", by_window("api_cost_estimated"), AMOUNT, decimals=2),
            Column(
                "Grade",
                'min by (window) (northstar_pnl_component_grade{component=~"api_cost_.+"})',
                words.WORD,
                words.GRADES,
            ),
        ],
        about("A day is billed or estimated, never both.", formula="by component"),
        heading="Window",
        names=WINDOW_WORDS,
        order=queries.WINDOWS_IN_ORDER,
        height=10,
    )
