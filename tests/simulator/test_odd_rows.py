"""The odd rows of the fault dial: one in so many, and always the same ones."""

from __future__ import annotations

from exporter.simulator.mutation import odd_rows


def test_one_row_in_so_many_is_odd_and_stays_it() -> None:
    """It keeps what tells and dates it; a bucket of a report is no row, and what is no list is as it was."""
    rows = [{"id": f"s{number}", "created_at": "then", "gross": "1.00"} for number in range(1_000)]
    document = {"sales": rows, "next_cursor": None, "data": [{"starting_at": "then", "results": rows}]}
    changed = odd_rows(document, 10)
    odd = [row for row in changed["sales"] if row["gross"] is None]
    assert 50 < len(odd) < 150
    assert all(row["id"] and row["created_at"] == "then" for row in odd)
    assert changed["data"][0]["results"] == changed["sales"]
    assert changed["data"][0]["starting_at"] == "then"
    assert odd_rows(document, 10) == changed
    assert [row for row in changed["sales"] if row not in odd] == [
        row for row in rows if {**row, "gross": None} not in odd
    ]
