"""`northstar export`: to the terminal and to files."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from pathlib import Path

import pytest

from exporter.cli import main
from tests.commands.test_statement import database

__all__ = ["database"]


@pytest.mark.usefixtures("database")
def test_rows_are_printed_and_their_sums_on_demand(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """CSV with its own line ends; `--meta` says what they are of instead."""
    assert main(["export", "fills", "2026-11"]) == 0
    text = capfdbinary.readouterr().out.decode()
    assert text.count("\r\n") == 2
    [row] = csv.DictReader(io.StringIO(text, newline=""))
    assert (row["market"], row["fee"]) == ("M", "0.07")
    assert main(["export", "fills", "2026-11", "--meta"]) == 0
    assert json.loads(capfdbinary.readouterr().out)["totals"]["sums"]["fee"] == "0.07"


def test_a_file_has_its_metadata_beside_it(database: Path) -> None:
    """Its hash is that of the file; JSON lines have all of it inside."""
    out = database.with_name("sales.csv")
    assert main(["export", "sales", "2026-10..2026-11", "--out", str(out)]) == 0
    meta = json.loads(out.with_name("sales.csv.meta.json").read_text())
    assert meta["totals"]["sha256"] == hashlib.sha256(out.read_bytes()).hexdigest()
    assert meta["totals"]["sums"]["gross"] == "12"
    lines = database.with_name("sales.jsonl")
    assert main(["export", "sales", "2026-11", "--format", "jsonl", "--out", str(lines)]) == 0
    assert json.loads(lines.read_text().splitlines()[-1])["rows"] == 1
    assert not lines.with_name("sales.jsonl.meta.json").exists()


def test_a_file_that_cannot_be_written_is_one_sentence(
    database: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What stands there stays, and no half of a file does."""
    out = database.with_name("folder")
    out.mkdir()
    assert main(["export", "sales", "2026-11", "--out", str(out)]) == 1
    assert "folder cannot be written: " in capsys.readouterr().err
    assert list(database.parent.glob(".folder*")) == []
