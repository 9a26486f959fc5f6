"""What the documentation says is there is there, and what is there is said.

`python -m tests.test_docs` writes the generated tables anew.
"""

from __future__ import annotations

import argparse
import ast
import re
import shlex
import sqlite3
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml
from starlette.datastructures import Headers

from exporter import cli
from exporter.commands.settings import rows
from exporter.errors import SourceMalformed
from exporter.ledger.cost.statement import DRIFT_CHECK
from exporter.ledger.trading.reconciliation import FIGURES
from exporter.metrics.catalogue import METRICS, Metric
from exporter.simulator.faults import KINDS, LATE_KINDS
from exporter.snapshot import COMPONENTS, HISTORY_COLUMNS, WINDOWS, Grade
from exporter.sources import http
from exporter.store import Store, schema
from exporter.stream import create_app, grafana_live
from exporter.stream import metrics as figures
from exporter.stream.gate import HEALTH, OPEN, Access, AccessRefused
from exporter.stream.modules import ENTRIES, STATIC
from exporter.stream.remote_read import catalogue as past
from exporter.stream.scopes import SCOPES
from tests.sections import KNOWN, SECTIONS
from tests.snapshot import pages

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
DOCS = ROOT / "docs"
SECURITY = ROOT / "SECURITY.md"
DECISIONS = DOCS / "decisions" / "README.md"
RUNBOOK = ROOT / "prometheus" / "runbook.md"
PAGES = (
    README,
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    SECURITY,
    *sorted(DOCS.rglob("*.md")),
    RUNBOOK,
)
STREAM = "http://127.0.0.1:8080"
EXPORTER = "http://127.0.0.1:9108"
BEGINNINGS = {"NORTHSTAR_LIMIT", "NORTHSTAR_KALSHI", "NORTHSTAR_HEDGE"}
PLUGIN = {"NORTHSTAR_HARBOR_TOKEN", "NORTHSTAR_HARBOR_TOKEN_FILE"}
"""Settings of the package in tests/plugin, which docs/sources.md shows."""
"""What the names of several settings begin with."""
UNDOCUMENTED_ROUTES = {"/static/{path}"}
"""The page's own parts; other people's pages should not depend on them."""


def settings_table() -> str:
    """Return the table of settings."""
    lines = ["| setting | default | what it does |", "|---|---|---|"]
    for row in rows(SECTIONS):
        also = f" Also {', '.join(f'`{name}`' for name in row.others)}." if row.others else ""
        default = f"`{row.default}`" if row.default else "-"
        lines.append(f"| `{row.name}` | {default} | {row.description}{also} |")
    return "\n".join(lines)


def metrics_table() -> str:
    """Return the table of metrics, the exporter's first."""
    return table_of((*METRICS.values(), *figures.METRICS, *grafana_live.METRICS))


def past_table() -> str:
    """Return the table of the series that are read remotely."""
    return table_of(past.METRICS)


def table_of(metrics: Iterable[Metric | figures.StreamMetric]) -> str:
    """Return a table of metrics."""
    rows = ["| metric | type | labels | what it says |", "|---|---|---|---|"]
    for metric in metrics:
        labels = ", ".join(f"`{label}`" for label in metric.labels) or "-"
        rows.append(f"| `{metric.name}` | {metric.kind} | {labels} | {metric.help} |")
    return "\n".join(rows)


def alerts_table() -> str:
    """Return the table of alerts, with what the runbook says that each means."""
    rows = ["| alert | severity | means |", "|---|---|---|"]
    runbook = RUNBOOK.read_text()
    rules = yaml.safe_load((ROOT / "prometheus" / "alerts" / "pnl.alerts.yml").read_text())
    for rule in (rule for group in rules["groups"] for rule in group["rules"]):
        section = runbook.partition(f"\n## {rule['alert']}\n")[2]
        means = " ".join(section.partition("**Means.**")[2].partition("\n\n")[0].split())
        first = re.split(r"(?<=[.:]) (?=[A-Z])", means)[0]
        link = f"[`{rule['alert']}`](#{rule['annotations']['runbook_url'].partition('#')[2]})"
        rows.append(f"| {link} | {rule['labels']['severity']} | {first} |")
    return "\n".join(rows)


GENERATED = {
    "settings": (DOCS / "settings.md", settings_table),
    "metrics": (DOCS / "metrics.md", metrics_table),
    "past": (DOCS / "metrics.md", past_table),
    "alerts": (RUNBOOK, alerts_table),
    "snapshot": (DOCS / "snapshot.md", pages.table),
    "snapshot-types": (STATIC / "client.d.ts", pages.typescript),
    "statement": (STATIC / "components.js", pages.statement),
}
"""The tables that are made from the code: by the name in its markers, the page of each and what makes it."""


def write_tables() -> None:
    """Write every generated table between its markers."""
    for name, (page, table) in GENERATED.items():
        start, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
        if page.suffix in (".ts", ".js"):
            start, end = f"// <{name}>\n", f"// </{name}>"
        before, _, rest = page.read_text().partition(start)
        assert end in rest, f"{page.name} lacks the markers of the table {name}"
        page.write_text(f"{before}{start}{table()}\n{end}{rest.partition(end)[2]}")


def blocks(page: Path, *languages: str) -> Iterator[str]:
    """Yield the page's code blocks in the languages."""
    for language, body in re.findall(r"^```(\w*)\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL):
        if language in languages:
            yield body


def commands() -> dict[str, argparse.ArgumentParser]:
    """Return the commands that `northstar` has."""
    parser = cli.parser()
    (found,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    return dict(found.choices)


def routes() -> dict[str, set[str]]:
    """Return the stream's paths with the query parameters each takes."""
    app = create_app(Path("nowhere.sqlite3"))
    documented = {
        path: {
            parameter["name"]
            for operation in operations.values()
            for parameter in operation.get("parameters", ())
        }
        for path, operations in app.openapi()["paths"].items()
    }
    return documented | {"/": set(), "/metrics": set(), str(app.openapi_url): set()}


def shell_lines() -> list[str]:
    """Return every command line in the pages."""
    return [
        line
        for page in PAGES
        for block in blocks(page, "sh")
        for line in block.splitlines()
        if line and not line.startswith("#")
    ]


@pytest.mark.parametrize("table", GENERATED)
def test_generated_table_is_on_its_page_as_the_code_has_it(table: str) -> None:
    """A setting, metric or alert that is missing, stale or gone from its page fails here."""
    page, made = GENERATED[table]
    assert made() in page.read_text(), "run: .venv/bin/python -m tests.test_docs"


def test_every_setting_the_pages_name_exists() -> None:
    """A setting in prose or in an example is one that is read; decisions also name what was not chosen."""
    for page in (page for page in PAGES if page.parent != DECISIONS.parent):
        named = set(re.findall(r"`(NORTHSTAR_[A-Z0-9_]+[A-Z0-9])", page.read_text()))
        assert named - BEGINNINGS - PLUGIN <= KNOWN, page.name


def test_every_metric_the_pages_name_exists() -> None:
    """A metric in prose, a query or a table is one that is served; with colons it is a rule that is."""
    known = {*METRICS, *(each.name for each in (*figures.METRICS, *grafana_live.METRICS, *past.METRICS))}
    for page in PAGES:
        named = set(re.findall(r"(?<![\w:])northstar_(?!pnl\b)[a-z_]+[a-z]\b(?!:)", page.read_text()))
        assert named - {"northstar_harbor"} <= known, page.name


def test_the_readme_is_read_in_one_go() -> None:
    """What it is, how it is run, and where the rest is: more than that is a page of its own."""
    assert len(README.read_text().splitlines()) <= 150


def test_every_page_is_on_the_map() -> None:
    """Whoever begins at the README finds each page, the decisions by way of their list."""
    shown = set(re.findall(r"\]\(([\w/.-]+\.md)", README.read_text()))
    shown |= {f"docs/decisions/{page}" for page in re.findall(r"\]\((\d[\w-]+\.md)", DECISIONS.read_text())}
    assert {str(page.relative_to(ROOT)) for page in PAGES} - {"README.md"} == shown


def test_every_route_is_described() -> None:
    """A path of the stream that its page does not mention is a secret."""
    text = (DOCS / "stream.md").read_text()
    assert [path for path in routes() if path not in UNDOCUMENTED_ROUTES and f"{path}`" not in text] == []


def test_who_reads_which_route_is_what_is_said(tmp_path: Path) -> None:
    """The table of SECURITY.md is what the gate does, for every route that there is."""
    access = Access(tmp_path / "pnl.sqlite3", routable=True)
    tokens = {scope: access.tokens.create(scope, scope, datetime.now(UTC)) for scope in SCOPES}

    def opened(path: str, token: str | None) -> str:
        headers = Headers({} if token is None else {"authorization": f"Bearer {token}"})
        try:
            grant = access.grant(path, "", headers)
        except AccessRefused:
            return "-"
        if grant is not None and path.startswith("/api/") and path not in OPEN:
            return grant.scope
        return "status" if path.startswith(HEALTH) else "page" if path == "/" else "open"

    rows = re.findall(r"^\| `(/[^`]*)` \|(.*)\|$", SECURITY.read_text(), re.MULTILINE)
    said = {path: [cell.strip() for cell in cells.split("|")] for path, cells in rows}
    assert said == {
        path: [opened(path, token) for token in (None, tokens["ingest"], tokens["totals"], tokens["all"])]
        for path in {*routes(), "/api/pnl/ws"} - UNDOCUMENTED_ROUTES
    }


def test_every_path_that_is_described_is_served() -> None:
    """A path in the table of routes is one that the stream has."""
    text = (DOCS / "stream.md").read_text()
    named = {path.rstrip("/") or "/" for path in re.findall(r"`GET (/[a-z/.]*)`", text)}
    assert named <= {*routes(), *(f"/{module}" for module in ENTRIES)}
    assert "/api/pnl/stream" in named


def test_every_curl_line_asks_for_a_route_that_exists() -> None:
    """An example that cannot work is worse than none."""
    known, seen = routes(), 0
    for line in shell_lines():
        for url in re.findall(r"https?://127\.0\.0\.1:\d+[^\s\"')]*", line if "curl" in line else ""):
            parts = urlsplit(url)
            seen += 1
            assert f"{parts.scheme}://{parts.netloc}" in (STREAM, EXPORTER), url
            assert parts.path in known, url
            query = parse_qs(parts.query.replace("$", ""))
            assert set(query) <= known[parts.path], url
            asked = {name for value in query.get("fields", ()) for name in value.split(",")}
            assert asked <= set(HISTORY_COLUMNS), url
    assert seen >= 5


def test_every_northstar_line_is_understood_by_the_program() -> None:
    """A command in the pages is one that the parser takes, with these options."""
    seen = 0
    for line in shell_lines():
        words = shlex.split(line)
        if words[0].endswith("northstar"):
            options = cli.parser().parse_args(words[1:])
            seen += 1
            if options.command == "fault" and options.words[0] not in ("list", "clear"):
                assert options.words[1] in KINDS, line
    assert seen >= 5


def test_every_make_line_names_a_target() -> None:
    """A target in the pages is one that the Makefile has, and each target is explained."""
    targets = set(re.findall(r"^([a-z]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {
        word for page in PAGES for word in re.findall(r"(?:^|`)make ([a-z]+)", page.read_text(), re.MULTILINE)
    }
    assert named == targets


def test_every_command_is_in_the_pages() -> None:
    """Each command of `northstar` is mentioned, and none that it lacks."""
    text = "\n".join(page.read_text() for page in PAGES)
    assert set(re.findall(r"`(?:\.venv/bin/)?northstar ([a-z-]+)\b", text)) == set(commands())


def test_every_fault_is_in_the_pages() -> None:
    """The dial's faults are listed, and no others."""
    page = (DOCS / "simulator.md").read_text()
    listed = {
        kind
        for row in re.findall(r"^\| (`.*?) \|", page, re.MULTILINE)
        for kind in re.findall(r"`(\w+)`", row)
    }
    assert listed == set(KINDS | LATE_KINDS)


STATES_A_REASON = {
    "self._unavailable": 0,
    "Unreachable": 0,
    "SourceUnavailable": 1,
    "SourceRejected": 1,
    "SourceBroken": 1,
}
"""Where a call has the reason among its arguments."""


def source_reasons() -> set[str]:
    """Return every reason a source's trouble can have, as the code states them."""
    found = {SourceMalformed("kalshi", "", "").reason, "server_error", "store"}
    found |= set(http._PASSING.values()) | {reason for reason, _ in http._REFUSALS.values()}
    for path in sorted((ROOT / "exporter" / "sources").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                place = STATES_A_REASON.get(called)
                if place is not None and isinstance(node.args[place], ast.Constant):
                    found.add(str(node.args[place].value))
            if isinstance(node, ast.Assign) and "reason" in ast.unparse(node.targets[0]):
                found |= {
                    part.value
                    for part in ast.walk(node.value)
                    if isinstance(part, ast.Constant)
                    and isinstance(part.value, str)
                    and re.fullmatch(r"[a-z_]+", part.value)
                }
    return found


def figure_reasons() -> set[str]:
    """Return every code that the reason of a figure can have, beside those of its source's trouble."""
    calls = (
        node
        for path in sorted((ROOT / "exporter" / "ledger").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
    )
    places = {"Reason": 1, "self._reason": 0}
    named = [(call, places[ast.unparse(call.func)]) for call in calls if ast.unparse(call.func) in places]
    codes = [call.args[place] for call, place in named]
    return {str(code.value) for code in codes if isinstance(code, ast.Constant)}


def test_every_reason_that_the_page_has_words_for_occurs() -> None:
    """A code that was renamed would be said by its own words, and the words for it by nobody."""
    said = set(re.findall(r"^  (\w+): ", (STATIC / "reasons.js").read_text(), re.MULTILINE))
    assert len(said) > 5
    assert said <= source_reasons() | figure_reasons()


def test_every_reason_of_a_source_is_explained() -> None:
    """Whoever reads a reason finds what to do about it, and no reason that does not occur."""
    section = (DOCS / "troubleshooting.md").read_text().partition("## Reasons of a source")[2]
    rows = re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)
    assert {reason for row in rows for reason in re.findall(r"`(\w+)`", row)} == source_reasons()


def test_every_reason_to_start_over_is_explained() -> None:
    """A client that is told to start over can look up why."""
    section = (DOCS / "stream.md").read_text().partition("## Cursors")[2].partition("\n## ")[0]
    assert [reason for reason in figures.REASONS if f"`{reason}`" not in section] == []


def test_every_component_window_and_grade_is_defined() -> None:
    """The words of the figures are those of their definitions."""
    section = (DOCS / "definitions.md").read_text()
    defined = [
        word
        for row in re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)
        for word in re.findall(r"`(\w+)`", row)
    ]
    for words in (COMPONENTS, WINDOWS, [grade.word for grade in reversed(Grade)]):
        assert [word for word in defined if word in words] == list(words)
    for grade in Grade:
        assert f"| `{grade.word}` | {grade.value} |" in section


def test_every_truth_check_is_explained() -> None:
    """A check that fails can be looked up."""
    section = (DOCS / "definitions.md").read_text().partition("## Truth checks")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)
    named = {word for row in rows for word in re.findall(r"`(\w+)`", row)}
    assert named == {"balanced", "cash", "equity", DRIFT_CHECK, *FIGURES}


def test_every_table_of_the_database_is_described() -> None:
    """Whoever opens the file finds each table described."""
    page = (DOCS / "database.md").read_text()
    listed = {
        name
        for row in re.findall(r"^\| (`.*?) \|", page, re.MULTILINE)
        for name in re.findall(r"`(\w+)`", row)
    }
    assert listed == {*schema.metadata.tables, "alembic_version"}


def test_every_query_of_the_pages_runs(tmp_path: Path) -> None:
    """The SQL examples are valid on a database that the program made."""
    Store.write(tmp_path / "northstar.sqlite3").close()
    queries = [query for page in PAGES for query in blocks(page, "sql")]
    assert queries
    with sqlite3.connect(tmp_path / "northstar.sqlite3") as connection:
        for query in queries:
            connection.execute(query)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    """Links within the repository name files that exist, and headings that exist in them."""
    for target in re.findall(r"\]\((?!https?://)([^)\s]+)\)", page.read_text()):
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        assert file.exists(), target
        if anchor:
            assert anchor in _anchors(file), target


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


if __name__ == "__main__":
    write_tables()
