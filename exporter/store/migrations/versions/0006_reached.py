"""How far each source's own time has come: from there it is asked again, and not from our clock."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column("sources", sa.Column("reached", sa.Integer(), nullable=True))
