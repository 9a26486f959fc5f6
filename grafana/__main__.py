"""Write every dashboard: `python -m grafana`."""

from __future__ import annotations

from pathlib import Path

from grafana import ai_cost, company, kiosk, pipeline, sales, trading
from grafana.dashboard import Dashboard

FOLDER = Path(__file__).parent / "dashboards"


def dashboards() -> list[Dashboard]:
    """Return all of them, in the order of a glance: the company first, what feeds it last."""
    return [module.dashboard() for module in (company, trading, ai_cost, sales, pipeline, kiosk)]


def files() -> dict[Path, str]:
    """Return what each file holds."""
    return {FOLDER / f"{each.name}.json": each.text() for each in dashboards()}


if __name__ == "__main__":
    for path, text in files().items():
        path.write_text(text)
        print(f"wrote {path}")
