"""Stories, their passages, and the events that were heard."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the tables. The head's reference comes last: stories and passages point at each other."""
    op.create_table(
        "stories",
        sa.Column("number", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("platform", sa.String(), nullable=False),
        sa.Column("room_id", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("head_id", sa.String(), nullable=True),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("changed_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_stories"),
        sa.UniqueConstraint("id", name="uq_stories_id"),
        sa.UniqueConstraint("platform", "room_id", name="uq_stories_platform_room_id"),
    )
    op.create_table(
        "passages",
        sa.Column("number", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("story_id", sa.String(), nullable=False),
        sa.Column("parent_id", sa.String(), nullable=True),
        sa.Column("author_platform", sa.String(), nullable=False),
        sa.Column("author_id", sa.String(), nullable=False),
        sa.Column("author_name", sa.String(), nullable=False),
        sa.Column("author_locale", sa.String(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("event_id", sa.String(), nullable=True),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_passages"),
        sa.UniqueConstraint("id", name="uq_passages_id"),
        sa.ForeignKeyConstraint(["story_id"], ["stories.id"], name="fk_passages_story_id"),
        sa.ForeignKeyConstraint(["parent_id"], ["passages.id"], name="fk_passages_parent_id"),
    )
    op.create_index("ix_passages_story_id", "passages", ["story_id"])
    op.create_index("ix_passages_parent_id", "passages", ["parent_id"])
    with op.batch_alter_table("stories") as stories:
        stories.create_foreign_key("fk_stories_head_id", "passages", ["head_id"], ["id"])
    op.create_table(
        "heard",
        sa.Column("platform", sa.String(), nullable=False),
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("story_id", sa.String(), nullable=False),
        sa.Column("passage_id", sa.String(), nullable=True),
        sa.Column("heard_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("platform", "event_id", name="pk_heard"),
        sa.ForeignKeyConstraint(["story_id"], ["stories.id"], name="fk_heard_story_id"),
        sa.ForeignKeyConstraint(["passage_id"], ["passages.id"], name="fk_heard_passage_id"),
    )


def downgrade() -> None:
    """Stories are not thrown away."""
    raise NotImplementedError("there is nothing before the first migration")
