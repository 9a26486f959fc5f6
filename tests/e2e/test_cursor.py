"""The smaller form of the benchmark that follows 100 000 events."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.benchmarks import cursor


def test_no_event_is_lost_or_repeated_through_restarts_and_changes_of_transport(tmp_path: Path) -> None:
    """State and consecutive sequences, over SSE, WebSocket and polling, while processes are killed."""
    row = cursor.run(tmp_path, 400, kills=1)
    assert row.within, row.measured


def test_the_readers_see_what_is_lost_or_repeated() -> None:
    """The guard itself."""
    for sequences, word in (((1, 3), "after 1"), ((1, 1), "after 1")):
        reader = cursor.Reader(0, cursor.random.Random(1))
        reader.take("snapshot", {"epoch": "e", "sequence": sequences[0]})
        reader.take("delta", {"sequence": sequences[1]})
        assert word in reader.faults[0]
    with pytest.raises(KeyError):
        reader.take("delta", {})
