"""What a reviewer would look for in a rule: names that exist, words that help, a way to act."""

from __future__ import annotations

import json
import re

import pytest
import yaml

from exporter.metrics.catalogue import METRICS
from exporter.settings import Settings
from exporter.stream import metrics as figures
from tests import sections
from tests.prometheus.rules import ALERTS, FOLDER, RECORDED, Rule, groups

ROOT = FOLDER.parent
RULES = [rule for group in groups() for rule in group["rules"]]
KNOWN = {
    **{metric.name: (metric.kind, set(metric.labels)) for metric in (*METRICS.values(), *figures.METRICS)},
    "up": ("gauge", set()),
    "prometheus_rule_evaluation_failures_total": ("counter", {"rule_group"}),
    "prometheus_tsdb_wal_writes_failed_total": ("counter", set()),
    "prometheus_tsdb_compactions_failed_total": ("counter", set()),
    "prometheus_config_last_reload_successful": ("gauge", set()),
    "prometheus_notifications_dropped_total": ("counter", set()),
    "alertmanager_notifications_failed_total": ("counter", {"integration"}),
}
TARGET = {"job", "instance"}
OF_COUNTERS = {"rate", "irate", "increase", "resets"}
OF_GAUGES = {"changes", "predict_linear", "deriv", "delta"}
METRIC = re.compile(
    r"(?<![\w:$\"])(up|[a-z]*:?(?:northstar|prometheus|alertmanager)_[a-z0-9_]+(?::[a-z0-9_]+)?)"
    r"(?:\{([^}]*)\})?(\[\w+\])?"
)
KNOWN_LIMITS = {
    (f"northstar_limit_{field.rpartition('_')[2]}", field.removeprefix("limit_").rpartition("_")[0])
    for field in Settings.model_fields
    if field.startswith("limit_")
}


def named(rule: Rule) -> str:
    return str(rule.get("alert") or rule.get("record"))


def base(name: str) -> str:
    """Return the family of a series: that of a bucket is its histogram."""
    return name if name in KNOWN else re.sub(r"_(bucket|sum|count)$", "", name)


each_rule = pytest.mark.parametrize("rule", RULES, ids=named)
each_alert = pytest.mark.parametrize("name", ALERTS)


@each_rule
def test_rule_asks_for_series_and_labels_that_exist(rule: Rule) -> None:
    """A renamed metric would leave an alert silent for ever."""
    queries = [rule["expr"], *re.findall(r'query \(?(?:printf )?\s*"([^"]*)"', str(rule.get("annotations")))]
    for name, selector, _ in METRIC.findall("\n".join(queries)):
        assert name in RECORDED or base(name) in KNOWN, name
        labels = set(re.findall(r"(\w+)\s*[=!]~?", selector))
        if name not in RECORDED:
            histogram = {"le"} if name.endswith("_bucket") else set()
            assert labels <= KNOWN[base(name)][1] | TARGET | histogram, (name, selector)


@each_rule
def test_limit_that_a_rule_compares_with_is_a_setting(rule: Rule) -> None:
    """A limit of another name, or unit, has no series: the alert would be off and nobody would know."""
    for unit, name in re.findall(r"(northstar_limit_[a-z]+)(?::held)?\{limit=[\"'](\w+)[\"']\}", str(rule)):
        assert (unit, name) in KNOWN_LIMITS


def test_every_limit_is_compared_with() -> None:
    """A setting that changes nothing is a lie."""
    text = "\n".join(rule["expr"] for rule in RULES)
    assert {
        (u, n) for u, n in re.findall(r"(northstar_limit_[a-z]+)(?::held)?\{limit=\"(\w+)\"\}", text)
    } == KNOWN_LIMITS


@each_rule
def test_functions_fit_what_they_are_asked_about(rule: Rule) -> None:
    """The rate of a gauge means nothing, nor does a counter without its rate."""
    for function, name in re.findall(r"(\w+)\(\s*([a-z_:]+)(?:\{[^}]*\})?\[", rule["expr"]):
        kind = KNOWN[base(name)][0] if base(name) in KNOWN else "gauge"
        if function in OF_COUNTERS:
            assert kind in ("counter", "histogram"), (function, name)
        if function in OF_GAUGES:
            assert kind == "gauge", (function, name)


@pytest.mark.parametrize("name", RECORDED)
def test_recording_rule_is_named_level_metric_operations(name: str) -> None:
    """As in window:northstar_sales_usd:sum, and each is used or shown."""
    assert re.fullmatch(r"[a-z_]+:northstar_[a-z_]+:[a-z0-9_]+", name)
    assert "{{" not in str(RECORDED[name])


def test_no_name_is_used_twice() -> None:
    """Two rules of one name would take turns."""
    names = [named(rule) for rule in RULES] + [group["name"] for group in groups()]
    assert len(names) == len(set(names))


def test_every_recording_rule_is_used() -> None:
    """By an alert, another rule, a dashboard or the runbook."""
    dashboards = "\n".join(path.read_text() for path in (ROOT / "grafana" / "dashboards").glob("*.json"))
    used = "\n".join([rule["expr"] for rule in RULES]) + dashboards + (FOLDER / "runbook.md").read_text()
    own = {name: len(re.findall(re.escape(name) + r"(?!\w)", used)) for name in RECORDED}
    assert [name for name, count in own.items() if not count] == []


@each_alert
def test_alert_says_what_a_person_needs(name: str) -> None:
    """Severity, kind, how long it lasts, what is the matter with its value, where to look and what to do."""
    rule = ALERTS[name]
    assert set(rule) == {"alert", "expr", "for", "labels", "annotations"}
    assert re.fullmatch(r"Northstar([A-Z][a-z]+)+|Watchdog", name)
    assert rule["labels"]["severity"] in ("critical", "warning", "none")
    assert rule["labels"]["kind"] in ("money", "truth", "pipeline")
    assert set(rule["annotations"]) == {"summary", "description", "dashboard_url", "runbook_url"}
    for text in rule["annotations"].values():
        assert text == text.strip()
        assert "\n" not in text
    assert rule["annotations"]["summary"].endswith((".", "}}"))


WITHOUT_A_VALUE = {
    "NorthstarFigureMissing": "there is none",
    "NorthstarExporterDown": "it is 0",
    "NorthstarStreamDown": "it is 0",
    "NorthstarBooksOutOfBalance": "it is 0, or a count of refusals",
    "NorthstarSchemaDrift": "it is a count; the field is what matters",
    "NorthstarStoreFails": "it is a count of refusals",
    "NorthstarPrometheusFails": "it is a count of failures",
    "NorthstarAlertsNotDelivered": "it is a count of failures",
    "Watchdog": "it is 1",
}
"""Alerts whose value says nothing to a reader, and why."""


@each_alert
def test_summary_has_the_value(name: str) -> None:
    """A reader on a telephone sees how bad it is."""
    summary = ALERTS[name]["annotations"]["summary"]
    stated = "$value" in summary or "query" in summary
    assert stated != (name in WITHOUT_A_VALUE), name


@each_alert
def test_runbook_has_a_section_for_the_alert(name: str) -> None:
    """The link leads to a heading, and that tells what to look at, do, and not do."""
    path, _, anchor = ALERTS[name]["annotations"]["runbook_url"].partition("#")
    text = (ROOT / path).read_text()
    assert anchor == name.lower()
    section = text.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
    for words in ("**Means.**", "Look first", "Do.", "Do not") if name != "Watchdog" else ("**Means.**",):
        assert words.lower() in section.lower(), words


def test_runbook_has_no_section_of_an_alert_that_is_gone() -> None:
    """Whoever scrolls through it finds what there is."""
    assert re.findall(r"^## (.+)$", (FOLDER / "runbook.md").read_text(), re.MULTILINE) == list(ALERTS)


def test_runbook_leads_nowhere_else() -> None:
    """A link in it is one of its own sections."""
    text = (FOLDER / "runbook.md").read_text()
    assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= {name.lower() for name in ALERTS}


def test_settings_that_rules_and_runbook_name_exist() -> None:
    """Whoever is told to set one can."""
    text = (FOLDER / "runbook.md").read_text() + "".join(str(rule) for rule in RULES)
    assert set(re.findall(r"\bNORTHSTAR_[A-Z_]+", text)) <= sections.KNOWN


def test_runbook_asks_for_series_that_exist() -> None:
    """A query at three in the morning must work."""
    text = (FOLDER / "runbook.md").read_text()
    named_there = re.findall(r"(?<![\w:])(?:[a-z]+:)?northstar_[a-z0-9_]+(?::[a-z0-9_]+)?", text)
    assert len(named_there) > 30
    for name in named_there:
        assert name in RECORDED or base(name) in KNOWN, name


UIDS = {json.loads(path.read_text())["uid"] for path in (ROOT / "grafana" / "dashboards").glob("*.json")}


@each_alert
def test_dashboard_link_leads_to_one_of_ours(name: str) -> None:
    """The path is Grafana's own for a uid."""
    before, _, uid = ALERTS[name]["annotations"]["dashboard_url"].rpartition("/")
    assert before == "/d"
    assert uid in UIDS


def test_configuration_loads_the_rules_and_knows_the_jobs_that_rules_name() -> None:
    """A job of another name would look like one that is down."""
    config = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
    assert config["rule_files"] == ["rules/*.yml", "alerts/*.yml"]
    jobs = {each["job_name"] for each in config["scrape_configs"]}
    assert {job for rule in RULES for job in re.findall(r'job="([^"]+)"', rule["expr"])} <= jobs
