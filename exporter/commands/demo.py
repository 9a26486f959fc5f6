"""`northstar run`, `demo` and `up`: the whole product under one command."""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from exporter.runtime.addresses import answers, authority, is_free, speaks
from exporter.runtime.children import Children
from exporter.settings import Settings
from exporter.simulator import keys
from exporter.sources.registry import BUILT_IN, definition_of
from exporter.store import Store, outdated

DEMO_PACE = {"NORTHSTAR_AGGREGATION_INTERVAL_MS": "2000"}
"""Faster than on real accounts, so that a figure is seen to move within seconds; the sources are, too."""

DEMO_LIMITS = {
    "NORTHSTAR_LIMIT_LOSS_TODAY_USD": "100",
    "NORTHSTAR_LIMIT_DRAWDOWN_USD": "100",
    "NORTHSTAR_LIMIT_BALANCE_USD": "1000",
    "NORTHSTAR_LIMIT_POSITION_USD": "100",
    "NORTHSTAR_API_BUDGET_USD": "2000",
}
"""Around what the simulated company does, so that dashboards have lines to show."""


START_SECONDS = 30.0
"""A start takes about two; on a machine this slow something is wrong, and the log says what."""

SIMULATOR_HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Process:
    """One process: its command line after `northstar`, where it listens, and the path that answers when it is
    up. A `guarded` one answers nobody it does not know, and then that is an answer."""

    name: str
    arguments: tuple[str, ...]
    host: str
    port: int
    setting: str
    ready: str
    scheme: str = "http"
    guarded: bool = False

    @property
    def url(self) -> str:
        return f"{self.scheme}://{authority(self.host, self.port)}"

    def up(self) -> bool:
        """Tell whether it does its work."""
        return speaks(self.host, self.port) if self.guarded else answers(self.url + self.ready)


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Run the real accounts when anything is set of one, else the demo."""
    stated = any(source.stated for source in settings.sources)
    return up(settings, options) if stated else demo(settings, options)


def demo(settings: Settings, options: argparse.Namespace) -> int:
    """Run simulator, exporter and stream on data that is thrown away at the end."""
    with tempfile.TemporaryDirectory(prefix="northstar-demo-") as folder:
        port = settings.simulator_port
        arguments = ("simulator", "--port", str(port), "--folder", folder)
        simulator = Process(
            "simulator", arguments, SIMULATOR_HOST, port, "NORTHSTAR_SIMULATOR_PORT", ready="/health"
        )
        environment = {
            **_sources(settings),
            **keys.environment(simulator.url, Path(folder)),
            **DEMO_PACE,
            **DEMO_LIMITS,
            # The simulated upstreams are on this machine, where no proxy leads.
            **{name: "" for name in os.environ if name.lower().endswith("_proxy")},
            "NORTHSTAR_DEMO": "true",
            "DB_PATH": str(Path(folder) / "demo.sqlite3"),
            # Data that is thrown away has no place among the copies of somebody's accounts.
            "NORTHSTAR_BACKUP_FOLDER": "",
        }
        return _run([simulator, *_ours(settings)], environment, "demo data, no keys, thrown away at the end")


def _sources(settings: Settings) -> dict[str, str]:
    """Return which sources the demo has, and how often each is read; no key of an account is left."""
    simulated = [each for each in BUILT_IN if each.simulator is not None]
    found = {"NORTHSTAR_SOURCES": ",".join(each.name for each in simulated)}
    for instance in settings.sources:
        section = instance.section(definition_of(instance).settings)
        there = instance.own and definition_of(instance) in simulated
        found |= {name: "" for name in section.known() if not there}
    for each in simulated:
        section = each.section()
        found |= dict.fromkeys(section.secret_names(), "")
        found |= {section.names(field)[-1]: value for field, value in (each.simulator or {}).items()}
    return found


def up(settings: Settings, options: argparse.Namespace) -> int:
    """Run exporter and stream on the real accounts."""
    names = ", ".join(source.name for source in settings.sources)
    if outdated(settings.db_path):
        # Here it has its bar and its time; an exporter that does not answer soon is taken for a broken one.
        Store.write(settings.db_path).close()
    return _run(_ours(settings), {}, f"your accounts: {names}; database {settings.db_path}")


def _ours(settings: Settings) -> list[Process]:
    host, web_config = settings.host, settings.metrics_web_config
    return [
        Process(
            "exporter",
            ("exporter",),
            host,
            settings.metrics_port,
            "NORTHSTAR_METRICS_PORT",
            "/metrics",
            scheme="http" if web_config is None else _scheme(web_config),
            guarded=web_config is not None,
        ),
        Process("stream", ("stream",), host, settings.port, "PORT", "/api/health/ready"),
    ]


def _scheme(web_config: Path) -> str:
    """Return what the address of the metrics begins with. Raises SettingsError, before a start."""
    from exporter.metrics.web_guard import WebGuard

    return WebGuard(web_config).config().scheme


def _run(parts: Sequence[Process], environment: Mapping[str, str], about: str) -> int:
    taken = [part for part in parts if not is_free(part.host, part.port)]
    for part in taken:
        print(
            f"Port {part.port} for the {part.name} is in use: stop what uses it, or set {part.setting} to "
            "another port."
        )
    if taken:
        return 1
    with Children(environment) as children:
        code = _watched(children, parts, about, environment.get("DB_PATH"))
    print("Stopped.", flush=True)
    return code


def _watched(children: Children, parts: Sequence[Process], about: str, database: str | None) -> int:
    """Start the parts and stay with them until we are told to stop (0) or something goes wrong (1)."""
    for part in parts:
        children.start(part.name, part.arguments)
    print(f"Starting NorthStar P&L ({about}) ...", flush=True)
    if all(children.watch(part.up, START_SECONDS) for part in parts):
        print(_where(parts, database), flush=True)
        children.watch()
        for child in children.ended()[:1]:
            code = child.process.returncode
            print(
                f"The {child.name} ended by itself (exit code {code}); stopping the others.",
                flush=True,
            )
    elif not children.stopping:
        print("It did not start; the lines above say why.", flush=True)
    return 0 if children.stopping else 1


def _where(parts: Sequence[Process], database: str | None) -> str:
    """Return the addresses for a person to open, and a database of our own that nobody could find else."""
    url = {part.name: part.url for part in parts}
    shown = {
        "live page": f"{url['stream']}/",
        "stream": f"{url['stream']}/api/pnl/stream",
        "metrics": f"{url['exporter']}/metrics",
    }
    if "simulator" in url:
        shown["simulator"] = f"{url['simulator']}/faults"
    if database is not None:
        shown["database"] = f"DB_PATH={database} in front of northstar explain, backup or token"
    lines = "".join(f"  {name:<11} {address}\n" for name, address in shown.items())
    return f"\n{lines}\nCtrl-C stops everything."
