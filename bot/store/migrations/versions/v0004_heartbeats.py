"""Until when each place was listened to."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the table; what an older bot missed nobody knows."""
    op.create_table(
        "heartbeats",
        sa.Column("platform", sa.String(), nullable=False),
        sa.Column("place", sa.String(), nullable=False),
        sa.Column("heard_until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("platform", "place", name="pk_heartbeats"),
    )


def downgrade() -> None:
    """A store is not taken back."""
    raise NotImplementedError("a store is not taken back to an older schema; restore a copy of it")
