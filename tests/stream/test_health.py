"""Which part of the chain is to blame: the database, the exporter, or this process."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from exporter.stream.health import DEFAULT_AGE_SECONDS, FEED_SECONDS, parts
from exporter.times import stamp
from tests.builders import NOW

LOOKED = 1_000.0


def found(*, age: float = 1, monotonic: float = LOOKED, **known: Any) -> dict[str, dict[str, Any]]:
    """Return the parts of a feed that has just looked, and found a snapshot so many seconds old."""
    feed = {
        "trouble": None,
        "as_of": stamp(NOW),
        "limits": {},
        "closed": False,
        "looked": LOOKED,
        "stepped": timedelta(0),
    } | known
    return parts(SimpleNamespace(**feed), NOW.fromtimestamp(NOW.timestamp() + age, NOW.tzinfo), monotonic)  # type: ignore[arg-type]


def blamed(found: dict[str, dict[str, Any]]) -> list[str]:
    return [name for name, part in found.items() if not part["ok"]]


def test_all_is_well() -> None:
    """With the age of the newest snapshot and its limit."""
    well = found(age=12.5)
    assert blamed(well) == []
    assert (well["exporter"]["age_seconds"], well["exporter"]["limit_seconds"]) == (12.5, DEFAULT_AGE_SECONDS)


@pytest.mark.parametrize(
    ("ahead", "blamed_for"), [(1, []), (2, []), (3, ["exporter"]), (86_400, ["exporter"])]
)
def test_a_snapshot_from_the_future_is_no_good_sign(ahead: float, blamed_for: list[str]) -> None:
    """One of two clocks is wrong, so nobody knows how old it is; its age is not cut to nothing."""
    parts = found(age=-ahead)
    assert blamed(parts) == blamed_for
    assert parts["exporter"]["age_seconds"] == -ahead
    if blamed_for:
        assert f"{ahead:,.0f} s ahead of this machine's clock" in parts["exporter"]["reason"]


@pytest.mark.parametrize("step", [timedelta(seconds=-1), timedelta(hours=1), timedelta(days=40)])
def test_a_clock_that_was_set_makes_no_snapshot_older(step: timedelta) -> None:
    """It is as old as it was before."""
    well = found(age=10 + step.total_seconds(), stepped=step)
    assert (blamed(well), well["exporter"]["age_seconds"]) == ([], 10)


@pytest.mark.parametrize(("limits", "age"), [({}, 60), ({"snapshot_age_seconds": "7"}, 7)])
def test_an_exporter_that_has_stopped_is_blamed_beyond_the_limit_it_states(
    limits: dict[str, str], age: float
) -> None:
    """The limit is in the snapshot; one of before says none, and has the usual one."""
    assert blamed(found(age=age, limits=limits)) == []
    late = found(age=age + 1, limits=limits)
    assert blamed(late) == ["exporter"]
    assert f"is {age + 1} s old, the limit is {age} s" in late["exporter"]["reason"]


def test_without_a_snapshot_it_is_the_exporter() -> None:
    """The database is there, and empty."""
    assert found(as_of="")["exporter"] == {
        "ok": False,
        "reason": "The exporter has published no snapshot yet.",
    }


def test_a_database_that_cannot_be_read_is_blamed_alone() -> None:
    """The watching task does what it can."""
    assert blamed(found(trouble="There is no database.", looked=None)) == ["store"]


@pytest.mark.parametrize(
    ("known", "sentence"),
    [
        ({"looked": None}, "The database has not been read yet."),
        ({"closed": True}, "The stream is shutting down."),
        ({"monotonic": LOOKED + FEED_SECONDS + 1}, "was last looked at 6 s ago: restart this process"),
    ],
)
def test_a_process_that_no_longer_looks_says_so(known: dict[str, Any], sentence: str) -> None:
    """Or has not begun, or is about to end."""
    feed = found(**known)
    assert blamed(feed) == ["feed"]
    assert sentence in feed["feed"]["reason"]
