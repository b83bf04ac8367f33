"""SMS of which nobody knows whether they left, and those whose receipt is late, have an index."""

from __future__ import annotations

from alembic import op

revision = "0046"
down_revision = "0045"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE INDEX outbox_unknown ON outbox (submitted_at)
            WHERE state = 'owed' AND kind = 'sms' AND submitted_at IS NOT NULL;
        CREATE INDEX outbox_unreceipted ON outbox (status, settled_at)
            WHERE state = 'sent' AND kind = 'sms' AND status <> 'asked 3'
              AND provider_id LIKE 'smpp:%';
        """
    )


def downgrade() -> None:
    op.execute("DROP INDEX outbox_unreceipted; DROP INDEX outbox_unknown")
