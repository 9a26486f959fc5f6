"""The fault dial: every fault switches on, hits where it should, and switches off."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from exporter.simulator import examples
from exporter.simulator.faults import KINDS, SOURCES, Fault, FaultError, Faults
from exporter.simulator.mutation import mutate
from tests.simulator.callers import Ask, Caller


def call(caller: Caller, source: str, **query: Any) -> Any:
    """Ask one service for its main list."""
    if source == "kalshi":
        return caller.venue("/portfolio/fills", **query)
    if source == "anthropic":
        return caller.organization(
            "/cost_report", starting_at="2026-11-19T00:00:00Z", **{"group_by": ["description"]} | query
        )
    return caller.sales(**query)


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("kind", ["429", "429_retry_after", "429_reset", "500", "503", "529"])
def test_error_statuses_come_as_often_as_asked_and_hit_one_source(
    ask: Ask, faults: Faults, source: str, kind: str
) -> None:
    """Two requests fail, the third passes, the other services never notice."""
    caller = ask(examples.company())
    faults.set(source, kind, count=2, seconds=7)
    for other in SOURCES:
        expected = [int(kind[:3])] * 2 + [200] if other == source else [200] * 3
        answers = [call(caller, other) for _ in range(3)]
        assert [a.status_code for a in answers] == expected
        if other == source:
            assert ("anthropic-ratelimit-requests-reset" in answers[0].headers) == (kind == "429_reset")
            assert (answers[0].headers.get("retry-after") == "7") == (kind == "429_retry_after")
            assert "error" in answers[0].json() or answers[0].json()["exchange_active"] is False


def test_venues_429_is_a_string_without_headers(ask: Ask, faults: Faults) -> None:
    """Exactly the body that the real one sends."""
    faults.set("kalshi", "429")
    answer = call(ask(examples.company()), "kalshi")
    assert answer.json() == {"error": "too many requests"}
    assert "retry-after" not in answer.headers


@pytest.mark.parametrize("source", SOURCES)
def test_200_may_carry_html_or_an_error(ask: Ask, faults: Faults, source: str) -> None:
    """A status of 200 promises nothing about the body."""
    caller = ask(examples.company())
    faults.set(source, "html", count=1)
    faults.set(source, "error_200", count=2)
    first, second, third = (call(caller, source) for _ in range(3))
    assert (first.status_code, first.text[:6]) == (200, "<html>")
    assert second.status_code == 200
    assert "error" in second.json()
    assert "error" not in third.json()


@pytest.mark.parametrize(
    ("source", "token"), [("kalshi", "cursor"), ("anthropic", "page"), ("sales", "cursor")]
)
def test_half_serves_the_first_page_and_fails_the_second(
    ask: Ask, faults: Faults, source: str, token: str
) -> None:
    """A list is cut in the middle of paging."""
    caller = ask(examples.company())
    faults.set(source, "half")
    body = call(caller, source, limit=1).json()
    following = body.get("cursor") or body.get("next_page") or body["next_cursor"]
    assert call(caller, source, limit=1, **{token: following}).status_code == 500
    faults.clear(source)
    assert call(caller, source, limit=1, **{token: following}).status_code == 200


def test_a_list_may_be_gone_after_its_first_page(ask: Ask, faults: Faults) -> None:
    """410 asks to start over; the first page is there as ever."""
    caller = ask(examples.company())
    faults.set("anthropic", "gone")
    first = call(caller, "anthropic", limit=1)
    following = first.json()["next_page"]
    assert (first.status_code, call(caller, "anthropic", limit=1, page=following).status_code) == (200, 410)


@pytest.mark.parametrize("source", SOURCES)
def test_a_proxy_answers_in_html(ask: Ask, faults: Faults, source: str) -> None:
    """An error page of an edge says nothing in JSON."""
    caller = ask(examples.company())
    faults.set(source, "502", count=1)
    assert [call(caller, source).status_code for _ in range(2)] == [502, 200]


def test_fields_are_renamed_dropped_retyped_and_nulled(ask: Ask, faults: Faults) -> None:
    """Each field fault changes the field in every row and nothing else."""
    caller = ask(examples.company())
    whole = call(caller, "kalshi").json()

    def broken(fault: Fault) -> dict[str, Any]:
        faults.replace("kalshi", [fault])
        found: dict[str, Any] = call(caller, "kalshi").json()
        return found

    renamed = broken(Fault("rename", field="fills.count_fp", value="count"))
    assert [row.get("count") for row in renamed["fills"]] == [row["count_fp"] for row in whole["fills"]]
    assert not any("count_fp" in row for row in renamed["fills"])
    assert not any("fee_cost" in row for row in broken(Fault("drop", field="fills.fee_cost"))["fills"])
    assert broken(Fault("retype", field="fills.*.fee_cost"))["fills"][0]["fee_cost"] == 0.0693
    assert broken(Fault("retype", field="fills[0].fee_cost", value=["x"]))["fills"][0]["fee_cost"] == ["x"]
    assert broken(Fault("null", field="cursor"))["cursor"] is None
    faults.clear()
    assert call(caller, "kalshi").json() == whole


def test_mutation_of_every_field_of_every_answer_reaches_the_client(ask: Ask, faults: Faults) -> None:
    """Whatever field of whatever answer is removed, the answer differs by just that."""
    caller = ask(examples.company())
    for source in SOURCES:
        whole = call(caller, source).json()
        paths = list(leaves(whole))
        assert len(paths) > 5
        for path in paths:
            faults.replace(source, [Fault("mutate", field=path, operation="set", value={"odd": 1})])
            assert call(caller, source).json() == mutate(whole, path, "set", {"odd": 1}) != whole
        faults.clear(source)


def leaves(node: Any, path: str = "") -> Any:
    """Yield the path of every value in a document, last items of lists only."""
    if isinstance(node, dict):
        for name, value in node.items():
            yield from leaves(value, f"{path}.{name}".lstrip("."))
    elif isinstance(node, list) and node:
        yield from leaves(node[-1], f"{path}.-1")
    else:
        yield path


@pytest.mark.parametrize(
    ("path", "operation", "value", "expected"),
    [
        ("a.*.n", "set", 5, {"a": [{"n": 5}, {"n": 5}], "b": "x"}),
        ("a.n", "remove", None, {"a": [{}, {}], "b": "x"}),
        ("a.1", "remove", None, {"a": [{"n": 1}], "b": "x"}),
        ("a.*", "remove", None, {"a": [], "b": "x"}),
        ("a", "duplicate", None, {"a": [{"n": 1}, {"n": 1}, {"n": 2}, {"n": 2}], "b": "x"}),
        ("a.-1", "duplicate", None, {"a": [{"n": 1}, {"n": 2}, {"n": 2}], "b": "x"}),
        ("a", "reverse", None, {"a": [{"n": 2}, {"n": 1}], "b": "x"}),
        ("a", "empty", None, {"a": [], "b": "x"}),
        ("b", "empty", None, {"a": [{"n": 1}, {"n": 2}], "b": ""}),
        ("b", "retype", None, {"a": [{"n": 1}, {"n": 2}], "b": 7}),
        ("c", "set", 1, {"a": [{"n": 1}, {"n": 2}], "b": "x", "c": 1}),
        ("", "set", [], []),
        ("c.d", "remove", None, {"a": [{"n": 1}, {"n": 2}], "b": "x"}),
        ("a.9.n", "set", 1, {"a": [{"n": 1}, {"n": 2}], "b": "x"}),
    ],
)
def test_mutation_does_what_it_says_and_leaves_the_original(
    path: str, operation: str, value: Any, expected: Any
) -> None:
    """Names reach into lists, stars and indices choose, absent places are left alone."""
    document = {"a": [{"n": 1}, {"n": 2}], "b": "x"}
    assert mutate(document, path, operation, value) == expected
    assert document == {"a": [{"n": 1}, {"n": 2}], "b": "x"}


def test_endpoint_narrows_a_fault(ask: Ask, faults: Faults) -> None:
    """Only paths that end in it, or match it, are hit; others do not use up the count."""
    caller = ask(examples.company())
    faults.set("kalshi", "500", endpoint="/portfolio/fills", count=1)
    faults.set("kalshi", "503", endpoint="*/markets/*")
    assert caller.venue("/portfolio/balance").status_code == 200
    assert caller.venue("/portfolio/fills").status_code == 500
    assert caller.venue("/portfolio/fills").status_code == 200
    assert caller.venue(f"/markets/{examples.OPEN_MARKET}").status_code == 503


def test_fault_ends_after_its_time(ask: Ask) -> None:
    """`lasts` counts the dial's own seconds, not the world's."""
    now = [0.0]
    dial = Faults(pace=lambda: now[0])
    dial.set("sales", "500", lasts=30)
    now[0] = 29.9
    assert len(dial.active("sales")) == 1
    now[0] = 30
    assert dial.active("sales") == []


def test_skew_shifts_the_date_header_and_the_signature_check(ask: Ask, faults: Faults) -> None:
    """An hour's skew is in the Date header and makes the venue refuse an honest timestamp."""
    caller = ask(examples.company())
    assert call(caller, "kalshi").headers["date"] == "Sun, 22 Nov 2026 12:00:00 GMT"
    faults.set("kalshi", "skew", seconds=3600)
    answer = call(caller, "kalshi")
    assert (answer.status_code, answer.headers["date"]) == (401, "Sun, 22 Nov 2026 13:00:00 GMT")
    assert answer.headers.get_list("date") == ["Sun, 22 Nov 2026 13:00:00 GMT"]
    faults.replace("kalshi", [Fault("skew", seconds=-5)])
    assert call(caller, "kalshi").status_code == 200


def test_latency_delays_the_answer(ask: Ask, faults: Faults) -> None:
    """The answer is right, only late."""
    caller = ask(examples.company())
    faults.set("sales", "latency", seconds=0.15)
    began = time.perf_counter()
    assert call(caller, "sales").status_code == 200
    assert time.perf_counter() - began > 0.14


def test_dial_is_turned_over_http(ask: Ask) -> None:
    """PUT replaces a source's faults, GET shows them, DELETE clears one or all."""
    http = ask(examples.company()).http

    def dial(method: str, path: str, body: Any = None) -> Any:
        return http.request(method, f"/faults{path}", content=None if body is None else json.dumps(body))

    assert dial("GET", "").json() == {source: [] for source in SOURCES}
    assert dial("PUT", "/kalshi", {"kind": "500", "count": 3}).json()["kalshi"] == [
        {"kind": "500", "count": 3}
    ]
    drop = {"kind": "drop", "field": "fills.fee_cost", "endpoint": "/portfolio/fills"}
    assert dial("PUT", "/kalshi", [drop]).json()["kalshi"] == [drop]
    dial("PUT", "/sales", {"kind": "503"})
    assert dial("DELETE", "/kalshi").json() == {"kalshi": [], "anthropic": [], "sales": [{"kind": "503"}]}
    assert dial("DELETE", "").json() == {source: [] for source in SOURCES}


@pytest.mark.parametrize(
    "body",
    [
        {"kind": "melt"},
        {"count": 3},
        {"kind": "drop"},
        {"kind": "mutate", "field": "a"},
        {"kind": "short"},
        {"kind": "500", "colour": 1},
        {"kind": "rename", "field": "a"},
        "500",
        7,
    ],
)
def test_fault_not_understood_is_refused_in_a_sentence(ask: Ask, body: Any) -> None:
    """The dial answers 400 and stays as it was."""
    http = ask(examples.company()).http
    answer = http.request("PUT", "/faults/kalshi", content=json.dumps(body))
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_fault")
    assert http.request("PUT", "/faults/nobody", content='{"kind": "500"}').status_code == 400
    assert http.request("GET", "/faults").json()["kalshi"] == []


def test_python_dial_refuses_what_it_does_not_know() -> None:
    """Unknown sources and kinds raise FaultError."""
    with pytest.raises(FaultError):
        Faults().set("weather", "500")
    with pytest.raises(FaultError):
        Fault("melt")
    assert set(KINDS) >= {"latency", "timeout", "429", "500", "html", "reset", "half", "skew", "mutate"}
