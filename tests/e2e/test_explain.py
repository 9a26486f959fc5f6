"""Any figure, taken apart down to the raw answers, as the command and the route do it."""

from __future__ import annotations

import hashlib
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import httpx
import pytest

from exporter import cli
from exporter.explain import FIGURES, CannotExplain, explain_day, explain_figure
from exporter.simulator.clock import SettableClock
from exporter.simulator.stories import seeded
from exporter.snapshot import WINDOWS
from exporter.store import Store
from exporter.times import unstamp
from tests.e2e.conftest import Build, Simulate
from tests.e2e.pipeline import Pipeline

NOW = datetime(2026, 11, 22, 15, 20, tzinfo=UTC)
BILLED = (NOW - timedelta(days=2)).date()


@pytest.fixture
def lived(simulate: Simulate, pipeline: Build) -> Pipeline:
    """A company with a few days behind it and some hours that were watched."""
    clock = SettableClock(NOW)
    running = pipeline(simulate(seeded(1, clock, days=5)), clock=clock)
    running.collect()
    for _ in range(4):
        clock.advance(timedelta(minutes=47))
        running.collect()
    return running


@pytest.fixture
def store(lived: Pipeline) -> Iterator[Store]:
    with closing(Store.read(lived.database)) as opened:
        yield opened


def body(database: Path, sha256: str) -> bytes:
    """Return a raw answer by its hash, with plain SQL."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        [[kept]] = connection.execute("SELECT body FROM bodies WHERE sha256 = ?", [sha256])
    return zlib.decompress(kept)


def test_the_lines_of_every_figure_sum_to_it(lived: Pipeline, store: Store) -> None:
    """In every window, to the last digit, and page by page the same."""
    for window in WINDOWS:
        for figure in FIGURES:
            stated = lived.latest["windows"][window]
            shown = stated["net"] if figure == "net" else stated["components"][figure]
            explained = explain_figure(store, window=window, figure=figure, limit=10_000)
            assert explained.usd == explained.total == Decimal(shown["usd"]), (window, figure)
            assert sum(line.usd for line, _ in explained.lines) == explained.usd
            assert all(
                line.at is None
                or figure == "trading_unrealised_change"
                or line.at >= unstamp(stated["from"])
                or figure.startswith("api_cost")
                for line, _ in explained.lines
            )
    whole = explain_figure(store, window="all", figure="trading_fees", limit=10_000)
    pages = [
        explain_figure(store, window="all", figure="trading_fees", offset=n, limit=7) for n in range(0, 21, 7)
    ]
    assert [line for page in pages for line, _ in page.lines] == [line for line, _ in whole.lines][:21]
    assert all(page.total == whole.usd for page in pages)


@pytest.mark.parametrize(
    "figure", ["trading_realised", "sales_gross", "api_cost_billed", "api_cost_estimated"]
)
def test_a_line_leads_to_the_raw_answer_that_mentions_it(lived: Pipeline, store: Store, figure: str) -> None:
    """The hash is that of a body in the database, and the record stands in it."""
    explained = explain_figure(store, window="all", figure=figure, limit=3)
    for _, proofs in explained.lines:
        assert proofs
        for proof in proofs:
            assert proof.revision >= 1
            for answer in proof.answers:
                raw = body(lived.database, answer.sha256)
                assert hashlib.sha256(raw).hexdigest() == answer.sha256
                mention = proof.key if proof.kind in ("fill", "sale", "settlement") else proof.key[:10]
                assert mention.encode() in raw
                assert answer.request.startswith("GET /")


def test_orders_and_refunds_are_the_lines_of_their_amounts(lived: Pipeline, store: Store) -> None:
    """Who asks which sales were counted asks for the lines of gross; nothing is given away here."""
    for window in WINDOWS:
        counts = lived.latest["sales"][window]
        for figure, count in (("sales_gross", "orders"), ("sales_refunds", "refunds")):
            assert explain_figure(store, window=window, figure=figure).count == counts[count]
    assert all(lived.latest["sales"]["all"][count] > 0 for count in ("orders", "refunds"))


def test_a_figure_of_the_past_is_explained_by_what_was_known_then(lived: Pipeline, store: Store) -> None:
    """A later reading changes nothing about what was published."""
    first = next(
        tree
        for tree in lived.stored()
        if tree["as_of"] >= f"{NOW:%Y-%m-%dT%H:%M}" and "usd" in tree["windows"]["today"]["net"]
    )
    last_of_then = [tree for tree in lived.stored() if tree["as_of"] == first["as_of"]][-1]
    for figure in ("trading_realised", "sales_gross", "api_cost_estimated"):
        then = explain_figure(store, window="today", figure=figure, at=NOW + timedelta(minutes=5))
        assert then.as_of == last_of_then["as_of"]
        assert (
            then.usd == then.total == Decimal(last_of_then["windows"]["today"]["components"][figure]["usd"])
        )
    assert then.usd != explain_figure(store, window="today", figure=figure).usd


def test_a_day_of_api_cost_stands_side_by_side(lived: Pipeline, store: Store) -> None:
    """Each table sums to both totals; what was never estimated and the drift make up the difference."""
    day = explain_day(store, BILLED)
    assert day.total.billed == lived.cycle.books.ledger.bills["anthropic"].spending.days[BILLED].billed
    for rows in day.tables.values():
        assert sum(row.estimate or 0 for row in rows) == day.total.estimate
        assert sum(row.billed or 0 for row in rows) == day.total.billed
    drift = sum(row.drift or 0 for row in day.tables["model"])
    assert day.total.drift == drift + day.unestimated
    assert [(moment.what, moment.usd) for moment in day.history if moment.what == "billed"][-1] == (
        "billed",
        day.total.billed,
    )
    assert any(proof.kind == "billed_day" and proof.answers for proof in day.proofs)
    today = explain_day(store, lived.cycle.clock().date())
    assert today.total.billed is None
    assert today.total.drift is None
    assert len({moment.usd for moment in today.history}) > 1, "an estimate that grew has a history"


def test_what_cannot_be_explained_says_why(store: Store) -> None:
    """One sentence each."""
    with pytest.raises(CannotExplain, match="no figure today"):
        explain_figure(store, window="today", figure="profit")
    with pytest.raises(CannotExplain, match="No snapshot of that time"):
        explain_figure(store, window="today", figure="net", at=NOW - timedelta(days=400))
    with pytest.raises(CannotExplain, match="ask for a shorter window"):
        explain_figure(store, window="all", figure="trading_fees", most=10)
    with pytest.raises(CannotExplain, match="Nothing is known of"):
        explain_day(store, (NOW - timedelta(days=3_000)).date())


def test_the_command_prints_lines_evidence_and_their_sum(
    lived: Pipeline, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """While the exporter holds the database, as a user would."""
    monkeypatch.setenv("DB_PATH", str(lived.database))
    assert cli.main(["explain", "--window", "7d", "--figure", "sales_gross"]) == 0
    printed = capsys.readouterr().out
    usd = lived.latest["windows"]["7d"]["components"]["sales_gross"]["usd"]
    assert f"7d.sales_gross: {usd} USD, final" in printed
    assert f"lines sum to {usd}: the figure, to the last digit." in printed
    assert printed.count("sha256 ") >= 20
    assert "lines 1 to 20 of " in printed
    assert cli.main(["explain", BILLED.isoformat()]) == 0
    printed = capsys.readouterr().out
    assert f"API cost of {BILLED}, UTC, in dollars: billed" in printed
    assert "was never estimated; what was, drifted by" in printed
    assert cli.main(["explain", "2001-01-01"]) == 1
    assert "Nothing is known of 2001-01-01" in capsys.readouterr().err


def test_the_route_says_the_same(lived: Pipeline, store: Store) -> None:
    """Lines, sum and evidence as JSON; a wrong question is a 422 with its sentence."""
    url = f"{lived.stream_url}/api/pnl/explain"
    asked = httpx.get(url, params={"window": "mtd", "figure": "trading_fees", "limit": 2, "offset": 1})
    assert asked.status_code == 200
    told, known = asked.json(), explain_figure(store, window="mtd", figure="trading_fees", offset=1, limit=2)
    assert told == known.tree()
    assert told["exact"] is True
    assert told["lines"][0]["records"][0]["answers"][0]["sha256"]
    day = httpx.get(url, params={"day": BILLED.isoformat()}).json()
    assert day["total"]["billed"] == explain_day(store, BILLED).tree()["total"]["billed"]
    assert day["sequence"] == lived.latest["sequence"]
    for wrong in ({"figure": "profit"}, {"at": "yesterday"}, {"at": "2020-01-01T00:00:00Z"}, {"limit": "0"}):
        refused = httpx.get(url, params=wrong)
        assert refused.status_code == 422, wrong
        assert refused.json()["error"]["code"] == "invalid_parameter"
