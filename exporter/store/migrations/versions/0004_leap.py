"""What leads to a snapshot from the one before it, where those in between were thinned out."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("snapshots", sa.Column("leap", sa.LargeBinary(), nullable=True))
