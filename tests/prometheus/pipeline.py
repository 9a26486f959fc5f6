"""When the alerts on the pipeline fire, when they are quiet, and when they are taken back."""

from __future__ import annotations

from tests.prometheus.rules import EXPORTER, STREAM, Case, series, steps

WATCHER = {"job": "prometheus", "instance": "localhost:9090"}
SENDER = {"job": "alertmanager", "instance": "alertmanager:9093"}


def late(fast: str, all_of_them: str, samples: int) -> dict[str, str]:
    """Return the counters of deltas in time, and of all, with the limit of one in a thousand."""
    return {
        series("northstar_stream_commit_to_send_seconds_bucket", STREAM, le="0.05"): fast,
        series("northstar_stream_commit_to_send_seconds_bucket", STREAM, le="+Inf"): all_of_them,
        series("northstar_stream_commit_to_send_seconds_count", STREAM): all_of_them,
        series("northstar_limit_ratio", limit="stream_late"): f"0.001x{samples}",
    }


def counted(*parts: tuple[int, int]) -> str:
    """Return a counter that grows by so much a sample, for so many samples each."""
    words, total = [], 0
    for each, count in parts:
        words.append(f"{total}+{each}x{count - 1}")
        total += each * count
    return " ".join(words)


CASES = [
    Case(
        "NorthstarExporterDown",
        "fires a minute after the exporter stops answering",
        {series("up"): steps((1, 10), (0, 10), (1, 10)), series("up", STREAM): "0x30"},
        ["9m", "10m", "20m"],
        ["11m", "19m"],
        summary="The exporter does not answer at exporter:9108.",
    ),
    Case(
        "NorthstarExporterDown",
        "fires when nobody even tries to reach it",
        {series("up", STREAM): "1x30"},
        ["0m"],
        ["1m"],
        {"job": "northstar-exporter"},
        "The exporter does not answer.",
    ),
    Case(
        "NorthstarStreamDown",
        "fires a minute after the stream stops answering",
        {series("up", STREAM): steps((1, 10), (0, 10), (1, 10)), series("up"): "0x30"},
        ["9m", "10m", "20m"],
        ["11m", "19m"],
        STREAM,
        "The stream does not answer at stream:8080.",
    ),
    Case(
        "NorthstarStreamDown",
        "fires when nobody even tries to reach it",
        {series("up"): "1x30"},
        ["0m"],
        ["1m"],
        {"job": "northstar-stream"},
        "The stream does not answer.",
    ),
    Case(
        "NorthstarSnapshotOld",
        "fires when the newest figures are older than the limit, and the exporter answers",
        {
            series("northstar_snapshot_timestamp_seconds"): "0+60x10 600x9 1200+60x10",
            series("northstar_limit_seconds", limit="snapshot_age"): "60x40",
            series("northstar_limit_seconds", limit="commit"): "0.1x40",
        },
        ["11m", "12m", "21m"],
        ["13m"],
        summary="The newest figures are 3m 0s old, although the exporter answers.",
    ),
    Case(
        "NorthstarClockStepped",
        "fires for ten minutes after each step, with its size",
        {
            series("northstar_clock_steps_total"): steps((0, 20), (1, 40)),
            series("northstar_clock_step_seconds"): steps((0, 20), (-3600, 40)),
        },
        ["19m", "30m", "50m"],
        ["20m", "29m"],
        EXPORTER,
        "The clock of northstar-exporter was set by -1h 0m 0s.",
    ),
    Case(
        "NorthstarClockSkewed",
        "fires when a source's clock is further ahead than the limit for five minutes",
        {
            series("northstar_source_clock_skew_seconds", source="kalshi"): steps(
                (60, 20), (61, 20), (60, 20)
            ),
            series("northstar_limit_seconds", limit="clock_skew"): "60x60",
            series("northstar_limit_seconds", limit="snapshot_age"): "10x60",
        },
        ["19m", "24m", "40m"],
        ["25m", "39m"],
        {**EXPORTER, "source": "kalshi"},
        "The clocks of kalshi and of this machine are 1m 1s apart.",
    ),
    Case(
        "NorthstarClockSkewed",
        "fires when a source's clock is behind",
        {
            series("northstar_source_clock_skew_seconds", source="sales"): steps((-7200, 60)),
            series("northstar_limit_seconds", limit="clock_skew"): "60x60",
        },
        ["4m"],
        ["5m"],
        {**EXPORTER, "source": "sales"},
        "The clocks of sales and of this machine are 2h 0m 0s apart.",
    ),
    Case(
        "NorthstarCyclesMissed",
        "fires when runs are missed again and again, not when one was",
        {
            series("northstar_jobs_missed_total", task="kalshi"): "_x10 1x9 1+1x14 15x20",
            series("northstar_jobs_failed_total", task="kalshi"): "0x60",
        },
        ["12m", "17m", "30m", "39m"],
        ["31m", "34m"],
        {**EXPORTER, "task": "kalshi"},
        "Scheduled runs of kalshi are missed or fail: 5 in 5 minutes.",
    ),
    Case(
        "NorthstarCyclesMissed",
        "fires when runs fail",
        {
            series("northstar_jobs_failed_total", task="retention"): "0x9 0+1x14 14x20",
            series("northstar_jobs_missed_total", task="retention"): "0x60",
        },
        ["9m", "20m", "40m"],
        ["21m", "23m"],
        {**EXPORTER, "task": "retention"},
        "Scheduled runs of retention are missed or fail: 5 in 5 minutes.",
    ),
    Case(
        "NorthstarStoreFails",
        "fires while commits are refused",
        {series("northstar_store_errors_total"): "0x9 1x20"},
        ["9m", "10m", "16m"],
        ["11m", "14m"],
    ),
    Case(
        "NorthstarStoreDamaged",
        "fires with the first row that a scrub finds",
        {series("northstar_store_damaged_rows", table="records"): "0x9 3x10 0x9"},
        ["5m", "9m", "22m"],
        ["10m", "19m"],
        summary="3 stored rows are not what was written.",
    ),
    Case(
        "NorthstarCommitSlow",
        "fires when the slowest in a hundred takes longer than the limit for ten minutes",
        {
            series("northstar_commit_seconds_bucket", le="0.1"): counted((99, 20), (98, 20), (99, 20)),
            series("northstar_commit_seconds_bucket", le="0.5"): counted((100, 60)),
            series("northstar_commit_seconds_bucket", le="+Inf"): counted((100, 60)),
            series("northstar_limit_seconds", limit="commit"): "0.1x60",
            series("northstar_limit_seconds", limit="snapshot_age"): "60x60",
        },
        ["19m", "30m", "46m"],
        ["31m", "40m"],
        summary="1 commit in 100 takes longer than 300ms.",
    ),
    Case(
        "NorthstarDiskFillsUp",
        "fires when less is left than the limit",
        {
            series("northstar_store_free_bytes"): steps((1e9, 20), (999999999, 20), (1e9, 20)),
            series("northstar_limit_bytes", limit="disk_free"): "1000000000x60",
        },
        ["19m", "34m", "40m"],
        ["35m", "39m"],
        summary="953.7MiB are left where the database is.",
    ),
    Case(
        "NorthstarDiskFillsUp",
        "fires when the space will be used up within three days at the pace of the last hours",
        {
            series("northstar_store_free_bytes"): "100000000000-22000000x120 97360000000-24000000x240",
            series("northstar_limit_bytes", limit="disk_free"): "1000000000x400",
        },
        ["100m", "119m"],
        ["300m"],
        summary="At the pace of the last 6 hours the disk of the database is full within 3 days.",
    ),
    Case(
        "NorthstarBackupNotVerified",
        "fires when the newest one has been older than the limit for a quarter of an hour",
        {
            # From the 20th to the 40th minute its age is the limit, and no more.
            series("northstar_backup_timestamp_seconds"): "0x20 60+60x19 1200x39 4800x20",
            series("northstar_limit_seconds", limit="backup_age"): "1200x100",
            series("northstar_limit_seconds", limit="snapshot_age"): "60x100",
            series("northstar_snapshot_timestamp_seconds"): "0+60x100",
        },
        ["39m", "40m", "55m", "81m"],
        ["56m"],
        summary="The newest verified backup is 36m 0s old.",
    ),
    Case(
        "NorthstarBackupNotVerified",
        "fires when there is none although they are on, and ends with the first",
        {
            series("northstar_backup_timestamp_seconds"): "_x30 1800x30",
            series("northstar_limit_seconds", limit="backup_age"): "176400x60",
            series("northstar_limit_seconds", limit="snapshot_age"): "60x60",
            series("northstar_snapshot_timestamp_seconds"): "0+60x60",
        },
        ["14m", "30m"],
        ["15m", "29m"],
        summary="Backups are on, and there is no verified one.",
    ),
    Case(
        "NorthstarBackupNotVerified",
        "is not taken back while the exporter is away",
        {
            series("northstar_backup_timestamp_seconds"): steps((0, 40), ("stale", 40)),
            series("northstar_limit_seconds", limit="backup_age"): steps((600, 40), ("stale", 40)),
            series("northstar_snapshot_timestamp_seconds"): "0+60x39 stale",
        },
        ["25m"],
        ["60m"],
        summary="The newest verified backup is 1h 0m 0s old.",
    ),
    Case(
        "NorthstarBackupNotVerified",
        "is quiet where backups are off",
        {
            series("northstar_backup_on"): "0x60",
            series("northstar_limit_seconds", limit="snapshot_age"): "60x60",
            series("northstar_snapshot_timestamp_seconds"): "0+60x60",
        },
        ["1m", "15m", "59m"],
    ),
    Case(
        "NorthstarStreamLate",
        "fires when a month's budget would be gone in two days, and ends soon after the cause",
        late(counted((1000, 400), (986, 62), (970, 40), (1000, 60)), counted((1000, 562)), 562),
        ["461m", "465m", "505m"],
        ["466m"],
        {"job": "northstar-stream"},
        "2.68% of deltas reach their client later than 50 ms.",
    ),
    Case(
        "NorthstarStreamLate",
        "fires when it would be gone in five days",
        late(counted((10000, 420), (9941, 420), (9930, 400), (10000, 60)), counted((10000, 1300)), 1300),
        ["839m", "874m", "1246m"],
        ["875m"],
        {"job": "northstar-stream"},
        "0.7% of deltas reach their client later than 50 ms.",
    ),
    Case(
        "NorthstarStreamLateForLong",
        "fires when the budget is used up faster than it comes back",
        late(
            counted((100000, 900), (99901, 900), (99800, 200), (100000, 100)), counted((100000, 2100)), 2100
        ),
        ["9000m", "9055m", "10190m"],
        ["9060m"],
        {"job": "northstar-stream"},
        "0.1158% of deltas reach their client later than 50 ms, for hours.",
        interval="5m",
        evaluation="5m",
    ),
    Case(
        "NorthstarPrometheusFails",
        "fires when it knows nothing of itself, as on a full disk",
        {series("up", WATCHER): steps((1, 10), ("stale", 20)), series("up"): "1x30"},
        ["9m", "10m"],
        ["11m", "29m"],
        {"job": "prometheus"},
    ),
    *(
        Case(
            "NorthstarPrometheusFails",
            f"fires when {what}",
            {series(name, WATCHER): values, series("up", WATCHER): "1x40"},
            ["9m", "10m", "20m"],
            ["11m", "14m"],
            WATCHER,
        )
        for what, name, values in (
            ("rules cannot be evaluated", "prometheus_rule_evaluation_failures_total", "0x9 1x20"),
            ("its log cannot be written", "prometheus_tsdb_wal_writes_failed_total", "0x9 1x20"),
            ("its data cannot be compacted", "prometheus_tsdb_compactions_failed_total", "0x9 1x20"),
            (
                "its configuration cannot be read",
                "prometheus_config_last_reload_successful",
                steps((1, 10), (0, 10), (1, 10)),
            ),
        )
    ),
    Case(
        "NorthstarAlertsNotDelivered",
        "fires when Prometheus cannot hand alerts over",
        {series("prometheus_notifications_dropped_total", WATCHER): "0x9 0+1x9 9x20"},
        ["9m", "14m", "25m"],
        ["16m", "18m"],
        WATCHER,
        "Alerts do not reach anyone.",
    ),
    Case(
        "NorthstarAlertsNotDelivered",
        "fires when Alertmanager cannot hand them on, and says by which way",
        {series("alertmanager_notifications_failed_total", SENDER, integration="slack"): "0x9 0+1x9 9x20"},
        ["9m", "14m", "25m"],
        ["16m", "18m"],
        {**SENDER, "integration": "slack"},
        "Alerts do not reach anyone by slack.",
    ),
    Case(
        "NorthstarAlertsNotDelivered",
        "fires when Alertmanager is down",
        {series("up", SENDER): steps((1, 10), (0, 10), (1, 10)), series("up"): "0x30"},
        ["9m", "14m", "20m"],
        ["15m", "19m"],
        SENDER,
        "Alerts do not reach anyone.",
    ),
    Case("Watchdog", "fires always", {}, [], ["0m", "5h"], {}),
]
