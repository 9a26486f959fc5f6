"""Settings: every mistake at once, by name, and never the value of a secret."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from exporter.errors import SettingsError
from exporter.ledger import Credit, Plan
from exporter.settings import SourceSettings, missing
from exporter.sources.anthropic.settings import AnthropicSettings
from exporter.sources.kalshi.settings import KalshiSettings
from exporter.sources.registry import read_settings
from exporter.wiring import build_plan
from tests.sections import KNOWN, SECRET

ROOT = Path(__file__).parents[2]


def told(environ: dict[str, str], source: str) -> SourceSettings:
    """Return what a source is told; it lacks nothing."""
    [settings] = [each.settings for each in read_settings(environ).sources if each.name == source]
    assert settings is not None
    return settings


def test_nothing_set_gives_the_defaults() -> None:
    """Loopback, UTC, all three sources."""
    settings = read_settings({})
    assert (settings.host, settings.port, settings.metrics_port) == ("127.0.0.1", 8080, 9108)
    assert [each.name for each in settings.sources] == ["kalshi", "anthropic", "sales"]
    assert settings.timezone == "UTC"


def test_both_names_of_a_setting_work_and_the_short_one_wins() -> None:
    """The names of the request are aliases of the prefixed ones."""
    assert read_settings({"NORTHSTAR_PORT": "9000"}).port == 9000
    assert read_settings({"PORT": "9001"}).port == 9001
    assert read_settings({"PORT": "9001", "NORTHSTAR_PORT": "9000"}).port == 9001


@pytest.mark.parametrize(
    "name",
    [
        "KALSHI_API_KEY",
        "KALSHI_PRIVATE_KEY_PATH",
        "ANTHROPIC_API_KEY",
        "JOHN_API_BASE_URL",
        "DB_PATH",
        "PORT",
        "AGGREGATION_INTERVAL_MS",
    ],
)
def test_agreed_names_are_known(name: str) -> None:
    """The package's own names stay valid."""
    assert name in KNOWN


def test_all_mistakes_are_reported_together() -> None:
    """One run shows the whole list."""
    with pytest.raises(SettingsError) as error:
        read_settings(
            {"PORT": "eighty", "NORTHSTAR_TIMEZONE": "Mars", "NORTHSTAR_MARK_RULE": "best", "DB_PATH": ""}
        )
    assert len(error.value.problems) == 3
    text = str(error.value)
    assert all(name in text for name in ("PORT", "NORTHSTAR_TIMEZONE", "NORTHSTAR_MARK_RULE"))


def test_misspelt_setting_is_named_with_the_near_one() -> None:
    """A typo must not silently mean the default."""
    with pytest.raises(
        SettingsError, match="NORTHSTAR_TIMEZON is not a setting: did you mean NORTHSTAR_TIMEZONE"
    ):
        read_settings({"NORTHSTAR_TIMEZON": "UTC"})


def test_other_programs_variables_are_left_alone() -> None:
    """Only our prefix is ours."""
    assert read_settings({"PATH": "/bin", "HOME": "/nowhere"}) == read_settings({})


@pytest.mark.parametrize("text", ["7", "40", "0", "61"])
def test_thinning_must_divide_a_minute(text: str) -> None:
    """Else the last snapshot of a minute, which the roll-up keeps, would already be gone."""
    assert read_settings({"NORTHSTAR_THIN_SECONDS": "15"}).thin_seconds == 15
    with pytest.raises(SettingsError, match="NORTHSTAR_THIN_SECONDS is wrong"):
        read_settings({"NORTHSTAR_THIN_SECONDS": text})


@pytest.mark.parametrize("text", ["", "kalshi,mars", ","])
def test_sources_must_be_known(text: str) -> None:
    """An empty list would publish nothing at all; empty text counts as not set."""
    if text == "":
        assert read_settings({"NORTHSTAR_SOURCES": text}) == read_settings({})
        return
    with pytest.raises(SettingsError, match="NORTHSTAR_SOURCES"):
        read_settings({"NORTHSTAR_SOURCES": text})


def test_secret_is_read_from_the_file_its_twin_names(tmp_path: Path) -> None:
    """Container secrets arrive as files, often with a line end."""
    file = tmp_path / "key"
    file.write_text("sk-ant-admin01-abc\n")
    settings = told({"ANTHROPIC_API_KEY_FILE": str(file)}, "anthropic")
    assert isinstance(settings, AnthropicSettings)
    assert settings.api_key.get_secret_value() == "sk-ant-admin01-abc"
    with pytest.raises(
        SettingsError, match=r"ANTHROPIC_API_KEY_FILE names .*nothing, which cannot be read \(no such file"
    ):
        read_settings({"ANTHROPIC_API_KEY_FILE": str(tmp_path / "nothing")})


def test_env_file_is_read_and_the_environment_wins(tmp_path: Path) -> None:
    """`.env` holds what stays, the environment what is meant now."""
    file = tmp_path / ".env"
    file.write_text("PORT=9000\nNORTHSTAR_TIMEZONE=Europe/Zurich\n")
    settings = read_settings({"PORT": "9001"}, file)
    assert (settings.port, settings.timezone) == (9001, "Europe/Zurich")


def test_no_secret_in_any_text() -> None:
    """Neither in the repr nor in the report of mistakes."""
    canary = "canary-5ecret-value"
    environ = dict.fromkeys((name for name in SECRET if not name.endswith("_FILE")), canary)
    settings = read_settings(environ)
    assert canary not in repr(settings)
    assert canary not in str(settings.model_dump())
    with pytest.raises(SettingsError) as error:
        read_settings({**environ, "PORT": "x", "JOHN_API_BASE_URL": f"not a url {canary}"})
    assert canary not in str(error.value)
    assert canary not in repr(error.value)


def test_every_secret_hides_itself() -> None:
    """Whoever adds a key cannot forget to."""
    assert {"KALSHI_API_KEY", "KALSHI_PRIVATE_KEY", "ANTHROPIC_API_KEY", "JOHN_API_TOKEN"} < SECRET
    words = ("KEY", "TOKEN", "SECRET", "PASSWORD")
    named = {name for name in KNOWN if any(word in name for word in words)} - SECRET
    assert all(name.endswith("_PATH") for name in named)


def test_source_without_its_key_is_one_sentence_each() -> None:
    """What to set, and how to do without."""
    assert len(missing(read_settings({}))) == 5
    problems = missing(read_settings({"NORTHSTAR_SOURCES": "anthropic"}))
    assert problems == ["ANTHROPIC_API_KEY is not set: set it, or take anthropic out of NORTHSTAR_SOURCES."]
    assert missing(read_settings({"NORTHSTAR_SOURCES": "anthropic", "ANTHROPIC_API_KEY": "k"})) == []


@pytest.mark.parametrize(
    ("environ", "address"),
    [
        ({}, "wss://external-api-ws.kalshi.com/trade-api/ws/v2"),
        (
            {"KALSHI_BASE_URL": "https://external-api.demo.kalshi.co/trade-api/v2"},
            "wss://external-api-ws.demo.kalshi.co/trade-api/ws/v2",
        ),
        (
            {"KALSHI_BASE_URL": "https://demo-api.kalshi.co/trade-api/v2/"},
            "wss://demo-api.kalshi.co/trade-api/ws/v2",
        ),
        ({"KALSHI_BASE_URL": "http://127.0.0.1:8099/trade-api/v2"}, "ws://127.0.0.1:8099/trade-api/ws/v2"),
        (
            {"KALSHI_BASE_URL": "https://proxy.test/kalshi/trade-api/v2"},
            "wss://proxy.test/kalshi/trade-api/ws/v2",
        ),
        ({"KALSHI_BASE_URL": "http://127.0.0.1:1/", "KALSHI_WS_URL": "ws://a.test/b"}, "ws://a.test/b"),
    ],
)
def test_socket_belongs_to_the_host_that_is_read(environ: dict[str, str], address: str) -> None:
    """A demo account must not listen to the real venue, nor the simulator's user sign for it."""
    settings = told({"KALSHI_API_KEY": "k", "KALSHI_PRIVATE_KEY": "p", **environ}, "kalshi")
    assert isinstance(settings, KalshiSettings)
    assert settings.socket == address


def test_socket_address_must_be_one() -> None:
    """An https address here is a mistake, said by name."""
    with pytest.raises(SettingsError, match="KALSHI_WS_URL"):
        read_settings({"KALSHI_WS_URL": "https://external-api-ws.kalshi.com/trade-api/ws/v2"})


def test_limits_are_found_by_unit_and_name() -> None:
    """Every limit is published under its unit; one in dollars that nobody set is off."""
    found = read_settings(
        {"NORTHSTAR_LIMIT_LOSS_TODAY_USD": "99.50", "NORTHSTAR_LIMIT_COMMIT_SECONDS": "2"}
    ).limits
    assert found["usd"]["loss_today"] == Decimal("99.50")
    assert found["seconds"] == {"snapshot_age": 60, "clock_skew": 60, "commit": 2}
    assert not {"drawdown", "balance", "position"} & found["usd"].keys()
    assert set(found) == {"usd", "ratio", "seconds", "bytes"}


@pytest.mark.parametrize("text", ["0", "-5", "nan", "inf", "ten"])
def test_limit_must_be_a_positive_number(text: str) -> None:
    """A limit that is always or never exceeded is a mistake; to switch one off, leave it empty."""
    with pytest.raises(SettingsError, match="NORTHSTAR_LIMIT_DRAWDOWN_USD is wrong"):
        read_settings({"NORTHSTAR_LIMIT_DRAWDOWN_USD": text})


def test_stated_prices_are_read() -> None:
    """Entries are separated by semicolons or lines; blanks do not matter."""
    text = "claude-nova-1 all 2026-11-01 6;\n claude-nova-1   output 2026-11-01 30.5 ;"
    settings = told({"ANTHROPIC_API_KEY": "k", "NORTHSTAR_ANTHROPIC_PRICES": text}, "anthropic")
    assert isinstance(settings, AnthropicSettings)
    assert settings.prices == (
        ("claude-nova-1", "all", date(2026, 11, 1), Decimal(6)),
        ("claude-nova-1", "output", date(2026, 11, 1), Decimal("30.5")),
    )


def test_the_documented_example_of_prices_is_read(tmp_path: Path) -> None:
    """Who copies it into `.env` gets what the page says."""
    page = (ROOT / "docs" / "figures.md").read_text()
    [example] = [line for line in page.splitlines() if line.startswith("NORTHSTAR_ANTHROPIC_PRICES=")]
    (tmp_path / ".env").write_text(f"NORTHSTAR_SOURCES=anthropic\nANTHROPIC_API_KEY=k\n{example}\n")
    [source] = read_settings({}, tmp_path / ".env").sources
    assert isinstance(source.settings, AnthropicSettings)
    assert [one.kind for one in source.settings.prices] == ["all", "output"]


@pytest.mark.parametrize(
    ("entry", "wrong"),
    [
        ("claude-nova-1 all 2026-11-01", "not model, kind, first day and dollars"),
        ("claude-nova-1 input 2026-11-01 6", '"input"'),
        ("claude-nova-1 all 2026-11-31 6", '"2026-11-31"'),
        ("claude-nova-1 all 2026-11-01 0", '"0"'),
        ("claude-nova-1 all 2026-11-01 -6", '"-6"'),
        ("claude-nova-1 all 2026-11-01 1e3", '"1e3"'),
        ("claude-nova-1 all 2026-11-01 NaN", '"NaN"'),
        ("claude-nova-1 all 2026-11-01 0.00001", "at most four decimals"),
    ],
)
def test_each_wrong_price_has_its_sentence(entry: str, wrong: str) -> None:
    """All are found in one run, each quoted as it was written."""
    text = f"claude-nova-1 output 2026-11-01 30; {entry}; gone"
    with pytest.raises(SettingsError) as error:
        read_settings({"NORTHSTAR_ANTHROPIC_PRICES": text})
    first, second = error.value.problems
    assert wrong in first
    assert '"gone"' in second
    assert all(problem.startswith("NORTHSTAR_ANTHROPIC_PRICES is wrong: ") for problem in (first, second))


def test_one_price_stated_twice_is_refused() -> None:
    """Which of the two is meant cannot be known."""
    twice = "claude-nova-1 output 2026-11-01 30; claude-nova-1 output 2026-11-01 31"
    with pytest.raises(SettingsError, match="claude-nova-1 output from 2026-11-01 on more than once"):
        read_settings({"NORTHSTAR_ANTHROPIC_PRICES": twice})


def test_cash_of_the_venues_statement_is_read() -> None:
    """Signed: an incentive may be taken back."""
    text = "2026-11-01 interest 12.34; 2026-11-15 incentive -5"
    keys = {"KALSHI_API_KEY": "k", "KALSHI_PRIVATE_KEY": "p"}
    settings = told({**keys, "NORTHSTAR_KALSHI_OTHER_CASH": text}, "kalshi")
    assert isinstance(settings, KalshiSettings)
    assert settings.other_cash == (
        (date(2026, 11, 1), "interest", Decimal("12.34")),
        (date(2026, 11, 15), "incentive", Decimal(-5)),
    )


@pytest.mark.parametrize("amount", ["0", "1e3", "NaN", "12,34", "$5", "0.00001"])
def test_cash_that_is_no_amount_is_refused(amount: str) -> None:
    """With the entry quoted, and the one that is no day beside it."""
    with pytest.raises(SettingsError) as error:
        read_settings(
            {"NORTHSTAR_KALSHI_OTHER_CASH": f"2026-11-01 interest {amount}; 2026-11-31 interest 1; gone"}
        )
    for quoted, problem in zip((amount, "2026-11-31", "gone"), error.value.problems, strict=True):
        assert f'"{quoted}"' in problem
    assert all(
        problem.startswith("NORTHSTAR_KALSHI_OTHER_CASH is wrong: ") for problem in error.value.problems
    )


def test_budgets_and_a_credit_are_read() -> None:
    """Dollars as decimals, a budget for each workspace, a credit with its day."""
    settings = read_settings(
        {
            "NORTHSTAR_API_BUDGET_USD": "250.50",
            "NORTHSTAR_API_WORKSPACE_BUDGETS": "wrkspc_01=100, default=50.25",
            "NORTHSTAR_API_CREDIT_USD": "1000",
            "NORTHSTAR_API_CREDIT_SINCE": "2026-11-01",
        }
    )
    assert build_plan(settings) == Plan(
        budget=Decimal("250.50"),
        workspaces={"wrkspc_01": Decimal(100), "default": Decimal("50.25")},
        credit=Credit(Decimal(1000), date(2026, 11, 1)),
        drift=Decimal("0.05"),
    )
    assert build_plan(read_settings({})) == Plan(drift=Decimal("0.05"))


@pytest.mark.parametrize(
    ("name", "value", "wrong"),
    [
        ("NORTHSTAR_API_BUDGET_USD", "0", "greater than 0"),
        ("NORTHSTAR_API_WORKSPACE_BUDGETS", "wrkspc_01", '"wrkspc_01" is not a workspace and its budget'),
        ("NORTHSTAR_API_WORKSPACE_BUDGETS", "wrkspc_01=-5", "is not a workspace and its budget"),
        ("NORTHSTAR_API_WORKSPACE_BUDGETS", "a=5,a=6", "the budget of a more than once"),
        ("NORTHSTAR_API_CREDIT_USD", "10", "set the other one, too"),
        ("NORTHSTAR_API_CREDIT_SINCE", "2026-11-01", "set the other one, too"),
        ("NORTHSTAR_API_CREDIT_SINCE", "1.11.2026", "is no day such as 2026-11-01"),
    ],
)
def test_each_wrong_budget_has_its_sentence(name: str, value: str, wrong: str) -> None:
    """A budget that is misread would be watched for nothing."""
    with pytest.raises(SettingsError, match=wrong):
        read_settings({name: value})


ENV_FILES = {
    "UTF-16": ("KALSHI_API_KEY=abc".encode("utf-16"), "is UTF-16: save it as UTF-8 text."),
    "a Latin-1 letter": (b"PORT=9000\n# caf\xe9\n", "is not UTF-8 in line 2: save it as UTF-8 text."),
    "a database": (b"SQLite format 3\0", "holds bytes that are no text: save it as UTF-8 text."),
    "no assignment": (b"PORT=9000\n= 5\n", "line 2, is not of the form NAME=value."),
}


@pytest.mark.parametrize(("content", "said"), ENV_FILES.values(), ids=ENV_FILES)
def test_an_env_file_that_cannot_be_read_is_one_sentence(tmp_path: Path, content: bytes, said: str) -> None:
    """It names the file, the place and what to do, and quotes nothing of it."""
    file = tmp_path / ".env"
    file.write_bytes(content)
    with pytest.raises(SettingsError) as caught:
        read_settings({}, file)
    [problem] = caught.value.problems
    assert problem.startswith(str(file))
    assert problem.endswith(said)


def test_a_folder_in_the_place_of_the_env_file_is_said(tmp_path: Path) -> None:
    """A volume that is mounted from nowhere is a folder; without a word, nothing of it would count."""
    with pytest.raises(SettingsError, match="cannot be read: is a directory"):
        read_settings({}, tmp_path)


def test_an_env_file_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    """Editors of Windows write one."""
    file = tmp_path / ".env"
    file.write_bytes("PORT=9000\n".encode("utf-8-sig"))
    assert read_settings({}, file).port == 9000


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("KALSHI_APIKEY", "KALSHI_API_KEY"),
        ("JOHN_API_TOKENS", "JOHN_API_TOKEN"),
        ("ANTHROPIC_API_KEYS", "ANTHROPIC_API_KEY"),
        ("AGGREGATION_INTERVALMS", "AGGREGATION_INTERVAL_MS"),
    ],
)
def test_a_name_that_is_nearly_one_of_ours_is_said(tmp_path: Path, name: str, meant: str) -> None:
    """In the file and in the environment; otherwise the setting would be missed without a word."""
    file = tmp_path / ".env"
    file.write_text(f"{name}=x-canary-1\n")
    for given in (({}, file), ({name: "x-canary-1"}, None)):
        with pytest.raises(SettingsError) as caught:
            read_settings(*given)
        assert caught.value.problems == (f"{name} is not a setting: did you mean {meant}?",)


def test_names_of_other_programs_are_their_own() -> None:
    """The environment is shared, and what is given needs no nearest name."""
    read_settings({"ANTHROPIC_AUTH_TOKEN": "x", "KALSHI_ENV": "prod", "POST": "1", "JOHN": "him"})
    read_settings({"KALSHI_API_KEY": "a", "KALSHI_APIKEY": "b"})


@pytest.mark.parametrize(
    ("address", "said"),
    [
        (
            "127.0.0.1:21610",
            '"127.0.0.1:21610" does not begin with http:// or https://: https://127.0.0.1:21610?',
        ),
        ("http://localhost:abc", "a port that is no number up to 65535"),
        ("http://127.0.0.1:99999", "a port that is no number up to 65535"),
        ("http://[::1", "a host that is none"),
        ("http://ex\u00e4mple..com", "letters that no address has"),
        ("http://example..com", "has no host"),
        ("http://", "has no host"),
        ("ftp://example.com", "begins with ftp://"),
        ("http://exam ple.com", "holds a blank"),
        ("sk-live-canary-5ecret", "is no address; one looks like https://example.com"),
        ("http://me:canary-5ecret@host:x", '"http://host:x" has a port'),
    ],
)
def test_an_address_that_cannot_be_asked_is_one_sentence(address: str, said: str) -> None:
    """Before anything is asked, and without whoever it says we are."""
    with pytest.raises(SettingsError) as caught:
        read_settings({"JOHN_API_BASE_URL": address})
    [problem] = caught.value.problems
    assert problem.startswith("JOHN_API_BASE_URL is wrong: ")
    assert said in problem
    assert "canary" not in problem


@pytest.mark.parametrize(
    "address",
    ["http://127.0.0.1:8099/sales", "https://x_y.example.com", "http://[::1]:80", "http://a.", "HTTP://A"],
)
def test_an_address_that_can_be_asked_is_taken_as_it_is(address: str) -> None:
    """Names of containers have underscores, IPv6 has brackets."""
    read_settings({"JOHN_API_BASE_URL": address})


def test_paths_may_begin_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No shell stands between an .env file and us: `~` would be a folder of that name."""
    monkeypatch.setenv("HOME", str(tmp_path))
    settings = read_settings({"DB_PATH": "~/x.sqlite3", "NORTHSTAR_BACKUP_FOLDER": "~/copies"})
    assert (settings.db_path, settings.backup_folder) == (tmp_path / "x.sqlite3", tmp_path / "copies")
    with pytest.raises(SettingsError, match="in the home of somebody"):
        read_settings({"DB_PATH": "~nobody-of-that-name/x"})


@pytest.mark.parametrize(
    ("zone", "said"),
    [
        ("EST", "say America/New_York"),
        ("Europe/Zurch", "did you mean Europe/Zurich"),
        ("Nowhere", "such as Europe"),
    ],
)
def test_a_zone_that_is_not_meant_is_said(zone: str, said: str) -> None:
    """EST has no summer time: for half of the year its midnight is an hour off."""
    with pytest.raises(SettingsError, match=said):
        read_settings({"NORTHSTAR_TIMEZONE": zone})


def test_a_source_called_by_its_settings_is_recognized() -> None:
    """`john` is what its settings begin with."""
    with pytest.raises(SettingsError, match=r'"john" is none of .*; perhaps sales is meant'):
        read_settings({"NORTHSTAR_SOURCES": "kalshi,john"})


def test_a_secret_in_a_file_that_is_no_text_is_one_sentence(tmp_path: Path) -> None:
    """Nothing of it is quoted."""
    file = tmp_path / "key"
    file.write_bytes(b"\xff\xfecanary")
    with pytest.raises(SettingsError, match=r"cannot be read \(it is not UTF-8 text\)") as caught:
        read_settings({"ANTHROPIC_API_KEY_FILE": str(file)})
    assert "canary" not in str(caught.value)
