"""`northstar check`: what it says of this machine, before any source is asked."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

import pytest

from exporter.commands.check import run
from exporter.sources.registry import read_settings
from exporter.store import Store
from tests.metrics.authority import Authority, hashed


def checked(folder: Path, capsys: pytest.CaptureFixture[str], **more: str) -> tuple[int, list[str]]:
    """Check settings without a source; return the exit code, and each line that was printed."""
    settings = read_settings({"DB_PATH": str(folder / "pnl.sqlite3"), **more})
    code = run(settings.model_copy(update={"sources": ()}), Namespace())
    return code, capsys.readouterr().out.splitlines()


def test_an_exporter_that_runs_is_no_problem(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It has the database, which is as it should be; what is set aside is named all the same."""
    code, lines = checked(tmp_path, capsys)
    assert (code, lines[0]) == (0, f"ok       The database {tmp_path / 'pnl.sqlite3'} can be written.")
    with Store.write(tmp_path / "pnl.sqlite3"):
        code, lines = checked(tmp_path, capsys)
    assert lines[0] == f"ok       An exporter is running, and writes the database {tmp_path / 'pnl.sqlite3'}."
    assert (code, lines[-1]) == (0, "All is well.")


def test_the_web_configuration_file_is_tried(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It says what the file comes to, and what is wrong with it."""
    Authority(tmp_path).issue("exporter", file="server")
    file = tmp_path / "web.yml"
    file.write_text(
        "tls_server_config: {cert_file: server.crt, key_file: server.key}\n"
        f"basic_auth_users: {{alice: {hashed('x')}, bob: {hashed('y')}}}"
    )
    setting = {"NORTHSTAR_METRICS_WEB_CONFIG": str(file)}
    code, lines = checked(tmp_path, capsys, **setting)
    assert code == 0
    assert "ok       The metrics are served over https to 2 users." in lines
    file.write_text("http_server_config: {}")
    assert "ok       The metrics are served over http to anybody." in checked(tmp_path, capsys, **setting)[1]
    file.write_text("basic_auth_user: {}")
    code, lines = checked(tmp_path, capsys, **setting)
    assert code == 1
    assert any(line.startswith(f"problem  {file}: basic_auth_user is nothing") for line in lines)
    assert lines[-1] == "1 problem found."
