"""The scrape page: one snapshot, linted by the tool that owns the standard."""

from __future__ import annotations

import shutil
import subprocess
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from exporter.ledger import SourceState, state
from exporter.metrics import limits
from exporter.metrics.catalogue import FIGURES, HEALTH, LIMITS, METRICS
from exporter.metrics.exporter_metrics import ExporterMetrics
from exporter.metrics.figures import figures
from exporter.metrics.page import PageSection
from exporter.metrics.rules import TOP_MARKETS
from exporter.records import Change, VenuePosition
from exporter.snapshot import Cursor, Snapshot
from exporter.sources.registry import read_settings
from tests.builders import NOW, Books, balance, fill, healthy, mark, sale
from tests.metrics import spent

GOLDEN = Path(__file__).parent / "golden.txt"
PROMTOOL = shutil.which("promtool")


def known_snapshot(**sources: SourceState) -> Snapshot:
    """Return one snapshot in which every figure differs."""
    books = Books(
        fill("buy yes 10 @ 0.40 fee 0.168 in OPEN", at=NOW - timedelta(hours=2)),
        fill("buy no 4 @ 0.45 fee 0.0693 in OPEN", at=NOW - timedelta(hours=1)),
        fill("buy no 5 @ 0.20 fee 0.01 in UNMARKED", at=NOW - timedelta(hours=1)),
        fill("buy yes 2 @ 0.30 in WON", at=NOW - timedelta(minutes=9)),
        fill("buy no 2 @ 0.50 in WON", at=NOW - timedelta(minutes=8)),
        fill("buy yes 1 @ 0.30 in LOST", at=NOW - timedelta(minutes=7)),
        fill("buy no 1 @ 0.80 in LOST", at=NOW - timedelta(minutes=6)),
        sale("120.50", fee="3.25", tax="9", refunds={NOW: "20.25"}),
        sale("41.30", fee="1.10", sale_id="s-2", at=NOW - timedelta(days=2)),
        *spent.records(),
    )
    theirs = VenuePosition(
        source="kalshi",
        ticker="OPEN",
        subaccount=0,
        position=Decimal("5.00"),
        exposure=Decimal("2.40"),
        realised=Decimal("0.60"),
        fees=Decimal("0.2373"),
        at=NOW,
    )
    books.observe_steadily([mark("OPEN", bid="0.58", ask="0.60"), balance("97.50", "3.48"), theirs])
    books.ledger.observe(spent.NAMES)
    return state(
        books.ledger,
        now=NOW,
        cursor=Cursor("e0", 42),
        sources=healthy(**sources),
        openings={},
        live={"kalshi": ("live", NOW - timedelta(minutes=3))},
        plan=spent.PLAN,
        demo=True,
    )


def page(tree: Snapshot | None) -> str:
    return "".join(PageSection(lambda: tree, figures).families().values())


def shown(tree: Snapshot, name: str) -> dict[tuple[str, ...], float]:
    """Return the samples of one metric by their labels."""
    return dict(next(samples for metric, samples in figures(tree) if metric.name == name))


def test_page_of_a_known_snapshot_is_the_golden_one() -> None:
    """A changed name, label or help text is a change that users must be told of."""
    assert page(known_snapshot()) == GOLDEN.read_text()


@pytest.mark.slow
@pytest.mark.skipif(
    PROMTOOL is None, reason="promtool comes with Debian's prometheus, which is not installed"
)
def test_golden_page_and_self_metrics_pass_promtool() -> None:
    """Names, units and help texts follow the conventions."""
    registry = CollectorRegistry()
    metrics = ExporterMetrics(registry)
    metrics.failed("kalshi", "timeout", "fills.fee_cost")
    metrics.retried("kalshi", "timeout")
    metrics.waited("kalshi", 1.0)
    metrics.finished("kalshi", "ok")
    metrics.fetched("kalshi", 0.1, timedelta(seconds=1))
    metrics.booked("kalshi", [Change(fill("buy yes 1 @ 0.5"), fill("buy yes 1 @ 0.6"))])
    metrics.job_missed("kalshi")
    metrics.job_failed("kalshi")
    metrics.job_skipped("kalshi")
    metrics.watch({"kalshi": lambda: "half-open"}, Path("nowhere"))
    limits.publish(read_settings({"NORTHSTAR_LIMIT_LOSS_TODAY_USD": "250"}).limits, registry)
    text = GOLDEN.read_text() + generate_latest(registry).decode()
    assert PROMTOOL is not None
    linted = subprocess.run(
        [PROMTOOL, "check", "metrics"], input=text, capture_output=True, text=True, check=False
    )
    assert (linted.returncode, linted.stdout, linted.stderr) == (0, "", "")


def test_every_metric_of_the_catalogue_is_on_the_page() -> None:
    """The table that the docs print is what a scrape shows, names, types and labels."""
    shown = {
        line.split()[2]: line.split()[3]
        for line in GOLDEN.read_text().splitlines()
        if line.startswith("# TYPE")
    }
    assert shown == {metric.name: metric.kind for metric in FIGURES}
    registry = CollectorRegistry()
    ExporterMetrics(registry)
    limits.publish(read_settings({}).limits, registry)
    own = {
        line.split()[2]: line.split()[3]
        for line in generate_latest(registry).decode().splitlines()
        if line.startswith("# TYPE") and not line.split()[2].endswith("_created")
    }
    assert own == {metric.name: metric.kind for metric in (*HEALTH, *LIMITS)}


def test_components_on_the_page_sum_to_the_net() -> None:
    """A sum over all labels of a window means something."""
    tree = known_snapshot()
    for metric in ("northstar_pnl_component_usd", "northstar_pnl_source_component_usd"):
        for window in ("today", "7d", "all"):
            parts = [Decimal(str(usd)) for labels, usd in shown(tree, metric).items() if labels[0] == window]
            assert float(sum(parts)) == shown(tree, "northstar_pnl_net_usd")[window,]


def test_missing_figure_has_no_sample() -> None:
    """Grafana shows a hole, not a zero."""
    text = page(known_snapshot(sales=SourceState(error="timeout", sentence="x", since=NOW)))
    assert "northstar_pnl_net_usd" not in text
    assert 'northstar_pnl_component_grade{component="sales_gross",window="today"} 0.0' in text
    assert 'northstar_pnl_component_usd{component="sales_gross"' not in text
    assert 'northstar_source_up{source="sales"} 0.0' in text


def test_unknown_sales_have_a_grade_and_no_count() -> None:
    """Nor anything divided by it; where only API cost is missing, sales go on."""
    text = page(known_snapshot(sales=SourceState(error="timeout", sentence="x", since=NOW)))
    assert "northstar_sales_orders{" not in text
    assert "northstar_sales_average_order_usd{" not in text
    assert 'northstar_sales_per_order_grade{figure="average_order",window="today"} 0.0' in text
    text = page(known_snapshot(anthropic=SourceState(error="timeout", sentence="x", since=NOW)))
    assert 'northstar_sales_orders{window="7d"} 2.0' in text
    assert "northstar_sales_contribution_per_order_usd{" not in text
    assert 'northstar_sales_per_order_grade{figure="contribution_per_order",window="today"} 0.0' in text


def test_no_sale_is_a_count_of_zero_and_no_average() -> None:
    """The one is known, the other does not exist."""
    text = page(state(Books().ledger, now=NOW, cursor=Cursor("e", 1), sources=healthy(), openings={}))
    assert 'northstar_sales_orders{window="today"} 0.0' in text
    assert "per_order" not in text
    assert "northstar_sales_refund_ratio" not in text


def test_nothing_before_the_first_snapshot() -> None:
    """A page without figures is honest; zeros would not be."""
    assert page(None) == ""


def test_closed_position_leaves_no_series_behind() -> None:
    """Only what the newest snapshot states is there."""
    books = Books(fill("buy yes 10 @ 0.40 in GONE"))
    books.ledger.observe([mark("GONE", bid="0.5")])
    states = []
    for at in (NOW, NOW + timedelta(seconds=1)):
        tree = state(books.ledger, now=at, cursor=Cursor("e", 1), sources=healthy(), openings={})
        states.append("GONE" in page(tree))
        books.book(fill("buy no 10 @ 0.40 in GONE", at=NOW + timedelta(seconds=1)))
    assert states == [True, False]


def test_markets_beyond_the_largest_are_summed_as_other() -> None:
    """The label stays bounded however many markets are open, and nothing is left out of the sum."""
    books = Books(
        *(fill(f"buy yes {n} @ 0.40 in M{n:03}", fill_id=f"{n}") for n in range(1, TOP_MARKETS + 31))
    )
    books.ledger.observe([mark(f"M{n:03}", bid="0.50") for n in range(1, TOP_MARKETS + 31)])
    tree = state(books.ledger, now=NOW, cursor=Cursor("e", 1), sources=healthy(), openings={})
    assert tree.positions is not None
    assert tree.exposure is not None
    for figure in ("unrealised", "cost"):
        found = {market: usd for (market,), usd in shown(tree, f"northstar_position_{figure}_usd").items()}
        assert len(found) == TOP_MARKETS + 1
        rest = [position for market, position in tree.positions.items() if market not in found]
        assert found["other"] == float(sum(Decimal(getattr(position, figure)) for position in rest))
    assert sum(found.values()) == pytest.approx(float(tree.exposure.usd))


def test_names_carry_their_unit() -> None:
    """Money ends in _usd, counts in _total, times in seconds."""
    for name, metric in METRICS.items():
        assert name.startswith("northstar_")
        assert name.endswith("_total") == (metric.kind == "counter")
        assert metric.help.endswith(".")


def test_limits_are_shown_by_name_and_one_that_is_off_is_not() -> None:
    """What is not limited has nothing to be compared with: a zero would always be exceeded."""
    registry = CollectorRegistry()
    limits.publish(read_settings({"NORTHSTAR_LIMIT_BALANCE_USD": "1234.50"}).limits, registry)
    shown = {
        (sample.name, sample.labels["limit"]): sample.value
        for family in registry.collect()
        for sample in family.samples
    }
    assert shown["northstar_limit_usd", "balance"] == 1234.5
    assert shown["northstar_limit_ratio", "cost_spike"] == 2
    assert ("northstar_limit_usd", "loss_today") not in shown


def test_space_left_is_read_at_each_scrape(tmp_path: Path) -> None:
    """Also before the database is there: it is the disk that matters."""
    registry = CollectorRegistry()
    ExporterMetrics(registry).watch({}, tmp_path / "northstar.sqlite3")
    assert (registry.get_sample_value("northstar_store_free_bytes") or 0) > 0
