"""Where a reply stands in its story, what was written meanwhile, and messages that are posted anew."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

_UNFINISHED = "SELECT * FROM jobs WHERE state IN ('waiting', 'running') ORDER BY number"
_LATER = """
SELECT passages.parent_id, CASE WHEN passages.created_at > {moment} THEN 1 ELSE 0 END AS later
FROM passages, jobs WHERE passages.id = :passage AND jobs.id = :job
"""


def upgrade() -> None:
    """Add the columns, and find the places of jobs that are not over."""
    with op.batch_alter_table("passages") as passages:
        passages.add_column(sa.Column("meanwhile", sa.Boolean(), nullable=False, server_default=sa.false()))
    with op.batch_alter_table("jobs") as jobs:
        jobs.add_column(sa.Column("place_id", sa.String(), nullable=True))
        jobs.add_column(sa.Column("placed", sa.Boolean(), nullable=False, server_default=sa.false()))
        jobs.add_column(sa.Column("moved", sa.Integer(), nullable=False, server_default="0"))
        jobs.create_foreign_key("fk_jobs_place_id", "passages", ["place_id"], ["id"])
    with op.batch_alter_table("outbox") as outbox:
        outbox.add_column(sa.Column("posted_at", sa.DateTime(timezone=True), nullable=True))
        outbox.add_column(sa.Column("moved", sa.Integer(), nullable=False, server_default="0"))
        outbox.add_column(sa.Column("former_id", sa.String(), nullable=True))
    _place_unfinished(op.get_bind())


def downgrade() -> None:
    """Where replies stand is not forgotten."""
    raise NotImplementedError("a store is not taken back to an older schema; restore a copy of it")


def _place_unfinished(connection: sa.Connection) -> None:
    """A job last changed when it began or was put back: it read what was there then; one a story."""
    begun: set[str] = set()
    for job in connection.execute(sa.text(_UNFINISHED)).mappings().all():
        began = job["attempts"] > 0 and job["story_id"] not in begun
        if began:
            begun.add(job["story_id"])
        update = sa.text("UPDATE jobs SET place_id = :place, placed = :placed WHERE id = :job")
        values = {"place": _place(connection, job, began=began), "placed": began, "job": job["id"]}
        connection.execute(update, values)


def _place(connection: sa.Connection, job: sa.RowMapping, *, began: bool) -> str | None:
    if job["instead_of"] is not None:
        parent = sa.text("SELECT parent_id FROM passages WHERE id = :passage")
        return connection.execute(parent, {"passage": job["instead_of"]}).scalar()
    head = sa.text("SELECT head_id FROM stories WHERE id = :story")
    place: str | None = connection.execute(head, {"story": job["story_id"]}).scalar()
    later = sa.text(_LATER.format(moment="jobs.changed_at" if began else "jobs.created_at"))
    while place is not None:
        row = connection.execute(later, {"passage": place, "job": job["id"]}).one()
        if not row.later:
            break
        place = row.parent_id
    return place
