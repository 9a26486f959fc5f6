"""Anthropic's bill by day and usage by hour and by key, as records; names as observations.

Source: Anthropic Usage and Cost Admin API (read 2026-08, live behaviour to 2026-11), and its successor in
        beta: `reports` and `analytics` each read one of them into the same records.
Units:  records hold Decimal dollars; see `rows` for what comes in.
Bound:  one request at a time; how often and how far back each list is read is named below.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol, TypeVar

import httpx
from pydantic import SecretStr

from exporter.errors import OddRow, SettingsError, SourceError, SourceRejected, SourceUnavailable
from exporter.records import Aside, BilledDay, KeyUsage, Observation, Record, UsageHour
from exporter.sources.anthropic import analytics as analytics
from exporter.sources.anthropic import reports as reports
from exporter.sources.anthropic.analytics import Analytics
from exporter.sources.anthropic.names import Names
from exporter.sources.anthropic.pricing import Prices
from exporter.sources.anthropic.reports import Reports
from exporter.sources.anthropic.rows import BASE, DAY, HOUR, Organization, groups, span
from exporter.sources.anthropic.settings import BASE_URL, NAME, TITLE, FamilyName
from exporter.sources.contract import Reading, Window
from exporter.sources.credential import usable
from exporter.sources.http import Endpoint, HttpClient, Observer
from exporter.sources.paging import Collector, room_for

ADMIN = "sk-ant-admin"
OAUTH, OAUTH_BETA = "sk-ant-oat", "oauth-2025-04-20"
HOPELESS = {
    "sk-ant-ort": "a refresh token: it is exchanged for an access token, and reads nothing by itself",
    "sk-ant-sid": "a browser's session, which the API does not take",
}
"""Kinds that no report can be read with. Of every other one the service knows better than we do."""

WITHDRAWN = (404, 410)
"""How the service answers for reports that this organization does not have, or that are no more."""

VERSION = "2023-06-01"
FAST_MODE = "fast-mode-2026-02-01"  # without it, grouping by speed used to be refused

FIRST_BILL = timedelta(days=365)
"""How far back a bill is read when nothing is known yet: a year's windows are complete with it."""

FIRST_USAGE = timedelta(days=31)
"""How far back usage is read at most. It only stands in for bills that are not final, a matter of days."""

REVIEW = timedelta(days=35)
"""How much of the bill is read anew once a day: a sibling of this report is revised for 30 days."""

RECENT_USAGE = timedelta(hours=6)
"""How much usage every reading reads anew; it is minutes late, seldom up to an hour. All of the overlap is
read once an hour: what is answered each minute is kept, and three days of it would fill a disk."""

KEYS_EVERY = timedelta(minutes=5)
"""How often usage by key is read: it tells who spent a day's cost, and moves no figure."""

NAMES_EVERY = timedelta(hours=1)
"""How often names are read; they change when somebody changes them."""

REQUESTS_PER_MINUTE = 30.0  # once a minute is the documented pace; the rest is for the pages of a re-read
WAIT_WHEN_LIMITED = 60.0  # a 429 here often names no time to come back

HINTS = {
    401: "it needs an admin key (sk-ant-admin...), which an admin makes in the Console under Admin keys",
    403: "it needs an admin key (sk-ant-admin...), or another credential that may read the reports",
    404: "check the base URL, and that the key belongs to an organization",
}

T = TypeVar("T")


class Family(Protocol):
    """One way the service tells what was used and billed. One object serves one reading.

    `names` are those that it had to ask for, if it did; `troubles` what was refused beside the figures.
    """

    asked_names: bool
    names: list[Observation] | None
    troubles: list[SourceError]

    def as_of(self, now: datetime) -> datetime: ...

    async def billed(
        self, collector: Collector, start: datetime, today: datetime, now: datetime
    ) -> list[BilledDay]: ...

    async def used(
        self, collector: Collector, start: datetime, end: datetime, now: datetime
    ) -> list[UsageHour]: ...

    async def used_by_key(
        self, collector: Collector, start: datetime, end: datetime, now: datetime
    ) -> list[KeyUsage]: ...


class Anthropic:
    """Reads one organization, one request at a time.

    `clock` (aware UTC) is only used to measure the service's clock; every window is an argument.
    `family` says which reports are read; `auto` is the stable ones where the key may read them.
    Raises SettingsError for what can be no key of any kind.
    """

    def __init__(
        self,
        admin_key: SecretStr | str,
        *,
        name: str = NAME,
        title: str = TITLE,
        clock: Callable[[], datetime],
        base_url: str = BASE_URL,
        family: FamilyName = "auto",
        prices: Prices | None = None,
        observer: Observer | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        interval: timedelta = timedelta(seconds=60),
        overlap: timedelta = timedelta(days=3),
        freshness: timedelta = timedelta(minutes=15),
    ) -> None:
        self.name = name
        self.interval, self.overlap, self.freshness = interval, overlap, freshness
        self._prices = prices or Prices()
        self._names = Names(self.name)
        key = _readable(admin_key)
        self._wished: FamilyName = family
        if family == "auto" and key.get_secret_value().startswith(ADMIN):
            family = "reports"
        self.family: FamilyName = family
        endpoint = Endpoint(
            source=name,
            title=title,
            base_url=base_url,
            requests=REQUESTS_PER_MINUTE,
            per_seconds=60.0,
            wait_when_limited=WAIT_WHEN_LIMITED,
            hints=HINTS,
        )
        self.client = HttpClient(
            endpoint,
            lambda method, path: _headers(key.get_secret_value(), path),
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
        """Return the bill's days, the usage hours, and what is due of usage by key and of names.

        Once a UTC day older bills are read again. What no figure depends on may fail alone. Where `auto` was
        asked for, and the stable reports are no more, it goes on with the analytics.
        """
        try:
            return await self._read(window)
        except SourceRejected as refusal:
            status = refusal.answers[-1].status if refusal.answers else None
            if self._wished != "auto" or self.family != "reports" or status not in WITHDRAWN:
                raise
            self.family = "auto"
            await self._choose(window.end)
            return await self._read(window)

    async def _read(self, window: Window) -> Reading:
        await self._choose(window.there)
        now, today = window.there, _midnight(window.there)
        since = _first_day(window, review=window.begins(DAY))
        collector, beside = Collector(self.client, room_for(window)), Collector(self.client, room_for(window))
        family: Family = Reports(self.name, self._prices)
        if self.family == "analytics":
            family = Analytics(self.name, self._prices, self._names, beside)
        first, end = _hours(window)
        records: list[Record] = [
            *await family.billed(collector, since, today, now),
            *await family.used(collector, first, end, now),
        ]
        for listed in (reports.USAGE_ROWS, analytics.USAGE_ROWS):
            # Bills of so long ago are final, and usage stands in for none of them.
            collector.went_through(listed.name, first, over=_midnight(now - FIRST_USAGE))
        troubles = family.troubles
        if window.begins(KEYS_EVERY) and _welcome(troubles):
            records += await _or_note(family.used_by_key(beside, since, today + DAY, now), troubles) or []
        names = family.names
        if window.begins(NAMES_EVERY) and not family.asked_names and _welcome(troubles):
            names = await _or_note(self._names.read(beside), troubles)
        if self.family == "analytics":
            self.freshness = max(self.freshness, analytics.FRESHNESS)
        return Reading(
            source=self.name,
            as_of=family.as_of(now) - window.skew,
            records=tuple(records),
            observations=tuple(names or ()),
            answers=(*collector.answers, *beside.answers),
            skew=self.client.skew,
            troubles=tuple(troubles),
            aside=(*collector.aside, *beside.aside),
            listed=(*collector.listed, *beside.listed),
        )

    def reread(self, aside: Aside) -> Sequence[Record]:
        """Return what a row that was set aside is read as now, as the only line of its record."""
        if aside.components == ():
            return ()
        if aside.at is None or aside.at != aside.since or not aside.record:
            raise OddRow(aside.field, "is of a day that cannot be read, or is a whole one")
        family = Analytics(self.name, self._prices, self._names, Collector(self.client))
        reports = Reports(self.name, self._prices)
        return [*family.reread(aside, aside.at), *reports.reread(aside, aside.at)]

    async def probe(self) -> str:
        """Return the organization's name, or that the analytics answer: a scoped key may read no name."""
        if self.family != "reports":
            await self._choose(self.client.now())
        if self.family == "analytics":
            await self._ask(analytics.USAGE, self.client.now())
            return f"{self.client.title} answers with its analytics reports."
        organization = await Collector(self.client).one(f"{BASE}/me", Organization)
        return f"{self.client.title} answers: organization {organization.name}."

    async def _choose(self, now: datetime) -> None:
        """Find out which reports the key may read, the stable ones first; once that is known it stays."""
        if self.family != "auto":
            return
        try:
            await self._ask(reports.USAGE, now)
            self.family = "reports"
        except SourceRejected as refusal:
            try:
                await self._ask(analytics.USAGE, now)
            except SourceRejected:
                raise refusal from None
            self.family = "analytics"

    async def _ask(self, path: str, now: datetime) -> None:
        """Ask for one hour of usage, to see whether the key may."""
        hour = _hour(now)
        width = "time_bucket_width" if path == analytics.USAGE else "bucket_width"
        await self.client.get(
            path, [*span(hour - HOUR, hour), (width, "1h"), ("limit", "1"), *groups("model")]
        )


async def _or_note(work: Awaitable[T], troubles: list[SourceError]) -> T | None:
    """Return what comes of it; a refusal is noted, and None."""
    try:
        return await work
    except SourceError as error:
        troubles.append(error)
        return None


def _welcome(troubles: Sequence[SourceError]) -> bool:
    """Tell whether to ask for more: not when the service has just asked for peace, or is down."""
    return not any(isinstance(trouble, SourceUnavailable) for trouble in troubles)


def _readable(secret: SecretStr | str) -> SecretStr:
    """Return the credential unless it is of a kind that certainly reads nothing."""
    key = usable(secret, "The Anthropic key")
    for kind, what in HOPELESS.items():
        if key.get_secret_value().startswith(kind):
            raise SettingsError([f"The Anthropic key is {what}: reports need an admin key (sk-ant-admin)."])
    return key


def _headers(credential: str, path: str) -> dict[str, str]:
    """Return how a credential is presented: keys by a header of their own, access tokens as bearer tokens."""
    beta = analytics.BETA if "/analytics/" in path else FAST_MODE
    if credential.startswith("sk-ant-") and not credential.startswith(OAUTH):
        return {"x-api-key": credential, "anthropic-version": VERSION, "anthropic-beta": beta}
    return {
        "Authorization": f"Bearer {credential}",
        "anthropic-version": VERSION,
        "anthropic-beta": f"{beta},{OAUTH_BETA}",
    }


def _first_day(window: Window, *, review: bool) -> datetime:
    """Return the midnight from which the bill is read."""
    if window.start is None:
        return _midnight(window.there - FIRST_BILL)
    start = _midnight(window.start)
    return min(start, _midnight(window.there - REVIEW)) if review else start


def _hours(window: Window) -> tuple[datetime, datetime]:
    """Return the whole hours around the window, at most FIRST_USAGE back, and mostly the recent ones.

    The bound is a midnight, so that no day's estimate is half of what it should be compared with.
    """
    earliest = _midnight(window.there - FIRST_USAGE)
    start = earliest if window.start is None else max(window.start, earliest)
    if window.last is not None and not window.begins(HOUR):
        start = max(start, min(window.last, window.end) + window.skew - RECENT_USAGE)
    end = _hour(window.there)
    return _hour(start), end if end == window.there else end + HOUR


def _midnight(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _hour(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
