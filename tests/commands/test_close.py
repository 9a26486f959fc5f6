"""`northstar close`: only what is final is closed, whole, and verifies itself."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from exporter.cli import main
from exporter.commands import close
from exporter.store import Store
from tests.builders import NOW, bill, fill, mark, sale, settlement
from tests.reports.test_reader import World


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """October is over and final but for what a test adds; November runs."""
    path = tmp_path / "northstar.sqlite3"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DB_PATH", str(path))
    with Store.write(path) as store:
        world = World(store)
        world.marks = [mark(bid="0.60", ask="0.61")]
        bought, closed = (datetime(2026, 10, day, 9, tzinfo=NOW.tzinfo) for day in (5, 9))
        world.keep(
            fill("buy yes 10 @ 0.40 fee 0.07 in M", at=bought),
            settlement("10 / 4.00", "0 / 0", "yes", "10.00", at=closed),
            sale("5.00", sale_id="s-1", at=bought, refunds={closed: "1.00"}),
        )
        for ago in range(53, 2, -1):
            world.keep(bill((NOW - timedelta(days=ago)).date(), "0.25"))
        world.publish()
        yield world


def closed(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    code = main(["close", *arguments])
    told = capsys.readouterr()
    return code, told.out + told.err


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.slow
@pytest.mark.usefixtures("world")
def test_a_month_that_is_final_is_closed_and_verifies_itself(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Its lines sum to its net, its rows to its lines, and every file to its hash."""
    assert closed(capsys, "2026-10")[0] == 0
    folder = tmp_path / "northstar-2026-10"
    subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=folder, check=True)
    stated = json.loads((folder / "statement.json").read_text())
    net = Decimal(stated["statement"]["net"]["usd"])
    assert stated["statement"]["net"]["grade"] == "final"
    assert all(part["exact"] for part in stated["by"].values())
    with (folder / "days.csv").open(newline="") as rows:
        days = list(csv.DictReader(rows))
    assert sum(Decimal(row["net"]) for row in days) == net
    assert f"| **net** | {net:f} | final |" in (folder / "statement.md").read_text()
    assert net == Decimal("10") - 4 - Decimal("0.07") + 5 - 1 - Decimal("0.25") * 31
    (folder / "fills.csv").write_text("changed")
    assert subprocess.run(["sha256sum", "-c", "--status", "SHA256SUMS"], cwd=folder).returncode == 1


def test_the_same_again_is_the_same_to_the_last_byte(
    world: World, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """However many snapshots have come since; what has changed since is not written over."""
    assert closed(capsys, "2026-10")[0] == 0
    first = contents(tmp_path / "northstar-2026-10")
    world.clock.advance(hours=2)
    world.publish()
    assert "already, to the last byte" in closed(capsys, "2026-10")[1]
    assert closed(capsys, "2026-10", "--out", "again")[0] == 0
    assert contents(tmp_path / "again") == first
    world.keep(sale("9.00", sale_id="late", at=NOW - timedelta(days=40)))
    world.publish()
    code, told = closed(capsys, "2026-10")
    assert (code, "northstar diff says what has changed" in told) == (1, True)
    assert contents(tmp_path / "northstar-2026-10") == first


def test_what_is_not_final_is_not_closed_and_says_what_it_waits_for(
    world: World, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """By line, with its reason and the time from which it is; --anyway writes it and says so in it."""
    code, told = closed(capsys, "2026-11")
    assert code == 1
    assert "  the period: it ends at 2026-12-01 00:00 UTC" in told
    assert "Its bills are final from 2026-12-02 00:00 UTC on." in told
    assert not list(tmp_path.glob("*2026-11*"))
    assert closed(capsys, "2026-11", "--anyway")[0] == 0
    folder = tmp_path / "northstar-2026-11-not-final"
    for name in ("README.txt", "statement.md"):
        assert "NOT FINAL, closed anyway:" in (folder / name).read_text()
    world.clock.now = datetime(2026, 11, 1, 12, tzinfo=NOW.tzinfo)
    world.keep(bill(date(2026, 10, 31), "0.50"))
    world.publish()
    assert "api_cost_billed: estimated: anthropic: the bill of 2026-10-31 may" in closed(capsys, "2026-10")[1]


@pytest.mark.usefixtures("world")
def test_a_pack_is_written_whole_or_not_at_all(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk and a folder that takes nothing are one sentence, and leave nothing behind."""
    whole = close.files

    def full(*arguments: object) -> Iterator[tuple[str, Iterator[bytes]]]:
        yield next(iter(whole(*arguments)))  # type: ignore[arg-type]
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(close, "files", full)
    code, told = closed(capsys, "2026-10")
    assert (code, "No space left on device): nothing of it was kept." in told) == (1, True)
    assert not list(tmp_path.glob("*2026-10*")) + list(tmp_path.glob(".*2026-10*"))
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(close, "files", whole)
    assert closed(capsys, "2026-10", "--out", f"file{os.sep}pack")[0] == 1
    shutil.rmtree(tmp_path / "northstar-2026-10", ignore_errors=True)
