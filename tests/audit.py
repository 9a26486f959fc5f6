"""Known vulnerabilities of what the locks pin: asked for once a day, and when a lock changes.

pip-audit asks, about the exact versions, and nothing is resolved or installed for it. Lint fails for what it
names. Where nobody answers, a sentence says that nothing was looked up, and lint goes on without.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
LOCKS = (ROOT / "requirements.lock", ROOT / "tests" / "requirements.lock")
STAMP = ROOT / ".venv" / ".audited"

ACCEPTED: dict[str, str] = {}
"""Advisories that do not concern us, by id, each with the reason."""

ANSWER_SECONDS = 3
"""For each answer; a service that is there takes a tenth."""

WHOLE_SECONDS = 90.0
"""For all of them, a hundred and fifty one after the other."""

AGAIN_SECONDS = {"clean": 86_400.0, "unasked": 3_600.0}
"""How long an outcome holds: a day, or an hour when there was none. What is vulnerable is asked each time."""


UNASKED = "Known vulnerabilities were not looked up: the service that knows of them did not answer."


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it, in a word of AGAIN_SECONDS or `vulnerable`, and in sentences."""

    word: str
    sentences: tuple[str, ...] = ()


def audited(locks: Sequence[Path], stamp: Path, *options: str) -> Outcome:
    """Return what is known of the locks' packages: the last outcome, as long as it holds."""
    mark = hashlib.sha256(b"".join(lock.read_bytes() for lock in locks)).hexdigest()
    last = _last(stamp, mark)
    if last is not None:
        return last
    outcome = _asked(locks, *options)
    stamp.write_text("\n".join((mark, outcome.word, *outcome.sentences)))
    return outcome


def _last(stamp: Path, mark: str) -> Outcome | None:
    """Return what came of the last time, None when it is too long ago, or of other locks."""
    if not stamp.exists():
        return None
    last, word, *sentences = stamp.read_text().splitlines()
    age = time.time() - stamp.stat().st_mtime
    holds = last == mark and 0 <= age < AGAIN_SECONDS.get(word, 0)
    return Outcome(word, tuple(sentences)) if holds else None


def _asked(locks: Sequence[Path], *options: str) -> Outcome:
    command = [
        *(sys.executable, "-m", "pip_audit", "--format=json", "--progress-spinner=off"),
        *("--disable-pip", "--require-hashes", "--vulnerability-service=osv", f"--timeout={ANSWER_SECONDS}"),
        *(f"--requirement={lock}" for lock in locks),
        *(f"--ignore-vuln={advisory}" for advisory in ACCEPTED),
        *options,
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=WHOLE_SECONDS)
        packages = json.loads(done.stdout)["dependencies"]
    except (subprocess.TimeoutExpired, ValueError):
        # Without an answer it prints no JSON, and why in several ways.
        return Outcome("unasked", (UNASKED,))
    named = tuple(sentence for package in packages for sentence in _vulnerable(package))
    return Outcome("vulnerable", named) if named else Outcome("clean")


def _vulnerable(package: dict[str, Any]) -> list[str]:
    """Return a sentence for each advisory on a package."""
    return [
        f"{package['name']} {package['version']} has the known vulnerability {known['id']}: "
        f"{'take ' + ' or '.join(known['fix_versions']) if known['fix_versions'] else 'there is no fix yet'}."
        for known in package.get("vulns", ())
    ]


if __name__ == "__main__":
    found = audited(LOCKS, STAMP)
    print(*found.sentences, sep="\n", end="\n" if found.sentences else "")
    sys.exit(found.word == "vulnerable")
