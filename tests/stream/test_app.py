"""The routes, over the loopback."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from openapi_spec_validator import validate

from exporter.snapshot import apply
from exporter.stream import create_app
from exporter.times import stamp
from tests.stream.builders import START, Writer
from tests.stream.serving import PATIENCE, listening, serving, until

pytestmark = pytest.mark.slow


def get(url: str, path: str, **kwargs: Any) -> httpx.Response:
    return httpx.get(url + path, timeout=PATIENCE, **kwargs)


def test_current_is_the_newest_snapshot(url: str, writer: Writer) -> None:
    """Whole, and exactly what was committed."""
    answer = get(url, "/api/pnl/current")
    assert answer.json() == writer.store.snapshots.at(5)
    assert answer.headers["etag"] == f'"{writer.epoch}-5"'


def test_current_is_not_sent_again_when_unchanged(url: str, writer: Writer) -> None:
    """304 for a strong or weak tag, also in a list; 200 as soon as there is more."""
    tag = get(url, "/api/pnl/current").headers["etag"]
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        answer = get(url, "/api/pnl/current", headers={"If-None-Match": known})
        assert (answer.status_code, answer.content) == (304, b"")
    writer.commit()
    until(lambda: get(url, "/api/pnl/current", headers={"If-None-Match": tag}).status_code == 200)


def test_stream_sends_snapshot_then_deltas(url: str, writer: Writer) -> None:
    """What a client holds after each event is what the store holds at that sequence."""
    with listening(url) as events:
        first = next(events)
        assert (first.kind, first.id) == ("snapshot", f"{writer.epoch}-5")
        held = first.data
        for sequence in (6, 7, 8):
            writer.commit()
            told = next(events)
            assert (told.kind, told.id) == ("delta", f"{writer.epoch}-{sequence}")
            held = apply(held, told.data)
            assert held == writer.store.snapshots.at(sequence)


def test_stream_resumes_after_last_event_id(url: str, writer: Writer) -> None:
    """The header wins over the query, which a reconnecting browser cannot change."""
    with listening(url, cursor=f"{writer.epoch}-3", since="nonsense") as events:
        assert [next(events).id for _ in range(2)] == [f"{writer.epoch}-4", f"{writer.epoch}-5"]
    with listening(url, since=f"{writer.epoch}-4") as events:
        assert next(events).id == f"{writer.epoch}-5"


def test_stream_says_that_it_starts_over(url: str, writer: Writer) -> None:
    """A resync event with the reason, then the snapshot; the resync itself has no id to resume from."""
    with listening(url, cursor="elsewhere-3") as events:
        told = next(events)
        assert (told.kind, told.id, told.data) == ("resync", "", {"reason": "other_epoch"})
        assert next(events).kind == "snapshot"


def test_stream_greets_and_beats(path: Path, writer: Writer) -> None:
    """retry: first, so that a restart is not followed by everybody at once; comments while it is quiet."""
    with (
        serving(create_app(path, heartbeat_seconds=0.05)) as url,
        httpx.stream("GET", url + "/api/pnl/stream", timeout=PATIENCE) as response,
    ):
        assert response.headers["x-accel-buffering"] == "no"
        assert "no-transform" in response.headers["cache-control"]
        lines = response.iter_lines()
        assert next(lines).startswith("retry: ")
        assert any(line == ": heartbeat" for line in lines)


def test_deltas_lead_from_one_snapshot_to_the_next(url: str, writer: Writer) -> None:
    """The answer's own epoch and sequence are the cursor to ask with next."""
    first = get(url, f"/api/pnl/deltas?since={writer.epoch}-1&limit=2").json()
    assert [delta["sequence"] for delta in first["deltas"]] == [2, 3]
    assert first["resync"] is False
    assert first["as_of"] == writer.store.snapshots.at(3)["as_of"]
    held = writer.store.snapshots.at(1)
    rest = get(url, f"/api/pnl/deltas?since={first['epoch']}-{first['sequence']}").json()
    for delta in first["deltas"] + rest["deltas"]:
        held = apply(held, delta["patch"])
    assert held == writer.store.snapshots.at(5)


def test_deltas_of_an_unknown_cursor_are_a_snapshot(url: str, writer: Writer) -> None:
    """The same reasons as on the stream."""
    for since, reason in {
        "x": "unknown_cursor",
        "other-1": "other_epoch",
        f"{writer.epoch}-50": "unknown_cursor",
    }.items():
        answer = get(url, "/api/pnl/deltas", params={"since": since}).json()
        assert (answer["resync"], answer["reason"]) == (True, reason)
        assert answer["snapshot"] == writer.store.snapshots.at(5)


def test_long_poll_wakes_on_a_commit(url: str, writer: Writer) -> None:
    """It does not sit out its time."""
    answers: list[dict[str, Any]] = []
    ask = threading.Thread(
        target=lambda: answers.append(get(url, f"/api/pnl/deltas?since={writer.epoch}-5&wait=3600").json())
    )
    ask.start()
    until(lambda: 'northstar_stream_clients{transport="poll"} 1.0' in get(url, "/metrics").text)
    writer.commit()
    ask.join(PATIENCE)
    assert [delta["sequence"] for delta in answers[0]["deltas"]] == [6]


def test_poll_without_news_is_an_empty_answer(url: str, writer: Writer) -> None:
    """It still says which snapshot it speaks of."""
    answer = get(url, f"/api/pnl/deltas?since={writer.epoch}-5&wait=0.01").json()
    assert answer == {
        "epoch": writer.epoch,
        "sequence": 5,
        "as_of": stamp(writer.at),
        "resync": False,
        "deltas": [],
    }


def test_history_is_the_last_snapshot_of_each_step(url: str, writer: Writer) -> None:
    """In time order, with the fields asked for."""
    writer.commit(55)
    query = {
        "from": stamp(START + timedelta(seconds=1)),
        "to": stamp(START + timedelta(seconds=61)),
        "step": "20",
        "fields": "today.net,today.grade,mtd.sales_gross",
    }
    answer = get(url, "/api/pnl/history", params=query).json()
    assert answer["fields"] == ["today.net", "today.grade", "mtd.sales_gross"]
    assert [(point["sequence"], point["values"]) for point in answer["points"]] == [
        (20, ["20.00", "final", "20.00"]),
        (40, ["40.00", "final", "40.00"]),
        (60, ["60.00", "final", "60.00"]),
    ]


def test_history_keeps_a_gap_a_gap_and_a_missing_figure_null(url: str, writer: Writer) -> None:
    """Neither becomes a zero, a repeat or an interpolation."""
    writer.commit(after=timedelta(minutes=10), missing="sales")
    query = {"from": stamp(START), "to": stamp(START + timedelta(minutes=11)), "step": "60"}
    points = get(url, "/api/pnl/history", params=query).json()["points"]
    assert [(point["sequence"], point["values"][0]) for point in points] == [(5, "5.00"), (6, None)]


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ({"from": "yesterday"}, "from"),
        ({"from": "2026-11-22T12:00:00"}, "offset"),
        ({"to": "0001-01-01T00:00:00Z"}, "to"),
        ({"from": stamp(START), "to": stamp(START)}, "before"),
        ({"step": "0"}, "step"),
        ({"step": "-5"}, "step"),
        ({"step": "nan"}, "step"),
        ({"step": "many"}, "step"),
        ({"step": "0.01"}, "2000"),
        ({"fields": "today.nett"}, "today.nett"),
        (
            {
                "fields": ",".join(
                    f"{window}.{figure}"
                    for window in ("today", "24h", "7d", "30d", "mtd")
                    for figure in (
                        "net",
                        "trading_realised",
                        "trading_unrealised_change",
                        "trading_fees",
                        "sales_gross",
                        "sales_refunds",
                        "sales_fees",
                    )
                )
            },
            "32",
        ),
        ({"from": "1970-01-01T00:00:00Z", "step": "1"}, "too many"),
    ],
)
def test_history_refuses_senseless_questions_in_one_sentence(
    url: str, query: dict[str, str], word: str
) -> None:
    """And says what would make sense."""
    answer = get(url, "/api/pnl/history", params=query)
    assert answer.status_code == 422
    error = answer.json()["error"]
    assert error["code"] == "invalid_parameter"
    assert word in error["message"]
    assert error["message"].endswith(".")


def test_history_of_all_time_is_bounded(url: str, writer: Writer) -> None:
    """Whatever the range, the number of points is limited by default."""
    answer = get(url, "/api/pnl/history", params={"from": "1970-01-01T00:00:00Z"})
    assert answer.status_code == 200
    assert len(answer.json()["points"]) <= 2000


def test_health_names_the_part_that_is_unwell(path: Path) -> None:
    """No database, no snapshot, ok, stopped exporter by its own limit: each says which and why."""
    now = {"at": START}
    with serving(create_app(path, clock=lambda: now["at"])) as url:
        answer = get(url, "/api/health")
        assert answer.status_code == 503
        assert not answer.json()["parts"]["store"]["ok"]
        assert "no database" in answer.json()["parts"]["store"]["reason"]
        assert get(url, "/api/pnl/current").status_code == 503
        assert get(url, "/api/health/live").json()["status"] == "ok"

        writer = Writer(path)
        until(lambda: get(url, "/api/health").json()["parts"]["store"]["ok"])
        assert "no snapshot" in get(url, "/api/health/ready").json()["parts"]["exporter"]["reason"]

        now["at"] = writer.commit() and writer.at + timedelta(seconds=2)
        until(lambda: get(url, "/api/health/ready").status_code == 200)
        well = get(url, "/api/health").json()
        assert (well["status"], well["epoch"], well["sequence"]) == ("ok", writer.epoch, 1)
        assert well["parts"]["exporter"]["age_seconds"] == 2

        now["at"] = writer.at + timedelta(seconds=61)
        stopped = get(url, "/api/health")
        assert stopped.status_code == 503
        assert "61 s old" in stopped.json()["parts"]["exporter"]["reason"]
        assert stopped.json()["parts"]["store"]["ok"]

        writer.commit(limits={"snapshot_age_seconds": "12.5"})
        now["at"] = writer.at + timedelta(seconds=12)
        until(lambda: get(url, "/api/health").json()["sequence"] == 2)
        assert get(url, "/api/health").json()["parts"]["exporter"] == {
            "ok": True,
            "age_seconds": 12.0,
            "limit_seconds": 12.5,
        }
        now["at"] += timedelta(seconds=1)
        assert "13 s old" in get(url, "/api/health").json()["parts"]["exporter"]["reason"]
        writer.close()


def test_a_stream_opened_before_there_is_a_database_gets_the_first_snapshot(path: Path) -> None:
    """A page opened too early needs no reload."""
    with serving(create_app(path)) as url, listening(url, cursor="old-7") as events:
        writer = Writer(path)
        writer.commit()
        assert [next(events).kind for _ in range(2)] == ["resync", "snapshot"]
        writer.close()


def test_errors_are_json_with_one_sentence(url: str) -> None:
    """Also those the framework raises."""
    for path, status in {
        "/nothing": 404,
        "/api/pnl/deltas?limit=0": 422,
        "/api/pnl/deltas?wait=x": 422,
    }.items():
        answer = get(url, path)
        assert answer.status_code == status
        assert set(answer.json()["error"]) == {"code", "message"}
    assert httpx.post(url + "/api/pnl/current").status_code == 405


def test_metrics_count_what_was_sent(url: str, writer: Writer) -> None:
    """Clients come and go; events, resyncs and the delay are counted."""
    with listening(url, cursor="nonsense") as events:
        next(events), next(events)
        writer.commit()
        next(events)
        page = until(
            lambda: (text := get(url, "/metrics").text) and "send_seconds_count 1.0" in text and text
        )
        assert 'northstar_stream_clients{transport="sse"} 1.0' in page
        assert 'northstar_stream_events_total{event="snapshot",transport="sse"} 1.0' in page
        assert 'northstar_stream_resyncs_total{reason="unknown_cursor"} 1.0' in page
        assert "northstar_stream_conflations_total 0.0" in page
    until(lambda: 'northstar_stream_clients{transport="sse"} 0.0' in get(url, "/metrics").text)


def test_the_page_and_its_parts_are_served_with_a_strict_policy(url: str) -> None:
    """No inline script, nothing from another host."""
    page = get(url, "/")
    assert page.headers["content-type"].startswith("text/html")
    assert "<script>" not in page.text
    assert "style=" not in page.text
    for path in ("/", "/static/page.js", "/static/client.js", "/static/page.css"):
        answer = get(url, path)
        assert answer.status_code == 200
        assert "script-src 'self'" in answer.headers["content-security-policy"]
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert get(url, "/static/../app.py").status_code == 404
    assert get(url, "/static/%2e%2e/app.py").status_code == 404


def test_the_openapi_document_is_valid_and_complete(app: FastAPI) -> None:
    """Every route of the interface is described, with a model of its answer."""
    document = app.openapi()
    validate(document)
    assert set(document["paths"]) == {
        "/api/health",
        "/api/health/live",
        "/api/health/ready",
        "/api/pnl/aside",
        "/api/pnl/changes",
        "/api/pnl/comparison",
        "/api/pnl/course",
        "/api/pnl/current",
        "/api/pnl/deltas",
        "/api/pnl/explain",
        "/api/pnl/export",
        "/api/pnl/groups",
        "/api/pnl/history",
        "/api/pnl/periods",
        "/api/pnl/prometheus/read",
        "/api/pnl/restatements",
        "/api/pnl/statement",
        "/api/pnl/stream",
        "/api/token",
    }
