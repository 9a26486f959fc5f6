"""The page of `/metrics`: what snapshots state, written once for each; what is counted, at each scrape."""

from __future__ import annotations

import gzip
import socket
from collections.abc import Callable, Collection, Iterable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Generic, TypeVar
from urllib.parse import parse_qs, urlsplit

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from exporter.metrics.catalogue import Metric
from exporter.metrics.exposition import Sample, counted, text

Source = TypeVar("Source")

TIMEOUT_SECONDS = 10.0
"""For a request to be read: Prometheus gives up after as long."""

COMPRESSION = 1
"""zlib's fastest level: a page is a tenth of its size then; other levels take longer than the wire saves."""


class PageSection(Generic[Source]):
    """The families of whatever is newest, kept as text until something newer is there."""

    def __init__(
        self,
        latest: Callable[[], Source | None],
        stated: Callable[[Source], Iterable[tuple[Metric, Sequence[Sample]]]],
    ) -> None:
        self._latest, self._stated = latest, stated
        self._kept: dict[bool, tuple[Source, dict[str, str]]] = {}

    def families(self, *, openmetrics: bool = False) -> dict[str, str]:
        """Return the text of each family by its name; none before there is anything to state."""
        latest = self._latest()
        if latest is None:
            return {}
        # Two scrapes at once may both write the same text: that is all that can happen without a lock.
        kept = self._kept.get(openmetrics)
        if kept is None or kept[0] is not latest:
            families = {
                metric.name: text(metric, samples, openmetrics=openmetrics)
                for metric, samples in self._stated(latest)
            }
            kept = self._kept[openmetrics] = (latest, families)
        return kept[1]


class Page:
    """The sections, and behind them what the registry counts."""

    def __init__(self, registry: CollectorRegistry, *sections: PageSection[Any]) -> None:
        self._registry, self._sections = registry, sections

    def answer(self, accept: str | None = None, names: Collection[str] = ()) -> tuple[str, bytes]:
        """Return type and body in the format that is asked for; only some families where `names` has any."""
        _, kind = choose_encoder(accept or "")
        openmetrics = kind.startswith("application/openmetrics")
        stated = [
            family
            for section in self._sections
            for name, family in section.families(openmetrics=openmetrics).items()
            if not names or name in names
        ]
        registry = self._registry.restricted_registry(names) if names else self._registry
        ending = "# EOF\n" if openmetrics else ""
        return kind, "".join([*stated, counted(registry, openmetrics=openmetrics), ending]).encode()


def serve(page: Page, port: int, host: str) -> tuple[ThreadingHTTPServer, Thread]:
    """Answer requests for the page in a thread of its own; port 0 is any that is free. Raises OSError."""

    class Handler(BaseHTTPRequestHandler):
        timeout = TIMEOUT_SECONDS

        def do_GET(self) -> None:
            asked = urlsplit(self.path)
            if asked.path == "/favicon.ico":  # browsers ask for it beside the page
                self._send("text/plain", b"")
                return
            names = parse_qs(asked.query).get("name[]", ())
            self._send(*page.answer(self.headers.get("Accept"), names))

        def _send(self, kind: str, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            if body and "gzip" in self.headers.get("Accept-Encoding", ""):
                body = gzip.compress(body, COMPRESSION)
                self.send_header("Content-Encoding", "gzip")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Prometheus asks every few seconds: that is no news."""

    class PageServer(ThreadingHTTPServer):
        daemon_threads = True
        address_family = socket.getaddrinfo(host, port)[0][0]

    server = PageServer((host, port), Handler)
    thread = Thread(target=server.serve_forever, name="metrics", daemon=True)
    thread.start()
    return server, thread
