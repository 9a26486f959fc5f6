"""Pushing to Grafana Live: against a Grafana that takes everything, and ones that do not."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry

from exporter.snapshot import COMPONENTS, encode, from_json
from exporter.stream.events import Event, News, Place
from exporter.stream.grafana_live import PUSH_SECONDS, RETRY_MOST_SECONDS, GrafanaLive, Turn, line
from exporter.times import to_us
from tests.builders import bare

URL = "http://grafana.test:3000"
Answer = Callable[[httpx.Request], httpx.Response]


def tree(sequence: int = 1, **net: str) -> dict[str, Any]:
    """Return a snapshot; a window that is not named is missing, and so are all components but fees."""
    whole = bare("e", sequence, datetime(2026, 11, 22, 12, 0, 0, 250_000, tzinfo=UTC))
    for window, stated in whole["windows"].items():
        stated["net"] = {"grade": "estimated", "usd": net[window]} if window in net else {"grade": "missing"}
        stated["components"] = {name: {"grade": "missing"} for name in COMPONENTS} | {
            "trading_fees": {"grade": "final", "usd": "-0.25"}
        }
    return whole


class Told:
    """A feed that tells the snapshots it was given, one after another, and closes."""

    def __init__(self, *trees: dict[str, Any]) -> None:
        self.closed = False
        self._trees = list(trees)
        self._newest: dict[str, Any] | None = None

    async def wait(self, place: Place | None) -> None:
        await asyncio.sleep(0)
        if self._trees:
            self._newest = self._trees.pop(0)
        else:
            self.closed = True

    def after(self, place: Place | None) -> News:
        return News((), Place(1, 1))

    def current(self) -> Event | None:
        assert self._newest is not None
        return Event("snapshot", None, "", encode(self._newest))  # type: ignore[arg-type]


class Waits(list[float]):
    """The waits between pushes, none of which takes time."""

    async def __call__(self, seconds: float) -> None:
        self.append(seconds)


def pushing(answer: Answer, feed: Told, folder: Path, token: Path | None = None) -> tuple[GrafanaLive, Waits]:
    """Push what the feed tells to a Grafana that answers so."""
    waits = Waits()
    live = GrafanaLive(URL, token, turn=Turn(URL, folder), transport=httpx.MockTransport(answer), sleep=waits)
    asyncio.run(live.run(feed))  # type: ignore[arg-type]
    return live, waits


def counted(live: GrafanaLive) -> dict[str, float]:
    """Return the metrics, by name or outcome."""
    registry = CollectorRegistry()
    live.register(registry)
    return {
        sample.labels.get("outcome", sample.name): sample.value
        for family in registry.collect()
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


def takes(request: httpx.Request) -> httpx.Response:
    """Answer as Grafana does."""
    return httpx.Response(200)


def test_a_line_has_every_figure_there_is_and_no_other() -> None:
    """Decimals as they are, the grade as its number, the time to the nanosecond; nothing for `missing`."""
    text = line(from_json(tree(7, today="12.3400000000000001", mtd="-5")))
    measurement, fields, at = text.split(" ")
    figures = dict(each.split("=") for each in fields.split(","))
    assert measurement == "pnl"
    assert int(at) % 1_000_000_000 == 250_000_000
    assert int(at) // 1_000 == to_us(datetime(2026, 11, 22, 12, 0, 0, 250_000, tzinfo=UTC))
    assert Decimal(figures["net_today"]) == Decimal("12.3400000000000001")
    assert figures["net_mtd"] == "-5"
    assert figures["trading_fees_today"] == "-0.25"
    assert figures["sequence"] == "7"
    assert (figures["grade_today"], figures["grade_7d"]) == ("3", "0")
    assert "net_7d" not in figures
    assert "sales_gross_today" not in figures


def test_what_is_new_is_pushed_to_the_channel_of_the_panels(tmp_path: Path) -> None:
    """Each newest snapshot is one POST, without a token where none is set, and no faster than it may be."""
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return takes(request)

    live, waits = pushing(answer, Told(tree(1, today="1"), tree(2, today="2")), tmp_path)
    assert [str(request.url) for request in seen] == [f"{URL}/api/live/push/northstar"] * 2
    assert [re.search(r"net_today=(\d)", request.content.decode())[1] for request in seen] == ["1", "2"]  # type: ignore[index]
    assert all("authorization" not in request.headers for request in seen)
    assert waits == [PUSH_SECONDS] * 2
    assert live.trouble is None
    assert counted(live)["ok"] == 2
    assert counted(live)["northstar_grafana_live_up"] == 1


def _away(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("refused")


def _silent(request: httpx.Request) -> httpx.Response:
    raise httpx.ReadTimeout("silent")


@pytest.mark.parametrize(
    ("answer", "outcome", "words"),
    [
        (lambda _: httpx.Response(401), "unauthorised", "refused the token"),
        (lambda _: httpx.Response(403), "unauthorised", "refused the token"),
        (lambda _: httpx.Response(302, headers={"Location": "http://elsewhere.test/"}), "refused", "302"),
        (lambda _: httpx.Response(404), "refused", "404"),
        (lambda _: httpx.Response(500), "refused", "500"),
        (_away, "unreachable", "cannot be reached"),
        (_silent, "timeout", "did not answer"),
    ],
)
def test_trouble_is_one_sentence_and_longer_and_longer_waits(
    answer: Answer, outcome: str, words: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """However often it fails; the wait grows to its bound, and no redirect is followed."""
    caplog.set_level(logging.INFO, "northstar")
    token = tmp_path / "token"
    token.write_text("secret-of-grafana\n")
    live, waits = pushing(answer, Told(*(tree(n, today="1") for n in range(1, 10))), tmp_path, token)
    assert live.trouble is not None
    assert words in live.trouble
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "secret-of-grafana" not in caplog.text + live.trouble + repr(live)
    assert counted(live)[outcome] == 9
    assert counted(live)["northstar_grafana_live_up"] == 0
    assert waits[0] >= 1
    assert all(2 ** min(n, 6) <= wait * 1.1 and wait <= 2 * 2**n for n, wait in enumerate(waits[:6]))
    assert RETRY_MOST_SECONDS <= waits[-1] <= 2 * RETRY_MOST_SECONDS


def test_it_says_once_that_it_is_well_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """And starts over with short waits."""
    caplog.set_level(logging.INFO, "northstar")
    codes = iter([500, 500, 500, 200, 200, 500])
    feed = Told(*(tree(n, today="1") for n in range(1, 7)))
    live, waits = pushing(lambda _: httpx.Response(next(codes)), feed, tmp_path)
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO", "WARNING"]
    assert waits[3:5] == [PUSH_SECONDS] * 2
    assert waits[5] < 2.1
    assert live.trouble is not None


def test_a_token_is_read_from_its_file_and_may_be_replaced(tmp_path: Path) -> None:
    """A file that is not there yet, or holds nothing, is a sentence; the next push reads it again."""
    token = tmp_path / "token"
    said: list[str | None] = []

    def answer(request: httpx.Request) -> httpx.Response:
        said.append(request.headers.get("authorization"))
        token.write_text("second")
        return takes(request)

    live, _ = pushing(answer, Told(tree(1, today="1")), tmp_path, token)
    assert live.trouble is not None
    assert "NORTHSTAR_GRAFANA_TOKEN_PATH" in live.trouble
    token.write_text("\n")
    live, _ = pushing(answer, Told(tree(1, today="1")), tmp_path, token)
    assert live.trouble is not None
    assert said == []
    token.write_text("first\n")
    live, _ = pushing(answer, Told(tree(1, today="1"), tree(2, today="2")), tmp_path, token)
    assert live.trouble is None
    assert said == ["Bearer first", "Bearer second"]


def test_one_process_at_a_time_pushes(tmp_path: Path) -> None:
    """A second one waits for its turn, which comes when the first is gone."""
    first, second = Turn(URL, tmp_path), Turn(URL, tmp_path)
    assert first.taken()
    assert first.taken()
    assert not second.taken()
    assert Turn("http://another.test", tmp_path).taken()
    first.leave()
    assert second.taken()
