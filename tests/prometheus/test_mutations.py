"""Each threshold, comparison and duration of each alert is broken in turn, and a case must notice.

A mutant that no case notices is a part of a rule that nobody tests.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path

from tests.prometheus.rules import ALERTS, Rule, failures
from tests.prometheus.test_rules import CASES

ATOM = re.compile(
    r'"[^"]*"|\bvector\(1\)|\[[^\]]*\]|<=|>=|==|!=|<|>|(?<![\w.])\d+(?:\.\d+)?(?![\w.])|\babsent\([^()]*\)'
)
"""What of an expression means something by itself; strings and ranges are passed over."""

OTHER_WAY = {"<": ">", ">": "<", "==": "!=", "!=": "==", "<=": ">", ">=": "<"}
NEVER_EQUAL = {"northstar_stream_late", "predict_linear"}
"""Where a measured ratio or a forecast is compared, being equal has no meaning that a test could tell."""

SHORTER, LONGER = 0, 2


def _seconds(text: str) -> int:
    number, unit = re.fullmatch(r"(\d+)([smhd])", text).groups()  # type: ignore[union-attr]
    return int(number) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[unit]


def changes(rule: Rule) -> Iterator[tuple[str, Rule]]:
    """Yield what was broken, and the rule with it broken."""
    expr = rule["expr"]
    for found in ATOM.finditer(expr):
        atom = found[0]
        instead: list[str] = []
        if atom in OTHER_WAY:
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
    lasts = _seconds(rule["for"])
    for other in {int(lasts * SHORTER), int(lasts * LONGER)} - {lasts}:
        yield f"for becomes {other}s", {**deepcopy(rule), "for": f"{other}s"}


def test_no_part_of_an_alert_can_be_broken_unnoticed(tmp_path: Path) -> None:
    """The cases of the alert fail for each broken rule."""
    unnoticed = [(alert, what, rule) for alert, own in ALERTS.items() for what, rule in changes(own)]
    assert len(unnoticed) > 4 * len(ALERTS)
    told = {alert: [case for case in CASES if case.alert == alert] for alert in ALERTS}
    # Most are noticed by the first case of their alert, so the next ones are asked about the others only.
    for turn in range(max(map(len, told.values()))):
        tried = [mutant for mutant in unnoticed if turn < len(told[mutant[0]])]
        (folder := tmp_path / str(turn)).mkdir()
        said = failures(folder, [(told[alert][turn], rule) for alert, _, rule in tried])
        noticed = [mutant for mutant, text in zip(tried, said, strict=True) if text]
        unnoticed = [mutant for mutant in unnoticed if mutant not in noticed]
    assert [f"{alert}: {what}" for alert, what, _ in unnoticed] == []
