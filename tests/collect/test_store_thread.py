"""All database work on one thread, one piece after the other."""

from __future__ import annotations

import asyncio
import threading

import pytest

from exporter.collect.store_thread import StoreThread


def test_work_follows_work_on_one_thread_that_is_not_the_loops() -> None:
    """So one slow commit holds up the next, and nothing else."""
    seen: list[tuple[int, str]] = []

    def work(number: int, *, name: str) -> int:
        seen.append((number, threading.current_thread().name))
        return number * 2

    async def scenario() -> None:
        with StoreThread() as thread:
            found = await asyncio.gather(*(thread.run(work, number, name="x") for number in range(20)))
        assert found == [number * 2 for number in range(20)]

    asyncio.run(scenario())
    assert [number for number, _ in seen] == list(range(20))
    assert len({name for _, name in seen}) == 1
    assert seen[0][1] != threading.current_thread().name


def test_what_work_raises_is_raised_where_it_was_asked_for() -> None:
    """And the thread goes on."""

    def fail() -> None:
        raise KeyError("nothing")

    async def scenario() -> None:
        with StoreThread() as thread:
            with pytest.raises(KeyError):
                await thread.run(fail)
            assert await thread.run(lambda: 5) == 5

    asyncio.run(scenario())


def test_closing_waits_for_what_is_under_way() -> None:
    """A commit is finished, whatever ended the program's other work."""
    began, may_end, ended = threading.Event(), threading.Event(), threading.Event()

    def commit() -> None:
        began.set()
        may_end.wait(20)
        ended.set()

    async def scenario() -> None:
        thread = StoreThread()
        task = asyncio.create_task(thread.run(commit))
        await asyncio.to_thread(began.wait, 20)
        task.cancel()
        closing = asyncio.create_task(asyncio.to_thread(thread.close))
        await asyncio.sleep(0)
        assert not ended.is_set()
        may_end.set()
        await closing
        assert ended.is_set()

    asyncio.run(scenario())
