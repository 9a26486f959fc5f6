"""The route that pages through the log of restatements."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import httpx
import pytest

from exporter.stream import create_app
from tests.builders import fill
from tests.stream.builders import START, Writer
from tests.stream.conftest import serving, until

pytestmark = pytest.mark.slow


def test_each_restatement_is_listed_with_its_amounts_before_and_after(path: Path, writer: Writer) -> None:
    """The newest first, page by page, with when it happened and when it was read."""
    writer.commit()
    app = create_app(path, clock=lambda: writer.at + timedelta(seconds=3))
    with serving(app) as url:
        until(lambda: app.state.feed.current())
        url = f"{url}/api/pnl/restatements"
        assert httpx.get(url).json()["restatements"] == []
        was = fill("buy yes 10 @ 0.40 fee 0.07", fill_id="f-1", at=START)
        late = fill("buy no 1 @ 0.10", fill_id="f-2", at=START)
        for minute, said in enumerate((was, replace(was, fee=Decimal("0.08")), late)):
            at = START + timedelta(minutes=minute)
            writer.store.records.book("kalshi", [said], [], as_of=at, recorded_at=at, since=at)
        page = httpx.get(f"{url}?limit=1").json()
        assert page["sequence"] == app.state.feed.sequence
        [newest] = page["restatements"]
        assert "before" not in newest
        assert (newest["kind"], newest["key"]) == ("fill", "f-2")
        assert newest["happened_at"] < newest["at"]
        rest = httpx.get(f"{url}?before={page['next']}").json()
        assert "next" not in rest
        [amended] = rest["restatements"]
        assert amended["before"] == {"contracts": "10.00", "cost": "4.00", "fee": "0.07"}
        assert amended["after"] == {"contracts": "10.00", "cost": "4.00", "fee": "0.08"}
        assert httpx.get(f"{url}?source=sales").json()["restatements"] == []
        assert httpx.get(f"{url}?limit=0").status_code == 422
        assert httpx.get(f"{url}?before=0").status_code == 422
