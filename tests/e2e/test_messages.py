"""What a person gets, by each way: the real Alertmanager, with our configuration, sends it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.mailbox import Mailbox, text
from tests.e2e.pipeline import until
from tests.e2e.prometheus import CLIENT, PATIENCE
from tests.e2e.watch import Receiver, alertmanager, needs_both
from tests.prometheus.rules import ALERTS

pytestmark = needs_both

FOUNDER, PASSWORD, KEY = "founder@example.com", "the password of the mail server", "0123456789abcdef" * 2
GRAFANA, RUNBOOK = "https://grafana.example.com", "https://git.example.com/runbook.md"
BEGAN = datetime.now(UTC).replace(microsecond=0)
SINCE = f"Since {BEGAN:%Y-%m-%d %H:%M:%S} UTC"


@dataclass
class People:
    """Everyone who can be told, and Alertmanager, which tells them."""

    url: str
    mailbox: Mailbox
    receiver: Receiver

    def tell(self, *alerts: dict[str, Any]) -> None:
        """Hand Alertmanager alerts as Prometheus does."""
        CLIENT.post(f"{self.url}/api/v2/alerts", json=alerts).raise_for_status()

    def letters(self, subject: str) -> list[str]:
        """Return the text of each letter with the subject."""
        return [text(each) for each in list(self.mailbox.letters) if each["Subject"] == subject]

    def calls(self, action: str, alert: str) -> list[dict[str, Any]]:
        """Return what PagerDuty was asked to do about an alert."""
        return [
            call
            for call in self.receiver.to("/v2/enqueue")
            if call["event_action"] == action and call["payload"]["class"] == alert
        ]


def alert(name: str, summary: str, *, over: bool = False, **labels: str) -> dict[str, Any]:
    """Return an alert with the labels and links of its rule."""
    rule = ALERTS[name]
    fixed = {key: value for key, value in rule["labels"].items() if "{{" not in value}
    ends = datetime.now(UTC) if over else datetime.now(UTC) + timedelta(hours=1)
    return {
        "labels": {"alertname": name, **fixed, **labels},
        "annotations": {**rule["annotations"], "summary": summary, "description": "Why it matters."},
        "startsAt": BEGAN.isoformat(),
        "endsAt": ends.isoformat(),
    }


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Iterator[People]:
    """Mail, PagerDuty, Slack and a webhook, all switched on by their secret files alone."""
    folder = tmp_path_factory.mktemp("messages")
    with ExitStack() as opened:
        receiver, mailbox = Receiver(), Mailbox(folder, FOUNDER, PASSWORD)
        opened.callback(receiver.close)
        opened.callback(mailbox.close)
        settings = {
            "NORTHSTAR_ALERT_EMAIL_TO": FOUNDER,
            "NORTHSTAR_ALERT_SMTP_SERVER": mailbox.address,
            "NORTHSTAR_ALERT_GRAFANA_URL": GRAFANA,
            "NORTHSTAR_ALERT_RUNBOOK_URL": RUNBOOK,
        }
        secrets = {
            **receiver.secrets("webhook_url", "slack_url"),
            "smtp_password": PASSWORD,
            "pagerduty_key": KEY,
        }
        told = opened.enter_context(
            alertmanager(
                folder,
                secrets,
                settings,
                pagerduty=f"{receiver.url}/v2/enqueue",
                trusted=mailbox.certificate,
            )
        )
        yield People(f"http://{told}", mailbox, receiver)


def first(found: Callable[[], list[Any]], what: str) -> Any:
    """Return the first that comes."""
    return until(found, PATIENCE, f"for {what}")[0]


def posts(people: People, title: str) -> list[dict[str, Any]]:
    """Return what Slack was sent under a title."""
    told = [post for message in people.receiver.to("/slack") for post in message["attachments"]]
    return [post for post in told if post["title"] == title]


LOSS = "Today's net is -612.20 USD, a loss over the limit."


def test_a_loss_reaches_a_person_every_way_and_so_does_its_end(people: People) -> None:
    """How bad, what and how much first; then why, since when, what to do and where to look."""
    name = "NorthstarLossOverLimit"
    links = f"Dashboard: {GRAFANA}/d/northstar-company"
    body = f"{LOSS}\nWhy it matters.\n{SINCE}\nWhat to do: {RUNBOOK}#northstarlossoverlimit\n{links}"
    people.tell(alert(name, LOSS))
    assert first(lambda: people.letters(f"CRITICAL: {LOSS}"), "a letter") == body
    letter = people.mailbox.letters[0]
    assert (letter["To"], letter["From"]) == (FOUNDER, FOUNDER)
    call = first(lambda: people.calls("trigger", name), "a call")
    assert call["routing_key"] == KEY
    assert (call["client"], call["client_url"]) == ("NorthStar P&L", f"{GRAFANA}/d/northstar-company")
    assert call["links"] == [{"href": f"{RUNBOOK}#northstarlossoverlimit", "text": "What to do"}]
    assert (call["payload"]["summary"], call["payload"]["severity"]) == (f"CRITICAL: {LOSS}", "critical")
    assert call["payload"]["custom_details"]["firing"].strip() == body
    post = first(lambda: people.receiver.slack(name), "a post")
    assert (post["title"], post["text"].strip()) == (f"CRITICAL: {LOSS}", body)
    assert post["title_link"] == f"{GRAFANA}/d/northstar-company"
    told = first(lambda: people.receiver.news(name, "firing"), "a message to the webhook")
    assert told["annotations"]["summary"] == LOSS

    people.tell(alert(name, LOSS, over=True))
    over = first(lambda: people.letters(f"RESOLVED: {LOSS}"), "a letter that it is over")
    assert over.startswith(f"RESOLVED: {LOSS}\n{SINCE}, until 20")
    assert over.endswith(links)
    end = first(lambda: people.calls("resolve", name), "the end of the call")
    assert end["dedup_key"] == call["dedup_key"]
    first(lambda: posts(people, f"RESOLVED: {LOSS}"), "a post that it is over")
    first(lambda: people.receiver.news(name, "resolved"), "the webhook's message that it is over")


def test_what_can_wait_wakes_nobody(people: People) -> None:
    """A warning is written, posted and sent on; nobody is called."""
    low = "Cash at the venue is 12.00 USD, less than the limit."
    people.tell(alert("NorthstarBalanceLow", low))
    first(lambda: people.letters(f"WARNING: {low}"), "a letter")
    first(lambda: people.receiver.slack("NorthstarBalanceLow"), "a post")
    first(lambda: people.receiver.news("NorthstarBalanceLow", "firing"), "a message to the webhook")
    assert people.calls("trigger", "NorthstarBalanceLow") == []


def test_what_still_fires_comes_before_what_is_over(people: People) -> None:
    """Two sources are one message; when one is well again, the message is about the other."""
    name = "NorthstarSourceStale"
    stale = {source: f"The figures of {source} are stale." for source in ("kalshi", "sales")}
    people.tell(*(alert(name, text, source=source) for source, text in stale.items()))
    both = first(lambda: people.letters("CRITICAL: The figures of kalshi are stale. (1 of 2)"), "a letter")
    assert both.index("The figures of kalshi") < both.index("The figures of sales")
    people.tell(alert(name, stale["kalshi"], source="kalshi", over=True))
    left = first(lambda: people.letters("CRITICAL: The figures of sales are stale."), "a letter about one")
    assert left.startswith("The figures of sales are stale.\n")
    assert f"RESOLVED: The figures of kalshi are stale.\n{SINCE}, until" in left


def test_a_password_is_told_to_no_server_that_cannot_prove_who_it_is(tmp_path: Path) -> None:
    """Nothing is sent, and Alertmanager counts it: NorthstarAlertsNotDelivered tells of it."""
    mailbox = Mailbox(tmp_path, FOUNDER, PASSWORD)
    settings = {"NORTHSTAR_ALERT_EMAIL_TO": FOUNDER, "NORTHSTAR_ALERT_SMTP_SERVER": mailbox.address}
    try:
        with alertmanager(tmp_path, {"smtp_password": PASSWORD}, settings) as told:
            people = People(f"http://{told}", mailbox, Receiver())
            people.tell(alert("NorthstarLossOverLimit", LOSS))
            until(lambda: not _delivered(people.url), PATIENCE, "for a failure that is counted")
            people.receiver.close()
    finally:
        mailbox.close()
    assert (mailbox.letters, mailbox.refused) == ([], 0)


def _delivered(url: str) -> bool:
    page = CLIENT.get(f"{url}/metrics").text.splitlines()
    name = 'alertmanager_notifications_failed_total{integration="email"'
    return float(next(line for line in page if line.startswith(name)).split()[-1]) == 0
