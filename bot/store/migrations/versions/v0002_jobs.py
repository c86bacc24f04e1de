"""Jobs, the outbox, and which job gave which passage."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the tables, and the references to jobs."""
    _make_jobs()
    _make_outbox()
    with op.batch_alter_table("passages") as passages:
        passages.add_column(sa.Column("job_id", sa.String(), nullable=True))
        passages.add_column(sa.Column("choice", sa.Integer(), nullable=False, server_default="0"))
        passages.create_foreign_key("fk_passages_job_id", "jobs", ["job_id"], ["id"])
        passages.create_unique_constraint("uq_passages_job_id_choice", ["job_id", "choice"])
    with op.batch_alter_table("heard") as heard:
        heard.add_column(sa.Column("job_id", sa.String(), nullable=True))
        heard.create_foreign_key("fk_heard_job_id", "jobs", ["job_id"], ["id"])


def downgrade() -> None:
    """Jobs are not thrown away."""
    raise NotImplementedError("a store is not taken back to an older schema; restore a copy of it")


def _make_jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("number", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("story_id", sa.String(), nullable=False),
        sa.Column("platform", sa.String(), nullable=False),
        sa.Column("room_id", sa.String(), nullable=False),
        sa.Column("author_platform", sa.String(), nullable=False),
        sa.Column("author_id", sa.String(), nullable=False),
        sa.Column("author_name", sa.String(), nullable=False),
        sa.Column("author_locale", sa.String(), nullable=False),
        sa.Column("length", sa.String(), nullable=False),
        sa.Column("preset", sa.String(), nullable=False),
        sa.Column("candidates", sa.Integer(), nullable=False),
        sa.Column("asked_seed", sa.BigInteger(), nullable=True),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("changed_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_jobs"),
        sa.UniqueConstraint("id", name="uq_jobs_id"),
        sa.ForeignKeyConstraint(["story_id"], ["stories.id"], name="fk_jobs_story_id"),
    )
    op.create_index("ix_jobs_story_id", "jobs", ["story_id"])
    op.create_index("ix_jobs_state", "jobs", ["state"])


def _make_outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("job_id", sa.String(), nullable=False),
        sa.Column("part", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("platform", sa.String(), nullable=False),
        sa.Column("room_id", sa.String(), nullable=False),
        sa.Column("message_id", sa.String(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("choices", sa.JSON(), nullable=False),
        sa.Column("delivered", sa.Boolean(), nullable=False),
        sa.Column("changed_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("job_id", "part", name="pk_outbox"),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_outbox_job_id"),
    )
    op.create_index("ix_outbox_delivered_changed_at", "outbox", ["delivered", "changed_at"])
