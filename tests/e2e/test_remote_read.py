"""The past by Prometheus' own remote read: what the API says, through a real one, by our own configuration.

One Prometheus that keeps two hours, and one sidecar, over a year of New York that nobody scraped.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
import yaml

from exporter.records import Record
from exporter.store import Store
from exporter.stream import create_app
from exporter.stream.gate import Access
from tests.builders import NOW, bill, fill, mark, sale
from tests.e2e.pipeline import HOST, until
from tests.e2e.prometheus import CLIENT, PATIENCE, Series, ask, needed, started
from tests.ports import held_port
from tests.reports.test_reader import World
from tests.stream.serving import serving

pytestmark = needed

ROOT = Path(__file__).parents[2]
NEW_YORK = ZoneInfo("America/New_York")
DAY = timedelta(days=1)
TODAY = NOW.astimezone(NEW_YORK).date()
FIRST = TODAY - timedelta(days=390)
NET = 'northstar_day_net_usd{known="now"}'


@dataclass(frozen=True)
class Stack:
    """A Prometheus and the sidecar that it reads from, with the database behind both."""

    prometheus: str
    api: str
    token: str
    world: World

    def told(self, path: str, **asked: str) -> dict[str, Any]:
        """Return what the API answers."""
        answer = CLIENT.get(
            f"{self.api}/api/pnl/{path}", params=asked, headers={"Authorization": f"Bearer {self.token}"}
        )
        assert answer.status_code == 200, answer.text
        tree: dict[str, Any] = answer.json()
        return tree

    def days(self, first: date, last: date) -> dict[str, dict[str, Any]]:
        """Return what the API says of each day, by its name."""
        found = self.told("periods", by="day", **{"from": first.isoformat(), "to": last.isoformat()})
        return {each["period"]: each for each in found["periods"]}

    def drawn(self, query: str, first: date, last: date, step: timedelta = DAY) -> dict[str, float]:
        """Return the bars of a panel: its values by the day on which each begins, as Grafana asks."""
        start = datetime(first.year, first.month, first.day, tzinfo=NEW_YORK)
        answer = CLIENT.post(
            f"{self.prometheus}/api/v1/query_range",
            data={
                "query": query,
                "start": start.timestamp(),
                # One offset for the whole range, as Grafana lays out days.
                "end": start.timestamp() + (last - first) / step * step.total_seconds(),
                "step": step.total_seconds(),
            },
        ).json()
        assert answer["status"] == "success", answer
        assert not answer.get("warnings"), answer
        [series] = answer["data"]["result"]
        noons = (datetime.fromtimestamp(at + 43_200, NEW_YORK) for at, _ in series["values"])
        return {
            noon.date().isoformat(): float(value)
            for noon, (_, value) in zip(noons, series["values"], strict=True)
        }


def records(ago: int) -> Iterator[Record]:
    """Yield what happened so many days ago; the sale while London has tomorrow already."""
    at = NOW - ago * DAY
    yield sale(f"{ago % 50 + 1}.10", sale_id=f"s{ago}", at=at - timedelta(hours=8), fee="0.10")
    if ago % 9 == 0:
        yield fill("buy yes 1 @ 0.40 fee 0.01 in KXA-1-T", fill_id=f"f{ago}", at=at)
    if ago % 2 == 0:
        yield bill(at.date(), "0.50")


def configuration(address: str, token: Path) -> dict[str, Any]:
    """Return our own way of reading the past, with another address and with the token that it asks for."""
    ours = yaml.safe_load((ROOT / "prometheus" / "prometheus.yml").read_text())
    [reading] = ours["remote_read"]
    reading["url"] = reading["url"].replace("stream:8080", address)
    return {
        "global": {"external_labels": {"cluster": "east"}},
        "remote_read": [{**reading, "authorization": {"credentials_file": str(token)}}],
    }


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("past")
    with Store.write(folder / "northstar.sqlite3") as store:
        world = World(store, NEW_YORK)
        world.marks = [mark("KXA-1-T", bid="0.60", ask="0.61")]
        world.keep(*(record for ago in range((TODAY - FIRST).days, -1, -1) for record in records(ago)))
        world.publish()
        access = Access(store.path, routable=True)
        token = access.tokens.create("prometheus", "all", NOW)
        (folder / "token").write_text(token)
        app = create_app(store.path, access=access, clock=lambda: world.clock())
        with serving(app) as api:
            until(lambda: app.state.feed.current(), PATIENCE)
            port = held_port()
            config = folder / "prometheus.yml"
            config.write_text(json.dumps(configuration(api.removeprefix("http://"), folder / "token")))
            with started(config, folder / "data", port, "--storage.tsdb.retention.time=2h") as process:
                assert process.running, process.output
                yield Stack(f"http://{HOST}:{port}", api, token, world)


def test_every_day_of_a_year_is_what_the_api_says(stack: Stack) -> None:
    """From long before its retention and over both changes of the clocks, each bar in its own day."""
    bars = stack.drawn(f"last_over_time({NET}[1d] offset -1d)", FIRST, TODAY)
    said = stack.days(FIRST, TODAY)
    assert bars == {day: float(each["net"]["usd"]) for day, each in said.items()}
    assert len(bars) == 391
    assert len(set(bars.values())) > 50


def test_parts_sources_and_grades_are_what_the_api_says(stack: Stack) -> None:
    """On the day on which the clocks were set back, by instant queries."""
    day = date(2026, 11, 1)
    said = stack.days(day, day)[day.isoformat()]
    end = datetime(2026, 11, 2, tzinfo=NEW_YORK).timestamp()

    def asked(metric: str) -> Series:
        return ask(stack.prometheus, f'last_over_time({metric}{{known="now"}}[25h])', end)

    parts = {
        each["metric"]["component"]: float(each["value"][1]) for each in asked("northstar_day_component_usd")
    }
    assert parts == {name: float(figure["usd"]) for name, figure in said["components"].items()}
    [net] = asked("northstar_day_net_usd")
    assert float(net["value"][1]) == float(said["net"]["usd"])
    sources = {each["metric"]["source"] for each in asked("northstar_day_source_usd")}
    assert sources == {"kalshi", "anthropic", "sales"}
    assert [each["metric"]["grade"] for each in asked("northstar_day_grade")] == [said["net"]["grade"]]


def test_months_are_what_the_api_says_and_what_their_days_sum_to(stack: Stack) -> None:
    """Also the two in which the clocks change; the one that runs is not there."""
    at = NOW.timestamp()
    found = ask(stack.prometheus, 'last_over_time(northstar_month_net_usd{known="now"}[400d])', at)
    months = {each["metric"]["month"]: float(each["value"][1]) for each in found}
    said = stack.told("periods", by="month", **{"from": FIRST.isoformat(), "to": TODAY.isoformat()})
    whole = {each["period"]: float(each["net"]["usd"]) for each in said["periods"][1:-1]}
    assert {name: months[name] for name in whole} == whole
    assert "2026-11" not in months
    for month, hours in ((3, 31 * 24 - 1), (11, 30 * 24 + 1)):
        year = 2026 if month == 3 else 2025
        end = datetime(year, month + 1, 1, tzinfo=NEW_YORK).timestamp()
        [summed] = ask(stack.prometheus, f"sum_over_time({NET}[{hours}h])", end)
        assert float(summed["value"][1]) == pytest.approx(months[f"{year}-{month:02}"], abs=1e-9)


def test_a_correction_is_in_the_very_next_query(stack: Stack) -> None:
    """A sale that is listed late, of a day that nothing has been said about for months."""
    day, query = date(2026, 3, 8), f"last_over_time({NET}[1d] offset -1d)"
    before = stack.drawn(query, day, day)[day.isoformat()]
    stack.world.keep(sale("1000.00", sale_id="late", at=datetime(2026, 3, 8, 23, 59, tzinfo=NEW_YORK)))
    stack.world.follow()
    after = stack.drawn(query, day, day)[day.isoformat()]
    assert after == pytest.approx(before + 1000)
    assert after == float(stack.days(day, day)[day.isoformat()]["net"]["usd"])


def test_only_queries_that_say_so_ask_the_sidecar(stack: Stack) -> None:
    """Everything else is answered by Prometheus alone, as before."""
    assert ask(stack.prometheus, "last_over_time(northstar_day_net_usd[30d])", NOW.timestamp()) == []
    assert ask(stack.prometheus, f"last_over_time({NET}[30d])", NOW.timestamp())


def test_a_sidecar_that_is_away_or_refuses_is_a_warning(stack: Stack, tmp_path: Path) -> None:
    """The query succeeds with nothing, and says why; one that names none of ours has no warning."""
    (tmp_path / "token").write_text("northstar_wrong")
    for address, said in ((f"{HOST}:{held_port()}", "refused"), (stack.api.removeprefix("http://"), "401")):
        config, port = tmp_path / "prometheus.yml", held_port()
        config.write_text(json.dumps(configuration(address, tmp_path / "token")))
        with started(config, tmp_path / f"data{port}", port) as process:
            assert process.running, process.output
            url = f"http://{HOST}:{port}"
            answer = httpx.get(f"{url}/api/v1/query", params={"query": f"last_over_time({NET}[1d])"}).json()
            assert (answer["status"], answer["data"]["result"]) == ("success", [])
            assert said in " ".join(answer["warnings"])
            assert ask(url, "vector(1)")
