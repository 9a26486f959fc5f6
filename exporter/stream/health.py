"""Health check: is this process ready to answer, and if not, which part of the chain is to blame? Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from exporter.stream.feed import Feed
from exporter.times import unstamp

DEFAULT_AGE_SECONDS = 60.0
"""Age of the newest snapshot beyond which the exporter counts as stopped, in one that does not state the
limit: an exporter from before it did. It publishes several a minute."""

FEED_SECONDS = 5.0
"""Silence of the watching task beyond which it counts as stuck; it looks many times a second."""


AHEAD = timedelta(seconds=2)
"""How far ahead of now the newest snapshot may be dated: time in snapshots stands still for a second where
the clock was set back by less. What is further ahead has no age."""


def parts(feed: Feed, now: datetime, monotonic: float) -> dict[str, dict[str, Any]]:
    """Return per part whether it is well and why not, in the order in which a fault spreads."""
    return {
        "store": part(feed.trouble),
        "exporter": _exporter(feed, now),
        "feed": part(_feed(feed, monotonic)),
    }


def part(reason: str | None) -> dict[str, Any]:
    """Return one part: well, or the sentence why not."""
    return {"ok": True} if reason is None else {"ok": False, "reason": reason}


def _exporter(feed: Feed, now: datetime) -> dict[str, Any]:
    if not feed.as_of:
        return part("The exporter has published no snapshot yet.")
    limit = float(feed.limits.get("snapshot_age_seconds", DEFAULT_AGE_SECONDS))
    published = unstamp(feed.as_of)
    age = round((now - published - feed.stepped).total_seconds(), 3)
    reason = None
    if published - now > AHEAD:
        ahead = (published - now).total_seconds()
        reason = f"The newest snapshot is dated {ahead:,.0f} s ahead of this machine's clock: one is wrong."
    elif age > limit:
        reason = (
            f"The newest snapshot is {age:.0f} s old, the limit is {limit:.0f} s: is the exporter running?"
        )
    return part(reason) | {"age_seconds": age, "limit_seconds": limit}


def _feed(feed: Feed, monotonic: float) -> str | None:
    if feed.closed:
        return "The stream is shutting down."
    if feed.trouble is not None or feed.looked is None:
        return None if feed.trouble is not None else "The database has not been read yet."
    if monotonic - feed.looked > FEED_SECONDS:
        return f"The database was last looked at {monotonic - feed.looked:.0f} s ago: restart this process."
    return None
