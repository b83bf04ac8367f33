"""Given once: rewards of numbers that were deleted; what was left of a term that was left."""

from __future__ import annotations

from alembic import op

revision = "0048"
down_revision = "0046"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE remembered_rewards (
            mark bytea NOT NULL,
            kept_on date NOT NULL,
            CONSTRAINT remembered_rewards_pkey PRIMARY KEY (mark),
            CONSTRAINT remembered_rewards_mark_check CHECK (octet_length(mark) = 32)
        );
        CREATE INDEX remembered_rewards_kept_on_idx ON remembered_rewards (kept_on);
        ALTER TABLE memberships ADD kept_until date, ADD kept_premium date,
            ADD CONSTRAINT memberships_kept_check CHECK (
                kept_until IS NULL AND kept_premium IS NULL OR state NOT IN
                ('active', 'suspending', 'suspended', 'resuming', 'leaving'));
        """
    )


def downgrade() -> None:
    op.execute(
        "ALTER TABLE memberships DROP COLUMN kept_until, DROP COLUMN kept_premium;"
        " DROP TABLE remembered_rewards"
    )
