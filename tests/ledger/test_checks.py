"""The truth checks of a snapshot: what they say beyond that something differs."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from exporter.errors import OutOfBalance
from exporter.records import VenuePosition
from exporter.snapshot import Cursor
from tests.builders import NOW, Books, balance, fill, healthy, told


def snapshot(books: Books) -> dict[str, Any]:
    return told(books.ledger, now=NOW, cursor=Cursor("e", 1), sources=healthy(), openings={})


@pytest.mark.parametrize(("exposure", "ours", "other"), [("4.50", 1, 0), ("5.00", 0, 1)])
def test_exposure_says_by_which_lot_rule_the_markets_tie(exposure: str, ours: int, other: int) -> None:
    """Ten of twenty were closed: the rest cost 4.50 on average, 5.00 when the first ones went first."""
    books = Books(
        fill("buy yes 10 @ 0.40"),
        fill("buy yes 10 @ 0.50", at=NOW + timedelta(seconds=1)),
        fill("buy no 10 @ 0.50", at=NOW + timedelta(seconds=2)),
    )
    stated = VenuePosition(
        source="kalshi",
        ticker="M",
        subaccount=0,
        position=Decimal(10),
        exposure=Decimal(exposure),
        realised=Decimal(0),
        fees=Decimal(0),
        at=NOW,
    )
    books.observe_steadily([stated, balance("-4.00")])
    said = snapshot(books)["checks"]["exposure"]["lots"]
    assert said == f"of 1 markets where it matters, {ours} tie by average, {other} by the other rule"


def test_a_snapshot_whose_sources_do_not_sum_to_its_net_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever went wrong on the way: it names the window and both sums."""
    books = Books(fill("buy yes 10 @ 0.40 fee 0.10"))
    figures = dict(books.figures())
    net = replace(figures["today"].net, usd=Decimal("1.23"))
    figures["today"] = replace(figures["today"], net=net)
    monkeypatch.setattr(type(books.ledger), "figures", lambda *_: figures)
    with pytest.raises(OutOfBalance, match=r"parts of today sum to -0\.1\S*, its net is 1\.23"):
        snapshot(books)
