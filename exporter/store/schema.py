"""The tables. Times are UTC microseconds since 1970, bodies are JSON, money in them is text.

A record belongs to the source that brought it: what two of them call alike is not the same. The row of
`figures` that a snapshot and a roll-up have is read by the names of its `layout`.

A row of records, snapshots, roll-ups and layouts carries the CRC-32 of what it states, verified by whoever
reads it; one that an older version wrote has none, -1, until it is sealed. Bodies that are compressed are
verified by their own checksum.

Nothing here is edited: a changed record is a further revision, a snapshot is written once; where
those before it were thinned out it gets a `leap` over them.
Only `sources`, `histories` and `history_parts` (where each reading stands), `breakdowns` and the daybook
(made from the records) and the open rows of `aside` are overwritten, and retention deletes what is old.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    literal_column,
)

HEAD = "0010"
"""The newest migration; a database at another one is migrated or, when newer, refused."""

metadata = MetaData()

Big = BigInteger().with_variant(Integer, "sqlite")

meta = Table(
    "meta",
    metadata,
    Column("key", String(32), primary_key=True),
    Column("value", Text, nullable=False),
)

sources = Table(
    "sources",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("as_of", Big, nullable=False),
    Column("last_success", Big, nullable=False),
    Column("reached", Big, nullable=True),
)

histories = Table(
    "histories",
    metadata,
    Column("source", String(32), primary_key=True),
    Column("until", Big, nullable=False),
    Column("since", Big, nullable=True),
    Column("bottom", Big, nullable=True),
    Column("completed_at", Big, nullable=True),
    Column("gap", Big, nullable=False, server_default="0"),
    Column("missing", Text, nullable=False, server_default="[]"),
)

history_parts = Table(
    "history_parts",
    metadata,
    Column("source", String(32), primary_key=True),
    Column("part", String(64), primary_key=True),
    Column("number", Integer, nullable=False),
    Column("place", Text, nullable=False, server_default=""),
    Column("rows", Integer, nullable=False, server_default="0"),
    Column("missed", Integer, nullable=False, server_default="0"),
    Column("done", Integer, nullable=False, server_default="0"),
)

readings = Table(
    "readings",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("source", String(32), nullable=False),
    Column("as_of", Big, nullable=False),
    Column("recorded_at", Big, nullable=False),
    Column("booked", Integer, nullable=False),
    Column("error", Text, nullable=False, server_default=""),
    Index("readings_by_time", "recorded_at"),
)

bodies = Table(
    "bodies",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("body", LargeBinary, nullable=False),
)

answers = Table(
    "answers",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("reading", Integer, ForeignKey("readings.id", ondelete="CASCADE"), nullable=False),
    Column("request", Text, nullable=False),
    Column("status", Integer, nullable=False),
    Column("fetched_at", Big, nullable=False),
    Column("sha256", String(64), ForeignKey("bodies.sha256"), nullable=False),
    Index("answers_by_reading", "reading"),
    Index("answers_by_body", "sha256"),
)

records = Table(
    "records",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("source", String(32), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("key", String(256), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("scope", String(256), nullable=False),
    Column("at", Big, nullable=False),
    Column("reading", Integer, ForeignKey("readings.id"), nullable=False),
    Column("body", Text, nullable=False),
    Column("crc32", Big, nullable=False, server_default="-1"),
    Index("records_identity", "source", "kind", "key", "revision", unique=True),
    Index("records_of_scope", "source", "scope", "kind"),
    Index("records_by_moment", "at"),
)

restatements = Table(
    "restatements",
    metadata,
    Column("id", Integer, ForeignKey("records.id"), primary_key=True, autoincrement=False),
)
"""The revisions that say otherwise what was, or say it late: the log of restatements."""

layouts = Table(
    "layouts",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("columns", Text, nullable=False),
    Column("crc32", Big, nullable=False, server_default="-1"),
)

snapshots = Table(
    "snapshots",
    metadata,
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("as_of", Big, nullable=False),
    Column("patch", LargeBinary, nullable=False),
    Column("whole", LargeBinary, nullable=True),
    Column("figures", Text, nullable=False),
    Column("leap", LargeBinary, nullable=True),
    Column("layout", Integer, nullable=False, server_default="1"),
    Column("crc32", Big, nullable=False, server_default="-1"),
    Index("snapshots_by_time", "as_of", "sequence"),
)

rollups = Table(
    "rollups",
    metadata,
    Column("step", Integer, primary_key=True),
    Column("as_of", Big, primary_key=True),
    Column("sequence", Integer, nullable=False),
    Column("figures", Text, nullable=False),
    Column("layout", Integer, nullable=False, server_default="1"),
    Column("crc32", Big, nullable=False, server_default="-1"),
)

breakdowns = Table(
    "breakdowns",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("sequence", Integer, nullable=False),
    Column("as_of", String(32), nullable=False),
    Column("body", LargeBinary, nullable=False),
)

daybook = Table(
    "daybook",
    metadata,
    Column("source", String(32), primary_key=True),
    Column("scope", String(256), primary_key=True),
    Column("day", Integer, primary_key=True, autoincrement=False),
    Column("body", Text, nullable=False),
    Column("crc32", Big, nullable=False),
    Index("daybook_by_day", "day", "source"),
)
"""What each market, sale and day of API cost came to on each day of the reporting zone; days by ordinal."""

days = Table(
    "days",
    metadata,
    Column("source", String(32), primary_key=True),
    Column("day", Integer, primary_key=True, autoincrement=False),
    Column("body", Text, nullable=False),
    Column("crc32", Big, nullable=False),
)
"""Their sum by source and day."""

hours = Table(
    "hours",
    metadata,
    Column("source", String(32), primary_key=True),
    Column("day", Integer, primary_key=True, autoincrement=False),
    Column("body", Text, nullable=False),
    Column("crc32", Big, nullable=False),
)
"""The same by quarters of an hour of the day."""

midnights = Table(
    "midnights",
    metadata,
    Column("source", String(32), primary_key=True),
    Column("zone", String(64), primary_key=True),
    Column("day", Integer, primary_key=True, autoincrement=False),
    Column("usd", Text, nullable=False),
    Column("grade", String(16), nullable=False),
    Column("as_of", Big, nullable=False),
    Column("crc32", Big, nullable=False),
)
"""What was unrealised at a venue when a day of a zone began, as it was published last before: roll-ups become
coarser with the years, and what a closed month came to must not."""

daybook_due = Table(
    "daybook_due",
    metadata,
    Column("source", String(32), primary_key=True),
    Column("scope", String(256), primary_key=True),
    Column("at", Big, nullable=False),
    Index("daybook_due_by_time", "at"),
)
"""What time alone will make other lines of, and when."""

aside = Table(
    "aside",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("source", String(32), nullable=False),
    Column("listed", String(64), nullable=False),
    Column("key", String(256), nullable=False),
    Column("field", String(256), nullable=False),
    Column("what", Text, nullable=False),
    Column("row", LargeBinary, nullable=False),
    Column("at", Big, nullable=True),
    Column("since", Big, nullable=True),
    Column("scope", String(256), nullable=False),
    Column("record", String(320), nullable=False),
    Column("components", Text, nullable=True),
    Column("count", Integer, nullable=False),
    Column("first_seen", Big, nullable=False),
    Column("last_seen", Big, nullable=False),
    Column("version", String(32), nullable=False),
    Column("released_at", Big, nullable=True),
    Column("how", String(16), nullable=False, server_default=""),
    Index(
        "aside_open",
        "source",
        "listed",
        "key",
        unique=True,
        sqlite_where=literal_column("released_at IS NULL"),
    ),
    Index("aside_released", "released_at"),
)
"""Rows that could not be read. One stands open until it is `read` well, is `gone` from its list, or a later
version understands it (`reread`)."""
