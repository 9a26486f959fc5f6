"""Parts of the product as real processes on loopback, looked at from outside, always stopped."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, TypeVar

import httpx

from .table import percentile

T = TypeVar("T")

STOP_SECONDS = 10.0
HOST = "127.0.0.1"
POLL_SECONDS = 0.02


class TookTooLong(Exception):
    """A part did not get there within its bound, ended before or answered no; the text says which."""


@contextmanager
def running(
    *arguments: str, environment: Mapping[str, str], module: str = "exporter"
) -> Iterator[subprocess.Popen[bytes]]:
    """Run `northstar ARGUMENTS`, or another module of ours, while the block runs."""
    kept = {name: value for name, value in os.environ.items() if not _is_setting(name)}
    child = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        env={**kept, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield child
    finally:
        child.terminate()
        try:
            child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


@contextmanager
def speaking(module: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run a benchmark's helper that speaks by lines, from when it says `ready`; ended with the block."""
    helper = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    try:
        assert helper.stdout is not None
        said = helper.stdout.readline().strip()
        if said != "ready":
            raise TookTooLong(json.loads(said)["error"] if said else f"{module} did not start")
        yield helper
    finally:
        helper.kill()
        helper.wait()


def tell(helper: subprocess.Popen[str], line: str) -> None:
    """Say a line to a helper."""
    assert helper.stdin is not None
    helper.stdin.write(line + "\n")
    helper.stdin.flush()


def asked(helper: subprocess.Popen[str], line: str) -> dict[str, Any]:
    """Say a line to a helper and return its answer."""
    tell(helper, line)
    assert helper.stdout is not None
    found: dict[str, Any] = json.loads(helper.stdout.readline())
    return found


def until(child: subprocess.Popen[bytes], true: Callable[[], T | None], seconds: float) -> T:
    """Return the first answer that is not None; raise TookTooLong after `seconds` or when the child ends."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if child.poll() is not None:
            raise TookTooLong(f"ended with exit code {child.returncode}")
        if (answer := true()) is not None:
            return answer
        time.sleep(POLL_SECONDS)
    raise TookTooLong(f"not there after {seconds:.0f} s")


def answer(client: httpx.Client, url: str) -> httpx.Response | None:
    """Return the answer of an address, None while it does not say 200."""
    try:
        found = client.get(url)
    except httpx.HTTPError:
        return None
    return found if found.status_code == 200 else None


def timed_get(port: int, path: str, count: int) -> list[float]:
    """Return the seconds of each of `count` whole answers, each over a connection of its own, as a
    scraper's and a visitor's first are. The plainest client there is, since its time counts too."""
    times: list[float] = []
    for _ in range(count):
        connection = HTTPConnection(HOST, port, timeout=STOP_SECONDS)
        began = time.perf_counter()
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        times.append(time.perf_counter() - began)
        connection.close()
        if answer.status != 200:
            raise TookTooLong(f"answered {answer.status}")
    return times


def beside(port: int, paths: Iterable[str], empty: str) -> tuple[list[float], str]:
    """Return the seconds of each path's answer, and in words those of an empty one asked in turn with it."""
    times: list[float] = []
    nothing: list[float] = []
    for path in paths:
        nothing += timed_get(port, empty, 1)
        times += timed_get(port, path, 1)
    p50, p99 = (percentile(nothing, percent) * 1e3 for percent in (50, 99))
    return times, f"an empty answer p50 {p50:.2f} ms, p99 {p99:.2f} ms"


def resident_bytes(pid: int) -> tuple[int, int]:
    """Return the memory a process holds now, and the most it ever held."""
    fields = dict(
        line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":" in line
    )
    return _kilobytes(fields["VmRSS"]), _kilobytes(fields["VmHWM"])


def _kilobytes(text: str) -> int:
    return int(text.split()[0]) * 1024


def _is_setting(name: str) -> bool:
    # A developer's own accounts have no part in this.
    return name.startswith(("NORTHSTAR_", "KALSHI_", "ANTHROPIC_", "JOHN_")) or name in ("DB_PATH", "PORT")
