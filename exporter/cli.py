"""The commands of `northstar`. Each imports what it needs when it runs, so that all start quickly."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import Callable, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from exporter import __version__
from exporter.errors import ExporterError
from exporter.settings import Settings
from exporter.snapshot import COMPONENTS, WINDOWS
from exporter.sources.registry import read_settings

if TYPE_CHECKING:
    from exporter.stream.grafana_live import GrafanaLive

FIGURES = ("net", *COMPONENTS)

ENV_FILE = Path(".env")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; what went wrong is said in a sentence, not a traceback."""
    parser = _parser()
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    # Skipped and missed runs are metrics; the scheduler would say each one twice.
    logging.getLogger("apscheduler").setLevel(logging.CRITICAL)
    for noisy in ("httpx", "httpcore", "alembic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    try:
        return _run(options)
    except ExporterError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="northstar", description="Live profit and loss.")
    parser.add_argument("--version", action="version", version=f"northstar {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("run", help="your accounts when any key is set, else the demo")
    commands.add_parser("demo", help="simulator, exporter and stream, no keys needed")
    commands.add_parser("up", help="exporter and stream on your accounts")
    commands.add_parser("exporter", help="collect, compute, keep, and serve /metrics")
    stream = commands.add_parser("stream", help="serve the page and the stream")
    stream.add_argument("--workers", type=_workers, default=1, help="processes that share the port")
    stream.add_argument("--listener", type=int, help=argparse.SUPPRESS)  # of a worker: the socket it is given
    token = commands.add_parser("token", help="who may read: make, list or revoke tokens")
    verbs = token.add_subparsers(dest="verb", required=True, metavar="VERB")
    create = verbs.add_parser("create", help="make a token and show it, once")
    create.add_argument("name", help="who or what it is for")
    create.add_argument("--scope", choices=["all", "totals", "ingest"], default="all")
    verbs.add_parser("list", help="names, scopes and last use; never the tokens")
    revoke = verbs.add_parser("revoke", help="take a token away; its streams end")
    revoke.add_argument("id")
    commands.add_parser("check", help="try every setting and one call per source")
    backfill = commands.add_parser("backfill", help="read the whole past of a source; stop and go on at will")
    backfill.add_argument("source", help="a name in NORTHSTAR_SOURCES")
    backfill.add_argument(
        "--from", dest="since", type=_day, metavar="DATE", help="read no further back, as in 2026-01-31"
    )
    backup = commands.add_parser("backup", help="make a verified copy of the database, at any time")
    backup.add_argument(
        "--to",
        type=Path,
        metavar="FOLDER",
        help="where to; NORTHSTAR_BACKUP_FOLDER when not given, else `backups` beside the database",
    )
    restore = commands.add_parser("restore", help="put a copy in the place of the database")
    restore.add_argument("file", type=Path, metavar="FILE", help="a copy that `northstar backup` made")
    explain = commands.add_parser("explain", help="why a figure is what it is, down to the raw answers")
    explain.add_argument("day", nargs="?", type=_day, metavar="DATE", help="a UTC day of API cost")
    explain.add_argument("--window", choices=WINDOWS, default="today")
    explain.add_argument("--figure", choices=FIGURES, default="net")
    explain.add_argument("--at", type=_time, metavar="TIME", help="as published then, not now")
    explain.add_argument(
        "--page", type=_number(least=1), default=1, metavar="N", help="of the lines, 20 at a time"
    )
    _add_simulator(commands.add_parser("simulator", help="the three upstreams, simulated"))
    alerting = commands.add_parser(
        "alertmanager-config", help="write whom Alertmanager tells, by the secret files that are there"
    )
    alerting.add_argument("--secrets", type=Path, default=Path("secrets"), metavar="FOLDER")
    alerting.add_argument("--output", type=Path, default=Path("data/alertmanager.yml"), metavar="FILE")
    fault = commands.add_parser("fault", help="turn a fault of the simulator on or off", add_help=False)
    fault.add_argument("words", nargs=argparse.REMAINDER)
    return parser


def _add_simulator(simulator: argparse.ArgumentParser) -> None:
    add = simulator.add_argument
    add("--host", default="127.0.0.1", help="the address to listen on, the loopback's when not given")
    add("--port", type=_number(least=0, most=65535), default=8099, help="8099 when not given")
    add("--seed", type=int, default=1, help="another number is another company; 1 when not given")
    add("--speed", type=float, default=1.0, help="how busy it is: 2 is twice as busy as usual")
    add("--folder", type=Path, default=None, help="where the demo keys are kept, or made")
    add("--fills", type=_number(), default=0, help="so many Kalshi fills more, before the usual past")
    add(
        "--span",
        type=_number(least=1),
        default=365,
        metavar="DAYS",
        help="how long these took; 365 when not given",
    )
    add(
        "--retention",
        type=_number(least=1),
        default=None,
        metavar="DAYS",
        help="how far back Kalshi's live lists go, the rest is in its archive; for ever when not given",
    )
    add(
        "--lots",
        choices=["average", "fifo"],
        default="average",
        help="the rule by which Kalshi states realised P&L of open positions; average when not given",
    )


def _run(options: argparse.Namespace) -> int:
    match options.command:
        case "simulator":
            from exporter.simulator import server

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
        case "fault":
            from exporter.simulator import faults

            port = read_settings(os.environ, ENV_FILE).simulator_port
            return faults.command(options.words, f"http://127.0.0.1:{port}")
    settings = read_settings(os.environ, ENV_FILE)
    match options.command:
        case "exporter":
            from exporter.commands import exporter as process

            asyncio.run(process.run(settings))
            return 0
        case "stream":
            from exporter.commands import stream as sidecar

            return sidecar.run(settings, _grafana_live(settings), options.workers, options.listener)
        case "token":
            from exporter.commands import stream as sidecar

            return sidecar.token(settings, options)
        case "check":
            from exporter.commands import check

            return check.run(settings)
        case "alertmanager-config":
            from exporter.commands import alertmanager_config as alerting

            return alerting.write(settings, options.secrets, options.output)
        case "explain":
            from exporter.commands import explain as command

            return command.run(settings.db_path, options)
        case "backup":
            from exporter.commands import backup

            return backup.back_up_now(settings, options.to)
        case "restore":
            from exporter.commands import backup

            return backup.restore_from(settings, options.file)
        case "backfill":
            from exporter.commands import backfill

            return backfill.run(settings, options.source, options.since)
    from exporter.commands import demo

    anything = any(source.stated for source in settings.sources)
    if options.command == "demo" or (options.command == "run" and not anything):
        return demo.demo(settings)
    return demo.up(settings)


def _grafana_live(settings: Settings) -> GrafanaLive | None:
    if settings.grafana_url is None:
        return None
    from exporter.stream.grafana_live import GrafanaLive

    return GrafanaLive(settings.grafana_url, settings.grafana_token_path)


def _workers(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 64:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to 64")
    return int(text)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a date such as 2026-01-31") from None


def _time(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no time with its offset, as in 2026-01-31T09:30:00Z")
    return at


def _number(*, least: int = 0, most: int | None = None) -> Callable[[str], int]:
    """Return what reads a whole number within bounds, and says so when it is none."""

    def number(text: str) -> int:
        try:
            found = int(text)
        except ValueError:
            found = least - 1
        if found < least or (most is not None and found > most):
            upto = f"at least {least}" if most is None else f"{least} to {most}"
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number, {upto}")
        return found

    return number
