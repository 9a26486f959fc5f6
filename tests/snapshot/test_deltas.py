"""Deltas between snapshots: what is applied is what was published."""

import itertools
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.snapshot import (
    Cursor,
    Figure,
    Grade,
    Reason,
    apply,
    decode,
    diff,
    encode,
    plain_json,
)
from exporter.times import stamp, unstamp
from tests.builders import NOW
from tests.examples import ANY

leaves = (
    st.text(ANY, max_size=5)
    | st.integers(-(2**63), 2**63 - 1)
    | st.booleans()
    | st.lists(st.text(ANY, max_size=3), max_size=3)
)
trees = st.recursive(
    st.dictionaries(st.text(ANY, max_size=3), leaves, max_size=4),
    lambda inner: st.dictionaries(st.text(ANY, max_size=3), leaves | inner, max_size=4),
    max_leaves=20,
)


@given(trees, trees)
def test_diff_then_apply_gives_the_newer_snapshot(old: dict, new: dict) -> None:
    """The property that everything downstream stands on, also through JSON."""
    patch = decode(encode(diff(old, new)))
    assert encode(apply(old, patch)) == encode(new) or apply(old, patch) == new
    assert diff(apply(old, patch), new) == {}


@given(trees)
def test_equal_snapshots_have_an_empty_delta(tree: dict) -> None:
    """Nothing moved, nothing is sent."""
    assert diff(tree, decode(encode(tree))) == {}


@given(st.lists(trees, min_size=2, max_size=5))
def test_a_chain_of_deltas_ends_where_the_snapshots_end(chain: list[dict]) -> None:
    """A client that applies every delta holds what a newcomer is sent whole."""
    state = chain[0]
    for before, after in itertools.pairwise(chain):
        state = apply(state, diff(before, after))
    assert state == chain[-1]


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"a": "foo"}, {"a": {"b": {"c": None}}}, {"a": {"b": {}}}),
    ],
)
def test_apply_follows_the_examples_of_rfc_7396(target: dict, patch: dict, result: dict) -> None:
    """Appendix A of the RFC, those cases that objects can show."""
    assert apply(target, patch) == result


def test_true_and_one_are_different() -> None:
    """JSON tells them apart, so must a delta."""
    assert diff({"a": True, "b": [1]}, {"a": 1, "b": [True]}) == {"a": 1, "b": [True]}


def test_missing_figure_has_no_usd_key() -> None:
    """A missing figure is absent, never zero and never null."""
    missing = Figure(None, Grade.MISSING, None, (Reason("kalshi", "no_answer", "no answer yet"),))
    assert plain_json(missing.stated()) == {
        "grade": "missing",
        "because": [{"source": "kalshi", "code": "no_answer", "text": "no answer yet"}],
    }
    assert Figure(Decimal("1.5"), Grade.FINAL, NOW).stated().usd == "1.50"


@pytest.mark.parametrize(
    "text", ["", "-", "abc", "abc-", "-5", "abc--5x", "abc-1.5", "abc-٣", "a-" + "9" * 19]
)
def test_a_text_that_is_no_cursor_is_none(text: str) -> None:
    """Whatever a client sends, it is answered, not crashed on."""
    assert Cursor.parse(text) is None


def test_cursor_reads_what_it_writes() -> None:
    """Also for an epoch with dashes in it."""
    assert Cursor.parse(str(Cursor("a-b", 12))) == Cursor("a-b", 12)


def test_times_keep_their_microseconds() -> None:
    """As text and back."""
    at = NOW.replace(microsecond=7)
    assert stamp(at) == "2026-11-22T12:00:00.000007Z"
    assert unstamp(stamp(at)) == at
