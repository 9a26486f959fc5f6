"""The cost and usage reports: keys, grouping, the rules of time, paging, names."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from exporter.simulator import examples
from exporter.simulator.anthropic.lines import CostLine
from exporter.simulator.keys import ADMIN_KEY, ORDINARY_KEY, SCOPED_KEY
from exporter.simulator.world import World
from tests.simulator.callers import ORGANIZATION, Ask, Caller

BOTH = ["workspace_id", "description"]


def cost(caller: Caller, start: str, end: str | None = None, **query: Any) -> Any:
    """Return the cost report's answer for days given as MM-DD or as full times."""
    bounds = {"starting_at": _time(start)} | ({"ending_at": _time(end)} if end else {})
    return caller.organization("/cost_report", **bounds, **query)


def days(answer: Any) -> list[str]:
    """Return the days (MM-DD) of a report."""
    return [bucket["starting_at"][5:10] for bucket in answer.json()["data"]]


def amounts(answer: Any) -> list[str]:
    """Return the day sums of a report, in cents."""
    return [str(sum(Decimal(row["amount"]) for row in bucket["results"])) for bucket in answer.json()["data"]]


def test_example_of_the_cost_report_is_served_exactly(ask: Ask) -> None:
    """An empty 19th, five rows on the 20th, and no 21st because it has not landed."""
    body = cost(ask(examples.anthropic_reports()), "11-19", "11-22", group_by=BOTH, limit=31).json()
    tokens = [
        ("250.000000", "Input Tokens", "uncached_input_tokens"),
        ("84.000000", "Output Tokens", "output_tokens"),
        ("34.000000", "Cache Read", "cache_read_input_tokens"),
        ("127.500000", "Cache Write 5m", "cache_creation.ephemeral_5m_input_tokens"),
    ]
    assert body == {
        "data": [
            {"starting_at": "2026-11-19T00:00:00Z", "ending_at": "2026-11-20T00:00:00Z", "results": []},
            {
                "starting_at": "2026-11-20T00:00:00Z",
                "ending_at": "2026-11-21T00:00:00Z",
                "results": [
                    *(
                        {
                            "amount": amount,
                            "currency": "USD",
                            "workspace_id": None,
                            "description": f"Claude Sonnet 5.5 Usage - {words}",
                            "cost_type": "tokens",
                            "model": "claude-sonnet-5-5",
                            "service_tier": "standard",
                            "token_type": kind,
                            "context_window": "0-200k",
                            "inference_geo": "global",
                        }
                        for amount, words, kind in tokens
                    ),
                    {
                        "amount": "37.000000",
                        "currency": "USD",
                        "workspace_id": "wrkspc_01SimResearch",
                        "description": "Web Search Usage",
                        "cost_type": "web_search",
                        "model": None,
                        "service_tier": None,
                        "token_type": None,
                        "context_window": None,
                        "inference_geo": None,
                    },
                ],
            },
        ],
        "has_more": False,
        "next_page": None,
    }


def test_example_of_the_usage_report_is_served_exactly(ask: Ask) -> None:
    """Four disjoint token kinds, five groups, the default workspace null, and a further page."""
    groups = ["model", "service_tier", "context_window", "api_key_id", "workspace_id"]
    body = (
        ask(examples.anthropic_reports())
        .organization(
            "/usage_report/messages",
            starting_at="2026-11-20T00:00:00Z",
            bucket_width="1d",
            limit=1,
            api_key_ids=["apikey_01SimProduction"],
            group_by=groups,
        )
        .json()
    )
    assert body["data"] == [
        {
            "starting_at": "2026-11-20T00:00:00Z",
            "ending_at": "2026-11-21T00:00:00Z",
            "results": [
                {
                    "uncached_input_tokens": 1250000,
                    "cache_creation": {"ephemeral_5m_input_tokens": 510000, "ephemeral_1h_input_tokens": 0},
                    "cache_read_input_tokens": 3400000,
                    "output_tokens": 84000,
                    "server_tool_use": {"web_search_requests": 0},
                    "api_key_id": "apikey_01SimProduction",
                    "workspace_id": None,
                    "account_id": None,
                    "service_account_id": None,
                    "model": "claude-sonnet-5-5",
                    "service_tier": "standard",
                    "context_window": "0-200k",
                    "inference_geo": None,
                }
            ],
        }
    ]
    assert body["has_more"] is True
    assert body["next_page"].startswith("page_")


@pytest.mark.parametrize(
    ("key", "status", "kind"),
    [
        (ADMIN_KEY, 200, None),
        (ORDINARY_KEY, 403, "permission_error"),
        (SCOPED_KEY, 403, "permission_error"),
        ("sk-ant-admin01-someone-else", 401, "authentication_error"),
        ("", 401, "authentication_error"),
    ],
)
def test_only_an_admin_key_opens_the_reports(ask: Ask, key: str, status: int, kind: str | None) -> None:
    """An ordinary key is the wrong kind (403), an unknown one no key at all (401)."""
    answer = ask(examples.anthropic_reports()).organization("/me", key=key)
    assert answer.status_code == status
    assert answer.headers["request-id"].startswith("req_")
    assert answer.json().get("error", {}).get("type") == kind


def test_ordinary_key_can_be_refused_with_401_as_some_see_it(ask: Ask) -> None:
    """Both refusals have been seen; the world chooses."""
    world = examples.anthropic_reports()
    world.anthropic.dials.ordinary_key_status = 401
    assert ask(world).organization("/me", key=ORDINARY_KEY).status_code == 401


def test_version_header_is_required_and_bearer_is_accepted(ask: Ask) -> None:
    """Without anthropic-version 400; the key may come as a bearer token."""
    http = ask(examples.anthropic_reports()).http
    assert http.get(f"{ORGANIZATION}/me", headers={"x-api-key": ADMIN_KEY}).status_code == 400
    bearer = {"authorization": f"Bearer {ADMIN_KEY}", "anthropic-version": "2023-06-01"}
    assert http.get(f"{ORGANIZATION}/me", headers=bearer).json()["type"] == "organization"


def test_grouping_decides_which_fields_are_null(ask: Ask) -> None:
    """Ungrouped one row a day; by workspace no description; by description no workspace."""
    caller = ask(examples.anthropic_reports())

    def rows(groups: list[str]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = cost(caller, "11-20", "11-21", group_by=groups).json()["data"][0][
            "results"
        ]
        return found

    (whole,) = rows([])
    assert whole["amount"] == "532.500000"
    assert {name for name, value in whole.items() if value is None} == set(whole) - {"amount", "currency"}
    assert [(r["amount"], r["workspace_id"], r["description"]) for r in rows(["workspace_id"])] == [
        ("495.500000", None, None),
        ("37.000000", "wrkspc_01SimResearch", None),
    ]
    assert all(
        r["workspace_id"] is None and r["description"] and r["cost_type"] for r in rows(["description"])
    )


def test_ending_at_is_snapped_down_to_midnight(ask: Ask) -> None:
    """23:59:59 of the 20th leaves the 20th out."""
    caller = ask(examples.anthropic_reports())
    assert days(cost(caller, "11-19", "2026-11-20T23:59:59Z")) == ["11-19"]
    assert days(cost(caller, "11-19", "2026-11-21T00:00:00Z")) == ["11-19", "11-20"]


@pytest.mark.parametrize("end", [None, "11-23", "12-01"])
def test_range_that_reaches_into_today_stops_at_yesterday(ask: Ask, end: str | None) -> None:
    """ending_at is clamped to today's midnight, also when it is left out."""
    world = examples.anthropic_reports()
    world.anthropic.bill(
        date(2026, 11, 22), [examples.token_line("1", "x", "output_tokens")], lands_at=examples.NOW
    )
    world.clock.advance(timedelta(hours=8))
    assert days(cost(ask(world), "11-20", end)) == ["11-20", "11-21"]


@pytest.mark.parametrize(
    ("start", "end"), [("11-22", None), ("11-22", "11-23"), ("11-20", "11-20"), ("11-25", "11-27")]
)
def test_range_without_a_finished_day_is_the_known_400(ask: Ask, start: str, end: str | None) -> None:
    """Today only, or an empty range, fails with the message that clients know."""
    answer = cost(ask(examples.anthropic_reports()), start, end)
    assert (answer.status_code, answer.json()["error"]) == (
        400,
        {
            "type": "invalid_request_error",
            "message": "Invalid date range: ending date must be after starting date",
        },
    )


def test_month_to_date_fails_on_the_first(ask: Ask) -> None:
    """On the first of a month the month has no finished day."""
    world = examples.frozen(datetime(2026, 12, 1, 9, tzinfo=UTC))
    assert cost(ask(world), "12-01").status_code == 400


@pytest.mark.parametrize(("landing", "expected"), [("missing", ["11-20"]), ("empty", ["11-20", "11-21"])])
def test_finished_day_that_has_not_landed_is_missing_or_empty(
    ask: Ask, landing: str, expected: list[str]
) -> None:
    """Both ways exist; once landed the day is there with its rows."""
    world = examples.anthropic_reports()
    world.anthropic.dials.landing = landing
    caller = ask(world)
    assert days(cost(caller, "11-20")) == expected
    world.clock.set(datetime(2026, 11, 22, 18, tzinfo=UTC))
    assert (days(cost(caller, "11-20")), amounts(cost(caller, "11-20"))) == (
        ["11-20", "11-21"],
        ["532.500000", "84.000000"],
    )


def test_day_lands_after_the_worlds_delay(ask: Ask) -> None:
    """A day billed without a time lands its delay after midnight."""
    world = examples.frozen(datetime(2026, 11, 22, 2, 59, tzinfo=UTC))
    world.anthropic.landing_delay = timedelta(hours=3)
    world.anthropic.bill(date(2026, 11, 21), [examples.token_line("5", "x", "output_tokens")])
    caller = ask(world)
    assert days(cost(caller, "11-21")) == []
    world.clock.advance(timedelta(minutes=1))
    assert days(cost(caller, "11-21")) == ["11-21"]


@pytest.mark.parametrize("cents", ["260.5", "101.25"])
def test_day_may_be_revised_up_or_down(ask: Ask, cents: str) -> None:
    """From the moment of the revision the new lines are served instead of the old."""
    world = examples.anthropic_reports()
    caller = ask(world)
    later = examples.NOW + timedelta(hours=1)
    world.anthropic.revise(date(2026, 11, 20), [examples.token_line(cents, "Input Tokens", "x")], at=later)
    assert amounts(cost(caller, "11-20", "11-21")) == ["532.500000"]
    world.clock.set(later)
    assert Decimal(amounts(cost(caller, "11-20", "11-21"))[0]) == Decimal(cents)


def long_bills() -> World:
    """Return a world with forty billed days; day n of them costs n cents and a fraction."""
    world = examples.frozen()
    for number in range(1, 41):
        line = examples.token_line(f"{number}.123456789", "Input Tokens", "uncached_input_tokens")
        world.anthropic.bill(date(2026, 11, 22) - timedelta(days=41 - number), [line])
    return world


@pytest.mark.parametrize(("limit", "sizes"), [(None, [7, 7, 7, 7, 7, 5]), (31, [31, 9]), (1, [1] * 40)])
def test_cost_pages_are_complete_for_every_limit(ask: Ask, limit: int | None, sizes: list[int]) -> None:
    """Forty days come in pages of seven by default, at most 31, oldest first."""
    query = {"limit": limit} if limit else {}
    pages = list(ask(long_bills()).report_pages("/cost_report", starting_at="2026-10-13T00:00:00Z", **query))
    assert [len(page) for page in pages] == sizes
    amounts = [row["amount"] for page in pages for bucket in page for row in bucket["results"]]
    assert amounts == [f"{number}.123456789" for number in range(1, 41)]


def test_amounts_keep_every_digit_and_show_six_at_least(ask: Ask) -> None:
    """A whole cent is written with six decimals, a long fraction in full, a credit with its sign."""
    world = examples.frozen()
    lines = [CostLine(Decimal(text), f"Line {text}") for text in ("7", "0.0000055", "-12.5")]
    world.anthropic.bill(date(2026, 11, 20), lines)
    rows = cost(ask(world), "11-20", "11-21", group_by=BOTH).json()["data"][0]["results"]
    assert [row["amount"] for row in rows] == ["7.000000", "0.0000055", "-12.500000"]


def test_rows_that_differ_only_by_description_stay_apart(ask: Ask) -> None:
    """Fast-mode twins share every parsed field."""
    world = examples.frozen()
    twins = [
        examples.token_line("10", words, "output_tokens")
        for words in ("Output Tokens", "Output Tokens (Fast)")
    ]
    world.anthropic.bill(date(2026, 11, 20), twins)
    rows = cost(ask(world), "11-20", "11-21", group_by=BOTH).json()["data"][0]["results"]
    assert len(rows) == 2
    assert {k: v for k, v in rows[0].items() if k != "description"} == {
        k: v for k, v in rows[1].items() if k != "description"
    }


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/cost_report", {"limit": 32}),
        ("/cost_report", {"limit": 0}),
        ("/cost_report", {"bucket_width": "1h"}),
        ("/cost_report", {"group_by": ["model"]}),
        ("/cost_report", {"page": "page_bogus"}),
        ("/cost_report", {"starting_at": "soon"}),
        ("/cost_report", {"starting_at": "2026-11-20"}),
        ("/usage_report/messages", {"limit": 32}),
        ("/usage_report/messages", {"bucket_width": "1h", "limit": 169}),
        ("/usage_report/messages", {"bucket_width": "1m", "limit": 1441}),
        ("/usage_report/messages", {"bucket_width": "5m"}),
        ("/usage_report/messages", {"group_by": ["color"]}),
    ],
)
def test_queries_outside_the_rules_are_refused(ask: Ask, path: str, query: dict[str, Any]) -> None:
    """Limits, widths, groups, times and tokens out of bounds are 400 in the service's envelope."""
    answer = ask(examples.anthropic_reports()).organization(
        path, **{"starting_at": "2026-11-20T00:00:00Z"} | query
    )
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert answer.json()["request_id"].startswith("req_")


def test_starting_at_is_required(ask: Ask) -> None:
    """Neither report guesses a beginning."""
    caller = ask(examples.anthropic_reports())
    assert caller.organization("/cost_report").status_code == 400
    assert caller.organization("/usage_report/messages").status_code == 400


def test_six_groups_are_refused_five_are_not(ask: Ask) -> None:
    """The undocumented bound on group_by[]."""
    groups = ["model", "service_tier", "context_window", "api_key_id", "workspace_id", "inference_geo"]
    caller = ask(examples.anthropic_reports())

    def answer(names: list[str]) -> Any:
        return caller.organization(
            "/usage_report/messages", starting_at="2026-11-20T00:00:00Z", group_by=names
        )

    assert answer(groups[:5]).status_code == 200
    assert answer(groups).json()["error"]["message"] == "Cannot specify more than 5 group_by[] dimensions"


def test_page_token_belongs_to_its_query(ask: Ask) -> None:
    """A token with a changed parameter is 400."""
    caller = ask(long_bills())
    token = cost(caller, "10-13", limit=3).json()["next_page"]
    assert cost(caller, "10-13", limit=3, page=token).status_code == 200
    assert cost(caller, "10-13", limit=4, page=token).status_code == 400


def test_filter_that_the_cost_report_does_not_have_yields_nothing(ask: Ask) -> None:
    """It is not refused: no buckets come back."""
    answer = cost(ask(examples.anthropic_reports()), "11-20", "11-21", workspace_ids=["wrkspc_01SimResearch"])
    assert (answer.status_code, answer.json()["data"]) == (200, [])


def minutes() -> World:
    """Return a world with usage in three minutes of today, the last one not visible yet."""
    world = examples.frozen(datetime(2026, 11, 22, 12, 30, 20, tzinfo=UTC))
    use = world.anthropic.usage
    use("2026-11-22T10:59:30Z", "claude-opus-5-5", output=10, speed="fast")
    use("2026-11-22T12:05:00Z", "claude-opus-5-5", output=20, web_searches=3, service_tier="priority")
    use(
        "2026-11-22T12:29:00Z",
        "claude-nova-1",
        output=40,
        cache_write_1h=5,
        visible_at=datetime(2026, 11, 22, 12, 32, tzinfo=UTC),
    )
    return world


@pytest.mark.parametrize(
    ("width", "count", "default"),
    [("1d", 1, 7), ("1h", 13, 24), ("1m", 751, 60)],
    ids=["day", "hour", "minute"],
)
def test_usage_comes_by_day_hour_or_minute_with_the_running_one(
    ask: Ask, width: str, count: int, default: int
) -> None:
    """Aligned buckets from midnight to now, the running one included, the default page size per width."""
    caller = ask(minutes())
    query = {"starting_at": "2026-11-22T00:00:00Z", "bucket_width": width}
    pages = list(caller.report_pages("/usage_report/messages", **query))
    assert sum(map(len, pages)) == count
    assert len(pages[0]) == min(count, default)
    assert sum(row["output_tokens"] for page in pages for bucket in page for row in bucket["results"]) == 30


def test_usage_arrives_some_minutes_late(ask: Ask) -> None:
    """A line that is not visible yet is missing, then there."""
    world = minutes()
    caller = ask(world)

    def output() -> int:
        body = caller.organization("/usage_report/messages", starting_at="2026-11-22T00:00:00Z").json()
        return int(body["data"][0]["results"][0]["output_tokens"])

    assert output() == 30
    world.clock.advance(100)
    assert output() == 70


def test_usage_filters_and_groups(ask: Ask) -> None:
    """Filters narrow, groups split; speed is a field only when it is grouped by."""
    caller = ask(minutes())

    def rows(**query: Any) -> list[dict[str, Any]]:
        body = caller.organization(
            "/usage_report/messages", starting_at="2026-11-22T00:00:00Z", **query
        ).json()
        found: list[dict[str, Any]] = body["data"][0]["results"]
        return found

    assert [r["output_tokens"] for r in rows(speeds=["fast"])] == [10]
    assert rows(models=["claude-haiku-5-5"]) == []
    assert "speed" not in rows()[0]
    assert [(r["speed"], r["output_tokens"]) for r in rows(group_by=["speed"])] == [
        ("fast", 10),
        ("standard", 20),
    ]
    assert [r["server_tool_use"]["web_search_requests"] for r in rows(service_tiers=["priority"])] == [3]


def test_future_end_of_a_usage_range_is_tolerated(ask: Ask) -> None:
    """Nothing after the running bucket is made up."""
    answer = ask(minutes()).organization(
        "/usage_report/messages",
        starting_at="2026-11-22T00:00:00Z",
        ending_at="2027-01-01T00:00:00Z",
        limit=31,
    )
    assert len(answer.json()["data"]) == 1


def test_names_page_with_after_id(ask: Ask) -> None:
    """Workspaces hide archived ones unless asked; both shapes of a key occur."""
    world = examples.frozen()
    for number in range(5):
        world.anthropic.workspace(
            f"wrkspc_{number}", f"W{number}", archived_at="2026-08-01T00:00:00Z" if number > 3 else None
        )
    world.anthropic.api_key("apikey_1", "old shape", "wrkspc_1")
    world.anthropic.api_key("apikey_2", "new shape", "wrkspc_2", newer_shape=True)
    world.anthropic.api_key("apikey_3", "off", status="inactive")
    caller = ask(world)
    first = caller.organization("/workspaces", limit=3).json()
    assert ([w["id"] for w in first["data"]], first["has_more"]) == (
        ["wrkspc_0", "wrkspc_1", "wrkspc_2"],
        True,
    )
    rest = caller.organization(
        "/workspaces", limit=3, after_id=first["last_id"], include_archived="true"
    ).json()
    assert ([w["id"] for w in rest["data"]], rest["has_more"]) == (["wrkspc_3", "wrkspc_4"], False)
    keys = caller.organization("/api_keys", status="active").json()["data"]
    assert [k.get("workspace_id") or k["scope"]["workspace_id"] for k in keys] == ["wrkspc_1", "wrkspc_2"]
    assert [k["id"] for k in caller.organization("/api_keys", workspace_id="wrkspc_2").json()["data"]] == [
        "apikey_2"
    ]


def test_unknown_path_is_a_json_404(ask: Ask) -> None:
    """So are the analytics where an organization does not have them."""
    world = examples.frozen()
    world.anthropic.dials.analytics = False
    for path in ("/analytics/cost", "/nothing"):
        answer = ask(world).organization(path)
        assert (answer.status_code, answer.json()["error"]["type"]) == (404, "not_found_error")


def _time(text: str) -> str:
    return text if "T" in text or len(text) > 5 else f"2026-{text}T00:00:00Z"
