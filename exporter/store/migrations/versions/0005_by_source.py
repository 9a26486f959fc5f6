"""Records know their source, and rows of figures the layout they were written in.

The table of records is made anew, which takes a minute for millions: see `exporter.store.moving`. Its version
is written with the last step, so the program of before still reads and writes it until then.
"""

import json

import sqlalchemy as sa
from alembic import op

from exporter.store.moving import Move

revision = "0005"
down_revision = "0004"

MOVE = Move(
    source="records",
    target="records_0005",
    # A movement of cash was in a scope that every one of them shared; it is one of its own now, as a sale is.
    select="""
        SELECT old.id, readings.source, old.kind, old.key, old.revision,
               CASE old.kind WHEN 'transfer' THEN old.key ELSE old.scope END, old.at, old.reading, old.body
        FROM records AS old LEFT JOIN readings ON readings.id = old.reading
    """,
    bytes_each="length(CAST(body AS BLOB)) + 2 * length(key) + 2 * length(scope) + 3 * length(kind) + 110",
    indexes=(
        "CREATE UNIQUE INDEX IF NOT EXISTS records_identity ON records_0005 (source, kind, key, revision)",
        "CREATE INDEX IF NOT EXISTS records_of_scope ON records_0005 (source, scope, kind)",
        "CREATE INDEX IF NOT EXISTS records_by_moment ON records_0005 (at)",
    ),
)

WINDOWS = ("today", "24h", "7d", "30d", "mtd", "ytd", "all")
COMPONENTS = (
    "trading_realised",
    "trading_unrealised_change",
    "trading_fees",
    "sales_gross",
    "sales_refunds",
    "sales_fees",
    "api_cost_billed",
    "api_cost_estimated",
)
FIRST_LAYOUT = (
    *(f"{window}.net" for window in WINDOWS),
    *(f"{window}.{component}" for window in WINDOWS for component in COMPONENTS),
    *(f"{window}.grade" for window in WINDOWS),
    "unrealised",
    "unrealised.grade",
    "equity",
    "cash",
    "paid_in",
    "exposure",
    "equity.grade",
)
"""How every row was read until now. Those of before the last five were kept are shorter."""


def upgrade() -> None:
    connection = op.get_bind()
    MOVE.find_room(connection)
    connection.exec_driver_sql(
        """
        CREATE TABLE IF NOT EXISTS records_0005 (
            id INTEGER NOT NULL PRIMARY KEY,
            source VARCHAR(32) NOT NULL,
            kind VARCHAR(16) NOT NULL,
            key VARCHAR(256) NOT NULL,
            revision INTEGER NOT NULL,
            scope VARCHAR(256) NOT NULL,
            at INTEGER NOT NULL,
            reading INTEGER NOT NULL REFERENCES readings (id),
            body TEXT NOT NULL
        )
        """
    )
    MOVE.run(connection)
    MOVE.replace(connection)
    layouts = op.create_table(
        "layouts",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("columns", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
    op.bulk_insert(layouts, [{"number": 1, "columns": json.dumps(FIRST_LAYOUT)}])
    for table in ("snapshots", "rollups"):
        op.add_column(table, sa.Column("layout", sa.Integer(), server_default="1", nullable=False))
