"""The series of the past, as docs/metrics.md lists them. They are read remotely, and never scraped."""

from __future__ import annotations

from exporter.stream.metrics import StreamMetric

KNOWN = "known"
NOW = "now"
"""As it is known now, which is the only way these series are stated; beside it there is room for others."""

NET = StreamMetric("northstar_day_net_usd", "gauge", "What a day came to.", (KNOWN,))
COMPONENT = StreamMetric(
    "northstar_day_component_usd",
    "gauge",
    "One part of it; those of a day sum to its net.",
    ("component", KNOWN),
)
SOURCE = StreamMetric(
    "northstar_day_source_usd",
    "gauge",
    "The same part of one source; those of a component sum to it.",
    ("source", "component", KNOWN),
)
GRADE = StreamMetric(
    "northstar_day_grade", "gauge", "1 for the grade that the day's net is of.", ("grade", KNOWN)
)
MONTH_NET = StreamMetric(
    "northstar_month_net_usd",
    "gauge",
    "What a month that is over came to, such as `2026-10`.",
    ("month", KNOWN),
)
MONTH_COMPONENT = StreamMetric(
    "northstar_month_component_usd",
    "gauge",
    "One part of it; those of a month sum to its net.",
    ("month", "component", KNOWN),
)
MONTH_GRADE = StreamMetric(
    "northstar_month_grade",
    "gauge",
    "1 for the grade that the month's net is of.",
    ("month", "grade", KNOWN),
)

DAYS = (NET, COMPONENT, SOURCE, GRADE)
MONTHS = (MONTH_NET, MONTH_COMPONENT, MONTH_GRADE)
METRICS = (*DAYS, *MONTHS)
