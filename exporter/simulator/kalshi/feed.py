"""What happens in an account, as messages of the socket, for whoever is connected.

Source: Kalshi trade API, pages under "WebSocket API" (read 2026-11).
Units:  dollar strings, contract strings; `ts` Unix seconds, `ts_ms` milliseconds.
Quirk:  names differ from REST: a fill is known by `trade_id`, a market by `market_ticker` (but by
        `ticker` in an order), exposure is `position_cost_dollars`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from exporter.simulator.kalshi.market import Market, Quote
from exporter.simulator.kalshi.records import Fill, Position
from exporter.simulator.wire import places, rfc3339, unix

KEPT = 20_000  # messages; a session that lags further behind has overflowed long before
USER = "5151c0de-0000-4000-8000-0000000000aa"


@dataclass(frozen=True, slots=True)
class Message:
    """One thing to tell. `channel` is what a client subscribes to, `type` what the message says it is."""

    channel: str
    type: str
    ticker: str
    msg: dict[str, Any]


class Feed:
    """The latest messages, numbered. Nothing is kept while nobody listens."""

    def __init__(self) -> None:
        self.listeners = 0
        self.count = 0
        self._kept: deque[Message] = deque(maxlen=KEPT)

    def tell(self, message: Message) -> None:
        """Add a message."""
        self._kept.append(message)
        self.count += 1

    def since(self, number: int) -> list[Message]:
        """Return the messages after the first `number`, as far back as they are kept."""
        fresh = min(self.count - number, len(self._kept))
        return [self._kept[i] for i in range(len(self._kept) - fresh, len(self._kept))]


def milliseconds(moment: datetime) -> int:
    """Return whole Unix milliseconds."""
    return int(moment.timestamp() * 1000)


def fill(fill: Fill, post_position: Decimal) -> Message:
    """Return the message of a fill. Legacy `side` and `action` of a sale follow yet another convention."""
    msg = {
        "trade_id": fill.fill_id,
        "order_id": fill.order_id,
        "market_ticker": fill.ticker,
        "exchange_index": fill.exchange_index,
        "is_taker": fill.is_taker,
        "side": fill.side,
        "action": fill.action,
        "purchased_side": fill.side,
        "outcome_side": fill.side,
        "book_side": "bid" if fill.side == "yes" else "ask",
        "yes_price_dollars": places(fill.yes_price, 4),
        "count_fp": places(fill.count, 2),
        "fee_cost": places(fill.fee, 6),
        "post_position_fp": places(post_position, 2),
        "ts": unix(fill.time),
        "ts_ms": milliseconds(fill.time),
        "subaccount": fill.subaccount,
    }
    return Message("fill", "fill", fill.ticker, msg)


def position(held: Position, rule: str) -> Message:
    """Return the message of a position after a fill or a settlement."""
    book = held.book(rule)
    msg = {
        "user_id": USER,
        "market_ticker": held.ticker,
        "position_fp": places(held.held, 2),
        "position_cost_dollars": places(book.cost, 6),
        "realized_pnl_dollars": places(book.realised, 6),
        "fees_paid_dollars": places(held.fees, 6),
        "position_fee_cost_dollars": places(held.held_fees, 6),
        "volume_fp": places(held.bought["yes"] + held.bought["no"], 2),
        "subaccount": held.subaccount,
    }
    return Message("market_positions", "market_position", held.ticker, msg)


def order(parts: Iterable[Fill]) -> Message:
    """Return the message of an order that the fills in `parts` have executed, newest fill first."""
    fills = list(parts)
    last, total = fills[0], places(sum((f.count for f in fills), Decimal(0)), 2)

    def spent(taker: bool) -> tuple[str, str]:
        mine = [f for f in fills if f.is_taker == taker]
        cost = sum((f.count * f.price for f in mine), Decimal(0))
        return places(cost, 6), places(sum((f.fee for f in mine), Decimal(0)), 6)

    taker, maker = spent(True), spent(False)
    msg = {
        "order_id": last.order_id,
        "user_id": USER,
        "ticker": last.ticker,
        "exchange_index": last.exchange_index,
        "status": "executed",
        "outcome_side": last.side,
        "book_side": "bid" if last.side == "yes" else "ask",
        "side": last.side,
        "is_yes": last.side == "yes",
        "yes_price_dollars": places(last.yes_price, 4),
        "initial_count_fp": total,
        "fill_count_fp": total,
        "remaining_count_fp": "0.00",
        "taker_fill_cost_dollars": taker[0],
        "maker_fill_cost_dollars": maker[0],
        "taker_fees_dollars": taker[1],
        "maker_fees_dollars": maker[1],
        "client_order_id": "",
        "created_ts_ms": milliseconds(last.time),
        "subaccount_number": last.subaccount,
        "last_update_reason": "Trade",
    }
    return Message("user_orders", "user_order", last.ticker, msg)


def lifecycle(market: Market, event: str, **more: Any) -> Message:
    """Return a message of a market's life: `created`, `determined` or `settled`, each with its own fields."""
    msg = {"market_ticker": market.ticker, "event_type": event} | more
    return Message("market_lifecycle_v2", "market_lifecycle_v2", market.ticker, msg)


def ticker(market: Market, quote: Quote, now: datetime) -> Message:
    """Return the quotes of a market. There are no NO prices; the client derives them."""
    volume = market.volume + 2310
    msg = {
        "market_ticker": market.ticker,
        "market_id": f"m-{market.ticker}",
        "price_dollars": places(quote.last, 4),
        "yes_bid_dollars": places(quote.yes_bid, 4),
        "yes_ask_dollars": places(quote.yes_ask, 4),
        "yes_bid_size_fp": places(quote.bid_size, 2),
        "yes_ask_size_fp": places(quote.ask_size, 2),
        "last_trade_size_fp": "2.00",
        "volume_fp": places(volume, 2),
        "open_interest_fp": "900.25",
        "dollar_volume": int(volume),
        "dollar_open_interest": 900,
        "ts": unix(now),
        "ts_ms": milliseconds(now),
        "time": rfc3339(now),
    }
    return Message("ticker", "ticker", market.ticker, msg)
