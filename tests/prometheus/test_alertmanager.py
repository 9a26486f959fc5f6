"""Who is told of what: the configuration that is written, as Alertmanager's own tool reads it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from exporter.cli import main
from exporter.commands import alertmanager_config as alerting
from exporter.settings import Settings
from exporter.sources.registry import read_settings
from tests.prometheus.rules import ALERTS

MAIL = {
    "NORTHSTAR_ALERT_EMAIL_TO": "founder@example.com",
    "NORTHSTAR_ALERT_SMTP_SERVER": "mail.example.com:587",
}
WORDS = [word for word, _ in alerting.WAYS.values()]


def amtool(*arguments: str) -> str:
    """Return what amtool says, or skip."""
    program = shutil.which("amtool")
    if program is None:
        pytest.skip("amtool is not installed: see tests/install-tools")
    done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def readable(made: Any) -> Any:
    """Return the configuration as Alertmanager 0.25, Debian's, can read it: it knows no webhook of a file."""
    if isinstance(made, list):
        return [readable(each) for each in made]
    if isinstance(made, dict):
        return {
            ("url" if key == "url_file" else key): (f"file://{each}" if key == "url_file" else readable(each))
            for key, each in made.items()
        }
    return made


def put(folder: Path, *names: str) -> Path:
    """Return a folder of secret files; what they hold is recognised wherever it appears."""
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).write_text(f"http://127.0.0.1:9/very-secret-{name}\n")
    return folder


def made(settings: Settings, secrets: Path) -> tuple[dict[str, Any], str]:
    """Return receivers by name, and what is said."""
    config, said = alerting.config(settings, secrets)
    return {each["name"]: each for each in config["receivers"]}, "\n".join(said)


EVERY_SECRET = (*alerting.WAYS, alerting.HEARTBEAT)


@pytest.mark.parametrize("names", [(), *((name,) for name in EVERY_SECRET), EVERY_SECRET], ids="+".join)
def test_amtool_accepts_what_is_written(tmp_path: Path, names: tuple[str, ...]) -> None:
    """Whatever is switched on, Alertmanager starts."""
    config, _ = alerting.config(read_settings(MAIL), put(tmp_path / "secrets", *names))
    path = tmp_path / "alertmanager.yml"
    path.write_text(json.dumps(readable(config)).replace("file:///", "http://localhost/"))
    assert "SUCCESS" in amtool("check-config", str(path))


@pytest.mark.parametrize("name", alerting.WAYS)
def test_secret_file_switches_its_way_on_and_no_other(tmp_path: Path, name: str) -> None:
    """Nothing else has to be said, but for whom to send mail to."""
    receivers, said = made(read_settings(MAIL), put(tmp_path / "secrets", name))
    (kind,) = receivers["wake"].keys() - {"name"}
    (how,) = receivers["wake"][kind]
    assert how["send_resolved"] is True
    assert str(tmp_path / "secrets" / name) in how.values()
    assert said == f"Alerts go by {alerting.WAYS[name][0]}."
    told = receivers["tell"].keys() - {"name"}
    assert told == (set() if name in alerting.ONLY_TO_WAKE else {kind})


def test_nothing_configured_tells_nobody_and_says_so(tmp_path: Path) -> None:
    """Alerts are in Grafana and in Prometheus then; nothing crashes."""
    receivers, said = made(read_settings({}), tmp_path / "nowhere")
    assert all(each.keys() == {"name"} for each in receivers.values())
    assert said.startswith("Nobody is told of alerts")


def test_no_secret_is_copied(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The file is named; what it holds stays in it."""
    secrets = put(tmp_path / "secrets", *EVERY_SECRET)
    output = tmp_path / "alertmanager.yml"
    assert alerting.write(read_settings(MAIL), secrets, output) == 0
    assert "very-secret" not in output.read_text() + capsys.readouterr().out


@pytest.mark.skipif(os.getuid() == 0, reason="root reads everything")
def test_secret_that_may_not_be_read_is_one_sentence(tmp_path: Path) -> None:
    """The other ways go on."""
    secrets = put(tmp_path / "secrets", "slack_url", "webhook_url")
    (secrets / "slack_url").chmod(0)
    receivers, said = made(read_settings({}), secrets)
    assert receivers["wake"].keys() == {"name", "webhook_configs"}
    assert "slack_url cannot be read" in said


def test_folder_that_is_closed_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is in it cannot even be listed, so nothing is said of single files."""
    secrets = put(tmp_path / "secrets", *EVERY_SECRET)
    monkeypatch.setattr(os, "access", lambda path, mode: (path, mode) != (secrets, os.X_OK))
    receivers, said = made(read_settings(MAIL), secrets)
    assert all(each.keys() == {"name"} for each in receivers.values())
    assert said.splitlines() == [
        f"The folder {secrets} cannot be entered by user {os.getuid()}: check its permissions.",
        alerting.NOBODY,
    ]


def test_secret_that_is_a_folder_or_empty_is_one_sentence(tmp_path: Path) -> None:
    """Docker makes a folder of a file that is not there."""
    secrets = put(tmp_path / "secrets", "webhook_url")
    (secrets / "slack_url").mkdir()
    (secrets / alerting.HEARTBEAT).write_text(" \n")
    receivers, said = made(read_settings({}), secrets)
    assert receivers["wake"].keys() == {"name", "webhook_configs"}
    lines = said.splitlines()
    assert lines[0].startswith(f"The secret file {secrets / 'slack_url'} cannot be read by user")
    assert lines[0].endswith("No alert goes by Slack.")
    assert (
        lines[1] == f"The secret file {secrets / alerting.HEARTBEAT} is empty. There is no dead man's switch."
    )
    assert lines[2] == "Alerts go by webhook."


def test_mail_without_an_address_is_one_sentence(tmp_path: Path) -> None:
    """A password alone sends nothing."""
    receivers, said = made(read_settings({}), put(tmp_path / "secrets", "smtp_password"))
    assert receivers["wake"].keys() == {"name"}
    assert "NORTHSTAR_ALERT_EMAIL_TO and NORTHSTAR_ALERT_SMTP_SERVER must be set." in said


def test_output_that_cannot_be_written_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As a command ends: a sentence and an exit code."""
    output = tmp_path / "nowhere" / "alertmanager.yml"
    assert main(["alertmanager-config", "--secrets", str(tmp_path), "--output", str(output)]) == 1
    assert f"{output} cannot be written" in capsys.readouterr().out


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """The configuration in a file, with every way on."""
    config, _ = alerting.config(read_settings(MAIL), put(tmp_path / "secrets", *EVERY_SECRET))
    path = tmp_path / "alertmanager.yml"
    path.write_text(json.dumps(readable(config)).replace("file:///", "http://localhost/"))
    return path


@pytest.mark.parametrize("alert", ALERTS)
def test_alert_is_routed_by_its_severity(written: Path, alert: str) -> None:
    """What is critical wakes, what is not is told, and the watchdog goes to who waits for it."""
    labels = {key: text for key, text in ALERTS[alert]["labels"].items() if "{{" not in text}
    said = amtool(
        "config",
        "routes",
        "test",
        f"--config.file={written}",
        f"alertname={alert}",
        *(f"{key}={text}" for key, text in labels.items()),
    )
    to = {"critical": "wake", "warning": "tell", "none": "heartbeat"}[labels["severity"]]
    assert said.strip() == to


def test_inhibitions_name_alerts_that_exist() -> None:
    """An alert that was renamed would be silenced no more."""
    text = json.dumps(alerting.INHIBITIONS)
    assert set(re.findall(r"Northstar\w+", text)) <= set(ALERTS)


def test_links_lead_where_the_settings_say() -> None:
    """A message on a telephone must not lead to 127.0.0.1."""
    settings = read_settings(
        {
            "NORTHSTAR_ALERT_GRAFANA_URL": "https://grafana.example.com/",
            "NORTHSTAR_ALERT_RUNBOOK_URL": "https://git.example.com/runbook.md",
        }
    )
    text = alerting.texts(settings).whole
    assert "https://grafana.example.com{{ .Annotations.dashboard_url }}" in text
    assert '"^prometheus/runbook.md" "https://git.example.com/runbook.md" .Annotations.runbook_url' in text
    for rule in ALERTS.values():
        assert rule["annotations"]["runbook_url"].startswith(alerting.RUNBOOK)
