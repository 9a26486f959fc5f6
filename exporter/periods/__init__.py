"""Periods: stretches of whole days of the reporting zone, as people type them.

Pure:   today, now and the zone are arguments; a period of the same text is the same in every process.
Beware: a window ends now; a period ends at midnight, and is running until then.
"""

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
    "FIRST_YEAR",
    "LAST_YEAR",
    "MAX_PIECES",
    "UNITS",
    "Period",
    "PeriodKind",
    "Unit",
    "parse",
    "split",
]
