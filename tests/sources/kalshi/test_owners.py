"""Keys that see one subaccount only, and markets that are asked for by name."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from exporter.records import Balance, Fill, Settlement, VenuePosition
from tests.sources import payloads as p
from tests.sources.canned import NOW, WINDOW, Upstream, kalshi

REFUSED = httpx.Response(403, json={"error": {"code": "forbidden", "message": "restricted"}})
ARCHIVE = "/trade-api/v2/historical/fills"


def locked(fills: list[dict[str, Any]]) -> Upstream:
    """Return a venue that refuses every number, and the list of them."""

    def own(answer: Any) -> Any:
        return lambda request: REFUSED if "subaccount" in request.url.params else answer

    return Upstream(
        p.answers("kalshi")
        | {p.SUBACCOUNTS: REFUSED, ARCHIVE: {"cursor": "", "fills": []}}
        | {path: own(p.answers("kalshi")[path]) for path in (p.BALANCE, p.POSITIONS, p.SETTLEMENTS)}
        | {p.FILLS: {"cursor": "", "fills": fills}}
    )


@pytest.mark.anyio
async def test_a_locked_key_reads_its_own_subaccount_by_leaving_the_number_out() -> None:
    """Its fills say which it is; positions, settlements and balance are of that one."""
    source = kalshi(locked([p.fill(1, subaccount_number=7)]))
    for _ in range(2):
        reading = await source.fetch(WINDOW)
        said = (*reading.records, *reading.observations)
        mine = [each for each in said if isinstance(each, Fill | Settlement | Balance | VenuePosition)]
        assert {each.subaccount for each in mine} == {7}
    assert "own settlements/7" in await source.history.parts()


@pytest.mark.anyio
async def test_a_locked_key_without_a_fill_is_its_primary_until_there_is_one() -> None:
    """No row has to say whose it is."""
    reading = await kalshi(locked([])).fetch(WINDOW)
    assert [each.subaccount for each in reading.observations if isinstance(each, Balance)] == [0]


@pytest.mark.anyio
@pytest.mark.parametrize("archived", [{"cursor": "", "fills": [p.fill(3)]}, httpx.Response(404, text="no")])
async def test_a_market_that_is_asked_for_again_has_all_its_rows(archived: Any) -> None:
    """Live and archived; where the archive is closed to us, what seems to be gone may be in there."""
    upstream = Upstream(p.answers("kalshi") | {ARCHIVE: archived})
    asked = await kalshi(upstream).ask_again([p.OPEN, f"{p.OPEN}#3"], NOW)
    open_to_us = isinstance(archived, dict)
    keys = {record.key for record in asked.reading.records if isinstance(record, Fill)}
    assert keys == ({"f-0001", "f-0002", "f-0003"} if open_to_us else {"f-0001", "f-0002"})
    assert asked.whole == ({p.OPEN, f"{p.OPEN}#3"} if open_to_us else set())
    assert upstream.asked(p.FILLS)[0]["ticker"] == p.OPEN
    assert "min_ts" not in upstream.asked(p.FILLS)[0]
