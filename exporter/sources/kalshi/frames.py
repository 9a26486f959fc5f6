"""The WebSocket messages of the venue: what its frames say, and what we say to it.

Source: Kalshi trade API, "WebSocket API" pages (read 2026-11).
Units:  prices and sizes are decimal strings of YES; `ts_ms` is Unix milliseconds.
Quirk:  names differ from REST: a fill is `trade_id`, a market `market_ticker`, and what is
        subscribed as `market_positions` arrives as `market_position`. A ticker without a market filter
        is every market of the exchange, so one is never sent.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from exporter.records import Mark
from exporter.sources.kalshi.rows import quote
from exporter.sources.shapes import ONE, NoLessThanZero, Price, Shape, Text, first_trouble

TICKER = "ticker"
CHANNELS = ("fill", "market_positions", "market_lifecycle_v2", TICKER)
"""Everything that is subscribed; the ticker for the open markets, the others for all there are."""

RESOLVED = frozenset({"determined", "settled"})
"""Turns in the life of a market that change what a position is worth, or end it."""

ENDED = frozenset({10, 25})
"""Error codes after which the venue sends no more of a subscription: channel error, buffer overflow."""

KNOWN_CODES = 28
OTHER = "other"

Identifier = Annotated[int, Field(ge=0, le=1 << 62)]
Milliseconds = Annotated[int, Field(ge=946_684_800_000, lt=4_102_444_800_000)]  # the years 2000 to 2099


class BadFrame(Exception):
    """A frame that is not as agreed. `kind` is its type as far as known, `reason` names the field."""

    def __init__(self, kind: str, reason: str) -> None:
        self.kind = kind
        self.reason = reason
        super().__init__(f"{kind}: {reason}")


class TickerFrame(Shape):
    market_ticker: Text
    price_dollars: Price
    yes_bid_dollars: Price
    yes_bid_size_fp: NoLessThanZero
    yes_ask_dollars: Price
    yes_ask_size_fp: NoLessThanZero
    ts_ms: Milliseconds

    def mark(self, source: str, at: datetime) -> Mark:
        """Return the quotes, as we heard them `at`; what a market has resolved to is not in them."""
        return Mark(
            source=source,
            ticker=self.market_ticker,
            yes_bid=quote(self.yes_bid_dollars, self.yes_bid_size_fp),
            yes_ask=quote(self.yes_ask_dollars, self.yes_ask_size_fp),
            last=quote(self.price_dollars, ONE),
            settled_value=None,
            at=at,
        )


class FillFrame(Shape):
    market_ticker: Text
    trade_id: Text  # the fill_id of REST


class PositionFrame(Shape):
    market_ticker: Text


class LifecycleFrame(Shape):
    market_ticker: Text
    event_type: Text


class SubscribedFrame(Shape):
    channel: Text
    sid: Identifier


class ErrorFrame(Shape):
    code: Identifier


class OtherFrame(Shape):
    """A reply that says no more than that it came."""


Body = TickerFrame | FillFrame | PositionFrame | LifecycleFrame | SubscribedFrame | ErrorFrame | OtherFrame

BODIES: Mapping[str, type[Body]] = {
    "ticker": TickerFrame,
    "fill": FillFrame,
    "market_position": PositionFrame,
    "market_lifecycle_v2": LifecycleFrame,
    "subscribed": SubscribedFrame,
    "error": ErrorFrame,
}
SILENT = frozenset({"ok", "unsubscribed", "event_lifecycle", "event_fee_update"})
"""Types that are expected and tell us nothing."""


class Envelope(Shape):
    type: Text


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame that was understood; `kind` is a label from a short list, `other` for unknown types."""

    kind: str
    body: Body
    id: int | None
    sid: int | None


def read_frame(text: bytes) -> Frame:
    """Return what a frame says. Raises BadFrame, and nothing else, for one that is not as agreed."""
    try:
        raw = json.loads(text)
    except (ValueError, RecursionError):
        raise BadFrame(OTHER, "body") from None
    kind: str = _read(Envelope, raw, OTHER, "body").type
    number, sid = (_whole(raw.get(name)) for name in ("id", "sid"))
    model = BODIES.get(kind)
    if model is None:
        return Frame(kind if kind in SILENT else OTHER, OtherFrame(), number, sid)
    return Frame(kind, _read(model, raw.get("msg"), kind, f"{kind}.msg"), number, sid)


def _read(model: type[Any], raw: Any, kind: str, whole: str) -> Any:
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        field, _ = first_trouble(error)
        part = field if kind == OTHER else f"{kind}.{field}"
        raise BadFrame(kind, whole if field == "body" else part) from None


def _whole(number: object) -> int | None:
    # Only replies are told apart by these two; a quote or a fill is no worse without them.
    return number if isinstance(number, int) and not isinstance(number, bool) else None


def code_label(code: int) -> str:
    """Return the label of an error code; a number nobody documented must not become a series."""
    return f"error_{code}" if code <= KNOWN_CODES else f"error_{OTHER}"


def subscribe(number: int, channel: str, tickers: Collection[str] = ()) -> str:
    """Return the command that opens a channel; of the ticker, only for named markets."""
    params: dict[str, Any] = {"channels": [channel]}
    if channel == TICKER:
        assert tickers, "a ticker without markets would be all of them"
        params |= {"market_tickers": sorted(tickers), "send_initial_snapshot": True}
    return _command(number, "subscribe", params)


def unsubscribe(number: int, sid: int) -> str:
    """Return the command that closes a subscription."""
    return _command(number, "unsubscribe", {"sids": [sid]})


def update(
    number: int, sid: int, action: Literal["add_markets", "delete_markets"], tickers: Collection[str]
) -> str:
    """Return the command that changes the markets of the ticker subscription."""
    params: dict[str, Any] = {"sids": [sid], "action": action, "market_tickers": sorted(tickers)}
    if action == "add_markets":
        params["send_initial_snapshot"] = True
    return _command(number, "update_subscription", params)


def _command(number: int, name: str, params: Mapping[str, Any]) -> str:
    return json.dumps({"id": number, "cmd": name, "params": params}, separators=(",", ":"))
