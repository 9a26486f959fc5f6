"""The same questions for all three sources: what if an answer is not what was agreed?"""

from __future__ import annotations

import json
import logging
import traceback
from typing import Any

import httpx
import pytest

from exporter.errors import SourceError, SourceMalformed, SourceRejected, SourceUnavailable
from exporter.records import ApiKey, KeyUsage, Workspace, name_of
from exporter.simulator.mutation import mutate, other_type
from exporter.sources.contract import Reading, Window
from tests.sources import payloads
from tests.sources.canned import (
    ADMIN_KEY,
    KEY_ID,
    MAKERS,
    NOW,
    TOKEN,
    WINDOW,
    Turns,
    Upstream,
    private_key,
    read,
    read_what_can_be,
)
from tests.sources.fields import READ, Read, paths, values

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

ENDPOINTS = [(source, path) for source, answers in payloads.ALL.items() for path in answers]
FIELDS = [
    (source, path, field, what)
    for source, answers in READ.items()
    for path, fields in answers.items()
    for field, what in fields.items()
]
KEYS = (payloads.KEY_USAGE, payloads.NEW_KEY_USAGE, payloads.KEY_COST)
UNREAD = [
    (source, path, field)
    for source, path in ENDPOINTS
    for field in paths(payloads.ALL[source][path])
    if field not in READ[source][path]
]


async def blamed(source: str, path: str, field: str, operation: str, value: Any = None) -> set[str]:
    """Read a source of whose answers one is broken in one place; return the fields that are blamed for it.

    A broken envelope refuses the answer. A broken row is set aside, and what the other lists say is booked.
    """
    answers = payloads.answers(source)
    answers[path] = mutate(answers[path], field, operation, value)
    if not in_a_row(source, path, field):
        try:
            reading = await read(source, answers)
        except SourceMalformed as refusal:
            return {refusal.field}
        assert not reading.aside
        return set()
    reading = await read(source, answers)
    for aside in reading.aside:
        assert aside.source == reading.source
        assert aside.row
        assert str(value) not in aside.what or len(str(value)) < 3
    if reading.aside and path != payloads.WORKSPACES:  # without names the default one goes by its id
        assert set(reading.records) <= await usual(source) | partly(reading)
    return {aside.field for aside in reading.aside}


_usual: dict[str, frozenset[Any]] = {}


async def usual(source: str) -> frozenset[Any]:
    """Return the records of answers that nothing is wrong with; read once, as they are the same each time."""
    if source not in _usual:
        _usual[source] = frozenset((await read(source, payloads.answers(source))).records)
    return _usual[source]


def in_a_row(source: str, path: str, field: str) -> bool:
    """Whether a field is one of a row's, or of the envelope."""
    name, _, inner = field.partition(".")
    return bool(inner) and isinstance(payloads.ALL[source][path][name], list)


def partly(reading: Reading) -> set[Any]:
    """Return the records of which rows are set aside; the rest of their lines is booked."""
    named = {aside.record for aside in reading.aside}
    return {each for each in reading.records if named & {name_of(each), f"{each.kind}/"}}


@pytest.mark.parametrize(("source", "path", "field", "what"), FIELDS)
async def test_a_field_that_is_missing_is_named(source: str, path: str, field: str, what: Read) -> None:
    """A removed field is named, and its row is not booked; an optional one may be missing."""
    assert await blamed(source, path, field, "remove") == ({field} if what.required else set())


@pytest.mark.parametrize(("source", "path", "field", "what"), FIELDS)
async def test_a_field_with_a_new_name_is_missing(source: str, path: str, field: str, what: Read) -> None:
    """A renamed field books nothing of its row and its old name is given."""
    if what.required:
        assert await blamed(source, path, field, "rename", "renamed_by_upstream") == {field}


@pytest.mark.parametrize(("source", "path", "field", "what"), FIELDS)
async def test_null_is_odd_where_it_means_nothing(source: str, path: str, field: str, what: Read) -> None:
    """Null is never a zero: it is not booked, unless the contract gives it a meaning."""
    assert await blamed(source, path, field, "null") == (set() if what.nullable else {field})


@pytest.mark.parametrize(("source", "path", "field", "what"), FIELDS)
async def test_another_type_is_odd(source: str, path: str, field: str, what: Read) -> None:
    """A JSON number is no decimal string, and neither is any other type what it is not."""
    examples = values(payloads.ALL[source][path], field)
    ours = {type(value) for value in examples}
    if ours == {type(None)}:
        ours.add(str)  # all that may be null is text
    others: list[Any] = [True, 7, 0.5, "text", ["a list"], {"an": "object"}]
    others += [other_type(value) for value in examples if value is not None and value != ""]
    for other in others:
        if type(other) not in ours:
            assert await blamed(source, path, field, "set", other) == {field}


@pytest.mark.parametrize(
    ("source", "path", "field", "value"),
    [(s, path, field, value) for s, path, field, what in FIELDS for value in what.beyond],
)
async def test_a_value_out_of_range_is_odd(source: str, path: str, field: str, value: Any) -> None:
    """A value that cannot be true is not booked, whatever its type says."""
    assert await blamed(source, path, field, "set", value) == {field}


@pytest.mark.parametrize(("source", "path", "field"), UNREAD)
async def test_a_field_we_do_not_read_may_be_anything(source: str, path: str, field: str) -> None:
    """What we do not read cannot stop a figure, nor change it."""
    usual = await read(source, payloads.answers(source))
    for operation, value in (("remove", None), ("null", None), ("set", {"new": [1]}), ("rename", "renamed")):
        answers = payloads.answers(source)
        answers[path] = mutate(answers[path], field, operation, value)
        reading = await read(source, answers)
        assert (reading.records, reading.observations) == (usual.records, usual.observations)


@pytest.mark.parametrize(("source", "path"), ENDPOINTS)
async def test_an_unknown_extra_field_is_ignored(source: str, path: str) -> None:
    """Upstreams add fields every month; that is no change of contract."""
    usual = await read(source, payloads.answers(source))
    answers = payloads.answers(source)
    answers[path]["added_by_upstream"] = {"deep": [None]}
    reading = await read(source, answers)
    assert (reading.records, reading.observations) == (usual.records, usual.observations)


@pytest.mark.parametrize(("source", "path"), ENDPOINTS)
def test_the_table_of_fields_is_about_real_fields(source: str, path: str) -> None:
    """Every field said to be read occurs in the example, so no question above is asked in vain."""
    assert set(READ[source][path]) <= set(paths(payloads.ALL[source][path]))


SIDE = [(source, path) for source, path in ENDPOINTS if path in (*payloads.NAMES, *KEYS)]
"""Answers that no figure depends on."""


@pytest.mark.parametrize(("source", "path"), SIDE)
@pytest.mark.parametrize("refusal", [b"<html>", httpx.Response(404, json={}), httpx.Response(500, json={})])
async def test_what_no_figure_depends_on_fails_alone(source: str, path: str, refusal: Any) -> None:
    """The bill does not wait for a name; what was refused is told, and nothing of it is taken."""
    usual = await read(source, payloads.answers(source))
    reading = await read_what_can_be(source, payloads.answers(source) | {path: refusal})
    assert [trouble.source for trouble in reading.troubles] == ["anthropic"]
    assert reading.troubles[0].answers
    assert isinstance(reading.troubles[0], SourceMalformed | SourceRejected | SourceUnavailable)
    missing = KeyUsage if path in KEYS else Workspace | ApiKey
    left = (*reading.records, *reading.observations)
    assert not [one for one in left if isinstance(one, missing)]
    # A service that is down is not asked for the rest; without names the default workspace goes by its id.
    if not isinstance(reading.troubles[0], SourceUnavailable) and (source == "anthropic" or path in KEYS):
        everything = (*usual.records, *usual.observations)
        assert left == tuple(one for one in everything if not isinstance(one, missing))
    figures = [type(one) for one in reading.records if not isinstance(one, KeyUsage)]
    assert figures == [type(one) for one in usual.records if not isinstance(one, KeyUsage)]


BODIES = {
    "nothing": b"",
    "blank": b"  \n",
    "html": b"<!doctype html><title>Just a moment</title>",
    "text": b"404 page not found",
    "null": b"null",
    "number": b"0",
    "list": b"[]",
    "half": b'{"cursor": "", "fills": [{"fill_id": "f-1", "tick',
    "latin": b'{"cursor": "\xe9"}',
    "deep": b"[" * 100_000,
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
@pytest.mark.parametrize(("source", "path"), ENDPOINTS)
async def test_a_body_that_is_no_json_object_is_named_as_such(source: str, path: str, body: bytes) -> None:
    """An error page with status 200 is not an empty account; it is kept, and nothing is booked."""
    with pytest.raises(SourceMalformed) as caught:
        await read(source, payloads.answers(source) | {path: body})
    assert caught.value.field == "body"
    assert caught.value.answers[-1].body == body


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"code": "internal", "message": "internal error"}},
        {"type": "error", "error": {"type": "api_error", "message": "oops"}},
        {"error": "too many requests"},
        {},
    ],
)
@pytest.mark.parametrize(("source", "path"), ENDPOINTS)
async def test_an_error_body_with_status_200_is_no_answer(
    source: str, path: str, body: dict[str, Any]
) -> None:
    """An error told with the wrong status is not an empty list."""
    with pytest.raises(SourceMalformed) as caught:
        await read(source, payloads.answers(source) | {path: body})
    assert caught.value.answers


LISTS = [
    ("kalshi", payloads.FILLS, "cursor", "fills"),
    ("kalshi", payloads.SETTLEMENTS, "cursor", "settlements"),
    ("kalshi", payloads.POSITIONS, "cursor", "market_positions"),
    ("kalshi", payloads.DEPOSITS, "cursor", "deposits"),
    ("kalshi", payloads.WITHDRAWALS, "cursor", "withdrawals"),
    ("kalshi", payloads.MARKETS, "cursor", "markets"),
    ("anthropic", payloads.COST, "next_page", "data"),
    ("anthropic", payloads.USAGE, "next_page", "data"),
    ("anthropic", payloads.KEY_USAGE, "next_page", "data"),
    ("anthropic", payloads.WORKSPACES, "last_id", "data"),
    ("anthropic", payloads.KEY_NAMES, "last_id", "data"),
    *(("analytics", path, "next_page", "data") for path in payloads.ANALYTICS if "analytics" in path),
    ("sales", payloads.SALES, "next_cursor", "sales"),
]


def with_more(source: str, path: str, field: str, token: str = "more") -> dict[str, Any]:
    """Return the first page of a list that goes on."""
    page = payloads.answers(source)[path] | {field: token}
    return page | {"has_more": True} if "has_more" in page else page


@pytest.mark.parametrize(("source", "path", "field", "rows"), LISTS)
async def test_half_a_list_is_no_list(source: str, path: str, field: str, rows: str) -> None:
    """When a later page fails nothing of the earlier ones is returned; they travel with the error."""
    pages = Turns([with_more(source, path, field), httpx.Response(500, json={})])
    with pytest.raises(SourceUnavailable) as caught:
        await read(source, payloads.answers(source) | {path: pages})
    assert caught.value.reason == "server_error"
    assert [answer.status for answer in caught.value.answers if path.partition("?")[0] in answer.request] == [
        200,
        500,
    ]


@pytest.mark.parametrize(("source", "path", "field", "rows"), LISTS)
async def test_a_repeated_cursor_is_refused(source: str, path: str, field: str, rows: str) -> None:
    """A list that leads back to itself would never end, or would be taken for complete."""
    with pytest.raises(SourceMalformed) as caught:
        await read(source, payloads.answers(source) | {path: with_more(source, path, field)})
    assert caught.value.field == field


@pytest.mark.parametrize(("source", "path", "field", "rows"), LISTS)
async def test_a_row_on_two_pages_counts_once(source: str, path: str, field: str, rows: str) -> None:
    """Lists shift while they are read; the same row again is the same row."""
    usual = await read(source, payloads.answers(source))
    pages = Turns([with_more(source, path, field), payloads.answers(source)[path]])
    reading = await read(source, payloads.answers(source) | {path: pages})
    assert (reading.records, reading.observations) == (usual.records, usual.observations)


@pytest.mark.parametrize(("source", "path", "field", "rows"), LISTS)
async def test_a_list_without_end_is_left(
    source: str, path: str, field: str, rows: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ever new cursors lead to ever new pages; there is a bound."""
    monkeypatch.setattr("exporter.sources.paging.MAX_PAGES", 4)
    pages = Turns([with_more(source, path, field, f"page-{number}") for number in range(9)])
    with pytest.raises(SourceMalformed) as caught:
        await read(source, payloads.answers(source) | {path: pages})
    assert caught.value.field == field


@pytest.mark.parametrize(("source", "path", "field", "rows"), LISTS)
async def test_a_reading_without_measure_is_left(
    source: str, path: str, field: str, rows: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However few the pages are: all of a reading's answers together have a bound, and are not kept."""
    usual = await read(source, payloads.answers(source))
    page = len(json.dumps(with_more(source, path, field, "page-1")))
    room = sum(len(answer.body) for answer in usual.answers) + 3 * page
    monkeypatch.setattr("exporter.sources.paging.MAX_BYTES", room)
    pages = Turns([with_more(source, path, field, f"page-{number}") for number in range(200)])
    with pytest.raises(SourceMalformed) as caught:
        await read(source, payloads.answers(source) | {path: pages})
    assert caught.value.field == field
    assert "goes on after" in str(caught.value)
    assert len(caught.value.answers) == 1


@pytest.mark.parametrize("source", MAKERS)
async def test_the_reading_carries_every_raw_answer(source: str) -> None:
    """A figure can be explained down to what came over the wire."""
    upstream = Upstream(payloads.answers(source))
    reading = await MAKERS[source](upstream).fetch(WINDOW)
    assert len(reading.answers) == len(upstream.requests)
    name = MAKERS[source](upstream).name
    assert all(answer.source == name and answer.fetched_at == NOW for answer in reading.answers)
    assert reading.as_of == WINDOW.end
    assert reading.source == name


@pytest.mark.parametrize("source", MAKERS)
async def test_the_clock_of_the_upstream_is_compared_with_ours(source: str) -> None:
    """Skew is the upstream's Date less our clock, and unknown without a Date."""
    assert (await read(source, payloads.answers(source))).skew is None
    dated = {
        path: httpx.Response(200, json=answer, headers={"Date": "Sun, 22 Nov 2026 12:00:07 GMT"})
        for path, answer in payloads.answers(source).items()
    }
    skew = (await read(source, dated)).skew
    assert skew is not None
    assert skew.total_seconds() == 7


def echo(request: httpx.Request) -> httpx.Response:
    """Answer with everything that was sent, as a careless server would."""
    return httpx.Response(400, json={"error": {"message": dict(request.headers)}})


@pytest.mark.parametrize("source", MAKERS)
async def test_keys_are_never_shown(source: str, caplog: pytest.LogCaptureFixture) -> None:
    """No key is in a log record, an error, a repr or a kept answer, even if the server echoes it."""
    caplog.set_level(logging.DEBUG)
    good = MAKERS[source](Upstream(payloads.answers(source)))
    reading = await good.fetch(WINDOW)
    bad = MAKERS[source](Upstream(dict.fromkeys(payloads.ALL[source], echo)))
    with pytest.raises(SourceError) as caught:
        await bad.fetch(WINDOW)
    error = caught.value
    shown = "\n".join(
        [
            caplog.text,
            str(error),
            repr(error),
            "".join(traceback.format_exception(error)),
            repr(good),
            repr(bad),
            repr(vars(bad)),
            repr(reading),
            *(f"{answer.request}{answer.body!r}" for answer in (*reading.answers, *error.answers)),
        ]
    )
    secret_lines = private_key().splitlines()[1:-1]
    for secret in (KEY_ID, ADMIN_KEY, TOKEN, *secret_lines):
        assert secret not in shown


@pytest.mark.parametrize("source", MAKERS)
async def test_a_probe_says_one_plain_sentence(source: str) -> None:
    """`northstar check` shows what the source said, or why it said nothing."""
    answers = payloads.answers(source) | {"/v1/organizations/me": {"id": "o", "name": "Sample"}}
    assert (await MAKERS[source](Upstream(answers)).probe()).endswith(".")  # type: ignore[attr-defined]
    nobody = Upstream(dict.fromkeys([*answers, payloads.API_KEYS], httpx.Response(401, json={})))
    with pytest.raises(SourceError, match="HTTP 401"):
        await MAKERS[source](nobody).probe()  # type: ignore[attr-defined]


@pytest.mark.parametrize("source", [source for source in MAKERS if source != "analytics"])
async def test_the_beginning_is_a_window_without_start(source: str) -> None:
    """A window from the beginning is read like any other."""
    assert (await read(source, payloads.answers(source), Window(None, NOW))).records
