"""What follows from the settings: the zone, the limits that are set, who can reach the address."""

from __future__ import annotations

from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from exporter.errors import SettingsError
from exporter.sources.registry import read_settings


def test_the_zone_is_the_one_that_is_set() -> None:
    """Its midnight begins today."""
    assert read_settings({"NORTHSTAR_TIMEZONE": "Europe/Zurich"}).zone == ZoneInfo("Europe/Zurich")


@pytest.mark.parametrize(
    ("environ", "age"),
    [
        ({"NORTHSTAR_BACKUP_FOLDER": "/backups"}, Decimal(2 * 24 * 3_600 + 3_600)),
        ({"NORTHSTAR_BACKUP_FOLDER": "/backups", "NORTHSTAR_BACKUP_HOURS": "1"}, Decimal(3 * 3_600)),
        ({"NORTHSTAR_BACKUP_FOLDER": "/backups", "NORTHSTAR_LIMIT_BACKUP_AGE_SECONDS": "90"}, Decimal(90)),
    ],
)
def test_one_backup_may_fail_before_anybody_is_told(environ: dict[str, str], age: Decimal) -> None:
    """Two of its hours and one more, unless another limit is set."""
    assert read_settings(environ).limits["seconds"]["backup_age"] == age


def test_without_backups_there_is_no_limit_to_their_age() -> None:
    """Also where the limit is set: there would be nothing to compare."""
    environ = {"NORTHSTAR_LIMIT_BACKUP_AGE_SECONDS": "90"}
    assert "backup_age" not in read_settings(environ).limits["seconds"]


@pytest.mark.parametrize(
    ("host", "routable"),
    [
        ("127.0.0.1", False),
        ("::1", False),
        ("localhost", False),
        ("0.0.0.0", True),
        ("192.168.1.5", True),
        ("stream", True),
    ],
)
def test_who_can_reach_the_address(host: str, routable: bool) -> None:
    """A name may be anybody's, so it counts as one that others reach."""
    assert read_settings({"NORTHSTAR_HOST": host}).routable is routable


def test_the_names_we_are_asked_for_by() -> None:
    """The one that is listened on, and those that are listed."""
    environ = {"NORTHSTAR_HOST": "pnl.example.com", "NORTHSTAR_HOST_NAMES": "a.example, b.example."}
    assert read_settings(environ).names == ("a.example", "b.example.", "pnl.example.com")


@pytest.mark.parametrize("text", ["http://a.example", "a.example:80", "a.example/x", "a b", "ä.example", "*"])
def test_what_is_no_name_is_quoted(text: str) -> None:
    """A name stands alone."""
    with pytest.raises(SettingsError) as refused:
        read_settings({"NORTHSTAR_HOST_NAMES": text})
    assert f'"{text}" is no name such as pnl.example.com' in str(refused.value)


def test_an_address_that_is_published_on_the_loopback_is_not_reached_by_others() -> None:
    """A container listens on every address of its own."""
    environ = {"NORTHSTAR_HOST": "0.0.0.0", "NORTHSTAR_PUBLISHED_ON_LOOPBACK": "true"}
    assert not read_settings(environ).routable
