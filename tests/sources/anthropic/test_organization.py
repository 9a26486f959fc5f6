"""Anthropic: which days and hours are asked for, and which are believed."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from exporter.errors import SettingsError, SourceMalformed, SourceRejected, SourceUnavailable
from exporter.records import ApiKey, BilledDay, KeyUsage, UsageHour, Workspace
from exporter.simulator import examples, keys
from exporter.simulator.clock import SettableClock
from exporter.simulator.faults import Fault
from exporter.simulator.server import serve_in_thread
from exporter.sources.anthropic.organization import (
    FIRST_BILL,
    FIRST_USAGE,
    KEYS_EVERY,
    RECENT_USAGE,
    REVIEW,
    Anthropic,
)
from exporter.sources.contract import Reading, Window
from exporter.sources.paging import MAX_RESTARTS
from tests.sources import payloads as p
from tests.sources.canned import NOW, WINDOW, Turns, Upstream, anthropic, read

pytestmark = pytest.mark.anyio

D = Decimal
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def days(reading: Reading) -> list[BilledDay]:
    return [record for record in reading.records if isinstance(record, BilledDay)]


def hours(reading: Reading) -> list[UsageHour]:
    return [record for record in reading.records if isinstance(record, UsageHour)]


def z(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def day(start: datetime, *rows: dict[str, Any]) -> dict[str, Any]:
    return p.bucket(z(start), z(start + DAY), *rows)


def hour(start: datetime, *rows: dict[str, Any]) -> dict[str, Any]:
    return p.bucket(z(start), z(start + HOUR), *rows)


async def reports(cost: Any = None, usage: Any = None, window: Window = WINDOW) -> Reading:
    """Read the organization with other answers."""
    answers = quiet() | {p.COST: cost or p.report(), p.USAGE: usage or p.report()}
    return await read("anthropic", answers, window)


def quiet() -> dict[str, Any]:
    """Return the answers of an organization that did nothing."""
    return {p.COST: p.report(), p.USAGE: p.report(), p.KEY_USAGE: p.report(), **p.NAMES}


async def asked(window: Window, path: str) -> list[tuple[str, str]]:
    """Return the ranges one fetch asks for."""
    upstream = Upstream(quiet())
    await anthropic(upstream).fetch(window)
    return [(query["starting_at"], query["ending_at"]) for query in upstream.asked(path)]


# The bill.


async def test_a_bill_is_in_dollars() -> None:
    """Amounts are cents as text; 532.5 of them are 5.325 dollars."""
    [bill] = days(await read("anthropic", p.answers("anthropic")))
    assert bill.day == date(2026, 11, 20)
    assert sum(line.amount for line in bill.lines) == D("5.325")
    assert {line.workspace for line in bill.lines} == {"default", "wrkspc_01SimResearch"}
    search = bill.lines[-1]
    assert (search.cost_type, search.model, search.token_type) == ("web_search", "", "")


@pytest.mark.parametrize(
    ("text", "dollars"),
    [("-12.5", "-0.125"), ("1e2", "1"), ("2.5E-3", "0.000025"), ("0", "0"), ("40.922816", "0.40922816")],
)
async def test_an_amount_may_be_a_credit_or_have_an_exponent(text: str, dollars: str) -> None:
    """A day's cost goes down as well as up."""
    [bill] = days(await reports(p.report(day(NOW.replace(day=20, hour=0), p.cost_row(text, "Credit", None)))))
    assert bill.lines[0].amount == D(dollars)


async def test_money_of_an_unknown_kind_is_kept() -> None:
    """The list of cost types grows; each is still money."""
    row = p.cost_row("7.0", "Sessions", None, cost_type="session_usage_v2", model=None)
    [bill] = days(await reports(p.report(day(NOW.replace(day=20, hour=0), row))))
    assert (bill.lines[0].cost_type, bill.lines[0].amount) == ("session_usage_v2", D("0.07"))


async def test_rows_that_differ_only_in_their_description_are_two() -> None:
    """Fast mode shows only in the text; the parsed fields are no identity."""
    twins = [
        p.cost_row("1.0", "Input Tokens", "output_tokens"),
        p.cost_row("2.0", "Input Tokens, fast", "output_tokens"),
    ]
    [bill] = days(await reports(p.report(day(NOW.replace(day=20, hour=0), *twins))))
    assert [line.amount for line in bill.lines] == [D("0.01"), D("0.02")]


async def test_rows_that_differ_in_nothing_but_their_amounts_are_summed() -> None:
    """Both are money of the day; equal amounts, too."""
    rows = [p.cost_row(amount, "Input Tokens", None) for amount in ("1.0", "2.0", "2.0")]
    [bill] = days(await reports(p.report(day(NOW.replace(day=20, hour=0), *rows))))
    assert [line.amount for line in bill.lines] == [D("0.05")]


@pytest.mark.parametrize(
    ("field", "one", "other"),
    [
        (
            "token_type",
            "cache_creation.ephemeral_5m_input_tokens",
            "cache_creation.ephemeral_1h_input_tokens",
        ),
        ("context_window", "0-200k", "200k-1M"),
        ("inference_geo", "us", None),
        ("service_tier", "batch", None),
        ("model", "claude-sonnet-5-5", None),
        ("cost_type", "tokens", None),
    ],
)
async def test_rows_of_one_description_are_kept_apart_by_what_else_is_said(
    field: str, one: str, other: str | None
) -> None:
    """Real rows name the five-minute write without its lifetime, as the hour's is named."""
    rows = [p.cost_row("1.0", "Cache Write", None) | {field: value} for value in (one, other)]
    [bill] = days(await reports(p.report(day(NOW.replace(day=20, hour=0), *rows))))
    assert len({line.identity for line in bill.lines}) == 2


@pytest.mark.parametrize("operation", ["null", "absent"])
@pytest.mark.parametrize(
    "field",
    ["description", "cost_type", "model", "service_tier", "token_type", "context_window", "inference_geo"],
)
async def test_what_a_cost_row_does_not_say_is_empty(field: str, operation: str) -> None:
    """It is money all the same, and the others of its day, too."""
    odd = p.cost_row("1.0", "Input Tokens", "output_tokens") | {field: None}
    if operation == "absent":
        del odd[field]
    reading = await reports(p.report(day(NOW.replace(day=20, hour=0), odd, p.cost_row("2.0", "Else", None))))
    [bill] = days(reading)
    assert bill.amount == D("0.03")
    assert not reading.aside


async def test_a_row_of_a_bill_that_cannot_be_read_is_set_aside_alone() -> None:
    """The day's other lines are booked, and the record that lacks a line is named."""
    midnight = NOW.replace(day=20, hour=0)
    odd = p.cost_row("1.0", "Input Tokens", None) | {"amount": 1.0}
    reading = await reports(p.report(day(midnight, odd, p.cost_row("2.0", "Else", None))))
    [bill] = days(reading)
    assert bill.amount == D("0.02")
    [aside] = reading.aside
    assert (aside.listed, aside.field) == ("cost", "data.results.amount")
    assert (aside.record, aside.at, aside.since) == ("billed_day/2026-11-20", midnight, midnight)


async def test_a_day_of_which_no_row_can_be_read_is_no_day_without_cost() -> None:
    """Its estimate stands: a bill of nothing would replace it by zero."""
    odd = p.cost_row("1.0", "Input Tokens", None) | {"currency": "EUR"}
    reading = await reports(p.report(day(NOW.replace(day=15, hour=0), odd), day(NOW.replace(day=20, hour=0))),
                            window=Window(NOW - 10 * DAY, NOW))  # fmt: skip
    assert days(reading) == []
    assert [each.field for each in reading.aside] == ["data.results.currency"]


async def test_the_bill_is_asked_for_between_midnights() -> None:
    """A range that ends inside a day would lose the day before; today is never in it."""
    assert await asked(Window(NOW - 40 * DAY, NOW), p.COST) == [
        ("2026-10-13T00:00:00Z", "2026-11-22T00:00:00Z")
    ]


async def test_the_first_bill_goes_a_year_back() -> None:
    """From the beginning is bounded."""
    start = (NOW - FIRST_BILL).replace(hour=0)
    assert await asked(Window(None, NOW), p.COST) == [(z(start), "2026-11-22T00:00:00Z")]


async def test_a_window_without_a_finished_day_asks_for_no_bill() -> None:
    """Such a range is refused by the service, on the first of every month for one; so it is not asked for."""
    upstream = Upstream(quiet())
    source = anthropic(upstream)
    await source.fetch(WINDOW)
    before = len(upstream.asked(p.COST))
    await source.fetch(Window(NOW.replace(hour=0), NOW, NOW))
    assert len(upstream.asked(p.COST)) == before
    assert len(upstream.asked(p.USAGE)) == 2


async def test_old_bills_are_read_again_once_a_day() -> None:
    """Bills are revised for weeks, so each UTC day begins with a longer look back."""
    upstream = Upstream(quiet())
    source = anthropic(upstream)
    for end, last in ((NOW, None), (NOW + HOUR, NOW), (NOW + DAY, NOW + HOUR)):
        await source.fetch(Window(end - 3 * DAY, end, last))
    starts = [query["starting_at"] for query in upstream.asked(p.COST)]
    assert starts == [
        z((NOW - REVIEW).replace(hour=0)), "2026-11-19T00:00:00Z", z((NOW + DAY - REVIEW).replace(hour=0)),
    ]  # fmt: skip


async def test_a_review_that_was_not_booked_is_done_again() -> None:
    """A reading counts when the store has taken it, which only the next window tells."""
    upstream = Upstream(quiet())
    source = anthropic(upstream)
    for _ in range(2):
        await source.fetch(Window(NOW - 3 * DAY, NOW, NOW - DAY))
    first, second = (query["starting_at"] for query in upstream.asked(p.COST))
    assert first == second == z((NOW - REVIEW).replace(hour=0))


MIDNIGHT = NOW.replace(hour=0)


async def test_an_empty_newest_day_is_not_yet_known() -> None:
    """Yesterday may be late; taken for zero it would erase the estimate."""
    late = p.report(day(MIDNIGHT - 2 * DAY, p.SEARCHES), day(MIDNIGHT - DAY))
    assert [bill.day.day for bill in days(await reports(late))] == [20]


async def test_an_empty_older_day_is_believed_in_time() -> None:
    """Days in between that stay empty were free; the last of them is still waited for."""
    empty = [day(MIDNIGHT - back * DAY) for back in (4, 3, 2)]
    known = days(
        await reports(
            p.report(*empty, day(MIDNIGHT - DAY, p.SEARCHES)), window=Window(MIDNIGHT - 5 * DAY, NOW)
        )
    )
    assert [(bill.day.day, len(bill.lines)) for bill in known] == [(18, 0), (19, 0), (21, 1)]


async def test_an_old_day_is_not_believed_while_it_is_the_newest() -> None:
    """When bills stop landing, the last empty day says nothing."""
    assert (
        days(await reports(p.report(day(MIDNIGHT - 5 * DAY)), window=Window(MIDNIGHT - 6 * DAY, NOW))) == []
    )


async def test_a_day_that_is_absent_is_not_made_up() -> None:
    """A finished day that has not landed may be left out: absent is not zero."""
    assert days(await reports(p.report())) == []


@pytest.mark.parametrize(
    ("bucket", "field"),
    [
        (day(MIDNIGHT), "data.starting_at"),
        (day(MIDNIGHT - 60 * DAY), "data.starting_at"),
        (day(MIDNIGHT - DAY + HOUR), "data.starting_at"),
        (p.bucket(z(MIDNIGHT - 2 * DAY), z(MIDNIGHT)), "data.ending_at"),
    ],
)
async def test_a_day_that_was_not_asked_for_is_set_aside(bucket: dict[str, Any], field: str) -> None:
    """A bucket beyond the range or of another width is not the figure it seems to be; the others are."""
    reading = await reports(p.report(bucket, day(MIDNIGHT - DAY, p.SEARCHES)))
    assert [each.field for each in reading.aside] == [field]
    assert len(days(reading)) == 1


async def test_one_day_in_two_versions_is_set_aside() -> None:
    """Within one reading a day has one bill, and which one is not known."""
    one, other = day(MIDNIGHT - DAY, p.SEARCHES), day(MIDNIGHT - DAY)
    reading = await reports(p.report(one, other))
    assert days(reading) == []
    assert [each.what for each in reading.aside] == ["has two different rows"]


async def test_more_without_a_token_is_refused() -> None:
    """A list that says it goes on and not where is half a list."""
    with pytest.raises(SourceMalformed) as caught:
        await reports(p.report() | {"has_more": True})
    assert caught.value.field == "next_page"


# Usage.


async def test_usage_is_estimated_at_list_price() -> None:
    """The example's tokens cost 4.955 dollars, its 37 searches 0.37."""
    [used] = hours(await read("anthropic", p.answers("anthropic")))
    [line] = used.lines
    assert used.at == datetime(2026, 11, 22, 10, tzinfo=UTC)
    assert (line.workspace, line.tokens, line.web_searches) == ("default", 5_244_000, 37)
    assert line.cost == D("4.955") + D("0.37")


async def test_usage_without_price_is_unpriced_not_free() -> None:
    """A model nobody knows yet costs an unknown amount."""
    row = p.USAGE_ROW | {"model": "claude-unheard-of-9"}
    [used] = hours(await reports(usage=p.report(hour(NOW - 2 * HOUR, row))))
    assert used.lines[0].cost is None


async def test_usage_is_asked_for_in_whole_hours() -> None:
    """The running hour is included; the five groups are what a price depends on, and the workspace."""
    start, end = NOW - 90 * timedelta(minutes=1), NOW + timedelta(minutes=1)
    assert await asked(Window(start, end), p.USAGE) == [("2026-11-22T10:00:00Z", "2026-11-22T13:00:00Z")]
    assert await asked(Window(NOW - HOUR, NOW), p.USAGE) == [("2026-11-22T11:00:00Z", "2026-11-22T12:00:00Z")]
    upstream = Upstream(quiet())
    await anthropic(upstream).fetch(WINDOW)
    request = next(request for request in upstream.requests if request.url.path == p.USAGE)
    assert request.url.params.get_list("group_by[]") == [
        "model", "service_tier", "inference_geo", "speed", "workspace_id"
    ]  # fmt: skip
    assert request.url.params["limit"] == "168"
    assert request.headers["anthropic-version"] == "2023-06-01"
    assert request.headers["anthropic-beta"] == "fast-mode-2026-02-01"


@pytest.mark.parametrize("start", [None, NOW - 300 * DAY])
async def test_usage_is_bounded_where_the_bill_is_final(start: datetime | None) -> None:
    """Usage only stands in for a bill that is not there yet."""
    assert await asked(Window(start, NOW), p.USAGE) == [(z((NOW - FIRST_USAGE).replace(hour=0)), z(NOW))]


async def test_an_empty_hour_is_believed_after_an_hour() -> None:
    """Usage is minutes late: a quiet hour is unknown at first and zero later, and then recorded as such."""
    buckets = [hour(NOW - back * HOUR) for back in (3, 2, 1)]
    known = hours(
        await reports(
            usage=p.report(*buckets, hour(NOW, p.USAGE_ROW)),
            window=Window(NOW - DAY, NOW + timedelta(minutes=1)),
        )
    )
    assert [(used.at.hour, len(used.lines)) for used in known] == [(9, 0), (10, 0), (12, 1)]


async def test_one_combination_twice_in_an_hour_is_summed() -> None:
    """What the rows are not told apart by is one use of a model."""
    rows = [p.USAGE_ROW, p.USAGE_ROW | {"output_tokens": 1}]
    [used] = hours(await reports(usage=p.report(hour(NOW - 2 * HOUR, *rows))))
    [line] = used.lines
    assert line.output == p.USAGE_ROW["output_tokens"] + 1
    assert line.uncached_input == 2 * p.USAGE_ROW["uncached_input_tokens"]


@pytest.mark.parametrize(
    ("field", "means"),
    [("speed", ("speed", "standard")), ("inference_geo", ("geo", "not_available")),
     ("service_tier", ("tier", "")), ("model", ("model", ""))],
)  # fmt: skip
@pytest.mark.parametrize("operation", ["null", "absent"])
async def test_what_a_usage_row_does_not_say_means_what_the_documents_say(
    field: str, means: tuple[str, str], operation: str
) -> None:
    """Without a speed it was not fast, without a region it has none; without tier or model it is unpriced."""
    row = p.USAGE_ROW | {field: None}
    if operation == "absent":
        del row[field]
    [used] = hours(await reports(usage=p.report(hour(NOW - 2 * HOUR, row))))
    [line] = used.lines
    assert getattr(line, means[0]) == means[1]
    assert (line.cost is None) == (not means[1])


UNKNOWN_KINDS = [
    ({"cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_24h_input_tokens": 900}},
     {"cache_creation.ephemeral_24h_input_tokens": 900}),
    ({"cache_creation_input_tokens": 1_510_000}, {"cache_creation_input_tokens": 1_000_000}),
    ({"cache_creation_input_tokens": 510_000}, {}),
    ({"total_tokens": 5_244_000}, {}),
    ({"total_tokens": 5_244_007}, {"total_tokens": 7}),
    ({"thinking_tokens": 12}, {"thinking_tokens": 12}),
    ({"thinking_tokens": 12, "total_tokens": 5_244_000}, {}),
    ({"thinking_tokens": 12, "total_tokens": 5_244_013}, {"thinking_tokens": 12, "total_tokens": 1}),
    ({"cache_creation": {}}, {}),
    ({"thinking_tokens": "12", "more_tokens": -1, "other_tokens": True}, {}),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "unknown"), UNKNOWN_KINDS)
async def test_tokens_of_a_new_kind_are_named(changes: dict[str, Any], unknown: dict[str, int]) -> None:
    """A kind without a price here does not cost nothing; a part of the others is no kind of its own."""
    [used] = hours(await reports(usage=p.report(hour(NOW - 2 * HOUR, p.USAGE_ROW | changes))))
    [line] = used.lines
    assert dict(line.unknown) == unknown
    assert line.cost is not None


async def test_searches_of_a_model_without_a_price_have_one() -> None:
    """Its tokens are unpriced, and named; what it searched costs what any search does."""
    row = p.USAGE_ROW | {"model": "claude-nova-9", "server_tool_use": {"web_search_requests": 100}}
    [used] = hours(await reports(usage=p.report(hour(NOW - 2 * HOUR, row))))
    [line] = used.lines
    assert line.cost is None
    assert line.costs == (("web_search", D("1.00")),)


async def test_all_pages_are_read() -> None:
    """Every other parameter stays as it was."""
    pages = Turns(
        [
            p.report(hour(NOW - 3 * HOUR, p.USAGE_ROW), next_page="page_2"),
            p.report(hour(NOW - 2 * HOUR, p.USAGE_ROW)),
        ]
    )
    upstream = Upstream(quiet() | {p.USAGE: pages})
    reading = await anthropic(upstream).fetch(WINDOW)
    first, second = upstream.asked(p.USAGE)
    assert second == first | {"page": "page_2"}
    assert len(hours(reading)) == 2


async def test_only_recent_usage_is_read_with_every_reading() -> None:
    """Usage is minutes late; the whole overlap is read once an hour, and after a pause what was missed."""
    minute = timedelta(minutes=1)
    end = NOW + 30 * minute
    assert await asked(Window(end - 3 * DAY, end, end - minute), p.USAGE) == [
        ("2026-11-22T06:00:00Z", "2026-11-22T13:00:00Z")
    ]
    assert RECENT_USAGE == 6 * HOUR
    whole = [("2026-11-19T12:00:00Z", "2026-11-22T13:00:00Z")]
    assert await asked(Window(end - 3 * DAY, end, NOW - minute), p.USAGE) == whole
    assert await asked(Window(end - 3 * DAY, end, NOW - 7 * HOUR), p.USAGE) == whole


# Usage by key.


def keys_of(reading: Reading) -> list[KeyUsage]:
    return [record for record in reading.records if isinstance(record, KeyUsage)]


async def test_usage_by_key_is_read_by_day() -> None:
    """Who used what: a null key is none, a null workspace the default one."""
    [used] = keys_of(await read("anthropic", p.answers("anthropic")))
    first, second = used.lines
    assert used.day == date(2026, 11, 20)
    assert (first.api_key, first.workspace, first.context_window) == (
        "apikey_01SimProduction", "default", "0-200k",
    )  # fmt: skip
    assert (first.cache_read, first.web_searches, first.cost) == (3_400_000, 37, None)
    assert (second.api_key, second.context_window) == ("", "200k-1M")


async def test_usage_by_key_is_asked_for_with_today_and_five_groups() -> None:
    """Whole days from the window's start to the end of today."""
    upstream = Upstream(quiet())
    await anthropic(upstream).fetch(WINDOW)
    by_day = ("bucket_width", "1d")
    asked_by_day = (each for each in upstream.requests if by_day in each.url.params.multi_items())
    [request] = [each for each in asked_by_day if each.url.path == p.USAGE]
    assert request.url.params.get_list("group_by[]") == [
        "api_key_id", "workspace_id", "model", "service_tier", "context_window"
    ]  # fmt: skip
    assert request.url.params["starting_at"] == "2026-11-19T00:00:00Z"
    assert request.url.params["ending_at"] == "2026-11-23T00:00:00Z"


async def test_usage_by_key_is_read_every_few_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    """It moves no figure, and the service is asked as seldom as it asks for."""
    monkeypatch.setattr("exporter.sources.anthropic.organization.REQUESTS_PER_MINUTE", 1e6)
    upstream = Upstream(quiet())
    source = anthropic(upstream)
    minute = timedelta(minutes=1)
    for number in range(20):
        end = NOW + number * minute
        await source.fetch(Window(end - 3 * DAY, end, end - minute))
    assert len(upstream.asked(p.KEY_USAGE)) == 20 * minute / KEYS_EVERY
    assert len(upstream.asked(p.USAGE)) == 20
    assert len(upstream.asked(p.KEY_NAMES)) == 1


async def test_a_day_nobody_used_is_believed_when_it_is_over() -> None:
    """An empty day is known to be empty an hour after its end; today is only not used yet."""
    answers = quiet() | {p.KEY_USAGE: p.report(day(MIDNIGHT - DAY), day(MIDNIGHT))}
    assert [(used.day.day, used.lines) for used in keys_of(await read("anthropic", answers))] == [(21, ())]


# Names.


async def test_names_are_observed() -> None:
    """Archived workspaces are named, too; the default one has the name the Console gives it."""
    observed = (await read("anthropic", p.answers("anthropic"))).observations
    assert observed == (
        Workspace(source="anthropic", workspace_id="default", name="Default", archived=False),
        Workspace(source="anthropic", workspace_id="wrkspc_01SimResearch", name="Research", archived=False),
        Workspace(source="anthropic", workspace_id="wrkspc_01SimOld", name="Research", archived=True),
        ApiKey(
            source="anthropic",
            key_id="apikey_01SimProduction",
            name="production",
            status="active",
            workspace="default",
        ),
        ApiKey(
            source="anthropic",
            key_id="apikey_01SimResearch",
            name="production",
            status="active",
            workspace="wrkspc_01SimResearch",
        ),
    )


@pytest.mark.parametrize(
    ("scope", "workspace"),
    [
        ({"type": "workspace", "workspace_id": "wrkspc_1"}, "wrkspc_1"),
        ({"type": "workspace", "workspace_id": None}, "default"),
        ({"type": "organization"}, ""),
        ({"type": "of the future"}, ""),
    ],
)
async def test_a_key_of_the_newer_shape_is_read(scope: dict[str, Any], workspace: str) -> None:
    """The newer shape has a scope in place of a workspace."""
    answers = p.answers("anthropic") | {p.KEY_NAMES: p.listing(p.NEWER_KEY | {"scope": scope})}
    *_, key = (await read("anthropic", answers)).observations
    assert key == ApiKey(
        source="anthropic",
        key_id="apikey_01SimAgents",
        name="production",
        status="active",
        workspace=workspace,
    )


async def test_all_pages_of_names_are_read() -> None:
    """Names page by the id of the last one; archived ones are asked for."""
    pages = Turns([p.listing(p.RESEARCH, more=True), p.listing(p.RESEARCH | {"id": "wrkspc_2"})])
    upstream = Upstream(p.answers("anthropic") | {p.WORKSPACES: pages})
    reading = await anthropic(upstream).fetch(WINDOW)
    first, second = upstream.asked(p.WORKSPACES)
    assert first == {"limit": "1000", "include_archived": "true"}
    assert second == first | {"after_id": "wrkspc_01SimResearch"}
    assert [one.workspace_id for one in reading.observations if isinstance(one, Workspace)] == [
        "default", "wrkspc_01SimResearch", "wrkspc_2",
    ]  # fmt: skip


async def test_names_are_read_at_the_start_and_once_an_hour() -> None:
    """A new process knows no names; later they change seldom."""
    for last, times in ((None, 1), (NOW - HOUR, 1), (NOW - timedelta(seconds=1), 1), (NOW, 0)):
        upstream = Upstream(quiet())
        await anthropic(upstream).fetch(Window(NOW - 3 * DAY, NOW + HOUR / 2, last))
        assert len(upstream.asked(p.WORKSPACES)) == len(upstream.asked(p.KEY_NAMES)) == times


# How the service is asked.


async def test_one_request_is_made_at_a_time() -> None:
    """Parallel streams drew hundreds of refusals elsewhere."""
    under_way, most = 0, 0

    def slow(answer: Any) -> Any:
        async def handle(request: httpx.Request) -> httpx.Response:
            nonlocal under_way, most
            under_way += 1
            most = max(most, under_way)
            await asyncio.sleep(0.001)
            under_way -= 1
            return httpx.Response(200, json=answer)

        return handle

    upstream = Upstream({path: slow(answer) for path, answer in p.answers("anthropic").items()})
    await anthropic(upstream).fetch(WINDOW)
    assert (most, len(upstream.requests)) == (1, 5)


@pytest.mark.parametrize("path", [p.COST, p.USAGE, p.KEY_USAGE])
async def test_pages_that_expire_are_read_again_from_the_first(path: str) -> None:
    """The service renews its rows now and then; pages of before and after do not belong together."""
    first = p.report(next_page="page_2")
    gone = httpx.Response(410, json={})
    upstream = Upstream(p.answers("anthropic") | {path: Turns([first, gone, p.answers("anthropic")[path]])})
    reading = await anthropic(upstream).fetch(WINDOW)
    assert [query.get("page") for query in upstream.asked(path)] == [None, "page_2", None]
    assert reading.records == (await read("anthropic", p.answers("anthropic"))).records


async def test_pages_that_expire_again_and_again_are_left_for_later() -> None:
    """Starting over is bounded; nothing of it is booked."""
    pages = Turns(
        [p.report(day(MIDNIGHT - DAY, p.SEARCHES), next_page="page_2"), httpx.Response(410, json={})] * 9
    )
    upstream = Upstream(quiet() | {p.COST: pages})
    with pytest.raises(SourceUnavailable) as caught:
        await anthropic(upstream).fetch(WINDOW)
    assert caught.value.reason == "expired"
    assert len(upstream.asked(p.COST)) == 2 * (MAX_RESTARTS + 1)


# The key.


@pytest.mark.parametrize("key", ["sk-ant-ort01-refresh", SecretStr("sk-ant-sid01-session"), "", "two words"])
async def test_what_can_read_nothing_is_named_at_once(key: Any) -> None:
    """Better said at the start than by a 401 an hour later; and only what certainly cannot work."""
    with pytest.raises(SettingsError) as caught:
        Anthropic(key, clock=lambda: NOW)
    assert len(caught.value.problems) == 1
    assert "refresh-" not in str(caught.value)
    assert "01-" not in str(caught.value)


@pytest.mark.parametrize(
    ("credential", "bearer"),
    [
        ("sk-ant-admin01-an-admin-key", False),
        ("sk-ant-api03-of-a-person-or-a-service-account", False),
        ("sk-ant-api01-a-scoped-one", False),
        ("sk-ant-oat01-an-access-token", True),
        ("eyJhbGciOi.a-federated-token", True),
    ],
)
@pytest.mark.parametrize("family", ["auto", "reports"])
async def test_every_credential_of_the_documents_is_presented_as_they_say(
    credential: str, bearer: bool, family: Any
) -> None:
    """Keys in a header of their own, access tokens as bearer tokens; the service judges what they may."""
    upstream = Upstream(p.answers("anthropic"))
    source = Anthropic(
        credential, clock=lambda: NOW, base_url="https://models.test", family=family,
        transport=upstream.transport,
    )  # fmt: skip
    await source.fetch(WINDOW)
    for request in upstream.requests:
        assert request.headers.get("x-api-key") == (None if bearer else credential)
        assert request.headers.get("authorization") == (f"Bearer {credential}" if bearer else None)
        assert ("oauth-2025-04-20" in request.headers["anthropic-beta"]) == bearer


@pytest.mark.parametrize("status", [404, 410])
async def test_reports_that_are_no_more_give_way_to_the_analytics(status: int) -> None:
    """With `auto`, also of an admin key, and also in the middle of a process's life; else it is a refusal."""
    gone = dict.fromkeys((p.COST, p.USAGE), httpx.Response(status, json={}))
    upstream = Upstream(p.answers("analytics") | gone)
    source = anthropic(upstream, family="auto")
    assert days(await source.fetch(WINDOW))
    assert source.family == "analytics"
    await source.aclose()
    with pytest.raises(SourceRejected):
        await read("anthropic", p.answers("analytics") | gone, family="reports")


# Against the simulator.


async def test_the_report_examples_are_read_from_a_server() -> None:
    """Grouped, paged and priced: 5.325 dollars billed on the 20th, 4.955 estimated; the 21st unknown."""
    with serve_in_thread(examples.anthropic_reports()) as simulator:
        source = Anthropic(keys.ADMIN_KEY, clock=SettableClock(NOW), base_url=simulator.url)
        assert await source.probe() == "Anthropic answers: organization Simulated Company."
        reading = await source.fetch(WINDOW)
        await source.aclose()
    billed = {bill.key: sum((line.amount for line in bill.lines), D(0)) for bill in days(reading)}
    assert billed["2026-11-20"] == D("5.325")
    assert "2026-11-21" not in billed
    assert billed["2026-11-19"] == 0
    assert sum(line.cost or D(0) for used in hours(reading) for line in used.lines) == D("4.955")


async def test_a_429_with_a_reset_header_is_waited_for_or_reported() -> None:
    """The reports name the time to come back in a header of their own."""
    with serve_in_thread(examples.anthropic_reports()) as simulator:
        simulator.faults.set("anthropic", Fault("429_reset", seconds=300))
        source = Anthropic(keys.ADMIN_KEY, clock=SettableClock(NOW), base_url=simulator.url)
        with pytest.raises(SourceUnavailable) as caught:
            await source.fetch(WINDOW)
        await source.aclose()
    assert caught.value.reason == "rate_limited"
    assert caught.value.retry_after == pytest.approx(300, abs=1)


async def test_a_key_the_service_refuses_is_explained() -> None:
    """The sentence says which key is needed and where it is made."""
    with serve_in_thread(examples.anthropic_reports()) as simulator:
        source = Anthropic("sk-ant-admin01-unknown", clock=SettableClock(NOW), base_url=simulator.url)
        with pytest.raises(SourceRejected, match="admin key"):
            await source.probe()
        await source.aclose()
