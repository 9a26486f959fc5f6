"""Pipeline health and SLO: which source is down, since when, and does what we publish arrive in time?"""

from __future__ import annotations

from grafana import queries, words
from grafana.dashboard import Dashboard, Row, datasource, source, trust, window
from grafana.panels import Column, Panel, Query, about, lines, stat, table
from grafana.words import BYTES, COUNT, SECONDS, SHARE

OBJECTIVE = 0.999
"""Share of the deltas that reach a connected client's socket in time, over an hour."""

CHOSEN = 'source=~"$source"'
REFUSED = " + ".join(
    f"sum(increase(northstar_{counter}_total[1h]))" for counter in ("snapshots_refused", "store_errors")
)
SENT = "northstar_stream_commit_to_send_seconds"


def dashboard() -> Dashboard:
    """Return the dashboard of the machinery."""
    return Dashboard(
        "pipeline",
        "5 Pipeline health and SLO",
        "The sources, the exporter, the stream and their promises: what is down, since when, what is late.",
        [
            trust(),
            Row([_sources()]),
            Row(
                [
                    _job("Exporter", "northstar-exporter"),
                    _job("Stream", "northstar-stream"),
                    _job("Alertmanager", "alertmanager"),
                    _grafana_live(),
                    _snapshot_age(),
                    _count(
                        "Checks that fail", "count(northstar_check_ok == 0)", "Truth checks that do not hold."
                    ),
                    _count(
                        "Alerts that fire",
                        'count(ALERTS{alertstate="firing",alertname!="Watchdog"})',
                        "Alerts of all severities, the dead man's switch apart.",
                        source="prometheus",
                    ),
                    _count(
                        "Refused, 1 h",
                        REFUSED,
                        "Snapshots whose books did not balance, or that could not be written; the last good "
                        "one stayed.",
                        source="health",
                    ),
                ]
            ),
            Row([_alerts()]),
            Row([_aside()]),
            Row([_readings(), _errors(), _ages(), _budget(), _shapes(), _durations(), _quotes()], "Sources"),
            Row([_cycle(), _commit(), _jobs(), _database(), _room(), _backup()], "Exporter"),
            Row([_slo(), _delivery(), _clients(), _resyncs(), _ends(), _pushes()], "Stream"),
        ],
        since="now-1h",
        variables=(datasource(), window(), source()),
    )


def _sources() -> Panel:
    def by_source(metric: str) -> str:
        return f"max by (source) ({metric}{{{CHOSEN}}})"

    return table(
        "Sources: which one is down, and since when",
        "source",
        [
            Column("Last reading", by_source("northstar_source_up"), words.WORD, words.ANSWERS),
            Column("Grade", by_source("northstar_source_grade"), words.WORD, words.GRADES),
            Column("As of", f"1000 * {by_source('northstar_source_as_of_timestamp_seconds')}", words.INSTANT),
            Column(
                "Last complete answer",
                f"1000 * {by_source('northstar_source_last_success_timestamp_seconds')}",
                words.CLOCK,
                width=200,
            ),
            Column("Breaker", by_source("northstar_source_breaker_state"), words.WORD, words.BREAKER),
            Column("Clock skew", by_source("northstar_source_clock_skew_seconds"), SECONDS, decimals=1),
            Column("Live feed", by_source("northstar_live_connected"), words.WORD, words.LIVE),
            Column(
                "Rows aside",
                f"sum by (source) (northstar_source_rows_aside{{{CHOSEN}}}) "
                f"or 0 * sum by (source) (northstar_source_up{{{CHOSEN}}})",
                COUNT,
                words.IF_ANY,
                decimals=0,
            ),
            Column(
                "Missing past",
                by_source("northstar_history_gap_seconds"),
                SECONDS,
                words.IF_ANY,
                decimals=0,
            ),
        ],
        about(
            "A source whose last reading failed has been down since its last complete answer (the browser's "
            "time). Its reason is in the panel of errors below, and in a sentence on the live page."
        ),
        heading="Source",
        width=24,
        height=6,
        first=130,
    )


def _job(title: str, job: str) -> Panel:
    return stat(
        title,
        Query(f'min(up{{job="{job}"}}) or vector(0)', now=True),
        about("Whether Prometheus could read it at the last scrape.", source="prometheus"),
        unit=words.WORD,
        mappings=words.RUNS,
        width=3,
        height=3,
    )


def _grafana_live() -> Panel:
    return stat(
        "Grafana Live",
        Query("max(northstar_grafana_live_up)", now=True),
        about("Whether it takes what the stream pushes; off while nothing is pushed.", source="stream"),
        unit=words.WORD,
        mappings=words.LIVE,
        width=3,
        height=3,
    )


def _alerts() -> Panel:
    def by_alert(labels: str = "") -> str:
        return f"max by (alertname) (ALERTS{labels})"

    critical, warning = by_alert('{severity="critical"}'), by_alert('{severity="warning"}')
    severity = f"2 * {critical} or {warning} or 0 * {by_alert()}"
    state = by_alert('{alertstate="firing"}') + f" or 0 * {by_alert()}"
    return table(
        "Alerts",
        "alertname",
        [
            Column("Severity", severity, words.WORD, words.SEVERITY),
            Column("State", state, words.WORD, words.FIRES),
            Column("Since", "1000 * max by (alertname) (ALERTS_FOR_STATE)", words.CLOCK),
        ],
        about(
            "What fires or is about to. Watchdog always fires: it shows that alerts are computed, and its "
            "absence at the receiver that they do not arrive. Each alert's runbook says what to do.",
            source="prometheus",
        ),
        heading="Alert",
        largest="Severity",
        width=24,
        height=6,
        first=320,
    )


def _aside() -> Panel:
    by_field = (
        f"sum by (source, list, field) (northstar_source_rows_aside{{{CHOSEN}}}) "
        f"or on() 0 * max(northstar_source_up{{{CHOSEN}}})"
    )
    return table(
        "Rows set aside: which field of which list cannot be read",
        "source",
        [Column("Rows", by_field, COUNT, words.IF_ANY, decimals=0, width=120)],
        about(
            "Rows of the sources' lists that cannot be read. They are in no figure, and what rests on them "
            "is partial. GET /api/pnl/aside has each as it came.",
            source="health",
        ),
        heading="Source",
        beside={"list": "List", "field": "Field"},
        largest="Rows",
        width=24,
        height=5,
        first=130,
    )


def _snapshot_age() -> Panel:
    return stat(
        "Newest snapshot",
        Query(queries.SNAPSHOT_AGE, "{{state}}", now=True),
        about(
            "Its age. Beyond NORTHSTAR_LIMIT_SNAPSHOT_AGE_SECONDS the exporter counts as stopped.",
            formula="now - time of the snapshot",
        ),
        unit=SECONDS,
        decimals=0,
        named=True,
        width=3,
        height=3,
    )


def _count(title: str, query: str, what: str, *, source: str = "exporter") -> Panel:
    return stat(
        title,
        Query(f"{query} or vector(0)", now=True),
        about(what, source=source),
        unit=COUNT,
        decimals=0,
        steps=words.late(1),
        width=3,
        height=3,
    )


def _readings() -> Panel:
    return lines(
        "Requests by outcome",
        [
            Query(
                "sum by (source, outcome) (rate("
                f"northstar_source_requests_total{{{CHOSEN}}}[$__rate_interval]))",
                "{{source}} {{outcome}}",
            )
        ],
        about("Requests to the sources, with all their attempts.", source="health", formula="a second"),
        unit=words.PER_SECOND,
    )


def _errors() -> Panel:
    failed = queries.grown("northstar_source_errors_total", "5m", CHOSEN)
    none = f"0 * max by (source) (northstar_source_up{{{CHOSEN}}})"
    return lines(
        "Readings that failed, 5 minutes",
        [
            Query(
                f"sum by (source, reason) ({failed}) or {none}",
                "{{source}} {{reason}}",
            )
        ],
        about(
            "By reason; docs/troubleshooting.md says what to do.",
            source="health",
            formula="growth over 5 min",
        ),
        unit=COUNT,
    )


def _ages() -> Panel:
    return lines(
        "Age of each source",
        [
            Query(
                f"time() - max by (source) (northstar_source_as_of_timestamp_seconds{{{CHOSEN}}})",
                "{{source}}",
            )
        ],
        about("How long ago its figures were true; stale beyond its freshness limit.", formula="now - as of"),
        unit=SECONDS,
    )


def _budget() -> Panel:
    return lines(
        "Request budget left",
        [
            Query(
                f"max by (source) (northstar_source_tokens_available{{{CHOSEN}}})",
                "{{source}}",
            )
        ],
        about("Tokens left of our share of the source's budget. At zero readings wait.", source="health"),
        unit=COUNT,
    )


def _shapes() -> Panel:
    none = f"0 * max by (source) (northstar_source_up{{{CHOSEN}}})"
    return lines(
        "Answers of another shape, 15 minutes",
        [
            Query(
                f"max by (source, field) (source_field:northstar_source_malformed:increase15m{{{CHOSEN}}})"
                f" or {none}",
                "{{source}} {{field}}",
            )
        ],
        about(
            "A field that is missing, renamed or of another type: nothing of the answer was booked.",
            source="health",
            formula="growth over 15 min",
        ),
        unit=COUNT,
        width=8,
    )


def _durations() -> Panel:
    by_source = f"sum by (le, source) (rate(northstar_source_fetch_seconds_bucket{{{CHOSEN}}}[5m]))"
    return lines(
        "A reading takes, 99 %",
        [Query(f"histogram_quantile(0.99, {by_source})", "{{source}}")],
        about("How long a complete reading took.", source="health", formula="quantile over 5 min"),
        unit=SECONDS,
        width=8,
    )


def _quotes() -> Panel:
    return lines(
        "Live feed",
        [
            Query(
                f"sum by (source) (rate(northstar_live_frames_total{{{CHOSEN}}}[$__rate_interval]))",
                "{{source}}",
            )
        ],
        about("Frames of the venue's live feed.", source="health", formula="a second"),
        unit=words.PER_SECOND,
        width=8,
    )


def _quantile(share: float, histogram: str) -> str:
    return f"histogram_quantile({share}, sum by (le) (rate({histogram}_bucket[5m])))"


def _cycle() -> Panel:
    return lines(
        "From asking a source to publishing",
        [
            Query(_quantile(0.5, "northstar_cycle_seconds"), "median"),
            Query("max(job:northstar_cycle_seconds:p99_5m)", "99 %"),
        ],
        about("How long a cycle takes.", source="health", formula="quantiles over 5 min"),
        unit=SECONDS,
    )


def _commit() -> Panel:
    return lines(
        "Durable commit of a snapshot",
        [
            Query(_quantile(0.5, "northstar_commit_seconds"), "median"),
            Query("max(job:northstar_commit_seconds:p99_5m)", "99 %"),
            Query('max(northstar_limit_seconds{limit="commit"})', "limit"),
        ],
        about(
            "Nothing is shown before it is on disk, so this is part of every delay.",
            source="health",
            formula="quantiles over 5 min",
        ),
        unit=SECONDS,
        colors=(words.BLUE, words.ORANGE, words.GREY),
    )


def _jobs() -> Panel:
    skipped = queries.grown("northstar_jobs_skipped_total", "5m")
    return lines(
        "Scheduled runs that did not happen, 5 minutes",
        [
            Query(f"(max by (task) ({counted}) > 0) or vector(0)", f"{word} {{{{task}}}}")
            for word, counted in (
                ("missed", "task:northstar_jobs_missed:increase5m"),
                ("failed", "task:northstar_jobs_failed:increase5m"),
                ("skipped", skipped),
            )
        ],
        about(
            "Missed: later than its own interval. Failed: raised. Skipped: the last run still went on.",
            source="health",
            formula="growth over 5 min",
        ),
        unit=COUNT,
        width=9,
    )


def _database() -> Panel:
    return lines(
        "Database",
        [Query("max(northstar_store_bytes)", "Size")],
        about("Its size with its log.", source="health"),
        unit=BYTES,
        width=6,
    )


def _room() -> Panel:
    return stat(
        "Room on its disk",
        Query("max(northstar_store_free_bytes)", now=True),
        about(
            "What is free where the database is. When it is full nothing new is published.", source="health"
        ),
        unit=BYTES,
        decimals=0,
        width=4,
        height=8,
    )


def _backup() -> Panel:
    age = "time() - max(northstar_backup_timestamp_seconds)"
    return stat(
        "Newest verified backup",
        Query(f"{age} or (-1 - max(northstar_backup_on))", now=True),
        about(
            "Its age. A copy counts when every row of it was compared with the database. Off until "
            "NORTHSTAR_BACKUP_FOLDER names a folder.",
            source="health",
            formula="now - time of the newest one",
        ),
        unit=SECONDS,
        decimals=0,
        mappings=words.BACKUP,
        width=5,
        height=8,
    )


def _slo() -> Panel:
    in_time = f'sum(rate({SENT}_bucket{{le="0.05"}}[1h])) / sum(rate({SENT}_count[1h]))'
    return stat(
        "Delivered in 50 ms, 1 h",
        Query(in_time, now=True),
        about(
            f"Share of deltas written to a client's socket within 50 ms; the objective is {OBJECTIVE:.1%}. "
            "No figure while nobody is connected.",
            source="stream",
            formula="deltas sent within 50 ms / deltas sent, over an hour",
        ),
        unit=SHARE,
        decimals=2,
        steps=[(None, words.ORANGE), (OBJECTIVE, words.BLUE)],
        width=6,
        height=8,
    )


def _delivery() -> Panel:
    return lines(
        "From commit to socket",
        [
            Query(_quantile(0.5, SENT), "median"),
            Query("max(job:northstar_stream_commit_to_send_seconds:p99_5m)", "99 %"),
        ],
        about(
            "From noticing a commit to the delta being written.",
            source="stream",
            formula="quantiles over 5 min",
        ),
        unit=SECONDS,
        width=6,
    )


def _clients() -> Panel:
    return lines(
        "Clients",
        [Query("sum by (transport) (northstar_stream_clients)", "{{transport}}")],
        about("Connected or waiting now, by transport.", source="stream"),
        unit=COUNT,
        width=6,
    )


def _resyncs() -> Panel:
    return lines(
        "Readers that started over, 5 minutes",
        [Query("sum by (reason) (increase(northstar_stream_resyncs_total[5m]))", "{{reason}}")],
        about(
            "A reader that was away too long, or too slow, is sent a whole snapshot.",
            source="stream",
            formula="increase over 5 min",
        ),
        unit=COUNT,
        width=6,
    )


def _ends() -> Panel:
    return lines(
        "Streams that ended, 5 minutes",
        [Query("sum by (reason) (increase(northstar_stream_ends_total[5m]))", "{{reason}}")],
        about(
            "Lost: the client went. Stalled: it read nothing. Rotated and restart: we asked it to come back.",
            source="stream",
            formula="increase over 5 min",
        ),
        unit=COUNT,
    )


def _pushes() -> Panel:
    return lines(
        "Pushes to Grafana Live",
        [
            Query(
                "sum by (outcome) (rate(northstar_grafana_live_pushes_total[$__rate_interval]))"
                " or on () vector(0)",
                "{{outcome}}",
            )
        ],
        about("By outcome; none while nothing is pushed.", source="stream", formula="a second"),
        unit=words.PER_SECOND,
    )
