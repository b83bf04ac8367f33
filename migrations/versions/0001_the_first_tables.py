"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


# Tables whose rows are evidence: the database refuses to change or delete them, whoever asks.
EVIDENCE = (
    "points_transfers",
    "points_legs",
    "membership_changes",
    "consents",
    "publications",
)

FORBID = """
    CREATE FUNCTION forbid_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
    END $$
"""


# One round trip for what every message begins with: hold the person, see whether the message was
# heard before, note that the person is there. Each statement in it sees what was committed while
# it waited, which the joins of one long statement would not.
LOCK_SUBSCRIBER = """
    CREATE FUNCTION lock_subscriber(
        p_channel text, p_address text, p_now timestamptz, p_key text DEFAULT NULL
    ) RETURNS TABLE (
        id bigint, status text, opted_out boolean, openid text, msisdn text,
        wechat_heard_at timestamptz, earlier_reply jsonb, has_open boolean
    ) LANGUAGE plpgsql AS $$
    DECLARE
        held bigint;
        created bigint;
        earlier jsonb;
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
            -- Whoever held the person before us may have moved the address to somebody else.
            ELSIF EXISTS (
                SELECT 1 FROM subscriber_addresses a
                WHERE a.channel = p_channel AND a.address = p_address AND a.subscriber_id = held
            ) THEN
                EXIT;
            END IF;
        END LOOP;
        IF p_key IS NOT NULL THEN
            SELECT i.reply INTO earlier FROM inbox i WHERE i.key = p_key;
            IF earlier IS NULL THEN
                UPDATE subscriber_addresses a SET heard_at = p_now
                WHERE a.channel = p_channel AND a.address = p_address;
            END IF;
        END IF;
        RETURN QUERY
            SELECT s.id, s.status::text, s.opted_out_at IS NOT NULL, w.address::text,
                   n.address::text, w.heard_at, earlier,
                   EXISTS (
                       SELECT 1 FROM conversations c
                       WHERE c.subscriber_id = held AND c.state <> 'ended'
                   )
            FROM subscribers s
            LEFT JOIN subscriber_addresses w ON w.subscriber_id = s.id AND w.channel = 'wechat'
            LEFT JOIN subscriber_addresses n ON n.subscriber_id = s.id AND n.channel = 'sms'
            WHERE s.id = held;
    END $$
"""


def upgrade() -> None:
    _create_tables()
    op.execute(LOCK_SUBSCRIBER)
    op.execute(FORBID)
    for table in EVIDENCE:
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION forbid_change()"
        )
    # The house owns the accounts that points come from and go to.
    op.execute(
        "INSERT INTO subscribers (id, status, created_at) OVERRIDING SYSTEM VALUE"
        " VALUES (0, 'house', now())"
    )
    op.execute(
        "INSERT INTO points_accounts (subscriber_id, kind, expires_on)"
        " VALUES (0, 'issuing', '9999-12-31'), (0, 'spent', '9999-12-31')"
    )


def _create_tables() -> None:
    op.create_table(
        "clubs",
        sa.Column("code", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("intro", sa.Text(), nullable=False),
        sa.Column("price_fen", sa.Integer(), nullable=False),
        sa.Column("boss_service", sa.String(length=40), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.CheckConstraint("price_fen >= 0", name=op.f("clubs_price_check")),
        sa.PrimaryKeyConstraint("code", name=op.f("clubs_pkey")),
    )
    op.create_table(
        "draws",
        sa.Column("code", sa.String(length=32), nullable=False),
        sa.Column("title", sa.String(length=60), nullable=False),
        sa.Column("price_points", sa.Integer(), nullable=False),
        sa.CheckConstraint("price_points > 0", name=op.f("draws_price_check")),
        sa.PrimaryKeyConstraint("code", name=op.f("draws_pkey")),
    )
    op.create_table(
        "inbox",
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("subscriber_id", sa.BigInteger(), nullable=True),
        sa.Column("reply", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("inbox_pkey")),
    )
    op.create_index(
        op.f("inbox_channel_received_at_idx"), "inbox", ["channel", "received_at"], unique=False
    )
    op.create_table(
        "merchants",
        sa.Column("code", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("category", sa.String(length=32), nullable=False),
        sa.Column("city", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("code", name=op.f("merchants_pkey")),
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("subscriber_id", sa.BigInteger(), nullable=False),
        sa.Column("queue", sa.String(length=8), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("category", sa.String(length=16), nullable=False),
        sa.Column("payload", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("conversation_id", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.String(length=16), server_default="owed", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("leases", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("provider_id", sa.String(length=64), nullable=True),
        sa.Column("status", sa.String(length=16), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("result", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.CheckConstraint(
            "(state = 'taken') = (leased_until IS NOT NULL)", name=op.f("outbox_leased_check")
        ),
        sa.CheckConstraint("kind IN ('sms', 'wechat', 'call')", name=op.f("outbox_kind_check")),
        sa.CheckConstraint("queue IN ('reply', 'call', 'bulk')", name=op.f("outbox_queue_check")),
        sa.CheckConstraint(
            "state IN ('owed', 'taken', 'sent', 'delivered', 'accepted', 'answered',"
            " 'failed', 'dead', 'dropped')",
            name=op.f("outbox_state_check"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("outbox_pkey")),
    )
    op.create_index(
        "outbox_accepted",
        "outbox",
        ["due_at"],
        unique=False,
        postgresql_where=sa.text("state = 'accepted'"),
    )
    op.create_index(
        "outbox_dead", "outbox", ["id"], unique=False, postgresql_where=sa.text("state = 'dead'")
    )
    op.create_index(
        "outbox_leased",
        "outbox",
        ["leased_until"],
        unique=False,
        postgresql_where=sa.text("state = 'taken'"),
    )
    op.create_index(
        "outbox_open",
        "outbox",
        ["subscriber_id", "kind", "queue", "id"],
        unique=False,
        postgresql_where=sa.text("state IN ('owed', 'taken')"),
    )
    op.create_index(
        "outbox_owed",
        "outbox",
        ["queue", "due_at"],
        unique=False,
        postgresql_where=sa.text("state = 'owed'"),
    )
    op.create_index(
        "outbox_to",
        "outbox",
        [sa.literal_column("(payload ->> 'to')"), "created_at"],
        unique=False,
        postgresql_where=sa.text("kind = 'sms'"),
    )
    op.create_index(
        "outbox_provider",
        "outbox",
        ["provider_id"],
        unique=False,
        postgresql_where=sa.text("provider_id IS NOT NULL"),
    )
    op.create_table(
        "points_transfers",
        sa.Column(
            "serial", sa.BigInteger(), sa.Identity(always=False, start=100000001), nullable=False
        ),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("request_hash", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.String(length=40), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("serial", name=op.f("points_transfers_pkey")),
        sa.UniqueConstraint("key", name=op.f("points_transfers_key_key")),
    )
    op.create_table(
        "publications",
        sa.Column("version", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("author", sa.String(length=60), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("files", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("version", name=op.f("publications_pkey")),
    )
    op.create_table(
        "subscribers",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False, start=1001), nullable=False),
        sa.Column("status", sa.String(length=16), server_default="active", nullable=False),
        sa.Column("merged_into", sa.BigInteger(), nullable=True),
        sa.Column("opted_out_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(status = 'merged') = (merged_into IS NOT NULL)", name=op.f("subscribers_merged_check")
        ),
        sa.CheckConstraint(
            "status IN ('active', 'blocked', 'merged', 'house')",
            name=op.f("subscribers_status_check"),
        ),
        sa.ForeignKeyConstraint(
            ["merged_into"], ["subscribers.id"], name=op.f("subscribers_merged_into_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("subscribers_pkey")),
    )
    op.create_index(
        op.f("subscribers_merged_into_idx"),
        "subscribers",
        ["merged_into"],
        unique=False,
        postgresql_where=sa.text("merged_into IS NOT NULL"),
    )
    op.create_table(
        "bind_codes",
        sa.Column("subscriber_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("msisdn", sa.String(length=20), nullable=False),
        sa.Column("salt", sa.String(length=32), nullable=False),
        sa.Column("code_hash", sa.String(length=64), nullable=False),
        sa.Column("attempts_left", sa.Integer(), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("attempts_left >= 0", name=op.f("bind_codes_attempts_check")),
        sa.ForeignKeyConstraint(
            ["subscriber_id"], ["subscribers.id"], name=op.f("bind_codes_subscriber_id_fkey")
        ),
        sa.PrimaryKeyConstraint("subscriber_id", "id", name=op.f("bind_codes_pkey")),
    )
    op.create_index(
        op.f("bind_codes_msisdn_sent_at_idx"), "bind_codes", ["msisdn", "sent_at"], unique=False
    )
    op.create_table(
        "consents",
        sa.Column("subscriber_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("subject", sa.String(length=80), nullable=False),
        sa.Column("granted", sa.String(length=8), nullable=False),
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("message_key", sa.String(length=200), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["subscriber_id"], ["subscribers.id"], name=op.f("consents_subscriber_id_fkey")
        ),
        sa.PrimaryKeyConstraint("subscriber_id", "id", name=op.f("consents_pkey")),
    )
    op.create_table(
        "conversations",
        sa.Column("subscriber_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("dialog", sa.String(length=40), nullable=False),
        sa.Column("step", sa.String(length=40), nullable=False),
        sa.Column("late_step", sa.String(length=40), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("expects", sa.String(length=16), nullable=True),
        sa.Column("notes", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("question", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("call_id", sa.BigInteger(), nullable=True),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("wait_no", sa.Integer(), server_default="0", nullable=False),
        sa.Column("repeats", sa.Integer(), server_default="0", nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("waiting_since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_as", sa.String(length=16), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(state = 'ended') = (ended_at IS NOT NULL)", name=op.f("conversations_ended_check")
        ),
        sa.CheckConstraint(
            "state = 'ended' OR expires_at IS NOT NULL", name=op.f("conversations_expires_check")
        ),
        sa.CheckConstraint(
            "state IN ('asking', 'calling', 'ended')", name=op.f("conversations_state_check")
        ),
        sa.ForeignKeyConstraint(
            ["subscriber_id"], ["subscribers.id"], name=op.f("conversations_subscriber_id_fkey")
        ),
        sa.PrimaryKeyConstraint("subscriber_id", "id", name=op.f("conversations_pkey")),
    )
    op.create_index(
        "conversations_due",
        "conversations",
        ["expires_at"],
        unique=False,
        postgresql_where=sa.text("state <> 'ended'"),
    )
    op.create_index(
        "conversations_ended",
        "conversations",
        ["subscriber_id", "ended_at"],
        unique=False,
        postgresql_where=sa.text("ended_at IS NOT NULL"),
    )
    op.create_index(
        "conversations_open",
        "conversations",
        ["subscriber_id"],
        unique=False,
        postgresql_where=sa.text("state <> 'ended'"),
    )
    op.create_index(
        "conversations_one_question",
        "conversations",
        ["subscriber_id"],
        unique=True,
        postgresql_where=sa.text("state = 'asking'"),
    )
    op.create_table(
        "memberships",
        sa.Column("subscriber_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("club_code", sa.String(length=32), nullable=False),
        sa.Column("level", sa.String(length=16), server_default="ordinary", nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("changes", sa.Integer(), server_default="0", nullable=False),
        sa.CheckConstraint(
            "level IN ('ordinary', 'premium')", name=op.f("memberships_level_check")
        ),
        sa.CheckConstraint(
            "state <> 'active' OR since IS NOT NULL", name=op.f("memberships_since_check")
        ),
        sa.CheckConstraint(
            "state IN ('opening', 'active', 'refused', 'left', 'moved')",
            name=op.f("memberships_state_check"),
        ),
        sa.ForeignKeyConstraint(
            ["club_code"], ["clubs.code"], name=op.f("memberships_club_code_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["subscriber_id"], ["subscribers.id"], name=op.f("memberships_subscriber_id_fkey")
        ),
        sa.PrimaryKeyConstraint("subscriber_id", "club_code", name=op.f("memberships_pkey")),
    )
    op.create_table(
        "offers",
        sa.Column("code", sa.String(length=32), nullable=False),
        sa.Column("merchant_code", sa.String(length=32), nullable=False),
        sa.Column("club_code", sa.String(length=32), nullable=True),
        sa.Column("title", sa.String(length=60), nullable=False),
        sa.Column("price_points", sa.Integer(), nullable=False),
        sa.Column("price_fen", sa.Integer(), server_default="0", nullable=False),
        sa.CheckConstraint("price_points > 0 AND price_fen >= 0", name=op.f("offers_price_check")),
        sa.ForeignKeyConstraint(["club_code"], ["clubs.code"], name=op.f("offers_club_code_fkey")),
        sa.ForeignKeyConstraint(
            ["merchant_code"], ["merchants.code"], name=op.f("offers_merchant_code_fkey")
        ),
        sa.PrimaryKeyConstraint("code", name=op.f("offers_pkey")),
    )
    op.create_table(
        "page_links",
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("subscriber_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["subscriber_id"], ["subscribers.id"], name=op.f("page_links_subscriber_id_fkey")
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("page_links_pkey")),
    )
    op.create_index(op.f("page_links_expires_at_idx"), "page_links", ["expires_at"], unique=False)
    op.create_table(
        "page_sessions",
        sa.Column("id_hash", sa.String(length=64), nullable=False),
        sa.Column("subscriber_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["subscriber_id"], ["subscribers.id"], name=op.f("page_sessions_subscriber_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id_hash", name=op.f("page_sessions_pkey")),
    )
    op.create_index(
        op.f("page_sessions_subscriber_id_idx"), "page_sessions", ["subscriber_id"], unique=False
    )
    op.create_index(
        op.f("page_sessions_expires_at_idx"), "page_sessions", ["expires_at"], unique=False
    )
    op.create_table(
        "points_accounts",
        sa.Column("subscriber_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("expires_on", sa.Date(), nullable=False),
        sa.Column("balance", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("held", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("legs", sa.Integer(), server_default="0", nullable=False),
        sa.CheckConstraint(
            "subscriber_id = 0 OR kind IN ('consumption', 'promotional')",
            name=op.f("points_accounts_kind_check"),
        ),
        sa.CheckConstraint(
            "subscriber_id = 0 OR (held >= 0 AND balance >= held)",
            name=op.f("points_accounts_never_negative_check"),
        ),
        sa.ForeignKeyConstraint(
            ["subscriber_id"], ["subscribers.id"], name=op.f("points_accounts_subscriber_id_fkey")
        ),
        sa.PrimaryKeyConstraint(
            "subscriber_id", "kind", "expires_on", name=op.f("points_accounts_pkey")
        ),
    )
    op.create_table(
        "screenings",
        sa.Column("code", sa.String(length=32), nullable=False),
        sa.Column("club_code", sa.String(length=32), nullable=False),
        sa.Column("film", sa.String(length=60), nullable=False),
        sa.Column("cinema", sa.String(length=60), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("price_points", sa.Integer(), nullable=False),
        sa.Column("price_fen", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "price_points > 0 AND price_fen >= 0", name=op.f("screenings_price_check")
        ),
        sa.ForeignKeyConstraint(
            ["club_code"], ["clubs.code"], name=op.f("screenings_club_code_fkey")
        ),
        sa.PrimaryKeyConstraint("code", name=op.f("screenings_pkey")),
    )
    op.create_table(
        "stores",
        sa.Column("merchant_code", sa.String(length=32), nullable=False),
        sa.Column("store_no", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("latitude", sa.Float(), nullable=False),
        sa.Column("longitude", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(
            ["merchant_code"], ["merchants.code"], name=op.f("stores_merchant_code_fkey")
        ),
        sa.PrimaryKeyConstraint("merchant_code", "store_no", name=op.f("stores_pkey")),
    )
    op.create_table(
        "subscriber_addresses",
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("subscriber_id", sa.BigInteger(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("heard_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "channel IN ('wechat', 'sms')", name=op.f("subscriber_addresses_channel_check")
        ),
        sa.ForeignKeyConstraint(
            ["subscriber_id"],
            ["subscribers.id"],
            name=op.f("subscriber_addresses_subscriber_id_fkey"),
        ),
        sa.PrimaryKeyConstraint("channel", "address", name=op.f("subscriber_addresses_pkey")),
        sa.UniqueConstraint(
            "subscriber_id", "channel", name=op.f("subscriber_addresses_subscriber_id_channel_key")
        ),
    )
    op.create_table(
        "membership_changes",
        sa.Column("subscriber_id", sa.BigInteger(), nullable=False),
        sa.Column("club_code", sa.String(length=32), nullable=False),
        sa.Column("change_no", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("level", sa.String(length=16), nullable=False),
        sa.Column("origin", sa.String(length=200), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["subscriber_id", "club_code"],
            ["memberships.subscriber_id", "memberships.club_code"],
            name=op.f("membership_changes_subscriber_id_club_code_fkey"),
        ),
        sa.PrimaryKeyConstraint(
            "subscriber_id", "club_code", "change_no", name=op.f("membership_changes_pkey")
        ),
    )
    op.create_table(
        "points_legs",
        sa.Column("serial", sa.BigInteger(), nullable=False),
        sa.Column("leg_no", sa.Integer(), nullable=False),
        sa.Column("points", sa.BigInteger(), nullable=False),
        sa.Column("payer_id", sa.BigInteger(), nullable=False),
        sa.Column("payer_kind", sa.String(length=16), nullable=False),
        sa.Column("payer_expires_on", sa.Date(), nullable=False),
        sa.Column("payer_leg", sa.Integer(), nullable=False),
        sa.Column("payer_balance", sa.BigInteger(), nullable=False),
        sa.Column("payee_id", sa.BigInteger(), nullable=False),
        sa.Column("payee_kind", sa.String(length=16), nullable=False),
        sa.Column("payee_expires_on", sa.Date(), nullable=False),
        sa.Column("payee_leg", sa.Integer(), nullable=False),
        sa.Column("payee_balance", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "(payer_id, payer_kind, payer_expires_on) <> (payee_id, payee_kind, payee_expires_on)",
            name=op.f("points_legs_two_accounts_check"),
        ),
        sa.CheckConstraint("points > 0", name=op.f("points_legs_positive_check")),
        sa.ForeignKeyConstraint(
            ["payee_id", "payee_kind", "payee_expires_on"],
            ["points_accounts.subscriber_id", "points_accounts.kind", "points_accounts.expires_on"],
            name="points_legs_payee_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["payer_id", "payer_kind", "payer_expires_on"],
            ["points_accounts.subscriber_id", "points_accounts.kind", "points_accounts.expires_on"],
            name="points_legs_payer_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["serial"], ["points_transfers.serial"], name=op.f("points_legs_serial_fkey")
        ),
        sa.PrimaryKeyConstraint("serial", "leg_no", name=op.f("points_legs_pkey")),
        sa.UniqueConstraint(
            "payee_id", "payee_kind", "payee_expires_on", "payee_leg", name="points_legs_payee_leg"
        ),
        sa.UniqueConstraint(
            "payer_id", "payer_kind", "payer_expires_on", "payer_leg", name="points_legs_payer_leg"
        ),
    )


def downgrade() -> None:
    op.execute("DROP FUNCTION forbid_change() CASCADE")
    op.execute("DROP FUNCTION lock_subscriber(text, text, timestamptz, text)")
    op.drop_table("points_legs")
    op.drop_table("membership_changes")
    op.drop_table("subscriber_addresses")
    op.drop_table("stores")
    op.drop_table("screenings")
    op.drop_table("points_accounts")
    op.drop_index(op.f("page_sessions_expires_at_idx"), table_name="page_sessions")
    op.drop_table("page_sessions")
    op.drop_index(op.f("page_links_expires_at_idx"), table_name="page_links")
    op.drop_table("page_links")
    op.drop_table("offers")
    op.drop_table("memberships")
    op.drop_index(
        "conversations_one_question",
        table_name="conversations",
        postgresql_where=sa.text("state = 'asking'"),
    )
    op.drop_index("conversations_ended", table_name="conversations")
    op.drop_index(
        "conversations_due",
        table_name="conversations",
        postgresql_where=sa.text("state <> 'ended'"),
    )
    op.drop_table("conversations")
    op.drop_table("consents")
    op.drop_index(op.f("bind_codes_msisdn_sent_at_idx"), table_name="bind_codes")
    op.drop_table("bind_codes")
    op.drop_table("subscribers")
    op.drop_table("publications")
    op.drop_table("points_transfers")
    op.drop_index(
        "outbox_provider", table_name="outbox", postgresql_where=sa.text("provider_id IS NOT NULL")
    )
    op.drop_index("outbox_owed", table_name="outbox", postgresql_where=sa.text("state = 'owed'"))
    op.drop_index(
        "outbox_open", table_name="outbox", postgresql_where=sa.text("state IN ('owed', 'taken')")
    )
    op.drop_index("outbox_leased", table_name="outbox", postgresql_where=sa.text("state = 'taken'"))
    op.drop_index("outbox_dead", table_name="outbox", postgresql_where=sa.text("state = 'dead'"))
    op.drop_index(
        "outbox_accepted", table_name="outbox", postgresql_where=sa.text("state = 'accepted'")
    )
    op.drop_table("outbox")
    op.drop_table("merchants")
    op.drop_index(op.f("inbox_channel_received_at_idx"), table_name="inbox")
    op.drop_table("inbox")
    op.drop_table("draws")
    op.drop_table("clubs")
