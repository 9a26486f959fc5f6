"""Sub-second panels, fed by the stream's pushes to Grafana Live, each beside its Prometheus twin.

Where nothing is pushed (`NORTHSTAR_GRAFANA_URL` is not set) the twin still shows the figure.
"""

from __future__ import annotations

from dataclasses import replace

from grafana import queries
from grafana.dashboard import Row
from grafana.panels import LIVE_DATASOURCE, Panel, Query, about, lines
from grafana.words import USD, Json

CHANNEL = "stream/northstar/pnl"
"""Scope, stream and measurement: what exporter/stream/grafana_live.py pushes."""


RECENT = "5m"
"""What moves at once is looked at for minutes; both panels look as far back."""


def row() -> Row:
    """Return the live panel and its twin; folded, for it is empty where nothing is pushed."""
    return Row([_live(), _twin()], "Sub-second, where figures are pushed to Grafana", folded=True)


def _live() -> Panel:
    target: Json = {
        "refId": "A",
        "datasource": LIVE_DATASOURCE,
        "queryType": "measurements",
        "channel": CHANNEL,
        "filter": {"fields": ["time", "net_today"]},
        "buffer": 600_000,
    }
    panel = _twin()
    return Panel(
        "timeseries",
        "Net today, pushed",
        "Every change as it is published, pushed by the stream to Grafana Live. Empty while "
        "NORTHSTAR_GRAFANA_URL is not set; the panel beside it shows the same figure.\n\n"
        "**Source:** the stream sidecar. **Refresh:** at once.\n\n**Formula:** that of net today",
        panel.width,
        panel.height,
        (target,),
        panel.options,
        panel.defaults | {"displayName": "Net"},
        panel.overrides,
        datasource=LIVE_DATASOURCE,
        since=RECENT,
    )


def _twin() -> Panel:
    twin = lines(
        "Net today, scraped",
        [Query(queries.net("today"), "Net")],
        about("The same figure by way of Prometheus.", formula="that of net today"),
        unit=USD,
        height=7,
    )
    return replace(twin, since=RECENT)
