"""The one clock of a world: a callable that answers the present moment in UTC.

Nothing in the simulated world reads time by itself. A frozen clock makes every answer a function
of the seed and of `now`, so a test can move time by hand instead of sleeping.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Clock = Callable[[], datetime]

DAY = timedelta(days=1)


def real_clock() -> datetime:
    """Return the machine's present moment, aware, in UTC."""
    return datetime.now(UTC)


def midnight(moment: datetime) -> datetime:
    """Return 00:00 UTC of the day that `moment` lies in."""
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


class SettableClock:
    """A clock that stands still until a test moves it."""

    def __init__(self, now: datetime) -> None:
        self.set(now)

    def __call__(self) -> datetime:
        return self._now

    def set(self, now: datetime) -> None:
        """Jump to `now`, which must be an aware datetime."""
        if now.tzinfo is None:
            raise ValueError("the clock needs an aware datetime")
        self._now = now.astimezone(UTC)

    def advance(self, step: timedelta | float) -> datetime:
        """Move forward by a timedelta or by seconds; return the new moment."""
        self._now += step if isinstance(step, timedelta) else timedelta(seconds=step)
        return self._now
