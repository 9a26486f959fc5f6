"""Subscriptions of one WebSocket, and the commands that bring them to what is wanted.

No network: frames in, commands out. Every channel is asked for by itself, so that the venue can
refuse one without refusing all.
"""

from __future__ import annotations

from collections.abc import Collection

from exporter.sources.kalshi.frames import (
    CHANNELS,
    ENDED,
    TICKER,
    Frame,
    SubscribedFrame,
    subscribe,
    unsubscribe,
    update,
)

TICKERS_AT_ONCE = 250
"""Markets in one command: about 8 kB, far from any limit of a frame."""

ENDINGS = 10
"""Subscriptions the venue may end on one connection before it is worth a new one."""


class SubscriptionRefused(Exception):
    """The venue does not let us subscribe to what a live feed cannot do without."""


class Subscriptions:
    """The channels of one connection. `tickers` are the markets whose quotes were asked for."""

    def __init__(self) -> None:
        self.tickers: set[str] = set()
        self._wanted: set[str] = set()
        self._number = 0
        self._pending: dict[int, str] = {}
        self._sids: dict[str, int] = {}
        self._endings = 0

    @property
    def ready(self) -> bool:
        """Whether everything asked for has been answered."""
        return not self._pending

    def begin(self, tickers: Collection[str]) -> list[str]:
        """Return the commands of a fresh connection."""
        return [self._subscribe(channel) for channel in CHANNELS if channel != TICKER] + self.follow(tickers)

    def follow(self, tickers: Collection[str]) -> list[str]:
        """Return the commands that make `tickers` the markets whose quotes we get."""
        self._wanted = set(tickers)
        if TICKER in self._pending.values():
            return []  # its number is not known yet; the answer brings us back here
        sid = self._sids.get(TICKER)
        if sid is None:
            self.tickers = set(sorted(self._wanted)[:TICKERS_AT_ONCE])
            return [self._subscribe(TICKER)] if self._wanted else []
        if not self._wanted:
            # A filter without markets might mean all of them.
            del self._sids[TICKER]
            self.tickers = set()
            return [unsubscribe(self._next(), sid)]
        added = sorted(self._wanted - self.tickers)
        dropped = sorted(self.tickers - self._wanted)
        self.tickers = set(self._wanted)
        return [update(self._next(), sid, "add_markets", chunk) for chunk in _chunks(added)] + [
            update(self._next(), sid, "delete_markets", chunk) for chunk in _chunks(dropped)
        ]

    def confirmed(self, body: SubscribedFrame) -> list[str]:
        """Take the venue's word that a channel is open; return what to say next."""
        self._pending = {number: name for number, name in self._pending.items() if name != body.channel}
        if body.channel in CHANNELS:
            self._sids[body.channel] = body.sid
        return self.follow(self._wanted) if body.channel == TICKER else []

    def failed(self, frame: Frame, code: int) -> list[str]:
        """Take an error; return the commands that open again what it has ended.

        Raises Refused when quotes or fills are refused, or when subscriptions end again and again.
        """
        if code in ENDED:
            self._endings += 1
            if self._endings > ENDINGS:
                raise SubscriptionRefused
            return self._again(frame)
        channel = self._pending.pop(frame.id, None) if frame.id is not None else None
        if channel in (TICKER, "fill"):
            raise SubscriptionRefused
        return []

    def _again(self, frame: Frame) -> list[str]:
        asked = self._pending.pop(frame.id, None) if frame.id is not None else None
        hit = [name for name, sid in self._sids.items() if sid == frame.sid] if frame.sid is not None else []
        # An error that does not say what it ended may have ended anything; subscribing twice does no harm.
        ended = [asked] if asked else hit or [name for name in CHANNELS if name in self._sids]
        commands: list[str] = []
        for channel in ended:
            self._sids.pop(channel, None)
            commands += self.follow(self._wanted) if channel == TICKER else [self._subscribe(channel)]
        return commands

    def _subscribe(self, channel: str) -> str:
        number = self._next()
        self._pending[number] = channel
        return subscribe(number, channel, self.tickers if channel == TICKER else ())

    def _next(self) -> int:
        self._number += 1
        return self._number


def _chunks(tickers: list[str]) -> list[list[str]]:
    return [tickers[start : start + TICKERS_AT_ONCE] for start in range(0, len(tickers), TICKERS_AT_ONCE)]
