"""Events (snapshot, delta, resync) and the replay buffer of the newest. Pure: no clock, store or transport.

An event is built once; each transport frames it once, and every client is sent that same bytes
object. The ring holds the latest deltas, consecutive, within a bound of count and of bytes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from exporter.snapshot import Cursor, decode, encode
from exporter.stream.scopes import Scope, project

Kind = Literal["snapshot", "delta", "resync"]
Reason = Literal["unknown_cursor", "pruned", "other_epoch", "behind"]
"""Why a reader starts over: its cursor means nothing here, its deltas are no longer kept, the
database is another one, or a snapshot is cheaper than all it missed."""

RING_EVENTS = 1_024
"""Deltas at hand for resuming: 17 minutes at one snapshot a second, a deploy or a tunnel's length.
Older cursors are answered from the store, so this only decides how cheap a reconnect is."""

RING_BYTES = 8 * 2**20
"""A delta can be as large as a snapshot; without this bound 1 024 of them could be 100 MB."""


NOWHERE = Cursor("", 0)


class Event:
    """One message for every client. `body` is JSON; `cursor` is where it leads; a resync leads
    nowhere (NOWHERE).

    `noticed` is the monotonic time in seconds at which the commit was seen; None for one read
    back from the store, whose age says nothing about how fast we are.
    """

    __slots__ = ("_framed", "_seen", "as_of", "body", "cursor", "kind", "noticed")

    def __init__(
        self, kind: Kind, cursor: Cursor, as_of: str, body: bytes, noticed: float | None = None
    ) -> None:
        self.kind = kind
        self.cursor = cursor
        self.as_of = as_of
        self.body = body
        self.noticed = noticed
        self._framed: dict[Frame, bytes] = {}
        self._seen: dict[Scope, Event] = {}

    def seen(self, scope: Scope) -> Event:
        """Return the event as a scope may see it: made at the first call, the same object after."""
        if scope == "all" or self.kind == "resync":
            return self
        ready = self._seen.get(scope)
        if ready is None:
            body = encode(project(decode(self.body), scope, patch=self.kind == "delta"))
            ready = Event(self.kind, self.cursor, self.as_of, body, self.noticed)
            self._seen[scope] = ready
        return ready

    def framed(self, frame: Frame) -> bytes:
        """Return the event as one transport sends it: made at the first call, the same object after."""
        ready = self._framed.get(frame)
        if ready is None:
            ready = self._framed[frame] = frame(self)
        return ready


Frame = Callable[[Event], bytes]


@dataclass(frozen=True, slots=True)
class Place:
    """How far one reader is. `generation` counts the databases this process has followed."""

    generation: int
    sequence: int


@dataclass(frozen=True, slots=True)
class News:
    """Events in order, and the place they lead to; `reason` is set when the reader starts over."""

    events: tuple[Event, ...]
    place: Place | None
    reason: Reason | None = None


class Ring:
    """The latest deltas of one numbering, without a hole."""

    def __init__(self, most: int = RING_EVENTS, most_bytes: int = RING_BYTES) -> None:
        self._events: deque[Event] = deque()
        self.most = most
        self._most_bytes = most_bytes
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._events)

    def append(self, event: Event) -> None:
        """Keep the event, letting go of the oldest beyond the bounds."""
        self._events.append(event)
        self._bytes += len(event.body)
        while len(self._events) > self.most or self._bytes > self._most_bytes:
            self._bytes -= len(self._events.popleft().body)

    def clear(self) -> None:
        self._events.clear()
        self._bytes = 0

    def last(self, count: int) -> tuple[Event, ...] | None:
        """Return the newest `count` events, oldest first; None when fewer are kept."""
        if count > len(self._events):
            return None
        return tuple(islice(reversed(self._events), count))[::-1]
