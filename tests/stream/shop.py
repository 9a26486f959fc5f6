"""Somebody else's site, and the widget on its page."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from playwright.sync_api import Page


@dataclass
class Shop:
    """Another site on another origin, with one page. It is a real server: a browser keeps pages of the
    internet away from the loopback."""

    address: str = ""
    html: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    def show(self, page: Page, html: str, **headers: str) -> None:
        """Put the page up and open it."""
        self.html, self.headers = html, {name.replace("_", "-"): text for name, text in headers.items()}
        page.goto(self.address)


@contextmanager
def selling() -> Iterator[Shop]:
    """Serve that site while the block runs."""
    site = Shop()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = self.path == "/"
            self.send_response(200 if found else 204)  # nor does it have an icon
            for name, text in {"Content-Type": "text/html; charset=utf-8", **site.headers}.items():
                self.send_header(name, text)
            self.end_headers()
            self.wfile.write(site.html.encode() if found else b"")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        site.address = f"http://127.0.0.1:{server.server_port}"
        yield site
        server.shutdown()


def embedded(url: str, attributes: str = "") -> str:
    """Return a page with one widget."""
    script = f'<script type="module" src="{url}/widget.js"></script>'
    head = f'<!doctype html><html lang="en"><title>Shop</title>{script}'
    return f"{head}<northstar-pnl {attributes}></northstar-pnl>"
