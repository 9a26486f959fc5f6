"""The route that sends the rows behind a period."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import get_args

import httpx
import pytest
from fastapi import FastAPI

from exporter.cli import EXPORT_NAMES
from exporter.reports.exports import writing
from exporter.reports.exports.catalogue import EXPORTS
from exporter.store import Store
from exporter.stream import create_app
from exporter.stream import export as served_export
from tests.builders import NOW, fill, sale
from tests.reports.test_reader import World
from tests.stream.serving import serving, until

pytestmark = pytest.mark.slow


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Fills of some days, in pieces of two."""
    monkeypatch.setattr(writing, "ROWS_AT_ONCE", 2)
    with Store.write(tmp_path / "northstar.sqlite3") as store:
        world = World(store)
        for ago in range(9):
            world.keep(fill("buy yes 1 @ 0.40 fee 0.01", fill_id=f"f{ago}", at=NOW - timedelta(days=ago)))
        world.keep(sale("5"))
        world.publish()
        yield world


@pytest.fixture
def app(world: World) -> FastAPI:
    return create_app(world.store.path, clock=lambda: NOW + timedelta(seconds=3))


@pytest.fixture
def url(app: FastAPI) -> Iterator[str]:
    with serving(app) as address:
        until(lambda: app.state.feed.current())
        yield f"{address}/api/pnl/export"


def test_rows_are_sent_in_pieces_and_are_all_there(url: str) -> None:
    """As CSV, with a name for the file; the metadata is a question of its own."""
    answer = httpx.get(url, params={"what": "fills", "period": "2026-11"})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    assert answer.headers["content-disposition"] == 'attachment; filename="northstar-fills-2026-11.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["id"] for row in rows] == [f"f{ago}" for ago in range(8, -1, -1)]
    meta = httpx.get(url, params={"what": "fills", "period": "2026-11", "part": "meta"}).json()
    assert meta["totals"]["rows"] == 9
    assert meta["totals"]["sums"]["fee"] == "0.09"


def test_json_lines_have_header_and_totals(url: str) -> None:
    """The last line says that nothing was cut off."""
    answer = httpx.get(url, params={"what": "fills", "period": "2026-11", "format": "jsonl"})
    assert answer.headers["content-type"] == "application/jsonl"
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert (lines[0]["type"], lines[-1]["type"], lines[-1]["rows"]) == ("header", "totals", 9)


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"what": "fills", "period": "2026-13"}, "2026-13"),
        ({"what": "wishes", "period": "2026-11"}, "what"),
        ({"what": "fills", "period": "2026-11", "format": "xls"}, "format"),
        ({"what": "fills"}, "period"),
    ],
)
def test_what_cannot_be_exported_is_said_before_anything_is_sent(
    url: str, parameters: dict[str, str], said: str
) -> None:
    answer = httpx.get(url, params=parameters)
    assert answer.status_code == 422
    assert said in answer.text


def test_a_reader_that_leaves_half_way_ends_it(
    url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Quietly: its place is free for the next one, and the database answers on."""
    monkeypatch.setattr(served_export, "MOST", 1)
    for _ in range(5):
        with httpx.stream("GET", url, params={"what": "fills", "period": "2026-11"}) as answer:
            next(answer.iter_bytes())
        until(lambda: httpx.get(url, params={"what": "sales", "period": "2026-11"}).status_code == 200)
    assert "Traceback" not in caplog.text


def test_too_many_at_a_time_are_asked_to_wait(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(served_export, "MOST", 0)
    answer = httpx.get(url, params={"what": "fills", "period": "2026-11"})
    assert answer.status_code == 503
    assert "ask again" in answer.json()["error"]["message"]


def test_a_database_that_is_replaced_meanwhile_is_not_mixed_with_the_new_one(
    app: FastAPI, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer breaks off, so that nobody takes it for whole."""
    feed, asked = app.state.feed, 0
    ask = feed.ask

    async def replaced(question: object) -> object:
        nonlocal asked
        asked += 1
        if asked == 3:
            feed._archive = Store.read(feed.path)
        return await ask(question)

    monkeypatch.setattr(feed, "ask", replaced)
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.get(url, params={"what": "fills", "period": "2026-11"})


def test_route_and_command_have_every_export() -> None:
    """Their lists are written out, for types and for a quick start."""
    assert get_args(served_export.What) == EXPORT_NAMES == tuple(EXPORTS)


def test_without_a_snapshot_there_is_nothing_to_export(tmp_path: Path) -> None:
    Store.write(tmp_path / "empty.sqlite3").close()
    with serving(create_app(tmp_path / "empty.sqlite3")) as url:
        answer = httpx.get(f"{url}/api/pnl/export", params={"what": "fills", "period": "2026-11"})
        assert answer.status_code == 503
