"""What the dashboards say when there is no figure, a source is down, or the exporter itself is."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from exporter.snapshot import COMPONENTS
from grafana import queries
from tests.e2e.pipeline import HOST, until
from tests.e2e.prometheus import PATIENCE, Series, ask, needed, samples, serving, values

pytestmark = needed

CONFIG = """
global: {{scrape_interval: 1s}}
scrape_configs:
  - job_name: northstar-exporter
    static_configs: [{{targets: ["{target}"]}}]
"""

TRADED = {name: 1.5 for name in COMPONENTS if name.startswith("trading_")}
SOLD = {name: 2.0 for name in COMPONENTS if name.startswith("sales_")}
SPENT = {name: -0.25 for name in COMPONENTS if name.startswith("api_cost_")}


@dataclass
class Page:
    """A page of metrics: the figures there are, the grade of the rest is missing."""

    figures: dict[str, float]
    net: float | None
    grade: int
    check: int = 1
    down: str = ""

    def text(self) -> str:
        """Return it as an exporter would serve it, as of now."""
        window = 'window="today"'
        lines = [
            f"northstar_pnl_grade{{{window}}} {self.grade}",
            f'northstar_check_ok{{check="cash"}} {self.check}',
        ]
        if self.net is not None:
            lines.append(f"northstar_pnl_net_usd{{{window}}} {self.net}")
        for name in COMPONENTS:
            known = name in self.figures
            lines.append(f'northstar_pnl_component_grade{{{window},component="{name}"}} {4 if known else 0}')
            if known:
                lines.append(
                    f'northstar_pnl_component_usd{{{window},component="{name}"}} {self.figures[name]}'
                )
        lines += [
            f'northstar_source_up{{source="{name}"}} {int(name != self.down)}'
            for name in ("kalshi", "anthropic", "sales")
        ]
        # Long ahead, so that the snapshot is fresh however slow the test is.
        lines.append("northstar_snapshot_timestamp_seconds 9e9")
        lines.append('northstar_limit_seconds{limit="snapshot_age"} 60')
        return "\n".join(lines) + "\n"


WELL = Page(TRADED | SOLD | SPENT, 10.0, 3)
NUMBER = "page_number"


class Exporter(ThreadingHTTPServer):
    """Serves the page that it was last given, with the number of that page."""

    number = 0
    text = WELL.text()

    def show(self, page: Page, url: str) -> Seen:
        """Serve another page; return how it is seen once it was scraped."""
        number = self.number = self.number + 1
        self.text = f"{page.text()}{NUMBER} {number}\n"
        return until(lambda: _last(url, NUMBER, number), PATIENCE, "for a scrape of the page")


@dataclass(frozen=True)
class Seen:
    """What Prometheus knows from one scrape. The next one may be late, and is not looked at."""

    url: str
    at: float

    def ask(self, query: str) -> Series:
        """Return the result of a query for today."""
        return ask(self.url, query.replace(queries.CHOSEN, "today"), self.at)

    def said(self, query: str) -> float:
        """Return the one number of a query for today; NaN is `no figure`."""
        (value,) = values(self.ask(query))
        return value


def _last(url: str, name: str, wanted: float) -> Seen | None:
    """Return the newest scrape when the series had the value in it."""
    at, value = (samples(url, name) or [(0.0, "nan")])[-1]
    return Seen(url, at) if float(value) == wanted else None


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Exporter)
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(self.server.text.encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def exporter() -> Iterator[Exporter]:
    """An exporter that says what it is told to."""
    with Exporter((HOST, 0), _Handler) as serving:
        thread = threading.Thread(target=serving.serve_forever, daemon=True)
        thread.start()
        yield serving
        serving.shutdown()
        thread.join(PATIENCE)


@pytest.fixture(scope="module")
def url(exporter: Exporter, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Prometheus that scrapes it."""
    folder: Path = tmp_path_factory.mktemp("missing")
    config = folder / "prometheus.yml"
    config.write_text(CONFIG.format(target=f"{HOST}:{exporter.server_port}"))
    with serving(config, folder) as address:
        until(lambda: ask(address, "northstar_pnl_grade"), PATIENCE)
        yield address


def test_well(exporter: Exporter, url: str) -> None:
    """Every part has a figure, and today's net can be trusted."""
    seen = exporter.show(WELL, url)
    assert seen.said(queries.TRUST) == 2
    assert seen.said(queries.net()) == 10
    assert seen.said(queries.part(queries.TRADING)) == sum(TRADED.values())
    assert seen.said(queries.part(queries.API_COST)) == sum(SPENT.values())
    assert seen.said(queries.cost()) == -sum(SPENT.values())


def test_a_missing_source_leaves_its_part_and_the_net_without_a_figure(exporter: Exporter, url: str) -> None:
    """Not zero, not the last number, and not a sum that leaves something out; the others go on."""
    billed = {"api_cost_billed": -0.25}
    seen = exporter.show(Page(TRADED | SOLD | billed, None, 0, down="anthropic"), url)
    assert math.isnan(seen.said(queries.net()))
    assert math.isnan(seen.said(queries.part(queries.API_COST)))
    assert math.isnan(seen.said(queries.component("api_cost_estimated")))
    assert seen.said(queries.part(queries.SALES)) == sum(SOLD.values())
    assert seen.said(queries.grade()) == 0
    assert seen.said(queries.TRUST) == 0


@pytest.mark.parametrize(
    ("page", "trust"),
    [
        (Page(WELL.figures, 10.0, 4), 2),
        (Page(WELL.figures, 10.0, 2), 1),
        (Page(WELL.figures, 10.0, 1), 0),
        (Page(WELL.figures, 10.0, 4, check=0), 0),
    ],
    ids=["final", "partial", "stale", "a check fails"],
)
def test_whether_todays_net_can_be_trusted(exporter: Exporter, url: str, page: Page, trust: int) -> None:
    """One word for the grade, the truth checks and the age together."""
    seen = exporter.show(page, url)
    assert seen.said(queries.TRUST) == trust


def test_which_source_is_down_is_named(exporter: Exporter, url: str) -> None:
    """The strip on every dashboard says it by name."""
    seen = exporter.show(Page(WELL.figures, 10.0, 1, down="sales"), url)
    assert {each["metric"]["source"]: each["value"][1] for each in seen.ask(queries.SOURCES_UP)} == {
        "kalshi": "1",
        "anthropic": "1",
        "sales": "0",
    }


def test_without_an_exporter_nothing_has_a_figure(exporter: Exporter, url: str) -> None:
    """The last number does not stay on the wall."""
    exporter.shutdown()
    exporter.server_close()
    seen = until(lambda: _last(url, "up", 0), PATIENCE, "for a scrape that finds nobody")
    assert math.isnan(seen.said(queries.net()))
    assert math.isnan(seen.said(queries.part(queries.TRADING)))
    assert seen.said(queries.TRUST) == 0
    assert seen.said(queries.grade()) == 0
    assert seen.ask(queries.SOURCES_UP) == []
    assert seen.said('min(up{job="northstar-exporter"}) or vector(0)') == 0
