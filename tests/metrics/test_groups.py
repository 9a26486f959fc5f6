"""Results by group as metrics: few windows, few groups, and sums that are still the totals."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from decimal import Decimal
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from exporter.ledger import state
from exporter.ledger.breakdown import breakdown
from exporter.metrics.catalogue import GROUPS
from exporter.metrics.groups import TOP, WINDOWS, figures
from exporter.metrics.page import PageSection
from exporter.snapshot import Cursor
from exporter.snapshot.breakdown import ResultsByGroup
from tests.builders import NOW, Books, balance, fill, healthy, mark


def page(tree: ResultsByGroup | None) -> dict[str, Any]:
    """Return the families that a scrape shows, by name."""
    text = "".join(PageSection(lambda: tree, figures).families().values())
    return {family.name: family for family in text_string_to_metric_families(text)}


def many(count: int) -> tuple[Books, ResultsByGroup]:
    """Return an account that trades so many series, each won or lost once and entered again."""
    books = Books()
    for number in range(count):
        sold = "0.30" if number % 3 else "0.80"
        for hours, side, price in ((4, "yes", "0.40"), (3, "no", sold), (2, "yes", "0.50")):
            text = f"buy {side} {number + 1} @ {price} fee 0.0{number % 9 + 1} in S{number}-1-A"
            books.book(fill(text, at=NOW - timedelta(hours=hours)))
    marks = [mark(f"S{number}-1-A", bid="0.6") for number in range(count)]
    books.ledger.observe([*marks, balance("0")])
    tree = state(books.ledger, now=NOW, cursor=Cursor("e", 1), sources=healthy(), openings={})
    return books, breakdown(books.ledger, NOW, tree)


def test_every_metric_is_there_with_its_labels() -> None:
    """And none before the first statement."""
    assert page(None) == {}
    _, tree = many(2)
    families = page(tree)
    assert set(families) == {metric.name for metric in GROUPS}
    for metric in GROUPS:
        assert {frozenset(sample.labels) for sample in families[metric.name].samples} == {
            frozenset(metric.labels)
        }


def test_groups_are_capped_and_sum_to_the_totals() -> None:
    """However many are traded; the rest is `other`, with no ratio, for ratios have no sum."""
    books, tree = many(40)
    families = page(tree)
    for level in ("series", "event"):
        totals: defaultdict[str, float] = defaultdict(float)
        for sample in families[f"northstar_{level}_realised_usd"].samples:
            totals[sample.labels["window"]] += sample.value
        assert set(totals) == set(WINDOWS)
        for window, total in totals.items():
            assert round(total, 6) == float(books.usd("trading_realised", window) or 0)
        names = {sample.labels[level] for sample in families[f"northstar_{level}_fees_usd"].samples}
        assert len(names) == TOP[level] + 1
        ratios = families[f"northstar_{level}_win_ratio"].samples
        assert "other" not in {sample.labels[level] for sample in ratios}
        unrealised = sum(sample.value for sample in families[f"northstar_{level}_unrealised_usd"].samples)
        assert round(unrealised, 6) == float(sum(Decimal(n + 1) / 10 for n in range(40)))
        trips = sum(
            sample.value
            for sample in families[f"northstar_{level}_round_trips"].samples
            if sample.labels["window"] == "all"
        )
        assert trips == 40
