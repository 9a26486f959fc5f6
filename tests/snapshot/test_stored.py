"""A stored snapshot is read as what it was, also one of before reasons were data."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.snapshot.figure import Reason
from exporter.snapshot.patch import decode, encode
from exporter.snapshot.stored import SENTENCE, from_json
from exporter.snapshot.tree import Snapshot
from tests.snapshot.trees import made

BEFORE = Path(__file__).parent / "before_reasons.json"
"""A snapshot as it was stored before: its reasons are sentences, its sources have no title."""


@given(st.integers(0, 2**32))
def test_a_snapshot_is_read_as_it_was_written(seed: int) -> None:
    """Every part of it, to the last field."""
    snapshot = made(Snapshot, Random(seed))
    assert from_json(decode(encode(snapshot))) == snapshot


def test_a_snapshot_of_before_reasons_were_data_is_read() -> None:
    """A restart after an update shows the last figures; only the words of its reasons have another form."""
    stored = json.loads(BEFORE.read_text())
    snapshot = from_json(stored)
    said = snapshot.windows["today"].net.because
    assert said[0] == Reason("kalshi", SENTENCE, "no mark for UNMARKED")
    assert (snapshot.sources["kalshi"].title, snapshot.sources["anthropic"].kind) == ("Kalshi", "api_cost")
    assert snapshot.positions is not None
    assert snapshot.positions["OPEN"].source == "kalshi"
    again = decode(encode(snapshot))
    for window in stored["windows"].values():
        for figure in (window["net"], *window["components"].values()):
            if "because" in figure:
                figure["because"] = [
                    {"source": source, "code": SENTENCE, "text": text}
                    for source, _, text in (reason.partition(": ") for reason in figure["because"])
                ]
    assert again["windows"] == stored["windows"]
    same = stored.keys() - {"windows", "sources", "positions", "unrealised"}
    assert {key: again[key] for key in same} == {key: stored[key] for key in same}


def test_an_empty_part_of_before_is_absent() -> None:
    """API cost was an empty object where none was known."""
    stored = {**json.loads(BEFORE.read_text()), "api_cost": {}}
    assert from_json(stored).api_cost is None


def test_what_is_no_snapshot_is_refused() -> None:
    """A row that somebody has changed is not guessed at."""
    stored = decode(encode(made(Snapshot, Random(1))))
    stored["sequence"] = "two"
    with pytest.raises(msgspec.ValidationError):
        from_json(stored)
