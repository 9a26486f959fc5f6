"""The dashboards as they are committed: whole, honest, and asking for what exists."""

from __future__ import annotations

import colorsys
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from exporter.snapshot import COMPONENTS, WINDOWS, Grade
from grafana import words
from grafana.__main__ import files
from tests.grafana.dashboards import (
    FILES,
    FOLDER,
    KINDS,
    LABELS,
    ROOT,
    Json,
    asked,
    grouped,
    panels,
    read,
    series,
)

SCHEMA = Draft202012Validator(json.loads((Path(__file__).parent / "schema.json").read_text()))
EVERY = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)


def test_generating_again_changes_nothing() -> None:
    """What is committed is what the Python says, and nothing else lies beside it."""
    assert {path: path.read_text() for path in FILES} == files()


def test_there_are_six_and_each_has_a_name_of_its_own() -> None:
    """A link to a dashboard, or a bookmark, leads to the same one on every machine."""
    found = [read(path) for path in FILES]
    assert [each["uid"] for each in found] == [f"northstar-{path.stem}" for path in FILES]
    assert len({each["title"] for each in found}) == len(found) == 6


@EVERY
def test_it_is_what_grafana_reads(path: Path) -> None:
    """No field is misspelt, missing, or one that a newer Grafana took away."""
    assert [
        f"{'/'.join(map(str, e.absolute_path))}: {e.message[:200]}" for e in SCHEMA.iter_errors(read(path))
    ] == []


@EVERY
def test_panels_lie_side_by_side(path: Path) -> None:
    """None covers another or sticks out, and each has its own number."""
    everything = read(path)["panels"]
    assert len({panel["id"] for panel in everything}) == len(everything)
    covered: set[tuple[int, int]] = set()
    for panel in everything:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24, panel["title"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & covered, panel["title"]
        covered |= cells


def _says_absence(mapping: Json) -> bool:
    return bool(mapping["type"] == "special" and mapping["options"]["match"] == "null+nan")


@EVERY
def test_every_panel_says_what_it_means(path: Path) -> None:
    """Where the figure comes from, how fresh it is, and what stands where there is none."""
    titles = [panel["title"] for panel in panels(path)]
    assert len(set(titles)) == len(titles)
    for panel in panels(path):
        assert "**Source:**" in panel["description"], panel["title"]
        assert "**Refresh:**" in panel["description"], panel["title"]
        defaults = panel["fieldConfig"]["defaults"]
        assert defaults["unit"], panel["title"]
        assert defaults["noValue"] == words.NO_FIGURE, panel["title"]
        assert any(_says_absence(each) for each in defaults["mappings"]), panel["title"]


def test_every_amount_is_in_dollars() -> None:
    """A panel that asks for money says so, and one that does not asks for none."""
    for each in asked():
        names = [found.name for found in series(each.expr)]
        ratio = " / " in each.expr and not each.expr.rstrip(")").endswith("/ 7 or vector(NaN")
        money = any(name.endswith("_usd") for name in names) and not ratio
        if each.panel["type"] == "table":
            continue
        assert (each.panel["fieldConfig"]["defaults"]["unit"] == words.USD) == money, each


@EVERY
def test_grade_and_age_are_always_in_view(path: Path) -> None:
    """Whatever is looked at, the top of the page says whether it can be believed."""
    low = {panel["title"]: panel["gridPos"]["y"] for panel in panels(path)}
    for title in ("Today's net can be trusted", "Grade, $window", "As of, $window"):
        assert low[title] <= 9, title


@EVERY
def test_nothing_that_can_be_negative_is_stacked(path: Path) -> None:
    """A stack of gains and losses has a height that means nothing."""
    for panel in panels(path):
        if panel["type"] == "timeseries":
            assert panel["fieldConfig"]["defaults"]["custom"]["stacking"]["mode"] == "none", panel["title"]


@EVERY
def test_it_asks_the_chosen_data_source(path: Path) -> None:
    """A fixed one would be blank in a Grafana that has another; Grafana's own is the same everywhere."""
    dashboard = read(path)
    names = {variable["name"] for variable in dashboard["templating"]["list"]}
    assert {"datasource", "window"} <= names
    for panel in panels(path):
        for source in (panel["datasource"], *(target["datasource"] for target in panel["targets"])):
            assert source["uid"] == ("grafana" if source["type"] == "datasource" else "${datasource}")
    for each in (*dashboard["annotations"]["list"], *panels(path)):
        for target in each.get("targets", [each]):
            for name in re.findall(r"\$(?!__)\{?([a-z]\w*)", target.get("expr", "")):
                assert name in names, target


@EVERY
def test_it_is_not_refreshed_faster_than_it_is_scraped(path: Path) -> None:
    """The same figure drawn twice a scrape is work for nothing."""
    config = yaml.safe_load((ROOT / "prometheus" / "prometheus.yml").read_text())
    dashboard = read(path)
    interval = int(config["global"]["scrape_interval"].removesuffix("s"))
    assert int(dashboard["refresh"].removesuffix("s")) >= interval
    assert dashboard["timepicker"]["refresh_intervals"][0] == dashboard["refresh"]


@EVERY
def test_links_lead_to_dashboards_that_exist(path: Path) -> None:
    """From a figure to what is behind it."""
    uids = {read(each)["uid"] for each in FILES}
    for panel in panels(path):
        for link in panel["fieldConfig"]["defaults"]["links"]:
            match = re.fullmatch(r"/d/([a-z-]+)\?\$\{window:queryparam\}&\$\{__url_time_range\}", link["url"])
            assert match is not None, link
            assert match[1] in uids, link


@EVERY
def test_meaning_does_not_rest_on_red_and_green(path: Path) -> None:
    """Blue, orange, violet and grey: what colour-blind readers can tell apart, in every theme."""
    for text in re.findall(r'"(?:color|fixedColor|iconColor)": "([^"]+)"', path.read_text()):
        if text not in (words.NEUTRAL, "transparent"):
            red, green, blue = (int(text[at : at + 2], 16) / 255 for at in (1, 3, 5))
            hue, _, saturation = colorsys.rgb_to_hsv(red, green, blue)
            assert saturation < 0.2 or 20 / 360 < hue < 60 / 360 or 190 / 360 < hue < 290 / 360, text


@EVERY
def test_thresholds_climb(path: Path) -> None:
    """Steps out of order would colour a figure by the wrong one."""
    for panel in panels(path):
        steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
        values = [step["value"] for step in steps[1:]]
        assert values == sorted(set(values)), panel["title"]


def test_grades_are_said_in_the_words_of_the_figures() -> None:
    """final, estimated, partial, stale, missing: one vocabulary everywhere."""
    said = {int(value): each["text"] for value, each in words.GRADES[0]["options"].items()}
    assert said == {grade.value: grade.word for grade in Grade}


def test_words_cover_every_window_and_component() -> None:
    """A new component gets a line in the statement, and a name there."""
    assert set(words.COMPONENT_WORDS) == {*COMPONENTS, "net"}
    assert list(words.WINDOW_WORDS) == list(WINDOWS)
    (statement,) = (
        panel for panel in panels(FOLDER / "company.json") if panel["title"] == "Income statement"
    )
    order = re.findall(r'"component", "(\w+)"', statement["targets"][-1]["expr"])
    assert list(dict.fromkeys(order)) == [*COMPONENTS, "net"]


def test_every_live_panel_has_a_twin() -> None:
    """Where nothing is pushed, the same figure is on the same dashboard, by way of Prometheus."""
    live = 0
    for path in FILES:
        titles = {panel["title"] for panel in panels(path)}
        for panel in panels(path):
            if panel["datasource"]["uid"] == "grafana":
                live += 1
                assert panel["title"].replace("pushed", "scraped") in titles - {panel["title"]}
    assert live


def queries(path: Path) -> list[str]:
    """Return what a dashboard asks Prometheus, for its panels and its annotations."""
    panels_ask = [each.expr for each in asked() if each.dashboard == path.stem]
    return panels_ask + [each["expr"] for each in read(path)["annotations"]["list"]]


@EVERY
def test_it_asks_for_what_exists(path: Path) -> None:
    """A renamed metric or label leaves no panel blank behind its back."""
    words_of = {"window": WINDOWS, "component": COMPONENTS}
    for expr in queries(path):
        assert series(expr), expr
        known: set[str] = set()
        for one in series(expr):
            assert one.name in KINDS, f"{one.name}: {expr}"
            known |= LABELS[one.name]
            for label, _, value in one.matchers:
                assert label in LABELS[one.name], f"{one.name} has no label {label}: {expr}"
                if label in words_of and not value.startswith("$"):
                    assert any(re.fullmatch(value, word) for word in words_of[label]), f"{value}: {expr}"
        assert grouped(expr) <= known, expr


@EVERY
def test_only_counters_have_a_rate_and_they_always_do(path: Path) -> None:
    """The rate of a gauge is nonsense; a bare counter says how long the process has run."""
    for expr in queries(path):
        selected = series(expr)
        grows = {one.name for one in selected if one.function in ("rate", "increase")}
        assert grows == {one.name for one in selected if KINDS[one.name] == "counter"}, expr


def test_promtool_can_read_every_query(tmp_path: Path) -> None:
    """What Prometheus would refuse is refused here, without a server."""
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("promtool is not installed: see tests/install-tools")
    filled = re.compile(r"\$__rate_interval|\$__range")
    rules = [
        {"record": f"panel:{number}", "expr": filled.sub("1m", each.expr)}
        for number, each in enumerate(asked())
    ]
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    done = subprocess.run([program, "check", "rules", str(file)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
