"""The look-up of known vulnerabilities, by pip-audit itself, at a service of the test."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests import audit
from tests.ports import HOST, held_port

pytestmark = pytest.mark.slow

PINNED = {"leaky": "1.0", "sound": "2.0"}


class Service(ThreadingHTTPServer):
    """Answers as the Open Source Vulnerabilities database does, to what is `asked`, with what is `known`."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__((HOST, 0), _Answer)
        self.asked: list[str] = []
        self.known: dict[str, str] = {}
        self.url = f"http://{HOST}:{self.server_port}/v1/query"


class _Answer(BaseHTTPRequestHandler):
    server: Service

    def do_POST(self) -> None:
        """Answer with what is known of a package."""
        question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        name = question["package"]["name"]
        self.server.asked.append(name)
        known = self.server.known.get(name)
        body = json.dumps({"vulns": [_advisory(name, known)]} if known else {}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _advisory(name: str, advisory: str) -> dict[str, object]:
    events = [{"introduced": "0"}, {"fixed": "1.1"}]
    return {
        "id": advisory,
        "summary": "It leaks.",
        "details": "It leaks.",
        "published": "2026-01-01T00:00:00Z",
        "modified": "2026-01-01T00:00:00Z",
        "affected": [
            {
                "package": {"name": name, "ecosystem": "PyPI"},
                "ranges": [{"type": "ECOSYSTEM", "events": events}],
                "versions": [PINNED[name]],
            }
        ],
    }


@pytest.fixture
def service() -> Iterator[Service]:
    """A service that knows of nothing yet."""
    with Service() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    """A lock of two packages."""
    file = tmp_path / "requirements.lock"
    lines = (f"{name}=={version} \\\n    --hash=sha256:{'0' * 64}\n" for name, version in PINNED.items())
    file.write_text("".join(lines))
    return file


@pytest.fixture
def stamp(tmp_path: Path) -> Path:
    """Where the last outcome is kept."""
    return tmp_path / ".audited"


def asked(lock: Path, stamp: Path, url: str) -> audit.Outcome:
    """Audit one lock at a service."""
    return audit.audited([lock], stamp, f"--osv-url={url}")


def older(stamp: Path, seconds: float) -> None:
    """Let time pass for an outcome."""
    at = stamp.stat().st_mtime - seconds
    os.utime(stamp, (at, at))


def test_what_is_sound_is_asked_for_once_a_day_and_when_a_lock_changes(
    service: Service, lock: Path, stamp: Path
) -> None:
    """And is nothing to speak of."""
    for _ in range(2):
        assert asked(lock, stamp, service.url) == audit.Outcome("clean")
    assert sorted(service.asked) == sorted(PINNED)
    older(stamp, 86_500)
    assert asked(lock, stamp, service.url) == audit.Outcome("clean")
    assert len(service.asked) == 4
    lock.write_text(f"# another one\n{lock.read_text()}")
    assert asked(lock, stamp, service.url) == audit.Outcome("clean")
    assert len(service.asked) == 6


def test_what_is_vulnerable_is_named_each_time(service: Service, lock: Path, stamp: Path) -> None:
    """With its version, the advisory, and what to take instead."""
    service.known["leaky"] = "PYSEC-2026-1"
    for _ in range(2):
        assert asked(lock, stamp, service.url) == audit.Outcome(
            "vulnerable", ("leaky 1.0 has the known vulnerability PYSEC-2026-1: take 1.1.",)
        )
    service.known.clear()
    assert asked(lock, stamp, service.url) == audit.Outcome("clean")


def test_what_is_accepted_is_not_named(
    service: Service, lock: Path, stamp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the advisory's id."""
    service.known["leaky"] = "PYSEC-2026-1"
    monkeypatch.setitem(audit.ACCEPTED, "PYSEC-2026-1", "we never call it")
    assert asked(lock, stamp, service.url) == audit.Outcome("clean")


def test_a_service_that_is_not_there_is_asked_again_in_an_hour(
    service: Service, lock: Path, stamp: Path
) -> None:
    """Nothing fails, it is said all the time, and nobody waits for it again and again."""
    unasked = audit.Outcome("unasked", (audit.UNASKED,))
    assert asked(lock, stamp, f"http://{HOST}:{held_port()}/") == unasked
    assert asked(lock, stamp, service.url) == unasked
    assert not service.asked
    older(stamp, 3_700)
    assert asked(lock, stamp, service.url) == audit.Outcome("clean")
    assert service.asked


def test_a_service_that_never_answers_is_left(lock: Path, stamp: Path) -> None:
    """Within seconds."""
    with socket.create_server((HOST, 0)) as silent:
        outcome = asked(lock, stamp, f"http://{HOST}:{silent.getsockname()[1]}/")
    assert outcome.word == "unasked"


def test_an_advisory_is_accepted_for_a_reason() -> None:
    """One that is merely in the way is not."""
    assert all(len(reason.split()) >= 3 for reason in audit.ACCEPTED.values())
