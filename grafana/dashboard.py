"""A dashboard: rows of panels laid out from left to right, with what all dashboards share."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from grafana import queries, words
from grafana.panels import DATASOURCE, Panel, Query, about, link, stat
from grafana.words import WINDOW_WORDS, Json

SCHEMA_VERSION = 38
"""Grafana 10.0's. Newer ones bring it up to date when they load it, older ones do not write it."""

COLUMNS = 24
REFRESH = "5s"
"""The pace of the scrapes: faster would show the same figures again."""

TAG = "northstar"


@dataclass(frozen=True, slots=True)
class Row:
    """Panels side by side, wrapping at the right edge; with a title, below a heading that folds them."""

    panels: Sequence[Panel]
    title: str = ""
    folded: bool = False


@dataclass(frozen=True, slots=True)
class Dashboard:
    """One dashboard. Its name is its file's, and its uid with `northstar-` before it."""

    name: str
    title: str
    about: str
    rows: Sequence[Row]
    since: str = "now-6h"
    variables: Sequence[Json] = field(default_factory=lambda: (datasource(), window()))
    kiosk: bool = False

    def json(self) -> Json:
        """Return it as Grafana reads it."""
        return {
            "uid": f"northstar-{self.name}",
            "title": self.title,
            "description": self.about,
            "tags": [TAG],
            "schemaVersion": SCHEMA_VERSION,
            "version": 1,
            "editable": False,
            "graphTooltip": 1,
            "timezone": "browser",
            "refresh": REFRESH,
            "time": {"from": self.since, "to": "now"},
            "timepicker": {"refresh_intervals": ["5s", "30s", "1m", "15m"], "hidden": self.kiosk},
            "links": [] if self.kiosk else [_navigation()],
            "templating": {"list": list(self.variables)},
            "annotations": {"list": [each | {"hide": self.kiosk} for each in _annotations()]},
            "panels": _laid_out(self.rows),
        }

    def text(self) -> str:
        """Return the file."""
        return json.dumps(self.json(), indent=1, ensure_ascii=False) + "\n"


def _laid_out(rows: Sequence[Row]) -> list[Json]:
    placed: list[Json] = []
    number = y = 0
    for row in rows:
        into = placed
        if row.title:
            number += 1
            heading = {"id": number, "type": "row", "title": row.title, "collapsed": row.folded, "panels": []}
            placed.append(heading | {"gridPos": {"x": 0, "y": y, "w": COLUMNS, "h": 1}})
            into = placed[-1]["panels"] if row.folded else placed
            y += 1
        x = tallest = 0
        for panel in row.panels:
            if x + panel.width > COLUMNS:
                x, y, tallest = 0, y + tallest, 0
            number += 1
            into.append(panel.json(number, x, y))
            x, tallest = x + panel.width, max(tallest, panel.height)
        y += tallest
    return placed


def _navigation() -> Json:
    return {
        "type": "dashboards",
        "title": "NorthStar",
        "tags": [TAG],
        "asDropdown": False,
        "includeVars": True,
        "keepTime": True,
        "targetBlank": False,
    }


SHOWN, HIDDEN = 0, 2


def datasource(*, hidden: bool = False) -> Json:
    """Return the variable that names the Prometheus to ask."""
    return {
        "name": "datasource",
        "label": "Data source",
        "type": "datasource",
        "query": "prometheus",
        "current": {"text": "Prometheus", "value": "northstar-prometheus"},
        "hide": HIDDEN if hidden else SHOWN,
        "refresh": 1,
        "regex": "",
        "multi": False,
        "includeAll": False,
    }


def window(current: str = "today", *, hidden: bool = False) -> Json:
    """Return the variable that names the window of the figures."""
    options = [
        {"text": text, "value": value, "selected": value == current} for value, text in WINDOW_WORDS.items()
    ]
    return {
        "name": "window",
        "label": "Window",
        "type": "custom",
        "query": ",".join(f"{text} : {value}" for value, text in WINDOW_WORDS.items()),
        "options": options,
        "current": {"text": WINDOW_WORDS[current], "value": current, "selected": True},
        "hide": HIDDEN if hidden else SHOWN,
        "multi": False,
        "includeAll": False,
    }


def _annotation(name: str, expr: str, title: str, text: str, color: str) -> Json:
    return {
        "name": name,
        "datasource": DATASOURCE,
        "enable": True,
        "iconColor": color,
        "expr": expr,
        "step": "15s",
        "titleFormat": title,
        "textFormat": text,
        "useValueForTime": False,
    }


FIRING = 'ALERTS{alertstate="firing",alertname!="Watchdog"}'
"""Marked where it begins: an alert that fires for a day would colour all the day."""

RESTATED = queries.grown("northstar_restatements_total", "1m")


def _annotations() -> list[Json]:
    return [
        _annotation(
            "Alerts",
            f"{FIRING} unless {FIRING} offset 1m",
            "{{alertname}}",
            "{{severity}}",
            words.ORANGE,
        ),
        _annotation(
            "Restatements",
            f"sum by (source, kind) ({RESTATED}) > 0",
            "Restated by {{source}}",
            "{{kind}}: said otherwise, or listed late; /api/pnl/restatements has old and new amounts",
            words.VIOLET,
        ),
        _annotation(
            "Deploys",
            "count by (version) (northstar_build_info)"
            " unless on (version) count by (version) (northstar_build_info offset 1m)",
            "Version {{version}}",
            "This version of the exporter started",
            words.GREY,
        ),
    ]


def source() -> Json:
    """Return the variable that names the sources to look at; all of them at first."""
    return {
        "name": "source",
        "label": "Source",
        "type": "query",
        "datasource": DATASOURCE,
        "query": {"query": "label_values(northstar_source_up, source)", "refId": "sources"},
        "definition": "label_values(northstar_source_up, source)",
        "current": {"text": ["All"], "value": ["$__all"], "selected": True},
        "hide": SHOWN,
        "refresh": 2,
        "sort": 1,
        "regex": "",
        "multi": True,
        "includeAll": True,
        "allValue": ".+",
    }


def trust() -> Row:
    """Return the strip that every dashboard begins with: can this be believed, and if not, why not?"""
    return Row([trusted(5), grade(4), as_of(5), _sources(), _stated_in()])


def _details() -> list[Json]:
    return [link("Which source, and since when", "pipeline")]


def trusted(width: int, height: int = 3) -> Panel:
    """Return the verdict on today's net, in a word."""
    return stat(
        "Today's net can be trusted",
        Query(queries.TRUST, now=True),
        about(
            "**yes**: final or estimated, all truth checks hold, the snapshot is less than a minute old. "
            "**in part**: something is left out. **no**: stale, missing, or a check fails.",
            formula="grade of today, every truth check, age of the snapshot",
        ),
        unit=words.WORD,
        mappings=words.TRUST,
        width=width,
        height=height,
        links=_details(),
    )


def grade(width: int, height: int = 3) -> Panel:
    """Return how certain the net of the chosen window is."""
    return stat(
        "Grade, $window",
        Query(queries.grade(), now=True),
        about(
            "How certain the net of the window is: final, estimated, partial, stale or missing.",
            formula="the worst grade of the net's components",
        ),
        unit=words.WORD,
        mappings=words.GRADES,
        width=width,
        height=height,
        links=_details(),
    )


def as_of(width: int, height: int = 3) -> Panel:
    """Return how old the net of the chosen window is."""
    return stat(
        "As of, $window",
        Query(queries.as_of(), now=True),
        about(
            "How long ago the oldest part of the net was true. API cost is read once a minute.",
            formula="the oldest `as_of` of the net's components",
        ),
        unit=words.INSTANT,
        width=width,
        height=height,
        links=_details(),
    )


def _sources() -> Panel:
    return stat(
        "Sources",
        Query(queries.SOURCES_UP, "{{source}}", now=True),
        about("Whether the last reading of each source succeeded. Pipeline says since when."),
        unit=words.WORD,
        mappings=words.ANSWERS,
        width=7,
        height=3,
        show="value_and_name",
        links=_details(),
    )


def _stated_in() -> Panel:
    return stat(
        "Stated in",
        Query(queries.STATED_IN, "{{currency}}, {{timezone}}, {{mark_rule}}", now=True),
        about(
            "Currency, the zone whose midnight starts today, and the price that open contracts are "
            "valued at. The axes show the browser's time."
        ),
        unit=words.WORD,
        width=3,
        height=3,
        show="name",
    )
