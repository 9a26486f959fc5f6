"""The snapshot: all figures at one moment, as it is stored, patched, streamed and read.

This is the one definition. From it follow the JSON in both directions, the OpenAPI document, `client.d.ts`,
the page docs/snapshot.md, what a token that may read totals sees, and the paths that metrics are read from.

Text:    an amount is decimal text and a moment RFC 3339 text, so that the bytes of equal figures are equal
         and a figure is never rounded on the way.
Absent:  a field that stands at its default has no key in JSON; there is no null.
Seen:    each field says with its meaning who may see it. What a token for totals sees is marked `totals`:
         no market, no customer, no sentence, no name that somebody has chosen.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import field

from exporter.records.kinds import Kind
from exporter.snapshot.components import Window
from exporter.snapshot.definition import Stated, private, totals
from exporter.snapshot.figure import GradeWord, StatedFigure
from exporter.snapshot.texts import Contracts, Day, Moment, Ratio, Usd


class SourceShare(Stated, frozen=True, kw_only=True):
    """What one source has brought to a window."""

    net: Annotated[StatedFigure, totals("The sum of its components.")]
    components: Annotated[dict[str, StatedFigure], totals("Signed contributions, by component.")]


class WindowStatement(Stated, frozen=True, kw_only=True):
    """The profit and loss of one window."""

    start: Annotated[Moment, totals("Where the window begins.")] = field(name="from")
    end: Annotated[Moment, totals("Where it ends: the time of the snapshot.")] = field(name="to")
    net: Annotated[StatedFigure, totals("The profit or loss: the sum of the components, exactly.")]
    components: Annotated[
        dict[str, StatedFigure],
        totals("Signed contributions: a cost is negative. Absent for a source that is off."),
    ]
    by_source: Annotated[
        dict[str, SourceShare] | None,
        totals("The same by source, for sources of a kind that has several."),
    ] = None


class Trouble(Stated, frozen=True, kw_only=True):
    """What is wrong with a source."""

    reason: Annotated[str, totals("One word, as in the table of reasons.")]
    sentence: Annotated[str, private("What happened, for people.")]
    since: Annotated[Moment, totals("Since when.")]


LiveStatus = Literal["live", "connecting", "off"]


class SourceStatus(Stated, frozen=True, kw_only=True):
    """How a source stands."""

    title: Annotated[str, totals("What people call it.")]
    kind: Annotated[Kind, totals("Which books it feeds.")]
    grade: Annotated[GradeWord, totals("`final` while it is fresh.")]
    live: Annotated[LiveStatus | None, totals("How its live feed stands; absent without one.")] = None
    live_since: Annotated[Moment | None, totals("Since when it does.")] = None
    as_of: Annotated[Moment | None, totals("The time that its figures speak of.")] = None
    last_success: Annotated[Moment | None, totals("When it last answered completely.")] = None
    history: Annotated[tuple[str, ...], private("What is missing of its past.")] = ()
    error: Annotated[Trouble | None, totals("Absent while its last reading succeeded.")] = None
    aside: Annotated[int | None, totals("Rows of its lists that cannot be read; absent without any.")] = None
    ahead: Annotated[
        int | None,
        totals("Moments that it dates ahead of now, which count when they come; absent without any."),
    ] = None


class CheckPart(Stated, frozen=True, kw_only=True):
    """A truth check of one source."""

    ok: Annotated[bool, totals("Whether it holds.")]
    usd: Annotated[Usd | None, totals("What it is off by, in dollars.")] = None
    contracts: Annotated[Contracts | None, totals("What it is off by, in contracts.")] = None
    tolerance_usd: Annotated[Usd | None, private("What it may be off by, where that is not zero.")] = None
    detail: Annotated[str | None, private("Where the difference is, for people.")] = None
    lots: Annotated[str | None, private("Which lot rule the venue's exposure agrees with.")] = None
    since: Annotated[Moment | None, totals("Since when it is off by that; absent where nobody knows.")] = None
    doubts: Annotated[
        tuple[str, ...] | None, totals("The components that it speaks against; absent while it holds.")
    ] = None
    markets: Annotated[
        dict[str, str] | None, private("What each market is off by whose figures it speaks against.")
    ] = None


class Check(CheckPart, frozen=True, kw_only=True):
    """Something that must hold in every snapshot."""

    parts: Annotated[dict[str, CheckPart] | None, private("By source, where several have it.")] = None


class Position(Stated, frozen=True, kw_only=True):
    """Open contracts of one market."""

    source: Annotated[str, private("The venue that they are held at.")]
    side: Annotated[Literal["yes", "no"], private("The side held.")]
    count: Annotated[Contracts, private("How many contracts.")]
    cost: Annotated[Usd, private("What they cost.")]
    mark: Annotated[Usd | None, private("The price of one; absent while nobody quotes it.")] = None
    value: Annotated[Usd | None, private("What they are worth at the mark.")] = None
    unrealised: Annotated[Usd | None, private("The value less the cost.")] = None
    grade: Annotated[GradeWord, private("`missing` without a mark, `stale` with an old one.")]
    as_of: Annotated[Moment | None, private("Since when the mark has its value.")] = None


class VenueAccount(Stated, frozen=True, kw_only=True):
    """An account at a venue, by the venue's own statement."""

    cash: Annotated[Usd, private("Cash.")]
    portfolio_value: Annotated[Usd, private("Value of the open positions.")]
    equity: Annotated[Usd, private("Both together.")]
    paid_in: Annotated[Usd, private("What deposits brought, less what withdrawals took.")]
    as_of: Annotated[Moment, private("When the venue said so.")]
    other_cash: Annotated[Usd | None, private("What came beside all lists of the venue.")] = None
    unexplained: Annotated[Usd | None, private("Cash that nothing explains; absent when it is zero.")] = None


class VenueTotals(Stated, frozen=True, kw_only=True):
    """What is open at one venue."""

    unrealised: Annotated[StatedFigure, private("Unrealised P&L of its marked positions.")]
    exposure: Annotated[Usd, private("The cost of its positions.")]


class TradingResults(Stated, frozen=True, kw_only=True):
    """How trading went in a window. Ratios are absent where nothing is divided."""

    wins: Annotated[int, private("Round trips that made money.")]
    losses: Annotated[int, private("Round trips that lost money.")]
    even: Annotated[int, private("Round trips that did neither.")]
    max_drawdown_usd: Annotated[Usd, private("Deepest fall of realised P&L after fees from a peak.")]
    win_ratio: Annotated[Ratio | None, private("Wins as a share of all.")] = None
    profit_factor: Annotated[Ratio | None, private("What was won divided by what was lost.")] = None
    fee_ratio: Annotated[Ratio | None, private("Fees as a share of realised P&L before fees.")] = None


class LargestPosition(Stated, frozen=True, kw_only=True):
    """The open position that has cost the most."""

    market: Annotated[str, private("Its key in `positions`.")]
    usd: Annotated[Usd, private("Its cost.")]


class Exposure(Stated, frozen=True, kw_only=True):
    """The most that open positions can still lose."""

    usd: Annotated[Usd, private("The cost of all open positions.")]
    largest: Annotated[LargestPosition | None, private("Absent while nothing is open.")] = None


class PerOrderFigure(Stated, frozen=True, kw_only=True):
    """An amount divided by the orders of a window."""

    value: Annotated[Ratio | None, totals("The quotient; absent when a part of it is missing.")] = None
    grade: Annotated[GradeWord, totals("The worst of its parts.")]


class PerOrder(Stated, frozen=True, kw_only=True):
    """What an order brings, and what it costs. A figure whose source is switched off is absent."""

    average_order: Annotated[PerOrderFigure | None, totals("Gross sales by order.")] = None
    api_cost_per_order: Annotated[PerOrderFigure | None, totals("API cost by order, positive.")] = None
    contribution_per_order: Annotated[
        PerOrderFigure | None, totals("Sales after refunds, processing and API cost, by order.")
    ] = None
    refund_ratio: Annotated[PerOrderFigure | None, totals("Refunds given divided by orders.")] = None


class ShopCounts(Stated, frozen=True):
    """The sales of one shop, counted."""

    orders: Annotated[int, totals("Paid sales that were made in the window.")]
    refunds: Annotated[int, totals("Refunds that were given in it, of whatever sale.")]


class SalesCounts(Stated, frozen=True, kw_only=True):
    """Sales of a window, counted, and what each comes to. No count while a shop has never answered."""

    orders: Annotated[int | None, totals("Paid sales that were made in the window.")] = None
    refunds: Annotated[int | None, totals("Refunds that were given in it, of whatever sale.")] = None

    per_order: Annotated[PerOrder | None, totals("Absent without an order.")] = None
    by_source: Annotated[dict[str, ShopCounts] | None, totals("By shop, where there are several.")] = None


class CostByDimension(Stated, frozen=True, kw_only=True):
    """API cost of a window, positive; in each dimension it sums to all of it."""

    model: Annotated[dict[str, Usd], private("By model; `none` names no model.")]
    workspace: Annotated[dict[str, Usd], private("By workspace.")]
    kind: Annotated[dict[str, Usd], private("By kind of token, or by cost type where it is not for tokens.")]
    tier: Annotated[dict[str, Usd], private("By service tier.")]
    api_key: Annotated[dict[str, Usd], private("By key, allocated by the tokens each used.")]


class TokenKinds(Stated, frozen=True, kw_only=True):
    """Tokens by kind; the kinds are disjoint."""

    uncached_input: Annotated[int, private("Of prompts, read anew.")]
    cache_write_5m: Annotated[int, private("Of prompts, written to a cache for five minutes.")]
    cache_write_1h: Annotated[int, private("Of prompts, written to a cache for an hour.")]
    cache_read: Annotated[int, private("Of prompts, read from a cache.")]
    output: Annotated[int, private("Of answers.")]


class TokenCounts(Stated, frozen=True, kw_only=True):
    """Tokens that were used in a window."""

    kind: Annotated[TokenKinds, private("By kind.")]
    model: Annotated[dict[str, int], private("By model.")]


class EstimateRange(Stated, frozen=True, kw_only=True):
    """What is not billed yet comes to."""

    low: Annotated[Usd, private("The least: what is booked.")]
    high: Annotated[Usd, private("The most.")]


class CacheUse(Stated, frozen=True, kw_only=True):
    """What prompt caches did."""

    saved_usd: Annotated[Usd, private("What they saved by list price, less what it cost to write them.")]
    hit_ratio: Annotated[Ratio | None, private("Tokens read from a cache, of those of prompts.")] = None


class ApiCostWindow(Stated, frozen=True, kw_only=True):
    """API cost of a window in detail."""

    by: Annotated[CostByDimension, private("The dearest of the last 30 days by name, the rest as `other`.")]
    tokens: Annotated[TokenCounts, private("Tokens used.")]
    estimated: Annotated[EstimateRange, private("Bounds of what is not billed yet.")]
    cache: Annotated[CacheUse, private("Prompt caches.")]


class WorkspaceTitle(Stated, frozen=True, kw_only=True):
    """What a workspace is called."""

    name: Annotated[str, private("Its name.")]
    archived: Annotated[bool, private("Whether it is archived.")]


class ApiKeyTitle(Stated, frozen=True, kw_only=True):
    """What an API key is called."""

    name: Annotated[str, private("Its name.")]
    status: Annotated[str, private("`active`, `inactive` or `archived`.")]
    workspace: Annotated[str, private("The workspace that it belongs to.")]


class ApiNames(Stated, frozen=True, kw_only=True):
    """What the ids in `by` are called."""

    workspaces: Annotated[dict[str, WorkspaceTitle], private("By id.")]
    api_keys: Annotated[dict[str, ApiKeyTitle], private("By id.")]


class UnpricedTokens(Stated, frozen=True, kw_only=True):
    """Tokens of unbilled days that no list price is known for."""

    model: Annotated[str, private("The model.")]
    reason: Annotated[str, private("`model`, or what of its use has no price.")]
    tokens: Annotated[int, private("How many.")]


class BillRestatement(Stated, frozen=True, kw_only=True):
    """A bill that changed after it was there."""

    day: Annotated[Day, private("The day that was billed.")]
    before: Annotated[Usd, private("What it was.")]
    after: Annotated[Usd, private("What it is.")]
    at: Annotated[Moment, private("When the new one was read.")]


class BillRestatements(Stated, frozen=True, kw_only=True):
    """Bills that changed after they were there."""

    count: Annotated[int, private("How many, in all that is stored.")]
    latest: Annotated[tuple[BillRestatement, ...], private("The last few, the newest last.")]


class StatedRestatement(Stated, frozen=True, kw_only=True):
    """What a source has said otherwise: a record that was amended, taken back, or listed late."""

    source: Annotated[str, private("The source.")]
    kind: Annotated[str, private("The kind of record.")]
    key: Annotated[str, private("Its id.")]
    happened_at: Annotated[Moment, private("When it happened.")]
    before: Annotated[
        dict[str, str] | None, private("Its amounts as they were said; absent where nothing was.")
    ] = None
    after: Annotated[dict[str, str], private("Its amounts as they are said.")]
    at: Annotated[Moment, private("When that was read.")]


class Restatements(Stated, frozen=True, kw_only=True):
    """What the sources have said otherwise."""

    count: Annotated[int, private("How many, in all that is stored.")]
    latest: Annotated[tuple[StatedRestatement, ...], private("The last few, the newest last.")]


class ModelDrift(Stated, frozen=True, kw_only=True):
    """A bill beside the estimate that stood there before it."""

    estimate: Annotated[Usd, private("The estimate.")]
    high: Annotated[Usd, private("Its upper bound.")]
    billed: Annotated[Usd, private("The bill.")]
    usd: Annotated[Usd, private("The bill less the estimate.")]
    ratio: Annotated[Ratio | None, private("That as a share of the bill.")] = None


class DayDrift(Stated, frozen=True, kw_only=True):
    """The newest day whose bill is final and was estimated."""

    day: Annotated[Day, private("The day.")]
    estimate: Annotated[Usd, private("The estimate.")]
    high: Annotated[Usd, private("Its upper bound.")]
    billed: Annotated[Usd, private("The bill, of what could be estimated.")]
    usd: Annotated[Usd, private("The bill less the estimate.")]
    ratio: Annotated[Ratio | None, private("That as a share of the bill.")] = None
    unestimated: Annotated[Usd, private("What of the bill usage cannot show, or has no list price.")]
    models: Annotated[dict[str, ModelDrift], private("The same by model.")]


class BurnRate(Stated, frozen=True, kw_only=True):
    """What the last finished days have cost on average."""

    usd_per_day: Annotated[Usd, private("Dollars a day.")]
    days: Annotated[int, private("Days that are known, of the last seven.")]


class ForecastRange(Stated, frozen=True, kw_only=True):
    """What is expected, and between which bounds."""

    low: Annotated[Usd, private("At the least.")]
    mid: Annotated[Usd, private("As expected.")]
    high: Annotated[Usd, private("At the most.")]


class MonthForecast(Stated, frozen=True, kw_only=True):
    """What the calendar month is expected to cost."""

    month: Annotated[str, private("Such as 2026-11.")]
    low: Annotated[Usd, private("At the least.")]
    mid: Annotated[Usd, private("As expected.")]
    high: Annotated[Usd, private("At the most.")]


class BudgetStanding(Stated, frozen=True, kw_only=True):
    """How a budget of the calendar month stands."""

    usd: Annotated[Usd, private("The budget.")]
    spent: Annotated[Usd, private("What of it is spent.")]
    used_ratio: Annotated[Ratio, private("The same as a share.")]
    step: Annotated[int, private("Highest step in percent that was reached: 0, 50, 80 or 100.")]
    gone_earliest: Annotated[Day | None, private("The day that uses it up at the earliest.")] = None
    gone: Annotated[Day | None, private("The day that is expected to use it up.")] = None
    gone_latest: Annotated[Day | None, private("The day that uses it up at the latest.")] = None
    forecast: Annotated[ForecastRange | None, private("What the month is expected to come to.")] = None


class CreditStanding(Stated, frozen=True, kw_only=True):
    """How prepaid credit stands."""

    usd: Annotated[Usd, private("What was paid.")]
    since: Annotated[Day, private("When.")]
    left: Annotated[Usd, private("What is left.")]
    gone_earliest: Annotated[Day | None, private("The day that uses it up at the earliest.")] = None
    gone: Annotated[Day | None, private("The day that is expected to use it up.")] = None
    gone_latest: Annotated[Day | None, private("The day that uses it up at the latest.")] = None


class ApiCost(Stated, frozen=True, kw_only=True):
    """API cost beside its components."""

    windows: Annotated[dict[Window, ApiCostWindow], private("In detail, by window.")]
    names: Annotated[ApiNames, private("What ids are called.")]
    unpriced: Annotated[tuple[UnpricedTokens, ...], private("Use without a price.")]
    restatements: Annotated[BillRestatements, private("Bills that changed.")]
    drift: Annotated[DayDrift | None, private("How good the last estimate was.")] = None
    burn_rate: Annotated[BurnRate | None, private("Dollars a day.")] = None
    forecast: Annotated[MonthForecast | None, private("Absent while too few days are known.")] = None
    budgets: Annotated[dict[str, BudgetStanding] | None, private("`total`, and by workspace.")] = None
    credit: Annotated[CreditStanding | None, private("Absent where none was stated.")] = None


class StatedDoubt(Stated, frozen=True, kw_only=True):
    """Something that speaks against figures: rows that cannot be read, or that contradict each other."""

    source: Annotated[str, private("The source that it lies with.")]
    code: Annotated[str, private("What it is, one word for each cause, as in the reasons of a figure.")]
    text: Annotated[str, private("The same for people.")]
    components: Annotated[tuple[str, ...], private("The lines of the statement that rest on it.")]
    scope: Annotated[
        str | None, private("The market, sale or day that it lies in; absent where it is in none.")
    ] = None
    since: Annotated[Moment | None, private("When that was at the earliest; absent where nobody knows.")] = (
        None
    )
    until: Annotated[Moment | None, private("When it was at the latest; absent where nobody knows.")] = None


class Snapshot(Stated, frozen=True, kw_only=True):
    """All figures at one moment. Keys may be added; a key is never given another meaning."""

    epoch: Annotated[str, totals("The name of one database's numbering.")]
    sequence: Annotated[int, totals("The number of the snapshot in it.")]
    as_of: Annotated[Moment, totals("The time that the snapshot speaks of.")]
    currency: Annotated[Literal["USD"], totals("What amounts are stated in.")]
    timezone: Annotated[str, totals("Whose midnights calendar windows begin at.")]
    mark_rule: Annotated[Literal["bid", "mid", "last"], totals("The price at which positions are valued.")]
    lot_rule: Annotated[Literal["average", "fifo"], totals("Which contracts are sold first.")]
    windows: Annotated[dict[Window, WindowStatement], totals("Profit and loss by window.")]
    sources: Annotated[dict[str, SourceStatus], totals("The sources that take part, by name.")]
    checks: Annotated[dict[str, Check], totals("The truth checks, by name.")]
    unrealised: Annotated[
        StatedFigure | None, totals("Unrealised P&L of all marked open positions; absent without a venue.")
    ] = None
    positions: Annotated[
        dict[str, Position] | None,
        private(
            "Open positions by market; but for the first venue its name stands before it: `hedge:MARKET`."
        ),
    ] = None
    accounts: Annotated[dict[str, VenueAccount] | None, private("By venue.")] = None
    trading: Annotated[dict[Window, TradingResults] | None, private("Results of trading by window.")] = None
    exposure: Annotated[Exposure | None, private("What can still be lost.")] = None
    venues: Annotated[dict[str, VenueTotals] | None, private("By venue, where there are several.")] = None
    sales: Annotated[
        dict[Window, SalesCounts] | None,
        totals("Sales counted by window; absent while none are known."),
    ] = None
    api_cost: Annotated[ApiCost | None, private("API cost in detail; absent while none is known.")] = None
    doubts: Annotated[
        tuple[StatedDoubt, ...] | None,
        private("What speaks against figures, with the time that it is about; absent while nothing does."),
    ] = None
    restatements: Annotated[
        Restatements | None, private("What the sources have said otherwise; absent before any.")
    ] = None
    limits: Annotated[
        dict[str, str] | None,
        totals("Limits that are set, by name with their unit.", only=("snapshot_age_seconds",)),
    ] = None
    demo: Annotated[bool, totals("Whether the figures are made up.")] = False
    scope: Annotated[
        Literal["totals"] | None, totals("Added for a token that may not see everything; never stored.")
    ] = None
