"""PromQL, said once. `W` in a name stands for the window a reader chose.

A figure graded `missing` has no sample. Where a panel draws a line, NaN stands in its place, so that the
line ends and the panel says `no figure`, instead of going on with the last value that there was.
"""

from __future__ import annotations

from collections.abc import Iterable

from exporter.snapshot import Grade
from grafana.words import WINDOW_WORDS

CHOSEN = "$window"
TRADING, SALES, API_COST = "trading_.+", "sales_.+", "api_cost_.+"


def or_nothing(query: str) -> str:
    """Return the query with NaN where it has no sample."""
    return f"{query} or vector(NaN)"


def net(window: str = CHOSEN) -> str:
    """Return the net of a window."""
    return or_nothing(f'max(northstar_pnl_net_usd{{window="{window}"}})')


def grade(window: str = CHOSEN) -> str:
    """Return the grade of a net; missing when nobody states one."""
    return f'min(northstar_pnl_grade{{window="{window}"}}) or vector(0)'


def as_of(window: str = CHOSEN) -> str:
    """Return when the oldest part of a net was true, in the milliseconds that Grafana counts time in."""
    return f'1000 * min(northstar_pnl_as_of_timestamp_seconds{{window="{window}"}})'


def component(name: str, window: str = CHOSEN) -> str:
    """Return one component of a net."""
    return or_nothing(f'max(northstar_pnl_component_usd{{window="{window}",component="{name}"}})')


def parts(pattern: str, window: str = CHOSEN) -> str:
    """Return the sum of the components whose names match; nothing when one of them is missing."""
    which = f'window="{window}",component=~"{pattern}"'
    return (
        f"(sum(northstar_pnl_component_usd{{{which}}})"
        f" unless (min(northstar_pnl_component_grade{{{which}}}) == 0))"
    )


def part(pattern: str, window: str = CHOSEN) -> str:
    """Return `parts` as a line that ends where there is no figure."""
    return or_nothing(parts(pattern, window))


def cost(window: str = CHOSEN) -> str:
    """Return the API cost as a positive amount."""
    return f"-{parts(API_COST, window)}"


def gross(window: str = CHOSEN) -> str:
    """Return gross sales."""
    return f'max(northstar_pnl_component_usd{{window="{window}",component="sales_gross"}})'


def sales(figure: str, window: str = CHOSEN) -> str:
    """Return a figure of sales that is no component: a count, or one per order."""
    return or_nothing(f'max(northstar_sales_{figure}{{window="{window}"}})')


SNAPSHOT_AGE_LIMIT = 'max(northstar_limit_seconds{limit="snapshot_age"})'
"""The age beyond which the exporter counts as stopped; the stream's health and the page go by the same."""

TRUST = (
    '((min(northstar_pnl_grade{window="today"}) >= bool 3)'
    ' + (min(northstar_pnl_grade{window="today"}) >= bool 2))'
    " * min(northstar_check_ok)"
    f" * (time() - max(northstar_snapshot_timestamp_seconds) < bool {SNAPSHOT_AGE_LIMIT})"
    " or vector(0)"
)
"""2 when today's net is final or estimated, every truth check holds and the snapshot is fresh; 1 when it is
partial; else 0."""

_AGE = "max(job:northstar_snapshot:age_seconds)"
SNAPSHOT_AGE = (
    f'label_replace({_AGE} <= {SNAPSHOT_AGE_LIMIT}, "state", "fresh", "", "")'
    f' or on () label_replace({_AGE}, "state", "stopped", "", "")'
)
"""The age of the newest snapshot. Whether it is within the limit is a label: a threshold of a panel is a
number in its file, and would not follow the setting."""


def grown(counter: str, over: str, labels: str = "") -> str:
    """Return by how much counters grew, also those that appear with their first event.

    `increase` does not see the step from nothing to one, and a counter by reason begins with it.
    """
    series = f"{counter}{{{labels}}}" if labels else counter
    return f"(({series} unless last_over_time({series}[1d] offset {over})) or increase({series}[{over}]))"


SOURCES_UP = "max by (source) (northstar_source_up)"
STATED_IN = "max by (currency, timezone, mark_rule) (northstar_snapshot_info)"


def in_order(label: str, names: Iterable[str], present: str) -> str:
    """Return 1, 2, 3 ... for the label's values that `present` has: what a table is put in order by."""
    numbers = " or ".join(
        f'label_replace(vector({number}), "{label}", "{name}", "", "")'
        for number, name in enumerate(names, start=1)
    )
    return f"({numbers}) and on ({label}) ({present})"


WINDOWS_IN_ORDER = in_order("window", WINDOW_WORDS, "max by (window) (northstar_pnl_grade)")


def with_net(components: str, total: str) -> str:
    """Return a query by component with the net as one more line."""
    return f'{components} or label_replace({total}, "component", "net", "", "")'


DAY_NET = 'last_over_time(northstar_day_net_usd{known="now"}[1d] offset -1d)'
"""The day that begins at each step of a day: its sample is at noon."""

MONTHS_BACK = "400d"
"""Holds the end of each of the last twelve months that are over, and of the one before."""


def month(metric: str, matchers: str = "") -> str:
    """Return a figure of each month that is over."""
    which = f'known="now",{matchers}' if matchers else 'known="now"'
    return f"sum by (month) (last_over_time(northstar_month_{metric}{{{which}}}[{MONTHS_BACK}]))"


def month_part(pattern: str) -> str:
    """Return the sum of the components of each month whose names match."""
    return month("component_usd", f'component=~"{pattern}"')


def month_grade() -> str:
    """Return the grade of each month as its number."""
    return " or ".join(
        f"{grade.value} * " + month("grade", f'grade="{grade.word}"') for grade in reversed(Grade)
    )
