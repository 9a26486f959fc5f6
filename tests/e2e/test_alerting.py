"""From a fault in an upstream to a message to a person, over the real Prometheus and Alertmanager."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from exporter.commands.demo import DEMO_PACE
from exporter.simulator import keys
from tests.e2e.pipeline import HOST, until
from tests.e2e.processes import Process, finish
from tests.e2e.prometheus import CLIENT, PATIENCE, answers, ask, values
from tests.e2e.watch import (
    SPEED,
    Receiver,
    alertmanager,
    faster,
    firing,
    needs_both,
    prometheus,
    rules,
    times_fired,
)
from tests.ports import held_port

GROUP_INTERVAL = 1.2 * 300 / SPEED
"""Seconds after which Alertmanager has said what it has to say."""

LIMITS = {
    "NORTHSTAR_LIMIT_LOSS_TODAY_USD": "1e9",
    "NORTHSTAR_LIMIT_DRAWDOWN_USD": "1e9",
    "NORTHSTAR_LIMIT_POSITION_USD": "1e9",
    "NORTHSTAR_LIMIT_REFUND_SPIKE_USD": "1e9",
    "NORTHSTAR_LIMIT_COST_SPIKE_USD": "1e9",
    "NORTHSTAR_LIMIT_BALANCE_USD": "1e9",
    "NORTHSTAR_API_BUDGET_USD": "1000000",
    # How busy this machine is just now is not what is tested.
    "NORTHSTAR_LIMIT_COMMIT_SECONDS": "60",
    "NORTHSTAR_LIMIT_SNAPSHOT_AGE_SECONDS": "60",
}
"""Only one limit is exceeded: no account has as much cash."""


@dataclass
class Stack:
    """Everything, running."""

    prometheus: str
    receiver: Receiver
    settings: dict[str, str]
    folder: Path
    exporter: Process
    pages: dict[str, str]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Simulator, exporter, stream, Prometheus, Alertmanager and someone to tell, once figures are there."""
    folder = tmp_path_factory.mktemp("alerting")
    simulator, metrics, stream = (str(held_port()) for _ in range(3))
    settings = {
        **keys.environment(f"http://{HOST}:{simulator}", folder),
        **DEMO_PACE,
        **LIMITS,
        "NORTHSTAR_SIMULATOR_PORT": simulator,
        "NORTHSTAR_METRICS_PORT": metrics,
        "PORT": stream,
        "DB_PATH": str(folder / "northstar.sqlite3"),
        "NORTHSTAR_BACKUP_FOLDER": str(folder / "backups"),
    }
    (folder / "backups").mkdir()
    with ExitStack() as opened:
        receiver = Receiver()
        opened.callback(receiver.close)
        opened.enter_context(
            Process(folder, settings, "simulator", "--port", simulator, "--folder", str(folder))
        )
        until(lambda: answers(f"http://{HOST}:{simulator}/health"), PATIENCE)
        exporter = opened.enter_context(Process(folder, settings, "exporter"))
        opened.enter_context(Process(folder, settings, "stream"))
        pages = {"exporter": f"http://{HOST}:{metrics}/metrics", "stream": f"http://{HOST}:{stream}/metrics"}
        until(lambda: all(answers(page) for page in pages.values()), PATIENCE, exporter.output)
        until(lambda: 'northstar_pnl_net_usd{window="today"}' in CLIENT.get(pages["exporter"]).text, PATIENCE)
        told = opened.enter_context(
            alertmanager(folder, receiver.secrets("webhook_url", "slack_url", "heartbeat_url"))
        )
        url = opened.enter_context(
            prometheus(
                folder,
                **{
                    "exporter:9108": f"{HOST}:{metrics}",
                    "stream:8080": f"{HOST}:{stream}",
                    "alertmanager:9093": told,
                },
            )
        )
        until(lambda: len(ask(url, "up == 1")) == 4, PATIENCE, "for the first scrapes")
        yield Stack(url, receiver, settings, folder, exporter, pages)


pytestmark = needs_both


def test_a_stack_that_is_well_raises_nothing_but_what_it_should(stack: Stack) -> None:
    """The watchdog, and the one limit that is exceeded: once, with its value and links."""
    (alert,) = until(lambda: stack.receiver.news("NorthstarBalanceLow", "firing"), PATIENCE)
    assert re.fullmatch(
        r"Cash at the venue is \d+\.\d\d USD, less than the limit\.", alert["annotations"]["summary"]
    )
    (cash,) = values(ask(stack.prometheus, "last_over_time(northstar_venue_cash_usd[1h])"))
    assert cash < 1e9
    assert alert["labels"]["source_kind"] == "venue"
    text = until(lambda: stack.receiver.slack("NorthstarBalanceLow"), PATIENCE)[0]
    assert text["title"].startswith("WARNING: Cash at the venue is")
    assert "http://127.0.0.1:3000/d/northstar-trading" in text["text"]
    assert "prometheus/runbook.md#northstarbalancelow" in text["text"]
    until(lambda: stack.receiver.to("/heartbeat"), PATIENCE)
    kinds = {name: labels["kind"] for name, labels in firing(stack.prometheus).items()}
    assert {name for name, kind in kinds.items() if kind in ("money", "truth")} == {"NorthstarBalanceLow"}
    assert "Watchdog" in kinds


UNKNOWN_SO_SOON = re.compile(r":(usual_)?changes|:usual24h")
"""What is usual takes a day to know, on whatever clock."""

ONLY_IN_TROUBLE = {
    "northstar_source_malformed_total",
    "northstar_source_rows_aside",
    "northstar_store_damaged_rows",
    "northstar_jobs_missed_total",
    "northstar_jobs_failed_total",
    "northstar_live_dropped_total",
    "northstar_api_unpriced_tokens",
    "northstar_api_budget_gone_timestamp_seconds",
    "northstar_api_cost_drift_ratio",
}
"""Series that appear when something goes wrong, or, the drift, when a day is billed that was estimated, and
with the first scrub what is damaged."""

ONLY_WITH_CLIENTS = {
    "northstar_stream_commit_to_send_seconds_bucket",
    "northstar_stream_commit_to_send_seconds_count",
}


def test_every_rule_runs_and_finds_its_series(stack: Stack) -> None:
    """No expression has an error, and each series that it names is there, under those labels."""
    until(lambda: all(rule["health"] != "unknown" for rule in rules(stack.prometheus)), PATIENCE)
    found = rules(stack.prometheus)
    assert len(found) > 40
    for rule in found:
        assert (rule["health"], rule.get("lastError", "")) == ("ok", ""), rule["name"]
        ask(stack.prometheus, rule["query"])
    selectors = {
        selector
        for rule in found
        for selector in re.findall(
            r"(?<![\w:])(?:up|(?:northstar|prometheus|alertmanager)_\w+)(?:\{[^}]*\})?", rule["query"]
        )
    }
    assert len(selectors) > 30
    for selector in selectors:
        name = selector.partition("{")[0]
        if name not in ONLY_IN_TROUBLE | ONLY_WITH_CLIENTS:
            seen = partial(ask, stack.prometheus, f"last_over_time({selector}[1m])")
            assert until(seen, PATIENCE, selector)
    late = ONLY_IN_TROUBLE | ONLY_WITH_CLIENTS
    for name, query in ((rule["name"], rule["query"]) for rule in found if rule["type"] == "recording"):
        if not UNKNOWN_SO_SOON.search(name) and not any(each in query for each in late):
            until(lambda name=name: ask(stack.prometheus, name), PATIENCE, name)


HELD = re.compile(r"last_over_time\((.+?)\[")


def test_what_is_held_is_what_is_stated(stack: Stack) -> None:
    """While the exporter answers, each rule that outlives it says what it says, under the same labels."""
    held = [rule for rule in rules(stack.prometheus) if rule["name"].endswith(":held")]
    assert len(held) > 15
    compared = 0
    for rule in held:
        (selector, *_) = HELD.findall(rule["query"])
        if selector.partition("{")[0] in ONLY_IN_TROUBLE:
            continue
        until(partial(_agree, stack.prometheus, rule["name"], selector), PATIENCE, rule["name"])
        compared += 1
    assert compared > 12


def _agree(url: str, *queries: str) -> bool:
    """Tell whether the queries have the same result, and one at all."""
    shown = [
        sorted((sorted(found["metric"].items())[1:], found["value"][1]) for found in ask(url, query))
        for query in queries
    ]
    return bool(shown[0]) and all(each == shown[0] for each in shown)


COST = ("api_cost_billed", "api_cost_estimated")


def test_recorded_cost_is_what_the_api_states(stack: Stack) -> None:
    """A figure that went through Prometheus and a rule is still the figure, for every window."""
    current = f"http://{HOST}:{stack.settings['PORT']}/api/pnl/current"

    def agree() -> bool:
        recorded = {
            found["metric"]["window"]: float(found["value"][1])
            for found in ask(stack.prometheus, "window:northstar_api_cost_usd:sum")
        }
        windows = CLIENT.get(current).json()["windows"]
        return recorded == {
            window: pytest.approx(-sum(float(tree["components"][name]["usd"]) for name in COST), abs=1e-6)
            for window, tree in windows.items()
        }

    # Usage is read every five seconds; between two readings both speak of the same.
    until(agree, PATIENCE, "for a rule and the API to say the same")


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed.")
@pytest.mark.parametrize("page", ["exporter", "stream"])
def test_promtool_finds_nothing_to_say_of_either_page(stack: Stack, page: str) -> None:
    """Names, units, help and types pass Prometheus's own linter, after minutes of a real run."""
    done = subprocess.run(
        ["promtool", "check", "metrics"],
        input=CLIENT.get(stack.pages[page]).content,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_a_fault_is_told_once_and_its_end_once(stack: Stack) -> None:
    """The sales API renames its list: one message, and one when it is as agreed again."""
    turn = ("fault", "sales", "rename", "--field", "sales", "--value", "items")
    assert finish(stack.folder, stack.settings, *turn).code == 0
    (alert,) = until(lambda: stack.receiver.news("NorthstarSchemaDrift", "firing"), PATIENCE)
    assert alert["labels"]["source"] == "sales"
    assert alert["annotations"]["summary"].startswith("sales answers in another shape:")
    assert finish(stack.folder, stack.settings, "fault", "clear").code == 0
    until(lambda: stack.receiver.news("NorthstarSchemaDrift", "resolved"), PATIENCE)
    time.sleep(GROUP_INTERVAL)  # in which nothing more may be said of it
    for status in ("firing", "resolved"):
        told = stack.receiver.news("NorthstarSchemaDrift", status)
        assert 1 <= len(told) <= times_fired(stack.prometheus, "NorthstarSchemaDrift")


def test_exporter_that_is_killed_silences_what_only_it_can_say(stack: Stack) -> None:
    """One message about the cause. The low balance is neither told of again, nor said to be over."""
    exporter = {"instance": f"{HOST}:{stack.settings['NORTHSTAR_METRICS_PORT']}"}
    down = partial(stack.receiver.news, "NorthstarExporterDown", **exporter)
    # On a busy machine it may have been slow to answer when all of this started.
    before = {status: len(down(status)) for status in ("firing", "resolved")}
    stack.exporter.kill()
    until(lambda: len(down("firing")) > before["firing"], PATIENCE)
    held = f"last_over_time(northstar_venue_cash_usd[{faster('10m')}])"
    until(lambda: not ask(stack.prometheus, held), PATIENCE, "for ten minutes of Prometheus's time")
    assert "NorthstarBalanceLow" in firing(stack.prometheus)
    with Process(stack.folder, stack.settings, "exporter"):
        until(lambda: len(down("resolved")) > before["resolved"], PATIENCE)
        time.sleep(GROUP_INTERVAL)
    assert len(down("firing")) <= times_fired(stack.prometheus, "NorthstarExporterDown", **exporter)
    assert len(stack.receiver.news("NorthstarBalanceLow", "firing")) == 1
    assert stack.receiver.news("NorthstarBalanceLow", "resolved") == []
