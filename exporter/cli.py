"""The commands of `northstar`, as a table. Each is imported when it runs, so that all start quickly."""

from __future__ import annotations

import argparse
import difflib
import logging
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from importlib import import_module
from pathlib import Path

from exporter import __version__
from exporter.errors import ExporterError
from exporter.periods.comparison import COMPARISON_RULES
from exporter.periods.dimension import DIMENSIONS
from exporter.periods.period import UNITS
from exporter.records.printable import printable
from exporter.settings import Settings
from exporter.snapshot import COMPONENTS, WINDOWS
from exporter.sources.registry import read_settings

FIGURES = ("net", *COMPONENTS)

EXPORT_NAMES = ("fills", "settlements", "sales", "refunds", "api-cost", "transfers", "days", "statement")
"""As `reports/exports/catalogue.py` has them, which would take long to import for every other command."""

ENV_FILE = Path(".env")

MISUSED = 2
"""The exit code for a command line that is not understood, as argparse has it."""

PIPE_CLOSED = 141
"""The exit code of a program that SIGPIPE ends (128 + 13): what a shell expects of one whose reader left."""

SEE_ALL = "northstar --help"

Run = Callable[[Settings, argparse.Namespace], int]
"""What a command is: from settings and options to an exit code."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command's name, its help, where its function is (`module:function` in `commands`), what it takes."""

    name: str
    help: str
    function: str
    takes: Callable[[argparse.ArgumentParser], None] = lambda parser: None

    def load(self) -> Run:
        """Return the function that runs it."""
        module, _, name = self.function.partition(":")
        found: Run = getattr(import_module(f"exporter.commands.{module}"), name)
        return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; what went wrong is said in a sentence, not a traceback."""
    try:
        try:
            return _run(sys.argv[1:] if arguments is None else arguments)
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read, `head` say, has enough. What is left in the buffer goes nowhere when we end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED


def _run(arguments: Sequence[str]) -> int:
    whole = parser()
    if not arguments:
        whole.print_help(sys.stderr)
        return MISUSED
    named = next((word for word in arguments if not word.startswith("-")), None)
    if named is not None and named not in BY_NAME:
        near = difflib.get_close_matches(named, BY_NAME, 1)
        whole.error(f"{named!r} is no command: {f'did you mean {near[0]}?' if near else f'see {SEE_ALL}.'}")
    options = whole.parse_args(arguments)
    log_lines = logging.StreamHandler()
    log_lines.setFormatter(OneLine("%(asctime)s %(levelname)s %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[log_lines])
    # Skipped and missed runs are metrics; the scheduler would say each one twice.
    logging.getLogger("apscheduler").setLevel(logging.CRITICAL)
    for noisy in ("httpx", "httpcore", "alembic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    try:
        return BY_NAME[options.command].load()(read_settings(os.environ, ENV_FILE), options)
    except ExporterError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0


class OneLine(logging.Formatter):
    """A message is one line, whatever an upstream put into it."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the name is logging's
        record.message = printable(record.message)
        return super().formatMessage(record)


def parser() -> argparse.ArgumentParser:
    """Return what reads a command line."""
    whole = argparse.ArgumentParser(prog="northstar", description="Live profit and loss.")
    whole.add_argument("--version", action="version", version=f"northstar {__version__}")
    commands = whole.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in COMMANDS:
        if command.name == "fault":
            # What follows is read where the simulator's faults are known: here, no word of it is an option.
            own = commands.add_parser(command.name, help=command.help, add_help=False, prefix_chars="\0")
        else:
            own = commands.add_parser(command.name, help=command.help)
        command.takes(own)
    return whole


def _stream(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--workers", type=_workers, default=1, help="processes that share the port")
    parser.add_argument("--listener", type=int, help=argparse.SUPPRESS)  # of a worker: the socket it is given


def _token(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    create = verbs.add_parser("create", help="make a token and show it, once")
    create.add_argument("name", help="who or what it is for")
    create.add_argument("--scope", choices=["all", "totals", "ingest"], default="all")
    verbs.add_parser("list", help="names, scopes and last use; never the tokens")
    revoke = verbs.add_parser("revoke", help="take a token away; its streams end")
    revoke.add_argument("id")


def _backfill(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", help="a name in NORTHSTAR_SOURCES")
    parser.add_argument(
        "--from", dest="since", type=_day, metavar="DATE", help="read no further back, as in 2026-01-31"
    )


def _backup(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--to",
        type=Path,
        metavar="FOLDER",
        help="where to; NORTHSTAR_BACKUP_FOLDER when not given, else `backups` beside the database",
    )


def _restore(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="a copy that `northstar backup` made")


def _statement(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("period", help="such as 2026-10, 2026-Q3, month-1, 2026-10-05..2026-10-20")
    parser.add_argument("--by", choices=[*UNITS, *DIMENSIONS], help="what its rows are")
    parser.add_argument("--format", choices=["text", "json", "csv"], default="text")
    parser.add_argument("--compare", choices=COMPARISON_RULES, help="beside what it is compared with")
    parser.add_argument("--known-at", type=_time, metavar="TIME", help="as it was known then")


def _close(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("period", help="such as 2026-10, month-1, 2026-Q3")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="default northstar-PERIOD")
    parser.add_argument("--anyway", action="store_true", help="though not all of it is final")


def _diff(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("period", help="such as 2026-10, 2026-Q3, month-1")
    parser.add_argument("since", type=_time, metavar="TIME", help="as known then, as in 2026-11-02T09:00:00Z")


def _export(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", choices=EXPORT_NAMES, metavar="WHAT", help=", ".join(EXPORT_NAMES))
    parser.add_argument("period", help="such as 2026-10, 2026-Q3, month-1, 2026-10-05..2026-10-20")
    parser.add_argument("--format", choices=["csv", "jsonl"], default="csv")
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="where to; to the standard output if not given"
    )
    parser.add_argument("--meta", action="store_true", help="print what it is of and its sums, no rows")


def _explain(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("day", nargs="?", type=_day, metavar="DATE", help="a UTC day of API cost")
    parser.add_argument("--window", choices=WINDOWS, default="today")
    parser.add_argument("--figure", choices=FIGURES, default="net")
    parser.add_argument("--source", metavar="NAME", help="of one source alone, where there are several")
    parser.add_argument("--at", type=_time, metavar="TIME", help="as published then, not now")
    parser.add_argument(
        "--page", type=_number(least=1), default=1, metavar="N", help="of the lines, 20 at a time"
    )


def _alertmanager_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--secrets", type=Path, default=Path("secrets"), metavar="FOLDER")
    parser.add_argument("--output", type=Path, default=Path("data/alertmanager.yml"), metavar="FILE")


def _fault(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("words", nargs="*")


def _simulator(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
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


COMMANDS = (
    Command("run", "your accounts when any key is set, else the demo", "demo:run"),
    Command("demo", "simulator, exporter and stream, no keys needed", "demo:demo"),
    Command("up", "exporter and stream on your accounts", "demo:up"),
    Command("exporter", "collect, compute, keep, and serve /metrics", "exporter:run"),
    Command("stream", "serve the page and the stream", "stream:run", _stream),
    Command("token", "who may read: make, list or revoke tokens", "token:run", _token),
    Command("check", "try every setting and one call per source", "check:run"),
    Command("settings", "every setting there is, its default, and what it does", "settings:run"),
    Command("backfill", "read the whole past of a source; stop and go on at will", "backfill:run", _backfill),
    Command("backup", "make a verified copy of the database, at any time", "backup:back_up_now", _backup),
    Command("restore", "put a copy in the place of the database", "backup:restore_from", _restore),
    Command(
        "statement", "what a period came to, by month, market, model and so on", "statement:run", _statement
    ),
    Command("close", "the pack of a period that is over: statement, rows, hashes", "close:run", _close),
    Command("diff", "what of a period has changed since a moment, and by which records", "diff:run", _diff),
    Command("export", "the rows behind a period, as CSV or JSON lines", "export:run", _export),
    Command("explain", "why a figure is what it is, down to the raw answers", "explain:run", _explain),
    Command("simulator", "the three upstreams, simulated", "simulator:run", _simulator),
    Command("fault", "turn a fault of the simulator on or off", "simulator:fault", _fault),
    Command(
        "alertmanager-config",
        "write whom Alertmanager tells, by the secret files that are there",
        "alertmanager_config:run",
        _alertmanager_config,
    ),
)

BY_NAME = {command.name: command for command in COMMANDS}
