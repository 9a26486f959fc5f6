"""How each source stands, as snapshots state it."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace

from exporter.collect.standing import Standings
from exporter.ledger import SourceState
from exporter.sources.contract import Reading
from tests.builders import NOW
from tests.collect.pipeline import FakeSource, answering

LATER = NOW + timedelta(seconds=10)


def standings(doubts: tuple[str, ...] = ()) -> Standings:
    sources = [FakeSource(name, answering(name)) for name in ("kalshi", "sales")]
    pasts = {"kalshi": SimpleNamespace(doubts=doubts)}
    return Standings(sources, pasts)  # type: ignore[arg-type]


def test_before_the_first_reading_nothing_is_known_but_how_long_it_would_be_fresh() -> None:
    """And a past that is not whole says so from the start."""
    found = standings(("it is being read",)).stated()
    fresh = timedelta(minutes=1)
    assert found["sales"] == SourceState(freshness=fresh)
    assert found["kalshi"] == SourceState(freshness=fresh, history=("it is being read",))


def test_trouble_keeps_the_time_of_its_beginning_until_a_reading_is_booked() -> None:
    """Another reason is still the same trouble; the figures' own time stays."""
    known = standings()
    known.remember("sales", NOW, NOW)
    known.failed("sales", "timeout", "Late.", NOW)
    known.failed("sales", "connect", "Nobody there.", LATER)
    state = known.stated()["sales"]
    assert (state.error, state.sentence, state.since) == ("connect", "Nobody there.", NOW)
    assert (state.as_of, state.last_success) == (NOW, NOW)
    source = FakeSource("sales", answering("sales"))
    source.freshness = timedelta(hours=1)
    known.succeeded(source, Reading(source="sales", as_of=LATER, records=()), LATER)
    assert known.stated()["sales"] == SourceState(
        as_of=LATER, last_success=LATER, freshness=timedelta(hours=1)
    )
    assert known.as_of("sales") == LATER


def test_a_feed_that_stands_as_before_is_no_news() -> None:
    """Its time is that of its last change."""
    known = standings()
    assert known.feeding("kalshi", "connecting", NOW)
    assert not known.feeding("kalshi", "connecting", LATER)
    assert known.feeds["kalshi"] == ("connecting", NOW)
    assert known.feeding("kalshi", "live", LATER)
    assert known.feeds["kalshi"] == ("live", LATER)
