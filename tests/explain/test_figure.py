"""A figure of a window, taken apart into the lines it is the sum of."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from exporter.explain import FIGURES, CannotExplain, explain_figure
from exporter.ledger import SourceState, state
from exporter.records import Answer, Record
from exporter.snapshot import WINDOWS, Cursor
from exporter.store import Store
from tests.builders import NAMES, NOW, Books, balance, bill, fill, healthy, mark, sale, settlement, usage

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MIDNIGHT = NOW.replace(hour=0)
RECORDS: dict[str, list[Record]] = {
    "kalshi": [
        fill("buy yes 10 @ 0.40 fee 0.17 in OPEN", at=NOW - 3 * HOUR, fill_id="open"),
        fill("buy yes 10 @ 0.30 fee 0.15 in WON", at=NOW - 40 * DAY, fill_id="won"),
        settlement("10 / 3.00", "0 / 0", "yes", "10.00", at=NOW - 2 * HOUR, ticker="WON"),
    ],
    "anthropic": [
        bill(NOW.date() - 2 * DAY, "6.00", "4.00"),
        *(usage(MIDNIGHT - DAY + number * HOUR, "0.50") for number in range(24)),
        usage(MIDNIGHT, "2.00"),
    ],
    "sales": [
        sale("100.00", fee="3.00", refunds={NOW - HOUR: "40.00"}, at=NOW - 45 * DAY, sale_id="old"),
        sale("20.00", fee="1.00", at=NOW - HOUR, sale_id="new"),
        sale("70.00", at=NOW - HOUR, sale_id="void", status="void"),
    ],
}


def lived(path: Path, states: dict[str, SourceState] | None = None) -> Store:
    """Return a store with the records, each read from an answer of its own, and one snapshot of them."""
    store, books = Store.write(path), Books()
    for source, said in RECORDS.items():
        for record in said:
            body = f"{record.key} {record.scope} {record.at:%Y-%m-%dT%H:%M:%SZ}".encode()
            request = f"GET /{record.kind}/fills/settlements/sales/cost/usage"
            answer = Answer(source=source, request=request, status=200, fetched_at=NOW, body=body)
            store.records.book(source, [record], [answer], as_of=NOW, recorded_at=NOW)
            books.book(record)
    books.ledger.observe([mark("OPEN", bid="0.55"), balance("90.00", "5.50")])
    cursor = Cursor(store.snapshots.epoch, 1)
    snapshot = state(books.ledger, now=NOW, cursor=cursor, sources=states or healthy(), openings={})
    store.snapshots.append(snapshot)
    return store


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with closing(lived(tmp_path_factory.mktemp("explain") / "pnl.sqlite3")) as opened:
        yield opened


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("figure", FIGURES)
def test_the_lines_of_every_figure_sum_to_it(store: Store, window: str, figure: str) -> None:
    """To the last digit, in every window."""
    explained = explain_figure(store, window=window, figure=figure)
    assert explained.exact
    assert explained.usd == explained.total == sum(line.usd for line, _ in explained.lines)
    assert explained.count == len(explained.lines)


def lines(store: Store, window: str, figure: str) -> dict[str, Decimal]:
    return {line.what: line.usd for line, _ in explain_figure(store, window=window, figure=figure).lines}


def test_each_line_says_what_it_is(store: Store) -> None:
    """In the words of its kind."""
    assert lines(store, "today", "trading_realised") == {"WON: settled yes, paid 10.00": Decimal("7.00")}
    assert lines(store, "today", "trading_fees") == {"OPEN: fill open, 10 yes at 0.40": Decimal("-0.17")}
    assert lines(store, "today", "trading_unrealised_change")[
        "OPEN: 10.00 yes, cost 4.00, mark 0.55"
    ] == Decimal("1.50")
    assert lines(store, "today", "sales_gross") == {"sale new, paid, gross 20.00": Decimal("20.00")}
    assert lines(store, "7d", "api_cost_billed") == {"2026-11-20 billed": Decimal("-10.00")}


def test_a_refund_is_a_line_of_its_own_window_however_old_its_sale(store: Store) -> None:
    """The sale itself is none of today's."""
    assert lines(store, "today", "sales_refunds") == {"sale old, paid, gross 100.00": Decimal("-40.00")}
    assert lines(store, "all", "sales_gross").keys() == {
        "sale old, paid, gross 100.00",
        "sale new, paid, gross 20.00",
    }


def test_a_day_that_the_window_cuts_says_from_when(store: Store) -> None:
    """The last 24 hours begin at noon of yesterday."""
    assert lines(store, "24h", "api_cost_estimated") == {
        "2026-11-21 estimated from 12:00 UTC on": Decimal("-6.00"),
        "2026-11-22 estimated": Decimal("-2.00"),
    }


def test_a_line_leads_to_the_answer_that_it_was_read_from(store: Store) -> None:
    """By the hash of its body, and which revision of the record it was."""
    [(_, [proof])] = explain_figure(store, window="today", figure="sales_gross").lines
    assert (proof.kind, proof.key, proof.revision) == ("sale", "new", 1)
    [answer] = proof.answers
    body = f"new new {NOW - HOUR:%Y-%m-%dT%H:%M:%SZ}".encode()
    assert answer.sha256 == hashlib.sha256(body).hexdigest()


def test_pages_are_pieces_of_the_same_lines(store: Store) -> None:
    """With the sum of all on each."""
    whole = explain_figure(store, window="all", figure="api_cost_estimated")
    first = explain_figure(store, window="all", figure="api_cost_estimated", limit=1)
    second = explain_figure(store, window="all", figure="api_cost_estimated", offset=1, limit=1)
    assert first.lines + second.lines == whole.lines[:2]
    assert first.total == second.total == whole.total


def test_a_figure_that_is_missing_has_lines_and_no_amount(tmp_path: Path) -> None:
    """Its source never answered since: what is known is shown, and is not taken for the figure."""
    with closing(lived(tmp_path / "pnl.sqlite3", healthy(sales=SourceState()))) as store:
        explained = explain_figure(store, window="today", figure="sales_gross")
    assert (explained.usd, explained.grade) == (None, "missing")
    assert "usd" not in explained.tree()
    assert explained.tree()["because"] == [{"source": "sales", "code": "no_answer", "text": "no answer yet"}]


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"window": "decade", "figure": "net"}, "There is no figure decade.net: a window is one of today, "),
        ({"window": "today", "figure": "profit"}, "There is no figure today.profit"),
        ({"source": "etsy"}, "There is no source etsy: those that take part are kalshi, anthropic, sales."),
        ({"figure": "sales_gross", "source": "kalshi"}, "sales_gross takes no part: kalshi has none"),
        ({"at": NOW - DAY}, "No snapshot of that time is kept whole"),
        ({"window": "all", "figure": "sales_gross", "most": 1}, "are behind this figure, 1 are read at most"),
    ],
)
def test_what_cannot_be_explained_says_why(
    store: Store, asked: dict[str, str | int | datetime], sentence: str
) -> None:
    """One sentence, with what can be asked instead."""
    with pytest.raises(CannotExplain, match=sentence):
        explain_figure(store, **({"window": "today", "figure": "net"} | asked))  # type: ignore[arg-type]


def test_one_source_alone_is_explained_by_its_own_records(store: Store) -> None:
    """Where it is the only one of its kind, its components are those of all."""
    net = explain_figure(store, window="today", figure="net", source="sales")
    assert {line.what for line, _ in net.lines} == {"sales_gross", "sales_refunds", "sales_fees"}
    assert net.usd == Decimal("-21.00")
    assert tuple(RECORDS) == NAMES
