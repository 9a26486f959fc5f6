"""A venue and an API bill of another package, found by entry point: see tests/plugin."""

from __future__ import annotations

import json
import re
import signal
import sqlite3
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import httpx
import pytest
from playwright.sync_api import expect
from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.pipeline import HOST, until
from tests.e2e.processes import ROOT, Process, finish
from tests.ports import held_port
from tests.stream.browsing import NEEDS_CHROMIUM, browsing

PLUGIN = ROOT / "tests" / "plugin"
TOKEN, KEY = "harbor-token-of-a-test", "tide-key-of-a-test"
NOW = datetime.now(UTC)


def ago(**span: int) -> str:
    """Return a time as Harbor writes it."""
    return f"{NOW - timedelta(**span):%Y-%m-%dT%H:%M:%SZ}"


ACCOUNT = {
    "trades": [
        {
            "id": "t-1",
            "market": "BOAT-1",
            "side": "yes",
            "contracts": "10",
            "price": "0.40",
            "fee": "0.10",
            "at": ago(hours=3),
        },
        {
            "id": "t-2",
            "market": "BOAT-2",
            "side": "no",
            "contracts": "5",
            "price": "0.30",
            "fee": "0.05",
            "at": ago(hours=2),
        },
    ],
    "settled": [
        {
            "market": "BOAT-2",
            "result": "no",
            "yes": "0",
            "yes_cost": "0",
            "no": "5",
            "no_cost": "1.50",
            "paid": "5.00",
            "at": ago(hours=1),
        }
    ],
    "held": [
        {
            "market": "BOAT-1",
            "contracts": "10",
            "cost": "4.00",
            "realised": "0",
            "fees": "0.10",
            "bid": "0.45",
            "ask": "0.46",
        }
    ],
    "cash": "-0.65",
    "value": "4.50",
}
BILL = {
    "days": [
        {"day": ago(days=3)[:10], "models": {"tide-large": "1.50", "tide-small": "0.50"}},
        {"day": ago(days=2)[:10], "models": {"tide-large": "0.25"}},
    ]
}
REALISED, FEES, UNREALISED, COST = "3.50", "-0.15", "0.50", "-2.25"
NET = "1.60"


class Upstream(BaseHTTPRequestHandler):
    """Both services at one address."""

    answers: ClassVar[dict[str, tuple[str, str, Any]]] = {
        "/v1/account": ("Authorization", f"Bearer {TOKEN}", ACCOUNT),
        "/v1/bill": ("X-Key", KEY, BILL),
    }

    def do_GET(self) -> None:
        header, expected, answer = self.answers[self.path]
        body = json.dumps(answer if self.headers.get(header) == expected else {}).encode()
        self.send_response(200 if self.headers.get(header) == expected else 401)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def upstream() -> Iterator[str]:
    """The address of both services."""
    server = ThreadingHTTPServer((HOST, 0), Upstream)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://{HOST}:{server.server_port}"
    server.shutdown()


@pytest.fixture(scope="module")
def settings(upstream: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What a user sets: where the package is, which sources take part, and their keys."""
    return {
        "PYTHONPATH": f"{ROOT}:{PLUGIN}",
        "NORTHSTAR_SOURCES": "harbor,dock=harbor,tide",
        "NORTHSTAR_HARBOR_BASE_URL": upstream,
        "NORTHSTAR_HARBOR_TOKEN": TOKEN,
        "NORTHSTAR_DOCK_BASE_URL": upstream,
        "NORTHSTAR_DOCK_TOKEN": "a-token-that-is-wrong",
        "NORTHSTAR_TIDE_BASE_URL": upstream,
        "NORTHSTAR_TIDE_KEY": KEY,
        "DB_PATH": str(tmp_path_factory.mktemp("plugin") / "northstar.sqlite3"),
        "PORT": str(held_port()),
        "NORTHSTAR_METRICS_PORT": str(held_port()),
    }


@pytest.fixture(scope="module")
def alone(settings: dict[str, str]) -> dict[str, str]:
    """The same without the second account."""
    kept = {name: value for name, value in settings.items() if "_DOCK_" not in name}
    return kept | {"NORTHSTAR_SOURCES": "harbor,tide"}


@pytest.fixture(scope="module")
def running(alone: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a stack that has read both sources."""
    folder = tmp_path_factory.mktemp("stack")
    with Process(folder, alone, "up") as process:
        page = f"http://{HOST}:{alone['PORT']}"
        try:
            until(lambda: known(page) or not process.running, 90, "for a net")
            assert process.running, process.output
            yield page
        finally:
            process.send(signal.SIGTERM)
            process.wait()


def known(page: str) -> bool:
    """Tell whether the page's net is there."""
    try:
        return "usd" in httpx.get(f"{page}/api/pnl/current").json()["windows"]["all"]["net"]
    except (httpx.HTTPError, KeyError, json.JSONDecodeError):
        return False


def test_its_figures_are_in_the_snapshot(running: str) -> None:
    """Components, positions, account, cost by model and checks, as those of any venue and any bill."""
    tree = httpx.get(f"{running}/api/pnl/current").json()
    window = tree["windows"]["all"]
    assert window["net"]["usd"] == NET
    assert {name: part["usd"] for name, part in window["components"].items()} == {
        "trading_realised": REALISED,
        "trading_unrealised_change": UNREALISED,
        "trading_fees": FEES,
        "api_cost_billed": COST,
        "api_cost_estimated": "0.00",
    }
    assert {name: (source["title"], source["kind"]) for name, source in tree["sources"].items()} == {
        "harbor": ("Harbor", "venue"),
        "tide": ("Tide", "api_cost"),
    }
    assert tree["positions"]["BOAT-1"]["source"] == "harbor"
    assert tree["accounts"]["harbor"]["cash"] == "-0.65"
    assert tree["api_cost"]["windows"]["all"]["by"]["model"] == {"tide-large": "1.75", "tide-small": "0.50"}
    assert all(check["ok"] for check in tree["checks"].values())


def test_its_figures_are_in_prometheus_by_source(alone: dict[str, str], running: str) -> None:
    """A source has its title, its kind, its net and its components as series of its own."""
    text = httpx.get(f"http://{HOST}:{alone['NORTHSTAR_METRICS_PORT']}/metrics").text
    samples = {
        (sample.name, *(sample.labels.get(label, "") for label in ("window", "source", "component"))): sample
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    info = samples["northstar_source_info", "", "harbor", ""].labels
    assert (info["title"], info["kind"]) == ("Harbor", "venue")
    net = samples["northstar_pnl_source_net_usd", "all", "harbor", ""].value
    assert net == pytest.approx(float(REALISED) + float(FEES) + float(UNREALISED))
    assert samples["northstar_pnl_source_component_usd", "all", "tide", "api_cost_billed"].value == float(
        COST
    )
    assert samples["northstar_account_cash_usd", "", "harbor", ""].value == -0.65
    assert samples["northstar_source_up", "", "tide", ""].value == 1


def test_its_figures_have_a_history_and_an_explanation(running: str) -> None:
    """The lines sum to the figure, each with the raw answer that it was read from."""
    history = httpx.get(f"{running}/api/pnl/history", params={"fields": "all.net"}).json()
    assert history["points"][-1]["values"] == [NET]
    for figure, usd in (("trading_realised", REALISED), ("trading_fees", FEES), ("api_cost_billed", COST)):
        explained = httpx.get(f"{running}/api/pnl/explain", params={"window": "all", "figure": figure}).json()
        assert (explained["usd"], explained["sum"], explained["exact"]) == (usd, usd, True)
        assert all(line["records"][0]["answers"] for line in explained["lines"]), figure


@NEEDS_CHROMIUM
def test_its_figures_are_on_the_page_and_in_the_widget(running: str) -> None:
    """By its own title, with nothing of other sources beside it."""
    with browsing() as browser:
        page = browser.new_page()
        page.goto(f"{running}/#all")
        expect(page.locator("#net-size")).to_contain_text("$1.60")
        expect(page.locator("body")).to_contain_text("Harbor")
        expect(page.locator("body")).to_contain_text("BOAT-1")
        expect(page.locator("body")).not_to_contain_text("Kalshi")
        page.set_content(
            f'<script type="module" src="{running}/widget.js"></script>'
            f'<northstar-pnl url="{running}" window="all"></northstar-pnl>'
        )
        expect(page.locator("northstar-pnl")).to_contain_text("$1.60")


def test_check_names_each_account_and_what_is_wrong_with_one(
    settings: dict[str, str], tmp_path: Path
) -> None:
    """A second account with a wrong key is one problem; the others are tried all the same."""
    found = finish(tmp_path, settings | {"DB_PATH": str(tmp_path / "other.sqlite3")}, "check")
    assert found.code == 1
    assert "Harbor answers: cash -0.65 USD." in found.output
    assert "Tide answers: 2 days are billed." in found.output
    assert "Harbor (dock) refused the request" in found.output
    assert TOKEN not in found.output


def test_one_account_that_is_refused_leaves_the_other_its_figures(
    settings: dict[str, str], tmp_path: Path
) -> None:
    """The sum has no figure, for a part of it is not known; the account that answers has its own."""
    port = str(held_port())
    own = settings | {"DB_PATH": str(tmp_path / "two.sqlite3"), "PORT": port}
    own["NORTHSTAR_METRICS_PORT"] = str(held_port())

    def stated() -> Any:
        try:
            tree = httpx.get(f"http://{HOST}:{port}/api/pnl/current").json()
            parts = tree["windows"]["all"]["by_source"]
            return tree if "usd" in parts["harbor"]["net"] else None
        except (httpx.HTTPError, KeyError, json.JSONDecodeError):
            return None

    with Process(tmp_path, own, "up") as process:
        tree = until(stated, 90, "for one account's net")
        process.send(signal.SIGTERM)
        process.wait()
    window = tree["windows"]["all"]
    assert "usd" not in window["net"]
    assert {reason["source"] for reason in window["net"]["because"]} >= {"dock"}
    assert window["by_source"]["harbor"]["net"]["usd"] == "3.85"
    assert tree["sources"]["dock"]["error"]["reason"] == "unauthorised"


def test_its_settings_are_told_with_all_others(settings: dict[str, str], tmp_path: Path) -> None:
    """`northstar settings` lists what each source that takes part can be told, by its own name."""
    found = finish(tmp_path, settings, "settings")
    assert found.code == 0, found.output
    for name in ("NORTHSTAR_HARBOR_TOKEN", "NORTHSTAR_DOCK_BASE_URL", "NORTHSTAR_TIDE_INTERVAL_SECONDS"):
        assert re.search(rf"^{name}\b", found.output, re.MULTILINE), name
    assert "Read token of the Harbor account." in found.output
    assert TOKEN not in found.output


def test_no_dashboard_names_a_source() -> None:
    """What the dashboards ask is by label, so that a source nobody knew is drawn with the others."""
    for dashboard in (ROOT / "grafana" / "dashboards").glob("*.json"):
        asked = re.findall(r'"expr": "((?:[^"\\]|\\.)*)"', dashboard.read_text())
        assert asked
        assert not [expr for expr in asked if re.search(r"kalshi|anthropic|source=~?\\\"sales", expr)]


def test_taken_away_it_leaves_nothing_behind_but_its_history(
    alone: dict[str, str], running: str, tmp_path: Path
) -> None:
    """Without the package and its sources the database opens as ever, and still holds what was read."""
    copy = tmp_path / "kept.sqlite3"
    with sqlite3.connect(alone["DB_PATH"]) as source, sqlite3.connect(copy) as target:
        source.backup(target)
    without = {
        "DB_PATH": str(copy),
        "NORTHSTAR_SOURCES": "sales",
        "JOHN_API_BASE_URL": alone["NORTHSTAR_HARBOR_BASE_URL"],
        "JOHN_API_TOKEN": "a-token-of-the-sales-api",
        "PORT": str(held_port()),
        "NORTHSTAR_METRICS_PORT": str(held_port()),
    }
    page = f"http://{HOST}:{without['PORT']}"

    def fresh() -> Any:
        try:
            tree = httpx.get(f"{page}/api/pnl/current").json()
            return tree if set(tree["sources"]) == {"sales"} else None
        except (httpx.HTTPError, KeyError, json.JSONDecodeError):
            return None

    with Process(tmp_path, without, "up") as process:
        tree = until(fresh, 90, "for a snapshot without the sources")
        metrics = httpx.get(f"http://{HOST}:{without['NORTHSTAR_METRICS_PORT']}/metrics").text
        since = datetime.now(UTC) - timedelta(minutes=10)
        past = {"fields": "all.net", "from": f"{since:%Y-%m-%dT%H:%M:%SZ}", "step": "0.5"}
        history = httpx.get(f"{page}/api/pnl/history", params=past).json()
        process.send(signal.SIGTERM)
        process.wait()
    assert "Harbor" not in json.dumps(tree)
    assert "harbor" not in metrics
    assert "tide" not in metrics
    assert [NET] in [point["values"] for point in history["points"]]
    with sqlite3.connect(copy) as database:
        kept = dict(database.execute("SELECT source, count(*) FROM records GROUP BY source").fetchall())
    assert kept["harbor"] == 3
    assert kept["tide"] >= 2
