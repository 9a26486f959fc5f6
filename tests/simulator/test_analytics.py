"""The newer reports: read by the official client, by our own source, and outside of their rules."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import anthropic
import pytest

from exporter.records import BilledDay, KeyUsage, UsageHour
from exporter.simulator import examples
from exporter.simulator.anthropic.analytics import BETA
from exporter.simulator.clock import DAY, SettableClock, midnight
from exporter.simulator.faults import Fault
from exporter.simulator.keys import ADMIN_KEY, ORDINARY_KEY, SCOPED_KEY
from exporter.simulator.server import Simulator, serve_in_thread
from exporter.simulator.stories import seeded
from exporter.sources.anthropic.organization import Anthropic
from exporter.sources.contract import Reading, Window
from tests.simulator.callers import Ask

D = Decimal
NOW = examples.NOW
TODAY = midnight(NOW)
HOUR = timedelta(hours=1)


@pytest.fixture
def running() -> Iterator[Simulator]:
    """A week of a made-up organization, over loopback."""
    with serve_in_thread(seeded(3, SettableClock(NOW), days=7)) as simulator:
        yield simulator


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests need not be spread over minutes here."""
    monkeypatch.setattr("exporter.sources.anthropic.organization.REQUESTS_PER_MINUTE", 1e6)


def client(simulator: Simulator, key: str = ADMIN_KEY) -> anthropic.Anthropic:
    """Return the official client, pointed at the simulator."""
    return anthropic.Anthropic(api_key=key, base_url=simulator.url, max_retries=0)


def priced(simulator: Simulator, **query: Any) -> list[Any]:
    """Return every row of cost as the official client pages through them."""
    with client(simulator) as official:
        return list(official.beta.organization.analytics.cost.list(**query))


def used(simulator: Simulator, **query: Any) -> list[Any]:
    """Return every row of usage as the official client pages through them."""
    with client(simulator) as official:
        return list(official.beta.organization.analytics.usage.list(**query))


THREE_DAYS: dict[str, Any] = {
    "starting_at": TODAY - 3 * DAY,
    "ending_at": TODAY,
    "time_bucket_width": "1d",
}


# The official client.


def test_the_official_client_reads_cost_page_by_page(running: Simulator) -> None:
    """Its own models take every row, its own paging ends, and the days sum to what they truly cost."""
    groups = ["workspace_id", "model", "service_tier", "inference_geo", "speed", "cost_type", "token_type"]
    rows = priced(running, **THREE_DAYS, group_by=groups, limit=7, order="asc", order_by="time")
    assert len(rows) > 50
    book = running.world.anthropic
    for back in (3, 2, 1):
        day = TODAY - back * DAY
        mine = [row for row in rows if row.starting_at == day]
        assert all(row.ending_at == day + DAY and row.cost.currency == "USD" for row in mine)
        assert sum(D(row.cost.amount) for row in mine) == book.true_cost(day.date())
    assert {row.group.token_type is None for row in rows if row.group.cost_type == "tokens"} == {False}
    assert all(row.cost.requests is None and row.group.api_key_id is None for row in rows)
    assert [row.starting_at for row in rows] == sorted(row.starting_at for row in rows)


def test_the_official_client_reads_usage_page_by_page(running: Simulator) -> None:
    """Tokens by key and hour are those that were used; the default workspace has a name of its own."""
    groups = ["api_key_id", "workspace_id", "model", "service_tier", "context_window"]
    rows = used(
        running,
        **THREE_DAYS | {"time_bucket_width": "1h"},
        group_by=groups,
        limit=50,
        order="asc",
        order_by="time",
    )
    lines = [
        line
        for hour, found in running.world.anthropic.hours.items()
        if TODAY - 3 * DAY <= hour < TODAY
        for line in found
    ]
    assert sum(row.usage.output_tokens for row in rows) == sum(line.output for line in lines)
    assert sum(row.usage.cache_creation.ephemeral_1h_input_tokens for row in rows) == sum(
        line.cache_write_1h for line in lines
    )
    assert sum(row.usage.requests for row in rows) == len(lines)
    assert running.world.anthropic.default_workspace in {row.group.workspace_id for row in rows}
    kinds = ("uncached_input", "cache_write_5m", "cache_write_1h", "cache_read", "output")
    assert sum(row.usage.total_tokens for row in rows) == sum(
        getattr(line, kind) for line in lines for kind in kinds
    )


def test_the_official_client_reads_an_ungrouped_range(running: Simulator) -> None:
    """Without a width and groups there is one row, of whole hours."""
    [row] = priced(running, starting_at=TODAY - 3 * DAY, ending_at=TODAY + timedelta(minutes=90))
    assert (row.starting_at, row.ending_at) == (TODAY - 3 * DAY, TODAY + HOUR)
    assert row.cost.requests > 100
    assert row.cost.list_amount == row.cost.amount
    assert set(row.group.model_dump().values()) == {None}


def test_the_official_client_filters_and_sees_when_data_was_renewed(running: Simulator) -> None:
    """The watermark is a time; a filter narrows to what it names."""
    with client(running) as official:
        page = official.beta.organization.analytics.usage.list(
            **THREE_DAYS, group_by=["model"], models=["claude-opus-5-5"]
        )
        assert page.data_refreshed_at is not None
        assert NOW - HOUR - timedelta(minutes=5) <= page.data_refreshed_at <= NOW
        assert {row.group.model for row in page} == {"claude-opus-5-5"}


@pytest.mark.parametrize(
    ("query", "status"),
    [
        (
            THREE_DAYS | {"group_by": ["actor", "model", "product", "speed", "api_key_id", "workspace_id"]},
            400,
        ),
        (THREE_DAYS | {"starting_at": TODAY - 32 * DAY}, 400),
        (THREE_DAYS | {"starting_at": NOW - 366 * DAY, "ending_at": NOW - 360 * DAY}, 400),
        (THREE_DAYS | {"limit": 1001}, 400),
        (THREE_DAYS | {"order_by": "requests"}, 400),
        ({"starting_at": TODAY, "time_bucket_width": "1h"}, 400),
        (THREE_DAYS | {"time_bucket_width": "1m"}, 400),
        (THREE_DAYS | {"page": "page_bm9uc2Vuc2U="}, 400),
    ],
)
def test_the_official_client_is_refused_outside_the_rules(
    running: Simulator, query: dict[str, Any], status: int
) -> None:
    """Each refusal is an error of the client's own kind."""
    with pytest.raises(anthropic.APIStatusError) as caught:
        priced(running, **query)
    assert caught.value.status_code == status


@pytest.mark.parametrize(
    ("key", "error"),
    [
        (ORDINARY_KEY, anthropic.PermissionDeniedError),
        ("sk-ant-admin01-unknown", anthropic.AuthenticationError),
        (SCOPED_KEY, None),
    ],
)
def test_a_scoped_key_opens_the_analytics(
    running: Simulator, key: str, error: type[Exception] | None
) -> None:
    """A key with the scope `read:analytics` reads these and nothing else."""
    with client(running, key) as official:
        if error is None:
            assert list(official.beta.organization.analytics.cost.list(**THREE_DAYS, limit=1000))
        else:
            with pytest.raises(error):
                official.beta.organization.analytics.cost.list(**THREE_DAYS)


def test_a_renewal_ends_the_lists_that_are_read(running: Simulator) -> None:
    """A token of before is gone, which is not a wrong token."""
    with client(running) as official:
        page = official.beta.organization.analytics.cost.list(**THREE_DAYS, group_by=["model"], limit=2)
        running.world.clock.advance(HOUR)  # type: ignore[attr-defined]
        with pytest.raises(anthropic.APIStatusError) as caught:
            page.get_next_page()
        assert caught.value.status_code == 410


def test_the_beta_header_is_required(ask: Ask) -> None:
    """The family is in beta; who does not say so is refused."""
    answer = ask(examples.frozen()).organization("/analytics/usage", starting_at="2026-11-20T00:00:00Z")
    assert (answer.status_code, BETA in answer.json()["error"]["message"]) == (400, True)


# Our own source.


def read(simulator: Simulator, family: Any, window: Window, key: str = ADMIN_KEY) -> Reading:
    """Return one reading of a family."""

    async def once() -> Reading:
        source = Anthropic(key, clock=simulator.world.clock, base_url=simulator.url, family=family)
        try:
            return await source.fetch(window)
        finally:
            await source.aclose()

    return asyncio.run(once())


def of(reading: Reading, kind: type[Any]) -> dict[str, Any]:
    """Return the records of a kind by their key."""
    return {record.key: record for record in reading.records if isinstance(record, kind)}


WINDOW = Window(NOW - 3 * DAY, NOW)


def test_both_families_are_read_into_the_same_records(running: Simulator) -> None:
    """One organization, two ways to tell of it: the days cost the same, the hours are the same lines."""
    old, new = (read(running, family, WINDOW) for family in ("reports", "analytics"))
    assert old.troubles == new.troubles == ()
    bills, newer = of(old, BilledDay), of(new, BilledDay)
    true = {day: running.world.anthropic.true_cost(bill.day) or 0 for day, bill in newer.items()}
    assert {day: sum(line.amount for line in bill.lines) * 100 for day, bill in newer.items()} == true
    assert bills.keys() <= newer.keys()
    last = f"{NOW - 2 * HOUR:%Y-%m-%dT%H}"
    hours, newer_hours = of(old, UsageHour), of(new, UsageHour)
    for hour in newer_hours:
        if (NOW - 3 * DAY).strftime("%Y-%m-%dT%H") <= hour <= last:
            assert set(newer_hours[hour].lines) == set(hours[hour].lines)
    for day, record in of(new, KeyUsage).items():
        if day < TODAY.date().isoformat() and day in of(old, KeyUsage):
            plain = {_tokens(line) for line in of(old, KeyUsage)[day].lines}
            assert plain <= {_tokens(line) for line in record.lines}
            assert sum(line.cost or 0 for line in record.lines) * 100 == true[day]
    assert set(old.observations) == set(new.observations)


def _tokens(line: Any) -> tuple[Any, ...]:
    return (
        line.api_key,
        line.workspace,
        line.model,
        line.tier,
        line.context_window,
        line.output,
        line.cache_read,
    )


def test_the_watermark_bounds_what_is_known(running: Simulator) -> None:
    """Figures are as old as the service's last renewal; a day it does not reach to the end of is no bill."""
    running.world.anthropic.dials.refresh_delay = timedelta(hours=13)
    reading = read(running, "analytics", WINDOW)
    assert reading.as_of == TODAY - HOUR
    assert max(of(reading, BilledDay)) == f"{TODAY - 2 * DAY:%Y-%m-%d}"
    assert max(of(reading, UsageHour)) < f"{TODAY:%Y-%m-%dT%H}"


def test_without_a_watermark_a_quiet_day_is_not_believed(running: Simulator) -> None:
    """What is missing may only be late, when nobody says how far the data reaches."""
    dials = running.world.anthropic.dials
    quiet = Window(NOW - 12 * DAY, NOW)
    known = of(read(running, "analytics", quiet), BilledDay)
    dials.watermark = False
    unsaid = of(read(running, "analytics", quiet), BilledDay)
    assert {day for day, bill in known.items() if not bill.lines} == known.keys() - unsaid.keys() != set()
    assert all(bill.lines for bill in unsaid.values())


@pytest.mark.parametrize(("now", "first"), [(NOW, "2026-01-01"), (NOW + 250 * DAY, "2026-07-31")])
def test_what_was_not_asked_for_is_not_believed(now: datetime, first: str) -> None:
    """The service looks back a year, and not before 2026: the days before are unknown, not free."""
    with serve_in_thread(examples.frozen(now)) as simulator:
        days = of(read(simulator, "analytics", Window(now - 400 * DAY, now)), BilledDay)
    assert min(days) == first
    assert all(bill.lines == () for bill in days.values())


def test_a_discount_is_in_the_amount(running: Simulator) -> None:
    """What is paid counts, not the list."""
    running.world.anthropic.dials.discount = D("0.25")
    running.world.anthropic.dials.reports_discounted = False
    new, old = (of(read(running, family, WINDOW), BilledDay) for family in ("analytics", "reports"))
    day = f"{TODAY - 3 * DAY:%Y-%m-%d}"
    paid, listed = (sum(line.amount for line in bills[day].lines) for bills in (new, old))
    assert paid == running.world.anthropic.true_cost(TODAY.date() - 3 * DAY) / 100  # type: ignore[operator]
    assert paid < listed


def test_auto_reads_what_the_key_may(running: Simulator) -> None:
    """An admin key reads the stable reports, a scoped one the analytics; its workspaces keep their ids."""
    assert "cost_report" in read(running, "auto", WINDOW).answers[0].request
    scoped = read(running, "auto", WINDOW, SCOPED_KEY)
    assert all("/analytics/" in answer.request for answer in scoped.answers)
    workspaces = {line.workspace for bill in of(scoped, BilledDay).values() for line in bill.lines}
    assert running.world.anthropic.default_workspace in workspaces
    assert [trouble.reason for trouble in scoped.troubles] == ["forbidden"]


@pytest.mark.parametrize("path", ["analytics/cost", "analytics/usage"])
def test_pages_that_go_on_for_ever_are_refused(running: Simulator, path: str) -> None:
    """A page that names itself as the next one books nothing."""
    running.faults.set("anthropic", Fault("short", endpoint=path, value=2))
    running.faults.set("anthropic", Fault("repeat_cursor", endpoint=path))
    with pytest.raises(Exception, match="next_page repeats"):
        read(running, "analytics", WINDOW)
