"""Thinning: whatever is taken out, everything that stays comes back whole, and no reader is led astray."""

from __future__ import annotations

import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from exporter.errors import StoreUnavailable
from exporter.snapshot import apply, decode, from_json
from exporter.store import Retention, Store, schema, snapshots, thinning
from tests.builders import NOW, bare, held

pytestmark = pytest.mark.slow

KEEP = Retention(raw=timedelta(days=1), full=timedelta(minutes=10), every=timedelta(seconds=10))


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small batches and near keyframes, so that a few snapshots meet every edge."""
    _shrink(monkeypatch, 7, 5)


def _shrink(monkeypatch: pytest.MonkeyPatch, batch: int, keyframe: int) -> None:
    monkeypatch.setattr(thinning, "BATCH", batch)
    for module in (thinning, snapshots):
        monkeypatch.setattr(module, "KEYFRAME_EVERY", keyframe)


def quick(path: Path) -> Store:
    """Open a store that does not wait for the disk: nothing here is about the loss of power."""
    store = Store.write(path)
    driver: Any = store.engine.raw_connection().driver_connection
    driver.execute("PRAGMA synchronous=OFF")
    return store


class Published:
    """A store, and everything that was ever put into it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.store = quick(path)
        self.trees: dict[int, dict[str, Any]] = {}

    def add(self, at: datetime, markets: dict[str, Any], net: str = "1.00") -> None:
        """Publish the next snapshot."""
        number = len(self.trees) + 1
        tree = {**bare(self.store.snapshots.epoch, number, at, net), "positions": markets}
        self.store.snapshots.append(from_json(tree))
        self.trees[number] = tree

    def thin(self, now: datetime, keep: Retention = KEEP) -> None:
        """Thin out all there is to thin out."""
        while self.store.thinning.advance(now, keep):
            pass

    def restart(self) -> None:
        """Open the database anew."""
        self.store.close()
        self.store = quick(self.path)

    def rows(self) -> list[Any]:
        """Return what is kept, in order."""
        table = schema.snapshots
        with self.store.engine.connect() as connection:
            return list(
                connection.execute(
                    select(table.c.sequence, table.c.as_of, table.c.whole).order_by(table.c.sequence)
                )
            )

    def is_sound(self) -> None:
        """Everything kept is what was published; from anywhere, deltas lead on rightly or show a gap."""
        kept = [row.sequence for row in self.rows()]
        for sequence, tree in self.trees.items():
            assert self.store.snapshots.at(sequence) == (tree if sequence in kept else None)
        assert self.store.snapshots.latest() == self.trees[max(self.trees)]
        for sequence, tree in self.trees.items():
            reached = dict(tree)
            for row in self.store.snapshots.after(sequence, 10):
                if row.sequence != reached["sequence"] + 1:
                    break
                reached = apply(reached, decode(row.patch))
                assert reached == self.trees[row.sequence]

    def close(self) -> None:
        self.store.close()


@pytest.fixture
def published(tmp_path: Path) -> Any:
    """Gives an empty store."""
    found = Published(tmp_path / "northstar.sqlite3")
    yield found
    found.close()


def test_the_last_of_each_stretch_stays_and_the_replay_is_whole(published: Published) -> None:
    """Ten a second for twenty minutes, one of each ten seconds but for the last ten minutes."""
    begin = NOW - timedelta(minutes=20)
    for number in range(1200):
        published.add(begin + timedelta(seconds=number), {"M": held(number)})
    published.thin(NOW)
    kept = [row.sequence for row in published.rows()]
    assert kept == [*range(10, 600, 10), *range(600, 1201)]
    published.is_sound()
    assert published.store.snapshots.after(600)[0].sequence == 601
    assert published.store.snapshots.after(595)[0].sequence == 600
    assert published.store.snapshots.after(15)[0].sequence > 16
    published.thin(NOW)
    assert [row.sequence for row in published.rows()] == kept


def test_a_gap_is_never_hidden_behind_deltas_that_fit(published: Published) -> None:
    """A reader right before a row that stayed must not run over the gap behind it."""
    for number in range(40):
        published.add(NOW - timedelta(hours=1) + timedelta(seconds=number), {"M": held(number)})
    published.thin(NOW)
    assert [row.sequence for row in published.rows()] == [10, 20, 30, 40]
    assert [row.sequence for row in published.store.snapshots.after(9)] == [40]
    assert [row.sequence for row in published.store.snapshots.after(9, 1)] == [10]
    assert [row.sequence for row in published.store.snapshots.after(39)] == [40]


def test_a_position_that_closed_and_opened_again_in_between_is_right(published: Published) -> None:
    """Merging the patches would keep the mark of the first one: patches do not compose."""
    published.add(NOW - timedelta(hours=1), {"M": {**held(1), "mark": "0.5"}})
    published.add(NOW - timedelta(hours=1) + timedelta(seconds=10), {})
    published.add(NOW - timedelta(hours=1) + timedelta(seconds=11), {"M": held(2)})
    published.thin(NOW)
    assert [row.sequence for row in published.rows()] == [1, 3]
    published.is_sound()


def test_a_stretch_that_is_not_over_waits_for_its_end(published: Published) -> None:
    """Its last snapshot is not known before; what stays depends on no hour at which retention ran."""
    begin = NOW - timedelta(hours=1)
    for number in range(60):
        published.add(begin + timedelta(seconds=number), {"M": held(number)})
    for seconds in (15, 16, 33, 59):
        published.thin(begin + KEEP.full + timedelta(seconds=seconds))
        published.is_sound()
    published.thin(NOW)
    assert [row.sequence for row in published.rows()] == [10, 20, 30, 40, 50, 60]


def test_a_burst_longer_than_a_batch_keeps_its_last(published: Published) -> None:
    """Fifty in two seconds are one in the end, however few are looked at in one go."""
    for number in range(50):
        published.add(NOW - timedelta(hours=1) + timedelta(milliseconds=40 * number), {"M": held(number)})
    published.thin(NOW)
    assert [row.sequence for row in published.rows()] == [50]
    published.is_sound()


def test_history_and_openings_at_whole_stretches_stay_as_they_were(published: Published) -> None:
    """A calendar window starts on a quarter of an hour, which is where a stretch ends."""
    begin = NOW - timedelta(hours=2, microseconds=-1)
    for number in range(900):
        published.add(begin + timedelta(seconds=2 * number), {}, net=f"{number}.00")
    moments = [NOW - timedelta(minutes=minutes) for minutes in (119, 115, 105, 91)]
    store = published.store.snapshots
    before = [store.opening("kalshi", at) for at in moments], store.history(begin, NOW, 720)
    published.thin(NOW)
    openings = [store.opening("kalshi", at) for at in moments]
    assert [(each.usd, each.as_of) for each in openings if each] == [
        (each.usd, each.as_of) for each in before[0] if each
    ]
    assert len(published.rows()) == 180
    assert store.history(begin, NOW, 720) == before[1]


def test_keyframes_stay_near(published: Published) -> None:
    """No snapshot is further from a whole one than twice the distance there was."""
    for number in range(400):
        published.add(NOW - timedelta(hours=2) + timedelta(seconds=4 * number), {"M": held(number)})
    published.thin(NOW)
    since = 0
    for row in published.rows():
        since = 0 if row.whole is not None else since + 1
        assert since < 2 * thinning.KEYFRAME_EVERY


def test_roll_up_goes_on_where_sequences_are_far_apart(
    published: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch is so many rows, not so many numbers; else nothing would ever be deleted again."""
    monkeypatch.setattr(snapshots, "ROLL_UP_BATCH", 20)
    for number in range(900):
        published.add(NOW - timedelta(hours=30) + timedelta(seconds=number), {"M": held(number)})
    published.add(NOW, {})
    published.thin(NOW)
    assert len(published.rows()) == 91
    while published.store.snapshots.roll_up(NOW, KEEP.raw):
        pass
    assert len(published.rows()) <= thinning.KEYFRAME_EVERY + 1
    with published.store.engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(schema.rollups)) >= 14
    published.is_sound()
    published.thin(NOW + timedelta(hours=2))
    published.is_sound()


def test_a_row_that_cannot_be_read_whole_is_left_alone(published: Published) -> None:
    """A damaged chain is an error that says where, and nothing is deleted."""
    for number in range(30):
        published.add(NOW - timedelta(hours=1) + timedelta(seconds=number), {})
    with published.store.engine.begin() as connection:
        connection.execute(schema.snapshots.update().values(whole=None))
    with pytest.raises(StoreUnavailable, match="Snapshot 1 cannot be read whole"):
        published.thin(NOW)
    assert len(published.rows()) == 30


MARKETS = st.dictionaries(
    st.sampled_from("ABC"),
    st.dictionaries(st.sampled_from(["mark", "value", "unrealised"]), st.sampled_from("123"), max_size=3).map(
        lambda fields: {**held(1), **fields}
    ),
    max_size=3,
)
STEP = st.one_of(
    st.tuples(st.just("add"), st.lists(st.tuples(st.integers(0, 25_000), MARKETS), min_size=1, max_size=12)),
    st.tuples(st.just("thin"), st.tuples(st.integers(0, 120), st.sampled_from([1, 5, 10, 60]))),
    st.tuples(st.just("roll"), st.integers(0, 200)),
    st.tuples(st.just("restart"), st.none()),
)


@settings(deadline=None, max_examples=60)
@given(st.lists(STEP, min_size=3, max_size=12), st.integers(2, 9), st.integers(1, 6))
def test_after_any_thinning_every_snapshot_that_stays_comes_back_whole(
    steps: list[Any], batch: int, keyframe: int
) -> None:
    """Any pace, any order of thinning, roll-up and restart, any batch."""
    with pytest.MonkeyPatch.context() as patched, tempfile.TemporaryDirectory() as folder:
        _shrink(patched, batch, keyframe)
        published = Published(Path(folder) / "northstar.sqlite3")
        at = NOW
        published.add(at, {})
        for what, how in steps:
            if what == "add":
                for pause, markets in how:
                    at += timedelta(milliseconds=pause)
                    published.add(at, markets)
            elif what == "restart":
                published.restart()
            elif what == "roll":
                while published.store.snapshots.roll_up(at, timedelta(seconds=how)):
                    pass
            else:
                full, every = how
                keep = Retention(full=timedelta(seconds=full), every=timedelta(seconds=every))
                published.thin(at, keep)
            published.is_sound()
        published.close()
