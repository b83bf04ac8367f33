"""A ledger that books itself: units, stripes, and a trigger as the only way a balance changes."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

RESHAPE = """
    ALTER TABLE points_legs DROP CONSTRAINT points_legs_payer_fkey;
    ALTER TABLE points_legs DROP CONSTRAINT points_legs_payee_fkey;
    ALTER TABLE points_legs DROP CONSTRAINT points_legs_payer_leg;
    ALTER TABLE points_legs DROP CONSTRAINT points_legs_payee_leg;
    ALTER TABLE points_legs DROP CONSTRAINT points_legs_two_accounts_check;
    ALTER TABLE points_accounts DROP CONSTRAINT points_accounts_pkey;
    ALTER TABLE points_accounts DROP CONSTRAINT points_accounts_kind_check;
    ALTER TABLE points_accounts DROP CONSTRAINT points_accounts_never_negative_check;

    ALTER TABLE points_accounts
        DROP COLUMN held,
        ALTER COLUMN kind TYPE varchar(48),
        ADD COLUMN unit varchar(8) NOT NULL DEFAULT 'points',
        ADD COLUMN stripe smallint NOT NULL DEFAULT 0;
    ALTER TABLE points_accounts ALTER COLUMN unit DROP DEFAULT;
    ALTER TABLE points_accounts
        ADD PRIMARY KEY (subscriber_id, unit, expires_on, kind, stripe),
        ADD CONSTRAINT points_accounts_unit_check CHECK (unit IN ('points', 'coins')),
        ADD CONSTRAINT points_accounts_kind_check CHECK (subscriber_id = 0 OR kind IN
            ('consumption', 'promotional', 'held_consumption', 'held_promotional')),
        ADD CONSTRAINT points_accounts_stripe_check
            CHECK (stripe >= 0 AND (stripe = 0 OR subscriber_id = 0)),
        ADD CONSTRAINT points_accounts_never_negative_check
            CHECK (balance >= 0 OR (subscriber_id = 0 AND kind = 'issuing')),
        ADD CONSTRAINT points_accounts_unused_check CHECK (legs > 0 OR balance = 0),
        SET (fillfactor = 70);
    CREATE INDEX points_accounts_expires_on_subscriber_id_idx
        ON points_accounts (expires_on, subscriber_id) WHERE subscriber_id <> 0;

    ALTER TABLE points_transfers
        ALTER COLUMN request_hash TYPE bytea USING decode(request_hash, 'hex'),
        ADD COLUMN operator varchar(64),
        ADD COLUMN rule varchar(64);

    ALTER TABLE points_legs DISABLE TRIGGER points_legs_append_only;
    ALTER TABLE points_legs
        ALTER COLUMN payer_kind TYPE varchar(48),
        ALTER COLUMN payee_kind TYPE varchar(48),
        ADD COLUMN at timestamptz,
        ADD COLUMN unit varchar(8) NOT NULL DEFAULT 'points',
        ADD COLUMN payer_stripe smallint NOT NULL DEFAULT 0,
        ADD COLUMN payee_stripe smallint NOT NULL DEFAULT 0;
    UPDATE points_legs l SET at = t.at FROM points_transfers t WHERE t.serial = l.serial;
    ALTER TABLE points_legs
        ALTER COLUMN at SET NOT NULL,
        ALTER COLUMN unit DROP DEFAULT,
        ALTER COLUMN payer_stripe DROP DEFAULT,
        ALTER COLUMN payee_stripe DROP DEFAULT;
    ALTER TABLE points_legs ENABLE TRIGGER points_legs_append_only;
    ALTER TABLE points_legs
        ADD CONSTRAINT points_legs_two_accounts_check CHECK (
            (payer_id, payer_kind, payer_expires_on, payer_stripe)
            <> (payee_id, payee_kind, payee_expires_on, payee_stripe)),
        ADD CONSTRAINT points_legs_never_negative_check CHECK (
            payer_balance >= 0 OR (payer_id = 0 AND payer_kind = 'issuing')),
        ADD CONSTRAINT points_legs_payer_leg UNIQUE
            (payer_id, unit, payer_expires_on, payer_kind, payer_stripe, payer_leg),
        ADD CONSTRAINT points_legs_payee_leg UNIQUE
            (payee_id, unit, payee_expires_on, payee_kind, payee_stripe, payee_leg),
        ADD CONSTRAINT points_legs_payer_fkey FOREIGN KEY
            (payer_id, unit, payer_expires_on, payer_kind, payer_stripe) REFERENCES points_accounts,
        ADD CONSTRAINT points_legs_payee_fkey FOREIGN KEY
            (payee_id, unit, payee_expires_on, payee_kind, payee_stripe) REFERENCES points_accounts;
    CREATE INDEX points_legs_payer_id_at_idx ON points_legs (payer_id, at) WHERE payer_id <> 0;
    CREATE INDEX points_legs_payee_id_at_idx ON points_legs (payee_id, at) WHERE payee_id <> 0;
"""

# Plans are made once for a connection and kept; in a young database, whose statistics are of empty
# tables, they would read whole tables for ever: hence enable_seqscan.
# An inserted leg is the only thing that changes a balance: the database numbers it, states both
# balances after it, and updates both accounts, whoever inserts it and whatever was given.
BOOK = """
    CREATE FUNCTION points_book() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
    DECLARE
        payer_first boolean;
    BEGIN
        -- People before the house, the lower id first: opposite legs wait for each other instead
        -- of deadlocking, and a hot account of the house is held for the shortest time.
        payer_first := CASE
            WHEN NEW.payer_id = NEW.payee_id THEN
                (NEW.payer_kind, NEW.payer_expires_on) < (NEW.payee_kind, NEW.payee_expires_on)
            WHEN NEW.payee_id = 0 THEN true
            WHEN NEW.payer_id = 0 THEN false
            ELSE NEW.payer_id < NEW.payee_id
        END;
        FOR side IN 1..2 LOOP
            IF payer_first = (side = 1) THEN
                UPDATE points_accounts SET balance = balance - NEW.points, legs = legs + 1
                WHERE subscriber_id = NEW.payer_id AND unit = NEW.unit AND kind = NEW.payer_kind
                  AND expires_on = NEW.payer_expires_on AND stripe = NEW.payer_stripe
                RETURNING legs, balance INTO NEW.payer_leg, NEW.payer_balance;
                IF NOT FOUND THEN
                    RAISE EXCEPTION 'the payer has no such account'
                        USING ERRCODE = 'foreign_key_violation',
                              CONSTRAINT = 'points_legs_payer_fkey';
                END IF;
            ELSE
                UPDATE points_accounts SET balance = balance + NEW.points, legs = legs + 1
                WHERE subscriber_id = NEW.payee_id AND unit = NEW.unit AND kind = NEW.payee_kind
                  AND expires_on = NEW.payee_expires_on AND stripe = NEW.payee_stripe
                RETURNING legs, balance INTO NEW.payee_leg, NEW.payee_balance;
                IF NOT FOUND AND NEW.payee_id <> 0 THEN  -- a person's new lot
                    INSERT INTO points_accounts AS a
                        (subscriber_id, unit, kind, expires_on, stripe, balance, legs)
                    VALUES (NEW.payee_id, NEW.unit, NEW.payee_kind, NEW.payee_expires_on,
                            NEW.payee_stripe, NEW.points, 1)
                    ON CONFLICT (subscriber_id, unit, expires_on, kind, stripe)
                    DO UPDATE SET balance = a.balance + excluded.balance, legs = a.legs + 1
                    RETURNING legs, balance INTO NEW.payee_leg, NEW.payee_balance;
                END IF;
            END IF;
        END LOOP;
        RETURN NEW;
    END $$;
    CREATE TRIGGER points_legs_book BEFORE INSERT ON points_legs
        FOR EACH ROW EXECUTE FUNCTION points_book();

    CREATE FUNCTION points_accounts_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'a balance changes by a leg alone'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'points_accounts_by_legs_alone';
    END $$;
    CREATE TRIGGER points_accounts_insert BEFORE INSERT ON points_accounts
        FOR EACH ROW WHEN (pg_trigger_depth() = 0 AND (NEW.balance <> 0 OR NEW.legs <> 0))
        EXECUTE FUNCTION points_accounts_refuse();
    CREATE TRIGGER points_accounts_update BEFORE UPDATE ON points_accounts
        FOR EACH ROW WHEN (pg_trigger_depth() = 0)
        EXECUTE FUNCTION points_accounts_refuse();
    CREATE TRIGGER points_accounts_kept BEFORE DELETE OR TRUNCATE ON points_accounts
        FOR EACH STATEMENT EXECUTE FUNCTION points_accounts_refuse();
"""

# One round trip for a transfer, whatever it takes: choose the lots, claim the key, write the legs.
# The key is claimed after the points are found: a transfer that did not happen leaves it unused.
MOVE = """
    CREATE FUNCTION points_move(
        p_key text, p_request bytea, p_reason text, p_channel text, p_origin text,
        p_operator text, p_rule text, p_at timestamptz, p_today date,
        p_unit text, p_points bigint,
        p_payer bigint, p_payer_kinds text[],
        p_payee bigint, p_payee_kind text, p_payee_expires_on date,
        OUT serial bigint, OUT outcome text, OUT have bigint
    ) LANGUAGE plpgsql SET enable_seqscan = off AS $$
    DECLARE
        lot record;
        missing bigint := p_points;
        part bigint;
        parts bigint[] := '{}';
        kinds text[] := '{}';
        dates date[] := '{}';
        stripes smallint[] := '{}';
        payee_stripe smallint := 0;
        one_is_enough boolean;
        claimed bytea;
    BEGIN
        have := 0;
        IF p_payer <> p_payee AND p_payer <> 0 AND p_payee <> 0 THEN
            -- Two people: opposite transfers wait for each other here instead of deadlocking.
            PERFORM pg_advisory_xact_lock(-least(p_payer, p_payee)),
                    pg_advisory_xact_lock(-greatest(p_payer, p_payee));
        END IF;
        -- Nearly always one lot is enough: the soonest to expire, or any stripe that nobody holds.
        IF p_payer <> 0 THEN
            SELECT a.kind, a.expires_on, a.stripe, a.balance INTO lot FROM points_accounts a
            WHERE a.subscriber_id = p_payer AND a.unit = p_unit AND a.expires_on >= p_today
              AND a.kind = ANY (p_payer_kinds) AND a.balance > 0
            ORDER BY a.expires_on, a.kind LIMIT 1 FOR NO KEY UPDATE;
        ELSE
            SELECT a.kind, a.expires_on, a.stripe, a.balance INTO lot FROM points_accounts a
            WHERE a.subscriber_id = 0 AND a.unit = p_unit AND a.kind = p_payer_kinds[1]
              AND (a.kind = 'issuing' OR a.balance >= p_points)
            LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED;
        END IF;
        one_is_enough := FOUND AND (lot.kind = 'issuing' OR lot.balance >= p_points);
        IF one_is_enough THEN
            missing := 0;
        ELSE
            -- The house's empty stripes, too: while we wait for one, another may be paid into.
            FOR lot IN
                SELECT a.kind, a.expires_on, a.stripe, a.balance FROM points_accounts a
                WHERE a.subscriber_id = p_payer AND a.unit = p_unit AND a.expires_on >= p_today
                  AND a.kind = ANY (p_payer_kinds) AND (a.balance > 0 OR p_payer = 0)
                ORDER BY a.expires_on, a.kind, a.stripe FOR NO KEY UPDATE
            LOOP
                have := have + lot.balance;
                part := CASE WHEN lot.kind = 'issuing' THEN missing
                             ELSE least(lot.balance, missing) END;
                CONTINUE WHEN part <= 0;  -- emptied while we waited for it
                parts := parts || part; kinds := kinds || lot.kind::text;
                dates := dates || lot.expires_on; stripes := stripes || lot.stripe;
                missing := missing - part;
                EXIT WHEN missing = 0;
            END LOOP;
        END IF;
        IF missing = 0 THEN
            INSERT INTO points_transfers
                (key, request_hash, reason, channel, origin, operator, rule, at)
            VALUES (p_key, p_request, p_reason, p_channel, p_origin, p_operator, p_rule, p_at)
            ON CONFLICT (key) DO NOTHING RETURNING points_transfers.serial INTO serial;
        END IF;
        IF serial IS NULL THEN  -- a repeat finds less than the first one did
            SELECT t.serial, t.request_hash INTO serial, claimed
            FROM points_transfers t WHERE t.key = p_key;
            outcome := CASE WHEN serial IS NULL THEN 'short'
                            WHEN claimed = p_request THEN 'repeat' ELSE 'conflict' END;
            RETURN;
        END IF;
        IF p_payee = 0 THEN
            payee_stripe := points_stripe(p_unit, p_payee_kind);
        END IF;
        IF one_is_enough THEN
            parts := ARRAY[p_points]; kinds := ARRAY[lot.kind::text];
            dates := ARRAY[lot.expires_on]; stripes := ARRAY[lot.stripe];
        END IF;
        INSERT INTO points_legs
            (serial, leg_no, at, unit, points, payer_id, payer_kind, payer_expires_on, payer_stripe,
             payee_id, payee_kind, payee_expires_on, payee_stripe)
        SELECT serial, n, p_at, p_unit, parts[n], p_payer, kinds[n], dates[n], stripes[n], p_payee,
               CASE WHEN p_payee_kind = 'held' THEN 'held_' || kinds[n]
                    ELSE coalesce(p_payee_kind, kinds[n]) END,
               coalesce(p_payee_expires_on, dates[n]), payee_stripe
        FROM generate_subscripts(parts, 1) AS n ORDER BY n;
        outcome := 'made';
    END $$;

    -- Legs that the caller has chosen, as one transfer: [{"unit": "points", "points": 5,
    -- "payer": [1001, "consumption", "2027-12-31"], "payee": [0, "spent", "9999-12-31"]}, ...]
    CREATE FUNCTION points_post(
        p_key text, p_request bytea, p_reason text, p_channel text, p_origin text,
        p_operator text, p_rule text, p_at timestamptz, p_legs jsonb,
        OUT serial bigint, OUT outcome text
    ) LANGUAGE plpgsql AS $$
    DECLARE
        claimed bytea;
    BEGIN
        INSERT INTO points_transfers
            (key, request_hash, reason, channel, origin, operator, rule, at)
        VALUES (p_key, p_request, p_reason, p_channel, p_origin, p_operator, p_rule, p_at)
        ON CONFLICT (key) DO NOTHING RETURNING points_transfers.serial INTO serial;
        IF serial IS NULL THEN
            SELECT t.serial, t.request_hash INTO serial, claimed
            FROM points_transfers t WHERE t.key = p_key;
            outcome := CASE WHEN claimed = p_request THEN 'repeat' ELSE 'conflict' END;
            RETURN;
        END IF;
        -- Two people, as points_move holds them, the lower id first.
        PERFORM pg_advisory_xact_lock(-id) FROM (
            SELECT DISTINCT (side ->> 0)::bigint AS id
            FROM jsonb_array_elements(p_legs) AS leg,
                 LATERAL (VALUES (leg -> 'payer'), (leg -> 'payee')) AS sides (side)
            WHERE leg -> 'payer' -> 0 <> leg -> 'payee' -> 0
              AND leg -> 'payer' ->> 0 <> '0' AND leg -> 'payee' ->> 0 <> '0'
            ORDER BY id) AS people;
        PERFORM 1 FROM points_accounts a
        WHERE a.subscriber_id <> 0 AND (a.subscriber_id, a.unit, a.kind, a.expires_on) IN (
            SELECT (side ->> 0)::bigint, leg ->> 'unit', side ->> 1, (side ->> 2)::date
            FROM jsonb_array_elements(p_legs) AS leg,
                 LATERAL (VALUES (leg -> 'payer'), (leg -> 'payee')) AS sides (side))
        ORDER BY a.subscriber_id, a.expires_on, a.kind FOR NO KEY UPDATE;
        INSERT INTO points_legs
            (serial, leg_no, at, unit, points, payer_id, payer_kind, payer_expires_on, payer_stripe,
             payee_id, payee_kind, payee_expires_on, payee_stripe)
        SELECT serial, n, p_at, leg ->> 'unit', (leg ->> 'points')::bigint,
               (leg -> 'payer' ->> 0)::bigint, leg -> 'payer' ->> 1,
               (leg -> 'payer' ->> 2)::date, points_payer_stripe(leg),
               (leg -> 'payee' ->> 0)::bigint, leg -> 'payee' ->> 1,
               (leg -> 'payee' ->> 2)::date,
               CASE WHEN leg -> 'payee' ->> 3 IS NOT NULL THEN (leg -> 'payee' ->> 3)::smallint
                    WHEN leg -> 'payee' ->> 0 = '0' THEN
                        points_stripe(leg ->> 'unit', leg -> 'payee' ->> 1)
                    ELSE 0 END
        FROM jsonb_array_elements(p_legs) WITH ORDINALITY AS legs (leg, n) ORDER BY n;
        outcome := 'made';
    END $$;

    -- The stripe of a house account that pays a leg: one that has enough, rather one nobody holds.
    CREATE FUNCTION points_payer_stripe(p_leg jsonb) RETURNS smallint
    LANGUAGE plpgsql AS $$
    DECLARE
        found_stripe smallint;
    BEGIN
        IF p_leg -> 'payer' ->> 3 IS NOT NULL OR p_leg -> 'payer' ->> 0 <> '0' THEN
            RETURN coalesce((p_leg -> 'payer' ->> 3)::smallint, 0);
        END IF;
        SELECT a.stripe INTO found_stripe FROM points_accounts a
        WHERE a.subscriber_id = 0 AND a.unit = p_leg ->> 'unit' AND a.kind = p_leg -> 'payer' ->> 1
          AND (a.kind = 'issuing' OR a.balance >= (p_leg ->> 'points')::bigint)
        LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED;
        IF found_stripe IS NULL THEN
            SELECT a.stripe INTO found_stripe FROM points_accounts a
            WHERE a.subscriber_id = 0 AND a.unit = p_leg ->> 'unit'
              AND a.kind = p_leg -> 'payer' ->> 1
            ORDER BY a.balance DESC LIMIT 1;
        END IF;
        RETURN coalesce(found_stripe, 0);
    END $$;

    -- The stripe of a house account to pay into: one that nobody holds, else one to wait for.
    CREATE FUNCTION points_stripe(p_unit text, p_kind text) RETURNS smallint
    LANGUAGE plpgsql AS $$
    DECLARE
        found_stripe smallint;
    BEGIN
        SELECT a.stripe INTO found_stripe FROM points_accounts a
        WHERE a.subscriber_id = 0 AND a.unit = p_unit AND a.kind = p_kind
        LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED;
        IF found_stripe IS NULL THEN
            SELECT pg_backend_pid() % count(*) INTO found_stripe FROM points_accounts a
            WHERE a.subscriber_id = 0 AND a.unit = p_unit AND a.kind = p_kind
            HAVING count(*) > 0;
        END IF;
        RETURN coalesce(found_stripe, 0);
    END $$;
"""

STRIPES = 16  # as many transfers at once that need not wait for each other at a house account


def upgrade() -> None:
    op.execute(RESHAPE)
    op.execute(BOOK)
    op.execute(MOVE)
    for unit, kinds in (
        ("points", ("issuing", "spent", "expired", "exchange")),
        ("coins", ("issuing", "spent", "expired")),
    ):
        for kind in kinds:
            op.execute(
                "INSERT INTO points_accounts (subscriber_id, unit, kind, expires_on, stripe)"
                f" SELECT 0, '{unit}', '{kind}', '9999-12-31', n"
                f" FROM generate_series(0, {STRIPES - 1}) n ON CONFLICT DO NOTHING"
            )


def downgrade() -> None:
    raise RuntimeError(
        "the first shape has no units, stripes and reserved accounts: restore a backup instead"
    )
