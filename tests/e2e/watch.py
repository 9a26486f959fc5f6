"""Prometheus and Alertmanager with the configuration of the stack, on a clock that runs faster.

Every duration of rules and notifications is divided by SPEED: the rules are the same rules in a shorter
time, as a film is the same film. Addresses are replaced as docs/alerts.md says. Nothing else is.
"""

from __future__ import annotations

import json
import re
import shutil
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.pipeline import HOST, until
from tests.e2e.processes import ROOT, Process, finish
from tests.e2e.prometheus import CLIENT, PATIENCE, answers, ask, serving
from tests.ports import held_port

SPEED = 20
"""A minute lasts three seconds."""

SPEED_OF_SCRAPES = 5
"""A scrape every second, with most of it to answer: a quarter of one is too short for a busy machine."""

SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
SCRAPES = {"scrape_interval", "scrape_timeout", "evaluation_interval"}
DURATIONS = {
    "for",
    "interval",
    "group_wait",
    "group_interval",
    "repeat_interval",
}

needs_both = pytest.mark.skipif(
    not (shutil.which("prometheus") and shutil.which("prometheus-alertmanager")),
    reason="Prometheus and Alertmanager are not both installed: see tests/install-tools.",
)


def faster(duration: str, speed: int = SPEED) -> str:
    """Return the duration divided by the speed, in milliseconds."""
    number, unit = duration[:-1], duration[-1]
    return f"{int(number) * SECONDS[unit] * 1000 // speed}ms"


def sped_up(part: Any) -> Any:
    """Return a configuration or rule file with every duration divided by SPEED."""
    if isinstance(part, list):
        return [sped_up(each) for each in part]
    if not isinstance(part, dict):
        return part
    made = {}
    for key, value in part.items():
        if key in DURATIONS:
            made[key] = faster(value)
        elif key in SCRAPES:
            made[key] = faster(value, SPEED_OF_SCRAPES)
        elif key == "expr":
            value = re.sub(r"\[(\d+[smhdw])\]", lambda found: f"[{faster(found[1])}]", value)
            made[key] = re.sub(r"offset (\d+[smhdw])", lambda found: f"offset {faster(found[1])}", value)
        else:
            made[key] = sped_up(value)
    return made


class Receiver:
    """What people would get: every message by the path it was sent to."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, dict[str, Any]]] = []
        messages = self.messages

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                messages.append((self.path, json.loads(body)))
                self.send_response(202 if self.path == "/v2/enqueue" else 200)
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer((HOST, 0), Handler)
        self.url = f"http://{HOST}:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def news(self, alert: str, status: str, **labels: str) -> list[dict[str, Any]]:
        """Return each time the alert began (`firing`) or ended (`resolved`), as the webhook was told of it.

        A message also repeats what still fires when another alert of the same name begins or ends. One
        that says nothing new is a second call about the same thing, and fails.
        """
        known: set[tuple[str, ...]] = set()
        found = []
        for message in self.to("/webhook"):
            if message["groupLabels"]["alertname"] != alert:
                continue
            for each in message["alerts"]:
                each["identity"] = (each["fingerprint"], each["startsAt"], each["status"])
            new = [each for each in message["alerts"] if each["identity"] not in known]
            assert new, f"told twice: {message}"
            known |= {each["identity"] for each in new}
            found += [
                each for each in new if each["status"] == status and labels.items() <= each["labels"].items()
            ]
        return found

    def slack(self, alert: str) -> list[dict[str, Any]]:
        """Return the messages to Slack whose link to the runbook is that of the alert."""
        return [
            attachment
            for message in self.to("/slack")
            for attachment in message["attachments"]
            if f"#{alert.lower()}" in attachment["text"]
        ]

    def to(self, path: str) -> list[dict[str, Any]]:
        """Return the messages that were sent to a path."""
        return [message for sent_to, message in list(self.messages) if sent_to == path]

    def secrets(self, *names: str) -> dict[str, str]:
        """Return what the secret files hold, so that each way leads here."""
        return {name: f"{self.url}/{name.removesuffix('_url')}" for name in names}

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def alertmanager(
    folder: Path,
    secrets: Mapping[str, str],
    settings: Mapping[str, str] | None = None,
    *,
    pagerduty: str | None = None,
    trusted: Path | None = None,
) -> Iterator[str]:
    """Run Alertmanager with what `northstar alertmanager-config` writes; the value is its address.

    PagerDuty's address is the one thing that no setting names, and a certificate of one's own is trusted
    by the machine, not by the configuration.
    """
    place, config = folder / "secrets", folder / "alertmanager.yml"
    place.mkdir()
    for name, text in secrets.items():
        # An editor ends a file with a line break. Debian's Alertmanager, 0.25, takes that of a password for a
        # part of it.
        (place / name).write_text(text if name == "smtp_password" else f"{text}\n")
    command = ("alertmanager-config", "--secrets", str(place), "--output", str(config))
    done = finish(folder, settings or {}, *command)
    assert len(done.sentences) == 1, done.output
    assert not [text for text in secrets.values() if text in config.read_text()]
    made = _as_debian_reads_it(sped_up(json.loads(config.read_text())))
    if pagerduty is not None:
        made["global"] = {"pagerduty_url": pagerduty}
    config.write_text(json.dumps(made))
    address = f"{HOST}:{held_port()}"
    program = [
        "prometheus-alertmanager",
        f"--config.file={config}",
        f"--storage.path={folder / 'alertmanager'}",
        f"--web.listen-address={address}",
        "--cluster.listen-address=",
    ]
    environ = {} if trusted is None else {"SSL_CERT_FILE": str(trusted)}
    with Process(folder, environ, program=program) as process:
        until(lambda: answers(f"http://{address}/-/ready") or not process.running, PATIENCE)
        assert process.running, process.output
        yield address


def _as_debian_reads_it(part: Any) -> Any:
    """Debian's Alertmanager, 0.25, does not know a webhook's address from a file: put it in."""
    if isinstance(part, list):
        return [_as_debian_reads_it(each) for each in part]
    if not isinstance(part, dict):
        return part
    return {
        ("url" if key == "url_file" else key): (
            Path(value).read_text().strip() if key == "url_file" else _as_debian_reads_it(value)
        )
        for key, value in part.items()
    }


@contextmanager
def prometheus(folder: Path, **addresses: str) -> Iterator[str]:
    """Run Prometheus with the stack's configuration and rules; the value is its URL."""
    port = held_port()
    with serving(configuration(folder, port, **addresses), folder, port) as url:
        yield url


def configuration(folder: Path, port: int, **addresses: str) -> Path:
    """Write the stack's configuration and rules for a Prometheus at a port; return where it is."""
    text = (ROOT / "prometheus" / "prometheus.yml").read_text()
    for name, address in {**addresses, "localhost:9090": f"{HOST}:{port}"}.items():
        assert name in text, name
        text = text.replace(name, address)
    place = folder / "prometheus"
    place.mkdir()
    (place / "prometheus.yml").write_text(json.dumps(sped_up(yaml.safe_load(text))))
    for path in (ROOT / "prometheus").glob("*/*.yml"):
        (place / path.parent.name).mkdir()
        rules = sped_up(yaml.safe_load(path.read_text()))
        (place / path.parent.name / path.name).write_text(json.dumps(rules, indent=1))
    return place / "prometheus.yml"


def firing(url: str) -> dict[str, dict[str, str]]:
    """Return the labels of each alert that fires, by its name."""
    return {
        found["metric"]["alertname"]: found["metric"] for found in ask(url, 'ALERTS{alertstate="firing"}')
    }


def times_fired(url: str, alert: str, **labels: str) -> int:
    """Return how many times Prometheus has had the alert fire: mostly one, for a busy machine one more.

    A scrape that comes too late ends some alerts, and the next one begins them again.
    """
    which = ",".join(f'{name}="{value}"' for name, value in {"alertname": alert, **labels}.items())
    began = _by_labels(url, f"ALERTS_FOR_STATE{{{which}}}")
    fired = _by_labels(url, f'ALERTS{{{which},alertstate="firing"}}')
    return len({(labels, began[labels, time]) for labels, time in fired if (labels, time) in began})


def _by_labels(url: str, selector: str) -> dict[tuple[str, float], str]:
    """Return the samples of the last hour by the labels of the alert and their time."""
    return {
        (json.dumps({**found["metric"], "__name__": "", "alertstate": ""}, sort_keys=True), time): value
        for found in ask(url, f"{selector}[1h]")
        for time, value in found["values"]
    }


def rules(url: str) -> list[dict[str, Any]]:
    """Return every rule as Prometheus holds it, with how its last evaluation went."""
    found = CLIENT.get(f"{url}/api/v1/rules").json()["data"]["groups"]
    return [rule for group in found for rule in group["rules"]]
