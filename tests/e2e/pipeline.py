"""The exporter's own cycle in this process, on a clock a test sets, with its two HTTP faces."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
import zlib
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import ExitStack
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from exporter.metrics.server import serve
from exporter.runtime import clock as clocks
from exporter.simulator.server import Simulator
from exporter.snapshot import COUNTS, apply, decode, plain_json
from exporter.sources.registry import read_settings
from exporter.stream import create_app
from exporter.stream.server import Server, listen
from exporter.wiring import build_cycle, build_page

T = TypeVar("T")
Labels = tuple[tuple[str, str], ...]

PATIENCE = 120.0
"""Seconds after which a test is hanging, on a machine that does much else; nothing is measured against it."""

FIRST_LOOK, LONGEST_LOOK = 0.005, 0.1
"""Seconds between two looks at what is waited for: soon seen when it is quick, no burden when it is slow."""

AGES = timedelta(days=10)
"""Further back than the trades of any example, and not so far that the venue's archive is asked."""

HOST = "127.0.0.1"


class Pipeline:
    """Sources, store, ledger, /metrics and the stream, pointed at a simulator.

    `collect` reads sources by name; `current` and `metrics` ask over HTTP. Settings are given by
    their environment names.
    """

    def __init__(
        self,
        simulator: Simulator,
        folder: Path,
        *,
        clock: Callable[[], datetime] | None = None,
        monotonic: Callable[[], float] | None = None,
        **settings: str,
    ) -> None:
        self.simulator = simulator
        self.database = Path(settings.get("DB_PATH", folder / "northstar.sqlite3"))
        environ = {**simulator.environment(ed25519=True), "DB_PATH": str(self.database), **settings}
        self.settings = read_settings(environ)
        self._registry = CollectorRegistry()
        clock = clock or simulator.world.clock
        self.cycle, self.health = build_cycle(
            self.settings, self._registry, clock, monotonic or clocks.of(clock)
        )
        self.sources = {source.name: source for source in self.cycle.sources}
        self._runner = asyncio.Runner()
        self._open = ExitStack()
        self._closed = False
        self._stream: str | None = None
        self._metrics: str | None = None
        self._http = self._open.enter_context(httpx.Client(timeout=PATIENCE))

    def __enter__(self) -> Self:
        self.run(self.cycle.start())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop in order; a second time does nothing."""
        if not self._closed:
            self._closed = True
            self._open.close()
            self.run(self.cycle.stop())
            self._runner.close()

    def run(self, work: Awaitable[T]) -> T:
        """Run one coroutine to its end."""

        async def awaited() -> T:
            return await work

        return self._runner.run(awaited())

    def collect(self, *names: str) -> None:
        """Read the named sources one after the other, all of them when none is named."""
        for name in names or tuple(self.sources):
            self.run(self.cycle.turns.collect(self.sources[name]))

    def publish(self) -> None:
        """Commit a snapshot without reading anything."""
        self.run(self.cycle.publisher.publish())

    def read_everything_again(self) -> None:
        """Let each reading reach back over all that an example has."""
        for name, source in self.sources.items():
            source.overlap = AGES if name != "anthropic" else timedelta(days=3)

    @property
    def latest(self) -> dict[str, Any]:
        """The newest snapshot, as the cycle holds it."""
        assert self.cycle.publisher.latest is not None
        return plain_json(self.cycle.publisher.latest)

    @property
    def metrics_url(self) -> str:
        """The address of /metrics, served from the first use on."""
        if self._metrics is None:
            server, thread = serve(build_page(self.cycle, self._registry), 0, HOST)
            self._open.callback(thread.join)
            self._open.callback(server.server_close)
            self._open.callback(server.shutdown)
            self._metrics = f"http://{HOST}:{server.server_port}/metrics"
        return self._metrics

    def metrics(self, *names: str) -> Scrape:
        """Scrape once; with names, read only what has one of them: the whole page takes long."""
        text = self._http.get(self.metrics_url).raise_for_status().text
        lines = [line for line in text.splitlines(keepends=True) if line.startswith(names or "")]
        return Scrape("".join(lines))

    @property
    def stream_url(self) -> str:
        """The address of a sidecar on this database, served from the first use on."""
        if self._stream is None:
            self._stream = self.another_stream()
        return self._stream

    def another_stream(self) -> str:
        """Start one more sidecar, which knows nothing but the database; return its address."""
        listener = self._open.enter_context(listen(HOST, 0))
        app = create_app(self.database)
        server = Server(app)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()

        def end() -> None:
            server.should_exit = True
            thread.join(PATIENCE)
            assert not thread.is_alive(), "the stream did not end"

        self._open.callback(end)
        until(lambda: server.started and app.state.feed.epoch)  # it has opened the database
        return f"http://{HOST}:{listener.getsockname()[1]}"

    def current(self) -> dict[str, Any]:
        """Return /api/pnl/current once it shows the newest snapshot."""
        url, sequence = f"{self.stream_url}/api/pnl/current", self.latest["sequence"]

        def asked() -> dict[str, Any] | None:
            answer = self._http.get(url)
            shown = answer.json() if answer.status_code == 200 else {}
            return shown if shown.get("sequence") == sequence else None

        return until(asked)

    def stored(self) -> list[dict[str, Any]]:
        """Return every snapshot in the database, put together from its patches with plain SQL."""
        with sqlite3.connect(f"file:{self.database}?mode=ro", uri=True) as connection:
            rows = connection.execute("SELECT patch FROM snapshots ORDER BY sequence").fetchall()
        connection.close()
        return trees(zlib.decompress(patch) for (patch,) in rows)


def trees(patches: Iterable[bytes]) -> list[dict[str, Any]]:
    """Return the snapshots that a row of patches leads to, from the first ever on."""
    found: list[dict[str, Any]] = []
    tree: dict[str, Any] = {}
    for patch in patches:
        tree = apply(tree, decode(patch))
        found.append(tree)
    return found


class Scrape:
    """One page of metrics: `scrape[name, {label: value}]` is a sample, `of(name)` all of a name."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.samples: dict[tuple[str, Labels], float] = {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    def get(self, name: str, **labels: str) -> float | None:
        """Return one sample, None when the page has none."""
        return self.samples.get((name, tuple(sorted(labels.items()))))

    def of(self, name: str, **labels: str) -> dict[Labels, float]:
        """Return all samples of a name that carry the labels."""
        return {
            found: value
            for (known, found), value in self.samples.items()
            if known == name and set(labels.items()) <= set(found)
        }


def until(true: Callable[[], T | None], patience: float = PATIENCE, what: str = "") -> T:
    """Return the first truthy answer; fail after `patience` seconds."""
    limit = time.monotonic() + patience
    pause = FIRST_LOOK
    while not (answer := true()):
        assert time.monotonic() < limit, f"waited in vain {what}"
        time.sleep(pause)
        pause = min(1.2 * pause, LONGEST_LOOK)
    return answer


def figures(tree: Mapping[str, Any], *sources: str) -> dict[str, Any]:
    """Return every amount and count of a snapshot by its path, without times, grades and reasons.

    With `sources` only the amounts that come from them.
    """
    shown: dict[str, Any] = {}
    for window, stated in tree["windows"].items():
        for name, part in stated["components"].items():
            if not sources or source_of(name) in sources:
                shown[f"{window}.{name}"] = part.get("usd")
        if not sources:
            shown[f"{window}.net"] = stated["net"].get("usd")
        if not sources or "sales" in sources:
            counts = tree.get("sales", {}).get(window, {})
            shown |= {f"{window}.{count}": counts.get(count) for count in COUNTS}
    if not sources or "kalshi" in sources:
        shown["unrealised"] = tree.get("unrealised", {}).get("usd")
        for market, position in tree.get("positions", {}).items():
            for name in ("side", "count", "cost", "mark", "value"):
                shown[f"{market}.{name}"] = position.get(name)
        for name in ("cash", "portfolio_value", "equity"):
            shown[name] = tree.get("accounts", {}).get("kalshi", {}).get(name)
    return shown


def source_of(component: str) -> str:
    """Return the source that a component comes from."""
    return {"trading": "kalshi", "sales": "sales", "api": "anthropic"}[component.partition("_")[0]]


def usd(tree: Mapping[str, Any], window: str, component: str) -> Decimal:
    """Return one contribution of a window, signed."""
    return Decimal(tree["windows"][window]["components"][component]["usd"])


def sum_of_parts(stated: Mapping[str, Any]) -> Decimal:
    """Return the sum of a window's contributions."""
    return sum((Decimal(part["usd"]) for part in stated["components"].values()), Decimal(0))
