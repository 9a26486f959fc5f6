"""Rows that were set aside by another version, read again by this one before anything else is."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from exporter.collect.store_thread import StoreThread
from exporter.errors import OddRow, SourceError
from exporter.records import SourceInfo
from exporter.sources.contract import CanReread, Source
from exporter.sources.guard import admit, held
from exporter.store import Store

log = logging.getLogger("northstar")


async def read_asides_again(
    store: Store,
    sources: Sequence[Source],
    infos: Mapping[str, SourceInfo],
    clock: Callable[[], datetime],
    thread: StoreThread,
) -> None:
    """Book what this version can read of rows that another one could not. Raises StoreError.

    What it cannot read either stays aside, and is not tried again by this version.
    """
    for source in sources:
        if not isinstance(source, CanReread):
            continue
        for entry in await thread.run(store.asides.unread, source.name):
            aside = entry.aside
            try:
                with held(infos[source.name], OddRow):
                    records = tuple(source.reread(aside))
                admit(infos[source.name], records, ())
            except (OddRow, SourceError):
                await thread.run(store.records.still_aside, aside)
                continue
            await thread.run(
                store.records.reread, aside, records, first_seen=entry.first_seen, recorded_at=clock()
            )
            log.info("source=%s list=%s: a row that was set aside is read now", source.name, aside.listed)
