"""The route that Prometheus reads from: what is answered, to whom, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from exporter.store import Store
from exporter.stream import create_app
from exporter.stream.gate import Access
from exporter.stream.remote_read.routes import MOST_BODY
from tests.builders import NOW, sale
from tests.reports.test_reader import World
from tests.stream.remote_reading import query, request, response
from tests.stream.serving import serving, until
from tests.stream.test_remote_read import HOSTILE

pytestmark = pytest.mark.slow

DAY = timedelta(days=1)
NET = query(0, 2**62, "__name__=northstar_day_net_usd", "known=now")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with Store.write(tmp_path_factory.mktemp("route") / "northstar.sqlite3") as store:
        world = World(store)
        world.keep(*(sale("2.00", sale_id=f"s{ago}", at=NOW - ago * DAY) for ago in range(5)))
        world.publish()
        yield world


@pytest.fixture(scope="module")
def url(world: World) -> Iterator[str]:
    app = create_app(world.store.path)
    with serving(app) as address:
        until(lambda: app.state.feed.current())
        yield f"{address}/api/pnl/prometheus/read"


def test_each_query_has_its_result(url: str) -> None:
    """In their order, packed, with the headers that Prometheus asks for."""
    other = query(0, 2**62, "__name__=up")
    answer = httpx.post(url, content=request(NET, other))
    assert answer.status_code == 200
    assert answer.headers["content-encoding"] == "snappy"
    assert answer.headers["content-type"] == "application/x-protobuf"
    [found, nothing] = response(answer.content)
    assert nothing == {}
    [(labels, samples)] = found.items()
    assert labels == (("__name__", "northstar_day_net_usd"), ("known", "now"))
    assert [value for _, value in samples] == [2.0] * 5


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
def test_what_is_no_request_is_a_400_with_a_sentence(url: str, body: bytes) -> None:
    answer = httpx.post(url, content=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "refused"
    assert answer.json()["error"]["message"].endswith(".")


def test_a_pattern_that_is_none_is_said(url: str) -> None:
    answer = httpx.post(url, content=request(query(0, 1, "__name__=~northstar_day_net_usd(")))
    assert (answer.status_code, "missing )" in answer.text) == (400, True)


def test_a_long_body_is_not_taken(url: str) -> None:
    """Whether it says how long it is or not."""
    for content in (b"x" * (MOST_BODY + 1), iter([b"x" * 1024] * (MOST_BODY // 1024 + 1))):
        answer = httpx.post(url, content=content)
        assert (answer.status_code, "longer than 65,536 bytes" in answer.text) == (400, True)


def test_only_who_may_see_all_reads_the_past(world: World) -> None:
    """By the header that Prometheus sends with its `authorization`."""
    access = Access(world.store.path, routable=True)
    tokens = {scope: access.tokens.create(scope, scope, NOW) for scope in ("all", "totals", "ingest")}
    app = create_app(world.store.path, access=access)
    with serving(app) as address:
        until(lambda: app.state.feed.current())
        path = f"{address}/api/pnl/prometheus/read"
        assert httpx.post(path, content=request(NET)).status_code == 401
        seen = {
            scope: httpx.post(
                path, content=request(NET), headers={"Authorization": f"Bearer {token}"}
            ).status_code
            for scope, token in tokens.items()
        }
        assert seen == {"all": 200, "totals": 403, "ingest": 403}


def test_without_a_snapshot_there_is_nothing_to_speak_of(tmp_path: Path) -> None:
    Store.write(tmp_path / "empty.sqlite3").close()
    with serving(create_app(tmp_path / "empty.sqlite3")) as address:
        answer = httpx.post(f"{address}/api/pnl/prometheus/read", content=request(NET))
        assert (answer.status_code, "retry-after" in answer.headers) == (503, True)
