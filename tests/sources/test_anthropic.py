"""Anthropic: which days and hours are asked for, and which are believed."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import payloads as p
import pytest
from canned import NOW, WINDOW, Turns, Upstream, anthropic, read
from pydantic import SecretStr

from exporter.errors import SettingsError, SourceMalformed, SourceRejected, SourceUnavailable
from exporter.records import BilledDay, UsageHour
from exporter.simulator import examples, keys
from exporter.simulator.clock import SettableClock
from exporter.simulator.faults import Fault
from exporter.simulator.server import serve_in_thread
from exporter.sources import Reading, Window
from exporter.sources.anthropic import FIRST_BILL, FIRST_USAGE, REVIEW, Anthropic

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
    return await read("anthropic", {p.COST: cost or p.report(), p.USAGE: usage or p.report()}, window)


async def asked(window: Window, path: str) -> list[tuple[str, str]]:
    """Return the ranges one fetch asks for."""
    upstream = Upstream({p.COST: p.report(), p.USAGE: p.report()})
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


async def test_one_description_twice_in_a_day_is_refused() -> None:
    """Which of two rows with one identity is right cannot be known; their sum may be neither."""
    twice = [p.cost_row("1.0", "Input Tokens", None), p.cost_row("2.0", "Input Tokens", None)]
    with pytest.raises(SourceMalformed) as caught:
        await reports(p.report(day(NOW.replace(day=20, hour=0), *twice)))
    assert caught.value.field == "data.results"


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
    upstream = Upstream({p.COST: p.report(), p.USAGE: p.report()})
    source = anthropic(upstream)
    await source.fetch(WINDOW)
    before = len(upstream.asked(p.COST))
    await source.fetch(Window(NOW.replace(hour=0), NOW))
    assert len(upstream.asked(p.COST)) == before
    assert len(upstream.asked(p.USAGE)) == 2


async def test_old_bills_are_read_again_once_a_day() -> None:
    """Bills are revised for weeks, so each UTC day begins with a longer look back."""
    upstream = Upstream({p.COST: p.report(), p.USAGE: p.report()})
    source = anthropic(upstream)
    for end in (NOW, NOW + HOUR, NOW + DAY):
        await source.fetch(Window(end - 3 * DAY, end))
    starts = [query["starting_at"] for query in upstream.asked(p.COST)]
    assert starts == [
        z((NOW - REVIEW).replace(hour=0)), "2026-11-19T00:00:00Z", z((NOW + DAY - REVIEW).replace(hour=0)),
    ]  # fmt: skip


async def test_a_review_that_failed_is_done_again() -> None:
    """Only a complete reading counts as the day's review."""
    upstream = Upstream({p.COST: p.report(), p.USAGE: b"<html>"})
    source = anthropic(upstream)
    with pytest.raises(SourceMalformed):
        await source.fetch(WINDOW)
    upstream.answers[p.USAGE] = p.report()
    await source.fetch(WINDOW)
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
async def test_a_day_that_was_not_asked_for_is_refused(bucket: dict[str, Any], field: str) -> None:
    """A bucket beyond the range or of another width is not the figure it seems to be."""
    with pytest.raises(SourceMalformed) as caught:
        await reports(p.report(bucket))
    assert caught.value.field == field


async def test_one_day_in_two_versions_is_refused() -> None:
    """Within one reading a day has one bill."""
    one, other = day(MIDNIGHT - DAY, p.SEARCHES), day(MIDNIGHT - DAY)
    with pytest.raises(SourceMalformed) as caught:
        await reports(p.report(one, other))
    assert caught.value.field == "data.starting_at"


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
    upstream = Upstream({p.COST: p.report(), p.USAGE: p.report()})
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


async def test_one_combination_twice_in_an_hour_is_refused() -> None:
    """The rows of an hour are grouped, so each combination is there once."""
    with pytest.raises(SourceMalformed) as caught:
        await reports(usage=p.report(hour(NOW - 2 * HOUR, p.USAGE_ROW, p.USAGE_ROW | {"output_tokens": 1})))
    assert caught.value.field == "data.results"


async def test_all_pages_are_read() -> None:
    """Every other parameter stays as it was."""
    pages = Turns(
        [
            p.report(hour(NOW - 3 * HOUR, p.USAGE_ROW), next_page="page_2"),
            p.report(hour(NOW - 2 * HOUR, p.USAGE_ROW)),
        ]
    )
    upstream = Upstream({p.COST: p.report(), p.USAGE: pages})
    reading = await anthropic(upstream).fetch(WINDOW)
    first, second = upstream.asked(p.USAGE)
    assert second == first | {"page": "page_2"}
    assert len(hours(reading)) == 2


# The key.


@pytest.mark.parametrize(
    "key", ["sk-ant-api03-ordinary", SecretStr("sk-ant-api03-ordinary"), "", "two words"]
)
async def test_a_key_of_the_wrong_kind_is_named_at_once(key: Any) -> None:
    """An ordinary key cannot read the bill; better said at the start than by a 403 an hour later."""
    with pytest.raises(SettingsError) as caught:
        Anthropic(key, clock=lambda: NOW)
    assert len(caught.value.problems) == 1
    assert "ordinary-" not in str(caught.value)
    assert "api03" not in str(caught.value)


async def test_another_kind_of_key_is_left_to_the_service() -> None:
    """Kinds of keys come and go; the service knows."""
    assert Anthropic("some-federated-token", clock=lambda: NOW)


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
