"""What the snapshot says about API cost beside the components of each window.

Made anew when a record came in or an hour began, and the very same object in between: what did not
change costs a tick nothing, and a delta carries none of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from exporter.ledger import windows
from exporter.ledger.cost.budgets import Ahead, Budget, Gone
from exporter.ledger.cost.cost_by import DIMENSIONS, PartsMemory
from exporter.ledger.cost.day import HOUR_US, TOKEN_KINDS, CostDay, Unpriced
from exporter.ledger.cost.forecast import Range
from exporter.ledger.cost.plan import Plan
from exporter.ledger.cost.spending import Spending
from exporter.ledger.cost.tokens import Used, UsedMemory
from exporter.ledger.cost.trueup import RATIO, Drift, TrueUp, true_up
from exporter.money import ZERO, plain
from exporter.records import ApiKey, Landing, Workspace
from exporter.snapshot import Tree
from exporter.times import stamp, to_us

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
UNPRICED = 20
"""Models without a price that are shown one by one."""


class CostStatement:
    """States the section `api_cost` of all bills together, and the check of the estimates."""

    def __init__(self, spending: Mapping[str, Spending], zone: ZoneInfo) -> None:
        self._spending, self._zone = tuple(spending.values()), zone
        self._parts, self._used = PartsMemory(), UsedMemory()
        self._workspaces: dict[str, Workspace] = {}
        self._keys: dict[str, ApiKey] = {}
        self._named = 0
        self._made: tuple[Any, Tree, Tree] | None = None

    def observe(self, name: Workspace | ApiKey) -> None:
        """Take what an id is called."""
        known: dict[str, Any] = self._workspaces if isinstance(name, Workspace) else self._keys
        place = name.workspace_id if isinstance(name, Workspace) else name.key_id
        if known.get(place) != name:
            known[place] = name
            self._named += 1

    def restore(self, names: Tree) -> None:
        """Take the names of a stored snapshot."""
        source = next((spending.source for spending in self._spending), "")
        for place, shown in names.get("workspaces", {}).items():
            self.observe(
                Workspace(
                    source=shown.get("source", source),
                    workspace_id=place,
                    name=shown["name"],
                    archived=shown["archived"],
                )
            )
        for place, shown in names.get("api_keys", {}).items():
            self.observe(
                ApiKey(
                    source=shown.get("source", source),
                    key_id=place,
                    name=shown["name"],
                    status=shown["status"],
                    workspace=shown["workspace"],
                )
            )

    def stated(self, now: datetime, plan: Plan) -> tuple[Tree, Tree]:
        """Return the section and the check, each empty while there is nothing to state, as of `now`."""
        versions = tuple(spending.version for spending in self._spending)
        made_of = (versions, self._named, _hour(now), now.astimezone(self._zone).date(), plan)
        if self._made is None or self._made[0] != made_of:
            compared = self._newest_settled(now)
            self._made = (made_of, self._section(now, plan, compared), _check(compared, plan))
        return self._made[1], self._made[2]

    def _section(self, now: datetime, plan: Plan, compared: TrueUp | None) -> Tree:
        if not any(day.known for spending in self._spending for day in spending.days.values()):
            return {}
        section: dict[str, Any] = {"windows": self._windows(now), "names": self._names()}
        section["unpriced"] = self._unpriced(now)
        section["restatements"] = _restatements(self._spending)
        if compared is not None:
            section["drift"] = _drift(compared)
        section |= _ahead(Ahead(self._spending, self._zone, now, self._parts), plan)
        return section

    def _unpriced(self, now: datetime) -> list[Tree]:
        found: dict[Unpriced, int] = {}
        for spending in self._spending:
            for what, tokens in spending.unpriced(datetime.min.replace(tzinfo=now.tzinfo)).items():
                found[what] = found.get(what, 0) + tokens
        return [
            {"model": model, "reason": why, "tokens": tokens}
            for (model, why), tokens in sorted(found.items())[:UNPRICED]
        ]

    def _windows(self, now: datetime) -> Tree:
        months: dict[date, list[CostDay]] = {}
        days = [day for spending in self._spending for day in spending.days.values() if day.known]
        for day in sorted(days, key=lambda day: day.day):
            months.setdefault(day.day.replace(day=1), []).append(day)
        starts = windows.starts(now, self._zone)
        sums = {window: self._parts.since(months, start) for window, start in starts.items()}
        used = {window: self._used.since(months, start) for window, start in starts.items()}
        shown = {name: _largest(sums["30d"].by[name]) for name in DIMENSIONS}
        models = _largest(used["30d"].by_model)
        return {
            window: {
                "by": {name: _texts(_bounded(found.by[name], shown[name], ZERO)) for name in DIMENSIONS},
                **_used(used[window], models),
            }
            for window, found in sums.items()
        }

    def _names(self) -> Tree:
        workspaces = {
            place: {"name": named.name, "archived": named.archived}
            for place, named in sorted(self._workspaces.items())[:NAMES]
        }
        keys = {
            place: {"name": named.name, "status": named.status, "workspace": named.workspace}
            for place, named in sorted(self._keys.items())[:NAMES]
        }
        return {"workspaces": workspaces, "api_keys": keys}

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


def _hour(now: datetime) -> int:
    """Return the number of the first hour at or after `now`: rolling windows move with it."""
    return -(-to_us(now) // HOUR_US)


def _restatements(spending: Iterable[Spending]) -> Tree:
    """State how many bills have changed after they were there, and the last few."""
    found = [landing for each in spending for landing in each.restatements]
    found.sort(key=lambda landing: (landing.at, landing.day))
    return {"count": len(found), "latest": [_restatement(landing) for landing in found[-SHOWN:]]}


def _restatement(landing: Landing) -> Tree:
    assert landing.before is not None
    return {
        "day": landing.day.isoformat(),
        "before": plain(landing.before),
        "after": plain(landing.amount),
        "at": stamp(landing.at),
    }


def _used(used: Used, models: list[str]) -> Tree:
    cache = {"saved_usd": plain(used.saved)}
    if used.hit_ratio is not None:
        cache["hit_ratio"] = plain(used.hit_ratio)
    return {
        "tokens": {
            "kind": dict(zip(TOKEN_KINDS, used.kinds, strict=True)),
            "model": _bounded(used.by_model, models, 0),
        },
        "estimated": {"low": plain(used.low), "high": plain(used.high)},
        "cache": cache,
    }


def _ahead(ahead: Ahead, plan: Plan) -> dict[str, Any]:
    stated: dict[str, Any] = {}
    burn = ahead.burn_rate()
    if burn is not None:
        stated["burn_rate"] = {"usd_per_day": plain(burn[0]), "days": burn[1]}
    month = ahead.forecast()
    if month is not None:
        stated["forecast"] = {"month": ahead.month.isoformat()[:7], **_range(month)}
    budgets = {} if plan.budget is None else {"total": ahead.budget(plan.budget)}
    budgets |= {place: ahead.budget(usd, place) for place, usd in plan.workspaces.items()}
    if budgets:
        stated["budgets"] = {name: _budget(budget) for name, budget in budgets.items()}
    if plan.credit is not None:
        left, gone = ahead.credit(plan.credit)
        stated["credit"] = {"usd": plain(plan.credit.usd), "since": plan.credit.since.isoformat()}
        stated["credit"] |= {"left": plain(left), **_gone(gone)}
    return stated


def _budget(budget: Budget) -> Tree:
    stated: dict[str, Any] = {
        "usd": plain(budget.usd),
        "spent": plain(budget.spent),
        "used_ratio": plain((budget.spent / budget.usd).quantize(RATIO)),
        "step": budget.step,
        **_gone(budget.gone),
    }
    if budget.forecast is not None:
        stated["forecast"] = _range(budget.forecast)
    return stated


def _range(found: Range) -> Tree:
    return {"low": plain(found.low), "mid": plain(found.mid), "high": plain(found.high)}


def _gone(gone: Gone) -> Tree:
    days: dict[str, date | None] = {
        "gone_earliest": gone.earliest,
        "gone": gone.expected,
        "gone_latest": gone.latest,
    }
    return {name: day.isoformat() for name, day in days.items() if day is not None}


def _drift(compared: TrueUp) -> Tree:
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
    return {
        "day": compared.day.isoformat(),
        **_compared(compared.total),
        "unestimated": plain(compared.unestimated),
        "models": shown,
    }


def _compared(drift: Drift) -> Tree:
    stated = {
        "estimate": plain(drift.estimate),
        "high": plain(drift.high),
        "billed": plain(drift.billed),
        "usd": plain(drift.drift),
    }
    return stated if drift.ratio is None else {**stated, "ratio": plain(drift.ratio)}


def _check(compared: TrueUp | None, plan: Plan) -> Tree:
    """State whether the newest final bill is what its estimate said, within the limit that is set."""
    if compared is None or plan.drift is None:
        return {}
    off = compared.off
    beyond = sum((drift.beyond for drift in compared.models.values()), ZERO)
    stated: dict[str, Any] = {"ok": off is None or off <= plan.drift, "usd": plain(beyond)}
    if not stated["ok"]:
        name, worst = max(compared.models.items(), key=lambda item: abs(item[1].beyond))
        stated["detail"] = (
            f"{compared.day.isoformat()}: the estimate was off by {percent(off)} of the bill, most for "
            f"{name}: billed {plain(worst.billed)}, estimated {plain(worst.estimate)} to {plain(worst.high)}"
        )
    return {DRIFT_CHECK: stated}


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


def _texts(amounts: Mapping[str, Decimal]) -> Tree:
    return {name: plain(amount) for name, amount in amounts.items()}
