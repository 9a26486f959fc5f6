"""The company on a wall or a phone: few figures, large, nothing to click. Open it with `?kiosk`."""

from __future__ import annotations

from grafana.company import net, net_over_time, net_today, part, sources
from grafana.dashboard import Dashboard, Row, as_of, datasource, grade, trusted, window


def dashboard() -> Dashboard:
    """Return the variant of the first dashboard that is only looked at."""
    return Dashboard(
        "kiosk",
        "1 Company P&L, kiosk",
        "Net today and this month, what it is made of, and whether it can be trusted; for a wall or a phone.",
        [
            Row([net_today(24, 9)]),
            Row([trusted(8, 4), grade(8, 4), as_of(8, 4)]),
            Row([net("mtd", 6), *(part(name).sized(6, 5) for name in ("Trading", "Sales net", "API cost"))]),
            Row([net_over_time(14, 9), sources().sized(10, 9)]),
        ],
        variables=(datasource(hidden=True), window(hidden=True)),
        kiosk=True,
    )
