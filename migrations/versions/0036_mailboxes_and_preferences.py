"""Mailboxes, what people want to be told on which way, and notices that look for their way."""

from __future__ import annotations

from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None

KIND = "kind IN ('points', 'vouchers', 'clubs', 'activities', 'gifts', 'service', 'marketing')"
TABLES = f"""
    CREATE TABLE mailbox (
        subscriber_id bigint NOT NULL,
        id bigint NOT NULL,
        kind varchar(16) NOT NULL,
        category varchar(16) NOT NULL,
        words text NOT NULL,
        words_sms text NOT NULL,
        page varchar(200),
        at timestamptz NOT NULL,
        way varchar(8),
        why varchar(16),
        decided_at timestamptz,
        read_at timestamptz,
        CONSTRAINT mailbox_pkey PRIMARY KEY (subscriber_id, id),
        CONSTRAINT mailbox_subscriber_id_fkey FOREIGN KEY (subscriber_id)
            REFERENCES subscribers (id),
        CONSTRAINT mailbox_kind_check CHECK ({KIND}),
        CONSTRAINT mailbox_category_check CHECK (category IN ('answer', 'notice', 'marketing')),
        CONSTRAINT mailbox_way_check CHECK (way IN ('wechat', 'template', 'sms', 'none')),
        CONSTRAINT mailbox_decided_check CHECK ((way IS NULL) = (decided_at IS NULL)),
        CONSTRAINT mailbox_why_check
            CHECK ((why IS NOT NULL) = (coalesce(way, '') = 'none')),
        CONSTRAINT mailbox_words_check CHECK (words <> '' AND words_sms <> '')
    );
    CREATE INDEX mailbox_unread ON mailbox (subscriber_id) WHERE read_at IS NULL;
    CREATE INDEX mailbox_at_idx ON mailbox (at);
    CREATE TABLE notice_preferences (
        subscriber_id bigint NOT NULL,
        kind varchar(16) NOT NULL,
        channel varchar(8) NOT NULL,
        wanted boolean NOT NULL,
        at timestamptz NOT NULL,
        CONSTRAINT notice_preferences_pkey PRIMARY KEY (subscriber_id, kind, channel),
        CONSTRAINT notice_preferences_subscriber_id_fkey FOREIGN KEY (subscriber_id)
            REFERENCES subscribers (id),
        CONSTRAINT notice_preferences_kind_check CHECK ({KIND}),
        CONSTRAINT notice_preferences_channel_check CHECK (channel IN ('sms', 'wechat'))
    );
    ALTER TABLE outbox DROP CONSTRAINT outbox_kind_check;
    ALTER TABLE outbox ADD CONSTRAINT outbox_kind_check
        CHECK (kind IN ('sms', 'wechat', 'call', 'notice', 'template', 'mailbox'));
"""


def upgrade() -> None:
    op.execute(TABLES)


def downgrade() -> None:
    # What looks for its way has no words of its own, so it cannot be an SMS again.
    op.execute("DELETE FROM outbox WHERE kind IN ('notice', 'template', 'mailbox')")
    op.execute("ALTER TABLE outbox DROP CONSTRAINT outbox_kind_check")
    op.execute(
        "ALTER TABLE outbox ADD CONSTRAINT outbox_kind_check"
        " CHECK (kind IN ('sms', 'wechat', 'call'))"
    )
    op.execute("DROP TABLE notice_preferences")
    op.execute("DROP TABLE mailbox")
