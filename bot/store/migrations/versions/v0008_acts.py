"""What people did to a story that everybody sees, and the way back."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Acts are kept from now on."""
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "acts",
        sa.Column("number", number, primary_key=True, autoincrement=True),
        sa.Column("id", sa.String(), nullable=False, unique=True),
        sa.Column("story_id", sa.String(), sa.ForeignKey("stories.id"), nullable=False, index=True),
        sa.Column("platform", sa.String(), nullable=False),
        sa.Column("room_id", sa.String(), nullable=False),
        sa.Column("author_platform", sa.String(), nullable=False),
        sa.Column("author_id", sa.String(), nullable=False),
        sa.Column("author_name", sa.String(), nullable=False),
        sa.Column("author_locale", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("before", sa.String(), nullable=True),
        sa.Column("after", sa.String(), nullable=True),
        sa.Column("passages_before", sa.Integer(), nullable=False),
        sa.Column("passages_after", sa.Integer(), nullable=False),
        sa.Column("made_at", moment, nullable=False),
        sa.Column("taken_back_at", moment, nullable=True),
    )
    op.create_index("ix_acts_room", "acts", ["platform", "room_id"])
    op.create_index("ix_acts_author", "acts", ["author_platform", "author_id"])


def downgrade() -> None:
    """What stories keep is not thrown away."""
    raise NotImplementedError("a store is not taken back to an older schema; restore a copy of it")
