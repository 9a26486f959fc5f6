"""Why a figure is what it is: from the snapshot over the entries to the raw answers they were read from.

A figure is explained as it was published: by the records that were known then. Its lines sum to it,
and where they do not, that is said.
"""

from exporter.explain.day import explain_day
from exporter.explain.figure import FIGURES, explain_figure
from exporter.explain.lines import MOST_RECORDS, CannotExplain, DayExplained, Explained

__all__ = [
    "FIGURES",
    "MOST_RECORDS",
    "CannotExplain",
    "DayExplained",
    "Explained",
    "explain_day",
    "explain_figure",
]
