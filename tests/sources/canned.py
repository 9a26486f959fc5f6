"""An upstream made of canned answers, and the three sources pointed at it."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from exporter.simulator.clock import SettableClock
from exporter.sources.anthropic.organization import Anthropic
from exporter.sources.contract import Reading, Source, Window
from exporter.sources.kalshi.account import Kalshi
from exporter.sources.sales.shop import Sales

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
WINDOW = Window(NOW - timedelta(days=3), NOW, NOW - timedelta(hours=2))
"""A reading in the middle of a day, the first of its hour."""

KEY_ID = "5ec4e7-key-id-of-the-tests"
ADMIN_KEY = "sk-ant-admin01-secret-of-the-tests"
TOKEN = "secret-token-of-the-tests"

Answer = Any
"""JSON, bytes, an httpx.Response, an exception to raise, or a function from request to one of these."""


class Upstream:
    """Answers by path. A list gives its items in turn, the last one for ever; the requests are kept."""

    def __init__(self, answers: dict[str, Answer]) -> None:
        self.answers = copy.copy(answers)
        self.requests: list[httpx.Request] = []
        self._turns: dict[str, Iterator[Answer]] = {}

    @property
    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self._handle)

    def asked(self, path: str) -> list[dict[str, str]]:
        """Return the query of every request for `path`, as answers are named."""
        return [dict(request.url.params) for request in self.requests if self._name(request) == path]

    async def _handle(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return await reply(self._next(self._name(request)), request)

    def _name(self, request: httpx.Request) -> str:
        """Return the name of the answer: the path, with a parameter behind it where an answer needs one."""
        asked = (f"{request.url.path}?{name}={value}" for name, value in request.url.params.multi_items())
        return next((name for name in asked if name in self.answers), request.url.path)

    def _next(self, path: str) -> Answer:
        answer = self.answers.get(path, httpx.Response(404, text="404 page not found"))
        if not isinstance(answer, Turns):
            return answer
        return next(self._turns.setdefault(path, _for_ever(answer)))


class Turns(list[Answer]):
    """Answers given one after the other."""


def _for_ever(answers: Iterable[Answer]) -> Iterator[Answer]:
    answer = None
    for answer in answers:
        yield answer
    while True:
        yield answer


async def reply(answer: Answer, request: httpx.Request) -> httpx.Response:
    """Return the response that an answer stands for."""
    if callable(answer):
        answer = answer(request)
        if hasattr(answer, "__await__"):
            answer = await answer
    if isinstance(answer, Exception):
        raise answer
    if isinstance(answer, httpx.Response):
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)
    content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    return httpx.Response(200, headers={"content-type": "application/json"}, content=content)


class Watcher:
    """An observer that remembers."""

    def __init__(self) -> None:
        self.retries: list[tuple[str, str]] = []
        self.waits: list[float] = []
        self.outcomes: list[str] = []

    def retried(self, source: str, reason: str) -> None:
        self.retries.append((source, reason))

    def waited(self, source: str, seconds: float) -> None:
        self.waits.append(seconds)

    def finished(self, source: str, outcome: str) -> None:
        self.outcomes.append(outcome)


@cache
def private_key() -> str:
    """Return a fresh Ed25519 key in PEM, made once for the run."""
    key = Ed25519PrivateKey.generate()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def kalshi(upstream: Upstream, **options: Any) -> Kalshi:
    return Kalshi(
        KEY_ID,
        private_key(),
        base_url="https://venue.test/trade-api/v2",
        transport=upstream.transport,
        **({"clock": SettableClock(NOW)} | options),
    )


def anthropic(upstream: Upstream, **options: Any) -> Anthropic:
    return Anthropic(
        ADMIN_KEY,
        base_url="https://models.test",
        transport=upstream.transport,
        **({"clock": SettableClock(NOW)} | options),
    )


def sales(upstream: Upstream, **options: Any) -> Sales:
    return Sales(
        "https://shop.test",
        TOKEN,
        transport=upstream.transport,
        **({"clock": SettableClock(NOW)} | options),
    )


def text_of(path: str) -> str:
    """Return what a small file holds."""
    return Path(path).read_text()


def analytics(upstream: Upstream, **options: Any) -> Anthropic:
    return anthropic(upstream, family="analytics", **options)


MAKERS: dict[str, Callable[..., Source]] = {
    "kalshi": kalshi,
    "anthropic": anthropic,
    "analytics": analytics,
    "sales": sales,
}


async def read(name: str, answers: dict[str, Answer], window: Window = WINDOW, **options: Any) -> Reading:
    """Return one reading of a source from canned answers; what it says was refused is raised."""
    reading = await read_what_can_be(name, answers, window, **options)
    for trouble in reading.troubles:
        raise trouble
    return reading


async def read_what_can_be(
    name: str, answers: dict[str, Answer], window: Window = WINDOW, **options: Any
) -> Reading:
    """Return one reading of a source from canned answers, with what was refused in it."""
    source = MAKERS[name](Upstream(answers), **options)
    try:
        return await source.fetch(window)
    finally:
        await source.aclose()
