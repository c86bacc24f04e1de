"""Stories that close, are undone and redone, edited and annotated; rules; scores; buttons under replies."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_MOMENT = sa.DateTime(timezone=True)
_OPEN = sa.text("closed_at IS NULL")

_GO_ON = """
UPDATE passages SET next_id = (
    SELECT child.id FROM passages AS child
    WHERE child.parent_id = passages.id AND child.choice = 0 ORDER BY child.number DESC LIMIT 1
)
"""
"""Until now a story only grew: it went on with the first candidate, or with what a person wrote."""

_FILL_STORIES = """
UPDATE stories SET within = '[]', lore = '[]', first_next_id = (
    SELECT child.id FROM passages AS child
    WHERE child.story_id = stories.id AND child.parent_id IS NULL AND child.choice = 0
    ORDER BY child.number DESC LIMIT 1
)
"""


def upgrade() -> None:
    """Add the columns and tables, and fill them from what is there."""
    _change_passages()
    _change_stories()
    _change_jobs()
    _change_outbox()
    _make_tables()


def downgrade() -> None:
    """Closed stories, notes and former texts are not thrown away."""
    raise NotImplementedError("a store is not taken back to an older schema; restore a copy of it")


def _change_passages() -> None:
    with op.batch_alter_table("passages") as passages:
        passages.add_column(sa.Column("edited_at", _MOMENT, nullable=True))
        passages.add_column(sa.Column("deleted_at", _MOMENT, nullable=True))
        passages.add_column(sa.Column("next_id", sa.String(), nullable=True))
        passages.create_foreign_key("fk_passages_next_id", "passages", ["next_id"], ["id"])
    op.create_index("ix_passages_author", "passages", ["author_platform", "author_id"])
    op.execute(_GO_ON)


def _change_stories() -> None:
    with op.batch_alter_table("stories") as stories:
        stories.drop_constraint("uq_stories_platform_room_id", type_="unique")
        stories.add_column(sa.Column("first_next_id", sa.String(), nullable=True))
        stories.add_column(sa.Column("closed_at", _MOMENT, nullable=True))
        stories.add_column(sa.Column("within", sa.JSON(), nullable=True))
        stories.add_column(sa.Column("adult", sa.Boolean(), nullable=False, server_default=sa.false()))
        stories.add_column(sa.Column("memory", sa.Text(), nullable=False, server_default=sa.text("''")))
        stories.add_column(sa.Column("note", sa.Text(), nullable=False, server_default=sa.text("''")))
        stories.add_column(sa.Column("lore", sa.JSON(), nullable=True))
        stories.create_foreign_key("fk_stories_first_next_id", "passages", ["first_next_id"], ["id"])
    op.execute(_FILL_STORIES)
    with op.batch_alter_table("stories") as stories:
        stories.alter_column("within", existing_type=sa.JSON(), nullable=False)
        stories.alter_column("lore", existing_type=sa.JSON(), nullable=False)
    op.create_index("ix_stories_platform_changed_at", "stories", ["platform", "changed_at"])
    op.create_index(
        "uq_stories_open",
        "stories",
        ["platform", "room_id"],
        unique=True,
        sqlite_where=_OPEN,
        postgresql_where=_OPEN,
    )


def _change_jobs() -> None:
    with op.batch_alter_table("jobs") as jobs:
        jobs.add_column(sa.Column("instead_of", sa.String(), nullable=True))
        jobs.add_column(sa.Column("scores", sa.Boolean(), nullable=False, server_default=sa.false()))
        jobs.add_column(sa.Column("within", sa.JSON(), nullable=True))
        jobs.create_foreign_key("fk_jobs_instead_of", "passages", ["instead_of"], ["id"])
    op.execute("UPDATE jobs SET within = '[]'")
    with op.batch_alter_table("jobs") as jobs:
        jobs.alter_column("within", existing_type=sa.JSON(), nullable=False)
    op.create_index("ix_jobs_platform_created_at", "jobs", ["platform", "created_at"])
    op.create_index("ix_jobs_author", "jobs", ["author_platform", "author_id", "created_at"])
    op.create_index("ix_heard_passage_id", "heard", ["passage_id"])


def _change_outbox() -> None:
    """Messages of before carry no buttons: none of them is live."""
    with op.batch_alter_table("outbox") as outbox:
        outbox.add_column(sa.Column("passage", sa.String(), nullable=False, server_default=sa.text("''")))
        outbox.add_column(sa.Column("live", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_index("ix_outbox_room", "outbox", ["platform", "room_id"])
    op.create_index("ix_outbox_message", "outbox", ["platform", "message_id"])
    _name_passages_of_drafts()


def _name_passages_of_drafts() -> None:
    """A draft's text and choices were plain texts, in the order of the job's candidates."""
    connection = op.get_bind()
    outbox = sa.table(
        "outbox",
        sa.column("job_id", sa.String()),
        sa.column("part", sa.Integer()),
        sa.column("choices", sa.JSON()),
        sa.column("passage", sa.String()),
    )
    for row in connection.execute(sa.select(outbox.c.job_id, outbox.c.part, outbox.c.choices)).all():
        kept = _candidates(connection, row.job_id)
        choices = [
            {"passage": kept.get(number, ""), "text": text}
            for number, text in enumerate(row.choices or (), start=1)
        ]
        connection.execute(
            sa.update(outbox)
            .where(outbox.c.job_id == row.job_id, outbox.c.part == row.part)
            .values(choices=choices, passage=kept.get(0, ""))
        )


def _candidates(connection: sa.Connection, job_id: str) -> dict[int, str]:
    query = sa.text("SELECT choice, id FROM passages WHERE job_id = :job")
    rows: list[Any] = list(connection.execute(query, {"job": job_id}))
    return {row.choice: row.id for row in rows}


def _make_tables() -> None:
    op.create_table(
        "revisions",
        sa.Column("number", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("passage_id", sa.String(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("replaced_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_revisions"),
        sa.ForeignKeyConstraint(["passage_id"], ["passages.id"], name="fk_revisions_passage_id"),
    )
    op.create_index("ix_revisions_passage_id", "revisions", ["passage_id"])
    op.create_table(
        "scores",
        sa.Column("passage_id", sa.String(), nullable=False),
        sa.Column("tokens", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("passage_id", name="pk_scores"),
        sa.ForeignKeyConstraint(["passage_id"], ["passages.id"], name="fk_scores_passage_id"),
    )
    op.create_table(
        "rules",
        sa.Column("platform", sa.String(), nullable=False),
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("changed_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("platform", "scope", name="pk_rules"),
    )
