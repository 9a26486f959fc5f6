"""Which labels a query means, by Prometheus' own rules: a label that is not there is empty text.

Patterns are RE2's, the engine that Prometheus' own syntax is of: one that takes Python's engine for ever is
matched by this one in a time that grows with its text and no faster.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import re2

from exporter.stream.remote_read.bad_read import BadRead
from exporter.stream.remote_read.messages import Matcher

LONGEST_PATTERN = 1_000
"""Characters of a pattern; one that lists all components has some two hundred."""

PATTERN_MEMORY = 1 << 18
"""Bytes that a pattern may take once it is understood; the engine keeps the latest 128."""

Test = Callable[[str], bool]


class Selector:
    """The matchers of one query, understood once. Raises BadRead for a pattern that is none."""

    def __init__(self, matchers: Iterable[Matcher]) -> None:
        self._tests = [(matcher.name, _test(matcher)) for matcher in matchers]

    def takes(self, labels: Mapping[str, str]) -> bool:
        """Tell whether a series is meant."""
        return all(test(labels.get(name, "")) for name, test in self._tests)

    def may_take(self, labels: Mapping[str, str]) -> bool:
        """Tell whether a series is meant of which only some labels are known yet."""
        return all(test(labels[name]) for name, test in self._tests if name in labels)


def _test(matcher: Matcher) -> Test:
    wanted = matcher.value
    match matcher.operator:
        case "=":
            return lambda value: value == wanted
        case "!=":
            return lambda value: value != wanted
    found = _pattern(wanted)
    if matcher.operator == "=~":
        return found
    return lambda value: not found(value)


def _pattern(text: str) -> Test:
    if len(text) > LONGEST_PATTERN:
        raise BadRead(f"A pattern has {len(text):,} characters; {LONGEST_PATTERN:,} is the limit.")
    options = re2.Options()
    options.dot_nl, options.log_errors, options.max_mem = True, False, PATTERN_MEMORY
    try:
        compiled = re2.compile(text, options=options)
    except re2.error as error:
        raise BadRead(f"A pattern is none: {_reason(error)}.") from None
    return lambda value: compiled.fullmatch(value) is not None


def _reason(error: Exception) -> str:
    [reason, *_] = error.args
    return reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
