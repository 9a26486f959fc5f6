"""What a source is to the rest: it answers one question, `fetch(window) -> Reading`, and may have a past."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from exporter.errors import SourceError
from exporter.records import Answer, Aside, Listed, Observation, Record

if TYPE_CHECKING:
    from exporter.sources.http import HttpClient

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Window:
    """What to read: everything that changed since `start`; start None means from the beginning.

    `start` is in the source's own time, a little before the newest that it has shown: our clock may be
    wrong. `end` is now by our clock; `skew` is how far the source's was ahead of it when it last answered.
    `last` is the end of the last window that was booked since this process began, None before the
    first. What a source reads only now and then is due by it: what was not booked is due again.
    """

    start: datetime | None
    end: datetime
    last: datetime | None = None
    skew: timedelta = timedelta(0)

    @property
    def there(self) -> datetime:
        """The time by the source's own clock, as far as it is known."""
        return self.end + self.skew

    def begins(self, every: timedelta) -> bool:
        """Tell whether this is the first reading of a UTC day, an hour, or another part of a day."""
        return self.last is None or (self.last - _EPOCH) // every != (self.end - _EPOCH) // every


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One complete answer of a source. It exists only if every page arrived and was well formed.

    `as_of` is the time the figures speak of; `skew` is the upstream clock minus ours, None when
    the answer carried no date. `troubles` are refusals of what no figure depends on, such as names:
    the reading is complete without, and they are counted and kept like any other.
    `aside` are the rows that could not be read, `listed` the lists that were gone through to their end: an
    older aside that such a list should have and has not is over.
    """

    source: str
    as_of: datetime
    records: tuple[Record, ...]
    observations: tuple[Observation, ...] = ()
    answers: tuple[Answer, ...] = ()
    skew: timedelta | None = None
    troubles: tuple[SourceError, ...] = ()
    aside: tuple[Aside, ...] = ()
    listed: tuple[Listed, ...] = ()


class Source(Protocol):
    """One upstream. `overlap` is how far before the last reading a new one starts again.

    All raise only `SourceError`s; a half-read answer is an error, never a Reading. Its records and
    observations are those of its kind, and carry its name.
    """

    name: str
    interval: timedelta
    overlap: timedelta
    freshness: timedelta

    async def fetch(self, window: Window) -> Reading:
        """Return everything of the window, and how things stand now."""

    async def probe(self) -> str:
        """Ask as little as shows that it answers and lets us in; return what was learnt, in a sentence."""

    async def aclose(self) -> None:
        """Close what is open."""


@runtime_checkable
class HasClient(Protocol):
    """A source that asks by our HTTP client: its breaker and its view of the upstream's clock are shown."""

    client: HttpClient


@runtime_checkable
class CanReread(Protocol):
    """A source that sets rows aside, and can make of a stored one what a reading would have made of it."""

    def reread(self, aside: Aside) -> Sequence[Record]:
        """Return the records of a row, or of its line alone; raises OddRow while it still cannot be read.

        Nothing where no record comes of such a row: it is then over.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedAgain:
    """All that a source lists of some markets. `whole` are those of which nothing was kept from us."""

    reading: Reading
    whole: frozenset[str]


@runtime_checkable
class CanAskAgain(Source, Protocol):
    """A venue that can be asked for the rows of single markets, when its totals contradict ours."""

    async def ask_again(self, scopes: Sequence[str], at: datetime) -> AskedAgain:
        """Return every row of the books of these names, whenever it happened; `at` is what it speaks of."""


class Allowance(Protocol):
    """What an upstream lets us ask, in tokens of its own."""

    @property
    def available(self) -> float: ...


@runtime_checkable
class HasAllowance(Protocol):
    """A source that keeps count of what it may still ask."""

    @property
    def allowance(self) -> Allowance: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """A bounded piece of a source's past, to be kept together with `place`, from which to go on.

    `missed` counts what the source should have had and did not: 1 for a list it does not give us.
    `redundant` marks a part that may only repeat another one: it is done once nothing of it is new.
    """

    records: tuple[Record, ...] = ()
    answers: tuple[Answer, ...] = ()
    place: str = ""
    missed: int = 0
    done: bool = False
    redundant: bool = False
    aside: tuple[Aside, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """How a market ended: what one YES contract paid, in dollars; None when that is not said."""

    ticker: str
    result: str
    value: Decimal | None
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolutions:
    """What became of some markets: those that ended, and those that nobody knows, or says readably."""

    ended: Mapping[str, Resolution]
    unknown: frozenset[str]
    answers: tuple[Answer, ...]
    aside: tuple[Aside, ...] = ()


class History(Protocol):
    """The whole past of one source, in parts that are read one after the other.

    All raise only `SourceError`s. A part may be read again from any place it gave: records that come
    twice are the same.
    """

    async def cutoff(self) -> datetime | None:
        """Return the time before which the live lists no longer hold everything; None when they do."""

    async def parts(self) -> Sequence[str]:
        """Return the names of the lists that together are the past."""

    def slices(self, part: str, bottom: datetime | None, place: str) -> AsyncGenerator[Slice, None]:
        """Yield a part down to `bottom` from a place on, each slice bounded in size."""

    async def resolutions(self, tickers: Sequence[str]) -> Resolutions:
        """Return what became of at most `markets_at_once` markets."""

    markets_at_once: int


@runtime_checkable
class HasHistory(Source, Protocol):
    """A source whose past is more than one reading should hold."""

    history: History
