"""Periods: stretches of whole days of the reporting zone, as people type and compare them.

Pure:   today, now and the zone are arguments; a period of the same text is the same in every process.
Beware: a window ends now; a period ends at midnight, and is running until then.
"""

from exporter.periods.comparison import (
    COMPARISON_RULES,
    MAX_AVERAGED,
    WEEKS_BACK,
    ComparisonRule,
    Elapsed,
    Mean,
    MoneyChange,
    PeriodComparison,
    compare,
    compared,
)
from exporter.periods.grammar import parse
from exporter.periods.period import (
    FIRST_YEAR,
    LAST_YEAR,
    MAX_PIECES,
    UNITS,
    Period,
    PeriodKind,
    Unit,
    split,
)

__all__ = [
    "COMPARISON_RULES",
    "FIRST_YEAR",
    "LAST_YEAR",
    "MAX_AVERAGED",
    "MAX_PIECES",
    "UNITS",
    "WEEKS_BACK",
    "ComparisonRule",
    "Elapsed",
    "Mean",
    "MoneyChange",
    "Period",
    "PeriodComparison",
    "PeriodKind",
    "Unit",
    "compare",
    "compared",
    "parse",
    "split",
]
