"""Query parameters of `/api/pnl/history`, validated; each mistake is one sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from exporter.errors import ExporterError
from exporter.money import plain
from exporter.snapshot import HISTORY_COLUMNS, OF_SOURCE
from exporter.store import Point
from exporter.times import stamp

MAX_POINTS = 2_000
"""More than a chart has pixels. One answer is then at most about 200 kB with the default fields."""

MAX_FIELDS = 32
"""A third of all there are; a caller who wants more asks twice."""

DEFAULT_POINTS = 500
DEFAULT_SPAN = timedelta(hours=24)
DEFAULT_FIELDS = ("today.net", "mtd.net")

DRAWDOWN = "equity.drawdown"
"""Made of the points of an answer: how far the equity, without what was paid in, lies below its highest
so far. Zero or negative."""

_KNOWN = frozenset((*HISTORY_COLUMNS, DRAWDOWN))


class BadQuestion(ExporterError):
    """The parameters make no sense; the text says which and what would."""


@dataclass(frozen=True, slots=True)
class Question:
    """`points` steps of `step` that end at `end`; the first may begin before `start`."""

    start: datetime
    end: datetime
    step: timedelta
    points: int
    fields: tuple[str, ...]

    @property
    def aligned(self) -> datetime:
        return self.end - self.step * self.points


def question(
    start: str | None, end: str | None, step: float | None, fields: list[str] | None, now: datetime
) -> Question:
    """Return the checked question. Raises BadQuestion."""
    until = now if end is None else time_of("to", end)
    since = until - DEFAULT_SPAN if start is None else time_of("from", start)
    if since >= until:
        raise BadQuestion(f"from ({stamp(since)}) must be before to ({stamp(until)}).")
    if step is None:
        step = max(1.0, -(-(until - since).total_seconds() // DEFAULT_POINTS))
    if not 0.001 <= step <= 366 * 86_400:
        raise BadQuestion("step is a number of seconds between 0.001 and 31622400.")
    width = timedelta(seconds=step)
    points = -(-(until - since) // width)
    if points > MAX_POINTS:
        raise BadQuestion(
            f"{points} points are too many, {MAX_POINTS} is the limit: "
            f"with this range, step is at least {-(-(until - since).total_seconds() // MAX_POINTS):.0f} s."
        )
    try:
        return Question(since, until, width, points, _fields(fields))
    except OverflowError:
        raise BadQuestion("from is too long ago.") from None


def values(asked: Question, found: list[Point]) -> list[dict[str, object]]:
    """Return the points as JSON; a figure that was missing is null, which only history may say."""
    shown = [point for point in found if asked.start <= point.as_of < asked.end]
    fallen = drawdowns(shown) if DRAWDOWN in asked.fields else []
    return [
        {
            "at": stamp(point.as_of),
            "sequence": point.sequence,
            "values": [fallen[place] if name == DRAWDOWN else point[name] for name in asked.fields],
        }
        for place, point in enumerate(shown)
    ]


def drawdowns(points: Sequence[Point]) -> list[str | None]:
    """Return how far each point lies below the highest before it, a deposit or withdrawal left out."""
    fallen: list[str | None] = []
    peak: Decimal | None = None
    for point in points:
        equity, paid_in = point["equity"], point["paid_in"]
        if equity is None or paid_in is None:
            fallen.append(None)
            continue
        made = Decimal(equity) - Decimal(paid_in)
        peak = made if peak is None else max(peak, made)
        fallen.append(plain(made - peak))
    return fallen


def time_of(name: str, text: str) -> datetime:
    """Return the time that a parameter states. Raises BadQuestion."""
    try:
        at = datetime.fromisoformat(text)
        if at.tzinfo is not None and 1970 <= at.year < 9999:
            return at.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise BadQuestion(f"{name} is a time with its offset, such as 2026-11-22T12:00:00Z (a plus sign as %2B).")


def _fields(asked: list[str] | None) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name for part in asked or () for name in part.split(",") if name))
    if not names:
        return DEFAULT_FIELDS
    if unknown := [name for name in names if name.partition(OF_SOURCE)[0] not in _KNOWN]:
        raise BadQuestion(
            f"{unknown[0][:60]!r} is not a field: a field is a window and a figure, such as today.net, "
            "mtd.api_cost_billed or today.grade, or one of unrealised, equity, cash, paid_in, exposure, "
            "equity.drawdown; of one source with its name behind it, as in today.net@hedge."
        )
    if len(names) > MAX_FIELDS:
        raise BadQuestion(f"{len(names)} fields are too many, {MAX_FIELDS} is the limit.")
    return names
