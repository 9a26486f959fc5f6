"""Bearer tokens as they are kept: hashes in files that only their owner reads."""

from __future__ import annotations

import stat
from datetime import timedelta
from pathlib import Path

import pytest

from exporter.cli import main
from exporter.errors import SettingsError
from exporter.stream.gate import Access
from exporter.stream.tokens import CLOSED, LOOK_SECONDS, SHORT_SECONDS, USED_SECONDS, Tokens
from tests.stream.builders import START

NOW = START.timestamp()


@pytest.fixture
def access(path: Path) -> Access:
    """Rules of a database for which no token was made yet."""
    return Access(path, clock=lambda: NOW)


@pytest.fixture
def tokens(access: Access) -> dict[str, str]:
    """One token of each scope."""
    return {scope: access.tokens.create(scope, scope, START) for scope in ("all", "totals", "ingest")}


def test_token_that_is_older_than_the_mark_leaves_it_when_it_goes(access: Access) -> None:
    """A folder of an earlier version has none."""
    token = access.tokens.create("old", "totals", START)
    (access.tokens.folder / CLOSED).unlink()
    assert Access(access.tokens.folder.with_suffix("")).asks
    assert access.tokens.revoke(token.split("_")[1])
    assert Access(access.tokens.folder.with_suffix("")).asks


def test_tokens_are_kept_as_hashes_for_their_owner_alone(tokens: dict[str, str], access: Access) -> None:
    """Neither the files nor a repr give one away."""
    folder = access.tokens.folder
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    kept = ""
    for file in folder.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        kept += file.read_text()
    shown = kept + repr(access.tokens.all()) + str(access.tokens.__dict__)
    for token in tokens.values():
        assert token not in shown
        assert token.split("_", 2)[2] not in shown
    known = access.known()
    assert all(token.key not in repr(token) and token.digest not in repr(token) for token in known.values())


@pytest.mark.parametrize("text", ["{}", "[]", "", '{"name": 1}', "\x00", '{"scope":"root","name":"a"}'])
def test_file_that_is_no_token_opens_nothing(access: Access, text: str) -> None:
    """And stops nobody else's."""
    token = access.tokens.create("a", "all", START)
    (access.tokens.folder / "00000000.json").write_text(text)
    assert [each.name for each in access.tokens.all()] == ["a"]
    assert access.tokens.find(token, 0.0, 0.0) is not None
    assert access.tokens.find("nst_00000000_" + "a" * 43, 9.0, 0.0) is None


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "x" * 61])
def test_name_of_a_token_is_one_line(access: Access, name: str) -> None:
    """It is printed in a list."""
    with pytest.raises(SettingsError):
        access.tokens.create(name, "all", START)


@pytest.mark.parametrize("id_", ["", "../x", "0000000", "ABCDEF01", "*"])
def test_only_an_id_is_revoked(access: Access, id_: str) -> None:
    """A name of a file elsewhere is none."""
    assert not access.tokens.revoke(id_)


def test_commands_make_list_and_revoke(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The token is shown once; the list has everything but it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DB_PATH", str(tmp_path / "pnl.sqlite3"))
    assert main(["token", "create", "board", "--scope", "totals"]) == 0
    made = capsys.readouterr().out
    token = made.split()[0]
    assert "shown once" in made
    assert Tokens(tmp_path / "pnl.sqlite3").find(token, 0.0, 0.0) is not None
    assert main(["token", "list"]) == 0
    listed = capsys.readouterr().out
    assert "board" in listed
    assert "totals" in listed
    assert token not in listed
    id_ = listed.split()[0]
    assert main(["token", "revoke", id_]) == 0
    said = capsys.readouterr().out
    assert main(["token", "revoke", id_]) == 1
    assert "no token" in capsys.readouterr().err
    assert Tokens(tmp_path / "pnl.sqlite3").all() == []
    assert "northstar token create" in said


def test_a_signed_token_opens_until_its_time_is_over(access: Access, tokens: dict[str, str]) -> None:
    """Its signer is known by it; with another time or signer it is none."""
    signer = access.tokens.find(tokens["totals"], 0.0, NOW)
    assert signer is not None
    signed, until = access.tokens.sign(signer, NOW)
    assert until == int(NOW) + SHORT_SECONDS
    assert access.tokens.verify(signed, 0.0, until - 1) == signer
    assert access.tokens.verify(signed, 0.0, until) is None
    assert access.tokens.verify(signed.replace(str(until), str(until + 60)), 0.0, NOW) is None
    assert access.tokens.verify(tokens["totals"], 0.0, NOW) is None
    assert access.tokens.find(signed, 0.0, NOW) is None


def test_a_token_that_is_revoked_is_none_within_a_second(access: Access, tokens: dict[str, str]) -> None:
    """And neither is what it has signed."""
    signer = access.tokens.find(tokens["all"], 0.0, NOW)
    assert signer is not None
    signed, _ = access.tokens.sign(signer, NOW)
    assert access.tokens.revoke(signer.id)
    assert access.tokens.find(tokens["all"], LOOK_SECONDS, NOW) is None
    assert access.tokens.verify(signed, LOOK_SECONDS, NOW) is None
    assert access.tokens.find(tokens["totals"], LOOK_SECONDS, NOW) is not None


def test_the_use_of_a_token_is_noted_once_a_minute(access: Access, tokens: dict[str, str]) -> None:
    """It is a write to the disk, and the list shows it."""
    for seconds in (90, 91, 90 + USED_SECONDS - 1):
        access.tokens.find(tokens["all"], 0.0, NOW + seconds)
    used = {token.scope: token.used for token in access.tokens.all()}
    assert used == {"all": START + timedelta(seconds=90), "totals": None, "ingest": None}
    access.tokens.find(tokens["all"], 0.0, NOW + 90 + USED_SECONDS)
    again = {token.scope: token.used for token in access.tokens.all()}
    assert again["all"] == START + timedelta(seconds=90 + USED_SECONDS)


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    """It names the folder and what is wrong."""
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match=r"The token cannot be kept in .*file.* \(Not a directory\)"):
        Tokens(tmp_path / "file" / "pnl.sqlite3").create("board", "all", START)
