"""Vouchers given to friends, and when owners are told that one runs out."""

from __future__ import annotations

from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

TABLES = """
    ALTER TABLE vouchers ADD remind_at timestamptz;
    UPDATE vouchers SET remind_at = CASE
        WHEN valid_until - interval '3 days' > now() THEN valid_until - interval '3 days'
        WHEN valid_until - interval '1 day' > now() THEN valid_until - interval '1 day' END
        WHERE state = 'issued';
    CREATE INDEX vouchers_to_remind ON vouchers (remind_at) WHERE remind_at IS NOT NULL;
    CREATE INDEX voucher_events_subscriber_id_at_idx ON voucher_events (subscriber_id, at);
    CREATE TABLE voucher_gifts (
        subscriber_id bigint NOT NULL,
        voucher_id bigint NOT NULL,
        to_subscriber_id bigint NOT NULL,
        to_voucher_id bigint NOT NULL,
        day date NOT NULL,
        no smallint NOT NULL,
        most smallint NOT NULL,
        at timestamptz NOT NULL,
        CONSTRAINT voucher_gifts_pkey PRIMARY KEY (subscriber_id, voucher_id),
        CONSTRAINT voucher_gifts_subscriber_id_day_no_key UNIQUE (subscriber_id, day, no),
        CONSTRAINT voucher_gifts_subscriber_id_voucher_id_fkey FOREIGN KEY (subscriber_id,
            voucher_id) REFERENCES vouchers (subscriber_id, id),
        CONSTRAINT voucher_gifts_limit_check CHECK (no BETWEEN 1 AND most)
    );
    CREATE INDEX voucher_gifts_to_subscriber_id_to_voucher_id_idx ON voucher_gifts
            (to_subscriber_id, to_voucher_id);
"""


def upgrade() -> None:
    op.execute(TABLES)
    op.execute(
        "CREATE TRIGGER voucher_gifts_append_only BEFORE UPDATE OR DELETE OR TRUNCATE"
        " ON voucher_gifts FOR EACH STATEMENT EXECUTE FUNCTION forbid_change()"
    )


def downgrade() -> None:
    op.execute("DROP TABLE voucher_gifts")
    op.execute("DROP INDEX voucher_events_subscriber_id_at_idx")
    op.execute("ALTER TABLE vouchers DROP COLUMN remind_at")
