"""Every query of every panel, asked of Prometheus itself, which scrapes the demo by our own configuration."""

from __future__ import annotations

import json
import math
import re
import shutil
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from exporter.metrics.groups import TOP
from exporter.snapshot import WINDOWS, apply
from tests.e2e.pipeline import HOST, until
from tests.e2e.processes import Process
from tests.e2e.prometheus import CLIENT, PATIENCE, Series, ask, needed, samples, serving, values
from tests.grafana.dashboards import FILES, ROOT, Asked, asked, read
from tests.grafana.expected import NOT_AT_FIRST, NOT_IN_THE_API, STATED, stated
from tests.ports import held_port

pytestmark = needed

SCRAPES, INTERVAL = 5, 5
"""The first scrape of a figure is at once, the fifth 20 seconds later: by then every panel has data."""

SEQUENCE = "northstar_snapshot_sequence"
WATCHED, TARGETS = 'up{job=~"northstar-.+"}', 2
"""Exporter and stream."""

PER_RATE = "20s"
"""What Grafana puts for $__rate_interval: four scrapes."""

STEPS = {None: 0, "1d": 86_400}
"""Seconds of a panel's own step, at whole ones of which Grafana asks."""

CHOSEN = "30d"
"""A window in which the demo sells, trades and pays at any time of day; a day may have no sale yet."""


@dataclass
class Recorder:
    """A client of the stream that keeps every snapshot, by its sequence."""

    url: str
    trees: dict[int, dict[str, Any]] = field(default_factory=dict)
    closed: bool = False

    def run(self) -> None:
        """Follow until closed; the demo's end closes the connection, too."""
        tree: dict[str, Any] = {}
        kind = ""
        try:
            with httpx.stream("GET", f"{self.url}/api/pnl/stream", timeout=PATIENCE) as answer:
                for line in answer.iter_lines():
                    if self.closed:
                        return
                    if line.startswith("event: "):
                        kind = line.removeprefix("event: ")
                    elif line.startswith("data: ") and kind in ("snapshot", "delta"):
                        told = json.loads(line.removeprefix("data: "))
                        tree = told if kind == "snapshot" else apply(tree, told)
                        self.trees[tree["sequence"]] = tree
        except httpx.TransportError:
            return


@contextmanager
def demo(folder: Path) -> Iterator[dict[str, int]]:
    """Run `northstar demo` on free ports; the value is where its parts listen."""
    ports = {
        "PORT": held_port(),
        "NORTHSTAR_METRICS_PORT": held_port(),
        "NORTHSTAR_SIMULATOR_PORT": held_port(),
    }
    with Process(folder, {name: str(port) for name, port in ports.items()}, "demo") as process:
        until(lambda: "Ctrl-C stops everything" in process.output or not process.running, PATIENCE)
        assert process.running, process.output
        yield ports
        process.send(signal.SIGTERM)
        process.wait()


@contextmanager
def prometheus(folder: Path, ports: dict[str, int]) -> Iterator[str]:
    """Run Prometheus with our own files, of which only the addresses are replaced."""
    shutil.copytree(ROOT / "prometheus", folder / "prometheus")
    config = folder / "prometheus" / "prometheus.yml"
    text = config.read_text()
    for name, port in (("exporter:9108", "NORTHSTAR_METRICS_PORT"), ("stream:8080", "PORT")):
        assert name in text
        text = text.replace(name, f"{HOST}:{ports[port]}")
    config.write_text(re.sub(r"alertmanager:\d+", f"{HOST}:{held_port()}", text))
    with serving(config, folder) as url:
        yield url


@dataclass(frozen=True)
class Moment:
    """One scrape: when it was, and the snapshot that it shows."""

    url: str
    api: str
    at: float
    tree: dict[str, Any]

    def ask(self, query: str, window: str = CHOSEN, step: float = 0) -> Series:
        """Return what a panel is told, with its variables filled in; one with a step, at its last step."""
        filled = query.replace("$window", window).replace("$source", ".+")
        filled = filled.replace("$__rate_interval", PER_RATE).replace("$__range", "5m")
        return ask(self.url, filled, self.at - self.at % step if step else self.at)


@pytest.fixture(scope="module")
def moment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Moment]:
    """The fifth scrape after the first start, of a snapshot that a client of the stream was sent, too."""
    folder = tmp_path_factory.mktemp("queries")
    with demo(folder) as ports:
        recorder = Recorder(f"http://{HOST}:{ports['PORT']}")
        thread = threading.Thread(target=recorder.run, daemon=True)
        thread.start()
        with prometheus(folder, ports) as url:

            def seen() -> tuple[float, str] | None:
                # A reader that was too slow for every delta is brought to the newest state: try the next.
                return next((each for each in _well_scraped(url) if int(each[1]) in recorder.trees), None)

            at, sequence = until(seen, PATIENCE, "for scrapes in a row")
            tree = recorder.trees[int(sequence)]
            # The sidecar is scraped at another moment of the same five seconds: let that one pass, too.
            until(lambda: samples(url, SEQUENCE)[-1][0] > at, PATIENCE)
            yield Moment(url, recorder.url, at, tree | {"scraped": at})
        recorder.closed = True
    thread.join(PATIENCE)


def _well_scraped(url: str) -> list[tuple[float, str]]:
    """Return time and sequence of each scrape by which every target had answered as many in a row.

    A machine that does much else may miss one; what is computed from several is without a figure then.
    """
    last = f"{WATCHED}[{SCRAPES * INTERVAL}s]"
    answered = f"(min_over_time({last}) == 1) and (count_over_time({last}) >= {SCRAPES})"
    return [
        (at, sequence)
        for at, sequence in samples(url, SEQUENCE)[SCRAPES - 1 :]
        if len(ask(url, answered, at)) == TARGETS
    ]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_panel_has_data_soon_after_the_first_start(path: Path, moment: Moment) -> None:
    """Whoever opens a dashboard half a minute after the demo began sees no empty panel."""
    for each in asked():
        if each.dashboard == path.stem and each.panel["title"] not in NOT_AT_FIRST:
            found = values(moment.ask(each.expr, step=STEPS[each.panel.get("interval")]))
            assert found, each
            assert not any(math.isnan(value) for value in found), f"{each}: {found}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_panel_says_what_the_api_says(path: Path, moment: Moment) -> None:
    """To the cent and beyond, for every window; and `no figure` exactly where the API has none."""
    compared = 0
    for each in asked():
        if each.dashboard != path.stem:
            continue
        rules = stated(each.dashboard, each.panel["title"])
        if rules is None:
            continue
        targets = each.panel["targets"]
        assert len(rules) == len(targets), each
        rule = rules[targets.index(each.target)]
        for window in WINDOWS if "$window" in each.expr else (CHOSEN,):
            _compare(each, rule(moment.tree, window), moment.ask(each.expr, window))
            compared += 1
    assert compared


def _compare(each: Asked, wanted: Any, found: Series) -> None:
    if wanted is None:
        assert all(math.isnan(value) for value in values(found)), each
    elif isinstance(wanted, dict):
        by_label = {next(iter(one["metric"].values())): float(one["value"][1]) for one in found}
        assert by_label == {
            name: pytest.approx(float(value), abs=2e-6) for name, value in wanted.items() if value is not None
        }, each
    else:
        assert values(found) == [pytest.approx(float(wanted), abs=2e-6)], each


def test_every_dashboard_says_what_its_figures_are_in(moment: Moment) -> None:
    """Currency, zone and mark rule are labels of a value that means nothing."""
    words = {name: moment.tree[name] for name in ("currency", "timezone", "mark_rule")}
    found = [moment.ask(each.expr) for each in asked() if each.panel["title"] == "Stated in"]
    assert [[series["metric"] for series in one] for one in found] == [[words]] * len(found)
    assert len(found) >= 5


GROUPED = [("realised", "mtd"), ("fees", "mtd"), ("win_ratio", "mtd"), ("realised", "all")]
"""Figure and window of each column of the tables of groups."""


@pytest.mark.parametrize("level", TOP)
def test_every_group_says_what_the_api_says(moment: Moment, level: str) -> None:
    """The largest by name, the rest as other; asked until both speak of the same."""
    queries = [each.expr for each in asked() if each.panel["title"] == f"By {level}, this month"]
    assert len(queries) == len(GROUPED)

    def agree() -> bool:
        windows = CLIENT.get(f"{moment.api}/api/pnl/groups", params={"by": level}).json()["windows"]
        return all(
            {one["metric"][level]: float(one["value"][1]) for one in ask(moment.url, query)}
            == _by_group(windows[window], figure, TOP[level])
            for query, (figure, window) in zip(queries, GROUPED, strict=True)
        )

    assert all(ask(moment.url, query) for query in queries)
    until(agree, PATIENCE, "for Prometheus and the API to say the same")


def _by_group(stated: dict[str, Any], figure: str, top: int) -> dict[str, Any]:
    named = {group["name"]: float(group[figure]) for group in stated["groups"][:top] if figure in group}
    rest = [*stated["groups"][top:], *([stated["other"]] if "other" in stated else [])]
    if rest and figure != "win_ratio":
        named["other"] = sum(float(group[figure]) for group in rest)
    return {name: pytest.approx(value, abs=2e-6) for name, value in named.items()}


def test_every_panel_is_compared_or_says_why_not() -> None:
    """A new panel is either held against the API, or listed with the reason."""
    for each in asked():
        rules = stated(each.dashboard, each.panel["title"])
        assert rules is None or len(rules) == len(each.panel["targets"]), each
    titles = {each.panel["title"] for each in asked()}
    assert {title.rpartition(": ")[2] if ": " in title else title for title in STATED} <= titles | {""}
    assert set(NOT_IN_THE_API) <= titles


def test_every_annotation_can_be_asked(moment: Moment) -> None:
    """They are empty on a quiet day, and must not be wrong on any."""
    for path in FILES:
        for annotation in read(path)["annotations"]["list"]:
            moment.ask(annotation["expr"])
