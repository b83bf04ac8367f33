"""Codes that prove a number are counted for each openid, whoever that is by now."""

from __future__ import annotations

from alembic import op

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE bind_codes ADD asked_by varchar(64)")
    op.execute("CREATE INDEX bind_codes_asked_by_sent_at_idx ON bind_codes (asked_by, sent_at)")


def downgrade() -> None:
    op.execute("ALTER TABLE bind_codes DROP COLUMN asked_by")
