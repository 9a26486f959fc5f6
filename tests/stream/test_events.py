"""The ring and the events it holds."""

from __future__ import annotations

from exporter.snapshot import Cursor
from exporter.stream import sse
from exporter.stream.events import Event, Ring


def delta(sequence: int, body: bytes = b"{}") -> Event:
    return Event("delta", Cursor("e", sequence), "", body)


def test_ring_keeps_the_newest_within_its_count() -> None:
    """Beyond the bound the oldest goes; what is asked beyond it is not answered in part."""
    ring = Ring(most=3)
    for sequence in range(1, 6):
        ring.append(delta(sequence))
    kept = ring.last(3)
    assert kept is not None
    assert [event.cursor.sequence for event in kept] == [3, 4, 5]
    assert ring.last(4) is None
    assert ring.last(0) == ()


def test_ring_is_bounded_in_bytes() -> None:
    """Deltas as large as snapshots do not fill the memory."""
    ring = Ring(most=1000, most_bytes=100)
    for sequence in range(50):
        ring.append(delta(sequence, b"x" * 40))
    assert len(ring) == 2


def test_an_event_is_framed_once_for_all_clients() -> None:
    """The second client is sent the very object the first was."""
    event = delta(1, b'{"a":1}')
    assert event.framed(sse.frame) is event.framed(sse.frame)
    assert event.framed(sse.frame) == b'id: e-1\nevent: delta\ndata: {"a":1}\n\n'
