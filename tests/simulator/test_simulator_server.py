"""The simulator over real sockets: settings, resets, silence, gzip, the command line, a clean end."""

from __future__ import annotations

import contextlib
import os
import signal
import stat
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from exporter import cli
from exporter.simulator import examples, faults, server
from exporter.simulator.clock import real_clock
from exporter.simulator.kalshi.account import Account
from exporter.simulator.keys import environment
from exporter.simulator.server import serve_in_thread
from exporter.simulator.wire import rfc3339
from exporter.simulator.world import World
from tests.ports import held_port
from tests.simulator.callers import VENUE

PATIENCE = 60.0
"""Seconds after which a test is hanging; nothing is measured against it."""


def test_thread_serves_a_world_and_says_how_to_reach_it() -> None:
    """The environment names every setting; the keys exist, for their owner only."""
    with serve_in_thread(examples.reference_account()) as simulator:
        settings = simulator.environment()
        assert set(settings) == {
            "KALSHI_API_KEY",
            "KALSHI_PRIVATE_KEY_PATH",
            "KALSHI_BASE_URL",
            "ANTHROPIC_API_KEY",
            "ANTHROPIC_BASE_URL",
            "JOHN_API_BASE_URL",
            "JOHN_API_TOKEN",
        }
        key = Path(settings["KALSHI_PRIVATE_KEY_PATH"])
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
        assert httpx.get(f"{settings['KALSHI_BASE_URL']}/exchange/status").json()["exchange_active"] is True
        bearer = {"authorization": f"Bearer {settings['JOHN_API_TOKEN']}"}
        assert httpx.get(f"{settings['JOHN_API_BASE_URL']}/v1/sales", headers=bearer).status_code == 200
        oracle = httpx.get(f"{simulator.url}/oracle", params={"from": "2026-11-21T00:00:00Z"}).json()
        assert (oracle["trading"]["realised"], oracle["cash"]) == ("0.60", "100.0842")
        assert httpx.get(f"{simulator.url}/oracle?from=yesterday").status_code == 400
        named = httpx.get(f"{simulator.url}/oracle/markets", params={"tickers": examples.OPEN_MARKET})
        (market,) = named.json()["markets"]
        assert market["fifo"] == market["average"] == {"realised": "0.60", "exposure": "2.40"}


def test_keys_are_kept_between_runs(tmp_path: Path) -> None:
    """The second call finds the keys of the first."""
    first = Path(environment("http://x", tmp_path)["KALSHI_PRIVATE_KEY_PATH"]).read_bytes()
    assert Path(environment("http://x", tmp_path)["KALSHI_PRIVATE_KEY_PATH"]).read_bytes() == first
    assert environment("http://x", tmp_path, ed25519=True)["KALSHI_PRIVATE_KEY_PATH"].endswith("ed25519.pem")


def test_reset_and_timeout_break_the_connection() -> None:
    """A reset comes at once, a timeout only after its silence; the next request is served."""
    with serve_in_thread(examples.reference_account()) as simulator, httpx.Client() as client:
        url = f"{simulator.url}{VENUE}/markets"
        simulator.faults.set("kalshi", "reset", count=1)
        with pytest.raises(httpx.ReadError):
            client.get(url)
        simulator.faults.set("kalshi", "timeout", count=2, seconds=0.3)
        with pytest.raises(httpx.ReadTimeout):
            client.get(url, timeout=httpx.Timeout(PATIENCE, read=0.1))
        began = time.perf_counter()
        with pytest.raises(httpx.ReadError):
            client.get(url)
        assert time.perf_counter() - began > 0.25
        assert client.get(url).status_code == 200


def test_large_answers_are_compressed_on_request_and_dated_by_the_world() -> None:
    """gzip when asked, one Date header, and that is the frozen clock's."""
    world = examples.reference_account()
    with serve_in_thread(world) as simulator:
        url = f"{simulator.url}{VENUE}/markets"
        answer = httpx.get(url, headers={"accept-encoding": "gzip"})
        assert answer.headers["content-encoding"] == "gzip"
        assert answer.headers.get_list("date") == ["Sun, 22 Nov 2026 12:00:00 GMT"]
        simulator.faults.set("kalshi", "drop", field="markets.status")
        assert "status" not in httpx.get(url).json()["markets"][0]


def test_command_turns_the_dial_of_a_running_simulator(capsys: pytest.CaptureFixture[str]) -> None:
    """fault kalshi 500 --for 30, list, clear; a simulator that is not there is said in one line."""
    with serve_in_thread(examples.frozen()) as simulator:
        where = ["--url", simulator.url]
        assert faults.command(["kalshi", "500", "--for", "30", "--count", "2", *where]) == 0
        (fault,) = simulator.faults.active("kalshi")
        assert (fault.kind, fault.count, fault.lasts) == ("500", 2, 30)
        rename = ["sales", "rename", "--field", "sales.gross", "--value", "total", *where]
        assert faults.command(rename) == 0
        assert faults.command(["list", *where]) == 0
        assert '"total"' in capsys.readouterr().out
        assert faults.command(["kalshi", "clear", *where]) == 0
        assert (simulator.faults.active("kalshi"), len(simulator.faults.active("sales"))) == ([], 1)
        assert faults.command(["clear", *where]) == 0
        assert faults.command(["sales", "drop", *where]) == 1
        assert "needs a field" in capsys.readouterr().err
    assert faults.command(["list", "--url", simulator.url]) == 1
    assert "No simulator answers" in capsys.readouterr().err


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
def test_process_ends_soon_though_a_client_waits(tmp_path: Path, end: signal.Signals) -> None:
    """From the signal to a clean end in a part of the time that the answer would take."""
    port = held_port()
    code = f"""
from pathlib import Path
from exporter.simulator.server import run
run(port={port}, folder=Path({str(tmp_path)!r}), fills=20_000, retention_days=90)
"""
    process = subprocess.Popen([sys.executable, "-c", code], env=os.environ | {"PYTHONUNBUFFERED": "1"})
    try:
        limit = time.monotonic() + PATIENCE
        answer = None
        while answer is None and time.monotonic() < limit:
            with contextlib.suppress(httpx.TransportError):
                answer = httpx.get(f"http://127.0.0.1:{port}/health")
            time.sleep(0.02)
        assert answer is not None
        cutoff = httpx.get(f"http://127.0.0.1:{port}{VENUE}/historical/cutoff").json()["trades_created_ts"]
        assert cutoff < rfc3339(real_clock() - timedelta(days=90))
        httpx.put(f"http://127.0.0.1:{port}/faults/sales", json={"kind": "timeout", "seconds": 60})
        with (
            pytest.raises(httpx.ReadTimeout),
            httpx.Client(timeout=httpx.Timeout(PATIENCE, read=0.2)) as client,
        ):
            client.get(f"http://127.0.0.1:{port}/v1/sales")
        process.send_signal(end)
        began = time.monotonic()
        process.wait(PATIENCE)
        assert time.monotonic() - began < 20
    finally:
        process.kill()
    assert process.returncode == 0


def test_options_choose_the_world(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every option of the command arrives: address, past, archive and lot rule."""
    asked: dict[str, object] = {}

    class Quiet(server.Foreground):
        def run(self, sockets: object = None) -> None:
            asked["address"] = (self.config.host, self.config.port)

    def noted(world: World, *_: object) -> Starlette:
        asked["account"] = world.kalshi
        return Starlette()

    monkeypatch.setattr(server, "Foreground", Quiet)
    monkeypatch.setattr(server, "create_app", noted)
    words = "--host 0.0.0.0 --port 0 --seed 3 --fills 2000 --span 60 --retention 30 --lots fifo"
    assert cli.main(["simulator", *words.split()]) == 0
    account = asked["account"]
    assert isinstance(account, Account)
    assert asked["address"] == ("0.0.0.0", 0)
    assert account.crowd is not None
    assert (account.crowd.count, account.crowd.seed) == (2000, 3)
    assert timedelta(days=59) < account.crowd.end - account.opened < timedelta(days=61)
    assert (account.archive.retention, account.lot_rule) == (timedelta(days=30), "fifo")


@pytest.mark.parametrize("words", ["--fills many", "--fills -1", "--span 0", "--port 70000", "--lots lifo"])
def test_option_that_makes_no_sense_is_refused_in_a_sentence(
    words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command says which one, and what it takes."""
    with pytest.raises(SystemExit) as ended:
        cli.main(["simulator", *words.split()])
    assert ended.value.code == 2
    assert f"argument {words.split()[0]}" in capsys.readouterr().err
