"""The venue's JSON rows, field by field.

Source: Kalshi trade API, portfolio and market pages (read 2026-11); forms of numbers as seen live.
Units:  `*_dollars` and `fee_cost` dollar strings, `*_fp` contract strings, `revenue`, `value` and
        `*_cents` integer cents, `*_ts` Unix seconds except `last_updated_ts`.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any

from exporter.simulator.kalshi.market import ONE, ZERO, Market
from exporter.simulator.kalshi.purse import Movement, Transfer
from exporter.simulator.kalshi.records import Fill, Position, Settlement
from exporter.simulator.wire import places, rfc3339, unix

Row = dict[str, Any]


@lru_cache(maxsize=16384)  # a fill never changes; a page of 1000 would otherwise cost several ms
def fill_json(fill: Fill, extra: bool) -> str:
    """Return one row of GET /portfolio/fills as JSON text."""
    row: Row = {
        "fill_id": fill.fill_id,
        "trade_id": fill.fill_id,
        "order_id": fill.order_id,
        "ticker": fill.ticker,
        "market_ticker": fill.ticker,
        "exchange_index": fill.exchange_index,
        "outcome_side": fill.side,
        "book_side": "bid" if fill.side == "yes" else "ask",
        # Legacy pair: `side` repeats the outcome, so a sale of YES reads "sell no".
        "side": fill.side,
        "action": fill.action,
        "count_fp": places(fill.count, 2),
        "yes_price_dollars": places(fill.yes_price, 4),
        "no_price_dollars": places(ONE - fill.yes_price, 4),
        "is_taker": fill.is_taker,
        "fee_cost": places(fill.fee, 6),
        "created_time": rfc3339(fill.time),
        "ts": unix(fill.time),
        "subaccount_number": fill.subaccount,
    }
    if extra:
        row["liquidity_note"] = None
    return json.dumps(row)


def settlement_json(settlement: Settlement, extra: bool) -> str:
    """Return one row of GET /portfolio/settlements as JSON text; `revenue` and `value` in cents."""
    row = dict(settlement.row)
    row.setdefault("settled_time", rfc3339(settlement.time))
    if extra:
        row["settlement_batch"] = settlement.sequence
    return json.dumps(row)


def settlement_row(position: Position, market: Market, payout: Decimal) -> Row:
    """Return the row of a settlement: gross for the market's life, `revenue` and `value` cut to cents."""
    worth = market.settlement_value
    return {
        "ticker": position.ticker,
        "event_ticker": market.event_ticker,
        "exchange_index": market.exchange_index,
        "market_result": market.result,
        "yes_count_fp": places(position.bought["yes"], 2),
        "yes_total_cost_dollars": places(position.paid["yes"], 6),
        "no_count_fp": places(position.bought["no"], 2),
        "no_total_cost_dollars": places(position.paid["no"], 6),
        "revenue": int(payout * 100),
        "value": None if worth is None else int(worth * 100),
        "fee_cost": places(position.fees, 6),
    }


def position_row(position: Position, opened: datetime, rule: str = "average") -> Row:
    """Return one row of `market_positions`: signed contracts, cost without fees, lifetime fees.

    What a settled row shows is not documented: here zero contracts, and realised with the payout.
    """
    book = position.book(rule)
    return {
        "ticker": position.ticker,
        "exchange_index": position.exchange_index,
        "position_fp": places(position.held, 2),
        "market_exposure_dollars": places(book.cost, 6),
        "realized_pnl_dollars": places(book.realised, 6),
        "fees_paid_dollars": places(position.fees, 6),
        "total_traded_dollars": places(position.paid["yes"] + position.paid["no"], 6),
        "last_updated_ts": rfc3339(position.updated or opened),
    }


def event_row(event: str, members: list[Position], rule: str = "average") -> Row:
    """Return one row of `event_positions`: the same figures again, summed over the event's markets."""
    return {
        "event_ticker": event,
        "total_cost_dollars": places(_sum(p.paid["yes"] + p.paid["no"] for p in members), 6),
        "total_cost_shares_fp": places(_sum(p.bought["yes"] + p.bought["no"] for p in members), 2),
        "event_exposure_dollars": places(_sum(p.book(rule).cost for p in members), 6),
        "realized_pnl_dollars": places(_sum(p.book(rule).realised for p in members), 6),
        "fees_paid_dollars": places(_sum(p.fees for p in members), 6),
    }


def movement_row(movement: Movement) -> Row:
    """Return one row of GET /portfolio/deposits or /withdrawals; amounts in cents."""
    row: Row = {
        "id": movement.id,
        "status": movement.status,
        "type": movement.type,
        "amount_cents": movement.cents,
        "fee_cents": movement.fee_cents,
        "created_ts": unix(movement.time),
    }
    if movement.finalized is not None:
        row["finalized_ts"] = unix(movement.finalized)
    return row


def transfer_row(transfer: Transfer) -> Row:
    """Return one row of GET /portfolio/subaccounts/transfers; the amount in cents."""
    return {
        "transfer_id": transfer.id,
        "from_subaccount": transfer.subaccounts[0],
        "to_subaccount": transfer.subaccounts[1],
        "amount_cents": int(transfer.amount * 100),
        "created_ts": unix(transfer.time),
        "exchange_index": transfer.shards[0],
    }


def shard_transfer_row(transfer: Transfer) -> Row:
    """Return one row of GET /portfolio/intra_exchange_instance_transfers; the amount in dollars."""
    return {
        "transfer_id": transfer.id,
        "source": transfer.instances[0],
        "destination": transfer.instances[1],
        "source_exchange_shard": transfer.shards[0],
        "destination_exchange_shard": transfer.shards[1],
        "amount": places(transfer.amount, 4),
        "status": "complete",  # `pending` until then; not the words that deposits have
        "created_ts": unix(transfer.time),
    }


def market_row(market: Market, now: datetime) -> Row:
    """Return one row of GET /markets. An absent quote is a zero price with size 0, not a null."""
    quote = market.quote(now)
    earlier = market.quotes(now - timedelta(days=1))
    settled = market.settlement_value is not None
    row: Row = {
        "ticker": market.ticker,
        "event_ticker": market.event_ticker,
        "market_type": market.market_type,
        "title": market.title,
        "yes_sub_title": f"{market.title}: yes",
        "no_sub_title": f"{market.title}: no",
        "created_time": rfc3339(market.created),
        "updated_time": rfc3339(market.settled_at or market.created),
        "open_time": rfc3339(market.opens),
        "close_time": rfc3339(market.closes),
        "latest_expiration_time": rfc3339(market.closes + timedelta(days=7)),
        "settlement_timer_seconds": 300,
        "status": market.status,
        "notional_value_dollars": "1.0000",
        "yes_bid_dollars": places(quote.yes_bid, 4),
        "yes_ask_dollars": places(quote.yes_ask, 4),
        "no_bid_dollars": places(ONE - quote.yes_ask if quote.ask_size else ZERO, 4),
        "no_ask_dollars": places(ONE - quote.yes_bid if quote.bid_size else ZERO, 4),
        "yes_bid_size_fp": places(quote.bid_size, 2),
        "yes_ask_size_fp": places(quote.ask_size, 2),
        "last_price_dollars": places(quote.last, 4),
        "previous_yes_bid_dollars": places(earlier.yes_bid, 4),
        "previous_yes_ask_dollars": places(earlier.yes_ask, 4),
        "previous_price_dollars": places(earlier.last, 4),
        "volume_fp": places(market.volume + 2310, 2),
        "volume_24h_fp": places(market.volume, 2),
        "open_interest_fp": "900.25",
        "result": market.result,
        "can_close_early": True,
        "expiration_value": market.result,
        "rules_primary": "Simulated rules.",
        "rules_secondary": "",
        "price_level_structure": "linear_cent" if market.tick == Decimal("0.01") else "deci_cent",
        "price_ranges": [{"start": "0.0000", "end": "1.0000", "step": places(market.tick, 4)}],
        "settlement_bounds_type": "default",
        "exchange_index": market.exchange_index,
    }
    if settled and market.settlement_value is not None:
        row["settlement_value_dollars"] = places(market.settlement_value, 4)
        row["settlement_ts"] = rfc3339(market.settled_at) if market.settled_at else None
    return row


def _sum(amounts: Any) -> Decimal:
    return sum(amounts, ZERO)
