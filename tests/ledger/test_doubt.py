"""What a doubt touches: the lines that rest on it, in the windows that reach back to it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from exporter.ledger.book import Part
from exporter.ledger.doubt import DOUBTS_NAMED, Doubt, reasons
from exporter.snapshot import Grade, Reason

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def doubt(text: str = "it differs", *, at: datetime | None = NOON, code: str = "contradicted") -> Doubt:
    """Return a doubt about fees."""
    return Doubt(components=frozenset(("trading_fees",)), reason=Reason("kalshi", code, text), at=at)


@pytest.mark.parametrize(
    ("at", "start", "touched"),
    [
        (NOON, NOON - HOUR, True),
        (NOON, NOON, True),
        (NOON, NOON + HOUR, False),
        (NOON, None, True),
        (None, NOON + HOUR, True),
        (None, None, True),
    ],
)
def test_a_window_rests_on_what_may_have_been_in_it(
    at: datetime | None, start: datetime | None, touched: bool
) -> None:
    """A window that starts after the doubt's last moment does not contain it."""
    assert doubt(at=at).touches("trading_fees", start) is touched
    assert not doubt(at=at).touches("trading_realised", start)


def test_a_doubted_part_keeps_its_amount_and_a_worse_grade() -> None:
    """Doubt lowers to partial, never raises, and takes nothing from what was said before."""
    before = Reason("kalshi", "no_mark", "no mark for X")
    for grade, after in ((Grade.FINAL, Grade.PARTIAL), (Grade.MISSING, Grade.MISSING)):
        part = Part(Decimal(5), grade, (before,)).doubted([doubt()], "trading_fees", NOON)
        assert part == Part(Decimal(5), after, (before, doubt().reason))
    untouched = Part(Decimal(5))
    assert untouched.doubted([doubt()], "trading_realised", NOON) is untouched


def test_few_reasons_of_one_kind_are_named_and_none_twice() -> None:
    """Fifty markets that differ are three sentences; another kind of doubt has its own."""
    doubts = [doubt("again"), doubt("again"), *(doubt(f"market {number}") for number in range(50))]
    told = reasons([*doubts, doubt("a row", code="set_aside")], "trading_fees", NOON)
    assert [reason.text for reason in told] == ["again", "market 0", "market 1", "a row"]
    assert DOUBTS_NAMED == 3
