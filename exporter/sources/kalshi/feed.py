"""Kalshi's live feed (WebSocket): quotes as they move, and word that something else has changed.

Source: Kalshi trade API, "WebSocket API" pages (read 2026-11).
Rule:   REST is the truth. A fill frame is never booked: its time has milliseconds only, nothing numbers
        it, and it may be lost or come twice. It says that a reading is worth asking for at once, and so
        does one that cannot be read.
Quirk:  the venue pings every ten seconds also while no data flows, so an answered ping proves nothing;
        only quotes keep the watchdog quiet.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from pydantic import SecretStr
from websockets.asyncio.client import ClientConnection

from exporter.records import Mark
from exporter.sources.credential import usable
from exporter.sources.kalshi.frames import (
    OTHER,
    RESOLVED,
    BadFrame,
    ErrorFrame,
    FillFrame,
    Frame,
    LifecycleFrame,
    PositionFrame,
    SubscribedFrame,
    TickerFrame,
    code_label,
    read_frame,
)
from exporter.sources.kalshi.key import load_key, signer
from exporter.sources.kalshi.settings import NAME
from exporter.sources.kalshi.socket import HOPELESS, TROUBLE, dial, why, write
from exporter.sources.kalshi.subscriptions import SubscriptionRefused, Subscriptions
from exporter.sources.live import Changed, LiveNews, LiveObserver, Status

MAX_CHANGES = 1_000  # what is told of by name before the consumer has looked; more of it says the same

log = logging.getLogger("northstar")


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long the feed waits for what, in seconds."""

    answer: float = 10.0  # for the answer to a subscription
    silence: float = 180.0  # without a single quote while markets are open; quiet nights reconnect, no more
    missed: float = 10.0  # that REST may show other quotes than the last frame; its answers come late, too
    first_wait: float = 0.5  # before the first new attempt; doubled by each one that fails
    longest_wait: float = 30.0
    steady: float = 60.0  # a connection that lasted so long was a good one: the waits begin anew


class KalshiLive:
    """One connection at a time, for ever: `run` keeps it, `news` waits for what it brings.

    A slow consumer holds up nothing: of each market only the newest quotes are kept, and only of
    markets in `tickers`. Raises SettingsError when the key cannot be read.
    """

    def __init__(
        self,
        url: str,
        key_id: str,
        private_key_pem: SecretStr | str,
        clock: Callable[[], datetime],
        observer: LiveObserver,
        tickers: Callable[[], Collection[str]],
        *,
        name: str = NAME,
        timeouts: Timeouts | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        identity = usable(key_id, "The Kalshi key id").get_secret_value
        self.name = name
        self.status: Status = "connecting"
        self._url, self._path = url, urlsplit(url).path
        self._sign = signer(identity(), load_key(private_key_pem), clock)
        self._clock, self._observer, self._tickers = clock, observer, tickers
        self._timeouts, self._jitter = timeouts or Timeouts(), jitter
        self._news = asyncio.Event()
        self._marks: dict[str, Mark] = {}
        self._changes: dict[Changed, None] = {}
        self._subscriptions = Subscriptions()
        self._newest: dict[str, TickerFrame] = {}
        self._suspects: dict[str, float] = {}
        self._outgoing: asyncio.Queue[str] | None = None
        self._answer_by: asyncio.Timeout | None = None
        self._quote_by: asyncio.Timeout | None = None
        self._missed = False
        self._complained = False

    def __repr__(self) -> str:
        return f"<KalshiLive {urlsplit(self._url).hostname} {self.status}>"

    # What the consumer asks.

    async def news(self) -> LiveNews:
        """Wait until something came, and hand it over."""
        await self._news.wait()
        self._news.clear()
        marks, self._marks = self._marks, {}
        changes, self._changes = self._changes, {}
        return LiveNews(self.status, tuple(marks.values()), tuple(changes))

    def follow(self) -> None:
        """Subscribe to the markets that are open now."""
        if self._outgoing is not None:
            self._send(self._subscriptions.follow(self._tickers()))
            self._newest = {t: f for t, f in self._newest.items() if t in self._subscriptions.tickers}

    def compare(self, marks: Iterable[Mark]) -> None:
        """Hold the quotes of a reading against the frames: one that did not come means a deaf socket.

        REST may lag behind the socket, so a difference counts once it has outlasted a limit.
        """
        if self._outgoing is None:
            return
        now = asyncio.get_running_loop().time()
        for mark in marks:
            frame = self._newest.get(mark.ticker)
            ours = frame.mark(self.name, mark.at) if frame is not None else None
            if ours is None or (ours.yes_bid, ours.yes_ask) == (mark.yes_bid, mark.yes_ask):
                self._suspects.pop(mark.ticker, None)
            elif mark.ticker not in self._suspects:
                self._suspects[mark.ticker] = now
            elif now - self._suspects[mark.ticker] >= self._timeouts.missed:
                self._missed = True
        if self._missed:
            _until(self._quote_by, now)

    # The connection.

    async def run(self) -> None:
        """Connect, listen, and connect again, until cancelled."""
        loop = asyncio.get_running_loop()
        failures = 0
        while True:
            began = loop.time()
            ended = await self._session()
            if self.status == "live" and loop.time() - began >= self._timeouts.steady:
                failures = 0
            self._lost(ended)
            await asyncio.sleep(self._wait(ended, failures))
            failures += 1

    async def _session(self) -> str:
        """Live through one connection; return why it ended."""
        try:
            socket = await dial(self._url, self._sign("GET", self._path))
            try:
                return await self._converse(socket)
            finally:
                await socket.close()
        except TROUBLE as error:
            return why(error)

    async def _converse(self, socket: ClientConnection) -> str:
        self._subscriptions = Subscriptions()
        self._newest, self._suspects, self._missed = {}, {}, False
        self._outgoing = asyncio.Queue()
        writer = asyncio.create_task(write(socket, self._outgoing))
        answer_by, quote_by = asyncio.timeout(None), asyncio.timeout(None)
        try:
            async with answer_by, quote_by:
                self._answer_by, self._quote_by = answer_by, quote_by
                self._send(self._subscriptions.begin(self._tickers()))
                while True:
                    self._hear(await socket.recv(decode=False))
        except SubscriptionRefused:
            return "refused"
        except TimeoutError:
            if answer_by.expired():
                return "unanswered"
            return "missed" if self._missed else "silent"
        finally:
            self._outgoing = self._answer_by = self._quote_by = None
            writer.cancel()
            await asyncio.wait({writer})

    def _send(self, commands: Iterable[str]) -> None:
        """Queue commands, and watch for their answers and for the quotes they ask for."""
        assert self._outgoing is not None
        for command in commands:
            self._outgoing.put_nowait(command)
        now = asyncio.get_running_loop().time()
        _watch(self._answer_by, None if self._subscriptions.ready else now + self._timeouts.answer)
        _watch(self._quote_by, now + self._timeouts.silence if self._subscriptions.tickers else None)

    def _hear(self, text: bytes) -> None:
        """Take one frame. Raises Refused; whatever else is in it is counted, never raised."""
        at = self._clock()
        try:
            frame = read_frame(text)
        except BadFrame as bad:
            self._observer.live_frame(self.name, bad.kind, at)
            self._observer.live_dropped(self.name, bad.reason)
            if bad.kind in ("fill", "market_position"):
                self._tell(Changed(bad.kind))
            return
        self._observer.live_frame(self.name, frame.kind, at)
        match frame.body:
            case TickerFrame() as quotes:
                self._quoted(quotes, at)
            case FillFrame() as fill:
                self._tell(Changed("fill", fill.trade_id))
            case PositionFrame():
                self._tell(Changed("market_position"))
            case LifecycleFrame() as turn:
                if turn.event_type in RESOLVED and turn.market_ticker in self._subscriptions.tickers:
                    self._tell(Changed(turn.event_type))
            case SubscribedFrame() as opened:
                self._send(self._subscriptions.confirmed(opened))
                self._consider_live()
            case ErrorFrame() as error:
                self._failed(frame, error.code)
            case _ if frame.kind == OTHER:
                self._observer.live_dropped(self.name, "unknown_type")

    def _quoted(self, frame: TickerFrame, at: datetime) -> None:
        ticker = frame.market_ticker
        if ticker not in self._subscriptions.tickers:
            self._observer.live_dropped(self.name, "unasked")
            return
        if not self._missed:
            _until(self._quote_by, asyncio.get_running_loop().time() + self._timeouts.silence)
        before = self._newest.get(ticker)
        # Two quotes of one millisecond are possible; the later one to come is the newer one.
        if before is not None and (frame.ts_ms < before.ts_ms or frame == before):
            self._observer.live_dropped(self.name, "repeated" if frame == before else "late")
            return
        self._newest[ticker] = frame
        self._suspects.pop(ticker, None)
        self._marks[ticker] = frame.mark(self.name, at)
        self._news.set()

    def _failed(self, frame: Frame, code: int) -> None:
        self._observer.live_dropped(self.name, code_label(code))
        commands = self._subscriptions.failed(frame, code)
        self._send(commands)
        if commands:
            self._tell(Changed("connected"))
        else:
            self._consider_live()

    def _consider_live(self) -> None:
        if self._subscriptions.ready and self.status != "live":
            self.status = "live"
            self._complained = False
            self._observer.live_connected(self.name, True)
            self._tell(Changed("connected"))
            log.info("source=%s live feed connected", self.name)

    def _lost(self, ended: str) -> None:
        self.status = "connecting"
        self._observer.live_connected(self.name, False)
        self._observer.live_reconnected(self.name, ended)
        self._news.set()
        if not self._complained:
            self._complained = True
            log.warning("source=%s live feed lost reason=%s; REST goes on", self.name, ended)

    def _tell(self, change: Changed) -> None:
        crowded = len(self._changes) >= MAX_CHANGES
        self._changes[Changed(change.reason) if crowded else change] = None
        self._news.set()

    def _wait(self, ended: str, failures: int) -> float:
        """Return how long to wait before the next attempt: doubling, jittered, bounded."""
        longest = self._timeouts.longest_wait
        wait = (
            longest if ended in HOPELESS else min(longest, self._timeouts.first_wait * 2 ** min(failures, 9))
        )
        return wait * (0.5 + self._jitter() / 2)


def _watch(timer: asyncio.Timeout | None, by: float | None) -> None:
    """Start a timer that is not running, or stop one that is no longer needed."""
    if timer is not None and (by is None or timer.when() is None):
        _until(timer, by)


def _until(timer: asyncio.Timeout | None, by: float | None) -> None:
    if timer is not None and not timer.expired():
        timer.reschedule(by)
