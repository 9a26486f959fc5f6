"""A path through the snapshot: what it reads, and that one which leads nowhere is refused at the start."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from exporter.metrics.catalogue import FIGURES, METRICS
from exporter.metrics.figures import PATHS, figures
from exporter.metrics.path import Path
from exporter.snapshot import Snapshot
from exporter.snapshot.texts import Moment, Usd
from exporter.snapshot.tree import VenueAccount
from tests.metrics.test_figures import known_snapshot
from tests.snapshot.trees import made


def read(path: str, *labels: str) -> list[tuple[tuple[str, ...], float]]:
    return Path(path, labels).samples(known_snapshot())


def test_each_kind_of_step() -> None:
    """A field, every key, every field of a part, each item, the last item, fields as labels."""
    assert read("sequence") == [((), 42.0)]
    assert read("windows.{window}.net.usd", "window")[0] == (("today",), 97.498133)
    assert read("trading.{window}.wins", "window")[-1] == (("all",), 1.0)
    assert (("cache_read",), 2250.0) in [
        (labels[1:], value) for labels, value in read("api_cost.windows.{w}.tokens.kind.{kind}", "w", "kind")
    ]
    assert read("api_cost.unpriced.[].tokens", "model", "reason") == [(("claude-next", "model"), 77.0)]
    assert read("api_cost.restatements.latest.[-1].after") == [((), 7.825)]
    assert read("sources.{source}", "kind", "source", "title")[0] == (("venue", "kalshi", "Kalshi"), 1.0)


def test_each_kind_of_end() -> None:
    """Dollars, a time, a day, a grade, yes or no, and a part, which is 1."""
    assert read("as_of") == [((), 1795348800.0)]
    assert read("api_cost.drift.day") == [((), 1794787200.0)]
    assert read("unrealised.grade") == [((), 2.0)]
    assert read("checks.{check}.ok", "check")[0] == (("balanced",), 1.0)
    assert read("", "epoch", "currency") == [(("e0", "USD"), 1.0)]


def test_accounts_are_added_up_exactly() -> None:
    """In Decimal: two tenths and one tenth are three."""
    account = VenueAccount(
        cash=Usd("0.1"), portfolio_value=Usd("0"), equity=Usd("0"), paid_in=Usd("0"), as_of=Moment("")
    )
    other = structs.replace(account, cash=Usd("0.2"))
    snapshot = structs.replace(known_snapshot(), accounts={"a": account, "b": other})
    assert Path("accounts.*.cash", ()).samples(snapshot) == [((), 0.3)]
    assert Path("accounts.*.cash", ()).samples(structs.replace(snapshot, accounts={})) == []


@pytest.mark.parametrize(
    ("path", "labels"),
    [
        ("windows.{window}.nett.usd", ("window",)),
        ("windows.net.usd", ()),
        ("windows.{window}.net.usd", ()),
        ("windows.{window}.net.usd", ("window", "market")),
        ("sequence.usd", ()),
        ("timezone", ()),
        ("windows.{window}.net.because", ("window",)),
        ("windows.{window}.{part}.usd", ("window", "part")),
        ("positions.[]", ()),
    ],
)
def test_a_path_that_leads_nowhere_is_refused(path: str, labels: tuple[str, ...]) -> None:
    """When the program starts, not when somebody misses a figure."""
    with pytest.raises(TypeError):
        Path(path, labels)


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**32))
def test_every_path_can_be_read_in_every_snapshot(seed: int) -> None:
    """Whatever is absent."""
    snapshot = made(Snapshot, Random(seed))
    for name, path in PATHS.items():
        for labels, value in path.samples(snapshot):
            assert len(labels) == len(METRICS[name].labels)
            assert isinstance(value, float)


def test_what_has_no_path_is_stated_by_a_rule() -> None:
    """No line of the catalogue is left without samples."""
    stated = {metric.name for metric, _ in figures(known_snapshot())}
    assert stated == {metric.name for metric in FIGURES}
