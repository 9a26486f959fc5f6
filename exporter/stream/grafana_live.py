"""Today's figures pushed to Grafana Live, so that a panel moves the moment a figure does.

A reader of the feed like any other, that sends what it reads somewhere: newest state first, nothing kept.
Grafana may be away, slow or unwilling; then one sentence says so, and nobody else notices. Prometheus is
the truth of every panel, this is only its speed.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import logging
import random
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TextIO

import httpx
from prometheus_client import CollectorRegistry, Counter, Gauge

from exporter.snapshot import COMPONENTS, Grade, Snapshot, decode, from_json
from exporter.stream.events import Place
from exporter.stream.feed import Feed
from exporter.stream.metrics import StreamMetric
from exporter.times import to_us, unstamp

STREAM, MEASUREMENT = "northstar", "pnl"
"""A panel subscribes to the channel `stream/northstar/pnl`."""

PUSH_SECONDS = 0.1
"""Between two pushes. Ten a second is what the exporter publishes at most, and more than an eye follows."""

TIMEOUT_SECONDS = 5.0
"""A Grafana on the same network answers in milliseconds; what takes longer is away."""

RETRY_SECONDS, RETRY_MOST_SECONDS = 1.0, 60.0
"""After a failure, doubled from one to the other, each with up to as much chance on top: a Grafana that
starts, or several of us, are not met by a crowd."""

TURN_SECONDS = 5.0
"""How often a process that does not push looks whether it is its turn."""

OUTCOMES = ("ok", "unauthorised", "refused", "unreachable", "timeout")

METRICS = (
    StreamMetric("northstar_grafana_live_up", "gauge", "1 while Grafana Live takes what is pushed."),
    StreamMetric(
        "northstar_grafana_live_pushes_total",
        "counter",
        "Pushes to Grafana Live by outcome: ok, unauthorised, refused, unreachable or timeout.",
        ("outcome",),
    ),
)

log = logging.getLogger("northstar")


class PushRefused(Exception):
    """Grafana did not take a push; the text is a sentence."""

    def __init__(self, outcome: str, sentence: str) -> None:
        super().__init__(sentence)
        self.outcome = outcome


class Turn:
    """One process at a time pushes to one Grafana: who holds the lock. It is free when its holder is gone."""

    def __init__(self, url: str, folder: Path | None = None) -> None:
        name = hashlib.sha256(url.encode()).hexdigest()[:12]
        self._path = (folder or Path(tempfile.gettempdir())) / f"northstar-live-{name}.lock"
        self._file: TextIO | None = None

    def taken(self) -> bool:
        """Return whether it is ours now."""
        if self._file is None:
            file = self._path.open("a")
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                file.close()
                return False
            self._file = file
        return True

    def leave(self) -> None:
        """Let another process have it."""
        if self._file is not None:
            self._file.close()
            self._file = None


class GrafanaLive:
    """Pushes to one Grafana. `run` is a task; `trouble` is a sentence while nothing arrives there."""

    name = "grafana_live"

    def __init__(
        self,
        url: str,
        token_path: Path | None,
        *,
        turn: Turn | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.trouble: str | None = None
        self._url = f"{url.rstrip('/')}/api/live/push/{STREAM}"
        self._token_path = token_path
        self._turn = turn if turn is not None else Turn(url)
        self._transport = transport
        self._sleep = sleep
        self._retry = RETRY_SECONDS
        up, pushes = METRICS
        self._up = Gauge(up.name, up.help, registry=None, multiprocess_mode="livemax")
        self._pushes = Counter(pushes.name, pushes.help, pushes.labels, registry=None)
        for outcome in OUTCOMES:
            self._pushes.labels(outcome)

    def register(self, registry: CollectorRegistry) -> None:
        """Show the metrics on somebody's page."""
        registry.register(self._up)
        registry.register(self._pushes)

    async def run(self, feed: Feed) -> None:
        """Push what is new until the feed closes."""
        try:
            # Redirects are not followed: they would carry the token to wherever they point.
            async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS, transport=self._transport) as client:
                while not feed.closed and not self._turn.taken():
                    await self._sleep(TURN_SECONDS)
                await self._follow(feed, client)
        finally:
            self._turn.leave()

    async def _follow(self, feed: Feed, client: httpx.AsyncClient) -> None:
        place: Place | None = None
        while not feed.closed:
            await feed.wait(place)
            place = feed.after(place).place
            newest = feed.current()
            if newest is None or feed.closed:
                continue
            await self._sleep(await self._pushed(client, from_json(decode(newest.body))))

    async def _pushed(self, client: httpx.AsyncClient, snapshot: Snapshot) -> float:
        """Push a snapshot; return how long to wait before the next one."""
        try:
            await self._push(client, line(snapshot))
        except PushRefused as refused:
            self._pushes.labels(refused.outcome).inc()
            self._up.set(0)
            self._say(str(refused))
            wait = self._retry * (1 + random.random())  # noqa: S311 - spreads retries; guessing helps nobody
            self._retry = min(2 * self._retry, RETRY_MOST_SECONDS)
            return wait
        self._pushes.labels("ok").inc()
        self._up.set(1)
        self._say(None)
        self._retry = RETRY_SECONDS
        return PUSH_SECONDS

    async def _push(self, client: httpx.AsyncClient, text: str) -> None:
        headers = {"Content-Type": "text/plain; charset=utf-8"}
        if self._token_path is not None:
            headers["Authorization"] = f"Bearer {_token(self._token_path)}"
        try:
            answer = await client.post(self._url, content=text, headers=headers)
        except httpx.TimeoutException:
            raise PushRefused("timeout", f"Grafana did not answer within {TIMEOUT_SECONDS:.0f} s.") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise PushRefused("unreachable", f"Grafana cannot be reached ({type(error).__name__}).") from None
        if answer.status_code in (401, 403):
            raise PushRefused("unauthorised", f"Grafana refused the token ({answer.status_code}).")
        if answer.status_code != 200:
            raise PushRefused("refused", f"Grafana answered {answer.status_code}: is that its address?")

    def _say(self, sentence: str | None) -> None:
        """Log a change, once: an hour of silence is one line, not thousands."""
        if sentence != self.trouble:
            if sentence is None:
                log.info("Grafana Live takes our pushes again.")
            else:
                log.warning("%s Live panels stand still; everything else goes on.", sentence)
        self.trouble = sentence


def _token(path: Path) -> str:
    # Read at each push, so that a token can be replaced without a restart, and is kept nowhere.
    try:
        token = path.expanduser().read_text().strip()
    except (OSError, UnicodeDecodeError):
        raise PushRefused(
            "unauthorised", "NORTHSTAR_GRAFANA_TOKEN_PATH names a file that cannot be read."
        ) from None
    if not token.isascii() or not token.isprintable() or not token:
        raise PushRefused("unauthorised", "NORTHSTAR_GRAFANA_TOKEN_PATH names a file that holds no token.")
    return token


def line(snapshot: Snapshot) -> str:
    """Return a snapshot as one line of Influx's protocol; a figure that is missing is not in it."""
    nanoseconds = 1_000 * to_us(unstamp(snapshot.as_of))
    return f"{MEASUREMENT} {','.join(f'{name}={value}' for name, value in _figures(snapshot))} {nanoseconds}"


def _figures(snapshot: Snapshot) -> Iterator[tuple[str, object]]:
    # Decimals go as the text they are: no float is made of money here either.
    yield "sequence", snapshot.sequence
    for window, stated in snapshot.windows.items():
        yield f"grade_{window}", Grade.of(stated.net.grade).value
        if stated.net.usd is not None:
            yield f"net_{window}", stated.net.usd
    today = snapshot.windows["today"].components
    for name in COMPONENTS:
        if name in today and today[name].usd is not None:
            yield f"{name}_today", today[name].usd
