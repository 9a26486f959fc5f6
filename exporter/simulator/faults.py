"""The fault dial: what goes wrong, at which source, how often or how long.

Python: `faults.set("kalshi", Fault("500", count=3))`, `faults.clear("kalshi")`.
HTTP:   GET /faults, PUT /faults/{source} with one fault or a list (it replaces that source's
        faults), DELETE /faults/{source}, DELETE /faults.
Shell:  `command(["kalshi", "500", "--for", "30"])`, `command(["list"])`, `command(["clear"])`.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from fnmatch import fnmatch
from typing import Any

SOURCES = ("kalshi", "anthropic", "sales")
KINDS = {
    "latency": "answer after `seconds`",
    "timeout": "accept, say nothing for `seconds`, then hang up",
    "429": "too many requests, without a header that says when to come back",
    "429_retry_after": "too many requests, with Retry-After: `seconds`",
    "429_reset": "too many requests, with anthropic-ratelimit-requests-reset `seconds` ahead",
    "500": "server error",
    "503": "unavailable; the venue adds its exchange status as body",
    "529": "overloaded",
    "html": "200 with an HTML body",
    "error_200": "200 with an error body",
    "reset": "the connection is reset",
    "502": "a proxy's error page, in HTML",
    "half": "every page after the first fails with 500",
    "gone": "every page after the first is gone: 410",
    "skew": "the Date header and the clock of the signature check are `seconds` ahead",
    "rename": "field `field` is called `value`",
    "drop": "field `field` is missing",
    "retype": "field `field` has another JSON type (or `value`)",
    "null": "field `field` is null",
    "mutate": "`operation` is done to `field` with `value`",
    "odd_rows": "one row in `value` (a hundred) of every list has nothing but null beside its ids and times",
}
PAGE_KINDS = {
    "repeat_cursor": "every page after the first names itself as the next one",
    "short": "pages hold at most `value` rows, whatever was asked for",
}
LATE_KINDS = {
    "late": "fills and settlements of the last `seconds` are not listed yet; positions and cash know them",
    "bust": "the newest fill of a market that is open is taken back, once",
    "amend": "the fee of the newest fill becomes a cent more, once",
    "resettle": "the market that was settled last is paid the other way, once",
}
"""Faults of the venue's own past."""

SOCKET_KINDS = {
    "ws_silent": "the socket stays open and answers pings, but sends no data",
    "ws_drop": "the socket is closed at once; `count` is of connections",
    "ws_overflow": "code 25 ends every subscription; `count` is of connections",
    "ws_duplicate": "frames come twice",
    "ws_reorder": "frames come after the one that follows them",
    "ws_lose": "frames are never sent",
    "ws_garbage": "frames are no JSON; with `field`, it is renamed to `value`, or changed by `operation`",
}
"""Faults of frames: `count` is of frames, `value` n spares all but every n-th, `endpoint` is a channel."""

ALL_KINDS = KINDS | PAGE_KINDS | LATE_KINDS | SOCKET_KINDS
OPERATIONS = ("set", "remove", "rename", "retype", "null", "empty", "duplicate", "reverse")
NEEDS_FIELD = ("rename", "drop", "retype", "null", "mutate")


class FaultError(ValueError):
    """A fault that the dial does not know, said in one sentence."""


@dataclass
class Fault:
    """One fault. It acts on the next `count` requests, for `lasts` seconds, or until cleared.

    `endpoint` narrows it to paths that end in the text, or match it as a shell pattern.
    `field` is a path such as `fills.count_fp` or `data.0.results.*.amount`; a name applied to a
    list means every item of it.
    """

    kind: str
    seconds: float = 0.0
    count: int | None = None
    lasts: float | None = None
    endpoint: str | None = None
    field: str | None = None
    operation: str | None = None
    value: Any = None
    until: float | None = None  # set by the dial

    def __post_init__(self) -> None:
        if self.kind not in ALL_KINDS:
            raise FaultError(f"unknown fault {self.kind!r}; known: {', '.join(ALL_KINDS)}")
        if self.kind in ("bust", "amend", "resettle"):
            self.count = self.count or 1
        if self.kind == "short" and not (isinstance(self.value, int) and self.value > 0):
            raise FaultError("short needs a number of rows as value")
        if self.kind in NEEDS_FIELD and self.field is None:
            raise FaultError(f"fault {self.kind} needs a field")
        if self.kind == "mutate" and self.operation not in OPERATIONS:
            raise FaultError(f"mutate needs an operation: {', '.join(OPERATIONS)}")
        if (self.kind == "rename" or self.operation == "rename") and not isinstance(self.value, str):
            raise FaultError("rename needs the new name as value")

    def matches(self, path: str) -> bool:
        """Say whether the fault concerns a request for `path`."""
        return self.endpoint is None or path.endswith(self.endpoint) or fnmatch(path, self.endpoint)


class Faults:
    """The dial. `pace` gives seconds that only go forward, for faults that end by themselves."""

    def __init__(self, pace: Callable[[], float] = time.monotonic) -> None:
        self.pace = pace
        self._active: dict[str, list[Fault]] = {source: [] for source in SOURCES}

    def set(self, source: str, fault: Fault | str, **options: Any) -> Fault:
        """Add a fault to a source, given as a Fault or as a kind with its options."""
        made = Fault(fault, **options) if isinstance(fault, str) else fault
        made.until = None if made.lasts is None else self.pace() + made.lasts
        self._of(source).append(made)
        return made

    def replace(self, source: str, faults: Sequence[Fault]) -> None:
        """Make `faults` the only faults of a source."""
        self._of(source).clear()
        for fault in faults:
            self.set(source, fault)

    def clear(self, source: str | None = None) -> None:
        """Clear one source, or all."""
        for name in SOURCES if source is None else (source,):
            self._of(name).clear()

    def active(self, source: str) -> list[Fault]:
        """Return the faults that are still on."""
        faults = self._of(source)
        now = self.pace()
        faults[:] = [f for f in faults if f.count != 0 and (f.until is None or now < f.until)]
        return list(faults)

    def strike(self, source: str, path: str, *, upgrade: bool = False) -> list[Fault]:
        """Return the faults that hit this request, and count it; an upgrade has no body to change."""
        spared = {*SOCKET_KINDS, *PAGE_KINDS, *NEEDS_FIELD} if upgrade else SOCKET_KINDS
        return _counted(f for f in self.active(source) if f.kind not in spared and f.matches(path))

    def strike_frame(self, source: str, channel: str, due: Callable[[Fault], bool]) -> list[Fault]:
        """Return the socket faults that hit this frame, or this connection, and count it."""
        return _counted(
            f
            for f in self.active(source)
            if f.kind in SOCKET_KINDS and (not channel or f.matches(channel)) and due(f)
        )

    def describe(self) -> dict[str, list[dict[str, Any]]]:
        """Return everything that is on, as JSON values without defaults."""
        return {source: [_plain(fault) for fault in self.active(source)] for source in SOURCES}

    def _of(self, source: str) -> list[Fault]:
        if source not in self._active:
            raise FaultError(f"unknown source {source!r}; known: {', '.join(SOURCES)}")
        return self._active[source]


def _counted(faults: Iterable[Fault]) -> list[Fault]:
    hit = list(faults)
    for fault in hit:
        if fault.count is not None:
            fault.count -= 1
    return hit


def from_json(value: Any) -> list[Fault]:
    """Return the faults in a JSON object or list; raise FaultError when one is not understood."""
    known = {f.name for f in fields(Fault)} - {"until"}
    found = []
    for item in value if isinstance(value, list) else [value]:
        if not isinstance(item, dict) or "kind" not in item or set(item) - known:
            raise FaultError(
                f"a fault is an object with kind and any of {', '.join(sorted(known - {'kind'}))}"
            )
        found.append(Fault(**item))
    return found


def _plain(fault: Fault) -> dict[str, Any]:
    empty = asdict(Fault("500"))
    return {k: v for k, v in asdict(fault).items() if k == "kind" or (k != "until" and v != empty[k])}


def command(args: Sequence[str], url: str = "http://127.0.0.1:8099") -> int:
    """Turn the dial of a running simulator from a command line; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="northstar fault", description="Break one of the simulated services."
    )
    parser.add_argument("source", choices=[*SOURCES, "list", "clear"])
    parser.add_argument("kind", nargs="?", help=f"one of {', '.join(ALL_KINDS)}, or clear")
    parser.add_argument("--seconds", type=float, help="for latency, timeout, Retry-After and skew")
    parser.add_argument("--for", dest="lasts", type=float, help="end after so many seconds")
    parser.add_argument("--count", type=int, help="end after so many requests, frames or connections")
    parser.add_argument("--endpoint", help="only paths that end in this; for a socket fault, the channel")
    parser.add_argument("--field", help="for rename, drop, retype, null, mutate and ws_garbage")
    parser.add_argument("--operation", choices=OPERATIONS)
    parser.add_argument("--value", type=_json_or_text, help="JSON, or text")
    parser.add_argument("--url", default=url)
    options = vars(parser.parse_args(args))
    source, kind, url = options.pop("source"), options.pop("kind"), options.pop("url").rstrip("/")
    if source == "list":
        return _call("GET", f"{url}/faults")
    if source == "clear":
        return _call("DELETE", f"{url}/faults" + (f"/{kind}" if kind else ""))
    if kind in (None, "clear"):
        return _call("DELETE", f"{url}/faults/{source}")
    return _call(
        "PUT", f"{url}/faults/{source}", {"kind": kind} | {k: v for k, v in options.items() if v is not None}
    )


def _json_or_text(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""The simulator is on this machine, or beside it: no proxy that the environment names leads there."""


def _call(method: str, url: str, body: Any = None) -> int:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"content-type": "application/json"}, method=method)
    try:
        with DIRECT.open(request, timeout=5) as answer:
            print(answer.read().decode())
            return 0
    except urllib.error.HTTPError as error:
        print(error.read().decode(), file=sys.stderr)
    except OSError as error:
        print(f"No simulator answers at {url}: {error}", file=sys.stderr)
    return 1
