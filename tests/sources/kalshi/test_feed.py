"""Kalshi's live feed, against a server on the loopback that behaves, misbehaves, goes and comes back."""

from __future__ import annotations

import asyncio
import base64
import copy
import json
import logging
import traceback
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from exporter.errors import SettingsError
from exporter.simulator.mutation import mutate, other_type
from exporter.sources.kalshi.feed import MAX_CHANGES, KalshiLive, Timeouts
from exporter.sources.kalshi.frames import BODIES, BadFrame, read_frame
from exporter.sources.kalshi.subscriptions import ENDINGS, TICKERS_AT_ONCE
from tests.sources.canned import KEY_ID, NOW, private_key
from tests.sources.fields import NOT_BELOW_ZERO, PRICE, TEXT, Read
from tests.sources.kalshi import venue_socket as v
from tests.sources.kalshi.venue_socket import (
    MARKET,
    QUICK,
    Line,
    fill,
    hearing,
    live,
    position,
    ticker,
    turn,
    until,
    venue,
)

pytestmark = pytest.mark.anyio

OTHER = "KXSAMPLE-26DEC01-T11"


def verify(upgrade: Any) -> str:
    """Check an upgrade's signature with the public key; return its timestamp."""
    key = load_pem_private_key(private_key().encode(), None)
    assert isinstance(key, Ed25519PrivateKey)
    stamp = upgrade.headers["KALSHI-ACCESS-TIMESTAMP"]
    signature = base64.b64decode(upgrade.headers["KALSHI-ACCESS-SIGNATURE"])
    key.public_key().verify(signature, f"{stamp}GET{v.PATH}".encode())
    assert upgrade.headers["KALSHI-ACCESS-KEY"] == KEY_ID
    return str(stamp)


# Connecting and subscribing.


async def test_the_upgrade_is_signed_like_a_request() -> None:
    """Milliseconds, GET and the path of the address, checked with the public key."""
    async with venue() as server, hearing(server.url, MARKET) as heard:
        await live(heard)
        assert verify(server.upgrades[0]) == str(int(NOW.timestamp() * 1000))


async def test_quotes_are_asked_of_the_open_markets_and_of_no_others() -> None:
    """A ticker without a filter would be every market of the exchange."""
    async with venue() as server, hearing(server.url, MARKET) as heard:
        await live(heard)
        (line,) = server.lines
        assert set(line.subscribed()) == {"fill", "market_positions", "market_lifecycle_v2", "ticker"}
        quoted = next(params for params in line.asked("subscribe") if params["channels"] == ["ticker"])
        assert quoted["market_tickers"] == [MARKET]
        assert quoted["send_initial_snapshot"] is True
        assert [c["id"] for c in line.commands] == [1, 2, 3, 4]


async def test_without_an_open_market_no_quotes_are_asked_for() -> None:
    """Fills and positions are heard all the same."""
    async with venue() as server, hearing(server.url) as heard:
        await live(heard)
        assert server.lines[0].subscribed() == ["fill", "market_positions", "market_lifecycle_v2"]


async def test_subscriptions_follow_the_positions() -> None:
    """Opened markets are added, closed ones deleted; with the last one the channel is closed."""
    async with venue() as server, hearing(server.url, MARKET) as heard:
        await live(heard)
        (line,) = server.lines
        heard.tickers.add(OTHER)
        heard.feed.follow()
        await until(lambda: line.markets() == {MARKET, OTHER})
        assert line.asked("update_subscription")[-1] == {
            "sids": [4],
            "action": "add_markets",
            "market_tickers": [OTHER],
            "send_initial_snapshot": True,
        }
        heard.tickers.remove(MARKET)
        heard.feed.follow()
        await until(lambda: line.markets() == {OTHER})
        heard.tickers.clear()
        heard.feed.follow()
        await until(lambda: line.asked("unsubscribe") == [{"sids": [4]}])
        heard.tickers.add(MARKET)
        heard.feed.follow()
        await until(lambda: line.markets() == {MARKET})
        heard.feed.follow()
        await line.say(ticker())
        await until(lambda: heard.marks)
        assert len(line.commands) == 8, "nothing is asked for twice"


async def test_many_markets_are_asked_for_in_pieces() -> None:
    """A command stays small however many positions are open, and none is left out or asked twice."""
    many = {f"KXMANY-{number:04d}" for number in range(2 * TICKERS_AT_ONCE + 7)}
    async with venue() as server, hearing(server.url, *many) as heard:
        await live(heard)
        (line,) = server.lines
        await until(lambda: line.markets() == many)
        pieces = [c["params"]["market_tickers"] for c in line.commands if "market_tickers" in c["params"]]
        assert [len(piece) for piece in pieces] == [TICKERS_AT_ONCE, TICKERS_AT_ONCE, 7]


async def test_a_market_opened_before_the_answer_came_is_not_forgotten() -> None:
    """The number of a subscription is only known from its answer; what came between is asked then."""
    async with venue() as server:
        server.answer = v.mute
        async with hearing(server.url, MARKET) as heard:
            line = await server.line()
            await until(lambda: "ticker" in line.subscribed())
            heard.tickers.add(OTHER)
            heard.feed.follow()
            for command in list(line.commands):
                await v.polite(line, command)
            await until(lambda: line.markets() == {MARKET, OTHER})


# Quotes.


async def test_a_quote_is_a_mark_as_of_when_it_was_heard() -> None:
    """Exact prices, our time; what a market has resolved to is not in it."""
    async with venue() as server, hearing(server.url, MARKET) as heard:
        await live(heard)
        await server.lines[0].say(ticker())
        await until(lambda: heard.marks)
        (mark,) = heard.marks
        assert (mark.ticker, mark.yes_bid, mark.yes_ask, mark.last, mark.settled_value, mark.at) == (
            MARKET,
            Decimal("0.58"),
            Decimal("0.60"),
            Decimal("0.59"),
            None,
            NOW,
        )
        assert heard.tally.last == NOW


@pytest.mark.parametrize(
    ("changes", "side"),
    [
        ({"yes_bid_dollars": "0.0000", "yes_bid_size_fp": "0.00"}, "yes_bid"),
        ({"yes_bid_dollars": "0.4000", "yes_bid_size_fp": "0.00"}, "yes_bid"),
        ({"yes_bid_dollars": "0.0000"}, "yes_bid"),
        ({"yes_ask_dollars": "1.0000", "yes_ask_size_fp": "0.00"}, "yes_ask"),
        ({"yes_ask_dollars": "0.0000"}, "yes_ask"),
        ({"yes_ask_dollars": "1.0000"}, "yes_ask"),
        ({"price_dollars": "0.0000"}, "last"),
    ],
)
async def test_a_side_nobody_quotes_is_none(changes: dict[str, str], side: str) -> None:
    """Decided by size and by the price lying between 0 and 1, as in the readings; never 0 or 1."""
    frame = read_frame(json.dumps(ticker(**changes)).encode())
    mark = frame.body.mark("kalshi", NOW)  # type: ignore[union-attr]
    assert [s for s in ("yes_bid", "yes_ask", "last") if getattr(mark, s) is None] == [side]


async def test_the_newest_quote_wins_whatever_the_order() -> None:
    """An older frame and the same one again are counted and dropped; two of one millisecond are both news."""
    async with venue() as server, hearing(server.url, MARKET) as heard:
        await live(heard)
        now = 1795305540123
        await server.lines[0].say(
            ticker(yes_bid_dollars="0.5000", ts_ms=now),
            ticker(yes_bid_dollars="0.4000", ts_ms=now - 1),
            ticker(yes_bid_dollars="0.5000", ts_ms=now),
            ticker(yes_bid_dollars="0.5100", ts_ms=now),
            ticker(yes_bid_dollars="0.5200", ts_ms=now + 1),
        )
        await until(lambda: heard.tally.frames["ticker"] == 5)
        await until(lambda: heard.bids() and heard.bids()[-1] == "0.5200")
        assert "0.4000" not in heard.bids()
        assert heard.tally.dropped == {"late": 1, "repeated": 1}


async def test_a_quote_nobody_asked_for_is_dropped() -> None:
    """So the marks that wait are never more than the markets that are open."""
    async with venue() as server, hearing(server.url, MARKET, listens=False) as heard:
        await until(lambda: heard.feed.status == "live")
        await server.lines[0].say(*(ticker(f"KXOTHER-{number}") for number in range(50)), ticker())
        await until(lambda: heard.tally.frames["ticker"] == 51)
        assert len((await heard.feed.news()).marks) == 1
        assert heard.tally.dropped["unasked"] == 50


async def test_a_slow_consumer_gets_the_newest_and_holds_up_nothing() -> None:
    """The socket is read on; of each market the last quotes wait, of everything else a bounded number."""
    async with venue() as server, hearing(server.url, MARKET, OTHER, listens=False) as heard:
        await until(lambda: heard.feed.status == "live")
        (line,) = server.lines
        for number in range(2_000):
            await line.say(
                ticker(ts_ms=1795305540000 + number, yes_bid_dollars=f"0.{1000 + number}"),
                ticker(OTHER, ts_ms=1795305540000 + number),
                fill(f"f-{number}"),
            )
        await until(lambda: heard.tally.frames["fill"] == 2_000)
        news = await heard.feed.news()
        assert {mark.ticker: mark.yes_bid for mark in news.marks} == {
            MARKET: Decimal("0.2999"),
            OTHER: Decimal("0.58"),
        }
        assert len(news.changes) <= MAX_CHANGES + 1
        assert news.changes[-1].reason == "fill"


# What asks for a reading.


async def test_a_fill_asks_for_a_reading_and_says_which_fill() -> None:
    """It is not booked: the reading is the truth."""
    async with venue() as server, hearing(server.url) as heard:
        await live(heard)
        await server.lines[0].say(fill("f-7"), fill("f-7"), position())
        await until(lambda: "market_position" in heard.reasons())
        assert "f-7" in [change.fill_id for change in heard.changes]
        assert heard.marks == []


async def test_a_resolution_of_an_open_market_asks_for_a_reading() -> None:
    """The channel tells of every market there is; only ours, and only their ends, concern us."""
    async with venue() as server, hearing(server.url, MARKET) as heard:
        await live(heard)
        await server.lines[0].say(
            turn("settled", OTHER),
            turn("activated"),
            turn("a word of next year"),
            turn("determined"),
        )
        await until(lambda: "determined" in heard.reasons())
        assert heard.reasons() == ["connected", "determined"]
        await server.lines[0].say(turn("settled"))
        await until(lambda: heard.reasons()[-1] == "settled")


# Frames that are not as agreed.

EXAMPLES: dict[str, dict[str, Any]] = {
    "ticker": ticker(),
    "fill": fill(),
    "market_position": position(),
    "market_lifecycle_v2": turn(),
    "subscribed": {"id": 1, "type": "subscribed", "msg": {"channel": "fill", "sid": 1}},
    "error": {"id": 6, "type": "error", "msg": {"code": 8, "msg": "Unknown channel name"}},
}
MILLISECONDS = Read(beyond=(-1, 0, 1795305540, 10**16, 1.5, True))
NUMBER = Read(beyond=(-1, 10**20, 1.5, True))
READ: dict[str, dict[str, Read]] = {
    "ticker": {
        "market_ticker": TEXT,
        "price_dollars": PRICE,
        "yes_bid_dollars": PRICE,
        "yes_bid_size_fp": NOT_BELOW_ZERO,
        "yes_ask_dollars": PRICE,
        "yes_ask_size_fp": NOT_BELOW_ZERO,
        "ts_ms": MILLISECONDS,
    },
    "fill": {"market_ticker": TEXT, "trade_id": TEXT},
    "market_position": {"market_ticker": TEXT},
    "market_lifecycle_v2": {"market_ticker": TEXT, "event_type": TEXT},
    "subscribed": {"channel": TEXT, "sid": NUMBER},
    "error": {"code": NUMBER},
}
FIELDS = [(kind, field, what) for kind, fields in READ.items() for field, what in fields.items()]


def complaint(frame: Any) -> tuple[str, str]:
    """Return how a frame is refused."""
    with pytest.raises(BadFrame) as caught:
        read_frame(json.dumps(frame).encode())
    return caught.value.kind, caught.value.reason


def test_the_table_of_fields_covers_every_type_of_frame() -> None:
    """A new frame without questions asked of it fails here."""
    assert set(READ) == set(EXAMPLES) == set(BODIES)
    for kind, model in BODIES.items():
        assert set(READ[kind]) == set(model.model_fields)


@pytest.mark.parametrize(("kind", "field", "what"), FIELDS)
def test_a_field_that_is_gone_renamed_null_or_retyped_is_named(kind: str, field: str, what: Read) -> None:
    """The frame is refused and the reason is the field, under its old name."""
    example, path = EXAMPLES[kind], f"msg.{field}"
    broken = [mutate(example, path, "remove"), mutate(example, path, "rename", "renamed_by_venue")]
    broken += [mutate(example, path, "null"), mutate(example, path, "set", other_type(example["msg"][field]))]
    broken += [mutate(example, path, "set", value) for value in ([1], {"a": 1}, True, *what.beyond)]
    for frame in broken:
        assert complaint(frame) == (kind, f"{kind}.{field}")


@pytest.mark.parametrize(
    ("kind", "field"), [(k, f) for k, e in EXAMPLES.items() for f in e["msg"] if f not in READ[k]]
)
def test_a_field_we_do_not_read_may_be_anything(kind: str, field: str) -> None:
    """What is not read cannot stop a quote."""
    for operation, value in (("remove", None), ("null", None), ("set", {"new": [1]})):
        frame = mutate(EXAMPLES[kind], f"msg.{field}", operation, value)
        assert read_frame(json.dumps(frame).encode()).kind == kind


@pytest.mark.parametrize("kind", EXAMPLES)
def test_a_frame_without_its_body_is_named_as_such(kind: str) -> None:
    """Missing, null or another type."""
    for value in (None, [], "text", 7):
        assert complaint(EXAMPLES[kind] | {"msg": value}) == (kind, f"{kind}.msg")
    frame = copy.deepcopy(EXAMPLES[kind])
    del frame["msg"]
    assert complaint(frame) == (kind, f"{kind}.msg")


GARBAGE = [
    "",
    "null",
    "[]",
    "7",
    '"text"',
    "{",
    "<!doctype html>",
    "[" * 100_000,
    '{"type": 7}',
    '{"type": null}',
    "{}",
    b"\xff\xfe\x00",
    '{"type": "ticker", "msg": {"market_ticker": NaN}}',
    "9" * 5_000,
]


async def test_garbage_is_counted_and_the_conversation_goes_on() -> None:
    """No frame ends the feed; the next good quote arrives over the same connection."""
    async with venue() as server, hearing(server.url, MARKET) as heard:
        await live(heard)
        await server.lines[0].say(*GARBAGE, {"type": "a_type_of_next_year", "msg": {}}, ticker())
        await until(lambda: heard.marks)
        assert len(server.lines) == 1
        assert sum(heard.tally.dropped.values()) == len(GARBAGE) + 1
        assert set(heard.tally.dropped) == {"body", "type", "ticker.market_ticker", "unknown_type"}
        assert set(heard.tally.frames) <= {*BODIES, "other"}


async def test_a_fill_that_cannot_be_read_asks_for_a_reading_all_the_same() -> None:
    """Something was traded, whatever the frame looks like; an unreadable quote asks for nothing."""
    async with venue() as server, hearing(server.url, MARKET) as heard:
        await live(heard)
        await server.lines[0].say(fill(trade_id=7), position(market_ticker=None), ticker(ts_ms="x"))
        await until(lambda: heard.tally.dropped["ticker.ts_ms"])
        await until(lambda: len(heard.changes) == 3)
        assert heard.reasons() == ["connected", "fill", "market_position"]
        assert set(heard.tally.dropped) == {"fill.trade_id", "market_position.market_ticker", "ticker.ts_ms"}


async def test_labels_come_from_a_short_list() -> None:
    """Neither a type nor a code that the venue makes up becomes a series of its own."""
    async with venue() as server, hearing(server.url) as heard:
        await live(heard)
        for number in range(30):
            await server.lines[0].say(
                {"type": f"type_{number}", "msg": {}},
                {"type": "error", "msg": {"code": 1_000 + number, "msg": ""}},
            )
        await until(lambda: heard.tally.dropped["error_other"] == 30)
        assert set(heard.tally.frames) == {"subscribed", "other", "error"}
        assert heard.tally.dropped["unknown_type"] == 30


# Connections that end, fall silent, or never come about.


async def test_a_closed_connection_is_replaced_by_a_whole_one() -> None:
    """Everything is subscribed again, with a fresh signature, and a reading is asked for."""
    async with venue() as server, hearing(server.url, MARKET) as heard:
        for number in (1, 2, 3):
            line = await server.line(number)
            await until(lambda: heard.reasons().count("connected") == number)  # noqa: B023
            assert set(line.subscribed()) == {"fill", "market_positions", "market_lifecycle_v2", "ticker"}
            await line.socket.close(1012)
        await server.line(4)
        assert heard.tally.reconnects[:3] == ["closed"] * 3
        assert len({u.headers["KALSHI-ACCESS-TIMESTAMP"] for u in server.upgrades}) == 1  # the clock stands
        for upgrade in server.upgrades:
            verify(upgrade)
        assert heard.tally.connected[:4] == [True, False, True, False]


async def test_a_quote_of_the_new_connection_counts_though_its_time_is_old() -> None:
    """The initial snapshot repeats the last quote; after a break it is news."""
    async with venue() as server, hearing(server.url, MARKET) as heard:
        for number in (1, 2):
            line = await server.line(number)
            await until(lambda: heard.reasons().count("connected") == number)  # noqa: B023
            await line.say(ticker())
            await until(lambda: len(heard.marks) == number)  # noqa: B023
            await line.socket.close()
        assert heard.tally.dropped == {}


async def test_a_server_that_is_gone_for_a_while_is_found_again() -> None:
    """Refused connections are counted, and the first one that works is used."""
    async with venue() as server, hearing(server.url, MARKET) as heard:
        await live(heard)
        await server.close()
        await until(lambda: heard.tally.reconnects.count("connect") >= 3)
        assert heard.feed.status == "connecting"
        await server.open()
        line = await server.line(2)
        await until(lambda: heard.feed.status == "live")
        await line.say(ticker())
        await until(lambda: heard.marks)


async def _chatter(line: Line) -> None:
    """Say everything but quotes, and ping, until the other side leaves."""
    while True:
        await line.say(turn("activated", OTHER), {"type": "ok", "id": 1, "msg": {}})
        await asyncio.wait_for(await line.socket.ping(), v.PATIENCE)


async def test_a_socket_that_brings_no_quotes_is_replaced_whatever_else_it_says() -> None:
    """Answered pings and other frames prove that somebody is there, not that quotes would come."""
    async with venue() as server, hearing(server.url, MARKET, timeouts=replace(QUICK, silence=0.05)) as heard:
        line = await server.line()
        chatter = asyncio.create_task(_chatter(line))
        await server.line(2)
        await asyncio.wait({chatter})
        chatter.exception()
        assert heard.tally.reconnects[0] == "silent"
        assert heard.tally.frames["ok"] > 0


async def test_without_open_markets_silence_is_no_fault() -> None:
    """There is nothing to quote; as soon as there is, silence counts."""
    async with venue() as server, hearing(server.url, timeouts=replace(QUICK, silence=0.01)) as heard:
        await live(heard)
        await asyncio.sleep(0.05)
        await server.lines[0].say(fill())
        await until(lambda: "fill" in heard.reasons())
        assert heard.tally.reconnects == []
        heard.tickers.add(MARKET)
        heard.feed.follow()
        await server.line(2)
        assert heard.tally.reconnects[0] == "silent"


async def test_a_quote_that_only_the_readings_have_shows_a_deaf_socket() -> None:
    """REST showed another quote twice and the frame never came: the connection is replaced."""
    async with venue() as server, hearing(server.url, MARKET) as heard:
        await live(heard)
        await server.lines[0].say(ticker())
        await until(lambda: heard.marks)
        moved = replace(heard.marks[0], yes_bid=Decimal("0.70"))
        heard.feed.compare([moved])
        heard.feed.compare([moved])
        await server.line(2)
        assert heard.tally.reconnects == ["missed"]


async def test_a_reading_that_lags_behind_the_socket_is_no_fault() -> None:
    """A difference is forgotten when the reading agrees again, or a newer frame comes."""
    async with venue() as server, hearing(server.url, MARKET) as heard:
        await live(heard)
        (line,) = server.lines
        await line.say(ticker())
        await until(lambda: heard.marks)
        usual = heard.marks[0]
        old = replace(usual, yes_bid=Decimal("0.10"))
        heard.feed.compare([old])
        heard.feed.compare([usual])
        heard.feed.compare([old])
        await line.say(ticker(ts_ms=1795305549999, yes_bid_dollars="0.6100", yes_ask_dollars="0.6200"))
        await until(lambda: len(heard.marks) == 2)
        heard.feed.compare([old])
        heard.feed.compare([replace(old, ticker=OTHER)])
        await line.say(fill())
        await until(lambda: "fill" in heard.reasons())
        assert heard.tally.reconnects == []


async def test_a_subscription_that_is_never_answered_is_not_waited_for() -> None:
    """Until all are answered the feed is not live."""
    async with venue() as server:
        server.answer = v.mute
        async with hearing(server.url, MARKET, timeouts=replace(QUICK, answer=0.05)) as heard:
            await server.line(2)
            assert heard.tally.reconnects[0] == "unanswered"
            assert heard.feed.status == "connecting"
            assert heard.reasons() == []


@pytest.mark.parametrize("code", [10, 25])
async def test_a_subscription_the_venue_ended_is_opened_again(code: int) -> None:
    """Only the one it names, on the same connection, and a reading is asked for."""
    async with venue() as server, hearing(server.url, MARKET, OTHER) as heard:
        await live(heard)
        (line,) = server.lines
        await line.say({"type": "error", "sid": 4, "msg": {"code": code, "msg": "Buffer overflow"}})
        await until(lambda: line.subscribed().count("ticker") == 2)
        await until(lambda: heard.reasons().count("connected") == 2)
        assert line.asked("subscribe")[-1]["market_tickers"] == sorted((MARKET, OTHER))
        assert line.subscribed().count("fill") == 1
        await line.say(ticker())
        await until(lambda: heard.marks)
        assert len(server.lines) == 1
        assert heard.tally.dropped == {f"error_{code}": 1}


async def test_an_ending_that_names_no_subscription_may_mean_any() -> None:
    """Subscribing twice does no harm, so everything is opened again."""
    async with venue() as server, hearing(server.url, MARKET) as heard:
        await live(heard)
        (line,) = server.lines
        await line.say({"type": "error", "msg": {"code": 25, "msg": "Buffer overflow"}})
        await until(lambda: len(line.subscribed()) == 8)
        assert sorted(line.subscribed()[:4]) == sorted(line.subscribed()[4:])


async def test_a_venue_that_ends_everything_again_and_again_gets_a_new_connection() -> None:
    """With its waits in between, so that we do not hammer it."""
    async with venue() as server, hearing(server.url, MARKET) as heard:
        await live(heard)
        (line,) = server.lines
        for _ in range(ENDINGS + 1):
            await line.say({"type": "error", "msg": {"code": 25, "msg": ""}})
        await server.line(2)
        assert heard.tally.reconnects == ["refused"]


@pytest.mark.parametrize("channel", ["fill", "ticker"])
async def test_without_quotes_or_fills_there_is_no_live_feed(channel: str) -> None:
    """A refusal of either is a failure, told as such, and tried again."""
    async with venue() as server:
        server.answer = v.refusing(channel, 9)
        async with hearing(server.url, MARKET) as heard:
            await server.line(2)
            assert heard.tally.reconnects[0] == "refused"
            assert heard.tally.connected[0] is False


async def test_a_channel_we_can_do_without_may_be_refused() -> None:
    """The readings find out about resolutions anyway."""
    async with venue() as server:
        server.answer = v.refusing("market_lifecycle_v2", 8)
        async with hearing(server.url, MARKET) as heard:
            await live(heard)
            assert heard.tally.dropped == {"error_8": 1}
            assert heard.tally.reconnects == []


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (401, "unauthorised"),
        (403, "forbidden"),
        (404, "not_found"),
        (429, "rate_limited"),
        (400, "refused"),
        (503, "server_error"),
    ],
)
async def test_a_refused_upgrade_is_counted_by_its_reason(status: int, reason: str) -> None:
    """And the next one is tried, since a human may have put it right."""
    async with venue() as server:
        server.refusals = [(status, {})]
        async with hearing(server.url, MARKET) as heard:
            await live(heard)
            assert heard.tally.reconnects == [reason]


async def test_no_redirect_carries_the_signature_elsewhere() -> None:
    """The library would follow one with our headers; the other host must hear nothing."""
    async with venue() as elsewhere, venue() as server:
        server.refusals = [(302, {"Location": elsewhere.url}), (307, {"Location": v.PATH})]
        async with hearing(server.url, MARKET) as heard:
            await live(heard)
            assert elsewhere.upgrades == []
            assert heard.tally.reconnects == ["redirected", "redirected"]


async def test_a_socket_that_is_not_there_is_waited_for_quietly(caplog: pytest.LogCaptureFixture) -> None:
    """One line per outage, however many attempts."""
    caplog.set_level(logging.INFO)
    async with hearing(f"ws://{v.HOST}:9{v.PATH}", MARKET) as heard:
        await until(lambda: len(heard.tally.reconnects) > 5)
        assert set(heard.tally.reconnects) == {"connect"}
        assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_waits_double_with_jitter_and_are_bounded() -> None:
    """From half a second to half a minute; what a human must mend is tried at the slowest pace at once."""
    slow = v.make("wss://venue.test/", set, v.Tally(), Timeouts())
    assert [slow._wait("closed", failures) for failures in (0, 1, 2, 5, 6, 7, 400)] == [
        0.5,
        1.0,
        2.0,
        16.0,
        30.0,
        30.0,
        30.0,
    ]
    assert slow._wait("unauthorised", 0) == 30.0
    quick = KalshiLive(
        "wss://venue.test/", KEY_ID, private_key(), lambda: NOW, v.Tally(), set, jitter=lambda: 0.0
    )
    assert quick._wait("closed", 7) == 15.0


@pytest.mark.parametrize(("steady", "failures"), [(v.PATIENCE, [0, 1, 2]), (0.0, [0, 0, 0])])
async def test_only_a_connection_that_lasted_resets_the_waits(
    steady: float, failures: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A venue that accepts and hangs up at once is not hammered; after a steady one we are quick."""
    asked: list[int] = []

    def wait(feed: KalshiLive, ended: str, failed: int) -> float:
        asked.append(failed)
        return 0.0

    monkeypatch.setattr(KalshiLive, "_wait", wait)
    async with venue() as server, hearing(server.url, timeouts=replace(QUICK, steady=steady)) as heard:
        for number in (1, 2, 3):
            line = await server.line(number)
            await until(lambda: heard.tally.connected.count(True) == number)  # noqa: B023
            await line.socket.close()
        await until(lambda: len(asked) == 3)
    assert asked == failures


async def test_cancelling_closes_the_connection() -> None:
    """The venue is told goodbye."""
    async with venue() as server:
        async with hearing(server.url, MARKET) as heard:
            await live(heard)
        await server.lines[0].socket.wait_closed()
        assert server.lines[0].socket.close_code in (1000, 1001)


# Secrets.


async def test_keys_are_never_shown(caplog: pytest.LogCaptureFixture) -> None:
    """Not even when somebody turns on everything the library would log, or the venue refuses us."""
    caplog.set_level(logging.DEBUG)
    logging.getLogger("websockets").setLevel(logging.DEBUG)
    async with venue() as server:
        server.refusals = [(401, {}), (302, {"Location": "ws://127.0.0.1:9/"})]
        async with hearing(server.url, MARKET) as heard:
            await live(heard)
            await server.lines[0].say(fill(), ticker(), "garbage")
            await server.lines[0].socket.close(1011)
            await server.line(2)
            shown = "\n".join([_ours(caplog), repr(heard.feed), repr(vars(heard.feed))])
            signatures = [u.headers["KALSHI-ACCESS-SIGNATURE"] for u in server.upgrades]
    with pytest.raises(SettingsError) as caught:
        KalshiLive(server.url, f"{KEY_ID} ", "no key", lambda: NOW, v.Tally(), set)
    shown += "".join(traceback.format_exception(caught.value))
    for secret in (KEY_ID, *signatures, *private_key().splitlines()[1:-1]):
        assert secret not in shown


def _ours(caplog: pytest.LogCaptureFixture) -> str:
    # The server of this test logs the headers it gets, as a venue may; that is not our side.
    return "\n".join(r.getMessage() for r in caplog.records if r.name != "websockets.server")
