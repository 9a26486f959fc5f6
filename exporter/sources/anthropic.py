"""Anthropic's bill by day and usage by hour, as records.

Source: Anthropic Usage and Cost Admin API (read 2026-08, live behaviour to 2026-11).
Units:  records hold Decimal dollars; see `anthropic_rows` for what comes in.
Quirk:  the bill covers finished UTC days only and a range without any is refused, so a window that holds
        none is not asked for. A finished day may be missing or empty for a while: that is not zero.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import httpx
from pydantic import SecretStr

from exporter.errors import SettingsError
from exporter.records import Record
from exporter.sources import Reading, Window
from exporter.sources.anthropic_rows import (
    DAY,
    HOUR,
    CostBucket,
    CostReport,
    Organization,
    UsageBucket,
    UsageReport,
    check,
)
from exporter.sources.credential import usable
from exporter.sources.http import Client, Endpoint, Observer
from exporter.sources.pricing import Prices
from exporter.sources.visit import Params, Visit

BASE_URL = "https://api.anthropic.com"
ORDINARY = "sk-ant-api"  # keys for asking models; every other kind is left for the service to judge
VERSION = "2023-06-01"
BETA = "fast-mode-2026-02-01"  # without it, grouping by speed used to be refused
REPORTS = "/v1/organizations"
DAYS_AT_ONCE, HOURS_AT_ONCE = 31, 168  # the most a page takes; the default is a week or a day

FIRST_BILL = timedelta(days=365)
"""How far back a bill is read when nothing is known yet: a year's windows are complete with it."""

FIRST_USAGE = timedelta(days=31)
"""How far back usage is read at most. It only stands in for bills that are not final, a matter of days."""

REVIEW = timedelta(days=35)
"""How much of the bill is read anew once a day: a sibling of this report is revised for 30 days."""

BILL_SETTLED = timedelta(hours=48)
"""An empty day is believed this long after its end. Bills land within a day; believed earlier, a bill that
is merely late would replace the day's estimate by zero."""

USAGE_SETTLED = timedelta(hours=1)
"""An empty hour is believed this long after its end. Usage is minutes late, seldom up to an hour; believed
earlier, the running hour would count as known to be free. Once believed it is recorded, because an
hour that nobody recorded is unknown."""

REQUESTS_PER_MINUTE = 30.0  # once a minute is the documented pace; the rest is for the pages of a re-read
WAIT_WHEN_LIMITED = 60.0  # a 429 here often names no time to come back

HINTS = {
    401: "it needs an admin key (sk-ant-admin...), which an admin makes in the Console under Admin keys",
    403: "it needs an admin key (sk-ant-admin...); an ordinary key may not read the reports",
    404: "check the base URL, and that the key belongs to an organization",
}


class Anthropic:
    """Reads one organization, one request at a time.

    `clock` (aware UTC) is only used to measure the service's clock; every window is an argument.
    Raises SettingsError for a key of the wrong kind.
    """

    name = "anthropic"

    def __init__(
        self,
        admin_key: SecretStr | str,
        *,
        clock: Callable[[], datetime],
        base_url: str = BASE_URL,
        prices: Prices | None = None,
        observer: Observer | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        interval: timedelta = timedelta(seconds=60),
        overlap: timedelta = timedelta(days=3),
        freshness: timedelta = timedelta(minutes=15),
    ) -> None:
        self.interval, self.overlap, self.freshness = interval, overlap, freshness
        self._prices = prices or Prices()
        self._reviewed: date | None = None
        key = _admin_key(admin_key)
        endpoint = Endpoint(
            source=self.name,
            base_url=base_url,
            requests=REQUESTS_PER_MINUTE,
            per_seconds=60.0,
            wait_when_limited=WAIT_WHEN_LIMITED,
            hints=HINTS,
        )
        self.client = Client(
            endpoint,
            lambda method, path: {
                "x-api-key": key.get_secret_value(),
                "anthropic-version": VERSION,
                "anthropic-beta": BETA,
            },
            clock,
            observer=observer,
            transport=transport,
            secrets=lambda: (key.get_secret_value(),),
        )

    def __repr__(self) -> str:
        return f"<Anthropic {self.client!r}>"

    async def aclose(self) -> None:
        await self.client.aclose()

    async def fetch(self, window: Window) -> Reading:
        """Return the bill's days and the usage hours of the window, and once a UTC day older bills again."""
        visit = Visit(self.client)
        today = _midnight(window.end)
        review = self._reviewed != today.date()
        records: list[Record] = [
            *await self._bill(visit, _first_day(window, review=review), today, window.end),
            *await self._usage(visit, window),
        ]
        self._reviewed = today.date()
        return Reading(
            source=self.name,
            as_of=window.end,
            records=tuple(records),
            answers=tuple(visit.answers),
            skew=self.client.skew,
        )

    async def probe(self) -> str:
        """Return the organization's name, which only an admin key may read."""
        organization = await Visit(self.client).one(f"{REPORTS}/me", Organization)
        return f"Anthropic answers: organization {organization.name}."

    async def _bill(self, visit: Visit, start: datetime, today: datetime, now: datetime) -> list[Record]:
        """Return the days from `start` whose bill is known."""
        if start >= today:
            return []
        pages = await visit.pages(
            f"{REPORTS}/cost_report",
            CostReport,
            [
                *_range(start, today),
                ("bucket_width", "1d"),
                ("limit", str(DAYS_AT_ONCE)),
                *_groups("workspace_id", "description"),
            ],
            cursor="page",
            field="next_page",
            follow=lambda page: page.follow(visit.malformed),
        )
        days = [bucket for page in pages for bucket in page.data]
        check(days, DAY, (start, today), visit.malformed)
        days = visit.unique(days, lambda bucket: bucket.starting_at, "data.starting_at")
        newest = max((day.starting_at for day in days), default=None)
        return [day.record() for day in days if _bill_is_known(day, newest, now)]

    async def _usage(self, visit: Visit, window: Window) -> list[Record]:
        """Return the hours of the window whose usage is known."""
        start, end = _hours(window)
        pages = await visit.pages(
            f"{REPORTS}/usage_report/messages",
            UsageReport,
            [
                *_range(start, end),
                ("bucket_width", "1h"),
                ("limit", str(HOURS_AT_ONCE)),
                *_groups("model", "service_tier", "inference_geo", "speed", "workspace_id"),
            ],
            cursor="page",
            field="next_page",
            follow=lambda page: page.follow(visit.malformed),
        )
        hours = [bucket for page in pages for bucket in page.data]
        check(hours, HOUR, (start, end), visit.malformed)
        hours = visit.unique(hours, lambda bucket: bucket.starting_at, "data.starting_at")
        return [hour.record(self._prices) for hour in hours if _usage_is_known(hour, window.end)]


def _admin_key(secret: SecretStr | str) -> SecretStr:
    """Return the key if it can be one that reads reports."""
    key = usable(secret, "The Anthropic admin key")
    if key.get_secret_value().startswith(ORDINARY):
        raise SettingsError(
            ["The Anthropic key is an ordinary one; reports need an admin key (sk-ant-admin)."]
        )
    return key


def _bill_is_known(day: CostBucket, newest: datetime | None, now: datetime) -> bool:
    """Say whether a bucket is a bill: one with rows is, an empty one when it is old and not the newest."""
    return bool(day.results) or (day.starting_at != newest and now - day.ending_at > BILL_SETTLED)


def _usage_is_known(hour: UsageBucket, now: datetime) -> bool:
    return bool(hour.results) or now - hour.ending_at > USAGE_SETTLED


def _first_day(window: Window, *, review: bool) -> datetime:
    """Return the midnight from which the bill is read."""
    if window.start is None:
        return _midnight(window.end - FIRST_BILL)
    start = _midnight(window.start)
    return min(start, _midnight(window.end - REVIEW)) if review else start


def _hours(window: Window) -> tuple[datetime, datetime]:
    """Return the whole hours around the window, at most FIRST_USAGE back.

    The bound is a midnight, so that no day's estimate is half of what it should be compared with.
    """
    earliest = _midnight(window.end - FIRST_USAGE)
    start = earliest if window.start is None else max(window.start, earliest)
    end = _hour(window.end)
    return _hour(start), end if end == window.end else end + HOUR


def _midnight(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _hour(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _range(start: datetime, end: datetime) -> Params:
    return [("starting_at", f"{start:%Y-%m-%dT%H:%M:%SZ}"), ("ending_at", f"{end:%Y-%m-%dT%H:%M:%SZ}")]


def _groups(*names: str) -> Params:
    return [("group_by[]", name) for name in names]
