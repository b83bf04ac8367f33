"""Ratings; complaints that a merchant answers and that are made good."""

from __future__ import annotations

from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

RATINGS = """
    CREATE TABLE ratings (
        subscriber_id bigint NOT NULL,
        voucher_id bigint NOT NULL,
        merchant_code varchar(32) NOT NULL,
        store_no integer NOT NULL,
        state varchar(8) DEFAULT 'owed' NOT NULL,
        used_at timestamptz NOT NULL,
        due_at timestamptz NOT NULL,
        asked_at timestamptz,
        stars smallint,
        words text,
        at timestamptz,
        CONSTRAINT ratings_pkey PRIMARY KEY (subscriber_id, voucher_id),
        CONSTRAINT ratings_subscriber_id_voucher_id_fkey FOREIGN KEY (subscriber_id, voucher_id)
            REFERENCES vouchers (subscriber_id, id),
        CONSTRAINT ratings_merchant_code_store_no_fkey FOREIGN KEY (merchant_code, store_no)
            REFERENCES stores (merchant_code, store_no),
        CONSTRAINT ratings_state_check CHECK (state IN ('owed', 'asked', 'given', 'dropped')),
        CONSTRAINT ratings_stars_check CHECK (stars BETWEEN 1 AND 5),
        CONSTRAINT ratings_given_check CHECK (
            (state = 'given') = (stars IS NOT NULL) AND (state = 'given') = (at IS NOT NULL)
            AND (state IN ('asked', 'given')) = (asked_at IS NOT NULL)),
        CONSTRAINT ratings_words_check CHECK (
            words IS NULL OR (state = 'given' AND char_length(words) <= 500))
    );
    CREATE INDEX ratings_owed ON ratings (due_at) WHERE state = 'owed';
    CREATE INDEX ratings_of_merchant ON ratings (merchant_code, at) INCLUDE (stars)
        WHERE state = 'given';

    -- What was given stays: an average must not be made to measure. Words may be erased.
    CREATE FUNCTION ratings_check() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF OLD.state = 'given' AND (
            to_jsonb(NEW) - 'words' IS DISTINCT FROM to_jsonb(OLD) - 'words'
            OR (OLD.words IS NOT NULL AND NEW.words IS NOT NULL AND NEW.words <> OLD.words))
        THEN
            RAISE EXCEPTION 'a rating stays what it was'
                USING ERRCODE = 'restrict_violation', CONSTRAINT = 'ratings_kept';
        END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER ratings_check BEFORE UPDATE ON ratings
        FOR EACH ROW EXECUTE FUNCTION ratings_check();
"""

COMPLAINTS = """
    ALTER TABLE complaints
        ADD voucher_owner bigint,
        ADD voucher_id bigint,
        ADD merchant_code varchar(32),
        ADD merchant_deadline timestamptz,
        ADD reminded_at timestamptz,
        ADD late_at timestamptz,
        ADD CONSTRAINT complaints_voucher_owner_voucher_id_fkey
            FOREIGN KEY (voucher_owner, voucher_id) REFERENCES vouchers (subscriber_id, id),
        ADD CONSTRAINT complaints_merchant_code_fkey
            FOREIGN KEY (merchant_code) REFERENCES merchants (code),
        ADD CONSTRAINT complaints_voucher_check CHECK (
            (voucher_owner IS NULL) = (voucher_id IS NULL)
            AND (voucher_id IS NULL OR merchant_code IS NOT NULL)),
        -- From now on; who was asked before is not known.
        ADD CONSTRAINT complaints_with_merchant_check CHECK (state <> 'with_merchant'
            OR (merchant_code IS NOT NULL AND merchant_deadline IS NOT NULL)) NOT VALID;
    CREATE INDEX complaints_voucher_owner_voucher_id_idx ON complaints (voucher_owner, voucher_id)
        WHERE voucher_id IS NOT NULL;
    CREATE INDEX complaints_of_merchant ON complaints (merchant_code, number)
        WHERE state = 'with_merchant';
    ALTER TABLE complaint_events
        DROP CONSTRAINT complaint_events_what_check,
        ADD CONSTRAINT complaint_events_what_check CHECK (
            what IN ('opened', 'moved', 'noted', 'answered', 'reminded', 'paid'));

    CREATE OR REPLACE FUNCTION complaints_check() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF (NEW.number, NEW.subscriber_id, NEW.category, NEW.transfer_serial, NEW.channel,
            NEW.opened_by, NEW.opened_at, NEW.voucher_owner, NEW.voucher_id)
           IS DISTINCT FROM
           (OLD.number, OLD.subscriber_id, OLD.category, OLD.transfer_serial, OLD.channel,
            OLD.opened_by, OLD.opened_at, OLD.voucher_owner, OLD.voucher_id)
           OR (OLD.merchant_code IS NOT NULL
               AND NEW.merchant_code IS DISTINCT FROM OLD.merchant_code)
           OR (NEW.words IS NOT NULL AND NEW.words IS DISTINCT FROM OLD.words)
           OR NEW.events NOT IN (OLD.events, OLD.events + 1)
        THEN
            RAISE EXCEPTION 'a complaint stays what it was'
                USING ERRCODE = 'restrict_violation', CONSTRAINT = 'complaints_kept';
        END IF;
        IF NEW.state <> OLD.state AND (NEW.events = OLD.events OR NOT CASE OLD.state
            WHEN 'received' THEN NEW.state <> 'received'
            WHEN 'with_merchant' THEN NEW.state <> 'with_merchant'
            WHEN 'resolved' THEN NEW.state = 'received'
            WHEN 'rejected' THEN NEW.state = 'received'
            ELSE false END)
        THEN
            RAISE EXCEPTION 'a complaint cannot go from % to %', OLD.state, NEW.state
                USING ERRCODE = 'restrict_violation', CONSTRAINT = 'complaints_path';
        END IF;
        RETURN NEW;
    END $$;
"""

COMPENSATIONS = """
    CREATE TABLE compensations (
        complaint bigint NOT NULL,
        voucher_owner bigint,
        voucher_id bigint,
        refund_points bigint NOT NULL,
        refund_serial bigint,
        goodwill_points integer NOT NULL,
        goodwill_serial bigint,
        proposal bigint NOT NULL,
        at timestamptz NOT NULL,
        CONSTRAINT compensations_pkey PRIMARY KEY (complaint),
        CONSTRAINT compensations_complaint_fkey
            FOREIGN KEY (complaint) REFERENCES complaints (number),
        CONSTRAINT compensations_voucher_owner_voucher_id_fkey
            FOREIGN KEY (voucher_owner, voucher_id) REFERENCES vouchers (subscriber_id, id),
        CONSTRAINT compensations_refund_serial_fkey
            FOREIGN KEY (refund_serial) REFERENCES points_refunds (serial),
        CONSTRAINT compensations_goodwill_serial_fkey
            FOREIGN KEY (goodwill_serial) REFERENCES points_transfers (serial),
        CONSTRAINT compensations_proposal_fkey
            FOREIGN KEY (proposal) REFERENCES approval_proposals (id),
        CONSTRAINT compensations_proposal_key UNIQUE (proposal),
        CONSTRAINT compensations_refund_check CHECK (
            refund_points >= 0 AND (refund_points > 0) = (refund_serial IS NOT NULL)
            AND (refund_points > 0) = (voucher_id IS NOT NULL)
            AND (voucher_owner IS NULL) = (voucher_id IS NULL)),
        CONSTRAINT compensations_goodwill_check CHECK (
            goodwill_points >= 0 AND (goodwill_points > 0) = (goodwill_serial IS NOT NULL)),
        CONSTRAINT compensations_something_check CHECK (refund_points + goodwill_points > 0)
    );
    CREATE UNIQUE INDEX compensations_once ON compensations (voucher_owner, voucher_id)
        WHERE voucher_id IS NOT NULL;
"""

EVIDENCE = ("compensations",)


def upgrade() -> None:
    for statements in (RATINGS, COMPLAINTS, COMPENSATIONS):
        op.execute(statements)
    for table in EVIDENCE:
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION forbid_change()"
        )


def downgrade() -> None:
    raise RuntimeError("compensations and what was said are evidence, and are kept")
