"""Holds, refunds, gifts by the day, and reversals that two people make."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

HOLDS = """
    CREATE TABLE points_holds (
        subscriber_id bigint NOT NULL,
        serial bigint NOT NULL,
        unit varchar(8) NOT NULL,
        points bigint NOT NULL,
        reason varchar(40) NOT NULL,
        state varchar(16) NOT NULL DEFAULT 'held',
        held_at timestamptz NOT NULL,
        expires_at timestamptz NOT NULL,
        captured bigint NOT NULL DEFAULT 0,
        ended_at timestamptz,
        ended_by varchar(64),
        ended_why varchar(40),
        end_serial bigint,
        CONSTRAINT points_holds_pkey PRIMARY KEY (subscriber_id, serial),
        CONSTRAINT points_holds_subscriber_id_end_serial_key UNIQUE (subscriber_id, end_serial),
        CONSTRAINT points_holds_subscriber_id_fkey
            FOREIGN KEY (subscriber_id) REFERENCES subscribers (id),
        CONSTRAINT points_holds_state_check
            CHECK (state IN ('held', 'captured', 'released', 'expired')),
        CONSTRAINT points_holds_positive_check CHECK (points > 0),
        CONSTRAINT points_holds_captured_check CHECK (captured >= 0 AND captured <= points),
        CONSTRAINT points_holds_captured_state_check
            CHECK ((state = 'captured') = (captured > 0)),
        CONSTRAINT points_holds_limit_check CHECK (expires_at > held_at),
        CONSTRAINT points_holds_ended_check CHECK (
            (state = 'held') = (ended_at IS NULL) AND (state = 'held') = (ended_by IS NULL)
            AND (state = 'held') = (ended_why IS NULL) AND (state = 'held') = (end_serial IS NULL))
    );
    CREATE INDEX points_holds_expires_at_idx ON points_holds (expires_at) WHERE state = 'held';

    -- The second lock: a hold says what the legs say, ends once, and is never removed.
    CREATE FUNCTION points_holds_check() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        booked bigint;
        onward bigint;
    BEGIN
        IF TG_OP = 'UPDATE' AND (OLD.state <> 'held' OR
            (NEW.subscriber_id, NEW.serial, NEW.unit, NEW.points, NEW.reason, NEW.held_at,
             NEW.expires_at) IS DISTINCT FROM
            (OLD.subscriber_id, OLD.serial, OLD.unit, OLD.points, OLD.reason, OLD.held_at,
             OLD.expires_at))
        THEN
            RAISE EXCEPTION 'a hold ends once, and nothing else of it changes'
                USING ERRCODE = 'restrict_violation', CONSTRAINT = 'points_holds_ends_once';
        END IF;
        IF NEW.state = 'held' THEN
            SELECT sum(l.points) INTO booked FROM points_legs l
            WHERE l.serial = NEW.serial AND l.unit = NEW.unit AND l.payer_id = NEW.subscriber_id
              AND l.payee_id = NEW.subscriber_id AND l.payee_kind = 'held_' || l.payer_kind;
            onward := 0;
        ELSE
            SELECT sum(l.points), coalesce(sum(l.points) FILTER (WHERE l.payee_id = 0), 0)
            INTO booked, onward FROM points_legs l
            WHERE l.serial = NEW.end_serial AND l.unit = NEW.unit AND l.payer_kind LIKE 'held%';
        END IF;
        IF (booked, onward) IS DISTINCT FROM (NEW.points, NEW.captured) THEN
            RAISE EXCEPTION 'the legs say something else'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'points_holds_as_booked';
        END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER points_holds_check BEFORE INSERT OR UPDATE ON points_holds
        FOR EACH ROW EXECUTE FUNCTION points_holds_check();
    CREATE TRIGGER points_holds_kept BEFORE DELETE OR TRUNCATE ON points_holds
        FOR EACH STATEMENT EXECUTE FUNCTION forbid_change();
"""

REFUNDS = """
    CREATE TABLE points_refunds (
        of_serial bigint NOT NULL,
        number integer NOT NULL,
        serial bigint NOT NULL,
        taken bigint NOT NULL,
        points bigint NOT NULL,
        total bigint NOT NULL,
        previous integer,
        total_before bigint NOT NULL,
        CONSTRAINT points_refunds_pkey PRIMARY KEY (of_serial, number),
        CONSTRAINT points_refunds_serial_key UNIQUE (serial),
        CONSTRAINT points_refunds_of_serial_number_taken_total_key
            UNIQUE (of_serial, number, taken, total),
        CONSTRAINT points_refunds_of_serial_fkey
            FOREIGN KEY (of_serial) REFERENCES points_transfers (serial),
        CONSTRAINT points_refunds_serial_fkey
            FOREIGN KEY (serial) REFERENCES points_transfers (serial),
        CONSTRAINT points_refunds_of_serial_previous_taken_total_before_fkey
            FOREIGN KEY (of_serial, previous, taken, total_before)
            REFERENCES points_refunds (of_serial, number, taken, total),
        CONSTRAINT points_refunds_positive_check CHECK (points > 0),
        CONSTRAINT points_refunds_total_check
            CHECK (total = total_before + points AND total <= taken),
        CONSTRAINT points_refunds_chain_check CHECK (
            number >= 1 AND (number = 1) = (previous IS NULL)
            AND (previous IS NULL OR previous = number - 1)
            AND (number = 1) = (total_before = 0)),
        CONSTRAINT points_refunds_later_check CHECK (serial > of_serial)
    );

    -- The second lock: what was taken and what came back is what the legs say.
    CREATE FUNCTION points_refunds_check() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        taken bigint;
        back bigint;
    BEGIN
        SELECT sum(l.points) INTO taken FROM points_legs l
        WHERE l.serial = NEW.of_serial AND l.payer_id <> 0 AND l.payee_id = 0;
        SELECT sum(l.points) INTO back FROM points_legs l
        WHERE l.serial = NEW.serial AND l.payer_id = 0 AND l.payee_id <> 0;
        IF (taken, back) IS DISTINCT FROM (NEW.taken, NEW.points) THEN
            RAISE EXCEPTION 'the legs say something else'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'points_refunds_as_booked';
        END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER points_refunds_check BEFORE INSERT ON points_refunds
        FOR EACH ROW EXECUTE FUNCTION points_refunds_check();
    CREATE TRIGGER points_refunds_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON points_refunds
        FOR EACH STATEMENT EXECUTE FUNCTION forbid_change();
"""

GIFT_DAYS = """
    CREATE TABLE points_gift_days (
        subscriber_id bigint NOT NULL,
        day date NOT NULL,
        gifts integer NOT NULL,
        points bigint NOT NULL,
        most_gifts integer NOT NULL,
        most_points bigint NOT NULL,
        CONSTRAINT points_gift_days_pkey PRIMARY KEY (subscriber_id, day),
        CONSTRAINT points_gift_days_subscriber_id_fkey
            FOREIGN KEY (subscriber_id) REFERENCES subscribers (id),
        CONSTRAINT points_gift_days_gifts_check CHECK (gifts >= 0 AND gifts <= most_gifts),
        CONSTRAINT points_gift_days_points_check CHECK (points >= gifts AND points <= most_points)
    );
"""

REVERSALS = """
    CREATE TABLE points_reversals (
        id bigint GENERATED BY DEFAULT AS IDENTITY,
        of_serial bigint NOT NULL,
        state varchar(16) NOT NULL DEFAULT 'proposed',
        partial boolean NOT NULL,
        reason text NOT NULL,
        proposed_by varchar(64) NOT NULL,
        proposed_at timestamptz NOT NULL,
        decided_by varchar(64),
        decided_at timestamptz,
        rejected_because text,
        serial bigint,
        points bigint,
        CONSTRAINT points_reversals_pkey PRIMARY KEY (id),
        CONSTRAINT points_reversals_serial_key UNIQUE (serial),
        CONSTRAINT points_reversals_of_serial_fkey
            FOREIGN KEY (of_serial) REFERENCES points_transfers (serial),
        CONSTRAINT points_reversals_serial_fkey
            FOREIGN KEY (serial) REFERENCES points_transfers (serial),
        CONSTRAINT points_reversals_state_check
            CHECK (state IN ('proposed', 'approved', 'rejected')),
        CONSTRAINT points_reversals_said_check
            CHECK (btrim(reason) <> '' AND btrim(proposed_by) <> ''),
        CONSTRAINT points_reversals_another_decides_check CHECK (
            lower(btrim(decided_by)) <> lower(btrim(proposed_by)) AND btrim(decided_by) <> ''),
        CONSTRAINT points_reversals_decided_check CHECK (
            (state = 'proposed') = (decided_by IS NULL)
            AND (state = 'proposed') = (decided_at IS NULL)),
        CONSTRAINT points_reversals_approved_check CHECK (
            (state = 'approved') = (serial IS NOT NULL)
            AND (state = 'approved') = (points IS NOT NULL)
            AND points > 0 AND serial > of_serial),
        CONSTRAINT points_reversals_rejected_check CHECK (
            (state = 'rejected') = (rejected_because IS NOT NULL)
            AND btrim(rejected_because) <> '')
    );
    CREATE UNIQUE INDEX points_reversals_of_serial_idx
        ON points_reversals (of_serial) WHERE state <> 'rejected';

    -- The second lock: a proposal begins undecided, is decided once, and is never removed.
    CREATE FUNCTION points_reversals_check() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'INSERT' AND NEW.state <> 'proposed' OR TG_OP = 'UPDATE' AND (
            OLD.state <> 'proposed' OR
            (NEW.id, NEW.of_serial, NEW.partial, NEW.reason, NEW.proposed_by, NEW.proposed_at)
            IS DISTINCT FROM
            (OLD.id, OLD.of_serial, OLD.partial, OLD.reason, OLD.proposed_by, OLD.proposed_at))
        THEN
            RAISE EXCEPTION 'a reversal is proposed, then decided once'
                USING ERRCODE = 'restrict_violation', CONSTRAINT = 'points_reversals_decided_once';
        END IF;
        IF NEW.state = 'approved' AND NEW.points IS DISTINCT FROM
            (SELECT sum(l.points) FROM points_legs l JOIN points_transfers t USING (serial)
             WHERE l.serial = NEW.serial AND t.key = 'reverse:' || NEW.id)
        THEN
            RAISE EXCEPTION 'the legs say something else'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'points_reversals_as_booked';
        END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER points_reversals_check BEFORE INSERT OR UPDATE ON points_reversals
        FOR EACH ROW EXECUTE FUNCTION points_reversals_check();
    CREATE TRIGGER points_reversals_kept BEFORE DELETE OR TRUNCATE ON points_reversals
        FOR EACH STATEMENT EXECUTE FUNCTION forbid_change();
"""


def upgrade() -> None:
    for statements in (HOLDS, REFUNDS, GIFT_DAYS, REVERSALS):
        op.execute(statements)


def downgrade() -> None:
    raise RuntimeError("holds, refunds and reversals are evidence, and are kept")
