"""Grace is given once: points that have had it lie in a stripe of their own and keep its day."""

from __future__ import annotations

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

# Stripe 1 of a person's lot: points on grace. A leg between lots of people keeps the day and the
# stripe, or gives the grace; only what the house pays has a day that the table cannot know.
# NOT VALID: earlier legs gave a grace of the former rule.
GRACE = """
    ALTER TABLE points_accounts
        DROP CONSTRAINT points_accounts_stripe_check,
        ADD CONSTRAINT points_accounts_stripe_check
            CHECK (stripe >= 0 AND (stripe <= 1 OR subscriber_id = 0));
    ALTER TABLE points_legs ADD CONSTRAINT points_legs_grace_once_check CHECK (
        payer_id = 0 OR payee_id = 0
        OR (payer_stripe = payee_stripe AND payer_expires_on = payee_expires_on)
        OR (payer_stripe = 0 AND payee_stripe = 1 AND payee_expires_on > payer_expires_on)
    ) NOT VALID;
    ALTER TABLE tier_marks
        ADD COLUMN stripe smallint NOT NULL DEFAULT 0,
        DROP CONSTRAINT tier_marks_pkey,
        ADD CONSTRAINT tier_marks_pkey
            PRIMARY KEY (subscriber_id, counting, kind, expires_on, stripe);
"""

# As before; a leg to an account that the house has not, and a transfer of nothing, have a name.
BOOK = """
    CREATE OR REPLACE FUNCTION points_book() RETURNS trigger LANGUAGE plpgsql
    SET enable_seqscan = off AS $$
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
                IF NOT FOUND AND NEW.payee_id = 0 THEN
                    RAISE EXCEPTION 'the house has no account %', NEW.payee_kind
                        USING ERRCODE = 'foreign_key_violation',
                              CONSTRAINT = 'points_legs_payee_fkey';
                ELSIF NOT FOUND THEN  -- a person's new lot
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

    CREATE OR REPLACE FUNCTION points_post(
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
        IF p_reason <> 'merge' AND jsonb_array_length(p_legs) = 0 THEN
            RAISE EXCEPTION 'a transfer moves something, unless it merges who has nothing'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'points_transfers_with_legs';
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
"""

# As before; whose payer is merged by now is told so, and points on grace stay on grace.
MOVE = """
    CREATE OR REPLACE FUNCTION points_move(
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
            ORDER BY a.expires_on, a.kind, a.stripe LIMIT 1 FOR NO KEY UPDATE;
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
            outcome := CASE WHEN claimed = p_request THEN 'repeat'
                            WHEN serial IS NOT NULL THEN 'conflict'
                            -- Whose points have just followed them to somebody else.
                            WHEN EXISTS (SELECT 1 FROM subscribers s
                                         WHERE s.id = p_payer AND s.merged) THEN 'merged'
                            ELSE 'short' END;
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
               coalesce(p_payee_expires_on, dates[n]),
               CASE WHEN p_payer = 0 OR p_payee = 0 THEN payee_stripe ELSE stripes[n] END
        FROM generate_subscripts(parts, 1) AS n ORDER BY n;
        outcome := 'made';
    END $$;
"""

# As before, and who was merged into somebody counts for them. (Depth one: a merge leads all who led
# to its source to its target.)
FRESH = """
    DROP FUNCTION tiers_fresh(bigint[], text, text[], text[], text[], text[]);
    CREATE FUNCTION tiers_fresh(
        p_ids bigint[], p_counting text, p_earned_from text[], p_earned_kinds text[],
        p_spent_into text[], p_except text[]
    ) RETURNS TABLE (
        subscriber_id bigint, kind varchar, expires_on date, legs integer, month date,
        earned bigint, spent bigint, stripe smallint, counts_for bigint
    ) LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan AS $$
    #variable_conflict use_column
    DECLARE
        merged_ids bigint[];
        their_ids bigint[];
    BEGIN
        SELECT array_agg(s.id), array_agg(s.merged_into) INTO merged_ids, their_ids
        FROM subscribers s WHERE s.merged_into = ANY (p_ids) AND s.merged_into IS NOT NULL;
        RETURN QUERY
        SELECT b.subscriber_id, b.kind, b.expires_on, b.legs, m.month,
               coalesce(m.earned, 0), coalesce(m.spent, 0), b.stripe,
               coalesce(their_ids[array_position(merged_ids, b.subscriber_id)], b.subscriber_id)
        FROM (
            SELECT a.subscriber_id, a.kind, a.expires_on, a.stripe, a.legs,
                   coalesce(m.legs, 0) AS counted
            FROM points_accounts a LEFT JOIN LATERAL (
                SELECT k.legs FROM tier_marks k
                WHERE k.subscriber_id = a.subscriber_id AND k.counting = p_counting
                  AND k.kind = a.kind AND k.expires_on = a.expires_on AND k.stripe = a.stripe
                LIMIT 1) m ON true
            WHERE a.subscriber_id = ANY (p_ids || merged_ids) AND a.unit = 'points'
              AND a.legs > coalesce(m.legs, 0)) b
        LEFT JOIN LATERAL (
            SELECT date_trunc('month', coalesce(o.at, l.at) AT TIME ZONE 'Asia/Shanghai')::date
                       AS month,
                   sum(CASE WHEN l.house_kind NOT LIKE ALL (p_earned_from) THEN 0
                            WHEN b.kind <> ALL (p_earned_kinds) THEN 0
                            WHEN o.serial IS NOT NULL AND (l.way = 1 OR o.reason = ANY (p_except))
                                THEN 0
                            WHEN l.way = -1 THEN -l.points
                            WHEN t.reason = ANY (p_except) THEN 0
                            ELSE l.points END)::bigint AS earned,
                   sum(CASE WHEN l.house_kind NOT LIKE ALL (p_spent_into) THEN 0
                            WHEN o.serial IS NOT NULL AND (l.way = -1 OR o.reason = ANY (p_except))
                                THEN 0
                            WHEN l.way = 1 THEN -l.points
                            WHEN t.reason = ANY (p_except) THEN 0
                            ELSE l.points END)::bigint AS spent
            FROM (
                SELECT p.serial, p.at, p.points, p.payer_kind AS house_kind, 1 AS way
                FROM points_legs p
                WHERE p.payee_id = b.subscriber_id AND p.unit = 'points' AND p.payee_kind = b.kind
                  AND p.payee_expires_on = b.expires_on AND p.payee_stripe = b.stripe
                  AND p.payee_leg > b.counted AND p.payee_leg <= b.legs AND p.payer_id + 0 = 0
                UNION ALL
                SELECT p.serial, p.at, p.points, p.payee_kind, -1
                FROM points_legs p
                WHERE p.payer_id = b.subscriber_id AND p.unit = 'points' AND p.payer_kind = b.kind
                  AND p.payer_expires_on = b.expires_on AND p.payer_stripe = b.stripe
                  AND p.payer_leg > b.counted AND p.payer_leg <= b.legs AND p.payee_id + 0 = 0) l
            JOIN points_transfers t ON t.serial = l.serial
            LEFT JOIN points_reversals r ON r.serial = l.serial
            LEFT JOIN points_refunds f ON f.serial = l.serial
            LEFT JOIN points_transfers o ON o.serial = coalesce(r.of_serial, f.of_serial)
            GROUP BY 1) m ON true;
    END $$
"""

# What lots had at a past moment. Each leg states the balance after it, and the legs of a lot are
# numbered in the order of their booking, which is that of their moments but for what differs
# between the clocks of servers and what is booked late into a day that is open: 25 hours at most.
# So the number is found by halving, and what is booked around it is looked at one by one.
PAST = """
    CREATE FUNCTION points_leg_before(
        p_id bigint, p_unit text, p_expires_on date, p_kind text, p_stripe smallint, p_legs integer,
        p_at timestamptz
    ) RETURNS integer LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan AS $$
    DECLARE
        before integer := 0;
        behind integer := p_legs + 1;
        tried integer := p_legs;
        step integer := 1;
        tried_at timestamptz;
    BEGIN
        WHILE behind - before > 1 LOOP
            SELECT l.at INTO tried_at FROM points_legs l
            WHERE l.payee_id = p_id AND l.unit = p_unit AND l.payee_expires_on = p_expires_on
              AND l.payee_kind = p_kind AND l.payee_stripe = p_stripe AND l.payee_leg = tried;
            IF NOT FOUND THEN
                SELECT l.at INTO tried_at FROM points_legs l
                WHERE l.payer_id = p_id AND l.unit = p_unit AND l.payer_expires_on = p_expires_on
                  AND l.payer_kind = p_kind AND l.payer_stripe = p_stripe AND l.payer_leg = tried;
            END IF;
            IF tried_at <= p_at THEN before := tried; ELSE behind := tried; END IF;
            -- From the newest back, further each time, until one lies before; between the two
            -- halving. Recent moments are asked for most.
            tried := CASE WHEN before = 0 THEN greatest(behind - step, 1)
                          ELSE (before + behind) / 2 END;
            step := step * 2;
        END LOOP;
        RETURN before;
    END $$;

    CREATE FUNCTION points_lots_at(p_ids bigint[], p_unit text, p_at timestamptz)
    RETURNS TABLE (kind varchar, expires_on date, balance bigint)
    LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan AS $$
    DECLARE
        apart constant interval := '25 hours';
        lot record;
        sure integer;
        most integer;
        stated bigint;
        beside bigint;
    BEGIN
        FOR lot IN
            SELECT a.subscriber_id, a.kind, a.expires_on, a.stripe, a.legs FROM points_accounts a
            WHERE a.subscriber_id = ANY (p_ids) AND a.unit = p_unit AND a.legs > 0
        LOOP
            sure := points_leg_before(lot.subscriber_id, p_unit, lot.expires_on, lot.kind,
                                      lot.stripe, lot.legs, p_at - apart);
            most := CASE WHEN sure = lot.legs THEN sure ELSE points_leg_before(
                        lot.subscriber_id, p_unit, lot.expires_on, lot.kind, lot.stripe, lot.legs,
                        p_at + apart) END;
            SELECT coalesce(sum(CASE WHEN l.payee_leg = sure THEN l.payee_balance END), 0),
                   coalesce(sum(l.points) FILTER (WHERE l.payee_leg > sure AND l.at <= p_at), 0)
            INTO stated, beside FROM points_legs l
            WHERE l.payee_id = lot.subscriber_id AND l.unit = p_unit
              AND l.payee_expires_on = lot.expires_on AND l.payee_kind = lot.kind
              AND l.payee_stripe = lot.stripe AND l.payee_leg BETWEEN sure AND most;
            SELECT stated
                   + coalesce(sum(CASE WHEN l.payer_leg = sure THEN l.payer_balance END), 0),
                   beside
                   - coalesce(sum(l.points) FILTER (WHERE l.payer_leg > sure AND l.at <= p_at), 0)
            INTO stated, beside FROM points_legs l
            WHERE l.payer_id = lot.subscriber_id AND l.unit = p_unit
              AND l.payer_expires_on = lot.expires_on AND l.payer_kind = lot.kind
              AND l.payer_stripe = lot.stripe AND l.payer_leg BETWEEN sure AND most;
            kind := lot.kind; expires_on := lot.expires_on; balance := stated + beside;
            RETURN NEXT;
        END LOOP;
    END $$;
"""


def upgrade() -> None:
    for statements in (GRACE, BOOK, MOVE, FRESH, PAST):
        op.execute(statements)


def downgrade() -> None:
    raise RuntimeError("points on grace would have none again")
