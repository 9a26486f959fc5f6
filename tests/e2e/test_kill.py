"""Killed at any moment: what anybody was ever shown is kept, once, and the books go on."""

from __future__ import annotations

import json
import random
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest

from exporter.simulator import examples, oracle
from exporter.simulator.server import Simulator, serve_in_thread
from exporter.simulator.stories import seeded
from exporter.store import Store
from tests.e2e.observers import Listener, Scraper
from tests.e2e.pipeline import HOST, trees, until
from tests.e2e.processes import Process, QuickProcess
from tests.ports import held_port

KILLS = 100
EARLY = 0.2
"""Share of kills that hit a process which is still starting."""

FAST = {
    "NORTHSTAR_KALSHI_INTERVAL_SECONDS": "0.2",
    "NORTHSTAR_ANTHROPIC_INTERVAL_SECONDS": "0.5",
    "NORTHSTAR_SALES_INTERVAL_SECONDS": "0.2",
    "AGGREGATION_INTERVAL_MS": "100",
}


class Stand:
    """One database, the settings that lead to it, and the two addresses on it."""

    def __init__(self, folder: Path, simulator: Simulator) -> None:
        self.folder = folder
        self.database = folder / "northstar.sqlite3"
        metrics, stream = held_port(), held_port()
        self.metrics = f"http://{HOST}:{metrics}/metrics"
        self.stream = f"http://{HOST}:{stream}"
        self.settings = {
            **simulator.environment(ed25519=True),
            **FAST,
            "DB_PATH": str(self.database),
            "NORTHSTAR_METRICS_PORT": str(metrics),
            "PORT": str(stream),
        }

    def exporter(self, kind: type[Process] = Process) -> Process:
        return kind(self.folder, self.settings, "exporter")

    @contextmanager
    def sidecar(self) -> Iterator[str]:
        """Run the stream while the block runs."""
        with Process(self.folder, self.settings, "stream") as process:
            until(lambda: _answers(f"{self.stream}/api/health/live"), what=process.output)
            yield self.stream
            process.send(signal.SIGTERM)
            assert process.wait() == 0, process.output

    def sequence(self) -> int:
        """Return the newest sequence by the database's own word, 0 before there is any."""
        with sqlite3.connect(f"file:{self.database}?mode=ro", uri=True) as connection:
            (newest,) = connection.execute("SELECT coalesce(max(sequence), 0) FROM snapshots").fetchone()
        connection.close()
        return int(newest)

    def is_whole(self) -> None:
        """Sequences are 1, 2, 3 ..., and SQLite finds nothing wrong with its file."""
        with sqlite3.connect(f"file:{self.database}?mode=ro", uri=True) as connection:
            count, first, last = connection.execute(
                "SELECT count(*), coalesce(min(sequence), 1), coalesce(max(sequence), 0) FROM snapshots"
            ).fetchone()
        connection.close()
        assert (first, last) == (1, count)


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    """A database beside the week of examples."""
    with serve_in_thread(examples.company()) as simulator:
        yield Stand(tmp_path, simulator)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


def nets(tree: dict[str, Any]) -> dict[str, str]:
    return {
        window: stated["net"]["usd"] for window, stated in tree["windows"].items() if "usd" in stated["net"]
    }


def test_nothing_shown_is_lost_over_a_hundred_kills(tmp_path: Path) -> None:
    """Whatever /metrics and the stream ever stated is in the store, with the same figures, for ever."""
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    with serve_in_thread(seeded(seed, days=2, speed=4)) as simulator:
        stand = Stand(tmp_path, simulator)
        with stand.sidecar(), Scraper(stand.metrics) as scraper, Listener(stand.stream) as listener:
            checked = 0
            for number in range(KILLS):
                _run_and_kill(stand, scraper, chance, early=number < 2 or chance.random() < EARLY)
                checked = _shown_is_kept(stand, scraper, listener, checked)
            last = _rest(stand, simulator)
            until(lambda: max(listener.shown, default=0) == last)
        assert scraper.troubles == []
        assert listener.troubles == []
        assert scraper.order == sorted(set(scraper.order)), "a sequence came back"
        assert list(listener.shown) == list(range(min(listener.shown), last + 1)), "the stream has a hole"
        assert set(listener.kinds[1:]) == {"delta"}
        assert len(scraper.shown) > KILLS // 4, "hardly anything was looked at"
        _history_is_one(stand, scraper, listener)
        _books_equal_the_world(stand, simulator)


def _run_and_kill(stand: Stand, scraper: Scraper, chance: random.Random, *, early: bool) -> None:
    seen = len(scraper.order)
    with stand.exporter(Process if early else QuickProcess) as exporter:
        if not early:
            until(lambda: len(scraper.order) > seen or not exporter.running)
        time.sleep(chance.uniform(0, 1.0 if early else 0.25))
        assert exporter.running, exporter.output
        exporter.kill()
        assert "Traceback" not in exporter.output, exporter.output


def _shown_is_kept(stand: Stand, scraper: Scraper, listener: Listener, checked: int) -> int:
    """Look up what was shown since the last time; nobody writes now."""
    if not scraper.shown and not listener.shown:
        return checked
    stand.is_whole()
    with Store.read(stand.database) as store:
        newest = store.snapshots.last_sequence()
        told, scraped = dict(listener.shown), dict(scraper.shown)
        assert max([*told, *scraped]) <= newest, "something was shown before it was kept"
        for sequence in range(checked + 1, newest + 1):
            if sequence not in told and sequence not in scraped:
                continue
            kept = store.snapshots.at(sequence)
            assert kept is not None
            assert kept["checks"]["balanced"]["ok"]
            if sequence in told:
                assert told[sequence] == kept
            if sequence in scraped:
                assert scraped[sequence] == {window: float(usd) for window, usd in nets(kept).items()}
        return newest


def _rest(stand: Stand, simulator: Simulator) -> int:
    """Let the world stand still, read it to its end, leave in order; return the last sequence."""
    world = simulator.world
    world.advance()
    world.stories = []
    since = datetime.now(UTC).isoformat()
    with stand.exporter() as exporter:

        def all_read() -> bool:
            answer = httpx.get(f"{stand.stream}/api/pnl/current")
            sources = answer.json()["sources"].values() if answer.status_code == 200 else []
            return len(sources) == 3 and all(source.get("as_of", "") > since for source in sources)

        until(all_read, what=exporter.output)
        exporter.send(signal.SIGTERM)
        assert exporter.wait() == 0, exporter.output
    return stand.sequence()


def _history_is_one(stand: Stand, scraper: Scraper, listener: Listener) -> None:
    """All patches in a row lead through everything that was shown."""
    stand.is_whole()
    with Store.read(stand.database) as store:
        rows, found = [], 0
        while page := store.snapshots.after(found):
            rows += page
            found = page[-1].sequence
    kept = {tree["sequence"]: tree for tree in trees(row.patch for row in rows)}
    for sequence, tree in listener.shown.items():
        assert kept[sequence] == tree
    for sequence, shown in scraper.shown.items():
        assert shown == {window: float(usd) for window, usd in nets(kept[sequence]).items()}
    times = [tree["as_of"] for tree in kept.values()]
    assert times == sorted(times)


def _may_follow(kind: str, old: dict[str, Any], new: dict[str, Any]) -> bool:
    """Tell whether a record that does not change upstream may have this revision all the same.

    A fill of the same microsecond that is listed later pushes it down in the list; and a settlement that was
    rebuilt from fills, because its row was not there yet, gives way to the row.
    """
    if kind == "fill":
        return {**old, "newer": 0} == {**new, "newer": 0} and old["newer"] < new["newer"]
    return kind == "settlement" and (old["origin"], new["origin"]) == ("market", "row")


def _books_equal_the_world(stand: Stand, simulator: Simulator) -> None:
    """Every fill, settlement and sale is there once, and the sums are the world's own."""
    world = simulator.world
    with sqlite3.connect(stand.database) as connection:
        rows = connection.execute("SELECT kind, key, body FROM records ORDER BY id").fetchall()
        (check,) = connection.execute("PRAGMA integrity_check").fetchone()
    connection.close()
    assert check == "ok"
    revisions: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for kind, key, body in rows:
        if kind in ("fill", "settlement", "transfer"):
            revisions.setdefault((kind, key), []).append(json.loads(body))
    keys = list(revisions)
    for (kind, key), found in revisions.items():
        for old, new in pairwise(found):
            assert _may_follow(kind, old, new), (key, old, new)
    assert {key for kind, key in keys if kind == "fill"} == {fill.fill_id for fill in world.kalshi.fills}
    assert {key for kind, key in keys if kind == "settlement"} == {
        row.ticker for row in world.kalshi.settlements
    }
    assert {key for kind, key, _ in rows if kind == "sale"} == set(world.sales.sales)
    bodies = [(kind, key, json.dumps(json.loads(body), sort_keys=True)) for kind, key, body in rows]
    assert all(one != other for one, other in pairwise(bodies))
    with Store.read(stand.database) as store:
        tree = store.snapshots.latest()
    assert tree is not None
    truth = oracle.report(world)
    parts = {name: Decimal(part["usd"]) for name, part in tree["windows"]["all"]["components"].items()}
    assert parts["trading_realised"] == Decimal(truth["trading"]["realised"])
    assert parts["trading_fees"] == -Decimal(truth["trading"]["fees"])
    assert parts["sales_gross"] == Decimal(truth["sales"]["gross"])
    assert parts["sales_refunds"] == -Decimal(truth["sales"]["refunds"])
    assert parts["sales_fees"] == -Decimal(truth["sales"]["fees"])
    counted = tree["sales"]["all"]
    assert counted["orders"] == truth["sales"]["orders"]
    assert counted["refunds"] == truth["sales"]["refunds_given"]
    assert parts["api_cost_billed"] == -Decimal(truth["api_cost"]["billed_total"])
    assert Decimal(tree["accounts"]["kalshi"]["cash"]) == Decimal(truth["cash"])
    assert all(check["ok"] for check in tree["checks"].values()), tree["checks"]


def test_sigterm_ends_in_order_even_while_an_upstream_says_nothing(tmp_path: Path) -> None:
    """Exit code 0 within two seconds or so, and the last snapshot anybody saw is whole in the store."""
    with serve_in_thread(examples.company()) as simulator:
        stand = Stand(tmp_path, simulator)
        with Scraper(stand.metrics) as scraper, stand.exporter() as exporter:
            until(lambda: len(scraper.order) > 5, what=exporter.output)
            simulator.faults.set("sales", "timeout", seconds=20)
            simulator.faults.set("kalshi", "latency", seconds=20)
            time.sleep(0.5)  # until both are being asked
            began = time.monotonic()
            exporter.send(signal.SIGTERM)
            code = exporter.wait()
            assert (code, time.monotonic() - began < 15) == (0, True), exporter.output
            assert "Traceback" not in exporter.output
            assert "exporter stopped" in exporter.output
        stand.is_whole()
        with Store.read(stand.database) as store:
            for sequence, shown in scraper.shown.items():
                kept = store.snapshots.at(sequence)
                assert kept is not None
                assert shown == {window: float(usd) for window, usd in nets(kept).items()}


def test_sigterm_during_the_start_leaves_no_trace_of_panic(stand: Stand) -> None:
    """Whenever the signal comes, the process ends by it, prints no stack, and the next start works."""
    for tenth in range(3, 10):
        with stand.exporter() as exporter:
            time.sleep(tenth / 10)
            exporter.send(signal.SIGTERM)
            assert exporter.wait() in (0, -signal.SIGTERM)
            assert "Traceback" not in exporter.output, exporter.output
    with stand.exporter() as exporter:
        until(lambda: _answers(stand.metrics), what=exporter.output)


def test_second_exporter_says_one_sentence_and_harms_nothing(stand: Stand) -> None:
    """One writer: the other leaves with exit code 1, and the first goes on counting."""
    with stand.exporter() as first:
        until(lambda: _answers(stand.metrics), what=first.output)
        other = stand.settings | {"NORTHSTAR_METRICS_PORT": str(held_port())}
        with Process(stand.folder, other, "exporter") as second:
            assert second.wait() == 1
            lines = second.output.splitlines()
            assert len(lines) == 1, lines
            assert "Another exporter writes" in lines[0]
        before = stand.sequence()
        until(lambda: stand.sequence() > before + 2)
        assert first.running
    stand.is_whole()


def test_stream_outlives_the_exporter_and_resumes_without_a_gap(stand: Stand) -> None:
    """A client that left at a cursor gets every delta after it, also those of the next exporter."""
    with stand.sidecar() as url:
        with stand.exporter(), Listener(url) as client:
            until(lambda: len(client.shown) > 3)
        left = max(client.shown)
        cursor = f"{client.shown[left]['epoch']}-{left}"
        until(lambda: httpx.get(f"{url}/api/pnl/current").status_code == 200)
        with stand.exporter():
            until(lambda: stand.sequence() > left + 5)
            with Listener(url, cursor) as again:
                again._tree = client.shown[left]
                until(lambda: len(again.shown) > 10)
    assert again.troubles == client.troubles == []
    assert min(again.shown) == left + 1
    assert set(again.kinds) == {"delta"}
    with Store.read(stand.database) as store:
        assert all(store.snapshots.at(sequence) == tree for sequence, tree in again.shown.items())
