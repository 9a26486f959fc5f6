"""`northstar simulator` and `northstar fault`: the upstreams simulated, and what goes wrong with them."""

from __future__ import annotations

import argparse

from exporter.settings import Settings
from exporter.simulator import faults, server


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Serve the upstreams until told to stop."""
    server.run(
        options.host,
        options.port,
        options.seed,
        options.speed,
        options.folder,
        fills=options.fills,
        span_days=options.span,
        retention_days=options.retention,
        lots=options.lots,
    )
    return 0


def fault(settings: Settings, options: argparse.Namespace) -> int:
    """Turn a fault on or off at the simulator of the demo."""
    return faults.command(options.words, f"http://127.0.0.1:{settings.simulator_port}")
