"""Which field of which answer is read, and what of it is not as agreed.

A path is names joined by dots; a name that meets a list means its items. Everything in an answer that
is not listed here is not read, and may be anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.sources import payloads as p


@dataclass(frozen=True)
class Read:
    """A field that is read: whether it must be there, may be null, and values that are odd."""

    required: bool = True
    nullable: bool = False
    beyond: tuple[Any, ...] = ()


LONG = "x" * 5_000
NO_AMOUNT = ("", "abc", "1e3", "0.5 ", "NaN", "Infinity", "0x10", "1,5", "9" * 19, "0." + "1" * 19)
AMOUNT = Read(beyond=NO_AMOUNT)
NOT_BELOW_ZERO = Read(beyond=("-0.01", *NO_AMOUNT))
ABOVE_ZERO = Read(beyond=("0.00", "-1.00", *NO_AMOUNT))
PRICE = Read(beyond=("1.0001", "-0.0001", *NO_AMOUNT))
CENTS = Read(beyond=(-1, 10**19, 1.5, True))
TEXT = Read(beyond=("", LONG))
LABEL = Read(beyond=(LONG,))
NO_TIME = (
    "",
    "2026-13-01T00:00:00Z",
    "2026-11-21 15:04:05Z",
    "2026-11-21T15:04:05",
    "2026-11-21",
    "2026-11-21T15:04:05.1234567Z",
    "1969-12-31T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "0001-01-01T00:00:00+14:00",
)
TIME = Read(beyond=NO_TIME)
UNIX = Read(beyond=(-1, 0, 10**13, 1.5, True))
SUBACCOUNT = Read(beyond=(-1, 64, True))
TOKENS = Read(beyond=(-1, 10**16, 1.5, True))
WORD = Read(beyond=("", "maybe", "YES"))
ROWS = Read()
END_OF_LIST = Read(required=False, nullable=True)


def optional(field: Read) -> Read:
    """Return the same field, which may be missing or null."""
    return Read(required=False, nullable=True, beyond=field.beyond)


def nullable(field: Read) -> Read:
    """Return the same field, which must be there but may be null."""
    return Read(nullable=True, beyond=field.beyond)


def under(name: str, fields: dict[str, Read]) -> dict[str, Read]:
    """Return a list field and the fields of its items."""
    return {name: ROWS} | {f"{name}.{field}": what for field, what in fields.items()}


MOVEMENT = {
    "id": TEXT,
    "status": WORD,
    "amount_cents": CENTS,
    "fee_cents": CENTS,
    "created_ts": UNIX,
    "finalized_ts": optional(UNIX),
}

REPORT = {"has_more": Read(), "next_page": END_OF_LIST}
BUCKET = {
    "starting_at": Read(beyond=(*NO_TIME, "2026-11-20T00:30:00Z", "2027-01-01T00:00:00Z")),
    "ending_at": Read(beyond=(*NO_TIME, "2026-11-20T00:30:00Z")),
}

LIFETIME = Read(required=False, beyond=TOKENS.beyond)  # one that is left out was not used
TALLY = {
    "uncached_input_tokens": TOKENS,
    "cache_creation": Read(),
    "cache_creation.ephemeral_5m_input_tokens": LIFETIME,
    "cache_creation.ephemeral_1h_input_tokens": LIFETIME,
    "cache_read_input_tokens": TOKENS,
    "output_tokens": TOKENS,
    "server_tool_use": Read(),
    "server_tool_use.web_search_requests": TOKENS,
}
CENT_STRING = Read(beyond=("", "abc", "1e999", "NaN", "0.5 ", 532.5, 532))
USD = Read(beyond=("EUR", "usd", ""))
LISTING = {"has_more": Read(), "last_id": nullable(TEXT)}
NAMES = {
    p.WORKSPACES: LISTING | under("data", {"id": TEXT, "name": LABEL, "archived_at": nullable(TEXT)}),
    p.KEY_NAMES: LISTING
    | under("data", {"id": TEXT, "name": LABEL, "status": TEXT, "workspace_id": nullable(TEXT)}),
}
ANALYTICS = REPORT | {"data_refreshed_at": nullable(TIME)}
MONEY = under("cost", {"amount": CENT_STRING, "currency": USD})
MAYBE = optional(LABEL)
GROUP = {"workspace_id": nullable(TEXT), "model": MAYBE, "service_tier": MAYBE}
USE = GROUP | {"inference_geo": MAYBE, "speed": MAYBE}
KEYED = GROUP | {"api_key_id": nullable(TEXT), "context_window": MAYBE}

READ: dict[str, dict[str, dict[str, Read]]] = {
    "kalshi": {
        p.SUBACCOUNTS: under("subaccount_balances", {"subaccount_number": SUBACCOUNT}),
        p.BALANCE: {"balance_dollars": AMOUNT, "portfolio_value": CENTS, "updated_ts": UNIX},
        p.POSITIONS: {"cursor": END_OF_LIST}
        | under(
            "market_positions",
            {
                "ticker": TEXT,
                "position_fp": AMOUNT,
                "market_exposure_dollars": NOT_BELOW_ZERO,
                "realized_pnl_dollars": AMOUNT,
                "fees_paid_dollars": NOT_BELOW_ZERO,
                "last_updated_ts": TIME,
            },
        ),
        p.FILLS: {"cursor": nullable(Read())}
        | under(
            "fills",
            {
                "fill_id": TEXT,
                "order_id": TEXT,
                "ticker": TEXT,
                "outcome_side": WORD,
                "book_side": WORD,
                "count_fp": ABOVE_ZERO,
                "yes_price_dollars": PRICE,
                "no_price_dollars": PRICE,
                "fee_cost": NOT_BELOW_ZERO,
                "created_time": optional(TIME),
                "ts": optional(UNIX),
                "subaccount_number": optional(SUBACCOUNT),
            },
        ),
        p.SETTLEMENTS: {"cursor": END_OF_LIST}
        | under(
            "settlements",
            {
                "ticker": TEXT,
                "market_result": LABEL,
                "yes_count_fp": NOT_BELOW_ZERO,
                "yes_total_cost_dollars": NOT_BELOW_ZERO,
                "no_count_fp": NOT_BELOW_ZERO,
                "no_total_cost_dollars": NOT_BELOW_ZERO,
                "revenue": CENTS,
                "value": optional(Read(beyond=(-1, 101, True))),
                "fee_cost": NOT_BELOW_ZERO,
                "settled_time": TIME,
            },
        ),
        p.DEPOSITS: {"cursor": END_OF_LIST} | under("deposits", MOVEMENT),
        p.WITHDRAWALS: {"cursor": END_OF_LIST} | under("withdrawals", MOVEMENT),
        p.INSTANCE_TRANSFERS: {"cursor": END_OF_LIST}
        | under(
            "transfers",
            {
                "transfer_id": TEXT,
                "source": LABEL,
                "destination": LABEL,
                "amount": NOT_BELOW_ZERO,
                "status": WORD,
                "created_ts": UNIX,
            },
        ),
        p.MARKETS: {"cursor": nullable(Read())}
        | under(
            "markets",
            {
                "ticker": TEXT,
                "yes_bid_dollars": PRICE,
                "yes_bid_size_fp": NOT_BELOW_ZERO,
                "yes_ask_dollars": PRICE,
                "yes_ask_size_fp": NOT_BELOW_ZERO,
                "last_price_dollars": PRICE,
                "settlement_value_dollars": optional(PRICE),
            },
        ),
    },
    "anthropic": {
        p.COST: REPORT
        | under(
            "data",
            BUCKET
            | under(
                "results",
                {
                    "amount": CENT_STRING,
                    "currency": USD,
                    "workspace_id": nullable(TEXT),
                    "description": optional(LABEL),
                    "cost_type": optional(LABEL),
                    "model": optional(LABEL),
                    "service_tier": optional(LABEL),
                    "token_type": optional(LABEL),
                    "context_window": optional(LABEL),
                    "inference_geo": optional(LABEL),
                },
            ),
        ),
        p.USAGE: REPORT
        | under(
            "data",
            BUCKET
            | under(
                "results",
                TALLY
                | {
                    "workspace_id": nullable(TEXT),
                    "model": optional(LABEL),
                    "service_tier": optional(LABEL),
                    "inference_geo": optional(LABEL),
                    "speed": optional(LABEL),
                },
            ),
        ),
        p.KEY_USAGE: REPORT
        | under(
            "data",
            BUCKET
            | under(
                "results",
                TALLY
                | {
                    "api_key_id": nullable(TEXT),
                    "workspace_id": nullable(TEXT),
                    "model": optional(LABEL),
                    "service_tier": optional(LABEL),
                    "context_window": optional(LABEL),
                },
            ),
        ),
        **NAMES,
    },
    "analytics": {
        p.NEW_COST: ANALYTICS
        | under("data", BUCKET | under("group", USE | {"cost_type": MAYBE, "token_type": MAYBE}) | MONEY),
        p.KEY_COST: ANALYTICS | under("data", BUCKET | under("group", KEYED) | MONEY),
        p.NEW_USAGE: ANALYTICS | under("data", BUCKET | under("group", USE) | under("usage", TALLY)),
        p.NEW_KEY_USAGE: ANALYTICS | under("data", BUCKET | under("group", KEYED) | under("usage", TALLY)),
        **NAMES,
    },
    "sales": {
        p.SALES: {"next_cursor": nullable(Read(beyond=("",)))}
        | under(
            "sales",
            {
                "id": TEXT,
                "created_at": TIME,
                "updated_at": TIME,
                "status": WORD,
                "gross": NOT_BELOW_ZERO,
                "fee": NOT_BELOW_ZERO,
                "tax": NOT_BELOW_ZERO,
                "currency": Read(beyond=("EUR", "usd")),
                "customer": LABEL,
                "product": LABEL,
            }
            | under("refunds", {"id": TEXT, "refunded_at": TIME, "amount": ABOVE_ZERO}),
        ),
    },
}


def paths(node: Any, prefix: str = "") -> list[str]:
    """Return the path of every field in an answer, lists standing for their items."""
    if isinstance(node, list):
        return list(dict.fromkeys(path for item in node for path in paths(item, prefix)))
    if not isinstance(node, dict):
        return []
    found = []
    for name, value in node.items():
        found += [f"{prefix}{name}", *paths(value, f"{prefix}{name}.")]
    return found


def values(node: Any, path: str) -> list[Any]:
    """Return every value that an answer has at a path; a list at its end is one value."""
    if isinstance(node, list):
        return [value for item in node for value in values(item, path)]
    name, _, rest = path.partition(".")
    return values(node[name], rest) if rest else [node[name]]
