"""The page of `/metrics`: the client's own formats, written once, asked for as before."""

from __future__ import annotations

import gzip
import http.client
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs
from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.core import Metric as Family
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse
from prometheus_client.registry import Collector

from exporter.metrics import path
from exporter.metrics.catalogue import FIGURES, Metric
from exporter.metrics.exporter_metrics import ExporterMetrics
from exporter.metrics.exposition import Sample, counted, text
from exporter.metrics.figures import figures
from exporter.metrics.page import Page, PageSection
from exporter.metrics.server import serve
from exporter.snapshot import Snapshot
from tests.examples import ANY
from tests.metrics.test_figures import known_snapshot

OPENMETRICS = "application/openmetrics-text; version=1.0.0"


class Theirs(Collector):
    """One family as the client's own encoder gets it."""

    def __init__(self, metric: Metric, samples: list[Sample]) -> None:
        self.metric, self.samples = metric, samples

    def collect(self) -> Iterator[Family]:
        kind = CounterMetricFamily if self.metric.kind == "counter" else GaugeMetricFamily
        family = kind(self.metric.name, self.metric.help, labels=self.metric.labels)
        for labels, value in self.samples:
            family.add_metric(labels, value)
        yield family


METRICS = (
    Metric("northstar_a", "gauge", 'Help with "quotes" and a \\ in it.', ("window", "a_label")),
    Metric("northstar_b_total", "counter", "Help.", ("x",)),
    Metric("northstar_c_usd", "gauge", "Help."),
)


@given(st.sampled_from(METRICS), st.data())
def test_a_family_is_written_as_the_client_writes_it(metric: Metric, data: st.DataObject) -> None:
    """To the last byte, whatever a label says and whatever the value is."""
    labels = st.tuples(*[st.text(ANY, max_size=5) for _ in metric.labels])
    value = st.floats() | st.integers(-(10**18), 10**18).map(float)
    samples = data.draw(st.lists(st.tuples(labels, value), min_size=1, max_size=4))
    theirs = Theirs(metric, samples)
    assert text(metric, samples, openmetrics=False).encode() == generate_latest(theirs)
    whole = text(metric, samples, openmetrics=True).encode() + b"# EOF\n"
    assert whole == generate_openmetrics(theirs)


def test_what_is_counted_is_written_as_the_client_writes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counters, gauges and histograms with their labels, and when each began."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=5_000_000_000))
    registry = CollectorRegistry()
    own = ExporterMetrics(registry)
    own.failed("kalshi", "timeout", 'fills."fee"\n')
    own.fetched("kalshi", 0.3, timedelta(seconds=-1))
    own.committed(0.004)
    own.watch({"kalshi": lambda: "half-open"}, Path("nowhere"))
    assert counted(registry, openmetrics=False).encode() == generate_latest(registry)
    assert counted(registry, openmetrics=True).encode() + b"# EOF\n" == generate_openmetrics(registry)


def page_of(*snapshots: Snapshot) -> tuple[Page, list[Snapshot], CollectorRegistry]:
    """Return a page of the last of the snapshots, and what else it is made of."""
    stated, registry = list(snapshots), CollectorRegistry()
    return Page(registry, PageSection(lambda: stated[-1] if stated else None, figures)), stated, registry


def test_either_format_says_the_same() -> None:
    """Every metric of the catalogue, and what is counted behind it."""
    page, _, registry = page_of(known_snapshot())
    Counter("northstar_told_total", "Help.", registry=registry).inc()
    plain, body = page.answer()
    assert plain.startswith("text/plain; version=0.0.4")
    kind, open_body = page.answer(OPENMETRICS)
    assert kind.startswith("application/openmetrics-text; version=1.0.0")
    assert open_body.endswith(b"# EOF\n")
    assert open_body.count(b"# EOF") == 1
    families = {family.name: family.samples for family in parse_openmetrics(open_body.decode())}
    assert set(families) == {metric.name.removesuffix("_total") for metric in FIGURES} | {"northstar_told"}
    values = {
        (each.name, *each.labels.items()): each.value for samples in families.values() for each in samples
    }
    for family in parse(body.decode()):
        for each in family.samples:
            if not each.name.endswith("_created"):
                assert values[(each.name, *each.labels.items())] == each.value


def test_a_snapshot_is_written_once_and_what_is_counted_each_time() -> None:
    """A page between two snapshots costs what the counters cost."""
    asked: list[int] = []

    def asked_for(snapshot: Snapshot) -> Iterator[tuple[Metric, list[Sample]]]:
        asked.append(snapshot.sequence)
        yield METRICS[2], [((), float(snapshot.sequence))]

    newest, registry = [known_snapshot()], CollectorRegistry()
    page = Page(registry, PageSection(lambda: newest[-1], asked_for))
    told = Counter("northstar_told_total", "Help.", registry=registry)
    pages = []
    for _ in range(3):
        told.inc()
        pages.append(page.answer()[1].decode())
    assert asked == [42]
    assert [f"northstar_told_total {n}.0" in each for n, each in enumerate(pages, 1)] == [True] * 3
    newest.append(structs.replace(newest[0], sequence=43))
    assert "northstar_c_usd 43.0" in page.answer()[1].decode()
    assert "northstar_c_usd 43" in page.answer(OPENMETRICS)[1].decode()
    assert asked == [42, 43, 43]


def test_before_the_first_snapshot_only_what_is_counted_is_there() -> None:
    """A page without figures is honest; zeros would not be."""
    page, _, registry = page_of()
    Counter("northstar_told_total", "Help.", registry=registry)
    assert next(iter(parse(page.answer()[1].decode()))).name == "northstar_told"


@pytest.fixture
def connection() -> Iterator[http.client.HTTPConnection]:
    page, _, registry = page_of(known_snapshot())
    Counter("northstar_told_total", "Help.", registry=registry)
    server, thread = serve(page, 0, "127.0.0.1")
    asking = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=30)
    yield asking
    asking.close()
    server.shutdown()
    thread.join()
    server.server_close()


def get(connection: http.client.HTTPConnection, path: str, **headers: str) -> tuple[str | None, bytes]:
    connection.request(
        "GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()}
    )
    answer = connection.getresponse()
    assert answer.status == 200
    body = answer.read()
    if answer.headers["Content-Encoding"] == "gzip":
        body = gzip.decompress(body)
    return answer.headers["Content-Type"], body


def test_it_is_served_in_the_format_and_encoding_that_is_asked_for(
    connection: http.client.HTTPConnection,
) -> None:
    """As Prometheus asks for it, as a person does, and for a few families only."""
    kind, body = get(connection, "/metrics", Accept=OPENMETRICS, Accept_Encoding="gzip")
    assert kind is not None
    assert kind.startswith("application/openmetrics-text")
    assert body.endswith(b"# EOF\n")
    kind, body = get(connection, "/metrics")
    assert kind is not None
    assert kind.startswith("text/plain")
    assert b'northstar_pnl_net_usd{window="today"} 97.498133\n' in body
    _, body = get(connection, "/metrics?name[]=northstar_snapshot_sequence&name[]=northstar_told_total")
    assert [line for line in body.decode().splitlines() if not line.startswith("#")] == [
        "northstar_snapshot_sequence 42.0",
        "northstar_told_total 0.0",
    ]
    assert get(connection, "/favicon.ico")[1] == b""


def test_another_method_is_refused(connection: http.client.HTTPConnection) -> None:
    """Nothing can be sent here."""
    connection.request("POST", "/metrics", body=b"x")
    assert connection.getresponse().status == 501


def test_a_catalogue_line_is_all_a_new_gauge_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a path that leads somewhere."""
    line = replace(METRICS[2], name="northstar_new_usd", path="windows.{window}.net.usd", labels=("window",))
    monkeypatch.setattr("exporter.metrics.figures.FIGURES", (line,))
    monkeypatch.setattr(
        "exporter.metrics.figures.PATHS", {line.name: path.Path(line.path or "", line.labels)}
    )
    (section,) = PageSection(lambda: known_snapshot(), figures).families().values()
    assert 'northstar_new_usd{window="today"} 97.498133\n' in section
