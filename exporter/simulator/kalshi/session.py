"""The conversation of one socket: commands in, replies and frames out; no network, no clock.

Source: Kalshi trade API, "WebSocket API" (AsyncAPI 2.0.0, read 2026-11).
Quirk:  private channels and `ticker` carry no `seq`, so a lost message leaves no trace on the socket.
        Only the five channels of interest are played; any other is answered as unknown.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from heapq import nlargest
from operator import attrgetter
from typing import Any

from exporter.simulator.kalshi import feed
from exporter.simulator.kalshi.account import Account
from exporter.simulator.kalshi.feed import Message
from exporter.simulator.kalshi.market import Market, Quote

Frame = dict[str, Any]

CHANNELS = ("ticker", "fill", "market_positions", "user_orders", "market_lifecycle_v2")
SEQUENCED = ("market_lifecycle_v2",)
ERRORS = {
    1: "Unable to process message",
    2: "Params required",
    3: "Channels required",
    4: "Subscription IDs required",
    5: "Unknown command",
    7: "Unknown subscription ID",
    8: "Unknown channel name",
    11: "Invalid parameter",
    12: "Exactly one subscription ID is required",
    13: "Unsupported action",
    14: "Market tickers required",
    15: "Action required",
    25: "Subscription buffer overflow",
}


class RefusedError(Exception):
    """A command that is answered with an error code."""

    def __init__(self, code: int) -> None:
        super().__init__(ERRORS[code])
        self.code = code


@dataclass(slots=True)
class Subscription:
    """One channel that the client listens to; without tickers, to all of them."""

    sid: int
    channel: str
    tickers: set[str] | None = None
    sequence: int = 0

    def next(self) -> int:
        """Return the next number of this subscription."""
        self.sequence += 1
        return self.sequence

    def wants(self, message: Message) -> bool:
        """Say whether a message belongs to this subscription."""
        return message.channel == self.channel and (self.tickers is None or message.ticker in self.tickers)


class Session:
    """The state of one connection. Sids are new with every session, and so is every `seq`."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.subscriptions: dict[int, Subscription] = {}
        self._sids = 0
        self._quoted: dict[str, Quote] = {}

    # Commands.

    def command(self, text: str | None, now: datetime) -> list[Frame]:
        """Carry out one command and return what is to be sent, in order."""
        number = 0
        try:
            command = _object(text)
            number = _number(command)
            frames = self._carry_out(command, now)
        except RefusedError as refused:
            frames = [{"type": "error", "msg": {"code": refused.code, "msg": ERRORS[refused.code]}}]
        return [{"id": number} | f if number and f["type"] in REPLIES else f for f in frames]

    def _carry_out(self, command: Frame, now: datetime) -> list[Frame]:
        name = command.get("cmd")
        if name == "list_subscriptions":
            listed = [{"channel": s.channel, "sid": s.sid} for s in self.subscriptions.values()]
            return [{"type": "ok", "msg": listed}]
        actions = {
            "subscribe": self._subscribe,
            "update_subscription": self._update,
            "unsubscribe": self._unsubscribe,
        }
        if name not in actions:
            raise RefusedError(5)
        params = command.get("params")
        if not isinstance(params, dict):
            raise RefusedError(2)
        return actions[name](params, now)

    def _subscribe(self, params: Frame, now: datetime) -> list[Frame]:
        channels, tickers = params.get("channels"), _tickers(params)
        if not isinstance(channels, list) or not channels:
            raise RefusedError(3)
        if any(channel not in CHANNELS for channel in channels):
            raise RefusedError(8)
        if tickers is not None and "market_lifecycle_v2" in channels:
            raise RefusedError(11)  # it cannot be narrowed
        frames = []
        for channel in channels:
            subscription, fresh = self._open(channel, tickers)
            frames.append({"type": "subscribed", "msg": {"channel": channel, "sid": subscription.sid}})
            if channel == "ticker" and params.get("send_initial_snapshot"):
                frames += self._snapshot(subscription, subscription.tickers, now)
            if channel == "fill" and fresh and self.account.socket.repeats:
                frames += self._repeats(subscription)
        return frames

    def _open(self, channel: str, tickers: set[str] | None) -> tuple[Subscription, bool]:
        """Return the subscription of a channel, and whether it is new; an open one takes the tickers in."""
        for known in self.subscriptions.values():
            if known.channel == channel:
                known.tickers = None if tickers is None or known.tickers is None else known.tickers | tickers
                return known, False
        self._sids += 1
        made = self.subscriptions[self._sids] = Subscription(self._sids, channel, tickers)
        return made, True

    def _update(self, params: Frame, now: datetime) -> list[Frame]:
        sids = _sids(params)
        if len(sids) != 1:
            raise RefusedError(12)
        subscription = self._known(sids[0])
        action, tickers = params.get("action"), _tickers(params)
        if action is None:
            raise RefusedError(15)
        if action not in ("add_markets", "delete_markets", "get_snapshot"):
            raise RefusedError(13)
        if action == "get_snapshot" and subscription.channel != "ticker":
            raise RefusedError(13)
        if tickers is None:
            raise RefusedError(14)
        if action == "get_snapshot":
            return [self._ok(subscription), *self._snapshot(subscription, tickers, now)]
        if subscription.tickers is None:
            raise RefusedError(11)  # it has no filter to change
        changed = (
            subscription.tickers | tickers if action == "add_markets" else subscription.tickers - tickers
        )
        subscription.tickers = changed
        return [self._ok(subscription)]

    def _unsubscribe(self, params: Frame, now: datetime) -> list[Frame]:
        ended = [self._known(sid) for sid in _sids(params)]
        for subscription in ended:
            self.subscriptions.pop(subscription.sid, None)
        return [{"sid": s.sid, "seq": s.next(), "type": "unsubscribed"} for s in ended]

    def _known(self, sid: int) -> Subscription:
        if sid not in self.subscriptions:
            raise RefusedError(7)
        return self.subscriptions[sid]

    def _ok(self, subscription: Subscription) -> Frame:
        tickers = sorted(subscription.tickers or ())
        return {
            "sid": subscription.sid,
            "seq": subscription.next(),
            "type": "ok",
            "msg": {"market_tickers": tickers},
        }

    # News.

    def news(self, messages: Iterable[Message], now: datetime) -> list[tuple[str, Frame]]:
        """Return the frames that messages of the feed become here, each with its channel."""
        return [
            (subscription.channel, _frame(subscription, message, now))
            for message in messages
            for subscription in self.subscriptions.values()
            if subscription.wants(message)
        ]

    def quotes(self, now: datetime) -> list[tuple[str, Frame]]:
        """Return a ticker frame for every market whose quote moved since the last look."""
        found = []
        for subscription in self.subscriptions.values():
            if subscription.channel == "ticker":
                for market in self._quotable(subscription.tickers):
                    quote = market.quote(now)
                    before = self._quoted.setdefault(market.ticker, quote)
                    if quote != before:
                        self._quoted[market.ticker] = quote
                        frame = _frame(subscription, feed.ticker(market, quote, now), now)
                        found.append(("ticker", frame))
        return found

    def overflow(self) -> list[Frame]:
        """End every subscription with code 25; the client has to subscribe again and resync."""
        ended = list(self.subscriptions)
        self.subscriptions.clear()
        return [{"type": "error", "sid": sid, "msg": {"code": 25, "msg": ERRORS[25]}} for sid in ended]

    def _snapshot(self, subscription: Subscription, tickers: set[str] | None, now: datetime) -> list[Frame]:
        frames = []
        for market in self._quotable(tickers):
            quote = self._quoted[market.ticker] = market.quote(now)
            frames.append(_frame(subscription, feed.ticker(market, quote, now), now))
        return frames

    def _quotable(self, tickers: set[str] | None) -> list[Market]:
        known = self.account.markets
        chosen = known.values() if tickers is None else (known[t] for t in sorted(tickers) if t in known)
        return [market for market in chosen if market.status == "active"]

    def _repeats(self, subscription: Subscription) -> list[Frame]:
        """Return the account's latest fills once more, as a client sees them after a reconnect."""
        latest = nlargest(self.account.socket.repeats, self.account.fills, attrgetter("time", "sequence"))
        messages = []
        for fill in reversed(latest):
            held = self.account.positions[fill.subaccount, fill.ticker].held
            messages.append((feed.fill(fill, held), fill.time))
        return [_frame(subscription, message, time) for message, time in messages]


REPLIES = ("subscribed", "unsubscribed", "ok", "error")


def _frame(subscription: Subscription, message: Message, now: datetime) -> Frame:
    frame: Frame = {"type": message.type, "sid": subscription.sid}
    if subscription.channel in SEQUENCED:
        frame["seq"] = subscription.next()
    return frame | {"sending_ts_ms": feed.milliseconds(now), "msg": message.msg}


def _object(text: str | None) -> Frame:
    try:
        command = json.loads(text or "")
    except ValueError:
        raise RefusedError(1) from None
    if not isinstance(command, dict):
        raise RefusedError(1)
    return command


def _number(command: Frame) -> int:
    """Return the client's number of a command; 0 counts as none."""
    number = command.get("id", 0)
    if isinstance(number, bool) or not isinstance(number, int):
        raise RefusedError(1)
    return number


def _tickers(params: Frame) -> set[str] | None:
    one, many = params.get("market_ticker"), params.get("market_tickers")
    if one is not None and many is not None:
        raise RefusedError(11)
    listed = many if one is None else [one]
    if listed is None:
        return None
    if not isinstance(listed, list) or not all(isinstance(ticker, str) for ticker in listed):
        raise RefusedError(1)
    return set(listed) or None


def _sids(params: Frame) -> list[int]:
    listed = params.get("sids", [params["sid"]] if "sid" in params else None)
    if not listed:
        raise RefusedError(4)
    if not isinstance(listed, list) or not all(isinstance(sid, int) for sid in listed):
        raise RefusedError(1)
    return listed
