"""Definitions of other packages: found by entry point, and each one that cannot be used is one sentence."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from importlib.metadata import EntryPoint
from types import ModuleType
from typing import Any

import pytest
from pydantic import Field

from exporter.errors import SettingsError, SourceBroken
from exporter.settings import SourceSettings
from exporter.settings.reading import read
from exporter.sources import registry
from exporter.sources.contract import Reading, Window
from exporter.sources.definition import AnyDefinition, Definition, Setup
from exporter.sources.registry import BUILT_IN, GROUP, Registry, gather
from exporter.wiring import build_source, build_sources

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 11, 22, tzinfo=UTC)


class PawnSettings(SourceSettings):
    """What the pawn shop of these tests is told."""

    address: str = Field(description="Where it is.")


class Pawn:
    """A source that is built and has nothing to say."""

    overlap = timedelta(0)

    def __init__(self, setup: Setup) -> None:
        self.name, self.interval, self.freshness = setup.name, setup.interval, setup.freshness

    async def fetch(self, window: Window) -> Reading:
        return Reading(source=self.name, as_of=window.end, records=())

    async def probe(self) -> str:
        return "It answers."

    async def aclose(self) -> None:
        pass


def pawn(**changes: Any) -> AnyDefinition:
    given: dict[str, Any] = {
        "name": "pawn",
        "title": "Pawn shop",
        "kind": "sales",
        "settings": PawnSettings,
        "build": lambda settings, setup: Pawn(setup),
        "freshness": timedelta(minutes=1),
    }
    return Definition(**given | changes)


@pytest.fixture
def plug_in(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A module that could be another package's; `PAWN` in it is a good definition."""
    module = ModuleType("a_plug_in")
    vars(module).update(PAWN=pawn(), NUMBER=5, OTHER=pawn(name="other9"))
    monkeypatch.setitem(sys.modules, "a_plug_in", module)
    return module


def point(name: str, value: str) -> EntryPoint:
    return EntryPoint(name, value, GROUP)


def installed(monkeypatch: pytest.MonkeyPatch, *points: EntryPoint) -> Registry:
    """Let the program find these entry points."""
    found = gather(points)
    monkeypatch.setattr(registry, "registry", lambda: found)
    return found


def test_nothing_is_installed_but_our_own() -> None:
    """The table of built-in ones is what a fresh clone has."""
    found = registry.registry()
    assert list(found.definitions) == ["kalshi", "anthropic", "sales"]
    assert found.problems == ()


def test_a_definition_of_another_package_is_found(plug_in: ModuleType) -> None:
    """Behind ours."""
    found = gather([point("pawn", "a_plug_in:PAWN")])
    assert list(found.definitions) == ["kalshi", "anthropic", "sales", "pawn"]
    assert found.problems == ()


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        (
            "pawn",
            "no_such_module:PAWN",
            "cannot be used: ModuleNotFoundError: No module named 'no_such_module'",
        ),
        ("pawn", "a_plug_in:GONE", "cannot be used: AttributeError"),
        ("pawn", "a_plug_in:NUMBER", "cannot be used: it is no Definition"),
        ("pawn", "a_plug_in:OTHER", "cannot be used: its definition calls itself other9"),
        ("sales", "a_plug_in:PAWN", "is left out: another source is called so"),
    ],
)
def test_a_plug_in_that_cannot_be_used_is_one_sentence_and_the_others_go_on(
    plug_in: ModuleType, name: str, value: str, why: str
) -> None:
    """Which one, and why."""
    found = gather([point(name, value), point("queen", "a_plug_in:PAWN"), point("other9", "a_plug_in:OTHER")])
    mine = [problem for problem in found.problems if f" {name} ({value})" in problem]
    assert len(mine) == 1
    assert why in mine[0]
    assert "\n" not in mine[0]
    assert found.definitions["other9"] is vars(plug_in)["OTHER"]
    assert found.definitions["sales"] is BUILT_IN[2]


def test_two_plug_ins_of_one_name_are_a_clash(plug_in: ModuleType) -> None:
    """One of them goes on, always the same one."""
    points = [point("pawn", "a_plug_in:PAWN"), point("pawn", "b_plug_in:PAWN")]
    for order in (points, points[::-1]):
        found = gather(order)
        assert found.definitions["pawn"] is vars(plug_in)["PAWN"]
        assert found.problems == (
            "The source plug-in pawn (b_plug_in:PAWN) is left out: another source is called so.",
        )


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"name": "Pawn Shop"}, "is no name"),
        ({"title": " "}, "it has no title"),
        ({"kind": "bank"}, "its kind .bank. is none of venue, sales, api_cost, other"),
        ({"settings": dict}, "its settings are no SourceSettings"),
        ({"live": print}, "it has a live feed, and only a venue's quotes go anywhere"),
    ],
)
def test_a_definition_says_what_is_wrong_with_it(change: dict[str, Any], why: str) -> None:
    """Whoever writes one is told at once."""
    with pytest.raises(ValueError, match=why):
        pawn(**change)
    with pytest.raises(TypeError, match="title"):
        Definition(name="pawn")  # type: ignore[call-arg]


def test_a_setting_without_a_description_is_refused() -> None:
    """The page of settings would have nothing to say about it."""

    class Silent(SourceSettings):
        door: str = "front"

    with pytest.raises(ValueError, match="its setting door has no description"):
        pawn(settings=Silent)


def test_a_source_of_another_package_is_set_up_like_ours(
    plug_in: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its name, with its settings; another one beside it."""
    installed(monkeypatch, point("pawn", "a_plug_in:PAWN"))
    environ = {
        "NORTHSTAR_SOURCES": "pawn,corner=pawn",
        "NORTHSTAR_PAWN_ADDRESS": "here",
        "NORTHSTAR_CORNER_ADDRESS": "there",
        "NORTHSTAR_CORNER_INTERVAL_SECONDS": "20",
    }
    settings = registry.read_settings(environ)
    first, second = build_sources(settings, None, lambda: NOW)
    assert (first.name, first.interval, first.freshness) == (
        "pawn",
        timedelta(minutes=1),
        timedelta(minutes=6),
    )
    assert (second.name, second.interval, second.freshness) == (
        "corner",
        timedelta(seconds=20),
        timedelta(minutes=2),
    )
    assert [registry.title_of(each) for each in settings.sources] == ["Pawn shop", "Pawn shop (corner)"]
    with pytest.raises(SettingsError, match="NORTHSTAR_PAWN_ADDRES is not a setting: did you mean"):
        registry.read_settings(environ | {"NORTHSTAR_PAWN_ADDRES": "x"})


async def test_a_source_whose_plug_in_fails_takes_part_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its absence must not look like zero, and whatever is set for it is no mistake of the user's."""
    problems = installed(monkeypatch, point("pawn", "no_such_module:PAWN")).problems
    environ = {"NORTHSTAR_SOURCES": "kalshi,pawn", "NORTHSTAR_PAWN_ADDRESS": "here"}
    _, instance = registry.read_settings(environ).sources
    source = build_source(instance, None, lambda: NOW)
    for ask in (source.fetch(Window(None, NOW)), source.probe()):
        with pytest.raises(SourceBroken) as error:
            await ask
        assert (error.value.source, error.value.reason) == ("pawn", "plug_in")
        assert (str(error.value),) == problems


async def test_a_builder_that_fails_is_one_sentence_without_what_it_said(
    plug_in: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The text of an error may quote a key."""

    def build(settings: PawnSettings, setup: Setup) -> Pawn:
        raise KeyError("canary-5ecret-value")

    vars(plug_in)["PAWN"] = pawn(build=build)
    installed(monkeypatch, point("pawn", "a_plug_in:PAWN"))
    environ = {"NORTHSTAR_SOURCES": "pawn", "NORTHSTAR_PAWN_ADDRESS": "here"}
    [source] = build_sources(registry.read_settings(environ), None, lambda: NOW)
    with pytest.raises(SourceBroken) as error:
        await source.fetch(Window(None, NOW))
    assert "Pawn shop could not be built: KeyError in sources/test_registry.py, line" in str(error.value)
    assert "canary" not in str(error.value)


@pytest.mark.parametrize(
    ("change", "lacks"),
    [
        ({"name": "other"}, "its name is not pawn"),
        ({"interval": 60}, "its interval is no timedelta"),
        ({"overlap": None}, "its overlap is no timedelta"),
        ({"probe": None}, "it cannot probe"),
    ],
)
async def test_what_a_builder_makes_that_is_no_source_is_one_sentence(
    plug_in: ModuleType, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], lacks: str
) -> None:
    """It takes part and says what it lacks; the program does not end with a trace."""

    def build(settings: PawnSettings, setup: Setup) -> Pawn:
        made = Pawn(setup)
        vars(made).update(change)
        return made

    vars(plug_in)["PAWN"] = pawn(build=build)
    installed(monkeypatch, point("pawn", "a_plug_in:PAWN"))
    environ = {"NORTHSTAR_SOURCES": "pawn", "NORTHSTAR_PAWN_ADDRESS": "here"}
    [source] = build_sources(registry.read_settings(environ), None, lambda: NOW)
    assert (source.name, source.interval) == ("pawn", timedelta(minutes=1))
    with pytest.raises(SourceBroken, match=f"^Pawn shop is no source: {lacks}.$"):
        await source.fetch(Window(None, NOW))


def test_what_a_builder_refuses_is_said_with_the_title_of_one_more_account(
    plug_in: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the first one the sentence alone is enough; all sources' sentences come together."""

    def build(settings: PawnSettings, setup: Setup) -> Pawn:
        raise SettingsError(["The door is closed."])

    vars(plug_in)["PAWN"] = pawn(build=build)
    installed(monkeypatch, point("pawn", "a_plug_in:PAWN"))
    environ = {
        "NORTHSTAR_SOURCES": "pawn,corner=pawn",
        "NORTHSTAR_PAWN_ADDRESS": "here",
        "NORTHSTAR_CORNER_ADDRESS": "there",
    }
    with pytest.raises(SettingsError) as error:
        build_sources(registry.read_settings(environ), None, lambda: NOW)
    assert error.value.problems == ("The door is closed.", "Pawn shop (corner): The door is closed.")


def test_a_secret_that_its_own_check_refuses_is_not_quoted() -> None:
    """A plug-in's check may say what it has seen; of a secret nothing is repeated."""
    from pydantic import SecretStr, field_validator

    class Loud(SourceSettings):
        key: SecretStr = Field(description="A key.")

        @field_validator("key")
        @classmethod
        def _check(cls, value: SecretStr) -> SecretStr:
            raise ValueError(f"{value.get_secret_value()} is no key")

    with pytest.raises(SettingsError) as error:
        read({"NORTHSTAR_SOURCES": "loud", "NORTHSTAR_LOUD_KEY": "canary"}, None, {"loud": Loud}, ["loud"])
    assert error.value.problems == ("NORTHSTAR_LOUD_KEY is wrong.",)
