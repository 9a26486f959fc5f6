"""Several of our processes under one command: start, wait until they answer, stop them together."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import FrameType

from exporter.runtime import lifeline

START_SECONDS = 30.0
"""A start takes about two; on a machine this slow something is wrong, and the log says what."""

STOP_SECONDS = 5.0
POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Part:
    """One process: its command line after `northstar`, and the address that answers 200 when it is up."""

    name: str
    arguments: tuple[str, ...]
    ready: str


def free_port(host: str, port: int) -> bool:
    """Tell whether nothing listens on the port."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


class Supervisor:
    """Children that live and die together. Use as: start each part, then `wait`, always `stop`."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = {**os.environ, **environment}
        self._children: list[tuple[Part, subprocess.Popen[bytes]]] = []
        self._stopping = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)

    def start(self, part: Part) -> None:
        """Start a part without waiting for it."""
        self._children.append((part, lifeline.start(part.arguments, self._environment)))

    def until_ready(self) -> bool:
        """Wait until every part answers; False when one ended or took too long."""
        return all(self._until(partial(_answers, part.ready)) for part, _ in self._children)

    def wait(self) -> int:
        """Wait for a signal (0) or for the first part that ends by itself (1)."""
        self._until(lambda: False, seconds=float("inf"))
        for part, child in self._children:
            if not self._stopping and child.poll() is not None:
                print(
                    f"The {part.name} ended by itself (exit code {child.returncode}); stopping the others.",
                    flush=True,
                )
                return 1
        return 0

    def stop(self) -> None:
        """Ask all parts to end, last started first; kill what does not."""
        for _, child in reversed(self._children):
            if child.poll() is None:
                child.terminate()
        for _, child in self._children:
            try:
                child.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()

    def _until(self, done: Callable[[], bool], seconds: float = START_SECONDS) -> bool:
        end = time.monotonic() + seconds
        while time.monotonic() < end and not self._stopping:
            if any(child.poll() is not None for _, child in self._children):
                return False
            if done():
                return True
            time.sleep(POLL_SECONDS)
        return False

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._stopping = True


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1) as response:  # loopback addresses of our own parts
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def taken(host: str, ports: Sequence[tuple[str, str, int]]) -> list[str]:
    """Return a sentence for each (what, setting, port) that is in use."""
    return [
        f"Port {port} for the {what} is in use: stop what uses it, or set {setting} to another port."
        for what, setting, port in ports
        if port and not free_port(host, port)
    ]
