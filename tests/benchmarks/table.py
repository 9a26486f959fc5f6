"""What was measured, against its budget, as lines of a table for the terminal and the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

HEADINGS = ("what", "budget", "measured", "verdict")


@dataclass(frozen=True, slots=True)
class Row:
    """One line. `within` is None where there is no budget: the figure is there to be known."""

    what: str
    budget: str
    measured: str
    within: bool | None = None

    @property
    def cells(self) -> tuple[str, str, str, str]:
        verdict = "" if self.within is None else "within" if self.within else "**over**"
        return self.what, self.budget, self.measured, verdict


def timed(what: str, seconds: Sequence[float], budget_ms: float | None = None, beside: str = "") -> Row:
    """Return the row of many timings: median and p99, which is what the budget is about."""
    p99 = percentile(seconds, 99) * 1e3
    measured = f"p50 {percentile(seconds, 50) * 1e3:.2f} ms, p99 {p99:.2f} ms"
    if beside:
        measured += f"; {beside}"
    if budget_ms is None:
        return Row(what, "", measured)
    return Row(what, f"p99 {budget_ms:g} ms", measured, p99 <= budget_ms)


def most(what: str, value: float, budget: float, unit: str, beside: str = "") -> Row:
    """Return the row of one figure that should be at most `budget`."""
    measured = f"{value:.3g} {unit}" if value < 100 else f"{value:.0f} {unit}"
    return Row(what, f"{budget:g} {unit}", measured + (f"; {beside}" if beside else ""), value <= budget)


def unmeasured(what: str, budget: str, why: str) -> Row:
    """Return the row of what could not be measured, which counts as over: nobody saw it keep its budget."""
    return Row(what, budget, f"not measured: {why}", False if budget else None)


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the smallest value that `percent` of all values do not exceed."""
    ordered = sorted(values)
    place = -(-len(ordered) * percent // 100) - 1
    return ordered[max(0, int(place))]


def markdown(rows: Sequence[Row]) -> str:
    """Return the rows as a Markdown table, aligned so that it also reads as text."""
    lines = [HEADINGS, *(row.cells for row in rows)]
    widths = [max(len(line[place]) for line in lines) for place in range(len(HEADINGS))]
    shown = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |"
        for line in lines
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([shown[0], rule, *shown[1:]])
