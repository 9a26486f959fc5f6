"""What is on a dashboard, as typed values that become Grafana's JSON. One function a kind of panel."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from grafana import words
from grafana.words import Json, Steps

DATASOURCE: Json = {"type": "prometheus", "uid": "${datasource}"}
LIVE_DATASOURCE: Json = {"type": "datasource", "uid": "grafana"}
"""Grafana's own; it is the same in every installation."""

EVERY = "Scraped every 5 s."
ANEW = "Read anew each time it is drawn."
SOURCE = {
    "exporter": "the exporter's newest snapshot",
    "health": "the exporter's own health",
    "stream": "the stream sidecar",
    "prometheus": "Prometheus itself",
    "past": "the records, read by Prometheus from the stream",
}


@dataclass(frozen=True, slots=True)
class Query:
    """One question to Prometheus. `now` asks for the newest value only, else for a line."""

    expr: str
    legend: str = ""
    now: bool = False
    table: bool = False

    def json(self, ref: str) -> Json:
        """Return it as a target of a panel."""
        return {
            "refId": ref,
            "datasource": DATASOURCE,
            "expr": self.expr,
            "legendFormat": self.legend or "__auto",
            "instant": self.now,
            "range": not self.now,
            "format": "table" if self.table else "time_series",
        }


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel before it has a place. `about` is its description: what, whence, how often, by which rule."""

    kind: str
    title: str
    about: str
    width: int
    height: int
    targets: tuple[Json, ...] = ()
    options: Json = field(default_factory=dict)
    defaults: Json = field(default_factory=dict)
    overrides: tuple[Json, ...] = ()
    transformations: tuple[Json, ...] = ()
    datasource: Json = field(default_factory=lambda: DATASOURCE)
    since: str = ""
    """How far back this panel looks, whatever the dashboard's time range."""
    interval: str = ""
    """The shortest step between two of its values, where the scrapes' is too short."""

    def sized(self, width: int, height: int) -> Panel:
        """Return the same panel in another size."""
        return replace(self, width=width, height=height)

    def json(self, number: int, x: int, y: int) -> Json:
        """Return it as Grafana reads it, at its place."""
        own_time = {"timeFrom": self.since} if self.since else {}
        own_time |= {"interval": self.interval} if self.interval else {}
        return own_time | {
            "id": number,
            "type": self.kind,
            "title": self.title,
            "description": self.about,
            "datasource": self.datasource,
            "gridPos": {"x": x, "y": y, "w": self.width, "h": self.height},
            "targets": list(self.targets),
            "options": self.options,
            "fieldConfig": {"defaults": self.defaults, "overrides": list(self.overrides)},
            "transformations": list(self.transformations),
        }


def about(what: str, *, source: str = "exporter", formula: str = "") -> str:
    """Return a description: what the panel says, its source and refresh, and its formula."""
    refresh = ANEW if source == "past" else EVERY
    said = f"{what}\n\n**Source:** {SOURCE[source]}. **Refresh:** {refresh}"
    return f"{said}\n\n**Formula:** {formula}" if formula else said


def link(title: str, dashboard: str) -> Json:
    """Return a link to a dashboard that keeps the window and the time range."""
    return {
        "title": title,
        "url": f"/d/northstar-{dashboard}?${{window:queryparam}}&${{__url_time_range}}",
        "targetBlank": False,
    }


def _targets(queries: Sequence[Query]) -> tuple[Json, ...]:
    return tuple(query.json(chr(ord("A") + number)) for number, query in enumerate(queries))


def _defaults(
    unit: str,
    *,
    decimals: int | None = None,
    mappings: list[Json] | None = None,
    steps: Steps = words.CALM,
    links: Sequence[Json] = (),
) -> Json:
    defaults: Json = {
        "unit": unit,
        "noValue": words.NO_FIGURE,
        "mappings": words.absent() if mappings is None else mappings,
        "thresholds": {
            "mode": "absolute",
            "steps": [{"value": value, "color": color} for value, color in steps],
        },
        "color": {"mode": "thresholds"},
        "links": list(links),
    }
    if decimals is not None:
        defaults["decimals"] = decimals
    return defaults


SIZES = {
    ("value", 3): 30,
    ("value", 4): 32,
    ("value", 5): 42,
    ("value_and_name", 3): 22,
    ("name", 3): 18,
}
"""Sizes of a stat's text in pixels, the same along a row, whatever it says. Others fill their panel."""

LONG = 24
"""The size of a text such as `a few seconds ago`."""


def _text(show: str, unit: str, height: int) -> Json:
    size = LONG if unit == words.INSTANT else SIZES.get((show, height))
    return {"titleSize": 14} | ({"valueSize": size} if size is not None else {})


def stat(
    title: str,
    query: Query,
    about: str,
    *,
    unit: str,
    width: int,
    height: int = 4,
    decimals: int | None = None,
    mappings: list[Json] | None = None,
    steps: Steps = words.CALM,
    links: Sequence[Json] = (),
    show: str = "value",
    named: bool = False,
) -> Panel:
    """Return one number, large; with a sparkline when the query is a line. `show` may add the name.

    `named` gives it the colour of its label's value, as a line has it, and not that of a threshold.
    """
    return Panel(
        "stat",
        title,
        about,
        width,
        height,
        _targets([query]),
        {
            # The last point, also when it is NaN: the last number would hide that there is none now.
            "reduceOptions": {"calcs": ["last"], "fields": "", "values": False},
            "graphMode": "none" if query.now else "area",
            "colorMode": "value",
            "textMode": show,
            "text": _text(show, unit, height),
            "justifyMode": "center",
            "orientation": "auto",
        },
        _defaults(unit, decimals=decimals, mappings=mappings, steps=steps, links=links),
        _colored([query], ()) if named else (),
    )


def lines(
    title: str,
    queries: Sequence[Query],
    about: str,
    *,
    unit: str,
    colors: Sequence[str] = (words.BLUE, words.ORANGE, words.VIOLET, words.GREY),
    width: int = 12,
    height: int = 8,
    decimals: int | None = None,
    zero: bool = False,
    links: Sequence[Json] = (),
) -> Panel:
    """Return lines over time, never stacked; `zero` keeps in view the line that a loss is below."""
    defaults = _defaults(
        unit,
        decimals=2 if unit == words.USD and decimals is None else decimals,
        steps=[(None, "transparent"), (0, words.GREY)] if zero else words.CALM,
    )
    defaults |= {
        "color": {"mode": "fixed", "fixedColor": words.GREY},
        "links": list(links),
        "custom": {
            "drawStyle": "line",
            "lineInterpolation": "linear",
            "lineWidth": 2,
            "fillOpacity": 0,
            "showPoints": "never",
            "spanNulls": False,
            "stacking": {"mode": "none", "group": "A"},
            "thresholdsStyle": {"mode": "dashed" if zero else "off"},
            # An axis of a count that is zero all the time would otherwise go to a hundred.
            "axisSoftMax": 1 if unit == words.COUNT else 0 if zero else None,
            "axisSoftMin": 0 if zero else None,
        },
    }
    return Panel(
        "timeseries",
        title,
        about,
        width,
        height,
        _targets(queries),
        {
            "legend": {
                "displayMode": "list",
                "placement": "bottom",
                "showLegend": len(queries) > 1 or "{{" in queries[0].legend,
                "calcs": ["last"],
            },
            "tooltip": {"mode": "multi", "sort": "none"},
        },
        defaults,
        _colored(queries, colors),
    )


def day_bars(title: str, query: Query, about: str, *, since: str, width: int, height: int) -> Panel:
    """Return a bar a day, from zero; its colour says the sign, as its side does."""
    panel = lines(title, [query], about, unit=words.USD, width=width, height=height, zero=True)
    custom = panel.defaults["custom"] | {
        "drawStyle": "bars",
        "fillOpacity": 70,
        "lineWidth": 0,
        "gradientMode": "scheme",
    }
    steps = [{"value": value, "color": color} for value, color in words.GAIN]
    return replace(
        panel,
        defaults=panel.defaults
        | {
            "color": {"mode": "thresholds"},
            "custom": custom,
            "thresholds": {"mode": "absolute", "steps": steps},
        },
        overrides=(),
        since=since,
        interval="1d",
    )


def _colored(queries: Sequence[Query], colors: Sequence[str]) -> tuple[Json, ...]:
    labels = re.findall(r"{{(\w+)}}", queries[0].legend)
    if labels:
        return tuple(
            _override("byRegexp", f"/^{name}/", {"color": {"mode": "fixed", "fixedColor": color}})
            for name, color in words.NAMED[labels[0]].items()
        )
    return tuple(
        by_name(query.legend, {"color": {"mode": "fixed", "fixedColor": color}})
        for query, color in zip(queries, colors, strict=False)
    )


def by_name(name: str, properties: Json) -> Json:
    """Return an override of the field of that name."""
    return _override("byName", name, properties)


def _override(matcher: str, which: str, properties: Json) -> Json:
    return {
        "matcher": {"id": matcher, "options": which},
        "properties": [{"id": key, "value": value} for key, value in properties.items()],
    }


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table: a query by the table's key, its title and how its values are said."""

    title: str
    query: str
    unit: str
    mappings: list[Json] | None = None
    decimals: int | None = None
    width: int | None = None
    steps: Steps = field(default_factory=lambda: list(words.CALM))


def table(
    title: str,
    key: str,
    columns: Sequence[Column],
    about: str,
    *,
    heading: str,
    width: int = 12,
    height: int = 8,
    names: dict[str, str] | None = None,
    order: str | None = None,
    largest: str | None = None,
    latest: int | None = None,
    links: Sequence[Json] = (),
    first: int = 240,
    beside: Mapping[str, str] | None = None,
) -> Panel:
    """Return a table with one row per value of a label and one column per query.

    `order` is a query that numbers the rows; `largest` names the column to sort by instead, and `latest` how
    many rows are shown, those that come last by the label. `names` says the label's values in words, `first`
    is the width of their column. Rows of a single query may be told apart by more labels: `beside` has these,
    with what their columns are called.
    """
    beside = beside or {}
    assert not beside or len(columns) == 1, "several queries are joined by one label"
    queries = [Query(column.query, now=True, table=True) for column in columns]
    if order is not None:
        queries.append(Query(order, now=True, table=True))
    refs = [target["refId"] for target in _targets(queries)]
    by_ref = {f"Value #{ref}": column for ref, column in zip(refs, columns, strict=False)}
    # With one query Grafana calls its column plainly "Value".
    values = list(by_ref) if len(queries) > 1 else ["Value"]
    hidden = ["Time", *(f"Time {number}" for number in range(1, len(queries) + 1))]
    joined: Json = {"id": "joinByField", "options": {"byField": key, "mode": "outer"}}
    transformations = [] if beside else [joined]
    if order is not None:
        hidden.append(f"Value #{refs[-1]}")
        transformations.append(_sorted(f"Value #{refs[-1]}", falling=False))
    elif largest is not None:
        chosen = [column.title for column in columns].index(largest)
        transformations.append(_sorted(values[chosen], falling=True))
    elif latest is not None:
        transformations.append(_sorted(key, falling=True))
        transformations.append({"id": "limit", "options": {"limitField": latest}})
    transformations.append(
        {
            "id": "organize",
            "options": {
                "excludeByName": dict.fromkeys(hidden, True),
                "indexByName": {name: place for place, name in enumerate([key, *beside, *values])},
                "renameByName": {key: heading, **beside}
                | {value: column.title for value, column in zip(values, columns, strict=True)},
            },
        }
    )
    in_words = {
        name: {"text": text, "index": place} for place, (name, text) in enumerate((names or {}).items())
    }
    said: Json = {
        "custom.align": "left",
        "custom.width": first,
        "mappings": [{"type": "value", "options": in_words}],
        "links": list(links),
    }
    return Panel(
        "table",
        title,
        about,
        width,
        height,
        _targets(queries),
        {"showHeader": True, "cellHeight": "sm", "footer": {"show": False, "reducer": ["sum"], "fields": ""}},
        _defaults(words.WORD) | {"custom": {"align": "right", "filterable": False, "minWidth": 80}},
        (
            by_name(heading, said),
            *(by_name(label, {"custom.align": "left"}) for label in beside.values()),
            *(by_name(column.title, _column(column)) for column in columns),
        ),
        tuple(transformations),
    )


def _column(column: Column) -> Json:
    properties: Json = {
        "unit": column.unit,
        "mappings": words.absent() if column.mappings is None else column.mappings,
        "custom.cellOptions": {"type": "color-text"},
        "thresholds": {
            "mode": "absolute",
            "steps": [{"value": value, "color": color} for value, color in column.steps],
        },
    }
    if column.decimals is not None:
        properties["decimals"] = column.decimals
    width = column.width or (150 if column.unit == words.INSTANT else None)
    if width is not None:
        properties["custom.width"] = width
    return properties


def _sorted(column: str, *, falling: bool) -> Json:
    return {"id": "sortBy", "options": {"fields": {}, "sort": [{"field": column, "desc": falling}]}}
