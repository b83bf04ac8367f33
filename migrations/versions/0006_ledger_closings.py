"""Ledger closings: a day is shut by the gate, then sealed, each seal over the one before."""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# A leg has its transfer's moment by reference. The key of a leg is deferrable for one reason:
# `ON CONFLICT DO NOTHING` takes no such key, and it is the one way to fire the trigger that books
# a leg without leaving the leg behind.
LEGS = """
    ALTER TABLE points_transfers ADD CONSTRAINT points_transfers_serial_at_key UNIQUE (serial, at);
    ALTER TABLE points_legs
        DROP CONSTRAINT points_legs_serial_fkey,
        ADD CONSTRAINT points_legs_serial_at_fkey
            FOREIGN KEY (serial, at) REFERENCES points_transfers (serial, at),
        DROP CONSTRAINT points_legs_pkey,
        ADD CONSTRAINT points_legs_pkey
            PRIMARY KEY (serial, leg_no) DEFERRABLE INITIALLY IMMEDIATE;
    CREATE INDEX points_transfers_at_idx ON points_transfers USING brin (at);
    CREATE INDEX points_legs_at_idx ON points_legs USING brin (at);
"""

CLOSINGS = """
    CREATE TABLE ledger_gate (
        id smallint NOT NULL,
        open_from timestamptz NOT NULL,
        CONSTRAINT ledger_gate_pkey PRIMARY KEY (id),
        CONSTRAINT ledger_gate_one_row_check CHECK (id = 1)
    );
    INSERT INTO ledger_gate VALUES (1, '1970-01-01 00:00:00+00');

    CREATE TABLE ledger_closings (
        day date NOT NULL,
        previous_day date,
        previous_hash bytea NOT NULL,
        first_serial bigint,
        last_serial bigint,
        transfers bigint NOT NULL,
        legs bigint NOT NULL,
        points bigint NOT NULL,
        coins bigint NOT NULL,
        totals jsonb NOT NULL,
        digest bytea NOT NULL,
        sealed_at timestamptz NOT NULL,
        hash bytea NOT NULL,
        CONSTRAINT ledger_closings_pkey PRIMARY KEY (day),
        CONSTRAINT ledger_closings_day_hash_key UNIQUE (day, hash),
        CONSTRAINT ledger_closings_previous_day_key UNIQUE NULLS NOT DISTINCT (previous_day),
        CONSTRAINT ledger_closings_previous_day_previous_hash_fkey
            FOREIGN KEY (previous_day, previous_hash) REFERENCES ledger_closings (day, hash),
        CONSTRAINT ledger_closings_next_day_check CHECK (previous_day = day - 1),
        CONSTRAINT ledger_closings_counts_check CHECK (
            transfers >= 0 AND legs >= 0 AND points >= 0 AND coins >= 0
            AND (transfers = 0) = (first_serial IS NULL)
            AND (transfers = 0) = (last_serial IS NULL)),
        CONSTRAINT ledger_closings_hashes_check CHECK (
            length(previous_hash) = 32 AND length(digest) = 32 AND length(hash) = 32)
    );
    CREATE TRIGGER ledger_closings_append_only BEFORE UPDATE OR DELETE OR TRUNCATE
        ON ledger_closings FOR EACH STATEMENT EXECUTE FUNCTION forbid_change();
    CREATE TRIGGER ledger_gate_kept BEFORE DELETE OR TRUNCATE
        ON ledger_gate FOR EACH STATEMENT EXECUTE FUNCTION forbid_change();
"""

# Transfers and legs that are dated within the last 20 minutes of the database's clock go past for
# nothing: the gate does not shut a day before 20 minutes after its end, and whoever shuts it waits
# for all that were inserting by then (models/points/closings.py). Others look at the gate. The
# look must see what is committed, which a transaction with one snapshot for all does not.
GATE = """
    CREATE FUNCTION ledger_gate_moves() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.open_from < OLD.open_from THEN
            RAISE EXCEPTION 'a closed day is not opened again'
                USING ERRCODE = 'restrict_violation', CONSTRAINT = 'ledger_gate_only_forward';
        END IF;
        IF NEW.open_from > clock_timestamp() - interval '20 minutes' THEN
            RAISE EXCEPTION 'a day closes 20 minutes after its end at the earliest'
                USING ERRCODE = 'restrict_violation', CONSTRAINT = 'ledger_gate_after_the_day';
        END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER ledger_gate_forward BEFORE UPDATE ON ledger_gate
        FOR EACH ROW EXECUTE FUNCTION ledger_gate_moves();

    CREATE FUNCTION ledger_closings_shut() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NOT EXISTS (
            SELECT 1 FROM ledger_gate
            WHERE open_from >= (NEW.day + 1)::timestamp AT TIME ZONE 'Asia/Shanghai'
        ) THEN
            RAISE EXCEPTION 'the day is still open'
                USING ERRCODE = 'restrict_violation', CONSTRAINT = 'ledger_closings_shut_first';
        END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER ledger_closings_shut BEFORE INSERT ON ledger_closings
        FOR EACH ROW EXECUTE FUNCTION ledger_closings_shut();

    CREATE FUNCTION ledger_day_is_open() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF current_setting('transaction_isolation') <> 'read committed' THEN
            RAISE EXCEPTION 'what is dated in the past is written in a READ COMMITTED transaction'
                USING ERRCODE = 'restrict_violation', CONSTRAINT = 'ledger_gate_is_seen';
        END IF;
        -- 40001: run it again with the present time, as any collision of transactions.
        IF EXISTS (SELECT 1 FROM ledger_gate WHERE open_from > NEW.at) THEN
            RAISE EXCEPTION 'the day of % is closed', NEW.at
                USING ERRCODE = 'serialization_failure', CONSTRAINT = 'ledger_day_is_open',
                      HINT = 'run it again, dated now';
        END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER points_transfers_day_is_open BEFORE INSERT ON points_transfers
        FOR EACH ROW WHEN (NEW.at < clock_timestamp() - interval '20 minutes')
        EXECUTE FUNCTION ledger_day_is_open();
    CREATE TRIGGER points_legs_day_is_open BEFORE INSERT ON points_legs
        FOR EACH ROW WHEN (NEW.at < clock_timestamp() - interval '20 minutes')
        EXECUTE FUNCTION ledger_day_is_open();
"""


def upgrade() -> None:
    op.execute(LEGS)
    op.execute(CLOSINGS)
    op.execute(GATE)


def downgrade() -> None:
    raise RuntimeError("closings are evidence")
