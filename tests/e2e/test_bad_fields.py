"""One field wrong at a time, through the whole pipe: blamed by name, and no figure moves.

A field of the envelope refuses the answer; one of the rows sets these aside, which makes figures `partial`.
READ lists what is read of each answer; every other field the simulator sends may be anything.
A mark behind a field says what is allowed of it: `?` may be missing, `~` may be null. OUT_OF_RANGE has
values that no upstream can mean.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from exporter.simulator import examples
from exporter.simulator.server import Simulator
from exporter.sources.contract import Window
from tests.e2e.conftest import Build, Simulate
from tests.e2e.pipeline import Pipeline, figures

READ: dict[str, tuple[str, str]] = {
    "/portfolio/fills": (
        "kalshi",
        "cursor~ fills fills.fill_id fills.ticker fills.outcome_side fills.book_side fills.count_fp "
        "fills.yes_price_dollars fills.no_price_dollars fills.fee_cost fills.created_time?~ fills.ts?~ "
        "fills.subaccount_number?~",
    ),
    "/portfolio/settlements": (
        "kalshi",
        "cursor?~ settlements settlements.ticker settlements.market_result settlements.yes_count_fp "
        "settlements.yes_total_cost_dollars settlements.no_count_fp settlements.no_total_cost_dollars "
        "settlements.revenue settlements.value?~ settlements.fee_cost settlements.settled_time",
    ),
    "/portfolio/positions": (
        "kalshi",
        "cursor?~ market_positions market_positions.ticker market_positions.position_fp "
        "market_positions.market_exposure_dollars market_positions.realized_pnl_dollars "
        "market_positions.fees_paid_dollars market_positions.last_updated_ts",
    ),
    "/portfolio/balance": ("kalshi", "balance_dollars portfolio_value updated_ts"),
    "/portfolio/subaccounts/balances": (
        "kalshi",
        "subaccount_balances subaccount_balances.subaccount_number",
    ),
    "/portfolio/deposits": (
        "kalshi",
        "cursor?~ deposits deposits.id deposits.status deposits.amount_cents deposits.fee_cents "
        "deposits.created_ts deposits.finalized_ts?~",
    ),
    "/portfolio/withdrawals": (
        "kalshi",
        "cursor?~ withdrawals withdrawals.id withdrawals.status withdrawals.amount_cents "
        "withdrawals.fee_cents withdrawals.created_ts withdrawals.finalized_ts?~",
    ),
    "/markets": (
        "kalshi",
        "cursor~ markets markets.ticker markets.yes_bid_dollars markets.yes_bid_size_fp "
        "markets.yes_ask_dollars markets.yes_ask_size_fp markets.last_price_dollars",
    ),
    "/cost_report": (
        "anthropic",
        "data data.starting_at data.ending_at data.results data.results.amount data.results.currency "
        "data.results.workspace_id~ data.results.description?~ data.results.cost_type?~ "
        "data.results.model?~ data.results.service_tier?~ data.results.token_type?~ "
        "data.results.context_window?~ data.results.inference_geo?~ has_more next_page?~",
    ),
    "/usage_report/messages": (
        "anthropic",
        "data data.starting_at data.ending_at data.results data.results.uncached_input_tokens "
        "data.results.cache_creation data.results.cache_creation.ephemeral_5m_input_tokens? "
        "data.results.cache_creation.ephemeral_1h_input_tokens? data.results.cache_read_input_tokens "
        "data.results.output_tokens data.results.server_tool_use "
        "data.results.server_tool_use.web_search_requests data.results.workspace_id~ data.results.model?~ "
        "data.results.service_tier?~ data.results.inference_geo?~ data.results.speed?~ has_more next_page?~",
    ),
    "/v1/sales": (
        "sales",
        "sales sales.id sales.created_at sales.updated_at sales.status sales.gross sales.fee sales.tax "
        "sales.currency sales.customer sales.product sales.refunds sales.refunds.id "
        "sales.refunds.refunded_at sales.refunds.amount next_cursor~",
    ),
}
READ_BESIDE = {"/usage_report/messages": {"data.results.api_key_id", "data.results.context_window"}}
"""Read where no figure depends on them; tests/sources breaks them one by one."""

LONG = "x" * 5_000
OUT_OF_RANGE: dict[str, Any] = {
    "count_fp": "0.00",
    "yes_price_dollars": "1.01",
    "no_price_dollars": "-0.10",
    "subaccount_number": 64,
    "value": 101,
    "has_more": None,
    "status": "maybe",
    "outcome_side": "maybe",
    "book_side": "maybe",
    "currency": "EUR",
    "next_cursor": "",
    "amount": "1" * 30,
    "balance_dollars": "NaN",
    "position_fp": "Infinity",
    "realized_pnl_dollars": "1e400",
    **dict.fromkeys(("revenue", "portfolio_value", "amount_cents", "fee_cents"), -1),
    **dict.fromkeys(("ts", "updated_ts", "created_ts", "finalized_ts"), 10**13),
    **dict.fromkeys(("yes_bid_dollars", "yes_ask_dollars", "last_price_dollars"), "1.5"),
    **dict.fromkeys(
        (
            "created_time",
            "settled_time",
            "last_updated_ts",
            "starting_at",
            "ending_at",
            "created_at",
            "updated_at",
            "refunded_at",
        ),
        "9999-12-31T23:59:59Z",
    ),
}
REFUSED = "northstar_source_malformed_total"
NESTED = ("cache_creation", "server_tool_use")
WAYS = ("remove", "rename", "null", "retype", "beyond")


@dataclass(frozen=True)
class Field:
    """A field that is read, and what may become of it without harm."""

    path: str
    may_be_missing: bool
    may_be_null: bool

    @classmethod
    def parse(cls, text: str) -> Field:
        return cls(text.rstrip("?~"), "?" in text, "~" in text)

    def allows(self, way: str) -> bool:
        return (way in ("remove", "rename") and self.may_be_missing) or (way == "null" and self.may_be_null)


def beyond(path: str) -> Any:
    """Return a value that no upstream can mean."""
    name = path.rpartition(".")[2]
    if name in OUT_OF_RANGE:
        return OUT_OF_RANGE[name]
    if name.endswith(("_tokens", "_requests")):
        return -1
    if name in ("data", "results", "fills", "sales", "refunds", "markets", "deposits", "withdrawals"):
        return {}
    if name.endswith(("_dollars", "_fp", "_cost")) or name in ("gross", "fee", "tax"):
        return "-1.00"
    return {} if name.endswith(("_positions", "settlements", "balances")) else [] if name in NESTED else LONG


def operation(way: str, path: str) -> dict[str, Any]:
    """Return the fault that does it."""
    if way == "rename":
        return {"operation": "rename", "value": "another_name"}
    if way == "beyond":
        return {"operation": "set", "value": beyond(path)}
    return {"operation": way}


@pytest.fixture
def running(simulate: Simulate, pipeline: Build) -> tuple[Pipeline, Simulator]:
    """A pipeline that has read a company with something at every endpoint."""
    world = examples.company()
    world.kalshi.withdraw("5.00", examples.NOW.replace(day=21), id="w-1")
    world.kalshi.cash[1] = world.kalshi.cash[0] * 0
    world.anthropic.usage(examples.NOW.replace(hour=9), "claude-sonnet-5-5", output=1000)
    simulator = simulate(world)
    started = pipeline(simulator)
    started.read_everything_again()
    started.collect()
    return started, simulator


def test_every_read_field_is_there_to_be_broken(running: tuple[Pipeline, Simulator]) -> None:
    """The table speaks of fields that the simulated answers have; a wrong path would prove nothing."""
    started, _ = running
    bodies = _answers(started)
    for endpoint, (_, listed) in READ.items():
        found = {path for request, body in bodies if endpoint in request for path in _paths(body)}
        named = {Field.parse(text).path for text in listed.split()}
        assert named <= found | {"cursor"}, (endpoint, named - found)


def _answers(started: Pipeline) -> list[tuple[str, Any]]:
    return [
        (answer.request, json.loads(answer.body))
        for source in started.sources.values()
        for answer in started.run(source.fetch(_window(started))).answers
    ]


def _window(started: Pipeline) -> Window:
    return Window(None, started.simulator.world.clock())


def _paths(node: Any, prefix: str = "") -> Iterator[str]:
    if isinstance(node, list):
        for item in node:
            yield from _paths(item, prefix)
    elif isinstance(node, dict):
        for name, value in node.items():
            yield f"{prefix}{name}"
            yield from _paths(value, f"{prefix}{name}.")


@pytest.mark.parametrize("endpoint", READ)
def test_broken_field_is_blamed_by_name_and_moves_nothing(
    running: tuple[Pipeline, Simulator], said: Callable[[], str], endpoint: str
) -> None:
    """Removed, renamed, null, retyped, beyond its range: named, never booked, and over when it is mended."""
    started, simulator = running
    source, listed = READ[endpoint]
    good, kept = figures(started.latest), _revisions(started)
    rows = listed.split()[1 if listed.startswith("cursor") else 0].rstrip("?~")
    wrong = []
    for field in map(Field.parse, listed.split()):
        for way in WAYS:
            if field.allows(way):
                continue  # what such a row is worth then is a question of its own
            simulator.faults.clear()
            simulator.faults.set(
                source, "mutate", endpoint=endpoint, field=field.path, **operation(way, field.path)
            )
            before = started.metrics(REFUSED)
            started.collect(source)
            stated = started.latest["sources"][source]
            named = _named(before, started.metrics(REFUSED), source)
            aside = {each.field for each in started.cycle.store.asides.open(source)}
            if figures(started.latest) != good:
                wrong.append(f"{field.path} {way}: a figure moved")
            if (field.path, way) in (("next_page", "beyond"), ("data.results", "beyond")):
                pass  # any text is a token, and on the last page nobody follows it
            elif field.path.startswith(f"{rows}."):
                if "error" in stated or not (aside and _blames(aside, field.path)):
                    wrong.append(f"{field.path} {way}: set aside for {sorted(aside) or 'nothing'}")
                if not stated.get("aside"):
                    wrong.append(f"{field.path} {way}: not shown")
            elif "error" not in stated or not (_blames(named, field.path) or field.path == "cursor"):
                wrong.append(f"{field.path} {way}: refused for {sorted(named) or 'nothing'}")
            if _revisions(started) != kept:
                wrong.append(f"{field.path} {way}: something was booked")
                kept = _revisions(started)
            simulator.faults.clear()
            started.collect(source)
            stated = started.latest["sources"][source]
            if "aside" in stated or "error" in stated:
                wrong.append(f"{field.path} {way}: not over when mended")
    assert wrong == []
    assert figures(started.latest) == good
    assert "Traceback" not in said()


def _named(before: Any, after: Any, source: str) -> set[str]:
    """Return the fields that were blamed between two pages."""
    known = before.of(REFUSED, source=source)
    return {
        dict(labels)["field"]
        for labels, value in after.of(REFUSED, source=source).items()
        if value > known.get(labels, 0)
    }


def _blames(named: set[str], path: str) -> bool:
    """Whether the field itself was named, or one inside it, or the pair it must agree with."""
    pairs = {
        "fills.yes_price_dollars": "fills.no_price_dollars",
        "fills.outcome_side": "fills.book_side",
        "data.ending_at": "data.starting_at",
        "has_more": "next_page",
        "next_page": "has_more",
    }
    return len(named) == 1 and any(
        name == path or name.startswith(f"{path}.") or name == pairs.get(path) for name in named
    )


def _revisions(started: Pipeline) -> int:
    """Return how many revisions of records the database holds."""
    with sqlite3.connect(f"file:{started.database}?mode=ro", uri=True) as connection:
        (count,) = connection.execute("SELECT count(*) FROM records").fetchone()
    connection.close()
    return int(count)


@pytest.mark.parametrize("source", ["kalshi", "anthropic", "sales"])
def test_field_that_nobody_reads_may_be_anything(running: tuple[Pipeline, Simulator], source: str) -> None:
    """Upstreams add and change fields every month; what is not read neither stops nor moves a figure."""
    started, simulator = running
    good = figures(started.latest)
    read = {
        endpoint: {Field.parse(text).path for text in listed.split()} | READ_BESIDE.get(endpoint, set())
        for endpoint, (owner, listed) in READ.items()
        if owner == source
    }
    extra = {
        (endpoint, path)
        for request, body in _answers(started)
        for endpoint in read
        if endpoint in request
        for path in _paths(body)
        if path not in read[endpoint]
    }
    for endpoint, path in sorted(extra):
        simulator.faults.set(source, "mutate", endpoint=endpoint, field=path, operation="retype")
    simulator.faults.set(source, "mutate", endpoint="*", field="brand_new", operation="set", value=[1])
    started.collect(source)
    assert "error" not in started.latest["sources"][source], started.latest["sources"][source]
    assert figures(started.latest) == good
