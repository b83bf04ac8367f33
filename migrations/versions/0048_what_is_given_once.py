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
        ALTER TABLE invitation_codes ADD poster_media varchar(200), ADD poster_shows varchar(64),
            ADD poster_until timestamptz, ADD CONSTRAINT invitation_codes_poster_check CHECK (
                (poster_media IS NULL) = (poster_until IS NULL)
                AND (poster_media IS NULL) = (poster_shows IS NULL));
        ALTER TABLE invitation_counts DROP CONSTRAINT invitation_counts_what_check,
            ADD CONSTRAINT invitation_counts_what_check
                CHECK (what IN ('day', 'month', 'sms_day', 'poster'));
        """
    )


def downgrade() -> None:
    op.execute(
        "DELETE FROM invitation_counts WHERE what = 'poster';"
        " ALTER TABLE invitation_counts DROP CONSTRAINT invitation_counts_what_check,"
        " ADD CONSTRAINT invitation_counts_what_check CHECK (what IN ('day', 'month', 'sms_day'));"
        " ALTER TABLE invitation_codes DROP COLUMN poster_media, DROP COLUMN poster_shows,"
        " DROP COLUMN poster_until;"
        " ALTER TABLE memberships DROP COLUMN kept_until, DROP COLUMN kept_premium;"
        " DROP TABLE remembered_rewards"
    )
