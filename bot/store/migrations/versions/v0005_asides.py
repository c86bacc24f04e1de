"""Whether a line in single parentheses is said beside the story: fixed when a story begins."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Until now it was, and for the stories that are there it stays so."""
    kept: sa.Column[bool] = sa.Column(
        "parentheses_aside", sa.Boolean(), nullable=False, server_default=sa.false()
    )
    op.add_column("stories", kept)
    op.execute(sa.text("UPDATE stories SET parentheses_aside = :kept").bindparams(kept=True))


def downgrade() -> None:
    """What stories keep is not thrown away."""
    raise NotImplementedError("a store is not taken back to an older schema; restore a copy of it")
