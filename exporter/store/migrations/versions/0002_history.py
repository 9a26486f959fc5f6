"""Where the reading of each source's past stands."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    big = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "histories",
        sa.Column("source", sa.String(length=32), nullable=False),
        sa.Column("until", big, nullable=False),
        sa.Column("since", big, nullable=True),
        sa.Column("bottom", big, nullable=True),
        sa.Column("completed_at", big, nullable=True),
        sa.Column("gap", big, server_default="0", nullable=False),
        sa.Column("missing", sa.Text(), server_default="[]", nullable=False),
        sa.PrimaryKeyConstraint("source"),
    )
    op.create_table(
        "history_parts",
        sa.Column("source", sa.String(length=32), nullable=False),
        sa.Column("part", sa.String(length=64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("place", sa.Text(), server_default="", nullable=False),
        sa.Column("rows", sa.Integer(), server_default="0", nullable=False),
        sa.Column("missed", sa.Integer(), server_default="0", nullable=False),
        sa.Column("done", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("source", "part"),
    )
