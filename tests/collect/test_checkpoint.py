"""A restart goes on from a checkpoint, and comes to what all records come to; nothing else is trusted."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import pickle
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.collect import checkpoint
from exporter.collect.checkpoint import Checkpoint, Replayed
from exporter.collect.rebuild import Replay
from exporter.errors import LedgerError
from exporter.ledger import Ledger
from exporter.records import Record
from exporter.snapshot import from_json
from exporter.store import Store
from tests.builders import NOW, UTC_ZONE, bare, bill, fill, healthy, infos, sale, settlement, usage
from tests.collect.conftest import Refusing
from tests.collect.pipeline import Pipeline, answering
from tests.examples import examples

PLUGIN = Path(__file__).parents[1] / "plugin"
SOURCES = infos("kalshi", "anthropic", "sales")

RECORDS: tuple[Record, ...] = (
    *(
        fill(
            f"{way} {number} @ 0.{40 + number}",
            fill_id=f"f-{number}",
            at=NOW - timedelta(minutes=90 - number),
        )
        for number, way in enumerate(("buy yes", "buy no", "buy yes", "buy yes", "buy no"), start=1)
    ),
    settlement("3.00 / 1.20", "0 / 0", "yes", "3.00", ticker="OTHER", at=NOW - timedelta(days=2)),
    *(sale(f"{number}.10", sale_id=f"s-{number}", at=NOW - timedelta(days=number)) for number in range(4)),
    *(bill(NOW.date() - timedelta(days=number), "1.25", "0.75") for number in range(3, 6)),
    *(usage(NOW.replace(hour=0) - timedelta(days=number), "0.10") for number in range(3)),
)
"""What an account has seen, in no order."""


@pytest.fixture(autouse=True)
def worth(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a single record be worth a checkpoint."""
    monkeypatch.setattr(checkpoint, "WORTH", 1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "northstar.sqlite3"


def keep(store: Store, *records: Record) -> None:
    """Book records as readings bring them, each source by itself."""
    for name in dict.fromkeys(record.source for record in records):
        mine = [record for record in records if record.source == name]
        store.records.book(name, mine, (), as_of=NOW, recorded_at=NOW)


def new_ledger(zone: ZoneInfo = UTC_ZONE) -> Ledger:
    return Ledger(zone, SOURCES)


def replay(store: Store) -> Replay:
    return Replay(store, new_ledger, lambda: NOW)


def stated(made: Replayed) -> object:
    """Return all that a ledger says of now."""
    openings: dict[str, dict[str, object]] = {}
    made.ledger.prove()
    return (
        made.ledger.figures(NOW, healthy(NOW), openings),  # type: ignore[arg-type]
        made.ledger.results(NOW),
        made.ledger.counts(NOW),
        {name: dict(book.journal.balances) for name, book in made.ledger.books.items()},
        {
            scope: (b.position, b.cost, b.realised, b.fees)
            for scope, b in made.ledger.venues["kalshi"].portfolio.books.items()
        },
    )


@pytest.fixture
def saved(path: Path) -> Store:
    """A store of which half is in a checkpoint."""
    store = Store.write(path)
    store.snapshots.append(from_json(bare(store.snapshots.epoch, 1, NOW)))
    keep(store, *RECORDS[::2])
    Checkpoint(store, new_ledger).save(replay(store).whole(), NOW)
    return store


def file_of(store: Store) -> Path:
    return store.path.with_name(f"{store.path.name}.checkpoint")


def trusted(store: Store, new: Callable[[], Ledger] = new_ledger, now: timedelta = timedelta(0)) -> bool:
    return Checkpoint(store, new).load(NOW + now) is not None


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database that has nothing in it yet: making one takes longer than filling it."""
    path = tmp_path_factory.mktemp("empty") / "northstar.sqlite3"
    Store.write(path).close()
    return path


@settings(max_examples=examples(60))
@given(st.permutations(range(len(RECORDS))), st.integers(0, len(RECORDS)), st.sets(st.integers(0, 4)))
def test_what_came_after_a_checkpoint_comes_to_what_all_records_come_to(
    empty: Path, order: list[int], cut: int, revised: set[int]
) -> None:
    """Whatever was in it, whatever came later, late or revised among them."""
    path = shutil.copy(empty, empty.with_name(f"{uuid4()}.sqlite3"))
    with Store.write(path) as store:
        ordered = [RECORDS[place] for place in order]
        keep(store, *ordered[:cut])
        made = replace(replay(store).whole(), whole_at=NOW - timedelta(days=1))
        Checkpoint(store, new_ledger).save(made, NOW)
        keep(store, *ordered[cut:])
        keep(store, *(replace(RECORDS[place], count=Decimal("7.00")) for place in revised))  # type: ignore[call-arg]
        resumed, whole = replay(store).resumed(), replay(store).whole()
        assert resumed.upto == whole.upto
        assert resumed.whole_at == made.whole_at or not cut, "it was not used"
        assert stated(resumed) == stated(whole)


def test_every_byte_of_it_counts(saved: Store) -> None:
    """A flipped bit anywhere, a byte more or less: it is not used."""
    assert trusted(saved)
    good = file_of(saved).read_bytes()
    for place in range(0, len(good), 61):
        file_of(saved).write_bytes(good[:place] + bytes([good[place] ^ 4]) + good[place + 1 :])
        assert not trusted(saved), place
    for other in (good[:-1], good + b"\0", good[: len(good) // 2], b"", b"nothing of the kind"):
        file_of(saved).write_bytes(other)
        assert not trusted(saved)
    file_of(saved).write_bytes(good)
    assert trusted(saved)


def test_of_another_program_it_is_not_used(saved: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """One changed line is another program, and so is one of which nobody can read a line."""
    for other in ("another", None):
        monkeypatch.setattr(checkpoint, "code", lambda other=other: other)
        assert not trusted(saved)


def test_a_program_that_is_replaced_while_it_runs_does_not_pass_its_books_on(
    saved: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it writes when it ends was made by the lines of before."""
    running = Checkpoint(saved, new_ledger)
    monkeypatch.setattr(checkpoint, "code", lambda: "newer")
    running.save(replay(saved).whole(), NOW)
    assert not trusted(saved)
    Checkpoint(saved, new_ledger).save(replay(saved).whole(), NOW)
    assert trusted(saved)


def test_of_other_plug_ins_it_is_not_used(
    saved: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of another version, with another line in any of their modules, or none of them."""
    folder = shutil.copytree(PLUGIN, tmp_path / "plugin")
    assert trusted(saved)
    monkeypatch.syspath_prepend(folder)
    assert not trusted(saved), "there was none when it was written"
    Checkpoint(saved, new_ledger).save(replay(saved).whole(), NOW)
    assert trusted(saved)
    for name in ("northstar_harbor/tide.py", "northstar_harbor/__init__.py"):
        whole = (folder / name).read_text()
        (folder / name).write_text(f"{whole}\n")
        assert not trusted(saved)
        (folder / name).write_text(whole)
        assert trusted(saved)
    metadata = folder / "northstar_harbor-1.0.dist-info" / "METADATA"
    metadata.write_text(metadata.read_text().replace("Version: 1.0", "Version: 1.1"))
    assert not trusted(saved)
    shutil.rmtree(folder)
    assert not trusted(saved)


def test_of_other_settings_it_is_not_used(saved: Store) -> None:
    """Zone, lot rule, mark rule, sources, and what the user says of cash."""
    cash = {"kalshi": [(NOW, Decimal("1.00"))]}
    for other in (
        partial(new_ledger, ZoneInfo("Asia/Kathmandu")),
        partial(Ledger, UTC_ZONE, SOURCES[:2]),
        partial(Ledger, UTC_ZONE, SOURCES, "mid"),
        partial(Ledger, UTC_ZONE, SOURCES, "bid", "fifo"),
        partial(Ledger, UTC_ZONE, SOURCES, "bid", "average", cash),
    ):
        assert not trusted(saved, other)
    assert trusted(saved)


def test_of_another_database_it_is_not_used(saved: Store, tmp_path: Path) -> None:
    """Neither one with another numbering, nor one with other records, nor one that has become shorter."""
    good = file_of(saved).read_bytes()
    with Store.write(tmp_path / "other.sqlite3") as other:
        keep(other, *RECORDS[::2])
        file_of(other).write_bytes(good)
        assert not trusted(other)
        with other.engine.begin() as connection:
            connection.exec_driver_sql(
                "UPDATE meta SET value = ? WHERE key = 'epoch'", (saved.snapshots.epoch,)
            )
    with Store.write(tmp_path / "other.sqlite3") as other:
        assert trusted(other), "it is the same in everything that counts"
        with other.engine.begin() as connection:
            connection.exec_driver_sql("UPDATE records SET body = replace(body, '1.10', '9.10')")
            connection.exec_driver_sql(
                "UPDATE records SET scope = scope || 'x' WHERE id = (SELECT max(id) FROM records)"
            )
        assert not trusted(other)
        with other.engine.begin() as connection:
            connection.exec_driver_sql("DELETE FROM records WHERE id = (SELECT max(id) FROM records)")
        assert not trusted(other)


def test_by_another_clock_it_is_not_used(saved: Store) -> None:
    """One that is dated ahead of now was made by a clock that was wrong, or this one is."""
    assert not trusted(saved, now=timedelta(seconds=-1))
    assert trusted(saved, now=checkpoint.WHOLE_EVERY)


def test_once_a_month_the_books_are_made_of_all_records(saved: Store) -> None:
    """However many checkpoints follow on one another meanwhile."""
    later = timedelta(days=20)
    made = Checkpoint(saved, new_ledger).load(NOW + later)
    assert made is not None
    Checkpoint(saved, new_ledger).save(made, NOW + later)
    assert trusted(saved, now=later)
    assert not trusted(saved, now=checkpoint.WHOLE_EVERY + timedelta(seconds=1))


class Forged:
    """What does something when it is read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> object:
        return os.mkdir, (str(self.folder),)


@pytest.mark.parametrize("what", ["a call", "a function", "another object", "another zone"])
def test_nothing_is_made_of_it_but_the_ledger(saved: Store, tmp_path: Path, what: str) -> None:
    """Who can write the file can write its hash; still no other code runs, no other object comes of it."""
    folder = tmp_path / "made"
    forged = {
        "a call": pickle.dumps(Forged(folder)),
        "a function": pickle.dumps(print),
        "another object": pickle.dumps({"trades": Decimal(1)}),
        "another zone": b"\x80\x04PAsia/Kathmandu\n.",
    }[what]
    good = file_of(saved).read_bytes()
    body = good[65 : good.index(b"\n", 65) + 1] + forged
    file_of(saved).write_bytes(hashlib.sha256(body).hexdigest().encode() + b"\n" + body)
    assert not trusted(saved)
    assert not folder.exists()


def test_why_it_is_not_used_is_said_once(
    saved: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """In a sentence of the log that is no alarm: the books are as right as ever."""
    caplog.set_level(logging.INFO, "northstar")
    monkeypatch.setattr(checkpoint, "code", lambda: "another")
    assert stated(replay(saved).resumed()) == stated(replay(saved).whole())
    assert caplog.messages == [
        "the checkpoint of the books is not used, they are made of the records: this program is not the same"
    ]


def test_what_the_tail_does_not_fit_is_made_of_the_records(saved: Store, refusing: Refusing) -> None:
    """A ledger that refuses a record on top of its checkpoint is made anew, and says what is wrong itself."""
    odd = fill("buy yes 1 @ 0.10", fill_id="odd", at=NOW)
    keep(saved, odd)
    refusing(odd)
    with pytest.raises(LedgerError):
        replay(saved).resumed()


def test_what_cannot_be_written_is_said_and_costs_nothing(
    saved: Store, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one of before stays, and is right."""
    before = file_of(saved).read_bytes()

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    Checkpoint(saved, new_ledger).save(replay(saved).whole(), NOW)
    assert caplog.messages == [
        "no checkpoint of the books was written, a restart takes longer: No space left on device"
    ]
    assert file_of(saved).read_bytes() == before
    assert [each.name for each in saved.path.parent.glob("*.new")] == []


def test_it_is_for_the_owner_alone(saved: Store) -> None:
    """As the database is: it says as much."""
    assert file_of(saved).stat().st_mode & 0o777 == 0o600


def test_a_program_that_ends_writes_one_and_the_next_goes_on_from_it(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What came after it, and what it lacks, is in the figures either way."""
    caplog.set_level(logging.INFO, "northstar")

    async def scenario() -> None:
        first = Pipeline(path)
        await first.cycle.start()
        first.kalshi.answer = answering("kalshi", fill("buy yes 10 @ 0.40", at=NOW - timedelta(hours=2)))
        first.sales.answer = answering("sales", sale("3.00"))
        before = await first.collect_all()
        await first.cycle.stop()
        assert path.with_name(f"{path.name}.checkpoint").exists()
        second = Pipeline(path)
        await second.cycle.start()
        assert "the books go on from their checkpoint; 0 records came after it" in caplog.messages
        second.kalshi.answer = first.kalshi.answer
        second.sales.answer = first.sales.answer
        after = await second.collect_all()
        assert after["windows"] == before["windows"]
        second.kalshi.answer = answering(
            "kalshi", fill("buy no 10 @ 0.50", fill_id="late", at=NOW - timedelta(hours=3))
        )
        tree = await second.collect_all()
        assert tree["windows"]["all"]["components"]["trading_realised"]["usd"] == "1.00"
        await second.cycle.stop()

    asyncio.run(scenario())


def test_books_that_lack_a_stored_record_are_not_kept(path: Path) -> None:
    """The past of a source is stored slice by slice and booked when it is whole; until then there is none."""

    async def scenario() -> None:
        pipeline = Pipeline(path)
        await pipeline.cycle.start()
        pipeline.sales.answer = answering("sales", sale("3.00"))
        await pipeline.collect_all()
        keep(pipeline.cycle.store, sale("5.00", sale_id="of the past", at=NOW - timedelta(days=40)))
        pipeline.sales.answer = answering("sales", sale("4.00", sale_id="newer"))
        await pipeline.collect_all()
        await pipeline.cycle.upkeep.run()
        kept = path.with_name(f"{path.name}.checkpoint")
        assert not kept.exists()
        await pipeline.cycle.books.renew()
        await pipeline.cycle.upkeep.run()
        assert kept.exists()
        await pipeline.cycle.stop()
        resumed = Replay(Store.read(path), pipeline.cycle.books._replay.new_ledger, pipeline.clock).resumed()
        assert resumed.ledger.shops["sales"].journal.contribution("sales_gross", "all", None) == Decimal(
            "12.00"
        )

    asyncio.run(scenario())


@pytest.mark.parametrize("shown", [False, True])
@pytest.mark.parametrize("steps", [[86_400, -86_400], [40 * 86_400, -5, -40 * 86_400 + 5]])
def test_books_that_a_clock_ahead_has_settled_are_not_kept(path: Path, steps: list[int], shown: bool) -> None:
    """They are once a snapshot was made since the clock was set back: then all is opened again."""

    async def scenario() -> None:
        pipeline, yesterday = Pipeline(path, "anthropic"), NOW.date() - timedelta(days=1)
        bills = pipeline.cycle.sources[-1]
        bills.answer = answering("anthropic", bill(yesterday, "1.00"))  # type: ignore[attr-defined]
        await pipeline.cycle.start()
        await pipeline.collect_all()
        for step in steps:
            pipeline.clock.step(timedelta(seconds=step))
            pipeline.cycle.steps.look()
            if shown or step > 0:
                await pipeline.cycle.publisher.publish()
        await pipeline.cycle.stop()
        assert path.with_name(f"{path.name}.checkpoint").exists() == shown
        if shown:
            resumed = Replay(Store.read(path), pipeline.cycle.books._replay.new_ledger, pipeline.clock)
            assert trusted(Store.read(path), resumed.new_ledger, pipeline.clock.now - NOW)
            assert resumed.resumed().ledger.bills["anthropic"].spending.days[yesterday].open

    asyncio.run(scenario())


def test_books_that_are_not_sound_are_not_kept(path: Path, refusing: Refusing) -> None:
    """Half a change may be in them."""

    async def scenario() -> None:
        pipeline = Pipeline(path)
        await pipeline.cycle.start()
        odd = fill("buy yes 1 @ 0.10", fill_id="odd")
        refusing(odd)
        await pipeline.collect_all()
        pipeline.kalshi.answer = answering("kalshi", odd)
        await pipeline.collect_all()
        await pipeline.cycle.stop()
        assert not path.with_name(f"{path.name}.checkpoint").exists()

    asyncio.run(scenario())
