"""How long WeChat lets us write to somebody; which days were swept because somebody asked."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

# As before, but the caller says for how long the message opens WeChat; a window that is open longer
# stays so. The function of four arguments stays for servers of the version before, which run on
# during an update.
HOLD_SUBSCRIBER = """
    CREATE FUNCTION hold_subscriber(
        p_channel text, p_address text, p_now timestamptz, p_key text, p_opens interval
    ) RETURNS TABLE (
        id bigint, status text, opted_out boolean, openid text, msisdn text,
        wechat_open_until timestamptz, earlier_reply jsonb, has_open boolean,
        conversation_id bigint, owed_id bigint
    ) LANGUAGE plpgsql AS $$
    DECLARE
        held bigint;
        created bigint;
    BEGIN
        LOOP
            -- NO KEY: a row that only refers to the person, such as a gift from somebody else,
            -- need not wait.
            SELECT s.id INTO held
            FROM subscriber_addresses a JOIN subscribers s ON s.id = a.subscriber_id
            WHERE a.channel = p_channel AND a.address = p_address
            FOR NO KEY UPDATE OF s;
            IF held IS NULL THEN
                INSERT INTO subscribers (created_at) VALUES (p_now)
                RETURNING subscribers.id INTO created;
                INSERT INTO subscriber_addresses (channel, address, subscriber_id, since)
                VALUES (p_channel, p_address, created, p_now) ON CONFLICT DO NOTHING;
                IF NOT FOUND THEN  -- another message of the same newcomer was first
                    DELETE FROM subscribers s WHERE s.id = created;
                END IF;
                CONTINUE;
            END IF;
            SELECT s.id, s.status, s.opted_out_at IS NOT NULL, w.address, n.address, w.open_until,
                   i.reply,
                   EXISTS (
                       SELECT 1 FROM conversations c
                       WHERE c.subscriber_id = held AND c.state <> 'ended'
                   ),
                   nextval('conversations_id_seq'), nextval('outbox_id_seq')
            INTO id, status, opted_out, openid, msisdn, wechat_open_until, earlier_reply, has_open,
                 conversation_id, owed_id
            FROM subscriber_addresses a
            JOIN subscribers s ON s.id = a.subscriber_id
            LEFT JOIN subscriber_addresses w ON w.subscriber_id = s.id AND w.channel = 'wechat'
            LEFT JOIN subscriber_addresses n ON n.subscriber_id = s.id AND n.channel = 'sms'
            LEFT JOIN inbox i ON i.key = p_key
            WHERE a.channel = p_channel AND a.address = p_address AND a.subscriber_id = held;
            -- Whoever held the person before us may have moved the address to somebody else.
            EXIT WHEN FOUND;
        END LOOP;
        IF p_key IS NOT NULL AND earlier_reply IS NULL THEN
            UPDATE subscriber_addresses a
            SET heard_at = p_now, open_until = greatest(a.open_until, p_now + p_opens)
            WHERE a.channel = p_channel AND a.address = p_address;
            IF p_channel = 'wechat' THEN
                wechat_open_until := greatest(wechat_open_until, p_now + p_opens);
            END IF;
        END IF;
        RETURN NEXT;
    END $$
"""
# Of what was heard before, the messages open it for 48 h; a minute after a tap is over by now.
KNOWN = """
    UPDATE subscriber_addresses a SET open_until = said.at + interval '48 hours'
    FROM (SELECT subscriber_id, max(received_at) AS at FROM inbox
          WHERE channel = 'wechat' AND received_at > now() - interval '48 hours'
            AND kind IN ('text', 'image', 'voice', 'video', 'location', 'link')
          GROUP BY subscriber_id) said
    WHERE a.channel = 'wechat' AND a.subscriber_id = said.subscriber_id
"""


def upgrade() -> None:
    op.add_column(
        "subscriber_addresses", sa.Column("open_until", sa.DateTime(timezone=True), nullable=True)
    )
    op.execute(HOLD_SUBSCRIBER)
    op.execute(KNOWN)
    op.add_column(
        "points_expiry_days",
        sa.Column("by_hand", sa.Boolean(), server_default="false", nullable=False),
    )


def downgrade() -> None:
    op.drop_column("points_expiry_days", "by_hand")
    op.execute("DROP FUNCTION hold_subscriber(text, text, timestamptz, text, interval)")
    op.drop_column("subscriber_addresses", "open_until")
