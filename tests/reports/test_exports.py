"""Exports: their rows sum to the figures, in any zone; what is written is read back as it was."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.money import ZERO
from exporter.periods.period import Period, split
from exporter.records import Record, Transfer
from exporter.reports.exports import writing
from exporter.reports.exports.catalogue import EXPORTS
from exporter.reports.exports.writing import Writing, exact, guarded
from exporter.reports.reader import PeriodReader
from exporter.snapshot import COMPONENTS
from exporter.store import Store
from exporter.store import records as stored_records
from tests.builders import NOW, UTC_ZONE, bill, fill, mark, sale, settlement, usage
from tests.examples import examples
from tests.ledger.test_daybook import ZONES, newest, records
from tests.reports.test_reader import World

PAGE = Path(__file__).parents[2] / "docs" / "exports.md"

MADE_OF = {
    "trading_realised": (("fills", "realised", 1), ("settlements", "realised", 1)),
    "trading_fees": (("fills", "fee", -1), ("settlements", "fee", -1)),
    "sales_gross": (("sales", "gross", 1),),
    "sales_fees": (("sales", "fee", -1),),
    "sales_refunds": (("refunds", "refund", -1),),
    "api_cost_billed": (("api-cost", "billed", -1),),
    "api_cost_estimated": (("api-cost", "estimated", -1),),
}
"""Which sums a line of the statement is made of, with their signs."""


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database that has nothing in it yet."""
    path = tmp_path_factory.mktemp("empty") / "northstar.sqlite3"
    Store.write(path).close()
    return path


@pytest.fixture
def world(empty: Path) -> Iterator[World]:
    with Store.write(shutil.copy(empty, empty.with_name(f"{uuid4()}.sqlite3"))) as store:
        yield World(store)


def written(reader: PeriodReader, period: Period, what: str) -> tuple[list[dict[str, str]], dict[str, Any]]:
    """Return the rows of a CSV as the csv module reads them, and its metadata."""
    made = Writing(EXPORTS[what], reader, period)
    text = b"".join(made.pieces("csv")).decode()
    return list(csv.DictReader(io.StringIO(text, newline=""))), made.meta


def lines(reader: PeriodReader, period: Period, what: str) -> list[dict[str, Any]]:
    """Return all JSON lines of an export."""
    return [
        json.loads(line)
        for line in b"".join(Writing(EXPORTS[what], reader, period).pieces("jsonl")).splitlines()
    ]


def summed(rows: list[dict[str, str]], column: str) -> Decimal:
    return sum((Decimal(row[column]) for row in rows if row[column]), ZERO)


@settings(max_examples=examples(8), deadline=None)
@given(records, st.sampled_from(ZONES), st.sampled_from([1, 3, 2_000]), st.integers(0, 41))
def test_the_rows_of_a_period_sum_to_its_statement(
    empty: Path, given: list[Record], zone: ZoneInfo, page: int, looked: int
) -> None:
    """Whatever happened, in whatever zone, however it is cut into pages, to the last digit."""
    with (
        Store.write(shutil.copy(empty, empty.with_name(f"{uuid4()}.sqlite3"))) as store,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(stored_records, "PAGE", page)
        patch.setattr(writing, "ROWS_AT_ONCE", page)
        world = World(store, zone)
        world.marks = [mark("A-1", bid="0.40", ask="0.41"), mark("B-1", bid="0.50", ask="0.52")]
        world.clock.now = NOW - timedelta(days=looked)
        world.keep(*(each for each in newest(given) if each.at <= world.clock()))
        world.publish()
        world.clock.now = NOW
        world.keep(*newest(given))
        world.publish()
        reader = PeriodReader(store)
        everything = Period.between(min(reader.first or reader.today, reader.today), reader.today, zone)
        for period in (everything, split(everything, "week")[-1]):
            found = {what: written(reader, period, what) for what in EXPORTS}
            figures = reader.figures(period)
            for component, made_of in MADE_OF.items():
                total = sum((sign * summed(found[what][0], column) for what, column, sign in made_of), ZERO)
                assert total == figures.components[component].usd, (period.name, component)
            for component in COMPONENTS:
                assert summed(found["days"][0], component) == figures.components[component].usd
            assert summed(found["statement"][0], "usd") == figures.net.usd
            for what, (rows, meta) in found.items():
                sums = meta["totals"]["sums"]
                assert meta["totals"]["rows"] == len(rows)
                assert {name: Decimal(text) for name, text in sums.items()} == {
                    name: summed(rows, name) for name in sums
                }
                [header, *objects, totals] = lines(reader, period, what)
                assert (header, totals["sums"]) == (meta["header"], sums)
                assert [["" if cell is None else str(cell) for cell in row.values()] for row in objects] == [
                    list(row.values()) for row in rows
                ]
                if "at" in header["columns"]:
                    assert [row["at"] for row in rows] == sorted(row["at"] for row in rows)


def test_every_column_is_in_the_pages() -> None:
    """A table for each export, with its columns in their order and what they are."""
    text = PAGE.read_text()
    for export in EXPORTS.values():
        _, _, section = text.partition(f"### {export.name}\n")
        section = section.partition("\n### ")[0]
        assert export.help in section
        rows = re.findall(r"^\| `(\w+)` \| (.*?) \| (.*?) \|$", section, re.MULTILINE)
        assert rows == [
            (column.name, f"{column.kind} Σ" if column.summed else column.kind, column.help)
            for column in export.columns
        ], export.name
    assert set(re.findall(r"^### ([a-z-]+)$", text, re.MULTILINE)) == set(EXPORTS)


def test_a_fill_says_what_it_realised_also_of_what_was_bought_before(world: World) -> None:
    """By the lot rule in force; one that was taken back is no row, and one that was amended says so."""
    before, here = NOW - timedelta(days=40), NOW - timedelta(days=3)
    bought = fill("buy yes 10 @ 0.40 fee 0.07", at=before, fill_id="f-1")
    sold = fill("buy no 4 @ 0.45 fee 0.02", at=here, fill_id="f-2")
    busted = fill("buy no 4 @ 0.45", at=here, fill_id="f-3")
    world.keep(bought, sold, busted)
    world.keep(replace(sold, fee=Decimal("0.03")), replace(busted, voided=True))
    world.publish()
    [row], meta = written(PeriodReader(world.store), month(here), "fills")
    assert (row["id"], row["revision"], row["fee"], row["realised"]) == ("f-2", "2", "0.03", "0.600000")
    assert (row["at"], row["local_day"]) == ("2026-11-19T12:00:00.000000Z", "2026-11-19")
    assert meta["totals"]["sums"] == {"count": "4", "cost": "1.80", "fee": "0.03", "realised": "0.600000"}
    assert (meta["header"]["period"], meta["header"]["lot_rule"]) == ("2026-11", "average")


def test_fills_of_one_moment_keep_their_order_also_across_pages(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sweep through several prices closes the best first, wherever a page would end."""
    monkeypatch.setattr(stored_records, "PAGE", 2)
    prices = ("0.50", "0.40", "0.45", "0.42")
    world.keep(
        *(fill(f"buy yes 1 @ {price}", at=NOW, fill_id=f"f-{n}", order="o") for n, price in enumerate(prices))
    )
    world.publish()
    rows, _ = written(PeriodReader(world.store), month(NOW), "fills")
    assert [row["price"] for row in rows] == sorted(prices)


def test_a_settlement_is_exported_as_it_was_booked(world: World) -> None:
    """What it realised follows from all fills of its market, whenever they were."""
    world.keep(
        fill("buy yes 10 @ 0.40 fee 0.07", at=NOW - timedelta(days=60)),
        settlement("10 / 4.00", "0 / 0", "yes", "10", at=NOW - timedelta(days=1)),
    )
    world.publish()
    [row], _ = written(PeriodReader(world.store), month(NOW), "settlements")
    assert (row["payout"], row["realised"], row["fee"]) == ("10", "6.00", "0")


def test_a_refund_is_a_row_of_the_day_on_which_it_was_given(world: World) -> None:
    """With the sale that it is of, which may be long ago; tax that goes back with it is no income."""
    sold = NOW - timedelta(days=50)
    world.keep(sale("10.00", at=sold, tax="1.90", refunds={NOW: "11.90"}), sale("3.00", sale_id="s-2"))
    world.publish()
    [row], _ = written(PeriodReader(world.store), month(NOW), "refunds")
    assert (row["amount"], row["tax"], row["refund"]) == ("11.90", "1.90", "10.00")
    assert (row["sold_at"][:10], row["local_day"]) == (sold.date().isoformat(), NOW.date().isoformat())
    assert written(PeriodReader(world.store), month(sold), "refunds")[0] == []


def test_transfers_have_moved_only_while_they_are_applied(world: World) -> None:
    """One that came back is told with its amount, and has moved nothing."""
    for number, status in enumerate(("applied", "returned")):
        world.keep(
            Transfer(
                source="kalshi",
                transfer_id=f"t-{number}",
                amount=Decimal(100),
                fee=ZERO,
                at=NOW,
                status=status,  # type: ignore[arg-type]
            )
        )
    world.publish()
    rows, meta = written(PeriodReader(world.store), month(NOW), "transfers")
    assert [(row["status"], row["moved"]) for row in rows] == [("applied", "100"), ("returned", "0")]
    assert meta["totals"]["sums"] == {"moved": "100"}


def test_api_cost_says_tokens_and_what_has_no_price(world: World) -> None:
    """Each kind is a row; a bill takes the place of the estimate, and the grade is that of its UTC day."""
    day = NOW - timedelta(days=3)
    world.keep(usage(day, "0.10"), usage(day + timedelta(hours=1), None, model="new-model"))
    world.publish()
    rows, _ = written(PeriodReader(world.store), month(NOW), "api-cost")
    assert {row["grade"] for row in rows} == {"partial"}
    assert sum(int(row["unpriced"]) for row in rows if row["model"] == "new-model") == 1_000
    world.keep(bill(day.date(), "0.30"))
    world.publish()
    rows, meta = written(PeriodReader(world.store), month(NOW), "api-cost")
    assert meta["totals"]["sums"]["billed"] == "0.30"
    assert {row["grade"] for row in rows} == {"final"}


def test_a_text_is_never_a_formula_and_a_number_always_a_number(world: World) -> None:
    """Spreadsheets run what begins with a sign; a loss begins with one, too, and stays a number."""
    assert [guarded(text) for text in ("=1", "+1", "-1", "@a", "\tx", "\rx", "a=1", "")] == [
        "'=1",
        "'+1",
        "'-1",
        "'@a",
        "'\tx",
        "'\rx",
        "a=1",
        "",
    ]
    product = '=HYPERLINK("http://x","y")\r\nTotal, "all"'
    world.keep(replace(sale("5", refunds={NOW: "5"}), product=product))
    world.publish()
    reader = PeriodReader(world.store)
    [row], _ = written(reader, month(NOW), "sales")
    assert row["product"] == "'" + product
    assert lines(reader, month(NOW), "sales")[1]["product"] == product
    rows, _ = written(reader, month(NOW), "statement")
    assert [row["usd"] for row in rows if row["line"] == "sales_refunds"] == ["-5.00"]


def test_numbers_have_all_their_digits_and_no_exponent() -> None:
    assert exact(Decimal("1E-7")) == "0.0000001"
    assert exact(Decimal("1E+3")) == "1000"
    assert [exact(Decimal(zero)) for zero in ("0.00", "-0", "0E-9")] == ["0", "0", "0"]


def test_a_file_says_whether_it_is_whole(world: World) -> None:
    """The last line has a hash of all before it, the metadata of a CSV has one of the file; the same state
    gives the same bytes; lines end as RFC 4180 has it."""
    world.keep(sale("5"), fill("buy yes 1 @ 0.40"))
    world.publish()
    reader = PeriodReader(world.store)
    made = Writing(EXPORTS["sales"], reader, month(NOW))
    content = b"".join(made.pieces("csv"))
    assert content.startswith(b"at,local_day,source,id,")
    assert content.count(b"\r\n") == content.count(b"\n") == 2
    assert made.meta["totals"]["sha256"] == hashlib.sha256(content).hexdigest()
    content = b"".join(Writing(EXPORTS["sales"], reader, month(NOW)).pieces("jsonl"))
    before, last = content[: content.rindex(b'{"type":"totals"')], content.splitlines()[-1]
    assert json.loads(last)["sha256"] == hashlib.sha256(before).hexdigest()
    again = Writing(EXPORTS["sales"], PeriodReader(world.store), month(NOW))
    assert b"".join(again.pieces("jsonl")) == content


def test_a_period_without_anything_has_a_header_alone(world: World) -> None:
    """Also one that has not begun, and in a database in which nothing has ever happened: there only today is
    a day, on which there is nothing."""
    world.publish()
    [today], _ = written(PeriodReader(world.store), month(NOW), "days")
    assert (today["day"], today["net"]) == ("2026-11-22", "0")
    for period in (month(NOW), month(NOW + timedelta(days=60)), month(NOW - timedelta(days=60))):
        for what in ("fills", "settlements", "sales", "refunds", "api-cost", "transfers", "days"):
            if (period, what) == (month(NOW), "days"):
                continue
            rows, meta = written(PeriodReader(world.store), period, what)
            assert (rows, meta["totals"]["rows"]) == ([], 0), what


def test_what_comes_in_while_it_is_written_is_in_the_next_one(world: World) -> None:
    """An export is of one state, however long its reader takes."""
    world.keep(fill("buy yes 1 @ 0.40", fill_id="f-1"))
    world.publish()
    reader = PeriodReader(world.store)
    world.keep(fill("buy yes 1 @ 0.50", fill_id="f-2"), sale("5", refunds={NOW: "1"}))
    world.publish()
    assert len(written(reader, month(NOW), "fills")[0]) == 1
    assert len(written(reader, month(NOW), "refunds")[0]) == 0
    assert len(written(PeriodReader(world.store), month(NOW), "fills")[0]) == 2


def month(at: datetime) -> Period:
    return Period.holding("month", date(at.year, at.month, at.day), UTC_ZONE)
