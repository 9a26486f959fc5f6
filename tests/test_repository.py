"""What surrounds the package agrees with it: locks, versions, files, containers, dashboards."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter import __version__
from exporter.cli import parser
from exporter.commands import demo
from exporter.simulator import keys
from exporter.sources.registry import read_settings
from tests.sections import KNOWN, PREFERRED

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
RUN_LOCK, TEST_LOCK = ROOT / "requirements.lock", ROOT / "tests" / "requirements.lock"
OFFICIAL_LOCK = ROOT / "tests" / "official-client.lock"

TOP_LEVEL = {
    ".ci",
    ".env.example",
    ".gitignore",
    ".pre-commit-config.yaml",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "Makefile",
    "README.md",
    "SECURITY.md",
    "docker-compose.yml",
    "docs",
    "exporter",
    "grafana",
    "prometheus",
    "pyproject.toml",
    "requirements.lock",
    "tests",
}

PACKAGE_INDEXES = ("py" + "pi.", "python" + "hosted.org", "--" + "index-url", "--extra-" + "index-url")
MACHINE_PATH = re.compile(r"(?<![\w./*}~-])/(?:root|home|work|Users)/\w")
SECRETS_BY_SHAPE = re.compile(
    r"sk-ant-[a-z]+\d\d-(?=[\w-]*[A-Z])[\w-]{32,}|-----BEGIN [A-Z ]*PRIVATE KEY-----\n[A-Za-z0-9+/]{40}|"
    r"\bgh[pousr]_\w{30,}|\bAKIA[A-Z0-9]{16}\b|\bxox[abp]-[\w-]{10,}"
)

LOADED_BY_OTHERS = {"python-socks", "tzdata"}
"""Not imported by us: the standard library finds its time zones there where the system has none."""

TOOLS = {
    "import-linter",
    "mypy",
    "pip-audit",
    "pre-commit",
    "pytest-cov",
    "pytest-xdist",
    "ruff",
    "types-pyyaml",
    "types-tqdm",
    "uv",
}

STACK: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
OURS = ("exporter", "stream", "simulator")
ENDS = "alertmanager-config"
"""Runs once; nobody asks it anything."""


def tracked() -> list[Path]:
    """Return the files git knows, or skip where this is not a clone."""
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("this is not a git clone")
    listed = subprocess.run([git, "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    return [ROOT / name for name in listed.decode().split("\0") if name and (ROOT / name).is_file()]


def pinned(lock: Path) -> dict[str, str]:
    """Return name and version of everything a lock pins."""
    return dict(re.findall(r"^([a-z0-9.-]+)==(\S+)", lock.read_text(), re.MULTILINE))


def asked(requirements: list[str]) -> set[str]:
    """Return the names in a list of requirements."""
    return {re.split(r"[<>=!~\[; ]", each)[0].lower().replace("_", "-") for each in requirements}


def test_a_clone_holds_plain_files_that_are_not_ignored() -> None:
    """A link leads out of a clone, and what a build makes stands in the way of the next one."""

    def listed(*options: str) -> list[str]:
        command = ["git", "ls-files", *options]
        return subprocess.check_output(command, cwd=ROOT, text=True).splitlines()

    tracked()
    assert [line for line in listed("--stage") if not line.startswith("100")] == []
    assert listed("--cached", "--ignored", "--exclude-standard") == []


@pytest.mark.parametrize("lock", [RUN_LOCK, TEST_LOCK, OFFICIAL_LOCK], ids=["run", "test", "official"])
def test_lock_names_no_host_and_hashes_everything(lock: Path) -> None:
    """A lock works with whatever index pip is configured for, and with nothing that was tampered with."""
    text = lock.read_text()
    assert "://" not in text
    assert not re.search(r"^\s*-[^-]|^\s*--(?!hash=sha256:[0-9a-f]{64})", text, re.MULTILINE)
    for entry in re.split(r"\n(?=[a-z])", text):
        assert "--hash=sha256:" in entry, entry.splitlines()[0]


def test_locks_pin_what_the_project_asks_for() -> None:
    """A dependency that was added without its pin would come in any version."""
    groups = PROJECT["dependency-groups"]
    assert asked(PROJECT["project"]["dependencies"]) | asked(groups["build"]) <= set(pinned(RUN_LOCK))
    assert asked(groups["dev"]) <= set(pinned(TEST_LOCK))
    assert asked(groups["official"]) == set(pinned(OFFICIAL_LOCK))
    assert asked(PROJECT["build-system"]["requires"]) <= asked(groups["build"])


def test_locks_agree_on_every_version() -> None:
    """Tests run with what is run."""
    run, test = pinned(RUN_LOCK), pinned(TEST_LOCK)
    assert {name: run[name] for name in run.keys() & test.keys()} == {
        name: test[name] for name in run.keys() & test.keys()
    }


def test_test_tools_stay_out_of_what_is_run() -> None:
    """The image and a stranger's first start need no linter."""
    assert asked(PROJECT["dependency-groups"]["dev"]).isdisjoint(pinned(RUN_LOCK))


@cache
def distributions() -> Mapping[str, list[str]]:
    """Return the distributions of every module that can be imported."""
    return packages_distributions()


def imported(folder: Path) -> set[str]:
    """Return the distributions that the modules of a folder import, our own code apart."""
    modules: set[str] = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                modules |= {name.name.partition(".")[0] for name in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                modules.add(node.module.partition(".")[0])
    known = distributions()
    found = {known[module][0].lower().replace("_", "-") for module in modules if module in known}
    return found - {"northstar-pnl"}


@pytest.mark.slow
def test_dependencies_are_those_that_are_imported() -> None:
    """What nothing imports is not installed, what is imported is asked for by name."""
    run = asked(PROJECT["project"]["dependencies"])
    dev = asked(PROJECT["dependency-groups"]["dev"])
    assert imported(ROOT / "exporter") == run - LOADED_BY_OTHERS
    assert imported(ROOT / "tests") <= run | dev | asked(PROJECT["dependency-groups"]["official"])
    assert dev - TOOLS <= imported(ROOT / "tests")


def test_top_level_holds_what_is_expected() -> None:
    """A new file at the top is a decision, not an accident."""
    assert {path.relative_to(ROOT).parts[0] for path in tracked()} <= TOP_LEVEL
    assert all((ROOT / name).exists() for name in TOP_LEVEL)


def test_no_file_names_a_machine_an_index_or_a_secret() -> None:
    """What is published works elsewhere and opens nothing."""
    for path in tracked():
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        where = path.relative_to(ROOT)
        assert not MACHINE_PATH.search(text), where
        assert not SECRETS_BY_SHAPE.search(text), where
        assert not [host for host in PACKAGE_INDEXES if host in text], where


def test_versions_agree() -> None:
    """The package, its metadata and the changelog speak of the same version."""
    assert PROJECT["tool"]["hatch"]["version"]["path"] == "exporter/__init__.py"
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest is not None
    assert newest[1] == __version__


@pytest.mark.slow
def test_scripts_can_be_run() -> None:
    """A script that lost its mode, or has a syntax error, is found here."""
    shell = (".ci/run", "tests/install-tools", "tests/other-pythons")
    for name in (*shell, "docs/screenshots", "docs/dashboards"):
        assert (ROOT / name).stat().st_mode & 0o111, name
    for name in shell:
        subprocess.run(["bash", "-n", str(ROOT / name)], check=True)
    for name in ("screenshots", "dashboards"):
        compile((ROOT / "docs" / name).read_text(), name, "exec")


def test_hooks_run_what_a_contributor_runs() -> None:
    """Before a commit the same rules hold as after it, and nothing is downloaded for them."""
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    assert {repo["repo"] for repo in config["repos"]} == {"local"}
    entries = {hook["entry"] for repo in config["repos"] for hook in repo["hooks"]}
    assert entries == {"make lint", "make quick"}


def test_a_line_that_is_left_out_of_coverage_says_why() -> None:
    """An exception without a reason is a gap."""
    silent = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in sorted((ROOT / "exporter").rglob("*.py"))
        for line in path.read_text().splitlines()
        if "# pragma:" in line and not re.search(r"# pragma: no (cover|branch) - \w+ \w+", line)
    ]
    assert silent == []


def env_lines(path: Path) -> dict[str, tuple[bool, str]]:
    """Return each name of an env file with whether it is commented out, and its value."""
    found = re.findall(r"^(#?)([A-Z][A-Z0-9_]+)=(.*)$", path.read_text(), re.MULTILINE)
    return {name: (bool(off), value) for off, name, value in found}


def test_env_example_has_every_setting_with_its_default() -> None:
    """Whoever copies the example sees all there is, and changes nothing by copying."""
    example = env_lines(ROOT / ".env.example")
    assert set(example) == PREFERRED
    shown = {name: value for name, (_, value) in example.items() if value}
    assert read_settings(shown) == read_settings({})
    assert all(off or not value for off, value in example.values())


def test_stack_has_its_services() -> None:
    """Exporter, stream, Prometheus and Grafana start by themselves, the simulator in the demo only."""
    profiles = {name: service.get("profiles", []) for name, service in STACK["services"].items()}
    assert profiles == {
        "exporter": [],
        "stream": [],
        "prometheus": [],
        "alertmanager-config": [],
        "alertmanager": [],
        "grafana": [],
        "simulator": ["demo"],
    }


@pytest.mark.parametrize("name", STACK["services"])
def test_service_is_pinned_watched_unprivileged_and_on_the_loopback(name: str) -> None:
    """Each one has an image a variable may change, a health check, bounds, a user that is not root."""
    service = STACK["services"][name]
    default = re.fullmatch(r"\$\{[A-Z_]+:-([^}]+)\}|northstar-pnl:\$\{IMAGE_TAG:-local\}", service["image"])
    assert default is not None
    assert default[1] is None or re.search(r":v?\d+\.\d+\.\d+$", default[1])
    assert service["user"].partition(":")[0] not in ("", "0", "root")
    assert service["cap_drop"] == ["ALL"]
    assert service["read_only"] is True
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["mem_limit"]
    assert service["cpus"]
    assert service["pids_limit"]
    assert service["restart"] == ("no" if name == ENDS else "unless-stopped")
    if name != ENDS:
        assert service["healthcheck"]["test"][0] == "CMD"
        assert service["ports"]
        assert all(port.startswith("127.0.0.1:") for port in service["ports"])


def test_stack_keeps_what_lasts_in_named_volumes() -> None:
    """Containers come and go; what was published stays."""
    assert {"northstar", "backups", "prometheus", "alertmanager", "grafana"} == set(STACK["volumes"])
    for name in OURS:
        assert STACK["services"][name]["volumes"][0] == "northstar:/data"


def test_secrets_are_files_that_only_those_see_who_need_them() -> None:
    """The folder may lack any of them, and may be empty."""
    see = {
        name
        for name, service in STACK["services"].items()
        if any("/run/secrets" in volume for volume in service["volumes"])
    }
    assert see == {"exporter", "alertmanager-config", "alertmanager"}
    assert "/secrets/" in (ROOT / ".gitignore").read_text().split()


def test_nothing_waits_for_what_it_can_do_without() -> None:
    """One part that cannot start must not keep another from starting."""
    waits = {
        name: {other: how["condition"] for other, how in service.get("depends_on", {}).items()}
        for name, service in STACK["services"].items()
    }
    assert {name: others for name, others in waits.items() if others} == {
        "stream": {"exporter": "service_started"},
        "alertmanager": {"alertmanager-config": "service_completed_successfully"},
        "grafana": {"prometheus": "service_started"},
    }


def test_stack_passes_settings_that_exist_and_all_that_concern_it() -> None:
    """A name the program does not know would be refused, one that is not passed would be ignored."""
    passed = {name: set(STACK["services"][name].get("environment", ())) for name in (*OURS, ENDS)}
    assert set().union(*passed.values()) <= KNOWN
    elsewhere = {
        "NORTHSTAR_GRAFANA_URL",
        "NORTHSTAR_GRAFANA_TOKEN_PATH",
        "NORTHSTAR_ORIGINS",
        "NORTHSTAR_PUBLISHED_ON_LOOPBACK",
        "PORT",
        "NORTHSTAR_SIMULATOR_PORT",
        "KALSHI_PRIVATE_KEY_PATH",
    }
    ours = PREFERRED - elsewhere
    assert passed[ENDS] == {name for name in ours if name.startswith("NORTHSTAR_ALERT_")}
    assert passed["stream"] >= {name for name in ours if name.startswith("NORTHSTAR_STREAM_")}
    assert passed["exporter"] >= {
        name for name in ours if not name.startswith(("NORTHSTAR_STREAM_", "NORTHSTAR_ALERT_"))
    }
    for service in OURS:
        for name, value in STACK["services"][service].get("environment", {}).items():
            inner = re.match(r"\$\{([A-Z_]+)", str(value))
            assert inner is None or inner[1].removeprefix("CONTAINER_") == name


def test_stack_starts_commands_that_exist() -> None:
    """What a container runs is a command of the program."""
    for name in ("exporter", "stream", ENDS):
        assert STACK["services"][name]["command"][0] == name
    simulated = parser().parse_args(STACK["services"]["simulator"]["command"])
    assert (simulated.host, simulated.folder) == ("0.0.0.0", Path("/data/demo"))


def test_demo_env_points_at_the_simulator(tmp_path: Path) -> None:
    """The demo's stack says what the program itself says for its demo."""
    given = {
        name: value for name, (off, value) in env_lines(ROOT / "exporter" / "demo.env").items() if not off
    }
    for name, value in keys.environment("http://simulator:8099", tmp_path).items():
        if name != "KALSHI_PRIVATE_KEY_PATH":
            assert given[name] == value
    assert given.items() >= demo.DEMO_LIMITS.items()
    used = set(re.findall(r"\$\{([A-Z_]+)", (ROOT / "docker-compose.yml").read_text()))
    assert set(given) - {"COMPOSE_PROJECT_NAME"} <= used
    assert "/data/demo" in STACK["services"]["simulator"]["command"]
    assert given["CONTAINER_KALSHI_PRIVATE_KEY_FILE"] == f"/data/demo/{keys.RSA_FILE}"


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [[], ["--env-file", "exporter/demo.env", "--profile", "demo"]])
def test_docker_accepts_the_stack(arguments: list[str]) -> None:
    """Compose itself, 2 or 1.29, can read the file, for accounts and for the demo."""
    tried = 0
    for compose in (["docker", "compose"], ["docker-compose"]):
        if (
            shutil.which(compose[0]) is None
            or subprocess.run([*compose, "version"], capture_output=True).returncode
        ):
            continue
        tried += 1
        done = subprocess.run(
            [*compose, *arguments, "config", "--quiet"], cwd=ROOT, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
    if not tried:
        pytest.skip("neither docker compose nor docker-compose is installed")


def scrape_config() -> dict[str, Any]:
    """Return Prometheus's configuration."""
    config: dict[str, Any] = yaml.safe_load((ROOT / "prometheus" / "prometheus.yml").read_text())
    return config


def test_prometheus_scrapes_what_the_stack_serves() -> None:
    """Its targets are the services and the ports they listen on."""
    targets = {
        t for job in scrape_config()["scrape_configs"] for s in job["static_configs"] for t in s["targets"]
    }
    assert targets == {"exporter:9108", "stream:8080", "localhost:9090", "alertmanager:9093"}
    assert scrape_config()["global"]["scrape_interval"] == "5s"
    assert STACK["services"]["exporter"]["environment"]["NORTHSTAR_METRICS_PORT"] == "9108"
    assert STACK["services"]["stream"]["environment"]["PORT"] == "8080"


def promtool(*arguments: str) -> None:
    """Run promtool, or skip."""
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("promtool is not installed: see tests/install-tools")
    done = subprocess.run([program, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_promtool_accepts_the_configuration() -> None:
    """What Prometheus would refuse at its start is refused here."""
    promtool("check", "config", str(ROOT / "prometheus" / "prometheus.yml"))


def test_grafana_is_provisioned_with_fixed_names() -> None:
    """Dashboards find the data source by its uid on every machine."""
    provisioning = ROOT / "grafana" / "provisioning"
    (source,) = yaml.safe_load((provisioning / "datasources" / "prometheus.yml").read_text())["datasources"]
    assert source["uid"] == "northstar-prometheus"
    (provider,) = yaml.safe_load((provisioning / "dashboards" / "northstar.yml").read_text())["providers"]
    mounts = [volume.split(":") for volume in STACK["services"]["grafana"]["volumes"]]
    folder = provider["options"]["path"]
    assert ["./grafana/dashboards", folder, "ro"] in mounts
    home = STACK["services"]["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert (ROOT / "grafana" / "dashboards" / home.removeprefix(f"{folder}/")).is_file()
