"""The sales list against its own contract, `docs/sales-api.yaml`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from exporter.simulator import examples
from exporter.simulator.clock import SettableClock
from exporter.simulator.faults import Faults
from exporter.simulator.stories import seeded
from tests.simulator.callers import Ask

CONTRACT = Path(__file__).parents[2] / "docs" / "sales-api.yaml"
ORDER = ["sale_1", "sale_2", "sale_3", "sale_4", "sale_5", "sale_6"]


@pytest.fixture(scope="session")
def contract() -> dict[str, Any]:
    """The OpenAPI document."""
    found: dict[str, Any] = yaml.safe_load(CONTRACT.read_text())
    return found


def conforms(contract: dict[str, Any], schema: str, answer: Any) -> None:
    """Raise unless `answer` is a `schema` of the contract."""
    rule = {"$ref": f"#/components/schemas/{schema}", "components": contract["components"]}
    Draft202012Validator(rule).validate(answer)


def test_contract_is_valid_openapi_and_its_example_keeps_it(contract: dict[str, Any]) -> None:
    """The document validates, and so does the page it shows."""
    validate(contract)
    content = contract["paths"]["/v1/sales"]["get"]["responses"]["200"]["content"]["application/json"]
    conforms(contract, "Page", content["examples"]["last_page"]["value"])


def test_contract_refuses_what_it_should(contract: dict[str, Any], ask: Ask) -> None:
    """A number for an amount, a negative fee, a refund of nothing and an unknown status do not pass."""
    sale = ask(examples.sales_week()).sales().json()["sales"][0]
    rule = Draft202012Validator({"$ref": "#/components/schemas/Sale", "components": contract["components"]})
    refund = {"id": "r", "refunded_at": "2026-11-22T00:00:00Z", "amount": "0.00"}
    for change in (
        {"gross": 1.5},
        {"fee": "-0.10"},
        {"refunds": [refund]},
        {"status": "open"},
        {"currency": "EUR"},
    ):
        assert not rule.is_valid(sale | change)
    assert rule.is_valid(sale)


def test_answers_keep_the_contract(contract: dict[str, Any], ask: Ask, faults: Faults) -> None:
    """Pages of a seeded world and every kind of error."""
    caller = ask(seeded(3, SettableClock(datetime(2026, 11, 22, 15, tzinfo=UTC)), days=10))
    page = caller.sales(limit=500).json()
    conforms(contract, "Page", page)
    assert {sale["status"] for sale in page["sales"]} == {"paid", "pending", "void"}
    assert any(sale["refunds"] for sale in page["sales"])
    for answer, status, code in [
        (caller.sales(token="nobody"), 401, "unauthorized"),
        (caller.sales(limit=501), 400, "invalid_request"),
    ]:
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
        conforms(contract, "Error", answer.json())
    for kind, status in (("429", 429), ("500", 500), ("503", 503)):
        faults.set("sales", kind, count=1)
        answer = caller.sales()
        assert answer.status_code == status
        conforms(contract, "Error", answer.json())
        assert status != 429 or (
            answer.json()["error"]["code"] == "rate_limited" and int(answer.headers["retry-after"])
        )


def test_sales_come_by_last_change_and_id(ask: Ask) -> None:
    """A refund, a status change and a correction move a sale to the end."""
    sales = ask(examples.sales_week()).sales().json()["sales"]
    assert [s["id"] for s in sales] == ["sale_1", "sale_2", "sale_3", "sale_4", "sale_6", "sale_5"]
    assert sales == sorted(sales, key=lambda s: (s["updated_at"], s["id"]))
    assert sales[1] == {
        "id": "sale_2",
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
    }


def test_updated_since_is_inclusive(ask: Ask) -> None:
    """The very moment is included, a microsecond later is not; any offset is understood."""
    caller = ask(examples.sales_week())

    def ids(since: str) -> list[str]:
        return [s["id"] for s in caller.sales(updated_since=since).json()["sales"]]

    assert ids("2026-11-21T17:00:00Z") == ["sale_4", "sale_6", "sale_5"]
    assert ids("2026-11-21T17:00:00.000001Z") == ["sale_6", "sale_5"]
    assert ids("2026-11-21T18:00:00+01:00") == ["sale_4", "sale_6", "sale_5"]


@pytest.mark.parametrize("limit", [1, 2, 3, 6, 500])
def test_sales_pages_are_complete(ask: Ask, limit: int) -> None:
    """Every sale once, whatever the page size; null ends the list."""
    caller = ask(examples.sales_week())
    page = caller.sales(limit=limit).json()
    found = [s["id"] for s in page["sales"]]
    while page["next_cursor"] is not None:
        page = caller.sales(limit=limit, cursor=page["next_cursor"]).json()
        found += [s["id"] for s in page["sales"]]
    assert sorted(found) == ORDER


def test_sale_that_changes_while_paging_is_listed_again_and_none_is_lost(ask: Ask) -> None:
    """A change moves the sale behind the cursor, never before it."""
    world = examples.sales_week()
    caller = ask(world)
    page = caller.sales(limit=2).json()
    world.sales.refund("sale_1", "1.00")
    found = [s["id"] for s in page["sales"]]
    while page["next_cursor"]:
        page = caller.sales(limit=2, cursor=page["next_cursor"]).json()
        found += [s["id"] for s in page["sales"]]
    assert (set(found), found.count("sale_1"), len(found)) == (set(ORDER), 2, 7)


def test_cursor_belongs_to_its_query(ask: Ask) -> None:
    """Another updated_since or limit with the same cursor is 400, as is a made-up one."""
    caller = ask(examples.sales_week())
    cursor = caller.sales(limit=2).json()["next_cursor"]
    assert caller.sales(limit=3, cursor=cursor).status_code == 400
    assert caller.sales(limit=2, updated_since="2026-11-01T00:00:00Z", cursor=cursor).status_code == 400
    assert caller.sales(limit=2, cursor="bogus").status_code == 400


@pytest.mark.parametrize(
    "query", [{"limit": 0}, {"limit": "many"}, {"limit": -1}, {"updated_since": "yesterday"}]
)
def test_parameters_not_understood_are_refused(ask: Ask, query: dict[str, Any]) -> None:
    """A bad limit or time is 400 invalid_request."""
    answer = ask(examples.sales_week()).sales(**query)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_request")
