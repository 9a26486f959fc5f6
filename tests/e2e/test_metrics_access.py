"""The exporter's /metrics behind TLS and a password: scraped by Prometheus, and started by the commands."""

from __future__ import annotations

import re
import signal
import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml
from prometheus_client import CollectorRegistry, Gauge

from exporter.metrics.page import Page
from exporter.metrics.server import serve
from exporter.metrics.web_guard import WebGuard
from tests.e2e.pipeline import HOST, until
from tests.e2e.processes import Process, finish
from tests.e2e.prometheus import PATIENCE, ask, needed, serving
from tests.metrics.authority import Authority, hashed
from tests.ports import held_port

ROOT = Path(__file__).parents[2]


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    """A folder as the documentation has it: an authority that everybody trusts, certificates, a password."""
    folder = tmp_path / "secrets"
    folder.mkdir()
    authority = Authority(folder, "metrics_ca")
    authority.issue("exporter", file="metrics")
    authority.issue("prometheus.example.com", file="prometheus")
    Authority(folder, "stranger").issue("prometheus.example.com", file="forged")
    (folder / "metrics_password").write_text("correct horse")
    (folder / "wrong_password").write_text("correct house")
    (folder / "web.yml").write_text(
        "tls_server_config:\n"
        "  cert_file: metrics.crt\n"
        "  key_file: metrics.key\n"
        "  client_auth_type: VerifyClientCertIfGiven\n"
        "  client_ca_file: metrics_ca.pem\n"
        f"basic_auth_users: {{prometheus: {hashed('correct horse')}}}\n"
    )
    return folder


@pytest.fixture
def target(secrets: Path) -> Iterator[str]:
    """Where a page of one figure is served by that file."""
    registry = CollectorRegistry()
    Gauge("northstar_answer", "Help.", registry=registry).set(42)
    server, thread = serve(Page(registry), 0, HOST, guard=WebGuard(secrets / "web.yml"))
    yield f"{HOST}:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def documented() -> dict[str, object]:
    """Return how a job asks, as both the documentation and the stack's own configuration show it."""
    text = (ROOT / "docs" / "metrics.md").read_text()
    (shown,) = re.findall(r"```yaml\n( +scheme: https.*?)```", text, re.DOTALL)
    in_stack = (ROOT / "prometheus" / "prometheus.yml").read_text()
    commented = "\n".join(re.findall(r"^    # (\w+: .*)$", in_stack, re.MULTILINE))
    found: dict[str, object] = yaml.safe_load(shown)
    assert yaml.safe_load(commented[commented.index("scheme") :]) == found
    return found


@needed
def test_prometheus_scrapes_with_the_password_and_nobody_without(
    secrets: Path, target: str, tmp_path: Path
) -> None:
    """Over TLS, as documented; a wrong password, no TLS, an unknown server, a forged client get nothing."""
    right = documented()
    forged = {"cert_file": "secrets/forged.crt", "key_file": "secrets/forged.key"}
    own = {"cert_file": "secrets/prometheus.crt", "key_file": "secrets/prometheus.key"}
    tls = {"ca_file": "secrets/metrics_ca.pem", "server_name": "exporter"}
    jobs: dict[str, dict[str, object]] = {
        "right": right,
        "with_certificate": {**right, "tls_config": tls | own},
        "wrong_password": {
            **right,
            "basic_auth": {"username": "prometheus", "password_file": "secrets/wrong_password"},
        },
        "no_password": {"scheme": "https", "tls_config": tls},
        "no_tls": {"basic_auth": right["basic_auth"]},
        "untrusted": {**right, "tls_config": {"server_name": "exporter"}},
        "forged": {**right, "tls_config": tls | forged},
    }
    config = {
        "global": {"scrape_interval": "500ms", "scrape_timeout": "500ms"},
        "scrape_configs": [
            {"job_name": name, "static_configs": [{"targets": [target]}], **how} for name, how in jobs.items()
        ],
    }
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(config))
    with serving(tmp_path / "prometheus.yml", tmp_path) as url:
        until(lambda: len(ask(url, "northstar_answer == 42")) == 2, PATIENCE, "for both scrapes")
        until(lambda: len(ask(url, "up")) == len(jobs), PATIENCE, "for every target")
        up = {each["metric"]["job"]: float(each["value"][1]) for each in ask(url, "max_over_time(up[1h])")}
        answered = {each["metric"]["job"] for each in ask(url, "northstar_answer")}
        errors = {
            each["labels"]["job"]: each["lastError"]
            for each in httpx.get(f"{url}/api/v1/targets").json()["data"]["activeTargets"]
        }
    assert up == {name: float(name in ("right", "with_certificate")) for name in jobs}
    assert answered == {"right", "with_certificate"}
    assert "401 Unauthorized" in errors["wrong_password"]
    assert "401 Unauthorized" in errors["no_password"]
    assert "400 Bad Request" in errors["no_tls"]
    assert "certificate" in errors["untrusted"]
    assert "certificate" in errors["forged"]


def test_everything_starts_with_a_guarded_page(secrets: Path, tmp_path: Path) -> None:
    """The demo knows its exporter by its refusal, and says https."""
    ports = {
        name: str(held_port()) for name in ("PORT", "NORTHSTAR_METRICS_PORT", "NORTHSTAR_SIMULATOR_PORT")
    }
    file = secrets / "web.yml"
    settings = ports | {"TMPDIR": str(tmp_path), "NORTHSTAR_METRICS_WEB_CONFIG": str(file)}
    Authority(secrets, "metrics_ca").issue(HOST, file="metrics")
    url = f"https://{HOST}:{ports['NORTHSTAR_METRICS_PORT']}/metrics"
    with Process(tmp_path, settings, "demo") as process:
        until(lambda: "Ctrl-C stops everything" in process.output or not process.running, 60)
        assert f"metrics     {url}\n" in process.output
        trust = ssl.create_default_context(cafile=str(secrets / "metrics_ca.pem"))
        assert httpx.get(url, verify=trust).status_code == 401
        answer = httpx.get(url, verify=trust, auth=("prometheus", "correct horse"))
        assert "northstar_backup_on" in answer.text
        process.send(signal.SIGTERM)
        assert process.wait() == 0, process.output
    file.write_text("basic_auth_users: {prometheus: correct horse}")
    for command in ("demo", "exporter", "check"):
        done = finish(tmp_path, settings | {"NORTHSTAR_SOURCES": "kalshi"}, command)
        assert done.code == 1
        assert f"{file}: basic_auth_users.prometheus is no bcrypt hash" in done.output
        assert "horse" not in done.output
        assert "Traceback" not in done.output
