"""What Prometheus itself makes of /metrics: its parser, its linter, and the server with its arithmetic."""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as classic

from exporter.simulator import examples
from exporter.simulator.stories import seeded
from tests.e2e.conftest import Build, Simulate
from tests.e2e.pipeline import Pipeline, sum_of_parts, until
from tests.e2e.prometheus import PATIENCE, ask, needed, samples, serving, values

needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed: apt install prometheus."
)

CONFIG = """
global:
  scrape_interval: 500ms
  scrape_timeout: 500ms
scrape_configs:
  - job_name: northstar
    static_configs:
      - targets: ["{target}"]
"""
SNAPSHOTS = 8
"""How many are scraped, each with its own figures."""


@needed
def test_prometheus_computes_what_the_api_states(simulate: Simulate, pipeline: Build, tmp_path: Path) -> None:
    """For each scraped sequence the net is the API's own, and the components sum to it."""
    running = pipeline(simulate(seeded(5, days=2, speed=5)))
    stated: dict[int, dict[str, Any]] = {}
    config = tmp_path / "prometheus.yml"
    config.write_text(
        CONFIG.format(target=running.metrics_url.removeprefix("http://").removesuffix("/metrics"))
    )
    with serving(config, tmp_path) as url:
        for _ in range(SNAPSHOTS):
            running.collect()
            tree = running.current()
            stated[tree["sequence"]] = tree
            until(partial(_scraped, url, tree["sequence"]), PATIENCE, "for a scrape of the snapshot")
        for sequence, tree in stated.items():
            at = _scraped(url, sequence)
            nets = {
                found["metric"]["window"]: float(found["value"][1])
                for found in ask(url, "northstar_pnl_net_usd", at)
            }
            assert nets == {name: float(shown["net"]["usd"]) for name, shown in tree["windows"].items()}
            (today,) = values(ask(url, 'northstar_pnl_net_usd{window="today"}', at))
            assert today == float(tree["windows"]["today"]["net"]["usd"])
            sums = ask(url, "sum by (window) (northstar_pnl_component_usd)", at)
            for found in sums:
                assert float(found["value"][1]) == pytest.approx(nets[found["metric"]["window"]], abs=1e-9)
            assert len(sums) == len(nets) == 7
            assert values(ask(url, "up", at)) == [1]


def _scraped(url: str, sequence: int) -> float | None:
    """Return when a snapshot was scraped."""
    times = [at for at, value in samples(url, "northstar_snapshot_sequence") if int(value) == sequence]
    return times[0] if times else None


@needs_promtool
@pytest.mark.parametrize("trouble", [False, True], ids=["well", "in trouble"])
def test_promtool_finds_nothing_to_say(simulate: Simulate, pipeline: Build, trouble: bool) -> None:
    """Names, units, help and types pass Prometheus's own linter, also while errors are counted."""
    simulator = simulate(examples.company())
    running = pipeline(simulator)
    running.collect()
    if trouble:
        simulator.faults.set("kalshi", "drop", field="fills.fee_cost")
        simulator.faults.set("sales", "500")
        running.read_everything_again()
        running.collect()
        assert running.metrics().get("northstar_source_up", source="sales") == 0
        assert running.metrics().of("northstar_source_rows_aside", source="kalshi")
    linted = subprocess.run(
        ["promtool", "check", "metrics"],
        input=running.metrics().text.encode(),
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (linted.returncode, linted.stdout, linted.stderr) == (0, b"", b"")


@pytest.fixture
def well(simulate: Simulate, pipeline: Build) -> Pipeline:
    """A pipeline that has read the company once."""
    running = pipeline(simulate(examples.company()))
    running.collect()
    return running


def test_classic_text_and_openmetrics_are_negotiated_and_agree(well: Pipeline) -> None:
    """Either format states the same samples; the newer one ends with its mark."""
    plain = httpx.get(well.metrics_url, headers={"Accept": "text/plain"})
    assert plain.headers["content-type"].startswith("text/plain; version=0.0.4")
    newer = httpx.get(well.metrics_url, headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert newer.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert newer.text.endswith("# EOF\n")
    pages = []
    for parse, page in ((classic, plain), (openmetrics, newer)):
        samples = {
            (sample.name, json.dumps(sample.labels, sort_keys=True)): sample.value
            for family in parse(page.text)
            for sample in family.samples
            if sample.name.startswith(("northstar_pnl", "northstar_unrealised", "northstar_position"))
        }
        assert len(samples) > 100
        pages.append(samples)
    assert pages[0] == pages[1]


def test_page_is_compressed_for_who_asks(well: Pipeline) -> None:
    """Prometheus asks for gzip and gets the same page in a fraction of the bytes."""
    with httpx.stream("GET", well.metrics_url, headers={"Accept-Encoding": "gzip"}) as answer:
        packed = b"".join(answer.iter_raw())
        assert answer.headers["content-encoding"] == "gzip"
    page = gzip.decompress(packed).decode()
    assert "northstar_pnl_net_usd" in page
    assert len(packed) < len(page) / 4
    with httpx.stream("GET", well.metrics_url, headers={"Accept-Encoding": "identity"}) as answer:
        assert "content-encoding" not in answer.headers


def test_scrapes_during_publishing_never_mix_two_snapshots(simulate: Simulate, pipeline: Build) -> None:
    """Components of a page sum to its nets, whenever it is asked for."""
    running = pipeline(simulate(seeded(6, days=1, speed=5)))
    running.collect()
    for _ in range(5):
        running.collect("kalshi")
        tree, page = running.latest, running.metrics()
        assert page.get("northstar_snapshot_sequence") == tree["sequence"]
        for window, stated in tree["windows"].items():
            parts = page.of("northstar_pnl_component_usd", window=window).values()
            assert sum(parts) == pytest.approx(float(sum_of_parts(stated)), abs=1e-9)
