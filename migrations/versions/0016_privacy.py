"""Privacy: people who asked to be deleted, what was forgotten each day, consents that may go."""

from __future__ import annotations

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

STRIPES = 16

TABLES = """
    ALTER TABLE subscribers DROP CONSTRAINT subscribers_status_check,
        ADD CONSTRAINT subscribers_status_check
            CHECK (status IN ('active', 'blocked', 'merged', 'house', 'deleted'));

    CREATE TABLE privacy_deletions (
        subscriber_id bigint NOT NULL,
        proposal_id bigint,
        told varchar(8) NOT NULL,
        clubs integer NOT NULL,
        points bigint NOT NULL,
        coins bigint NOT NULL,
        serial bigint,
        at timestamptz NOT NULL,
        purged_at timestamptz,
        CONSTRAINT privacy_deletions_pkey PRIMARY KEY (subscriber_id),
        CONSTRAINT privacy_deletions_subscriber_id_fkey
            FOREIGN KEY (subscriber_id) REFERENCES subscribers (id),
        CONSTRAINT privacy_deletions_person_check CHECK (subscriber_id > 0),
        CONSTRAINT privacy_deletions_told_check CHECK (told IN ('sms', 'wechat', 'nobody')),
        CONSTRAINT privacy_deletions_counts_check CHECK (
            clubs >= 0 AND points >= 0 AND coins >= 0),
        CONSTRAINT privacy_deletions_serial_check CHECK (
            (serial IS NULL) = (points = 0 AND coins = 0)),
        CONSTRAINT privacy_deletions_order_check CHECK (purged_at >= at));
    CREATE INDEX privacy_deletions_open ON privacy_deletions (at) WHERE purged_at IS NULL;

    CREATE TABLE retention_runs (
        rule varchar(32) NOT NULL,
        day date NOT NULL,
        deleted bigint NOT NULL,
        at timestamptz NOT NULL,
        CONSTRAINT retention_runs_pkey PRIMARY KEY (rule, day),
        CONSTRAINT retention_runs_deleted_check CHECK (deleted >= 0));

    CREATE INDEX consents_answered_at_idx ON consents (answered_at);
    -- What is called for a person; the messages to them have an index of the desk's.
    CREATE INDEX outbox_calls_of ON outbox (subscriber_id) WHERE kind = 'call';
"""

# The second lock. A deletion was carried out once and stays so; nobody comes back to life.
KEPT = """
    CREATE TRIGGER privacy_deletions_once BEFORE UPDATE ON privacy_deletions
        FOR EACH ROW WHEN (OLD.purged_at IS NOT NULL
            OR to_jsonb(NEW) - 'purged_at' <> to_jsonb(OLD) - 'purged_at')
        EXECUTE FUNCTION forbid_change();
    CREATE TRIGGER privacy_deletions_kept BEFORE DELETE OR TRUNCATE ON privacy_deletions
        FOR EACH STATEMENT EXECUTE FUNCTION forbid_change();
    CREATE TRIGGER subscribers_deleted_stay BEFORE UPDATE OF status ON subscribers
        FOR EACH ROW WHEN (OLD.status = 'deleted' AND NEW.status <> 'deleted')
        EXECUTE FUNCTION forbid_change();

    -- Nobody who is deleted can be reached.
    CREATE FUNCTION addresses_of_the_living() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF EXISTS (SELECT 1 FROM subscribers s WHERE s.id = NEW.subscriber_id
                   AND s.status = 'deleted' FOR KEY SHARE) THEN
            RAISE EXCEPTION 'subscriber % is deleted', NEW.subscriber_id
                USING ERRCODE = 'restrict_violation', CONSTRAINT = 'addresses_of_the_living';
        END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER subscriber_addresses_living BEFORE INSERT OR UPDATE OF subscriber_id
        ON subscriber_addresses FOR EACH ROW EXECUTE FUNCTION addresses_of_the_living();

    -- Evidence of a consent goes when the regulator does not want it any more (工信部: 5 months).
    DROP TRIGGER consents_append_only ON consents;
    CREATE TRIGGER consents_append_only BEFORE UPDATE OR TRUNCATE ON consents
        FOR EACH STATEMENT EXECUTE FUNCTION forbid_change();
    CREATE TRIGGER consents_kept_five_months BEFORE DELETE ON consents
        FOR EACH ROW WHEN (OLD.answered_at >= now() - interval '5 months')
        EXECUTE FUNCTION forbid_change();
"""

# A message's key named the sender's openid, and went from there into evidence that a deletion does
# not change. It is a hash from now on (handlers/wechat_inbound.py), made in the same way, so that
# old evidence still proves what it proved. What the ledger's closings have sealed stays as it is.
HASHED = """
    ALTER TABLE {table} DISABLE TRIGGER USER;
    UPDATE {table}
    SET {column} = 'wx\\:sha256\\:' || encode(sha256(convert_to({column}, 'UTF8')), 'hex')
    WHERE {column} LIKE 'wx\\:%' AND {column} NOT LIKE 'wx\\:sha256\\:%';
    ALTER TABLE {table} ENABLE TRIGGER USER;
"""


def upgrade() -> None:
    for table, column in (
        ("inbox", "key"), ("consents", "message_key"), ("membership_changes", "origin"),
    ):  # fmt: skip
        op.execute(HASHED.format(table=table, column=column))
    op.execute(TABLES)
    op.execute(KEPT)
    # What people who leave had.
    for unit in ("points", "coins"):
        op.execute(
            "INSERT INTO points_accounts (subscriber_id, unit, kind, expires_on, stripe)"
            f" SELECT 0, '{unit}', 'forfeited', '9999-12-31', n"
            f" FROM generate_series(0, {STRIPES - 1}) n ON CONFLICT DO NOTHING"
        )


def downgrade() -> None:
    raise RuntimeError("nobody who was deleted comes back: restore a backup instead")
