"""`docker compose up`, where there is an engine: who runs as whom, what is mounted, and what answers.

Needs a running Docker engine and Compose (2 or 1.29); as root, Debian's docker.io and docker-compose do:
start `dockerd`, and name its socket with DOCKER_HOST if it is not the usual one. Without an engine this
skips and says so.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import httpx
import pytest
from docker.errors import BuildError, DockerException
from docker.models.containers import Container

from tests.e2e import standins
from tests.e2e.pipeline import HOST, until
from tests.e2e.processes import ROOT
from tests.ports import held_port

PATIENCE = 180.0
PORTS = (
    "PORT",
    "NORTHSTAR_METRICS_PORT",
    "NORTHSTAR_SIMULATOR_PORT",
    "PROMETHEUS_PORT",
    "ALERTMANAGER_PORT",
    "GRAFANA_PORT",
)
USERS = {
    "exporter": "10001:10001",
    "stream": "10001:10001",
    "simulator": "10001:10001",
    "prometheus": "65534:65534",
    "alertmanager": "65534:65534",
    "grafana": "472:0",
}


@pytest.fixture(scope="module")
def engine() -> Iterator[docker.DockerClient]:
    """A Docker engine that answers, or a skip that says what is missing."""
    try:
        client = docker.from_env(timeout=120)
        client.ping()
    except DockerException:
        pytest.skip("no Docker engine answers: start dockerd, or set DOCKER_HOST")
    yield client
    client.close()


def compose() -> list[str]:
    """Return the command that is Compose here, or skip."""
    for command in (["docker", "compose"], ["docker-compose"]):
        if (
            shutil.which(command[0])
            and not subprocess.run([*command, "version"], capture_output=True).returncode
        ):
            return command
    pytest.skip("neither docker compose nor docker-compose is installed")


class Stack:
    """The demo's containers of one compose project."""

    def __init__(self, engine: docker.DockerClient, project: str, ports: dict[str, int]) -> None:
        self.engine, self.project, self.ports = engine, project, ports

    def container(self, service: str) -> Container:
        """Return the container of a service."""
        labels = [
            f"com.docker.compose.project={self.project}",
            f"com.docker.compose.service={service}",
        ]
        (found,) = self.engine.containers.list(all=True, filters={"label": labels})
        return found

    def run(self, service: str, *command: str) -> tuple[int, str]:
        """Run a command in a container; return its exit code and what it printed."""
        code, output = self.container(service).exec_run(list(command))
        return code, output.decode()

    def get(self, port: str, path: str) -> httpx.Response:
        """Ask what is published on the loopback."""
        return httpx.get(f"http://{HOST}:{self.ports[port]}{path}", timeout=10)


@pytest.fixture(scope="module")
def stack(engine: docker.DockerClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The demo, from our own Dockerfile and compose file, with stand-ins for the images of others."""
    command = compose()
    if not all(shutil.which(name) for name in ("prometheus", "prometheus-alertmanager", "wget", "ldd")):
        pytest.skip("the stand-ins are made of Prometheus and Alertmanager, which are not installed")
    tag = f"test-{uuid.uuid4().hex[:8]}"
    images = standins.load(engine, tag)
    try:
        engine.images.build(
            path=str(ROOT),
            dockerfile="exporter/Dockerfile",
            tag=f"northstar-pnl:{tag}",
            buildargs={"PYTHON_IMAGE": images["PYTHON_IMAGE"]},
            network_mode="host",
            rm=True,
            forcerm=True,
            timeout=900,
        )
    except BuildError as error:
        said = "".join(str(line.get("stream", "")) for line in error.build_log)
        if "Could not find a version" in said or "connection" in said.lower():
            pytest.skip("the image cannot be built: its packages cannot be fetched from within a container")
        raise AssertionError(said) from error
    ports = {name: held_port() for name in PORTS}
    secrets = tmp_path_factory.mktemp("secrets")
    secrets.chmod(0o755)
    environment = {
        **os.environ,
        **images,
        **{name: str(port) for name, port in ports.items()},
        "IMAGE_TAG": tag,
        "SECRETS_DIR": str(secrets),
        "COMPOSE_PROJECT_NAME": f"northstar-{tag}",
    }
    up = [*command, "--env-file", "exporter/demo.env", "--profile", "demo"]
    try:
        done = subprocess.run(
            [*up, "up", "--detach", "--no-build"],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        found = Stack(engine, f"northstar-{tag}", ports)
        assert done.returncode == 0, done.stderr + found.container("alertmanager-config").logs().decode()
        yield found
    finally:
        down = [*up, "down", "--volumes", "--timeout", "5"]
        subprocess.run(down, cwd=ROOT, env=environment, capture_output=True, timeout=300, check=False)
        for name in (*images.values(), f"northstar-pnl:{tag}"):
            engine.images.remove(name, force=True)


def state(container: Container) -> dict[str, Any]:
    """Return how a container is, as of now."""
    container.reload()
    found: dict[str, Any] = container.attrs["State"]
    return found


def test_every_service_becomes_healthy(stack: Stack) -> None:
    """Each by its own health check, in the order that the file says."""
    for service in USERS:
        container = stack.container(service)

        def well(container: Container = container) -> bool:
            return state(container).get("Health", {}).get("Status") == "healthy"

        try:
            until(well, PATIENCE)
        except AssertionError:
            raise AssertionError(f"{service}: {state(container)} {container.logs().decode()}") from None
    ended = state(stack.container("alertmanager-config"))
    assert (ended["Status"], ended["ExitCode"]) == ("exited", 0)
    assert "Nobody is told of alerts" in stack.container("alertmanager-config").logs().decode()


@pytest.mark.parametrize("service", USERS)
def test_container_runs_unprivileged_in_a_read_only_root(stack: Stack, service: str) -> None:
    """It is the user that the file says, and can write its volume and nothing else."""
    container = stack.container(service)
    config = container.attrs["HostConfig"]
    assert config["ReadonlyRootfs"] is True
    assert config["CapDrop"] == ["ALL"]
    assert config["SecurityOpt"] == ["no-new-privileges:true"]
    assert config["Memory"] > 0
    assert config["NanoCpus"] > 0
    assert config["PidsLimit"] > 0
    published = [each["HostIp"] for bound in config["PortBindings"].values() for each in bound]
    assert set(published) == {"127.0.0.1"}
    process = container.top(ps_args="-eo pid,uid,gid")["Processes"][0]
    assert ":".join(process[1:3]) == USERS[service]
    code, said = stack.run(service, "/bin/sh", "-c", ": > /written")
    assert code != 0
    assert "Read-only file system" in said


def test_figures_come_through(stack: Stack) -> None:
    """From the simulator to /metrics, the stream, and Prometheus's own answer."""
    until(lambda: "northstar_pnl_net_usd" in stack.get("NORTHSTAR_METRICS_PORT", "/metrics").text, PATIENCE)
    until(lambda: stack.get("PORT", "/api/health/ready").status_code == 200, PATIENCE)
    tree = stack.get("PORT", "/api/pnl/current").json()
    assert tree["demo"] is True
    with httpx.stream("GET", f"http://{HOST}:{stack.ports['PORT']}/api/pnl/stream", timeout=30) as answer:
        events = []
        for line in answer.iter_lines():
            if line.startswith("event:"):
                events.append(line.partition(": ")[2])
            if "delta" in events:
                break
    assert events[0] == "snapshot"

    def up() -> bool:
        found = stack.get("PROMETHEUS_PORT", "/api/v1/query?query=up").json()["data"]["result"]
        return sorted(each["value"][1] for each in found) == ["1"] * 4

    until(up, PATIENCE, "for all four targets")


def test_rules_and_dashboards_are_where_they_are_looked_for(stack: Stack) -> None:
    """Mounted, readable for the user, and loaded without an error."""
    groups = stack.get("PROMETHEUS_PORT", "/api/v1/rules").json()["data"]["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert len(rules) > 40
    assert not [rule for rule in rules if rule.get("lastError")]
    alertmanagers = stack.get("PROMETHEUS_PORT", "/api/v1/alertmanagers").json()["data"]
    assert "alertmanager:9093" in json.dumps(alertmanagers["activeAlertmanagers"])
    mounts = {each["Destination"]: each for each in stack.container("grafana").attrs["Mounts"]}
    for place, folder in (
        ("/etc/grafana/provisioning", "provisioning"),
        ("/etc/grafana/dashboards", "dashboards"),
    ):
        assert mounts[place]["RW"] is False
        assert Path(mounts[place]["Source"]) == ROOT / "grafana" / folder
    code, said = stack.run(
        "grafana",
        "/usr/local/bin/python",
        "-c",
        "import json, glob; [json.load(open(name)) for name in glob.glob('/etc/grafana/dashboards/*')]",
    )
    assert (code, said) == (0, "")


def test_watchdog_reaches_alertmanager(stack: Stack) -> None:
    """The path of every alert, as far as it goes with nobody to tell."""

    def arrived() -> bool:
        found = stack.get("ALERTMANAGER_PORT", "/api/v2/alerts").json()
        return "Watchdog" in {alert["labels"]["alertname"] for alert in found}

    until(arrived, PATIENCE)
