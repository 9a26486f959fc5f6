"""The venue's own client reads the simulator: a judge of the played shapes that we did not write."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from exporter.simulator import examples
from exporter.simulator.clock import SettableClock, real_clock
from exporter.simulator.kalshi import api, cases, socket
from exporter.simulator.kalshi.archive import Archive
from exporter.simulator.kalshi.market import Series
from exporter.simulator.server import Simulator, serve_in_thread
from exporter.simulator.stories import seeded
from exporter.simulator.world import World
from tests.simulator.official import Official, read_back

UNDOCUMENTED = (cases.void, cases.void_without_row)
"""How a void market looks is in no document: the client refuses its result, and a test below says so."""

WHEN = "KALSHI-ACCESS-TIMESTAMP"
OPEN, PAID = "KXPARTS-1-A", "KXSCALAR-1-A"

CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "/portfolio/balance": ("balance", {"subaccount": 7}),
    "/portfolio/positions": ("positions", {"settlement_status": "all"}),
    "/portfolio/fills": ("fills", {"limit": 1000}),
    "/portfolio/settlements": ("settlements", {}),
    "/portfolio/deposits": ("deposits", {"limit": 500}),
    "/portfolio/withdrawals": ("withdrawals", {}),
    "/portfolio/subaccounts/balances": ("subaccount_balances", {}),
    "/portfolio/subaccounts/transfers": ("subaccount_transfers", {}),
    "/portfolio/intra_exchange_instance_transfers": ("intra_exchange_instance_transfers", {}),
    "/account/limits": ("account_api_limits", {}),
    "/account/endpoint_costs": ("account_endpoint_costs", {}),
    "/api_keys": ("api_keys", {}),
    "/markets": ("markets", {"tickers": f"{OPEN},{PAID}"}),
    "/markets/{ticker}": ("market", {"ticker": OPEN}),
    "/series": ("series_list", {}),
    "/series/{ticker}": ("series", {"series_ticker": "KXMOMENT"}),
    "/exchange/status": ("exchange_status", {}),
    "/exchange/user_data_timestamp": ("user_data_timestamp", {}),
    "/historical/cutoff": ("historical_cutoff", {}),
    "/historical/fills": ("fills_historical", {"limit": 1000}),
    "/historical/positions": ("historical_positions", {}),
    "/historical/markets": ("historical_markets", {}),
    "/historical/markets/{ticker}": ("historical_market", {"ticker": PAID}),
}
"""By route of the simulator: the method of the client without its `get_`, and what to ask."""

EMPTY_BY_NATURE = {"/account/limits"}
"""Its only list is of grants, which an account seldom has."""


def lived() -> World:
    """Return a world in which every documented case has happened."""
    world = World(SettableClock(examples.NOW))
    account = world.kalshi
    account.deposit("500.00", id="deposit-first")
    account.series["KXPARTS"] = Series("KXPARTS", fee_multiplier=Decimal("0.5"))
    for case in cases.CASES:
        if case not in UNDOCUMENTED:
            case(account)
    account.mark(OPEN, "0.44", None, "0.45")
    return world


@pytest.fixture(scope="module")
def live() -> Iterator[Simulator]:
    """A venue whose live lists still have everything."""
    with serve_in_thread(lived()) as simulator:
        yield simulator


@pytest.fixture(scope="module")
def archived() -> Iterator[Simulator]:
    """The same venue a quarter later, when only its archive has what was settled."""
    world = lived()
    world.kalshi.archive = Archive(timedelta(days=30))
    world.clock.advance(timedelta(days=90))
    with serve_in_thread(world) as simulator:
        yield simulator


@pytest.fixture(scope="module")
def busy() -> Iterator[Simulator]:
    """A seeded account with three thousand fills behind it, half of them archived."""
    clock = SettableClock(examples.NOW)
    span, retention = timedelta(days=60), timedelta(days=75)
    world = seeded(3, clock, fills=3000, span=span, retention=retention)
    world.kalshi.extra_fields = False  # a venue that grows is another test's
    with serve_in_thread(world) as simulator:
        yield simulator


def rows(document: Any) -> int:
    """Return how many rows the lists of an answer have; a single object counts as one."""
    lists = [value for value in document.values() if isinstance(value, list)]
    return max(map(len, lists)) if lists else 1


def test_every_route_of_the_simulator_is_read() -> None:
    """A route that is added has its official call here, or this fails."""
    assert set(CALLS) == set(api.PRIVATE) | set(api.PUBLIC)


@pytest.mark.parametrize("route", CALLS)
def test_official_client_reads_the_answer(live: Simulator, archived: Simulator, route: str) -> None:
    """Signed by its signer, validated by its models, no field lost; and there is something to read."""
    method, options = CALLS[route]
    answer = Official(archived if route.startswith("/historical") else live).get(method, **options)
    assert rows(json.loads(answer.raw_data)) > 0 or route in EMPTY_BY_NATURE
    read_back(answer)


@pytest.mark.parametrize("operation", ["drop", "rename", "retype", "null"])
@pytest.mark.parametrize(
    ("route", "field"),
    [
        ("/portfolio/fills", "fills.count_fp"),
        ("/portfolio/settlements", "settlements.revenue"),
        ("/portfolio/positions", "market_positions.realized_pnl_dollars"),
        ("/portfolio/balance", "balance_dollars"),
        ("/markets", "markets.yes_bid_dollars"),
    ],
)
def test_wrong_shape_is_noticed(live: Simulator, route: str, field: str, operation: str) -> None:
    """The judge is awake: a field that is missing, misnamed, of another type or null does not pass."""
    method, options = CALLS[route]
    client = Official(live)
    live.faults.set("kalshi", operation, field=field, value="other" if operation == "rename" else None)
    try:
        with pytest.raises((ValueError, AssertionError)):
            read_back(client.get(method, **options))
    finally:
        live.faults.clear()


@pytest.mark.parametrize(
    ("method", "options", "field"),
    [
        ("fills", {"limit": 50}, "fills"),
        ("fills_historical", {"limit": 1000}, "fills"),
        ("settlements", {"limit": 100}, "settlements"),
        ("positions", {"limit": 3}, "market_positions"),
        ("historical_positions", {"limit": 30}, "market_positions"),
        ("markets", {"limit": 5}, "markets"),
        ("historical_markets", {"limit": 50}, "markets"),
    ],
)
def test_official_client_pages_through_a_busy_account(
    busy: Simulator, method: str, options: dict[str, Any], field: str
) -> None:
    """Every page of a list by its cursors, each row once: also those of the compact past."""
    client, seen, cursor = Official(busy), [], None
    while cursor != "":
        answer = client.get(method, **options, **({"cursor": cursor} if cursor else {}))
        read_back(answer)
        rows = getattr(answer.data, field)
        assert 0 < len(rows) <= options["limit"]
        seen += [getattr(row, "fill_id", None) or row.ticker for row in rows]
        cursor = answer.data.cursor
    assert len(seen) == len(set(seen)) > options["limit"]


def test_official_client_reads_past_what_it_does_not_know(busy: Simulator) -> None:
    """A venue that grows a field, as ours does on demand, is still read."""
    busy.world.kalshi.extra_fields = True
    try:
        fills = Official(busy).get("fills", limit=3)
        with pytest.raises(AssertionError, match="unknown to the client"):
            read_back(fills)
    finally:
        busy.world.kalshi.extra_fields = False


def test_official_client_and_the_books_agree(live: Simulator) -> None:
    """The venue's positions follow from its fills by the client's own words, and its cash is the world's."""
    client, world = Official(live), live.world
    fills = client.get("fills", limit=1000).data.fills
    held: dict[tuple[int, str], Decimal] = {}
    for fill in fills:
        signed = Decimal(fill.count_fp) * (1 if fill.outcome_side == "yes" else -1)
        place = fill.subaccount_number, fill.ticker
        held[place] = held.get(place, Decimal(0)) + signed
    for subaccount in (0, 7):
        for row in client.get("positions", subaccount=subaccount).data.market_positions:
            assert Decimal(row.position_fp) == held[subaccount, row.ticker], row.ticker
    balances = client.get("subaccount_balances").data.subaccount_balances
    assert sum(Decimal(row.balance) for row in balances) == sum(world.kalshi.cash.values())


@pytest.mark.parametrize("ed25519", [False, True])
def test_official_signature_is_checked(ed25519: bool) -> None:
    """Both kinds of key open the door within the minute; for another path, or later, they do not."""
    with serve_in_thread(World(real_clock)) as simulator:
        simulator.world.kalshi.clock_tolerance = 60
        client = Official(simulator, ed25519=ed25519)
        assert client.get("balance").status_code == 200
        headers, balance = client.sign("/trade-api/v2/portfolio/balance"), "/trade-api/v2/portfolio/balance"
        assert httpx.get(simulator.url + balance, headers=headers).status_code == 200
        other = httpx.get(simulator.url + "/trade-api/v2/portfolio/fills", headers=headers)
        assert other.status_code == 401
        simulator.faults.set("kalshi", "skew", seconds=3600)
        with pytest.raises(Exception, match="401") as refused:
            client.get("balance")
        assert type(refused.value).__name__ == "UnauthorizedException"


def test_official_signature_opens_the_socket(live: Simulator) -> None:
    """The client has no models of the socket's messages; its signer makes the upgrade."""
    headers = Official(live).sign(socket.PATH)
    address = live.url.replace("http", "ws") + socket.PATH
    with connect(address, additional_headers=headers) as connection:
        connection.send(json.dumps({"id": 1, "cmd": "subscribe", "params": {"channels": ["fill"]}}))
        assert json.loads(connection.recv(timeout=10))["type"] == "subscribed"
    with pytest.raises(InvalidStatus), connect(address, additional_headers=headers | {WHEN: "1"}):
        pass


@pytest.mark.parametrize(
    ("fault", "error"), [("429", "ApiException"), ("500", "ServiceException"), ("503", "ServiceException")]
)
def test_official_client_knows_the_errors(live: Simulator, fault: str, error: str) -> None:
    """An unknown market is not found, and a venue in trouble is told as such, not as a wrong shape."""
    client = Official(live)
    with pytest.raises(Exception, match="not_found") as missing:
        client.get("market", ticker="KXNOBODY-1-A")
    assert type(missing.value).__name__ == "NotFoundException"
    live.faults.set("kalshi", fault, count=1)
    with pytest.raises(Exception, match=fault) as refused:
        client.get("balance")
    assert type(refused.value).__name__ == error


def test_void_market_is_beyond_the_official_document() -> None:
    """Its list of results has no such word, which is why nothing but that is said of them elsewhere."""
    world = examples.frozen()
    cases.void(world.kalshi)
    with serve_in_thread(world) as simulator:
        client = Official(simulator)
        read_back(client.get("fills", limit=100))
        with pytest.raises(ValueError, match="market_result"):
            client.get("settlements")
