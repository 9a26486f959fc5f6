"""What each reading got: the raw answers, compressed, a body that comes twice kept once."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, exists, insert
from sqlalchemy.dialects.sqlite import insert as upsert

from exporter.records import Answer
from exporter.store import schema
from exporter.times import to_us

IDLE_ANSWERS_KEPT = timedelta(days=7)
"""How long answers that booked nothing stay (quotes, mostly): long enough to explain a mark of
last week, short enough that polling every ten seconds does not fill a disk."""

REQUESTS_REMEMBERED = 500
"""Requests whose last answer is known by its hash; far more than all sources ask in one reading."""


class Readings:
    """Writes the readings of one database, each in the transaction of its caller."""

    def __init__(self) -> None:
        self._last_sent: dict[str, str] = {}

    def begin(
        self, connection: Connection, source: str, as_of: datetime, recorded_at: datetime, error: str = ""
    ) -> int:
        """Note a reading and return its number; `error` is the sentence it was refused with."""
        result = connection.execute(
            insert(schema.readings).values(
                source=source, as_of=to_us(as_of), recorded_at=to_us(recorded_at), booked=0, error=error
            )
        )
        key = result.inserted_primary_key
        assert key is not None
        return int(key[0])

    def end(self, connection: Connection, reading: int, answers: Sequence[Answer], *, booked: int) -> None:
        """Keep what the reading got; one that booked nothing and got nothing new leaves no trace."""
        kept = self._keep(connection, reading, answers, every=bool(booked))
        table = schema.readings
        if booked:
            connection.execute(table.update().where(table.c.id == reading).values(booked=booked))
        elif not kept:
            connection.execute(delete(table).where(table.c.id == reading))

    def prune(self, connection: Connection, now: datetime) -> int:
        """Delete answers that booked nothing, past IDLE_ANSWERS_KEPT; return how many readings went."""
        readings, bodies = schema.readings, schema.bodies
        past = readings.c.recorded_at < to_us(now - IDLE_ANSWERS_KEPT)
        gone = connection.execute(delete(readings).where(readings.c.booked == 0, past)).rowcount
        used = exists().where(schema.answers.c.sha256 == bodies.c.sha256)
        connection.execute(delete(bodies).where(~used))
        return gone

    def _keep(self, connection: Connection, reading: int, answers: Sequence[Answer], *, every: bool) -> int:
        # An answer equal to the last one for the same request says nothing new; it is kept only
        # where a record was read from the same reading, so that every record has its evidence.
        hashed = [(answer, answer.sha256) for answer in answers]
        fresh = [(a, sha256) for a, sha256 in hashed if every or self._last_sent.get(a.request) != sha256]
        for answer, sha256 in fresh:
            connection.execute(
                upsert(schema.bodies)
                .values(sha256=sha256, body=zlib.compress(answer.body))
                .on_conflict_do_nothing()
            )
            connection.execute(
                insert(schema.answers).values(
                    reading=reading,
                    request=answer.request,
                    status=answer.status,
                    fetched_at=to_us(answer.fetched_at),
                    sha256=sha256,
                )
            )
        self._last_sent = {answer.request: sha256 for answer, sha256 in hashed} | (
            {} if len(self._last_sent) > REQUESTS_REMEMBERED else self._last_sent
        )
        return len(fresh)
