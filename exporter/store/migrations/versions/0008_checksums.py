"""Rows carry the checksum of what they state. Those that are there get theirs little by little, from where
`meta` says that they end; what is written from now on has its own.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    connection = op.get_bind()
    for table in ("records", "snapshots", "rollups", "layouts"):
        op.add_column(table, sa.Column("crc32", sa.Integer(), server_default="-1", nullable=False))
        connection.exec_driver_sql(
            f"INSERT INTO meta (key, value) SELECT ?, max(rowid) FROM {table} HAVING count(*)",
            (f"unsealed.{table}",),
        )
