"""Commands of the socket and their replies, without a socket."""

from __future__ import annotations

import json
from typing import Any

import pytest

from exporter.simulator import examples
from exporter.simulator.examples import NOW, OPEN_MARKET
from exporter.simulator.kalshi.session import Session
from exporter.simulator.world import World

Frames = list[dict[str, Any]]


def session(world: World | None = None) -> Session:
    """Return a session on the reference account."""
    return Session((world or examples.reference_account()).kalshi)


def say(one: Session, cmd: str, number: int = 1, **params: Any) -> Frames:
    """Give a command."""
    return one.command(json.dumps({"id": number, "cmd": cmd, "params": params}), NOW)


def test_every_channel_has_its_own_reply_and_sid() -> None:
    """One `subscribed` per channel, in order."""
    frames = say(session(), "subscribe", channels=["fill", "market_positions"])
    assert frames == [
        {"id": 1, "type": "subscribed", "msg": {"channel": "fill", "sid": 1}},
        {"id": 1, "type": "subscribed", "msg": {"channel": "market_positions", "sid": 2}},
    ]


def test_second_subscription_to_a_channel_takes_the_tickers_in() -> None:
    """It keeps its sid; without tickers it becomes one for all markets."""
    one = session()
    say(one, "subscribe", channels=["fill"], market_ticker="A-1")
    assert say(one, "subscribe", channels=["fill"], market_tickers=["B-1"])[0]["msg"]["sid"] == 1
    assert one.subscriptions[1].tickers == {"A-1", "B-1"}
    say(one, "subscribe", channels=["fill"])
    assert one.subscriptions[1].tickers is None


def test_initial_snapshot_follows_the_reply() -> None:
    """One ticker frame per chosen market that trades, and again on get_snapshot."""
    one = session()
    reply, quote = say(
        one, "subscribe", channels=["ticker"], market_tickers=[OPEN_MARKET], send_initial_snapshot=True
    )
    assert (reply["type"], quote["sid"], "id" in quote) == ("subscribed", 1, False)
    assert quote["msg"]["yes_bid_dollars"] == "0.5800"
    assert one.quotes(NOW) == []
    ok, again = say(one, "update_subscription", sid=1, action="get_snapshot", market_ticker=OPEN_MARKET)
    assert (ok["type"], again["msg"]) == ("ok", quote["msg"])


def test_subscription_changes_its_markets_and_ends() -> None:
    """`ok` with the tickers that are left and a number; then `unsubscribed`, and the sid is unknown."""
    one = session()
    say(one, "subscribe", channels=["fill"], market_ticker="A-1")
    (added,) = say(one, "update_subscription", 2, sids=[1], action="add_markets", market_tickers=["B-1"])
    assert added == {"id": 2, "sid": 1, "seq": 1, "type": "ok", "msg": {"market_tickers": ["A-1", "B-1"]}}
    (left,) = say(one, "update_subscription", sid=1, action="delete_markets", market_ticker="A-1")
    assert left["msg"]["market_tickers"] == ["B-1"]
    assert one.command('{"id": 9, "cmd": "list_subscriptions"}', NOW) == [
        {"id": 9, "type": "ok", "msg": [{"channel": "fill", "sid": 1}]}
    ]
    assert say(one, "unsubscribe", 4, sids=[1]) == [{"id": 4, "sid": 1, "seq": 3, "type": "unsubscribed"}]
    assert say(one, "unsubscribe", sids=[1])[0]["msg"]["code"] == 7


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("nonsense", 1),
        ("[1]", 1),
        ('{"id": "x", "cmd": "subscribe"}', 1),
        ({"cmd": "subscribe"}, 2),
        ({"cmd": "subscribe", "params": {}}, 3),
        ({"cmd": "unsubscribe", "params": {}}, 4),
        ({"cmd": "dance", "params": {}}, 5),
        ({"cmd": "unsubscribe", "params": {"sids": [8]}}, 7),
        ({"cmd": "unsubscribe", "params": {"sids": ["x"]}}, 1),
        ({"cmd": "subscribe", "params": {"channels": ["ticker_v2"]}}, 8),
        ({"cmd": "subscribe", "params": {"channels": ["fill"], "market_tickers": [7]}}, 1),
        (
            {
                "cmd": "subscribe",
                "params": {"channels": ["fill"], "market_ticker": "A", "market_tickers": ["B"]},
            },
            11,
        ),
        ({"cmd": "subscribe", "params": {"channels": ["market_lifecycle_v2"], "market_ticker": "A"}}, 11),
        ({"cmd": "update_subscription", "params": {"sids": [1, 2]}}, 12),
        ({"cmd": "update_subscription", "params": {"sid": 1, "action": "turn"}}, 13),
        ({"cmd": "update_subscription", "params": {"sid": 1, "action": "get_snapshot"}}, 13),
        ({"cmd": "update_subscription", "params": {"sid": 1, "action": "add_markets"}}, 14),
        ({"cmd": "update_subscription", "params": {"sid": 1}}, 15),
        (
            {
                "cmd": "update_subscription",
                "params": {"sid": 1, "action": "add_markets", "market_ticker": "A"},
            },
            11,
        ),
    ],
)
def test_wrong_command_is_answered_with_its_code(command: Any, code: int) -> None:
    """The socket stays open, and the reply names the command if it had a number."""
    one = session()
    say(one, "subscribe", channels=["fill"])
    text = command if isinstance(command, str) else json.dumps({"id": 5} | command)
    (error,) = one.command(text, NOW)
    assert (error["type"], error["msg"]["code"], error.get("id")) == (
        "error",
        code,
        None if isinstance(command, str) else 5,
    )


def test_binary_frame_is_not_understood() -> None:
    """It has no text."""
    assert session().command(None, NOW)[0]["msg"]["code"] == 1


def test_worked_account_tells_the_worked_messages() -> None:
    """The position of the reference account after its sale, fee of what is held included."""
    world = examples.reference_account()
    one = session(world)
    say(one, "subscribe", channels=["market_positions"], market_ticker="KXSECOND-1")
    account = world.kalshi
    account.feed.listeners = 1
    account.fill("KXSECOND-1", "yes", "10.00", "0.40", fee="0.168000")
    account.fill("KXOTHER-1", "yes", "10.00", "0.40")
    account.fill("KXSECOND-1", "no", "4.00", "0.55", fee="0.069300")
    frames = [frame for _, frame in one.news(account.feed.since(0), NOW)]
    assert frames[-1]["msg"] | {"user_id": "u"} == {
        "user_id": "u",
        "market_ticker": "KXSECOND-1",
        "position_fp": "6.00",
        "position_cost_dollars": "2.400000",
        "realized_pnl_dollars": "0.600000",
        "fees_paid_dollars": "0.237300",
        "position_fee_cost_dollars": "0.100800",
        "volume_fp": "14.00",
        "subaccount": 0,
    }
    assert len(frames) == 2


def test_several_fills_of_one_order_execute_it_together() -> None:
    """The order counts what its fills have added up to so far."""
    world = examples.frozen()
    account = world.kalshi
    account.feed.listeners = 1
    account.fill("KXORDER-1", "yes", "2.00", "0.40", order_id="o", is_taker=True)
    account.fill("KXORDER-1", "yes", "3.00", "0.41", order_id="o", is_taker=False)
    orders = [m.msg for m in account.feed.since(0) if m.channel == "user_orders"]
    assert [o["fill_count_fp"] for o in orders] == ["2.00", "5.00"]
    assert (orders[1]["taker_fill_cost_dollars"], orders[1]["maker_fill_cost_dollars"]) == (
        "0.800000",
        "1.230000",
    )


def test_feed_keeps_nothing_while_nobody_listens() -> None:
    """A seeded past leaves no messages behind."""
    account = examples.reference_account().kalshi
    assert (account.feed.count, account.feed.since(0)) == (0, [])
