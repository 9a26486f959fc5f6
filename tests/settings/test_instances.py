"""Which sources take part, and what each of several of one kind is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from exporter.errors import SettingsError
from exporter.settings import Instance, missing
from exporter.sources.kalshi.settings import KalshiSettings
from exporter.sources.registry import read_settings
from exporter.sources.sales.settings import SalesSettings

SEVERAL = {"NORTHSTAR_SOURCES": "etsy=sales, hedge=kalshi, sales, anthropic, kalshi"}
CANARY = "canary-5ecret-value"


def instances(environ: dict[str, str]) -> dict[str, Instance]:
    return {instance.name: instance for instance in read_settings(environ).sources}


def problems(environ: dict[str, str]) -> tuple[str, ...]:
    """Return what is wrong, all of it."""
    with pytest.raises(SettingsError) as error:
        read_settings(environ)
    return error.value.problems


def test_several_of_one_kind_take_part_in_an_order_that_no_list_changes() -> None:
    """The first venue's positions have the plain keys, so which one is first must not depend on a list."""
    found = instances(SEVERAL)
    assert list(found) == ["kalshi", "hedge", "anthropic", "sales", "etsy"]
    assert {name: each.definition for name, each in found.items() if not each.own} == {
        "hedge": "kalshi",
        "etsy": "sales",
    }


def test_each_is_told_what_is_set_under_its_name() -> None:
    """Short names and old ones are those of the source that is called as its kind is."""
    found = instances(
        SEVERAL
        | {
            "KALSHI_API_KEY": "first",
            "KALSHI_PRIVATE_KEY": "pem",
            "NORTHSTAR_HEDGE_API_KEY": "second",
            "NORTHSTAR_HEDGE_PRIVATE_KEY_PATH": "hedge.pem",
            "NORTHSTAR_HEDGE_INTERVAL_SECONDS": "20",
            "NORTHSTAR_HEDGE_LIVE": "false",
            "NORTHSTAR_JOHN_API_TOKEN": "johns",
            "NORTHSTAR_SALES_BASE_URL": "https://john.test",
            "NORTHSTAR_ETSY_TOKEN": "etsys",
            "NORTHSTAR_ETSY_BASE_URL": "https://etsy.test",
        }
    )
    kalshi, hedge = found["kalshi"].settings, found["hedge"].settings
    assert isinstance(kalshi, KalshiSettings)
    assert isinstance(hedge, KalshiSettings)
    assert (kalshi.api_key.get_secret_value(), kalshi.interval_seconds, kalshi.live) == ("first", 10, True)
    assert (hedge.api_key.get_secret_value(), hedge.interval_seconds, hedge.live) == ("second", 20, False)
    assert (kalshi.private_key_path, hedge.private_key_path) == (None, Path("hedge.pem"))
    sales, etsy = found["sales"].settings, found["etsy"].settings
    assert isinstance(sales, SalesSettings)
    assert isinstance(etsy, SalesSettings)
    assert [each.token.get_secret_value() for each in (sales, etsy)] == ["johns", "etsys"]
    assert [each.base_url for each in (sales, etsy)] == ["https://john.test", "https://etsy.test"]


def test_a_secret_of_one_more_account_is_read_from_a_file(tmp_path: Path) -> None:
    """As for the first one."""
    (tmp_path / "token").write_text("etsys\n")
    environ = SEVERAL | {
        "NORTHSTAR_ETSY_TOKEN_FILE": str(tmp_path / "token"),
        "NORTHSTAR_ETSY_BASE_URL": "https://etsy.test",
    }
    etsy = instances(environ)["etsy"].settings
    assert isinstance(etsy, SalesSettings)
    assert etsy.token.get_secret_value() == "etsys"


def test_what_each_lacks_is_said_by_its_own_names() -> None:
    """What to set, and how to do without."""
    lacks = missing(read_settings({"NORTHSTAR_SOURCES": "hedge=kalshi"}))
    assert lacks == [
        f"NORTHSTAR_HEDGE_{field} is not set: set it, or take hedge out of NORTHSTAR_SOURCES."
        for field in ("API_KEY", "PRIVATE_KEY_PATH")
    ]
    assert (
        missing(read_settings({"NORTHSTAR_SOURCES": "hedge=kalshi", "NORTHSTAR_HEDGE_API_KEY": "k"}))
        == lacks[1:]
    )


@pytest.mark.parametrize(
    ("sources", "wrong"),
    [
        ("kalshi,john", '"john" is none of kalshi, anthropic, sales'),
        ("kalshi,hedge=kalsi", '"kalsi" is none of kalshi, anthropic, sales'),
        (",", "must name at least one of kalshi, anthropic, sales"),
        ("kalshi,kalshi", '"kalshi" is there twice'),
        ("hedge=kalshi,hedge=sales", '"hedge" is there twice'),
        ("sales=kalshi", '"sales" is a definition'),
        ("Hedge=kalshi", '"Hedge" is no name'),
        ("my_hedge=kalshi", '"my_hedge" is no name'),
        ("1st=kalshi", '"1st" is no name'),
        (f"{'h' * 21}=kalshi", "is no name"),
        ("=kalshi", '"" is no name'),
        ("hedge=", '"" is none of'),
        ("snapshot=sales", '"snapshot" means something else already'),
        ("limit=sales", '"limit" means something else already'),
        ("john=sales", '"john" means something else already'),
    ],
)
def test_each_wrong_entry_has_its_sentence(sources: str, wrong: str) -> None:
    """With what there is, or why it cannot be called so."""
    [problem] = problems({"NORTHSTAR_SOURCES": sources})
    assert problem.startswith("NORTHSTAR_SOURCES is wrong: ")
    assert wrong in problem


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        (
            "NORTHSTAR_HEGDE_API_KEY",
            'NORTHSTAR_SOURCES has no "hegde"; did you mean NORTHSTAR_HEDGE_API_KEY?',
        ),
        ("NORTHSTAR_WHALE_API_KEY", 'has no "whale"; it has kalshi, hedge, anthropic.'),
        ("NORTHSTAR_HEDGE_APY_KEY", "did you mean NORTHSTAR_HEDGE_API_KEY?"),
        ("NORTHSTAR_ETSY_TOKEN_FIL", "did you mean NORTHSTAR_ETSY_TOKEN_FILE?"),
        ("NORTHSTAR_HEDGE_FAMILY", "NORTHSTAR_HEDGE_FAMILY is not a setting"),
    ],
)
def test_a_setting_that_is_nobodys_is_named_with_the_nearest(name: str, hint: str) -> None:
    """A typo in a source's name or in a field must not silently mean that nothing is set."""
    [problem] = problems(SEVERAL | {name: CANARY})
    assert hint in problem
    assert CANARY not in problem


def test_all_mistakes_of_all_sources_are_reported_together_and_no_secret_is_in_them() -> None:
    """Also those of a source that does not take part: its names are known, so its values are looked at."""
    environ = {
        "NORTHSTAR_SOURCES": "kalshi,hedge=kalshi,mars",
        "KALSHI_API_KEY": CANARY,
        "NORTHSTAR_HEDGE_API_KEY": CANARY,
        "NORTHSTAR_HEDGE_BASE_URL": f"no address {CANARY}",
        "KALSHI_BASE_URL": "no address",
        "NORTHSTAR_ANTHROPIC_FAMILY": "both",
        "NORTHSTAR_WHALE_PRIVATE_KEY": CANARY,
        "PORT": "eighty",
    }
    found = problems(environ)
    names = ("SOURCES", "WHALE_PRIVATE_KEY", "KALSHI_BASE_URL", "HEDGE_BASE_URL", "ANTHROPIC_FAMILY", "PORT")
    assert len(found) == len(names)
    assert all(any(name in problem for problem in found) for name in names)
    assert CANARY not in str(found)


def test_no_key_of_any_account_is_in_a_text() -> None:
    """Neither in the repr of the settings nor in that of a source's."""
    environ = SEVERAL | {
        "NORTHSTAR_HEDGE_API_KEY": CANARY,
        "NORTHSTAR_HEDGE_PRIVATE_KEY": CANARY,
        "NORTHSTAR_ETSY_TOKEN": CANARY,
        "NORTHSTAR_ETSY_BASE_URL": "https://etsy.test",
    }
    settings = read_settings(environ)
    assert CANARY not in repr(settings) + str(settings.model_dump())
