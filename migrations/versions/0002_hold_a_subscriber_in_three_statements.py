"""Hold a subscriber in three statements; ids for what a message may lead to come along."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# One round trip for what every message begins with: hold the person, see whether the message was
# heard before, note that the person is there. The second statement sees what was committed while
# the first one waited, which the joins of one long statement would not.
# lock_subscriber() stays for servers of the version before, which run on during an update.
HOLD_SUBSCRIBER = """
    CREATE FUNCTION hold_subscriber(
        p_channel text, p_address text, p_now timestamptz, p_key text DEFAULT NULL
    ) RETURNS TABLE (
        id bigint, status text, opted_out boolean, openid text, msisdn text,
        wechat_heard_at timestamptz, earlier_reply jsonb, has_open boolean,
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
            SELECT s.id, s.status, s.opted_out_at IS NOT NULL, w.address, n.address, w.heard_at,
                   i.reply,
                   EXISTS (
                       SELECT 1 FROM conversations c
                       WHERE c.subscriber_id = held AND c.state <> 'ended'
                   ),
                   nextval('conversations_id_seq'), nextval('outbox_id_seq')
            INTO id, status, opted_out, openid, msisdn, wechat_heard_at, earlier_reply, has_open,
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
            UPDATE subscriber_addresses a SET heard_at = p_now
            WHERE a.channel = p_channel AND a.address = p_address;
            IF p_channel = 'wechat' THEN
                wechat_heard_at := p_now;
            END IF;
        END IF;
        RETURN NEXT;
    END $$
"""


def upgrade() -> None:
    op.execute(HOLD_SUBSCRIBER)
    # heard_at changes with every message: room on its page keeps the indexes out of it.
    op.execute("ALTER TABLE subscriber_addresses SET (fillfactor = 80)")


def downgrade() -> None:
    op.execute("ALTER TABLE subscriber_addresses RESET (fillfactor)")
    op.execute("DROP FUNCTION hold_subscriber(text, text, timestamptz, text)")
