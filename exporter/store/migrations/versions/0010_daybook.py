"""The daybook: what the records came to by day, and the sums of that. The exporter fills it."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_table(
        "daybook",
        sa.Column("source", sa.String(32), nullable=False),
        sa.Column("scope", sa.String(256), nullable=False),
        sa.Column("day", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("crc32", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("source", "scope", "day"),
    )
    op.create_index("daybook_by_day", "daybook", ["day", "source"])
    for name in ("days", "hours"):
        op.create_table(
            name,
            sa.Column("source", sa.String(32), nullable=False),
            sa.Column("day", sa.Integer(), autoincrement=False, nullable=False),
            sa.Column("body", sa.Text(), nullable=False),
            sa.Column("crc32", sa.Integer(), nullable=False),
            sa.PrimaryKeyConstraint("source", "day"),
        )
    op.create_table(
        "midnights",
        sa.Column("source", sa.String(32), nullable=False),
        sa.Column("zone", sa.String(64), nullable=False),
        sa.Column("day", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("usd", sa.Text(), nullable=False),
        sa.Column("grade", sa.String(16), nullable=False),
        sa.Column("as_of", sa.Integer(), nullable=False),
        sa.Column("crc32", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("source", "zone", "day"),
    )
    op.create_table(
        "daybook_due",
        sa.Column("source", sa.String(32), nullable=False),
        sa.Column("scope", sa.String(256), nullable=False),
        sa.Column("at", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("source", "scope"),
    )
    op.create_index("daybook_due_by_time", "daybook_due", ["at"])
