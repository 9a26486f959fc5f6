"""One small, complete set of answers per source, by path; every documented field is there.

The figures are those of the worked reference account and of the report examples.
"""

from __future__ import annotations

import copy
from decimal import Decimal
from typing import Any

VENUE = "/trade-api/v2"
SUBACCOUNTS = f"{VENUE}/portfolio/subaccounts/balances"
BALANCE = f"{VENUE}/portfolio/balance"
POSITIONS = f"{VENUE}/portfolio/positions"
FILLS = f"{VENUE}/portfolio/fills"
SETTLEMENTS = f"{VENUE}/portfolio/settlements"
DEPOSITS = f"{VENUE}/portfolio/deposits"
WITHDRAWALS = f"{VENUE}/portfolio/withdrawals"
INSTANCE_TRANSFERS = f"{VENUE}/portfolio/intra_exchange_instance_transfers"
MARKETS = f"{VENUE}/markets"
API_KEYS = f"{VENUE}/api_keys"
COST = "/v1/organizations/cost_report"
USAGE = "/v1/organizations/usage_report/messages"
BY_KEY = "?group_by[]=api_key_id"  # a path may name a parameter that the request must have
KEY_USAGE = USAGE + BY_KEY
WORKSPACES = "/v1/organizations/workspaces"
KEY_NAMES = "/v1/organizations/api_keys"
NEW_COST = "/v1/organizations/analytics/cost"
NEW_USAGE = "/v1/organizations/analytics/usage"
KEY_COST, NEW_KEY_USAGE = NEW_COST + BY_KEY, NEW_USAGE + BY_KEY
SALES = "/v1/sales"

OPEN, SETTLED = "KXSAMPLE-26DEC01-T10", "KXSAMPLE-26NOV20-T7.5"


def fill(number: int, **changes: Any) -> dict[str, Any]:
    """Return a fill row: 10 YES at 0.40 unless changed."""
    return {
        "fill_id": f"f-{number:04d}",
        "trade_id": f"f-{number:04d}",
        "order_id": f"o-{number:04d}",
        "ticker": OPEN,
        "market_ticker": OPEN,
        "exchange_index": 0,
        "outcome_side": "yes",
        "book_side": "bid",
        "side": "yes",
        "action": "buy",
        "count_fp": "10.00",
        "yes_price_dollars": "0.4000",
        "no_price_dollars": "0.6000",
        "is_taker": True,
        "fee_cost": "0.168000",
        "created_time": "2026-11-20T14:00:00.5Z",
        "ts": 1795183200,
        "subaccount_number": 0,
    } | changes


SALE_OF_YES = fill(
    2,
    outcome_side="no",
    book_side="ask",
    side="no",
    action="sell",
    count_fp="4.00",
    yes_price_dollars="0.5500",
    no_price_dollars="0.4500",
    fee_cost="0.069300",
    created_time="2026-11-21T15:04:05.1234Z",
    ts=1795273445,
)

SETTLEMENT = {
    "ticker": SETTLED,
    "event_ticker": "KXSAMPLE-26NOV20",
    "exchange_index": 0,
    "market_result": "no",
    "yes_count_fp": "3.00",
    "yes_total_cost_dollars": "0.900000",
    "no_count_fp": "8.00",
    "no_total_cost_dollars": "4.800000",
    "revenue": 500,
    "value": 0,
    "fee_cost": "0.178500",
    "settled_time": "2026-11-20T22:10:38.438571Z",
}

POSITION = {
    "ticker": OPEN,
    "exchange_index": 0,
    "position_fp": "6.00",
    "market_exposure_dollars": "2.400000",
    "realized_pnl_dollars": "0.600000",
    "fees_paid_dollars": "0.237300",
    "total_traded_dollars": "5.800000",
    "last_updated_ts": "2026-11-21T15:04:05.1234Z",
}

MARKET = {
    "ticker": OPEN,
    "event_ticker": "KXSAMPLE-26DEC01",
    "market_type": "binary",
    "title": "Sample",
    "yes_sub_title": "Above 10",
    "no_sub_title": "10 or below",
    "created_time": "2026-11-01T09:00:00Z",
    "updated_time": "2026-11-01T09:00:00Z",
    "open_time": "2026-11-02T14:00:00Z",
    "close_time": "2026-12-01T22:00:00Z",
    "latest_expiration_time": "2026-12-08T22:00:00Z",
    "settlement_timer_seconds": 300,
    "status": "active",
    "notional_value_dollars": "1.0000",
    "yes_bid_dollars": "0.5800",
    "yes_ask_dollars": "0.6000",
    "no_bid_dollars": "0.4000",
    "no_ask_dollars": "0.4200",
    "yes_bid_size_fp": "120.00",
    "yes_ask_size_fp": "35.50",
    "last_price_dollars": "0.5900",
    "previous_yes_bid_dollars": "0.5400",
    "previous_yes_ask_dollars": "0.5700",
    "previous_price_dollars": "0.5500",
    "volume_fp": "2310.75",
    "volume_24h_fp": "410.00",
    "open_interest_fp": "900.25",
    "result": "",
    "can_close_early": True,
    "expiration_value": "",
    "rules_primary": "",
    "rules_secondary": "",
    "price_level_structure": "linear_cent",
    "price_ranges": [{"start": "0.0000", "end": "1.0000", "step": "0.0100"}],
    "settlement_bounds_type": "default",
    "exchange_index": 0,
    "settlement_value_dollars": "0.5000",
}


def movement(number: int, kind: str = "d", **changes: Any) -> dict[str, Any]:
    """Return a deposit or withdrawal row: 100 dollars that arrived, unless changed."""
    return {
        "id": f"{kind}-{number}",
        "status": "applied",
        "type": "ach",
        "amount_cents": 10000,
        "fee_cents": 0,
        "created_ts": 1793000000,
        "finalized_ts": 1793260000,
    } | changes


def instance_transfer(number: int, **changes: Any) -> dict[str, Any]:
    """Return 7.50 dollars that went to the margined instance, unless changed."""
    return {
        "transfer_id": f"t-{number}",
        "source": "event_contract",
        "destination": "margined",
        "source_exchange_shard": 0,
        "destination_exchange_shard": 0,
        "amount": "7.5000",
        "status": "complete",
        "created_ts": 1793000000,
    } | changes


KALSHI: dict[str, Any] = {
    SUBACCOUNTS: {
        "subaccount_balances": [
            {"subaccount_number": 0, "exchange_index": 0, "balance": "100.0842", "updated_ts": 1795305540},
        ]
    },
    BALANCE: {
        "balance": 10008,
        "balance_dollars": "100.0842",
        "portfolio_value": 348,
        "updated_ts": 1795305540,
        "balance_breakdown": [{"exchange_index": 0, "balance": "100.0842"}],
    },
    POSITIONS: {
        "cursor": "",
        "market_positions": [POSITION],
        "event_positions": [
            {
                "event_ticker": "KXSAMPLE-26DEC01",
                "total_cost_dollars": "5.800000",
                "total_cost_shares_fp": "14.00",
                "event_exposure_dollars": "2.400000",
                "realized_pnl_dollars": "0.600000",
                "fees_paid_dollars": "0.237300",
            }
        ],
    },
    FILLS: {"cursor": "", "fills": [fill(1), SALE_OF_YES]},
    SETTLEMENTS: {"cursor": "", "settlements": [SETTLEMENT]},
    DEPOSITS: {"cursor": "", "deposits": [movement(1)]},
    WITHDRAWALS: {"cursor": "", "withdrawals": [movement(1, "w", amount_cents=2500, fee_cents=200)]},
    INSTANCE_TRANSFERS: {"cursor": "", "transfers": [instance_transfer(1)]},
    MARKETS: {"cursor": "", "markets": [MARKET]},
}


def cost_row(amount: str, description: str, token_type: str | None, **changes: Any) -> dict[str, Any]:
    """Return a row of the cost report, of the default workspace."""
    return {
        "amount": amount,
        "currency": "USD",
        "workspace_id": None,
        "description": description,
        "cost_type": "tokens",
        "model": "claude-sonnet-5-5",
        "service_tier": "standard",
        "token_type": token_type,
        "context_window": "0-200k",
        "inference_geo": "global",
    } | changes


SEARCHES = {
    "amount": "37.000000",
    "currency": "USD",
    "workspace_id": "wrkspc_01SimResearch",
    "description": "Web Search Usage",
    "cost_type": "web_search",
    "model": None,
    "service_tier": None,
    "token_type": None,
    "context_window": None,
    "inference_geo": None,
}

USAGE_ROW: dict[str, Any] = {
    "uncached_input_tokens": 1250000,
    "cache_creation": {"ephemeral_5m_input_tokens": 510000, "ephemeral_1h_input_tokens": 0},
    "cache_read_input_tokens": 3400000,
    "output_tokens": 84000,
    "server_tool_use": {"web_search_requests": 37},
    "api_key_id": None,
    "workspace_id": None,
    "account_id": None,
    "service_account_id": None,
    "model": "claude-sonnet-5-5",
    "service_tier": "standard",
    "context_window": None,
    "inference_geo": "global",
    "speed": "standard",
}


def bucket(start: str, end: str, *rows: dict[str, Any]) -> dict[str, Any]:
    """Return a bucket of either report."""
    return {"starting_at": start, "ending_at": end, "results": list(rows)}


def report(*buckets: dict[str, Any], next_page: str | None = None) -> dict[str, Any]:
    """Return a page of either report."""
    return {"data": list(buckets), "has_more": next_page is not None, "next_page": next_page}


BILLED = bucket(
    "2026-11-20T00:00:00Z",
    "2026-11-21T00:00:00Z",
    cost_row("250.000000", "Claude Sonnet 5.5 Usage - Input Tokens", "uncached_input_tokens"),
    cost_row("84.000000", "Claude Sonnet 5.5 Usage - Output Tokens", "output_tokens"),
    cost_row("34.000000", "Claude Sonnet 5.5 Usage - Cache Read", "cache_read_input_tokens"),
    cost_row(
        "127.500000", "Claude Sonnet 5.5 Usage - Cache Write 5m", "cache_creation.ephemeral_5m_input_tokens"
    ),
    SEARCHES,
)
USED = bucket("2026-11-22T10:00:00Z", "2026-11-22T11:00:00Z", USAGE_ROW)

KEY_ROW = {name: value for name, value in USAGE_ROW.items() if name != "speed"} | {
    "api_key_id": "apikey_01SimProduction",
    "context_window": "0-200k",
    "inference_geo": None,
}
USED_BY_KEY = bucket(
    "2026-11-20T00:00:00Z",
    "2026-11-21T00:00:00Z",
    KEY_ROW,
    KEY_ROW | {"api_key_id": None, "context_window": "200k-1M"},
)


def listing(*items: dict[str, Any], more: bool = False) -> dict[str, Any]:
    """Return a page of names."""
    ids = [item["id"] for item in items] or [None]
    return {"data": list(items), "first_id": ids[0], "last_id": ids[-1], "has_more": more}


RESEARCH = {
    "id": "wrkspc_01SimResearch",
    "type": "workspace",
    "name": "Research",
    "created_at": "2026-06-01T09:00:00Z",
    "archived_at": None,
    "display_color": "#6C5BB9",
}
LAPTOP = {
    "id": "apikey_01SimProduction",
    "type": "api_key",
    "name": "production",
    "status": "active",
    "partial_key_hint": "sk-ant-api03-sim...AA",
    "created_at": "2026-06-01T09:00:00Z",
    "expires_at": None,
    "created_by": {"id": "user_01SimFounder", "type": "user"},
    "workspace_id": None,
}
NAMES = {
    WORKSPACES: listing(
        RESEARCH, RESEARCH | {"id": "wrkspc_01SimOld", "archived_at": "2026-08-01T00:00:00Z"}
    ),
    KEY_NAMES: listing(
        LAPTOP, LAPTOP | {"id": "apikey_01SimResearch", "workspace_id": "wrkspc_01SimResearch"}
    ),
}
NEWER_KEY = {name: value for name, value in LAPTOP.items() if name != "workspace_id"} | {
    "id": "apikey_01SimAgents",
    "principal": {"type": "user", "id": "user_01SimFounder"},
    "scope": {"type": "workspace", "workspace_id": "wrkspc_01SimResearch"},
}

ANTHROPIC: dict[str, Any] = {
    COST: report(BILLED),
    USAGE: report(USED),
    KEY_USAGE: report(USED_BY_KEY),
    **NAMES,
}

DIMENSIONS = (
    "actor", "actor_type", "agent_id", "api_key_id", "claude_tag_category", "claude_tag_user_id",
    "context_window", "deployment_id", "environment_id", "inference_geo", "model", "organization_id",
    "product", "rbac_group_id", "service_tier", "session_id", "slack_channel_id", "speed",
    "user_profile_id", "workspace_id",
)  # fmt: skip
HOME = "wrkspc_01SimDefault"
"""The id of the default workspace, which no list has."""


def item(start: str, end: str, group: dict[str, Any], **said: Any) -> dict[str, Any]:
    """Return a row of the analytics; every dimension is there, null unless given."""
    return {"starting_at": start, "ending_at": end, "group": dict.fromkeys(DIMENSIONS) | group} | said


def analytics(
    *rows: dict[str, Any], next_page: str | None = None, until: str | None = "2026-11-22T12:00:00Z"
) -> dict[str, Any]:
    """Return a page of the analytics."""
    return report(*rows, next_page=next_page) | {"data_refreshed_at": until}


STANDARD = {"workspace_id": HOME, "model": "claude-sonnet-5-5", "service_tier": "standard"}
USE = STANDARD | {"inference_geo": "global", "speed": "standard"}
KEYED = STANDARD | {"api_key_id": "apikey_01SimProduction", "context_window": "0-200k"}
TOKENS = {name: USAGE_ROW[name] for name in USAGE_ROW if name.endswith("tokens")} | {
    "cache_creation": USAGE_ROW["cache_creation"],
    "server_tool_use": USAGE_ROW["server_tool_use"],
    "total_tokens": 5244000,
    "requests": 120,
}
THE_20TH = ("2026-11-20T00:00:00Z", "2026-11-21T00:00:00Z")


def cents(amount: str, requests: int | None = None) -> dict[str, Any]:
    """Return the cost of a row, with a list price of twice as much."""
    listed = str(2 * Decimal(amount))
    return {"amount": amount, "list_amount": listed, "currency": "USD", "requests": requests}


SEARCHED = dict.fromkeys(USE) | {"workspace_id": "wrkspc_01SimResearch"}
ANALYTICS: dict[str, Any] = {
    NEW_COST: analytics(
        item(
            *THE_20TH,
            USE | {"cost_type": "tokens", "token_type": "uncached_input_tokens"},
            cost=cents("250.000000"),
        ),
        item(*THE_20TH, SEARCHED | {"cost_type": "web_search", "token_type": None}, cost=cents("37.000000")),
    ),
    NEW_USAGE: analytics(item("2026-11-22T10:00:00Z", "2026-11-22T11:00:00Z", USE, usage=TOKENS)),
    NEW_KEY_USAGE: analytics(
        item(*THE_20TH, KEYED, usage=TOKENS), item(*THE_20TH, KEYED | {"api_key_id": None}, usage=TOKENS)
    ),
    KEY_COST: analytics(
        item(*THE_20TH, KEYED, cost=cents("495.5", 120)),
        item(*THE_20TH, dict.fromkeys(KEYED), cost=cents("37", 2)),
    ),
    **NAMES,
}


def sale(number: int, **changes: Any) -> dict[str, Any]:
    """Return a paid sale of 19 dollars with half of it given back, unless changed."""
    return {
        "id": f"sale_{number}",
        "created_at": "2026-11-20T10:30:00.25Z",
        "updated_at": "2026-11-21T14:00:00Z",
        "status": "paid",
        "gross": "19.00",
        "fee": "0.85",
        "tax": "0.00",
        "currency": "USD",
        "customer": "customer-1",
        "product": "data export",
        "refunds": [{"id": "refund_1", "refunded_at": "2026-11-21T14:00:00Z", "amount": "9.50"}],
    } | changes


SHOP: dict[str, Any] = {SALES: {"sales": [sale(1)], "next_cursor": None}}

ALL: dict[str, dict[str, Any]] = {
    "kalshi": KALSHI,
    "anthropic": ANTHROPIC,
    "analytics": ANALYTICS,
    "sales": SHOP,
}


def answers(source: str, **changed: Any) -> dict[str, Any]:
    """Return a fresh copy of all answers of a source."""
    return copy.deepcopy(ALL[source]) | changed
