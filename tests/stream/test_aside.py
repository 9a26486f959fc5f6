"""The route that lists what is set aside."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from exporter.records import Aside
from exporter.stream import create_app
from tests.stream.builders import START, Writer
from tests.stream.conftest import serving, until

pytestmark = pytest.mark.slow

ROW = {"fill_id": "f-1", "ticker": "M", "fee_cost": None}


def test_each_row_is_listed_with_what_is_odd_and_as_it_came(path: Path, writer: Writer) -> None:
    """The newest first, and no more than asked for; before any there is an empty list."""
    writer.commit()
    app = create_app(path, clock=lambda: writer.at + timedelta(seconds=3))
    with serving(app) as url:
        until(lambda: app.state.feed.current())
        assert httpx.get(f"{url}/api/pnl/aside").json()["rows"] == []
        rows = [
            Aside(
                source="kalshi",
                listed="fills",
                key=f"f-{number}",
                field="fills.fee_cost",
                what="is not as agreed",
                row=json.dumps(ROW).encode(),
                at=START,
                since=START,
            )
            for number in range(2)
        ]
        for number, row in enumerate(rows):
            at = START + timedelta(minutes=number)
            writer.store.records.book("kalshi", [], [], as_of=at, recorded_at=at, aside=[row])
        told = httpx.get(f"{url}/api/pnl/aside?limit=1").json()
        assert told["sequence"] == app.state.feed.sequence
        [row] = told["rows"]
        assert (row["source"], row["list"], row["key"], row["field"]) == (
            "kalshi", "fills", "f-1", "fills.fee_cost",
        )  # fmt: skip
        assert json.loads(row["row"]) == ROW
        assert "components" not in row
        assert len(httpx.get(f"{url}/api/pnl/aside").json()["rows"]) == 2
        assert httpx.get(f"{url}/api/pnl/aside?limit=0").status_code == 422
