"""What keeps figures of the past from being final: read once of a source, whatever periods are asked for."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from exporter.ledger.cost.cost_book import BILLED, ESTIMATED
from exporter.ledger.cost.day import USAGE_LATE
from exporter.ledger.doubt import DOUBTS_NAMED
from exporter.periods.day_line import LineDoubt
from exporter.reports.knowledge import EARLIEST, Knowledge
from exporter.snapshot import KIND_COMPONENTS, Grade, Reason, Snapshot
from exporter.snapshot.tree import StatedDoubt
from exporter.store.daybook import Lag
from exporter.times import midnight, unstamp

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Against:
    """One thing that speaks against some lines of a source, and how much grade it costs them."""

    components: frozenset[str]
    grade: Grade
    reason: Reason


class SourceCertainty:
    """What is known to be missing of a source, or to contradict it, and what time that is about."""

    def __init__(self, name: str, snapshot: Snapshot, known: Knowledge, lag: Lag) -> None:
        source = snapshot.sources[name]
        self._name, self._known, self._history = name, known, source.history
        self._everything = frozenset(KIND_COMPONENTS[source.kind])
        self._lag = lag
        self.heard = None if source.as_of is None else unstamp(source.as_of)
        """The time that its last answer speaks of, None while it has never answered."""
        self._zone = ZoneInfo(snapshot.timezone)
        self._doubts = [
            (doubt, _time(doubt.since), _time(doubt.until))
            for doubt in snapshot.doubts or ()
            if doubt.source == name
        ]

    def against(self, start: datetime, end: datetime) -> Iterator[Against]:
        """Yield what speaks against [start, end), which is past."""
        if self.heard is not None and self.heard < end:
            text = f"it was last heard at {self.heard:%Y-%m-%d %H:%M} UTC, before the end"
            yield self._all(Grade.STALE, "old_answer", text)
        for missing in self._history:
            yield self._all(Grade.PARTIAL, "history", missing)
        if self._lag.touches(self._name, end):
            yield self._all(Grade.PARTIAL, "counting", "what was read is still being counted")
        for doubt, since, until in self._doubts:
            if (until is None or until >= start) and self._begun(doubt, since, end):
                reason = Reason(self._name, doubt.code, doubt.text)
                yield Against(frozenset(doubt.components), Grade.PARTIAL, reason)

    def _begun(self, doubt: StatedDoubt, since: datetime | None, end: datetime) -> bool:
        """Tell whether what a doubt is about may have been before a moment."""
        if since is not None or doubt.scope is None:
            return since is None or since < end
        lines = self._known.of_scope(self._name, doubt.scope)
        return not lines or midnight(min(lines), self._zone) < end

    def _all(self, grade: Grade, code: str, text: str) -> Against:
        return Against(self._everything, grade, Reason(self._name, code, text))


class CostCertainty:
    """What is not certain of the API cost of a source, by day."""

    def __init__(self, name: str, known: Knowledge, today: date, now: datetime) -> None:
        self._name, self._known = name, known
        found = known.doubtful(EARLIEST, today, name)
        self._days = [day for day, _ in found]
        self._doubts = [line.doubts for _, line in found]
        days = sorted(known.scopes(EARLIEST, today, name))
        self._first = date.fromisoformat(days[0]) if days else None
        self._holes = _holes(days, now)

    def against(self, first: date, last: date, start: datetime, end: datetime) -> Iterator[Against]:
        """Yield what is not certain of the days from one to another, which lie in [start, end)."""
        inside = self._doubts[bisect_left(self._days, first) : bisect_left(self._days, last + DAY)]
        yield from self._told([doubt for doubts in inside for doubt in doubts])
        if self._first is None or start < datetime.combine(self._first, time(), UTC):
            # Bills are asked for a year back, and usage a month: what was before is unknown, and no zero.
            before = "any day" if self._first is None else f"days before {self._first.isoformat()}"
            reason = Reason(self._name, "unknown_days", f"nothing is known of {before}")
            yield Against(frozenset((BILLED, ESTIMATED)), Grade.PARTIAL, reason)
        holes = self._holes[bisect_left(self._holes, start.date()) :]
        within = [day for day in holes if datetime.combine(day, time(), UTC) < end]
        if within:
            named = ", ".join(day.isoformat() for day in within[:DOUBTS_NAMED])
            text = f"nothing is known of {named}{_more(within, ' days')}"
            yield Against(frozenset((ESTIMATED,)), Grade.PARTIAL, Reason(self._name, "unknown_days", text))

    def cut(self, edge: datetime) -> Iterator[Against]:
        """Yield what is shared of a UTC day's cost because a period begins or ends within it."""
        day = edge.replace(hour=0, minute=0, second=0, microsecond=0)
        if day == edge:
            return
        named = day.date().isoformat()
        lines = self._known.of_scope(self._name, named).values()
        if any(BILLED in line.amounts for line in lines):
            text = f"the bill of {named} is cut by hours"
            yield Against(frozenset((BILLED,)), Grade.ESTIMATED, Reason(self._name, "bill_cut", text))
        if edge.minute and lines:
            text = f"an hour of {named} is shared by the minute"
            yield Against(frozenset((ESTIMATED,)), Grade.ESTIMATED, Reason(self._name, "hour_cut", text))

    def _told(self, doubts: Sequence[LineDoubt]) -> Iterator[Against]:
        """Yield one for each component and code, which names the first few."""
        said: dict[tuple[str, str], dict[str, Grade]] = {}
        for doubt in doubts:
            said.setdefault((doubt.component, doubt.code), {}).setdefault(doubt.text, Grade.of(doubt.grade))
        for (component, code), texts in said.items():
            text = "; ".join(list(texts)[:DOUBTS_NAMED]) + _more(texts, "")
            reason = Reason(self._name, code, text)
            yield Against(frozenset((component,)), min(texts.values()), reason)


def _holes(known: Sequence[str], now: datetime) -> list[date]:
    """Return the UTC days, from the first known one on, of which nothing is known though they should be."""
    if not known:
        return []
    there, day = set(known), date.fromisoformat(known[0])
    due, holes = (now - USAGE_LATE).date(), []
    while day < due:
        if day.isoformat() not in there:
            holes.append(day)
        day += DAY
    return holes


def _more(told: Sequence[object] | dict[str, Grade], what: str) -> str:
    return f" and {len(told) - DOUBTS_NAMED} more{what}" if len(told) > DOUBTS_NAMED else ""


def _time(text: str | None) -> datetime | None:
    return None if text is None else unstamp(text)
