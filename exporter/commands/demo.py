"""`northstar demo` and `northstar up`: the whole product under one command."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from exporter.runtime.supervisor import Part, Supervisor, taken
from exporter.settings import Settings
from exporter.simulator import keys
from exporter.sources.registry import BUILT_IN, definition_of

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


def demo(settings: Settings) -> int:
    """Run simulator, exporter and stream on data that is thrown away at the end."""
    with tempfile.TemporaryDirectory(prefix="northstar-demo-") as folder:
        port = str(settings.simulator_port)
        url = f"http://127.0.0.1:{port}"
        environment = {
            **_sources(settings),
            **keys.environment(url, Path(folder)),
            **DEMO_PACE,
            **DEMO_LIMITS,
            "NORTHSTAR_DEMO": "true",
            "DB_PATH": str(Path(folder) / "demo.sqlite3"),
            # Data that is thrown away has no place among the copies of somebody's accounts.
            "NORTHSTAR_BACKUP_FOLDER": "",
        }
        simulator = Part("simulator", ("simulator", "--port", port, "--folder", folder), f"{url}/health")
        return _run(settings, environment, [simulator], "demo data, no keys, thrown away at the end")


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


def up(settings: Settings) -> int:
    """Run exporter and stream on the real accounts."""
    names = ", ".join(source.name for source in settings.sources)
    return _run(settings, {}, [], f"your accounts: {names}; database {settings.db_path}")


def _run(settings: Settings, environment: Mapping[str, str], first: list[Part], about: str) -> int:
    here = f"http://{settings.host}"
    ports = [
        ("page and stream", "PORT", settings.port),
        ("metrics", "NORTHSTAR_METRICS_PORT", settings.metrics_port),
    ]
    if first:
        ports.append(("simulator", "NORTHSTAR_SIMULATOR_PORT", settings.simulator_port))
    problems = taken(settings.host, ports)
    if problems:
        print("\n".join(problems))
        return 1
    supervisor = Supervisor(environment)
    try:
        for part in first:
            supervisor.start(part)
        supervisor.start(Part("exporter", ("exporter",), f"{here}:{settings.metrics_port}/metrics"))
        supervisor.start(Part("stream", ("stream",), f"{here}:{settings.port}/api/health/ready"))
        print(f"Starting NorthStar P&L ({about}) ...", flush=True)
        if not supervisor.until_ready():
            print("It did not start; the lines above say why.", flush=True)
            return 1
        print(
            f"\n  live page   {here}:{settings.port}/\n"
            f"  stream      {here}:{settings.port}/api/pnl/stream\n"
            f"  metrics     {here}:{settings.metrics_port}/metrics\n"
            + (f"  simulator   http://127.0.0.1:{settings.simulator_port}/faults\n" if first else "")
            + "\nCtrl-C stops everything.",
            flush=True,
        )
        return supervisor.wait()
    finally:
        supervisor.stop()
        print("Stopped.", flush=True)
