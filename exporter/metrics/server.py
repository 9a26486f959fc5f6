"""The server of `/metrics`: a thread of its own, and one for each request."""

from __future__ import annotations

import gzip
import logging
import socket
import ssl
import sys
from collections.abc import Iterable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import BaseServer
from threading import Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from exporter.metrics.page import Page
from exporter.runtime.host_names import HostNames, host_name

if TYPE_CHECKING:
    from exporter.metrics.web_config import WebConfig
    from exporter.metrics.web_guard import WebGuard

log = logging.getLogger("northstar")

TIMEOUT_SECONDS = 10.0
"""For a request to be read: Prometheus gives up after as long."""

COMPRESSION = 1
"""zlib's fastest level: a page is a tenth of its size then; other levels take longer than the wire saves."""

TLS_HANDSHAKE = b"\x16"
"""What a connection that is going to be encrypted begins with (RFC 8446, record type)."""


class Refused(Exception):
    """A request that is not answered with the page; the text says why in a sentence."""

    def __init__(self, status: HTTPStatus, sentence: str) -> None:
        self.status = status
        super().__init__(sentence)


def serve(
    page: Page, port: int, host: str, *, guard: WebGuard | None = None, names: Iterable[str] = ()
) -> tuple[ThreadingHTTPServer, Thread]:
    """Answer requests for the page in a thread of its own; port 0 is any that is free. Raises OSError.

    `names` are those we may be asked for by, besides the ones that nobody else can have.
    """
    server = PageServer(page, port, host, guard, HostNames(names))
    thread = Thread(target=server.serve_forever, name="metrics", daemon=True)
    thread.start()
    return server, thread


class PageServer(ThreadingHTTPServer):
    """Takes connections; those to be encrypted are in the thread of their request, so that none waits for one
    that says nothing."""

    daemon_threads = True

    def __init__(self, page: Page, port: int, host: str, guard: WebGuard | None, names: HostNames) -> None:
        self.page, self.guard, self.names = page, guard, names
        self.address_family = socket.getaddrinfo(host, port)[0][0]
        super().__init__((host, port), Handler)

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Read and answer what comes over one connection."""
        config = None if self.guard is None else self.guard.config()
        if config is None or config.tls is None:
            Handler(request, client_address, self, config)
            return
        request.settimeout(TIMEOUT_SECONDS)
        if request.recv(1, socket.MSG_PEEK) != TLS_HANDSHAKE:
            Handler(request, client_address, self, config)
            return
        with config.tls.wrap_socket(request, server_side=True) as encrypted:
            Handler(encrypted, client_address, self, config)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that went away or does not trust us; that is its trouble."""
        if not isinstance(sys.exc_info()[1], OSError):
            log.exception("A request for the metrics could not be answered.")


class Handler(BaseHTTPRequestHandler):
    """One request."""

    timeout = TIMEOUT_SECONDS
    server_version, sys_version = "northstar", ""
    server: PageServer

    def __init__(
        self, request: Any, client: Any, server: BaseServer, config: WebConfig | None = None
    ) -> None:
        self._config = config
        super().__init__(request, client, server)

    def do_GET(self) -> None:
        """Answer with the page, or say why not."""
        try:
            self._let_in()
            self._send(*self._answer())
        except Refused as refused:
            self._send("text/plain; charset=utf-8", f"{refused}\n".encode(), refused.status)

    def _answer(self) -> tuple[str, bytes]:
        """Return type and body of what is asked for. Raises Refused."""
        try:
            asked = urlsplit(self.path)
        except ValueError:
            raise Refused(HTTPStatus.BAD_REQUEST, "What is asked for is no address.") from None
        if asked.path == "/favicon.ico":  # browsers ask for it beside the page
            return "text/plain", b""
        names = parse_qs(asked.query).get("name[]", ())
        return self.server.page.answer(self.headers.get("Accept"), names)

    def _let_in(self) -> None:
        """Raise Refused for a name that is not ours, and for whoever the web configuration file keeps out."""
        self._asked_by_a_name_of_ours()
        config, guard = self._config, self.server.guard
        if config is None or guard is None:
            return
        if config.tls is not None and not isinstance(self.connection, ssl.SSLSocket):
            raise Refused(HTTPStatus.BAD_REQUEST, "This port speaks TLS: ask for https://.")
        if config.allowed_sans is not None and not (self._names() & config.allowed_sans):
            raise Refused(HTTPStatus.FORBIDDEN, "The certificate is for none of client_allowed_sans.")
        if config.users and not guard.passwords.right(config.users, self.headers.get("Authorization", "")):
            raise Refused(HTTPStatus.UNAUTHORIZED, "A user of the web configuration file is needed.")

    def _asked_by_a_name_of_ours(self) -> None:
        stated = self.headers.get_all("Host", [])
        if not stated and self.request_version == "HTTP/1.0":
            return  # no browser asks so, and with no name no page was misled
        name = host_name(stated[0]) if len(stated) == 1 else None
        if name is None:
            raise Refused(HTTPStatus.BAD_REQUEST, "The Host header of this request is no address.")
        if name not in self.server.names:
            raise Refused(
                HTTPStatus.FORBIDDEN, "This host name is not known here: add it to NORTHSTAR_HOST_NAMES."
            )

    def _names(self) -> frozenset[str]:
        from exporter.metrics.web_guard import names_of

        assert isinstance(self.connection, ssl.SSLSocket)
        return names_of(self.connection.getpeercert())

    def _send(self, kind: str, body: bytes, status: HTTPStatus = HTTPStatus.OK) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if status == HTTPStatus.UNAUTHORIZED:
            self.send_header("WWW-Authenticate", 'Basic realm="metrics", charset="UTF-8"')
        if body and "gzip" in self.headers.get("Accept-Encoding", ""):
            body = gzip.compress(body, COMPRESSION)
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def end_headers(self) -> None:
        """Add to every answer, also to those of a method that is refused, what the file says."""
        for name, value in self._config.headers if self._config is not None else ():
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, *_: object) -> None:
        """Prometheus asks every few seconds: that is no news."""
