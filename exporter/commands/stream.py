"""`northstar stream`: the settings on one side, the stream on the other."""

from __future__ import annotations

import argparse
import socket
from typing import TYPE_CHECKING

from exporter.errors import SettingsError
from exporter.runtime import clock
from exporter.settings import Settings
from exporter.stream import create_app, serve, serve_on, workers
from exporter.stream.gate import Access

if TYPE_CHECKING:
    from exporter.stream.grafana_live import GrafanaLive


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Serve the stream: in this process, as the parent of `count` workers, or as one of them.

    Raises SettingsError when others could reach it and nobody would be asked for a token.
    """
    count, listener = options.workers, options.listener
    access = Access(
        settings.db_path,
        routable=settings.routable,
        demo=settings.demo,
        origins=settings.origins,
        names=settings.names,
    )
    if settings.routable and not access.tokens.readable():
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
        monotonic=clock.monotonic,
        companion=_grafana_live(settings),
        access=access,
        most=_share(settings.stream_clients, count),
        most_per_address=_share(settings.stream_clients_per_address, count),
    )
    if listener is None:
        return serve(app, settings.host, settings.port)
    return serve_on(app, socket.socket(fileno=listener))


def _grafana_live(settings: Settings) -> GrafanaLive | None:
    if settings.grafana_url is None:
        return None
    from exporter.stream.grafana_live import GrafanaLive

    return GrafanaLive(settings.grafana_url, settings.grafana_token_path)


def _share(limit: int, count: int) -> int:
    """Return a worker's part of a limit. The kernel spreads connections evenly, those of one address too, so
    together they keep it without a word between them; who meets a full one is told to come back."""
    return -(-limit // count)
