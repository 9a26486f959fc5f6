"""Retry-After and Date: obeyed within minutes, and never an exception, whatever they hold."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as some

from exporter.sources.retry_after import LONGEST_WAIT_SECONDS, requested, server_date

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "value", "seconds"),
    [
        ("retry-after", "7", 7),
        ("retry-after", "-7", 0),
        ("retry-after", "315360000", LONGEST_WAIT_SECONDS),
        ("retry-after", "1e308", LONGEST_WAIT_SECONDS),
        ("retry-after", "9" * 400, None),
        ("retry-after", "nan", None),
        ("retry-after", "Sun, 22 Nov 2026 12:01:00 GMT", 60),
        ("retry-after", "Sun, 22 Nov 2099 12:01:00 GMT", LONGEST_WAIT_SECONDS),
        ("retry-after", "Sun, 22 Nov 1996 12:01:00 GMT", 0),
        ("retry-after-ms", "1500", 1.5),
        ("retry-after-ms", "1e300", LONGEST_WAIT_SECONDS),
        ("anthropic-ratelimit-requests-reset", "2026-11-22T12:00:30Z", 30),
        ("anthropic-ratelimit-requests-reset", "2099-01-01T00:00:00Z", LONGEST_WAIT_SECONDS),
    ],
)
def test_a_wait_is_obeyed_within_a_quarter_of_an_hour(header: str, value: str, seconds: float | None) -> None:
    """A header of ten years silenced its source for ten years."""
    assert requested({header: value}, NOW) == seconds


@pytest.mark.parametrize("date", ["Fri, 31 Dec 9999 23:59:59 -2359", "1", "\0", "x" * 9_000])
def test_a_date_that_no_calendar_has_is_no_date(date: str) -> None:
    """The clock of a server is only looked at."""
    assert server_date({"date": date}) is None


HEADERS = some.dictionaries(
    some.sampled_from(["date", "retry-after", "retry-after-ms", "anthropic-ratelimit-requests-reset"]),
    some.text(max_size=60)
    | some.floats().map(str)
    | some.datetimes().map(lambda at: at.strftime("%a, %d %b %Y %H:%M:%S %z")),
)


@given(HEADERS)
def test_no_header_raises_or_asks_for_more_than_the_bound(headers: dict[str, str]) -> None:
    """Whatever stands there, the answer is a wait that can be waited for, or none."""
    wanted = requested(headers, NOW)
    assert wanted is None or 0 <= wanted <= LONGEST_WAIT_SECONDS
