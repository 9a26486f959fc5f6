"""The page on periods: every example on it is what the code says."""

from __future__ import annotations

import re
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from exporter.errors import PeriodError
from exporter.periods import (
    COMPARISON_RULES,
    FIRST_YEAR,
    LAST_YEAR,
    MAX_AVERAGED,
    MAX_PIECES,
    UNITS,
    compare,
    parse,
)

PAGE = (Path(__file__).parents[2] / "docs" / "periods.md").read_text()
TODAY = date(2026, 11, 28)
BERLIN = ZoneInfo("Europe/Berlin")


def table(heading: str) -> list[list[str]]:
    """Return the rows of the tables under a heading."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = [
        [cell.strip() for cell in line.split("|")[1:-1]] for line in section.splitlines() if line[:3] == "| `"
    ]
    assert len(rows) >= 4, heading
    return rows


TYPED = [
    (typed, row[1].strip("`"))
    for row in table("How a period is typed")
    for typed in re.findall("`([^`]+)`", row[0])
]
COMPARED = [row for row in table("Comparison") if len(row) == 4]


@pytest.mark.parametrize(("typed", "name"), TYPED)
def test_every_example_is_the_period_that_the_page_says(typed: str, name: str) -> None:
    """On the day that it states."""
    assert f"{TODAY:On %A %-d %B %Y}:" in PAGE
    assert parse(typed, TODAY, BERLIN).name == name


def test_every_unit_has_its_examples() -> None:
    """Absolute, and from today."""
    periods = [(typed, parse(typed, TODAY, BERLIN).kind) for typed, _ in TYPED]
    for unit in UNITS:
        assert {typed[0].isdigit() for typed, kind in periods if kind == unit} == {True, False}
    assert {"months", "range"} <= {kind for _, kind in periods}


@pytest.mark.parametrize(("typed", "told"), table("What is no period"))
def test_every_mistake_is_told_as_the_page_says(typed: str, told: str) -> None:
    """Word for word."""
    with pytest.raises(PeriodError) as error:
        parse(typed.strip("`"), TODAY, BERLIN)
    assert str(error.value) == told


@pytest.mark.parametrize(("period", "now", "rule", "words"), COMPARED)
def test_every_comparison_is_what_the_page_says(period: str, now: str, rule: str, words: str) -> None:
    """Named by the rule, which is what is done by itself where that is said."""
    asked, moment = (
        parse(period.strip("`"), TODAY, BERLIN),
        datetime.fromisoformat(now).replace(tzinfo=BERLIN),
    )
    (named,) = (known for known in COMPARISON_RULES if known == rule.strip("`"))
    assert compare(asked, moment, named).words == words
    if named in ("same_point", "whole"):
        assert compare(asked, moment).rule == named


def test_every_rule_and_bound_is_on_the_page() -> None:
    """As the code has it."""
    assert [row[0].strip("`") for row in table("Comparison") if len(row) == 3] == list(COMPARISON_RULES)
    assert {row[2].strip("`") for row in COMPARED} == set(COMPARISON_RULES)
    assert f"{FIRST_YEAR} to {LAST_YEAR}" in PAGE
    assert f"at most {MAX_PIECES:,}" in PAGE
    assert f"the 1 to {MAX_AVERAGED} before it" in PAGE
