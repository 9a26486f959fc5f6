"""The log of restatements. It begins with this version: which of the older revisions said otherwise what was,
and which only what had come since, nobody noted.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_table(
        "restatements",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(["id"], ["records.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
