"""The committed dashboards as the tests read them: panels, queries, and the metrics a query names."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from exporter.metrics.catalogue import METRICS
from exporter.stream import grafana_live
from exporter.stream import metrics as figures
from exporter.stream.remote_read import catalogue as past

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "grafana" / "dashboards"
FILES = sorted(FOLDER.glob("*.json"))

Json = dict[str, Any]


def read(path: Path) -> Json:
    """Return a dashboard as it is committed."""
    dashboard: Json = json.loads(path.read_text())
    return dashboard


@dataclass(frozen=True)
class Asked:
    """One query of one panel."""

    dashboard: str
    panel: Json
    target: Json

    @property
    def expr(self) -> str:
        expr: str = self.target["expr"]
        return expr

    def __str__(self) -> str:
        return f"{self.dashboard}, {self.panel['title']}, {self.target['refId']}: {self.expr}"


def panels(path: Path) -> list[Json]:
    """Return the panels that show something, also below a folded heading."""
    everything = [each for panel in read(path)["panels"] for each in (panel, *panel.get("panels", ()))]
    return [panel for panel in everything if panel["type"] != "row"]


def asked() -> Iterator[Asked]:
    """Yield every query to Prometheus."""
    for path in FILES:
        for panel in panels(path):
            for target in panel["targets"]:
                if "expr" in target:
                    yield Asked(path.stem, panel, target)


KINDS: dict[str, str] = {}
LABELS: dict[str, set[str]] = {}
"""Kind and labels of every series that may be asked for: ours, our rules', and Prometheus's own."""

for metric in (*METRICS.values(), *figures.METRICS, *grafana_live.METRICS, *past.METRICS):
    # A label that the scrape has itself is renamed by Prometheus.
    labels = {"exported_job" if label == "job" else label for label in metric.labels}
    KINDS[metric.name], LABELS[metric.name] = metric.kind, labels
    if metric.kind == "histogram":
        for suffix in ("_bucket", "_count", "_sum"):
            KINDS[metric.name + suffix], LABELS[metric.name + suffix] = "counter", labels | {"le"}
KINDS |= {"up": "gauge", "ALERTS": "gauge", "ALERTS_FOR_STATE": "gauge"}
LABELS |= {
    "up": {"job", "instance"},
    "ALERTS": {"alertname", "alertstate", "severity"},
    "ALERTS_FOR_STATE": {"alertname"},
}
for file in sorted((ROOT / "prometheus").rglob("*.y*ml")):
    for group in (yaml.safe_load(file.read_text()) or {}).get("groups", ()):
        for rule in group["rules"]:
            if "record" in rule:
                KINDS[rule["record"]] = "gauge"
                # Which labels a rule keeps is its own business; the queries are asked for real elsewhere.
                LABELS[rule["record"]] = {"job", "window", "source", "task", "field", *rule.get("labels", {})}

SERIES = re.compile(
    r"\b((?:[a-z_]+:northstar_[a-z0-9_]+:[a-z0-9_]+)|northstar_[a-z_]+|ALERTS_FOR_STATE|ALERTS|up\b)(\{[^}]*\})?(\[[^]]+\])?"
)


@dataclass(frozen=True)
class Series:
    """A selector within a query, with the function around it when it is a range."""

    name: str
    matchers: tuple[tuple[str, str, str], ...]
    function: str


def series(expr: str) -> list[Series]:
    """Return the selectors of a query."""
    found = []
    for match in SERIES.finditer(expr):
        before = re.search(r"(\w+)\(\s*$", expr[: match.start()])
        matchers = tuple(re.findall(r'(\w+)(=~|!~|!=|=)"([^"]*)"', match[2] or ""))
        found.append(Series(match[1], matchers, before[1] if before and match[3] else ""))
    return found


def grouped(expr: str) -> set[str]:
    """Return the labels that a query groups or joins by."""
    lists = re.findall(r"\b(?:by|on|group_left)\s*\(([^)]*)\)", expr)
    return {label.strip() for labels in lists for label in labels.split(",")} - {""}
