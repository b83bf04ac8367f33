"""How a message was met that was not understood at once: guessed, asked, not understood."""

from __future__ import annotations

from alembic import op

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE inbox ADD met varchar(16)")
    op.execute(
        "ALTER TABLE inbox ADD CONSTRAINT inbox_met_check"
        " CHECK (met IN ('guessed', 'asked', 'not_understood', 'offered'))"
    )
    op.execute("CREATE INDEX inbox_met ON inbox (received_at) WHERE met IS NOT NULL")


def downgrade() -> None:
    op.execute("DROP INDEX inbox_met")
    op.execute("ALTER TABLE inbox DROP COLUMN met")
