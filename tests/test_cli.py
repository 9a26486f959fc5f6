"""The command line: what is wrong with an option is one sentence, and a failure is no traceback."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from exporter.cli import COMMANDS, main, parser


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_command_has_its_function(command: object) -> None:
    """A row of the table that names a module or function which is gone would be found by a user."""
    assert callable(command.load())  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("stream --workers 0", "'0' is not a number from 1 to 64"),
        ("stream --workers many", "'many' is not a number from 1 to 64"),
        ("explain 22.11.2026", "'22.11.2026' is not a date such as 2026-01-31"),
        ("explain --at 2026-11-22T12:00:00", "is no time with its offset, as in 2026-01-31T09:30:00Z"),
        ("explain --at noon", "'noon' is no time with its offset"),
        ("explain --page 0", "'0' is not a whole number, at least 1"),
        ("explain --window decade", "invalid choice: 'decade'"),
        ("simulator --port 70000", "'70000' is not a whole number, 0 to 65535"),
        ("token create x --scope root", "invalid choice: 'root'"),
    ],
)
def test_a_wrong_option_is_named(line: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """With what it may be."""
    with pytest.raises(SystemExit) as ended:
        parser().parse_args(line.split())
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_options_are_read() -> None:
    """Dates, times and numbers as what they are."""
    asked = parser().parse_args(["explain", "--at", "2026-11-22T12:00:00Z", "--page", "3"])
    assert (asked.at, asked.page) == (datetime(2026, 11, 22, 12, tzinfo=UTC), 3)
    assert parser().parse_args(["explain", "2026-11-20"]).day == date(2026, 11, 20)
    assert parser().parse_args(["backfill", "kalshi", "--from", "2026-01-01"]).since == date(2026, 1, 1)
    assert parser().parse_args(["fault", "kalshi", "500", "--for", "9"]).words == [
        "kalshi",
        "500",
        "--for",
        "9",
    ]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("expoter", "'expoter' is no command: did you mean exporter?"),
        ("chekc --help", "'chekc' is no command: did you mean check?"),
        ("fly", "'fly' is no command: see northstar --help."),
        ("--fast", "the following arguments are required: COMMAND"),
    ],
)
def test_a_line_that_names_no_command_is_helped(
    line: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the nearest one."""
    with pytest.raises(SystemExit) as ended:
        main(line.split())
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_nothing_at_all_shows_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    """It is still an error, for a script that meant something."""
    assert main([]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert [command.name for command in COMMANDS if f"    {command.name}" not in err] == []


@pytest.mark.parametrize("line", ["fault --help", "fault -h"])
def test_the_faults_have_their_help(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It lists what can be broken."""
    with pytest.raises(SystemExit) as ended:
        main(line.split())
    assert ended.value.code == 0
    out = capsys.readouterr().out
    assert out.startswith("usage: northstar fault ")
    assert "--seconds" in out


def test_what_went_wrong_is_said_on_the_error_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """All mistakes of the settings at once, and the exit code is 1."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NORTHSTAR_TIMEZONE", "Mars/Olympus")
    monkeypatch.setenv("PORT", "99999")
    assert main(["check"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 2
    assert "NORTHSTAR_TIMEZONE is wrong" in err
    assert "PORT is wrong" in err
    assert "Traceback" not in err
