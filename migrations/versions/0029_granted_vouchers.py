"""Vouchers that the house pays for."""

from __future__ import annotations

from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE vouchers ADD paid_by varchar(48)")


def downgrade() -> None:
    op.execute("ALTER TABLE vouchers DROP COLUMN paid_by")
