"""`northstar alertmanager-config`: who is told of alerts, from which secret files are there.

Alertmanager's configuration knows no conditions, and a receiver whose secret is missing fails with each
alert. So it is written when the stack starts: a way to tell someone is in it when its secret file is
there and can be read. Files are named, what they hold is never copied; Alertmanager reads them itself.
JSON is YAML, so it needs no other writer.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exporter.settings import Settings

Config = dict[str, Any]

RUNBOOK = "prometheus/runbook.md"
"""Where rules say that the runbook is."""

HEARTBEAT = "heartbeat_url"

PRODUCT = "NorthStar P&L"

LATEST = "{{ $told := .Alerts }}{{ if .Alerts.Firing }}{{ $told = .Alerts.Firing }}{{ end }}"
"""A message may also tell of what is over: as long as something fires, that is what it is about."""

TITLE = LATEST + (
    '{{ if eq .Status "firing" }}{{ .CommonLabels.severity | toUpper }}{{ else }}RESOLVED{{ end }}'
    ": {{ (index $told 0).Annotations.summary }}"
    "{{ if gt (len $told) 1 }} (1 of {{ len $told }}){{ end }}"
)
"""How bad, what and how much, in what a locked telephone shows."""

TIME = '.UTC.Format "2006-01-02 15:04:05 MST"'


@dataclass(frozen=True)
class Texts:
    """The words of a message, as templates that Alertmanager fills in."""

    firing: str
    resolved: str
    dashboard: str
    runbook: str

    @property
    def whole(self) -> str:
        """What fires comes first."""
        return self.firing + self.resolved


def texts(settings: Settings) -> Texts:
    """Return the words of a message, with links that lead somewhere from a telephone."""
    grafana = settings.alert_grafana_url.rstrip("/")
    runbook = f'{{{{ reReplaceAll "^{RUNBOOK}" "{settings.alert_runbook_url}" .Annotations.runbook_url }}}}'
    links = f"Dashboard: {grafana}{{{{ .Annotations.dashboard_url }}}}\n\n"
    what = "{{ .Annotations.summary }}\n"
    since = f"Since {{{{ .StartsAt{TIME} }}}}"
    return Texts(
        firing=f"{{{{ range .Alerts.Firing }}}}{what}{{{{ .Annotations.description }}}}\n"
        f"{since}\nWhat to do: {runbook}\n{links}{{{{ end }}}}",
        resolved=f"{{{{ range .Alerts.Resolved }}}}RESOLVED: {what}"
        f"{since}, until {{{{ .EndsAt{TIME} }}}}\n{links}{{{{ end }}}}",
        dashboard=f"{grafana}{{{{ .CommonAnnotations.dashboard_url }}}}",
        runbook=runbook.replace(".Annotations", ".CommonAnnotations"),
    )


def _email(settings: Settings, secret: str) -> Config:
    return {
        "email_configs": [
            {
                "to": settings.alert_email_to,
                "from": settings.alert_email_from or settings.alert_email_to,
                "smarthost": settings.alert_smtp_server,
                "auth_username": settings.alert_smtp_user or settings.alert_email_to,
                "auth_password_file": secret,
                "headers": {"Subject": TITLE},
                "html": "",
                "text": texts(settings).whole,
                "send_resolved": True,
            }
        ]
    }


def _slack(settings: Settings, secret: str) -> Config:
    words = texts(settings)
    how = {
        "username": PRODUCT,
        "title": TITLE,
        "title_link": words.dashboard,
        "fallback": TITLE,
        "text": words.whole,
    }
    return {"slack_configs": [{"api_url_file": secret, **how, "send_resolved": True}]}


def _pagerduty(settings: Settings, secret: str) -> Config:
    words = texts(settings)
    how: Config = {
        "routing_key_file": secret,
        "description": TITLE,
        "severity": "{{ .CommonLabels.severity }}",
        "class": "{{ .CommonLabels.alertname }}",
        "client": PRODUCT,
        "client_url": words.dashboard,
        "details": {"firing": words.firing, "resolved": words.resolved},
        "send_resolved": True,
    }
    if settings.alert_runbook_url.startswith("http"):
        how["links"] = [{"href": words.runbook, "text": "What to do"}]
    return {"pagerduty_configs": [how]}


def _webhook(_settings: Settings, secret: str) -> Config:
    return {"webhook_configs": [{"url_file": secret, "send_resolved": True}]}


WAYS: dict[str, tuple[str, Callable[[Settings, str], Config]]] = {
    "smtp_password": ("e-mail", _email),
    "pagerduty_key": ("PagerDuty", _pagerduty),
    "slack_url": ("Slack", _slack),
    "webhook_url": ("webhook", _webhook),
}
"""Name of the secret file: what it switches on."""

ONLY_TO_WAKE = {"pagerduty_key"}
"""Ways that wake people: for what is critical only."""


def route() -> Config:
    """Return who is told of what, how soon, and how often again."""
    return {
        "receiver": "tell",
        # One message for each fact: the same alert on three sources is one thing to read.
        "group_by": ["alertname"],
        "group_wait": "30s",
        "group_interval": "5m",
        "repeat_interval": "1d",
        "routes": [
            {
                "matchers": ['alertname="Watchdog"'],
                "receiver": "heartbeat",
                "group_wait": "0s",
                "group_interval": "1m",
                # Services that wait for it are commonly set to five minutes.
                "repeat_interval": "4m",
            },
            {
                "matchers": ['severity="critical"'],
                "receiver": "wake",
                # Long enough for an alert that explains the others to come, too.
                "group_wait": "10s",
                "repeat_interval": "4h",
            },
        ],
    }


def _silences(cause: str, *silenced: str, equal: list[str]) -> Config:
    return {"source_matchers": [f'alertname=~"{cause}"'], "target_matchers": list(silenced), "equal": equal}


INHIBITIONS = [
    # Who cannot be reached can prove nothing else.
    _silences(
        "NorthstarExporterDown",
        'job="northstar-exporter"',
        'alertname!="NorthstarExporterDown"',
        equal=["job", "instance"],
    ),
    _silences(
        "NorthstarStreamDown", 'job="northstar-stream"', 'alertname!="NorthstarStreamDown"', equal=["job"]
    ),
    # Old figures raise no new alarm, and what is missing is missing for this reason.
    _silences("NorthstarSourceStale", 'kind="money"', equal=["instance", "source_kind"]),
    _silences(
        "NorthstarSourceStale",
        'alertname=~"NorthstarFigureMissing|NorthstarCheckFails"',
        equal=["instance", "source_kind"],
    ),
    _silences(
        "NorthstarBooksOutOfBalance|NorthstarStoreFails",
        'alertname="NorthstarSnapshotOld"',
        equal=["instance"],
    ),
    # The next level says it all.
    _silences(
        "NorthstarBudgetSpent|NorthstarBudgetAlmostSpent",
        'alertname="NorthstarBudgetHalfSpent"',
        equal=["instance", "budget"],
    ),
    _silences("NorthstarBudgetSpent", 'alertname="NorthstarBudgetAlmostSpent"', equal=["instance", "budget"]),
    _silences("NorthstarStreamLate", 'alertname="NorthstarStreamLateForLong"', equal=["job"]),
]


NOBODY = "Nobody is told of alerts: there is no secret file. They are in Grafana and in Prometheus."


def config(settings: Settings, secrets: Path) -> tuple[Config, list[str]]:
    """Return Alertmanager's configuration, and a sentence for each thing that a person should know."""
    wake: Config = {}
    tell: Config = {}
    heartbeat: Config = {}
    on: list[str] = []
    said: list[str] = []
    if secrets.is_dir() and not os.access(secrets, os.X_OK):
        # Whether a file is there cannot be told: one sentence instead of one for each.
        said.append(f"The folder {secrets} cannot be entered by user {os.getuid()}: check its permissions.")
        return _made(wake, tell, heartbeat), [*said, NOBODY]
    for name, (word, way) in WAYS.items():
        problem = _problem(settings, secrets, name)
        if problem is None:
            made = way(settings, str(secrets / name))
            wake |= made
            tell |= {} if name in ONLY_TO_WAKE else made
            on.append(word)
        elif problem:
            said.append(f"{problem} No alert goes by {word}.")
    problem = _problem(settings, secrets, HEARTBEAT)
    if problem is None:
        heartbeat = {"webhook_configs": [{"url_file": str(secrets / HEARTBEAT), "send_resolved": False}]}
        on.append("dead man's switch")
    elif problem:
        said.append(f"{problem} There is no dead man's switch.")
    said.append(f"Alerts go by {', '.join(on)}." if on else NOBODY)
    return _made(wake, tell, heartbeat), said


def _made(wake: Config, tell: Config, heartbeat: Config) -> Config:
    receivers = [{"name": "wake", **wake}, {"name": "tell", **tell}, {"name": "heartbeat", **heartbeat}]
    return {"route": route(), "inhibit_rules": INHIBITIONS, "receivers": receivers}


def _problem(settings: Settings, secrets: Path, name: str) -> str | None:
    """Return why a way is off: an empty text when it is not wanted; None when it is on."""
    path = secrets / name
    try:
        text = path.read_text().strip()
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except (OSError, UnicodeDecodeError):
        return f"The secret file {path} cannot be read by user {os.getuid()}: check its permissions."
    if not text:
        return f"The secret file {path} is empty."
    lacking = list(_lacking(settings)) if name == "smtp_password" else []
    return f"{' and '.join(lacking)} must be set." if lacking else None


def _lacking(settings: Settings) -> Iterator[str]:
    if settings.alert_email_to is None:
        yield "NORTHSTAR_ALERT_EMAIL_TO"
    if settings.alert_smtp_server is None:
        yield "NORTHSTAR_ALERT_SMTP_SERVER"


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Write the configuration where the options say."""
    return write(settings, options.secrets, options.output)


def write(settings: Settings, secrets: Path, output: Path) -> int:
    """Write the configuration, whole or not at all, and say what it does. Never fails for a secret."""
    made, said = config(settings, secrets)
    draft = output.with_suffix(".draft")
    try:
        draft.write_text(json.dumps(made, indent=2) + "\n")
        draft.replace(output)
    except OSError as error:
        print(f"{output} cannot be written ({error.strerror}): check the folder and its permissions.")
        return 1
    print("\n".join(said), flush=True)
    return 0
