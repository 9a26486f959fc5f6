"""The venue's socket over a real connection: upgrade, heartbeat, news, and what the dial does to it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import Opcode

from exporter.simulator import examples
from exporter.simulator.examples import OPEN_MARKET
from exporter.simulator.faults import Fault
from exporter.simulator.server import Simulator, serve_in_thread
from tests.simulator.sockets import Client, dial, until


@pytest.fixture(scope="module")
def server() -> Iterator[Simulator]:
    """One server for all these tests; each makes its own world's news."""
    with serve_in_thread(examples.reference_account()) as simulator:
        yield simulator


@pytest.fixture
def simulator(server: Simulator) -> Iterator[Simulator]:
    """The server with its dial at rest."""
    yield server
    server.faults.clear()
    options = server.world.kalshi.socket
    options.ping_seconds, options.buffer, options.repeats = 10.0, 1000, 0


def buy(simulator: Simulator, number: int = 1, **options: Any) -> list[str]:
    """Fill `number` orders and return their ids; each is worth three messages."""
    account = simulator.world.kalshi
    with simulator.world.lock:
        return [account.fill(OPEN_MARKET, "yes", "1.00", "0.50", **options).fill_id for _ in range(number)]


def ids(client: Client, number: int) -> list[str]:
    """Return the trade ids of the next frames."""
    return [client.next()["msg"]["trade_id"] for _ in range(number)]


def test_upgrade_needs_a_good_signature(simulator: Simulator) -> None:
    """A wrong signature or an unknown key is a 401 with the body that REST has; no socket opens."""
    for headers in ({"KALSHI-ACCESS-SIGNATURE": "AAAA"}, {"KALSHI-ACCESS-KEY": "nobody"}):
        with pytest.raises(InvalidStatus) as refused, dial(simulator, **headers):
            pass
        assert refused.value.response.status_code == 401
        assert json.loads(refused.value.response.body)["error"]["code"] == "authentication_error"


@pytest.mark.parametrize(("kind", "status"), [("503", 503), ("429", 429), ("html", 200)])
def test_upgrade_meets_the_faults_of_requests(simulator: Simulator, kind: str, status: int) -> None:
    """An outage refuses sockets too, and the next attempt is let in."""
    simulator.faults.set("kalshi", kind, count=1)
    with pytest.raises(InvalidStatus) as refused, dial(simulator):
        pass
    assert refused.value.response.status_code == status
    with dial(simulator) as client:
        assert client.command("list_subscriptions")["type"] == "ok"


def test_heartbeat_is_a_ping_that_says_so(simulator: Simulator) -> None:
    """A protocol ping with the payload, as often as the world says; client pings are answered."""
    simulator.world.kalshi.socket.ping_seconds = 0.05
    with dial(simulator) as client:
        pings: list[bytes] = []
        received = client.connection.protocol.recv_frame

        def watch(frame: Any) -> None:
            if frame.opcode is Opcode.PING:
                pings.append(bytes(frame.data))
            received(frame)

        client.connection.protocol.recv_frame = watch  # type: ignore[method-assign]
        assert until(lambda: len(pings) >= 2)
        assert set(pings) == {b"heartbeat"}
        assert client.connection.ping().wait(2)


def test_fill_arrives_with_position_and_order_on_their_channels(simulator: Simulator) -> None:
    """Three messages, under the names of the socket; none of them is numbered."""
    with dial(simulator) as client:
        for sid, channel in enumerate(("fill", "market_positions", "user_orders"), 1):
            reply = client.command("subscribe", channels=[channel])
            assert reply == {"id": sid, "type": "subscribed", "msg": {"channel": channel, "sid": sid}}
        (fill_id,) = buy(simulator)
        fill, position, order = (client.next() for _ in range(3))
        assert [f["type"] for f in (fill, position, order)] == ["fill", "market_position", "user_order"]
        assert not any("seq" in f for f in (fill, position, order))
        assert (fill["msg"]["trade_id"], fill["msg"]["market_ticker"]) == (fill_id, OPEN_MARKET)
        assert fill["msg"]["post_position_fp"] == position["msg"]["position_fp"]
        assert {"fill_id", "ticker", "no_price_dollars"}.isdisjoint(fill["msg"])
        assert (order["msg"]["ticker"], order["msg"]["fill_count_fp"]) == (OPEN_MARKET, "1.00")


def test_marks_and_lives_of_markets_are_told(simulator: Simulator) -> None:
    """A moved quote, a new market, its result, its payment: the lifecycle is numbered, quotes are not."""
    account = simulator.world.kalshi
    with dial(simulator) as client:
        client.command("subscribe", channels=["ticker"], market_tickers=[OPEN_MARKET])
        client.command("subscribe", channels=["market_lifecycle_v2"])
        with simulator.world.lock:
            account.mark(OPEN_MARKET, "0.61", "0.63", "0.62")
        quote = client.next()
        assert (quote["type"], quote["msg"]["yes_bid_dollars"], "seq" in quote) == ("ticker", "0.6100", False)
        with simulator.world.lock:
            account.fill("KXLIFE-26NOV22-T1", "no", "2.00", "0.30")
            account.determine("KXLIFE-26NOV22-T1", "no")
            account.settle("KXLIFE-26NOV22-T1", "no")
        told = [client.next() for _ in range(3)]
        assert [f["msg"]["event_type"] for f in told] == ["created", "determined", "settled"]
        assert [f["seq"] for f in told] == [1, 2, 3]
        assert (told[1]["msg"]["result"], told[1]["msg"]["settlement_value"]) == ("no", "0.0000")
        assert "result" not in told[2]["msg"]


def test_silent_socket_answers_pings_and_sends_nothing(simulator: Simulator) -> None:
    """What happens meanwhile is never told; afterwards news come again."""
    with dial(simulator) as client:
        client.command("subscribe", channels=["fill"])
        simulator.faults.set("kalshi", "ws_silent")
        buy(simulator)
        assert client.quiet()
        assert client.connection.ping().wait(2)
        simulator.faults.clear()
        assert buy(simulator) == ids(client, 1)


def test_dropped_socket_opens_again_under_new_numbers(simulator: Simulator) -> None:
    """The count is of connections; nothing that happened in between is told again."""
    with dial(simulator) as client:
        client.command("subscribe", channels=["fill", "market_positions"])
        client.next()
        simulator.faults.set("kalshi", "ws_drop", count=1)
        with pytest.raises(ConnectionClosed) as closed:
            client.next()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1012
    buy(simulator)
    with dial(simulator) as client:
        assert client.command("subscribe", channels=["fill"])["msg"]["sid"] == 1
        assert client.quiet()


def test_reconnected_client_may_see_fills_twice(simulator: Simulator) -> None:
    """With `repeats`, a new subscription begins with the latest fills once more."""
    simulator.world.kalshi.socket.repeats = 2
    bought = buy(simulator, 3)
    with dial(simulator) as client:
        client.command("subscribe", channels=["fill"])
        assert ids(client, 2) == bought[1:]


def test_frames_come_twice_or_never(simulator: Simulator) -> None:
    """Each fault does to as many frames as it counts what it says, and to its channel only."""
    with dial(simulator) as client:
        client.command("subscribe", channels=["fill", "market_positions"])
        client.next()

        def told(kind: str, number: int, **options: Any) -> tuple[list[str], list[str]]:
            simulator.faults.replace("kalshi", [Fault(kind, endpoint="fill", **options)])
            bought = buy(simulator, 3)
            frames = [client.next() for _ in range(number + 3)]
            return bought, [f["msg"]["trade_id"] for f in frames if f["type"] == "fill"]

        bought, seen = told("ws_duplicate", 5, count=2)
        assert seen == [bought[0], bought[0], bought[1], bought[1], bought[2]]
        bought, seen = told("ws_lose", 2, count=1)
        assert seen == bought[1:]
        bought, seen = told("ws_lose", 2, value=2)
        assert seen == [bought[0], bought[2]]
        simulator.faults.clear()
        assert client.quiet()


def test_reordered_frame_follows_its_successor(simulator: Simulator) -> None:
    """On one channel the second comes first."""
    with dial(simulator) as client:
        client.command("subscribe", channels=["fill"])
        simulator.faults.set("kalshi", "ws_reorder", count=1)
        first, second, third = buy(simulator, 3)
        assert ids(client, 3) == [second, first, third]


def test_garbage_is_no_json_or_lacks_a_field(simulator: Simulator) -> None:
    """An HTML page, a renamed field, a field of another type."""
    with dial(simulator) as client:
        client.command("subscribe", channels=["fill"])

        def broken(**options: Any) -> str:
            simulator.faults.replace("kalshi", [Fault("ws_garbage", count=1, **options)])
            buy(simulator)
            return client.text()

        assert broken().startswith("<html>")
        renamed = json.loads(broken(field="msg.trade_id", value="id"))["msg"]
        assert "id" in renamed
        assert "trade_id" not in renamed
        assert "trade_id" not in json.loads(broken(field="msg.trade_id"))["msg"]
        assert json.loads(broken(field="msg.count_fp", operation="retype"))["msg"]["count_fp"] == 1.0
        assert buy(simulator) == ids(client, 1)


def test_slow_reader_loses_its_subscriptions_with_code_25(simulator: Simulator) -> None:
    """More waiting frames than the buffer holds end everything; the dial can do it without the flood."""
    simulator.world.kalshi.socket.buffer = 5
    with dial(simulator) as client:
        client.command("subscribe", channels=["fill"])
        buy(simulator, 6)
        error = client.next()
        assert (error["type"], error["sid"], error["msg"]["code"]) == ("error", 1, 25)
        buy(simulator)
        assert client.quiet()
        assert client.command("subscribe", channels=["fill"])["msg"]["sid"] == 2
        simulator.faults.set("kalshi", "ws_overflow", count=1)
        assert client.next()["msg"]["code"] == 25


def test_faults_of_frames_leave_requests_alone(simulator: Simulator) -> None:
    """A request neither meets them nor uses them up, and an upgrade does not use up a changed field."""
    simulator.faults.set("kalshi", "ws_lose", count=1)
    simulator.faults.set("kalshi", "drop", field="fills.fee_cost", count=1)
    assert [f.kind for f in simulator.faults.strike("kalshi", "/x", upgrade=True)] == []
    assert [f.kind for f in simulator.faults.strike("kalshi", "/x")] == ["drop"]
    assert [f.kind for f in simulator.faults.active("kalshi")] == ["ws_lose"]
