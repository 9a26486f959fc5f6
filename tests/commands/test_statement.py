"""`northstar statement`: a period as text, JSON and CSV."""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from exporter.cli import main
from exporter.store import Store
from tests.builders import NOW, fill, mark, sale
from tests.reports.test_reader import World


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A database with a trade and two sales of November."""
    path = tmp_path / "northstar.sqlite3"
    with Store.write(path) as store:
        world = World(store)
        world.marks = [mark(bid="0.60", ask="0.61")]
        world.keep(
            fill("buy yes 10 @ 0.40 fee 0.07"), sale("5"), sale("7", sale_id="s-2", at=NOW.replace(month=10))
        )
        world.publish()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DB_PATH", str(path))
    return path


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["statement", *arguments]) == 0
    return capsys.readouterr().out


@pytest.mark.usefixtures("database")
def test_a_period_is_told_in_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """The answer first, then what it is made of, then what is not certain."""
    lines = printed(capsys, "2026-11").splitlines()
    assert lines[0] == "1 to 30 November 2026, UTC: 6.93 USD, estimated"
    assert lines[1].startswith("2026-11-01 to 2026-11-30, still running, as known 2026-11-22T12:00:00")
    assert "trading_fees               -0.07 USD, final" in lines
    assert any(line.endswith("anthropic: no usage of today yet") for line in lines)


@pytest.mark.usefixtures("database")
def test_rows_and_months_are_told_in_columns(capsys: pytest.CaptureFixture[str]) -> None:
    """What they sum to is said, and that it is the figures. No bill is known of October: it is partial."""
    assert "2 rows sum to 1.93" not in printed(capsys, "2026-11", "--by", "market")
    assert "1 rows sum to 1.93, the figures above." in printed(capsys, "2026-11", "--by", "market")
    months = printed(capsys, "2026-10..2026-11", "--by", "month").splitlines()
    assert months == ["2026-10  7.00 USD, partial", "2026-11  6.93 USD, estimated"]


@pytest.mark.usefixtures("database")
def test_it_is_told_to_programs_too(capsys: pytest.CaptureFixture[str]) -> None:
    """JSON is what the route answers; CSV has exact decimals."""
    tree = json.loads(printed(capsys, "2026-11", "--by", "product", "--format", "json"))
    assert tree["rows"][0]["amounts"] == {"sales_gross": "5.00"}
    rows = list(csv.DictReader(io.StringIO(printed(capsys, "2026-11", "--by", "product", "--format", "csv"))))
    assert rows == [{"name": "p", "net": "5.00", "sales_gross": "5.00"}]
    [month] = csv.DictReader(io.StringIO(printed(capsys, "2026-11", "--format", "csv")))
    assert (month["period"], Decimal(month["net"]), month["grade"]) == (
        "2026-11",
        Decimal("6.93"),
        "estimated",
    )


@pytest.mark.usefixtures("database")
def test_what_is_no_period_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["statement", "2026-13"]) == 1
    assert capsys.readouterr().err.startswith('"2026-13" is no period: ')


@pytest.mark.usefixtures("database")
def test_a_comparison_says_both_sides(capsys: pytest.CaptureFixture[str]) -> None:
    """With the days of each, the difference, and its share where that means something."""
    lines = printed(capsys, "2026-11", "--compare", "same_point").splitlines()
    assert lines[0].startswith("1 to 22 November 2026 until 12:00 (22 of 30 days) against 1 to 22 October")
    assert "sales_gross: 5.00 USD, final, against 7.00, -2.00 (-28.6 %)" in lines
    [net, *_] = csv.DictReader(
        io.StringIO(printed(capsys, "2026-11", "--compare", "same_point", "--format", "csv"))
    )
    assert (net["line"], net["this"], net["then"], net["difference"]) == ("net", "6.93", "7.00", "-0.07")


def test_what_has_changed_is_told_with_its_cause(database: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Then and now, each changed line, and the record that came since."""
    assert main(["diff", "2026-11", NOW.isoformat()]) == 0
    assert "Nothing of its days that were over then has changed." in capsys.readouterr().out
    with Store.write(database) as store:
        world = World(store)
        world.marks = [mark(bid="0.60", ask="0.61")]
        world.clock.advance(hours=1)
        world.keep(sale("2.00", sale_id="late", at=NOW - timedelta(days=3)))
        world.publish()
    assert main(["diff", "2026-11", NOW.isoformat()]) == 0
    told = capsys.readouterr().out
    assert "2.00 USD  sales late: sales_gross 2.00" in told
    assert "    sale late, revision 1, read 2026-11-22T13:00:00" in told
    assert told.endswith("1 lines have changed, by 2.00 USD together.\n")
    assert main(["statement", "2026-11", "--known-at", NOW.isoformat()]) == 0
    assert "6.93 USD" in capsys.readouterr().out
