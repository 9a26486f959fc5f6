"""Prometheus in trouble of its own: a rule with a typo, a disk without room. It says so, and rules go on."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from tests.e2e.pipeline import HOST, until
from tests.e2e.prometheus import CLIENT, PATIENCE, ask, needed, samples, started
from tests.e2e.watch import configuration, faster, rules
from tests.ports import held_port

pytestmark = needed

RELOADED = "prometheus_config_last_reload_successful"
ROOM = 8 * 2**20
"""Bytes of the disk that gets full."""


def nobody() -> dict[str, str]:
    """Return addresses at which nobody is: all that this is about is Prometheus itself."""
    return {name: f"{HOST}:{held_port()}" for name in ("exporter:9108", "stream:8080", "alertmanager:9093")}


def spoil(config: Path) -> tuple[str, str]:
    """Leave a bracket open in the last alert; return the rule file as it was, and its path."""
    path = config.parent / "alerts" / "pnl.alerts.yml"
    text = path.read_text()
    assert text.count('"expr": "vector(1)"') == 1
    path.write_text(text.replace('"expr": "vector(1)"', '"expr": "vector(1"'))
    return text, str(path)


def alerts(url: str) -> set[str]:
    """Return the names of the alerts that fire, as Prometheus holds them in memory."""
    held = CLIENT.get(f"{url}/api/v1/alerts").json()["data"]["alerts"]
    return {alert["labels"]["alertname"] for alert in held if alert["state"] == "firing"}


def sees(url: str) -> bool:
    """Tell whether Prometheus has scraped itself, and holds nothing against itself."""
    return bool(ask(url, f"{RELOADED} == 1")) and "NorthstarPrometheusFails" not in alerts(url)


def test_typo_in_a_rule_ends_a_start_and_is_named(tmp_path: Path) -> None:
    """With file, line and what was expected, for whoever reads the log."""
    port = held_port()
    config = configuration(tmp_path, port, **nobody())
    _, path = spoil(config)
    with started(config, tmp_path / "data", port) as process:
        assert process.wait() != 0
        said = [line for line in process.output.splitlines() if path in line]
    assert said
    assert re.search(r"\d+:\d+: .*Watchdog.*unclosed left parenthesis", said[0])


def test_typo_in_a_rule_leaves_the_old_rules_running(tmp_path: Path) -> None:
    """A reload refuses it, says so, and an alert tells people until a reload succeeds."""
    port = held_port()
    config = configuration(tmp_path, port, **nobody())
    url = f"http://{HOST}:{port}"
    with started(config, tmp_path / "data", port) as process:
        assert process.running, process.output
        until(partial(sees, url), PATIENCE, "for it to see itself")
        before = {rule["name"] for rule in rules(url)}
        text, path = spoil(config)
        process.send(signal.SIGHUP)
        until(lambda: "NorthstarPrometheusFails" in alerts(url), PATIENCE, "for the alert")
        assert ask(url, f"last_over_time({RELOADED}[1h]) == 0")
        assert [line for line in process.output.splitlines() if path in line and "unclosed" in line]
        assert {rule["name"] for rule in rules(url)} == before
        assert "Watchdog" in alerts(url)
        Path(path).write_text(text)
        process.send(signal.SIGHUP)
        until(lambda: "NorthstarPrometheusFails" not in alerts(url), PATIENCE, "for the end of the alert")
        assert process.running


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own, of a few megabytes."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={ROOM}", "none", str(place)]
    if os.getuid() != 0 or shutil.which("mount") is None or subprocess.run(mount, check=False).returncode:
        pytest.skip("A disk that is full takes a file system of a few megabytes, which only root can mount.")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(path: Path) -> None:
    """Write until there is no room left."""
    with path.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(2**16)):
            pass
    assert shutil.disk_usage(path).free == 0


def test_full_disk_is_said_and_told_of(tmp_path: Path, small_disk: Path) -> None:
    """Nothing more is stored, so everything seems to be down; rules go on, and say who is blind."""
    port = held_port()
    config = configuration(tmp_path, port, **nobody())
    url = f"http://{HOST}:{port}"
    # Five minutes after its last sample a series is gone.
    start = partial(started, config, small_disk / "data", port, f"--query.lookback-delta={faster('5m')}")
    with start() as process:
        assert process.running, process.output
        until(partial(sees, url), PATIENCE, "for it to see itself")
        known = samples(url, RELOADED)[0]
        fill(small_disk / "else")
        until(lambda: "no space left on device" in process.output, PATIENCE, "for its log to say so")
        blind = {"NorthstarPrometheusFails", "NorthstarExporterDown", "NorthstarStreamDown"}
        until(lambda: alerts(url) >= blind, PATIENCE, "for the alert")
        assert "Watchdog" in alerts(url)
        (small_disk / "else").unlink()
        until(partial(sees, url), PATIENCE, "for it to go on by itself")
        process.send(signal.SIGTERM)
        assert process.wait() == 0
    with start() as process:
        assert process.running, process.output
        until(partial(sees, url), PATIENCE, "for it to see itself after a restart")
        assert known in samples(url, RELOADED)
