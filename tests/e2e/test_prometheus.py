"""What Prometheus itself makes of /metrics: its parser, its linter, and the server with its arithmetic."""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as classic

from e2e.conftest import Build, Simulate
from e2e.pipeline import HOST, Pipeline, sum_of_parts, until
from e2e.processes import free_port
from exporter.simulator import examples
from exporter.simulator.world import seeded

needs_prometheus = pytest.mark.skipif(
    shutil.which("prometheus") is None, reason="Prometheus is not installed: apt install prometheus."
)
needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed: apt install prometheus."
)

CONFIG = """
global:
  scrape_interval: 200ms
  scrape_timeout: 200ms
scrape_configs:
  - job_name: northstar
    static_configs:
      - targets: ["{target}"]
"""
SCRAPES = 12


@contextmanager
def prometheus(folder: Path, target: str) -> Iterator[str]:
    """Run a server that scrapes the target; the value is its address."""
    port = free_port()
    (folder / "prometheus.yml").write_text(CONFIG.format(target=target))
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address={HOST}:{port}",
            ],
            stdout=log,
            stderr=log,
        )
    try:
        url = f"http://{HOST}:{port}"
        until(lambda: _ready(url), what=(folder / "log").read_text())
        yield url
    finally:
        server.terminate()
        server.wait(30)


def _ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/-/ready").status_code == 200
    except httpx.TransportError:
        return False


def ask(url: str, query: str, at: float | None = None) -> list[dict[str, Any]]:
    """Return the result of an instant query."""
    params = {"query": query} | ({} if at is None else {"time": f"{at:.3f}"})
    answer = httpx.get(f"{url}/api/v1/query", params=params).json()
    assert answer["status"] == "success", answer
    found: list[dict[str, Any]] = answer["data"]["result"]
    return found


@needs_prometheus
def test_prometheus_computes_what_the_api_states(simulate: Simulate, pipeline: Build, tmp_path: Path) -> None:
    """For each scraped sequence the net is the API's own, and the components sum to it."""
    running = pipeline(simulate(seeded(5, days=2, speed=5)))
    running.collect()
    stated = {running.current()["sequence"]: running.current()}
    target = running.metrics_url.removeprefix("http://").removesuffix("/metrics")
    with prometheus(tmp_path, target) as url:
        until(lambda: ask(url, "up"), what="for the first scrape")
        for _ in range(SCRAPES):
            running.collect("kalshi", "sales")
            stated[running.latest["sequence"]] = running.current()
            time.sleep(0.25)  # the server scrapes by the wall clock
        scraped = until(lambda: ask(url, "northstar_snapshot_sequence[5m]"))[0]["values"]
        assert len({value for _, value in scraped}) > SCRAPES // 2
        compared = 0
        for at, value in scraped:
            tree = stated.get(int(value))
            if tree is None:
                continue
            compared += 1
            nets = {
                found["metric"]["window"]: float(found["value"][1])
                for found in ask(url, "northstar_pnl_net_usd", at)
            }
            assert nets == {name: float(shown["net"]["usd"]) for name, shown in tree["windows"].items()}
            today = ask(url, 'northstar_pnl_net_usd{window="today"}', at)
            assert float(today[0]["value"][1]) == float(tree["windows"]["today"]["net"]["usd"])
            sums = ask(url, "sum by (window) (northstar_pnl_component_usd)", at)
            for found in sums:
                assert float(found["value"][1]) == pytest.approx(nets[found["metric"]["window"]], abs=1e-9)
            assert len(sums) == len(nets) == 7
        assert compared > SCRAPES // 2
        assert ask(url, "up")[0]["value"][1] == "1"


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
        assert running.metrics().get("northstar_source_up", source="kalshi") == 0
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
