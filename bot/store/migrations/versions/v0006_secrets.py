"""What must stay secret and the same over a restart, where several processes share a database."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Make the table; the first process that needs a secret draws it."""
    op.create_table(
        "secrets",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_secrets"),
    )


def downgrade() -> None:
    """Visitors' cookies would be worth nothing."""
    raise NotImplementedError("a store is not taken back to an older schema; restore a copy of it")
