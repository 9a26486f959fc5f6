"""Two who watch the product from outside and remember all they were shown."""

from __future__ import annotations

import json
import threading
import time
from types import TracebackType
from typing import Any, Self

import httpx

from exporter.snapshot import apply
from tests.e2e.pipeline import PATIENCE, Scrape


class Watcher:
    """Something that looks in a thread of its own, until the block ends."""

    def __init__(self) -> None:
        self.troubles: list[str] = []
        self.ended = threading.Event()
        self._thread = threading.Thread(target=self._guarded, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.ended.set()
        self._thread.join(PATIENCE)

    def _guarded(self) -> None:
        try:
            self.look()
        except Exception as error:  # noqa: BLE001 - told by the test, which runs in another thread
            self.troubles.append(repr(error))

    def look(self) -> None:
        raise NotImplementedError


NET, SEQUENCE = "northstar_pnl_net_usd", "northstar_snapshot_sequence"


class Scraper(Watcher):
    """Polls /metrics of exporters that come and go: `shown` has the nets of every sequence seen."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url
        self.shown: dict[int, dict[str, float]] = {}
        self.order: list[int] = []

    def look(self) -> None:
        with httpx.Client(timeout=2) as client:
            while not self.ended.is_set():
                try:
                    text = client.get(self.url).text
                except httpx.HTTPError:
                    time.sleep(0.01)
                    continue
                # To read the whole page would take the time from the process that is looked at.
                lines = [line for line in text.splitlines(keepends=True) if line.startswith((NET, SEQUENCE))]
                self._note(Scrape("".join(lines)))
                time.sleep(0.01)

    def _note(self, scrape: Scrape) -> None:
        sequence = scrape.get(SEQUENCE)
        if sequence is None:
            return
        nets = {dict(labels)["window"]: value for labels, value in scrape.of(NET).items()}
        known = self.shown.setdefault(int(sequence), nets)
        if known != nets:
            self.troubles.append(f"sequence {sequence:.0f} was shown as {known} and as {nets}")
        if not self.order or self.order[-1] != int(sequence):
            self.order.append(int(sequence))


class Listener(Watcher):
    """Follows the stream and resumes where it was: `shown` has every snapshot by its sequence."""

    def __init__(self, url: str, cursor: str | None = None) -> None:
        super().__init__()
        self.url = url
        self.shown: dict[int, dict[str, Any]] = {}
        self.kinds: list[str] = []
        self.connections = 0
        self._cursor = cursor
        self._tree: dict[str, Any] = {}

    def look(self) -> None:
        while not self.ended.is_set():
            headers = {"Last-Event-ID": self._cursor} if self._cursor else {}
            try:
                with (
                    httpx.Client(timeout=httpx.Timeout(PATIENCE, read=1.0)) as client,
                    client.stream("GET", f"{self.url}/api/pnl/stream", headers=headers) as answer,
                ):
                    self.connections += 1
                    self._follow(answer)
            except httpx.HTTPError:
                time.sleep(0.01)

    def _follow(self, answer: httpx.Response) -> None:
        fields: dict[str, str] = {}
        for line in answer.iter_lines():
            if line:
                name, _, value = line.partition(": ")
                fields[name] = value
                continue
            if "data" in fields:
                self._take(fields["event"], fields.get("id", ""), json.loads(fields["data"]))
            fields = {}
            if self.ended.is_set():
                return

    def _take(self, kind: str, cursor: str, data: dict[str, Any]) -> None:
        self.kinds.append(kind)
        if kind == "resync":
            return
        sequence = int(cursor.rpartition("-")[2])
        if kind == "delta" and self._tree and sequence != self._tree["sequence"] + 1:
            self.troubles.append(f"delta to {sequence} came after {self._tree['sequence']}")
        self._tree = apply(self._tree, data) if kind == "delta" else data
        if sequence in self.shown and self.shown[sequence] != self._tree:
            self.troubles.append(f"sequence {sequence} was told twice and differently")
        self.shown[sequence] = self._tree
        self._cursor = cursor
