"""How figures are said: words for grades and states, colours, units. The same words as everywhere else.

Blue is well, orange is not: colour-blind readers can tell them apart, and no meaning rests on colour
alone, since each state is a word and each amount has its sign.
"""

from __future__ import annotations

from typing import Any

BLUE, ORANGE, PALE, GREY, VIOLET = "#4A90D9", "#E8871E", "#C9962B", "#8A8F98", "#9C6ADE"
NEUTRAL = "text"
"""Grafana's name for the theme's own ink: dark on light, light on dark."""

USD, SHARE, COUNT, SECONDS, BYTES = "currencyUSD", "percentunit", "short", "s", "bytes"
INSTANT, CLOCK = "dateTimeFromNow", "dateTimeAsIso"
PER_SECOND, WORD, CONTRACTS = "reqps", "none", "locale"
ORDERS = "locale"
"""A count that matters to the last one; `short` would say 1.23K."""

AMOUNT = "locale"
"""Dollars in a table: whole and with thousands separated, where `currencyUSD` would say 6.56K."""

NO_FIGURE = "no figure"

Json = dict[str, Any]


def said(words: dict[float, tuple[str, str]]) -> list[Json]:
    """Return the value mappings: number -> word and colour, and `no figure` for what is not there."""
    options = {
        f"{value:g}": {"text": text, "color": color, "index": index}
        for index, (value, (text, color)) in enumerate(words.items())
    }
    return [{"type": "value", "options": options}, *absent()]


def absent() -> list[Json]:
    """Return the mapping of null and NaN: a figure that is missing is never shown as zero."""
    result = {"text": NO_FIGURE, "color": NEUTRAL, "index": 99}
    return [{"type": "special", "options": {"match": "null+nan", "result": result}}]


GRADES = said(
    {
        4: ("final", BLUE),
        3: ("estimated", BLUE),
        2: ("partial", PALE),
        1: ("stale", ORANGE),
        0: ("missing", ORANGE),
    }
)
TRUST = said({2: ("yes", BLUE), 1: ("in part", PALE), 0: ("no", ORANGE)})
ANSWERS = said({1: ("answers", BLUE), 0: ("fails", ORANGE)})
RUNS = said({1: ("runs", BLUE), 0: ("down", ORANGE)})
HOLDS = said({1: ("holds", BLUE), 0: ("fails", ORANGE)})
BREAKER = said({0: ("closed", BLUE), 1: ("half-open", PALE), 2: ("open", ORANGE)})
IF_ANY: list[Json] = [
    {"type": "special", "options": {"match": "null+nan", "result": {"text": "-", "index": 0}}}
]
"""For what only some rows have, so that its absence means nothing."""

LIVE = [said({1: ("live", BLUE), 0: ("off", PALE)})[0], *IF_ANY]

BACKUP = said({-1: ("off", PALE), -2: ("none yet", ORANGE)})
"""An age, or in its place why there is none."""

SEVERITY = said({2: ("critical", ORANGE), 1: ("warning", PALE), 0: ("none", NEUTRAL)})
FIRES = said({1: ("fires", ORANGE), 0: ("pending", PALE)})
NO_LIMIT = [
    {
        "type": "special",
        "options": {"match": "null+nan", "result": {"text": "not set", "color": NEUTRAL, "index": 0}},
    }
]

NAMED = {
    "source": {"kalshi": BLUE, "anthropic": ORANGE, "sales": VIOLET},
    "state": {"fresh": BLUE, "stopped": ORANGE},
    "transport": {"sse": BLUE, "ws": VIOLET, "poll": ORANGE},
    "task": {"missed": PALE, "failed": ORANGE, "skipped": VIOLET},
    "outcome": {"ok": BLUE, "unauthorised": ORANGE, "refused": PALE, "unreachable": VIOLET},
    "reason": {
        "unknown_cursor": VIOLET,
        "pruned": PALE,
        "other_epoch": BLUE,
        "behind": ORANGE,
        "stalled": ORANGE,
        "rotated": BLUE,
        "restart": PALE,
        "unwanted": VIOLET,
    },
}
"""Colours of lines that a query names by a label, by how the name begins; any other line is grey."""

Steps = list[tuple[float | None, str]]
"""Thresholds: from this value on, this colour; None stands for the beginning."""

CALM: Steps = [(None, NEUTRAL)]
GAIN: Steps = [(None, ORANGE), (0, BLUE)]


def late(after: float) -> Steps:
    """Return the thresholds of an age: orange from `after` on."""
    return [(None, BLUE), (after, ORANGE)]


COMPONENT_WORDS = {
    "trading_realised": "Trading, realised",
    "trading_unrealised_change": "Trading, unrealised change",
    "trading_fees": "Trading fees",
    "sales_gross": "Sales, gross",
    "sales_refunds": "Refunds",
    "sales_fees": "Payment processing",
    "api_cost_billed": "API cost, billed",
    "api_cost_estimated": "API cost, estimated",
    "net": "Net",
}
WINDOW_WORDS = {
    "today": "today",
    "24h": "24 hours",
    "7d": "7 days",
    "30d": "30 days",
    "mtd": "this month",
    "ytd": "this year",
    "all": "all time",
}
