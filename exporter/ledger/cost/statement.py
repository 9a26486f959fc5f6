"""What the snapshot says about API cost beside the components of each window.

Made anew when a record came in or a minute began, and the very same object in between: what did not
change costs a tick nothing, and a delta carries none of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import TypeVar
from zoneinfo import ZoneInfo

from msgspec import structs

from exporter.ledger import windows
from exporter.ledger.cost.budgets import Ahead, Budget, Gone
from exporter.ledger.cost.cost_by import DIMENSIONS, CostByMemory
from exporter.ledger.cost.day import TOKEN_KINDS, CostDay, Unpriced
from exporter.ledger.cost.forecast import Range
from exporter.ledger.cost.plan import Credit, Plan
from exporter.ledger.cost.spending import Spending
from exporter.ledger.cost.tokens import Used, UsedMemory
from exporter.ledger.cost.trueup import RATIO, Drift, TrueUp, true_up
from exporter.money import ZERO, plain
from exporter.records import ApiKey, BillChange, Workspace
from exporter.snapshot import Window
from exporter.snapshot.texts import Day, dated, moment, ratio, usd
from exporter.snapshot.tree import (
    ApiCost,
    ApiCostWindow,
    ApiKeyTitle,
    ApiNames,
    BillRestatement,
    BillRestatements,
    BudgetStanding,
    BurnRate,
    CacheUse,
    Check,
    CostByDimension,
    CreditStanding,
    DayDrift,
    EstimateRange,
    ForecastRange,
    ModelDrift,
    MonthForecast,
    TokenCounts,
    TokenKinds,
    UnpricedTokens,
    WorkspaceTitle,
)
from exporter.times import to_us

Number = TypeVar("Number", int, Decimal)

SHOWN = 5
"""Restatements in a snapshot, the newest last. All of them are in the database; a page marks the last few."""

TOP = 8
"""Labels of a dimension with a figure of their own, the dearest of the last 30 days; the rest is `other`.
Models, workspaces and keys come and go, and each is a series in every window."""

NAMES = 200
"""Workspaces, and keys, whose names are shown: an organization has a hundred workspaces unless it asks."""

DRIFT_CHECK = "api_cost_drift"
OTHER = "other"
MINUTE_US = 60_000_000
UNPRICED = 20
"""Models without a price that are shown one by one."""


MadeOf = tuple[tuple[int, ...], int, int, date, Plan]
"""What the section rests on: while all of it is the same, so is the section."""


class CostStatement:
    """States the section `api_cost` of all bills together, and the check of the estimates."""

    def __init__(self, spending: Mapping[str, Spending], zone: ZoneInfo) -> None:
        self._spending, self._zone = tuple(spending.values()), zone
        self._parts, self._used = CostByMemory(), UsedMemory()
        self._workspaces: dict[str, Workspace] = {}
        self._keys: dict[str, ApiKey] = {}
        self._named = 0
        self._made: tuple[MadeOf, ApiCost | None, dict[str, Check]] | None = None

    def observe(self, name: Workspace | ApiKey) -> None:
        """Take what an id is called."""
        before: Workspace | ApiKey | None
        match name:
            case Workspace():
                before = self._workspaces.get(name.workspace_id)
                self._workspaces[name.workspace_id] = name
            case ApiKey():  # pragma: no branch - mypy knows that there is no other
                before = self._keys.get(name.key_id)
                self._keys[name.key_id] = name
        self._named += before != name

    def restore(self, names: ApiNames) -> None:
        """Take the names of a stored snapshot."""
        source = next((spending.source for spending in self._spending), "")
        for place, shown in names.workspaces.items():
            self.observe(
                Workspace(source=source, workspace_id=place, name=shown.name, archived=shown.archived)
            )
        for place, key in names.api_keys.items():
            named = ApiKey(
                source=source, key_id=place, name=key.name, status=key.status, workspace=key.workspace
            )
            self.observe(named)

    def stated(self, now: datetime, plan: Plan) -> tuple[ApiCost | None, dict[str, Check]]:
        """Return the section and the check by its name, neither while there is nothing to state."""
        versions = tuple(spending.version for spending in self._spending)
        made_of = (versions, self._named, _minute(now), now.astimezone(self._zone).date(), plan)
        if self._made is None or self._made[0] != made_of:
            compared = self._newest_settled(now)
            self._made = (made_of, self._section(now, plan, compared), _check(compared, plan))
        return self._made[1], self._made[2]

    def _section(self, now: datetime, plan: Plan, compared: TrueUp | None) -> ApiCost | None:
        if not any(day.known for spending in self._spending for day in spending.days.values()):
            return None
        ahead = Ahead(self._spending, self._zone, now, self._parts)
        burn, month = ahead.burn_rate(), ahead.forecast()
        budgets = {} if plan.budget is None else {"total": ahead.budget(plan.budget)}
        budgets |= {place: ahead.budget(amount, place) for place, amount in plan.workspaces.items()}
        return ApiCost(
            windows=self._windows(now),
            names=self._names(),
            unpriced=self._unpriced(now),
            restatements=_restatements(self._spending),
            drift=None if compared is None else _drift(compared),
            burn_rate=None if burn is None else BurnRate(usd_per_day=usd(burn[0]), days=burn[1]),
            forecast=None if month is None else _month(ahead.month, month),
            budgets={name: _budget(budget) for name, budget in budgets.items()} or None,
            credit=None if plan.credit is None else _credit(plan.credit, *ahead.credit(plan.credit)),
        )

    def _unpriced(self, now: datetime) -> tuple[UnpricedTokens, ...]:
        found: dict[Unpriced, int] = {}
        for spending in self._spending:
            for what, tokens in spending.unpriced(datetime.min.replace(tzinfo=now.tzinfo)).items():
                found[what] = found.get(what, 0) + tokens
        return tuple(
            UnpricedTokens(model=model, reason=why, tokens=tokens)
            for (model, why), tokens in sorted(found.items())[:UNPRICED]
        )

    def _windows(self, now: datetime) -> dict[Window, ApiCostWindow]:
        months: dict[date, list[CostDay]] = {}
        known = (day for spending in self._spending for day in spending.days.values() if day.known)
        days = [day for day in known if day.start <= now]
        for day in sorted(days, key=lambda day: day.day):
            months.setdefault(day.day.replace(day=1), []).append(day)
        starts = windows.starts(now, self._zone)
        sums = {window: self._parts.since(months, start, now) for window, start in starts.items()}
        used = {window: self._used.since(months, start, now) for window, start in starts.items()}
        shown = {name: _largest(sums["30d"].by[name]) for name in DIMENSIONS}
        models = _largest(used["30d"].by_model)
        return {
            window: ApiCostWindow(
                by=_by(found.by, shown),
                tokens=TokenCounts(
                    kind=TokenKinds(**dict(zip(TOKEN_KINDS, used[window].kinds, strict=True))),
                    model=_bounded(used[window].by_model, models, 0),
                ),
                estimated=EstimateRange(low=usd(used[window].low), high=usd(used[window].high)),
                cache=_cache(used[window]),
            )
            for window, found in sums.items()
        }

    def _names(self) -> ApiNames:
        return ApiNames(
            workspaces={
                place: WorkspaceTitle(name=named.name, archived=named.archived)
                for place, named in sorted(self._workspaces.items())[:NAMES]
            },
            api_keys={
                place: ApiKeyTitle(name=named.name, status=named.status, workspace=named.workspace)
                for place, named in sorted(self._keys.items())[:NAMES]
            },
        )

    def _newest_settled(self, now: datetime) -> TrueUp | None:
        """Return of each source the newest day whose bill is final and whose estimate was whole: the one
        that was off most, when there are several."""
        found = [newest for each in self._spending if (newest := _settled(each, now)) is not None]
        return max(found, key=lambda compared: compared.off or ZERO, default=None)


def _settled(spending: Spending, now: datetime) -> TrueUp | None:
    for day in sorted(spending.days, reverse=True):
        stated = spending.days[day]
        if stated.settled(now) and (found := true_up(stated)) is not None:
            return found
    return None


def _minute(now: datetime) -> int:
    """Return the number of the minute of `now`: rolling windows move with it."""
    return to_us(now) // MINUTE_US


def _restatements(spending: Iterable[Spending]) -> BillRestatements:
    """State how many bills have changed after they were there, and the last few."""
    found = [bill_change for each in spending for bill_change in each.restatements]
    found.sort(key=lambda bill_change: (bill_change.at, bill_change.day))
    return BillRestatements(count=len(found), latest=tuple(map(_restatement, found[-SHOWN:])))


def _restatement(bill_change: BillChange) -> BillRestatement:
    assert bill_change.before is not None
    return BillRestatement(
        day=dated(bill_change.day),
        before=usd(bill_change.before),
        after=usd(bill_change.amount),
        at=moment(bill_change.at),
    )


def _by(amounts: Mapping[str, Mapping[str, Decimal]], shown: Mapping[str, list[str]]) -> CostByDimension:
    texts = {
        name: {label: usd(amount) for label, amount in _bounded(amounts[name], shown[name], ZERO).items()}
        for name in DIMENSIONS
    }
    return CostByDimension(**texts)


def _cache(used: Used) -> CacheUse:
    hits = used.hit_ratio
    return CacheUse(saved_usd=usd(used.saved), hit_ratio=None if hits is None else ratio(hits))


def _month(month: date, found: Range) -> MonthForecast:
    return MonthForecast(
        month=month.isoformat()[:7], low=usd(found.low), mid=usd(found.mid), high=usd(found.high)
    )


def _budget(budget: Budget) -> BudgetStanding:
    forecast = budget.forecast
    return BudgetStanding(
        usd=usd(budget.usd),
        spent=usd(budget.spent),
        used_ratio=ratio((budget.spent / budget.usd).quantize(RATIO)),
        step=budget.step,
        gone_earliest=_day(budget.gone.earliest),
        gone=_day(budget.gone.expected),
        gone_latest=_day(budget.gone.latest),
        forecast=None if forecast is None else _range(forecast),
    )


def _credit(credit: Credit, left: Decimal, gone: Gone) -> CreditStanding:
    return CreditStanding(
        usd=usd(credit.usd),
        since=dated(credit.since),
        left=usd(left),
        gone_earliest=_day(gone.earliest),
        gone=_day(gone.expected),
        gone_latest=_day(gone.latest),
    )


def _range(found: Range) -> ForecastRange:
    return ForecastRange(low=usd(found.low), mid=usd(found.mid), high=usd(found.high))


def _day(on: date | None) -> Day | None:
    return None if on is None else dated(on)


def _drift(compared: TrueUp) -> DayDrift:
    dearest = sorted(compared.models.items(), key=lambda item: (-item[1].billed, item[0]))
    shown = {name: _compared(drift) for name, drift in dearest[:TOP]}
    rest = [drift for _, drift in dearest[TOP:]]
    if rest:
        shown[OTHER] = _compared(
            Drift(
                sum((drift.estimate for drift in rest), ZERO),
                sum((drift.high for drift in rest), ZERO),
                sum((drift.billed for drift in rest), ZERO),
            )
        )
    return DayDrift(
        day=dated(compared.day),
        **structs.asdict(_compared(compared.total)),
        unestimated=usd(compared.unestimated),
        models=shown,
    )


def _compared(drift: Drift) -> ModelDrift:
    return ModelDrift(
        estimate=usd(drift.estimate),
        high=usd(drift.high),
        billed=usd(drift.billed),
        usd=usd(drift.drift),
        ratio=None if drift.ratio is None else ratio(drift.ratio),
    )


def _check(compared: TrueUp | None, plan: Plan) -> dict[str, Check]:
    """State whether the newest final bill is what its estimate said, within the limit that is set."""
    if compared is None or plan.drift is None:
        return {}
    off = compared.off
    beyond = sum((drift.beyond for drift in compared.models.values()), ZERO)
    if off is None or off <= plan.drift:
        return {DRIFT_CHECK: Check(ok=True, usd=usd(beyond))}
    name, worst = max(compared.models.items(), key=lambda item: abs(item[1].beyond))
    detail = (
        f"{compared.day.isoformat()}: the estimate was off by {percent(off)} of the bill, most for "
        f"{name}: billed {plain(worst.billed)}, estimated {plain(worst.estimate)} to {plain(worst.high)}"
    )
    return {DRIFT_CHECK: Check(ok=False, usd=usd(beyond), detail=detail)}


def percent(share: Decimal | None) -> str:
    """Return a share as percent."""
    return "-" if share is None else f"{share * 100:.1f} %"


def _largest(amounts: Mapping[str, Number]) -> list[str]:
    return [name for name, _ in sorted(amounts.items(), key=lambda item: (-item[1], item[0]))[:TOP]]


def _bounded(amounts: Mapping[str, Number], shown: list[str], zero: Number) -> dict[str, Number]:
    """Return the amounts of the labels that are shown, and the sum of all others."""
    found = {name: amounts[name] for name in shown if name in amounts}
    rest = [amount for name, amount in amounts.items() if name not in shown]
    return found | ({OTHER: sum(rest, zero)} if rest else {})
