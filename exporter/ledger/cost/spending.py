"""All days of API cost: their entries, what is doubtful about them, and the bills that changed.

Rule:   a past day of which neither bill nor usage is known is a hole, not a free day. Known days
        without cost are recorded as such, so every day between the first known one and yesterday
        must be there; one that is not is named, and what covers it is partial.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from exporter.ledger.cost.day import USAGE_LATE, CostDay, Piece, Unpriced
from exporter.ledger.journal import Entry
from exporter.money import ZERO
from exporter.records import BillChange, BilledDay, KeyUsage, UsageHour
from exporter.snapshot import Grade, Reason

CostRecord = BilledDay | UsageHour | KeyUsage | BillChange
Graded = tuple[Grade, tuple[Reason, ...]]
DAY = timedelta(days=1)

NAMED = 3
"""Days named in a reason; the rest is counted, for a sentence with a month of dates helps nobody."""


class Spending:
    """The days of one source by date. `rebook` gives the entries of those that have changed since."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.days: dict[date, CostDay] = {}
        self.restatements: list[BillChange] = []
        self.version = 0
        self._posted: dict[date, tuple[Piece, ...]] = {}
        self._unsettled: dict[date, CostDay] = {}
        self._changed: set[date] = set()
        self._latest = datetime.min.replace(tzinfo=UTC)
        """The latest moment by which bills were taken for settled; now, unless the clock was set back."""
        self._newest = datetime.min.replace(tzinfo=UTC)
        """The newest hour that was used in: it is at least as late by now, which settles days long past."""
        self._holes: tuple[int, date, list[date]] = (-1, date.min, [])

    @property
    def first(self) -> date | None:
        """The first day of which anything is known, None before that."""
        return min((day for day, stated in self.days.items() if stated.known), default=None)

    def take(self, record: CostRecord) -> None:
        """Take what is said of a day; the entries follow with `rebook`."""
        day = date.fromisoformat(record.scope)
        known = self.days.get(day)
        if known is None:
            known = self.days[day] = CostDay(day, self.source)
        if isinstance(record, BilledDay | UsageHour):
            self._changed.add(day)
        elif (
            isinstance(record, BillChange)
            and record.before is not None
            and record.number not in known.bill_changes
        ):
            self.restatements.append(record)
            self.restatements.sort(key=lambda bill_change: (bill_change.at, bill_change.day))
        known.take(record)
        if isinstance(record, UsageHour):
            self._newest = max(self._newest, record.at)
        self.version += 1

    def rebook(self) -> list[Entry]:
        """Return the old entries of the changed days taken back, and their new ones."""
        posted: list[Entry] = []
        for day in sorted(self._changed):
            self.days[day].settle(self._newest)
            stated, pieces = self.days[day], self.days[day].pieces()
            posted += [stated.entry(piece).reversed() for piece in self._posted.get(day, ())]
            posted += map(stated.entry, pieces)
            self._posted[day] = pieces
            self._unsettled[day] = stated
        if self._changed:
            # In order of time, whatever the order in which they came: what is said of them is, too.
            self._unsettled = dict(sorted(self._unsettled.items()))
        self._changed.clear()
        return posted

    def settle(self, now: datetime) -> bool:
        """Take the bills that have settled by now as whole; tell whether that changes what a day cost."""
        self._latest = max(self._latest, now)
        by = max(now, self._newest)
        landed = [key for key, day in self._unsettled.items() if day.settle(by)]
        self._changed.update(landed)
        self.version += bool(landed)
        return bool(landed)

    def forget_settled(self, now: datetime) -> None:
        """Drop days whose bill is final from the ones each tick looks at; a revision brings one back."""
        for key in [key for key, day in self._unsettled.items() if day.settled(now)]:
            self._unsettled.pop(key).compact()

    def settled_ahead(self, now: datetime) -> list[date] | None:
        """Return the days whose bill a clock ahead has taken for settled, or has let go of; None while no
        clock was ahead."""
        if now >= self._latest:
            return None
        by = max(now, self._newest)
        return [
            key
            for key, day in self.days.items()
            if day.billed is not None
            and not day.settled(now)
            and (key not in self._unsettled or not (day.open or day.settled(by)))
        ]

    def reopen(self, days: Mapping[date, Iterable[CostRecord]], now: datetime) -> None:
        """Make days anew of all their records, as of now: what a settled day forgets is in these alone."""
        for key, records in days.items():
            day = CostDay(key, self.source)
            for record in records:
                day.take(record)
            day.revision += self.days[key].revision
            self.days[key] = day
        self._changed.update(days)
        self.version += bool(days)
        self._latest = now

    def holes(self, now: datetime) -> list[date]:
        """Return the past days, oldest first, of which nothing is known though they should be."""
        last = _due(now)
        if self._holes[:2] != (self.version, last):
            known = [day for day, stated in self.days.items() if stated.known]
            first = min(known, default=last)
            due = (first + number * DAY for number in range((last - first).days))
            there = set(known)
            self._holes = (self.version, last, [day for day in due if day not in there])
        return self._holes[2]

    def doubt_estimated(self, begin: datetime, now: datetime) -> Graded:
        """Grade what is not billed of a window that begins then, with the reasons."""
        partial = self._unknown(begin, now) + self._unpriced(begin)
        if partial:
            return Grade.PARTIAL, tuple(partial)
        today = self.days.get(now.astimezone(UTC).date())
        if today is None or not today.estimated:
            return Grade.ESTIMATED, (self._reason("no_usage_yet", "no usage of today yet"),)
        said = []
        if any(day.billed is None and day.end > begin for day in self._unsettled.values()):
            said.append(self._reason("not_billed", "not billed yet"))
        if pieces := sorted(day.day for day in self._unsettled.values() if day.end > begin and day.in_pieces):
            text = f"the bill of {_named(pieces)} has no line yet for some of what was used"
            said.append(self._reason("bill_in_pieces", text))
        if said:
            return Grade.ESTIMATED, tuple(said)
        return Grade.FINAL, ()

    def doubt_billed(self, begin: datetime, now: datetime) -> Graded:
        """Grade the bills of a window that begins then, with the reason."""
        cut = self.days.get(begin.astimezone(UTC).date())
        if cut is not None and cut.billed is not None and cut.start < begin:
            return Grade.ESTIMATED, (self._reason("bill_cut", "the first day's bill is cut by hours"),)
        for day in self._unsettled.values():
            if day.billed is not None and day.end > begin and not day.settled(now):
                said = f"the bill of {day.day.isoformat()} may still change"
                return Grade.ESTIMATED, (self._reason("bill_open", said),)
        return Grade.FINAL, ()

    def cut(self, start: datetime | None, now: datetime) -> tuple[Decimal, Decimal]:
        """Return what is in a window of the hour that its start cuts: what is billed, what is estimated."""
        day = None if start is None else self.days.get(start.astimezone(UTC).date())
        cut = None if day is None else day.cut(start, now)
        return (ZERO, ZERO) if day is None or cut is None else day.cut_costs(cut)

    def _unknown(self, begin: datetime, now: datetime) -> list[Reason]:
        """Say which days of the window are not known, or not whole."""
        holes = self.holes(now)
        inside = holes[bisect_left(holes, begin.astimezone(UTC).date()) :]
        said = [self._reason("unknown_days", f"nothing is known of {_named(inside)}")] if inside else []
        for day in self._unsettled.values():
            missing = day.missing_hours(now) if day.end > begin else 0
            if missing:
                text = f"{missing} hours of {day.day.isoformat()} are not known"
                said.append(self._reason("unknown_hours", text))
        today = self.days.get(now.astimezone(UTC).date())
        if self.days and (today is None or not today.estimated) and _due(now) == now.astimezone(UTC).date():
            said.append(self._reason("no_usage_yet", "no usage of today yet"))
        return said

    def unpriced(self, begin: datetime) -> dict[Unpriced, int]:
        """Return the tokens without a price on days that are not billed, from `begin` on."""
        tokens: dict[Unpriced, int] = {}
        for day in self._unsettled.values():
            if (day.billed is None or day.open) and day.end > begin:
                billed = {line.model for line in day.bill_lines}
                for what, count in day.unpriced_since(begin).items():
                    if what[0] not in billed:
                        tokens[what] = tokens.get(what, 0) + count
        return {what: count for what, count in sorted(tokens.items()) if count}

    def _unpriced(self, begin: datetime) -> list[Reason]:
        said = []
        for (model, why), count in self.unpriced(begin).items():
            what = model if why == "model" else f"{model} ({why})"
            said.append(self._reason("unpriced", f"{count:,} tokens of {what} have no price"))
        return said

    def _reason(self, code: str, text: str) -> Reason:
        return Reason(self.source, code, text)


def _due(now: datetime) -> date:
    """Return the UTC day before which every day should be known: today, once yesterday cannot be late."""
    return (now - USAGE_LATE).astimezone(UTC).date()


def _named(days: Sequence[date]) -> str:
    shown = ", ".join(day.isoformat() for day in days[:NAMED])
    return f"{shown} and {len(days) - NAMED} more days" if len(days) > NAMED else shown
