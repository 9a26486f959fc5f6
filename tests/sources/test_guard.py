"""What a source must not do is its own trouble: one sentence that quotes nothing, and nothing is booked."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from exporter.errors import LedgerError, SettingsError, SourceBroken, SourceUnavailable, StoreUnavailable
from exporter.records import Answer, Kind, SourceInfo
from exporter.sources.contract import Reading, Window
from exporter.sources.guard import OF_KIND, admit, fetched, held
from tests.builders import NOW, balance, bill, fill, mark, sale

pytestmark = pytest.mark.anyio

READING = "exporter.sources.guard.READING_SECONDS"

SHOP = SourceInfo("etsy", "Sales (etsy)", "sales")
SOLD = sale("5", source="etsy")
RAW = Answer(source="etsy", request="GET /", status=200, fetched_at=NOW, body=b"{}")


class Shop:
    """Answers, or raises, what a test says."""

    name, interval, overlap, freshness = "etsy", timedelta(1), timedelta(1), timedelta(1)

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    async def fetch(self, window: Window) -> Reading:
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer  # type: ignore[no-any-return]

    async def probe(self) -> str:
        return ""

    async def aclose(self) -> None: ...


def reading(*records: Any, **changes: Any) -> Reading:
    given = {"source": "etsy", "as_of": NOW, "records": records, "answers": (RAW,)}
    return Reading(**given | changes)


async def broken(answer: Any) -> SourceBroken:
    with pytest.raises(SourceBroken) as error:
        await fetched(Shop(answer), SHOP, Window(None, NOW))
    assert error.value.source == "etsy"
    assert "\n" not in str(error.value)
    return error.value


async def test_a_reading_of_its_own_is_handed_on() -> None:
    """Untouched."""
    own = reading(SOLD)
    assert await fetched(Shop(own), SHOP, Window(None, NOW)) is own


async def test_an_error_that_a_source_may_raise_stays_as_it_is() -> None:
    """It has its own reason."""
    trouble = SourceUnavailable("etsy", "timeout", "Late.")
    with pytest.raises(SourceUnavailable) as error:
        await fetched(Shop(trouble), SHOP, Window(None, NOW))
    assert error.value is trouble


@pytest.mark.parametrize(
    "error",
    [
        KeyError("canary-5ecret"),
        RuntimeError("canary-5ecret\nin two lines"),
        SettingsError(["canary-5ecret"]),
        StoreUnavailable("canary-5ecret"),
        LedgerError("canary-5ecret"),
        AssertionError("canary-5ecret"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_any_other_error_is_the_sources_own_failure_by_its_place(error: Exception) -> None:
    """What it said may be a secret, so only its kind and its line are named."""
    found = await broken(error)
    assert found.reason == "unexpected"
    kind = type(error).__name__
    start = f"Sales (etsy) failed in a way that no source may: {kind} in sources/test_guard.py, line "
    assert str(found).startswith(start)
    assert "canary" not in str(found)
    assert found.__cause__ is None
    assert found.__suppress_context__


def test_errors_of_our_own_work_stay_as_they_are() -> None:
    """A full disk is not the source's failure."""
    with pytest.raises(StoreUnavailable), held(SHOP, StoreUnavailable):
        raise StoreUnavailable("The disk is full.")


class Dripping(Shop):
    """Answers each request in time, and never comes to an end."""

    async def fetch(self, window: Window) -> Reading:
        await asyncio.Event().wait()
        raise AssertionError("unreachable")


@pytest.mark.parametrize("start", [None, NOW - timedelta(hours=1)])
async def test_a_reading_that_never_ends_is_left(
    start: datetime | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other sources go on meanwhile, and this one is asked again at its next turn."""
    monkeypatch.setattr("exporter.sources.guard.FIRST_SECONDS" if start is None else READING, 0.06)
    with pytest.raises(SourceUnavailable) as error:
        await fetched(Dripping(None), SHOP, Window(start, NOW))
    assert error.value.reason == "timeout"
    assert str(error.value) == "Sales (etsy) took more than 0.001 minutes; nothing of it was booked."


async def test_a_time_limit_of_the_source_itself_is_its_own_failure() -> None:
    """It is not ours that has passed."""
    assert (await broken(TimeoutError())).reason == "unexpected"


async def test_cancelling_is_no_failure() -> None:
    """The program stops; nobody is blamed."""
    with pytest.raises(asyncio.CancelledError):
        await fetched(Shop(asyncio.CancelledError()), SHOP, Window(None, NOW))


@pytest.mark.parametrize(
    ("answer", "what"),
    [
        (None, "no reading with a time in UTC"),
        (reading(SOLD, as_of=datetime(2026, 11, 22)), "no reading with a time in UTC"),  # noqa: DTZ001
        (reading(SOLD, source="sales"), "a reading of sales"),
        (reading(SOLD, replace(SOLD, source="sales")), "a Sale of sales"),
        (reading(fill("buy yes 1 @ 0.5", source="etsy")), "a Fill, which no source of the kind sales has"),
        (reading(observations=(mark(bid="0.5"),)), "a Mark, which no source of the kind sales has"),
        (reading("a sale"), "a str, which no source of the kind sales has"),
    ],
)
async def test_what_is_not_its_own_is_refused_whole(answer: Any, what: str) -> None:
    """Named, with the raw answers kept."""
    found = await broken(answer)
    assert found.reason == "foreign"
    assert str(found) == f"Sales (etsy) brought {what}; nothing of it was booked."
    assert found.answers == (() if answer is None or answer.as_of.tzinfo is None else (RAW,))


def test_each_kind_has_its_own_records() -> None:
    """No record belongs to two kinds, and the kind that has no book has none."""
    found = [each for kind in OF_KIND.values() for each in kind]
    assert len(found) == len(set(found))
    assert OF_KIND["other"] == frozenset()
    for kind, record in {
        "venue": balance("5"),
        "sales": sale("5"),
        "api_cost": bill(NOW.date(), "5"),
    }.items():
        stated: Kind = kind  # type: ignore[assignment]
        admit(SourceInfo(record.source, "x", stated), [record], ())
        with pytest.raises(SourceBroken):
            admit(SourceInfo(record.source, "x", "other"), [record], ())
