"""A projection says the same of a snapshot and of the patch that leads to it."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any, get_origin

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.snapshot import apply, diff
from exporter.snapshot.definition import Stated
from exporter.snapshot.patch import plain_json
from exporter.snapshot.shape import fields, part_of
from exporter.snapshot.tree import Snapshot
from exporter.stream.scopes import TOTALS, project, readable
from tests.examples import ANY
from tests.snapshot.trees import made
from tests.stream.builders import START, Writer, figure, tree

pytestmark = pytest.mark.slow

SEEN = "windows today net usd because grade sources kalshi error reason checks epoch unrealised components"
UNSEEN = "sales_gross sentence positions detail trading SECRET"
NAMES = st.sampled_from((SEEN + " " + UNSEEN).split())
LEAVES = st.one_of(
    st.text(ANY, max_size=4), st.booleans(), st.integers(-3, 3), st.lists(st.sampled_from(["a: SECRET", "b"]))
)
TREES = st.recursive(
    st.dictionaries(NAMES, LEAVES, max_size=4),
    lambda inner: st.dictionaries(NAMES, st.one_of(LEAVES, inner), max_size=4),
    max_leaves=30,
)


@settings(deadline=None, max_examples=300)
@given(TREES, TREES)
def test_projected_patch_leads_to_the_projected_snapshot(old: dict[str, Any], new: dict[str, Any]) -> None:
    """So the deltas of a scope can be made without its snapshots, once for everybody."""
    seen = apply(project(old, "totals"), project(diff(old, new), "totals", patch=True))
    expected = project(new, "totals")
    seen.pop("scope", None), expected.pop("scope", None)
    assert pruned(seen) == pruned(expected)


def pruned(value: Any) -> Any:
    """Leave out objects in which nothing is kept: they say nothing."""
    if not isinstance(value, dict):
        return value
    return {key: inner for key, each in value.items() if (inner := pruned(each)) != {}}


@settings(deadline=None)
@given(TREES)
def test_nothing_under_an_unknown_key_is_seen(whole: dict[str, Any]) -> None:
    """Whatever the tree: no sentence, no position, no name that is not listed."""
    shown = project(whole, "totals")
    assert "a: SECRET" not in json.dumps(shown)
    assert shown.keys() <= TOTALS.keys() | {"scope"}


def test_stream_of_totals_is_the_projection_of_the_whole_stream(tmp_path: Path) -> None:
    """Over a random history with positions that come and go, from any start."""
    writer = Writer(tmp_path / "pnl.sqlite3", seed=7)
    whole = [writer.commit() for _ in range(60)]
    writer.close()
    dice = random.Random(7)
    for _ in range(20):
        start = dice.randrange(len(whole) - 1)
        held = project(whole[start], "totals")
        for before, after in zip(whole[start:], whole[start + 1 :], strict=False):
            held = apply(held, project(diff(before, after), "totals", patch=True))
            assert held == project(after, "totals")
    assert "MARKET" in json.dumps(whole)
    assert "MARKET" not in json.dumps(held)


def test_totals_keep_the_figures_and_say_that_something_is_left_out() -> None:
    """Amounts, grades and ages are whole; a reason has no text."""
    given_tree = tree("e", 1, positions={"TICKER": {"count": "1"}})
    given_tree["windows"]["today"]["net"] = figure("1", "stale", START) | {
        "because": [
            {"source": "kalshi", "code": "no_mark", "text": "no mark for TICKER"},
            {"source": "kalshi", "code": "no_mark", "text": "no mark for TICKER-2"},
            {"source": "sales", "code": "old_answer", "text": "TICKER"},
            "kalshi: stored before reasons were data: TICKER",
        ]
    }
    given_tree["sources"]["kalshi"]["error"] = {"reason": "timeout", "sentence": "TICKER", "since": "t"}
    given_tree["checks"]["position"] = {"ok": False, "contracts": "1", "detail": "in TICKER"}
    given_tree["trading"] = {"today": {"wins": 1}}
    given_tree["sales"] = {"today": {"orders": 3, "refunds": 1, "largest": "TICKER"}}
    given_tree["limits"] = {"snapshot_age_seconds": "60", "loss_today_usd": "250"}
    seen = project(given_tree, "totals")
    assert seen["scope"] == "totals"
    assert seen["windows"]["today"]["net"]["usd"] == "1.00"
    assert seen["windows"]["today"]["net"]["because"] == [
        {"source": "kalshi", "code": "no_mark"},
        {"source": "sales", "code": "old_answer"},
    ]
    assert seen["windows"]["24h"] == given_tree["windows"]["24h"]
    assert seen["sources"]["kalshi"]["error"] == {"reason": "timeout", "since": "t"}
    assert seen["checks"]["position"] == {"ok": False, "contracts": "1"}
    assert seen["sales"] == {"today": {"orders": 3, "refunds": 1}}
    assert seen["limits"] == {"snapshot_age_seconds": "60"}
    assert not {"positions", "trading", "accounts"} & seen.keys()
    assert "TICKER" not in json.dumps(seen)
    assert project(given_tree, "all") == given_tree
    assert set(TOTALS) >= {"windows", "sources"}


PATHS = [
    "epoch",
    "sequence",
    "as_of",
    "currency",
    "timezone",
    "mark_rule",
    "lot_rule",
    "demo",
    "scope",
    "windows.today.from",
    "windows.today.to",
    "windows.today.net.usd",
    "windows.today.net.grade",
    "windows.today.net.as_of",
    "windows.today.net.because",
    "windows.today.components.*",
    "windows.today.by_source.*.components.*",
    "sources.*.title",
    "sources.*.kind",
    "sources.*.grade",
    "sources.*.live",
    "sources.*.live_since",
    "sources.*.as_of",
    "sources.*.last_success",
    "sources.*.error.reason",
    "sources.*.error.since",
    "checks.*.ok",
    "checks.*.usd",
    "checks.*.contracts",
    "unrealised.usd",
    "sales.today.orders",
    "sales.today.refunds",
    "sales.today.per_order.average_order.value",
    "sales.today.by_source.*.orders",
    "limits.snapshot_age_seconds",
]
NOT_SEEN = [
    "sources.*.history",
    "sources.*.error.sentence",
    "checks.*.detail",
    "checks.*.parts",
    "checks.*.tolerance_usd",
    "checks.*.lots",
    "positions",
    "accounts",
    "trading",
    "exposure",
    "venues",
    "api_cost",
    "limits.loss_today_usd",
    "windows.tomorrow",
]


def test_what_totals_see_is_what_it_was_meant_to_be() -> None:
    """The rules are derived; that a mark was set by mistake must be seen here."""
    for path in PATHS:
        assert known(path), path
    for path in NOT_SEEN:
        assert not known(path), path


def known(path: str) -> bool:
    rule: Any = TOTALS
    for key in path.split("."):
        rule = None if callable(rule) else rule.get(key)
        if rule is None:
            return False
    return True


@settings(deadline=None)
@given(st.integers(0, 2**32))
def test_no_text_that_only_some_may_read_is_in_a_projection(seed: int) -> None:
    """Of a snapshot with everything in it: sentences, names, markets."""
    whole = plain_json(made(Snapshot, random.Random(seed)))
    seen = project(hidden(Snapshot, whole), "totals")
    assert "HIDDEN" not in json.dumps(seen)


def hidden(part: type[Stated], tree: Any) -> Any:
    """Return a part with HIDDEN in place of each text and key that is marked as private."""
    if not isinstance(tree, dict):
        return tree
    shown = {}
    for field in fields(part):
        if field.key not in tree:
            continue
        value = tree[field.key]
        if field.seen_by == "all":
            shown[field.key] = "HIDDEN"
        elif (inner := part_of(field.type)) is None:
            shown[field.key] = value
        elif isinstance(value, list):
            shown[field.key] = [hidden(inner, each) for each in value]
        elif get_origin(field.type) is dict:
            shown[field.key] = {key: hidden(inner, each) for key, each in value.items()}
        else:
            shown[field.key] = hidden(inner, value)
    return shown


def test_history_of_totals_is_the_windows() -> None:
    """Cash and exposure are not totals of the profit and loss."""
    assert readable("today.net", "totals")
    assert readable("mtd.api_cost_billed", "totals")
    assert not readable("cash", "totals")
    assert readable("cash", "all")
