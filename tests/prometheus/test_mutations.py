"""Each threshold, comparison and duration of each alert is broken in turn, and a case must notice.

A mutant that no case notices is a part of a rule that nobody tests.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path

from tests.prometheus.rules import ALERTS, Case, Rule, failures, seconds
from tests.prometheus.test_rules import CASES

ATOM = re.compile(
    r'"[^"]*"|\bvector\(1\)|\[[^\]]*\]|<=|>=|==|!=|<|>|(?<![\w.])\d+(?:\.\d+)?(?![\w.])|\babsent\([^()]*\)'
)
"""What of an expression means something by itself; strings and ranges are passed over."""

OTHER_WAY = {"<": ">", ">": "<", "==": "!=", "!=": "==", "<=": ">", ">=": "<"}
UNLIKE = '!="'
"""Of a label, whose other way is one character."""

NEVER_EQUAL = {"northstar_stream_late", "predict_linear"}
"""Where a measured ratio or a forecast is compared, being equal has no meaning that a test could tell."""

SHORTER, LONGER = 0, 2


def changes(rule: Rule) -> Iterator[tuple[str, Rule]]:
    """Yield what was broken, and the rule with it broken."""
    expr = rule["expr"]
    for found in ATOM.finditer(expr):
        atom = found[0]
        instead: list[str] = []
        if expr.startswith(UNLIKE, found.start()):
            instead = ["="]
        elif atom in OTHER_WAY:
            instead = [OTHER_WAY[atom]]
            if atom in "<>" and not any(name in expr for name in NEVER_EQUAL):
                instead.append(atom + "=")
        elif atom[0].isdigit():
            instead = [f"{float(atom) * 2:g}", f"{float(atom) / 2:g}"] if float(atom) else ["1e12"]
        elif atom.startswith("absent"):
            instead = ["absent(vector(1))"]
        elif expr[: found.start()].endswith("limit="):
            instead = ['"another"']
        for text in instead:
            broken = {**deepcopy(rule), "expr": expr[: found.start()] + text + expr[found.end() :]}
            yield f"{atom} at {found.start()} becomes {text}", broken
    lasts = seconds(rule["for"])
    for other in {int(lasts * SHORTER), int(lasts * LONGER)} - {lasts}:
        yield f"for becomes {other}s", {**deepcopy(rule), "for": f"{other}s"}


def test_no_part_of_an_alert_can_be_broken_unnoticed(tmp_path: Path) -> None:
    """The cases of the alert fail for each broken rule."""
    unnoticed = {alert: list(changes(rule)) for alert, rule in ALERTS.items()}
    assert sum(map(len, unnoticed.values())) > 4 * len(ALERTS)
    # Most are noticed by the first case of their alert, so what takes longest is asked about few.
    told = {alert: sorted(_cases(alert), key=lambda case: case.steps) for alert in ALERTS}
    for turn in range(max(map(len, told.values()))):
        alerts = [alert for alert in ALERTS if unnoticed[alert] and turn < len(told[alert])]
        (folder := tmp_path / str(turn)).mkdir()
        tried = [(told[alert][turn], [rule for _, rule in unnoticed[alert]]) for alert in alerts]
        for alert, said in zip(alerts, failures(folder, tried), strict=True):
            mutants = zip(unnoticed[alert], said, strict=True)
            unnoticed[alert] = [mutant for mutant, wrong in mutants if not wrong]
    assert {alert: [what for what, _ in left] for alert, left in unnoticed.items() if left} == {}


def _cases(alert: str) -> list[Case]:
    return [case for case in CASES if case.alert == alert]
