"""`northstar stream` and `northstar token`: the settings on one side, the stream on the other."""

from __future__ import annotations

import argparse
import socket
from datetime import UTC, datetime

from exporter.errors import SettingsError
from exporter.settings import Settings
from exporter.stream import create_app, serve, serve_on, workers
from exporter.stream.app import Companion
from exporter.stream.gate import Access
from exporter.stream.scopes import SCOPES
from exporter.stream.tokens import Tokens


def run(settings: Settings, companion: Companion | None, count: int, listener: int | None) -> int:
    """Serve the stream: in this process, as the parent of `count` workers, or as one of them.

    Raises SettingsError when others could reach it and nobody would be asked for a token.
    """
    access = Access(
        settings.db_path, routable=settings.routable, demo=settings.demo, origins=settings.origins
    )
    if settings.routable and not any(token.scope != "ingest" for token in access.known().values()):
        raise SettingsError(
            [
                f"NORTHSTAR_HOST is {settings.host}, which others can reach, and there is no token to read "
                "with: make one with `northstar token create NAME`, or listen on 127.0.0.1."
            ]
        )
    if count > 1 and listener is None:
        return workers.run(settings.host, settings.port, count)
    app = create_app(
        settings.db_path,
        companion=companion,
        access=access,
        most=_share(settings.stream_clients, count),
        most_per_address=_share(settings.stream_clients_per_address, count),
    )
    if listener is None:
        return serve(app, settings.host, settings.port)
    return serve_on(app, socket.socket(fileno=listener))


def _share(limit: int, count: int) -> int:
    """Return a worker's part of a limit. The kernel spreads connections evenly, those of one address too, so
    together they keep it without a word between them; who meets a full one is told to come back."""
    return -(-limit // count)


def token(settings: Settings, options: argparse.Namespace) -> int:
    """Make, list or revoke tokens. Raises SettingsError."""
    tokens = Tokens(settings.db_path)
    match options.verb:
        case "create":
            first = not any(each.scope != "ingest" for each in tokens.all())
            text = tokens.create(options.name, options.scope, datetime.now(UTC))
            print(f"{text}\n\nThis is shown once. It may {SCOPES[options.scope]}.")
            if first and options.scope != "ingest":
                print("From now on page and stream ask for a token, on this machine too.")
        case "list":
            for each in tokens.all():
                used = f"{each.used:%Y-%m-%d %H:%M} UTC" if each.used else "never"
                print(f"{each.id}  {each.scope:<7} made {each.made:%Y-%m-%d}  used {used}  {each.name}")
        case "revoke":
            if not tokens.revoke(options.id):
                raise SettingsError(
                    [f"There is no token {options.id[:20]!r}: `northstar token list` shows them."]
                )
            print(f"Token {options.id} is revoked; what it opened ends within seconds.")
    return 0
