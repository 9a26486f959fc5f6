"""The rule files as data, and promtool, which tests them: many files at once, since a start costs most."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

FOLDER = Path(__file__).parents[2] / "prometheus"
FILES = (*sorted((FOLDER / "rules").glob("*.yml")), *sorted((FOLDER / "alerts").glob("*.yml")))

Rule = dict[str, Any]

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def groups() -> list[dict[str, Any]]:
    """Return all groups of all rule files, in order."""
    # In C: each worker reads them when it reads the tests.
    texts = (path.read_text() for path in FILES)
    return [group for text in texts for group in yaml.load(text, yaml.CSafeLoader)["groups"]]


RECORDED: dict[str, Rule] = {
    rule["record"]: rule for group in groups() for rule in group["rules"] if "record" in rule
}
ALERTS: dict[str, Rule] = {
    rule["alert"]: rule for group in groups() for rule in group["rules"] if "alert" in rule
}


def needed(rule: Rule) -> list[Rule]:
    """Return the recording rules that a rule rests on, those first that others need."""
    text = json.dumps([rule["expr"], *rule.get("annotations", {}).values()])
    found: list[Rule] = []
    for name in RECORDED:
        if name in text:
            found += [each for each in (*needed(RECORDED[name]), RECORDED[name]) if each not in found]
    return found


def rule_file(*alerts: Rule) -> dict[str, Any]:
    """Return a rule file of these alerts and what they rest on; one group, so that one step suffices."""
    recorded: list[Rule] = []
    for alert in alerts:
        recorded += [each for each in needed(alert) if each not in recorded]
    return {"groups": [{"name": "tested", "rules": [*recorded, *alerts]}]}


@dataclass(frozen=True)
class Case:
    """One story of one alert: what the series do, and when it is quiet and when it fires.

    Times are durations from the start, as in `12m`. The summary must be said in full; a description that
    names a value too, any other is the rule's own. `labels` are those beside the rule's own.
    """

    alert: str
    says: str
    series: Mapping[str, str]
    quiet: Sequence[str] = ()
    fires: Sequence[str] = ()
    labels: Mapping[str, str] | None = None
    summary: str = ""
    description: str | None = None
    interval: str = "1m"
    evaluation: str = "1m"

    def __str__(self) -> str:
        return f"{self.alert} {self.says}"

    @property
    def steps(self) -> int:
        """How often the rules are evaluated until the last time that is looked at: what a case costs."""
        return max(map(seconds, (*self.quiet, *self.fires))) // seconds(self.evaluation)

    def as_test(self, rule_path: Path, names: Iterable[str]) -> dict[str, Any]:
        """Return the file that promtool reads, of the alert under each of these names."""
        own = ALERTS[self.alert]
        stated = own["annotations"]
        fixed = {key: text for key, text in own["labels"].items() if "{{" not in text}
        expected = {
            "exp_labels": {**fixed, **(EXPORTER if self.labels is None else self.labels)},
            "exp_annotations": {
                **{key: stated[key] for key in ("dashboard_url", "runbook_url")},
                "summary": self.summary or stated["summary"],
                "description": self.description or stated["description"],
            },
        }
        asked = [(time, []) for time in self.quiet] + [(time, [expected]) for time in self.fires]
        return {
            "rule_files": [str(rule_path)],
            "evaluation_interval": self.evaluation,
            "tests": [
                {
                    "interval": self.interval,
                    "input_series": [
                        {"series": series, "values": values} for series, values in self.series.items()
                    ],
                    "alert_rule_test": [
                        {"eval_time": time, "alertname": name, "exp_alerts": alerts}
                        for name in names
                        for time, alerts in asked
                    ],
                }
            ],
        }


EXPORTER = {"job": "northstar-exporter", "instance": "exporter:9108"}
STREAM = {"job": "northstar-stream", "instance": "stream:8080"}


def series(name: str, where: Mapping[str, str] = EXPORTER, **labels: str) -> str:
    """Return a series as promtool writes it."""
    inside = ",".join(f'{key}="{text}"' for key, text in {**where, **labels}.items())
    return f"{name}{{{inside}}}"


def steps(*parts: tuple[float | str | None, int]) -> str:
    """Return values that each stay for so many samples. None is a hole, `stale` the mark of an end."""
    words = []
    for value, count in parts:
        if value is None:
            words.append(f"_x{count}")
        elif value == "stale":
            words.append(f"stale _x{count - 1}" if count > 1 else "stale")
        else:
            words.append(f"{value}x{count - 1}")
    return " ".join(words)


def promtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run promtool, or skip."""
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("promtool is not installed: see tests/install-tools")
    return subprocess.run(
        [program, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )


def seconds(duration: str) -> int:
    """Return how long a duration such as `1d12h` is."""
    return sum(int(number) * SECONDS[unit] for number, unit in re.findall(r"(\d+)([smhd])", duration))


def failures(folder: Path, tried: Iterable[tuple[Case, Sequence[Rule]]]) -> list[list[str]]:
    """Return for each case what promtool finds wrong with each rule it is told of; nothing when it is empty.

    The rules of a case are alerts of their own beside each other in one file, by numbers: its series are then
    read and what they rest on is recorded once for all, which is what most of the time is spent on.
    """
    cases = []
    for number, (case, rules) in enumerate(tried):
        names = [f"{case.alert}_{each}" for each in range(len(rules))]
        rule_path, test = folder / f"{number}.rules.json", folder / f"{number}.test.json"
        named = [{**rule, "alert": name} for name, rule in zip(names, rules, strict=True)]
        rule_path.write_text(json.dumps(rule_file(*named)))
        test.write_text(json.dumps(case.as_test(rule_path, names)))
        cases.append((test, names))
    done = promtool("test", "rules", *(test for test, _ in cases))
    said: dict[str, str] = {}
    for part in re.split(r"^Unit Testing: +", done.stdout, flags=re.MULTILINE)[1:]:
        path, _, told = part.partition("\n")
        said[path.strip()] = told.strip()
    assert set(said) == {str(test) for test, _ in cases}, done.stdout
    return [_by_rule(said[str(test)], names) for test, names in cases]


def _by_rule(said: str, names: Sequence[str]) -> list[str]:
    """Divide what promtool says of a file by the alert that it says it of."""
    found = dict.fromkeys(names, "")
    for part in re.split(r"^ +(?=alertname: )", said, flags=re.MULTILINE)[1:]:
        name = re.match(r"alertname: (\w+), time: ", part)
        assert name, part
        found[name[1]] += part
    # A rule that cannot be read or evaluated keeps the others from being tried.
    assert any(found.values()) == ("SUCCESS" not in said), said
    return list(found.values())
