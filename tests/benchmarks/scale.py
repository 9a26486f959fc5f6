"""How much each run measures. The full sizes are those of the budgets; the quick ones show that it works."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """The sizes of one run. `name` stands in the page that it writes."""

    name: str
    records: int
    few_records: int = 10_000
    killed_records: int
    positions: int = 1_000
    ticks: int
    commits: int
    scrapes: int
    history_rows: int
    history_questions: int
    backup_commits: int
    demo_seconds: float
    updates: int
    crowd: int
    kept_snapshots: int
    streams: tuple[int, ...]
    beside: int
    stream_events: int
    cursor_events: int


FULL = Scale(
    name="full",
    records=1_000_000,
    killed_records=100_000,
    ticks=400,
    commits=400,
    scrapes=300,
    history_rows=259_200,
    history_questions=200,
    backup_commits=100,
    demo_seconds=60,
    updates=200,
    crowd=1_000,
    kept_snapshots=1_000,
    streams=(500, 1_000, 5_000, 10_000),
    beside=5_000,
    stream_events=12,
    cursor_events=100_000,
)

LONG = replace(FULL, name="long", killed_records=1_000_000)
"""Ten kills on the way to a million fills take ten minutes of their own."""

QUICK = Scale(
    name="quick",
    records=50_000,
    killed_records=20_000,
    ticks=100,
    commits=100,
    scrapes=100,
    history_rows=20_000,
    history_questions=50,
    backup_commits=30,
    demo_seconds=8,
    updates=50,
    crowd=20,
    kept_snapshots=300,
    streams=(300,),
    beside=300,
    stream_events=6,
    cursor_events=2_000,
)

TINY = Scale(
    name="tiny",
    records=400,
    killed_records=400,
    few_records=100,
    positions=5,
    ticks=3,
    commits=3,
    scrapes=3,
    history_rows=50,
    history_questions=3,
    backup_commits=2,
    demo_seconds=0,
    updates=2,
    crowd=2,
    kept_snapshots=5,
    streams=(3,),
    beside=3,
    stream_events=2,
    cursor_events=60,
)
"""For tests of the benchmarks themselves."""
