"""Earning rules: their versions, budgets, caps, and what they gave for which event."""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

TABLES = """
    CREATE TABLE earning_rules (
        code varchar(40) NOT NULL,
        version integer NOT NULL,
        definition jsonb NOT NULL,
        state varchar(8) NOT NULL,
        published_at timestamptz NOT NULL,
        by varchar(60) NOT NULL,
        note text NOT NULL,
        CONSTRAINT earning_rules_pkey PRIMARY KEY (code, version),
        CONSTRAINT earning_rules_state_check CHECK (state IN ('live', 'stopped')),
        CONSTRAINT earning_rules_version_check CHECK (version > 0),
        CONSTRAINT earning_rules_definition_check CHECK (definition ->> 'code' = code)
    );
    CREATE TABLE earning_campaigns (
        code varchar(40) NOT NULL,
        funded bigint NOT NULL,
        changes integer NOT NULL,
        CONSTRAINT earning_campaigns_pkey PRIMARY KEY (code),
        CONSTRAINT earning_campaigns_funded_check CHECK (funded >= 0)
    );
    CREATE TABLE earning_counters (
        subscriber_id bigint NOT NULL,
        campaign varchar(40) NOT NULL,
        day date NOT NULL,
        used bigint NOT NULL,
        at_most bigint NOT NULL,
        CONSTRAINT earning_counters_pkey PRIMARY KEY (subscriber_id, campaign, day),
        CONSTRAINT earning_counters_subscriber_id_fkey
            FOREIGN KEY (subscriber_id) REFERENCES subscribers (id),
        CONSTRAINT earning_counters_used_check CHECK (used >= 0 AND used <= at_most)
    ) WITH (fillfactor = 80);
    CREATE INDEX earning_counters_day_idx ON earning_counters (day);
    CREATE TABLE earning_postings (
        subscriber_id bigint NOT NULL,
        serial bigint NOT NULL,
        event_id varchar(80) NOT NULL,
        rule varchar(40) NOT NULL,
        version integer NOT NULL,
        points bigint NOT NULL,
        steps jsonb NOT NULL,
        at timestamptz NOT NULL,
        CONSTRAINT earning_postings_pkey PRIMARY KEY (subscriber_id, serial),
        CONSTRAINT earning_postings_subscriber_id_fkey
            FOREIGN KEY (subscriber_id) REFERENCES subscribers (id),
        CONSTRAINT earning_postings_rule_version_fkey
            FOREIGN KEY (rule, version) REFERENCES earning_rules (code, version),
        CONSTRAINT earning_postings_points_check CHECK (points > 0)
    );
    CREATE TABLE earning_misses (
        day date NOT NULL,
        rule varchar(40) NOT NULL,
        reason varchar(40) NOT NULL,
        stripe smallint NOT NULL,
        events bigint NOT NULL,
        last_event varchar(80) NOT NULL,
        CONSTRAINT earning_misses_pkey PRIMARY KEY (day, rule, reason, stripe),
        CONSTRAINT earning_misses_events_check CHECK (events > 0)
    ) WITH (fillfactor = 50);
    CREATE TRIGGER earning_rules_append_only
        BEFORE UPDATE OR DELETE OR TRUNCATE ON earning_rules
        FOR EACH STATEMENT EXECUTE FUNCTION forbid_change();
    CREATE TRIGGER earning_postings_append_only
        BEFORE UPDATE OR DELETE OR TRUNCATE ON earning_postings
        FOR EACH STATEMENT EXECUTE FUNCTION forbid_change();
"""

# Many credits in one statement, each a transfer under a key of its own (models/points/credits.py).
# Locks in the order of points_move: the house's stripes first, then the people, the lower id first.
CREDIT = """
    CREATE FUNCTION points_credit(
        p_at timestamptz, p_reason text, p_channel text, p_unit text,
        p_keys text[], p_requests bytea[], p_origins text[], p_rules text[], p_sources text[],
        p_owners bigint[], p_kinds text[], p_expires date[], p_points bigint[]
    ) RETURNS TABLE (n bigint, serial bigint, given bigint) LANGUAGE plpgsql AS $$
    DECLARE
        asked record;
        lot record;
        issuing smallint[] := '{}';
        slice_source text[] := '{}';
        slice_stripe smallint[] := '{}';
        slice_from bigint[] := '{}';
        slice_to bigint[] := '{}';
        filled bigint;
        serials bigint[];
    BEGIN
        FOR asked IN
            SELECT u.source, sum(u.points) AS points
            FROM unnest(p_sources, p_points) AS u (source, points)
            GROUP BY u.source ORDER BY u.source = 'issuing', u.source
        LOOP
            IF asked.source = 'issuing' THEN
                -- A few stripes that nobody holds: many changes of one row in one transaction
                -- make it slow to find, and whoever else issues finds others free.
                SELECT array_agg(free.stripe) INTO issuing FROM (
                    SELECT a.stripe FROM points_accounts a
                    WHERE a.subscriber_id = 0 AND a.unit = p_unit AND a.kind = 'issuing'
                      AND a.expires_on = '9999-12-31'
                    LIMIT 4 FOR NO KEY UPDATE SKIP LOCKED) free;
                IF issuing IS NULL THEN
                    SELECT array_agg(held.stripe) INTO issuing FROM (
                        SELECT a.stripe FROM points_accounts a
                        WHERE a.subscriber_id = 0 AND a.unit = p_unit AND a.kind = 'issuing'
                          AND a.expires_on = '9999-12-31'
                        ORDER BY a.stripe LIMIT 1 FOR NO KEY UPDATE) held;
                END IF;
                CONTINUE;
            END IF;
            filled := 0;
            FOR lot IN
                SELECT a.stripe, a.balance FROM points_accounts a
                WHERE a.subscriber_id = 0 AND a.unit = p_unit AND a.kind = asked.source
                  AND a.expires_on = '9999-12-31'
                  AND a.balance >= asked.points
                LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED
            LOOP
                filled := filled + lot.balance;
                slice_source := slice_source || asked.source;
                slice_stripe := slice_stripe || lot.stripe;
                slice_from := slice_from || 0::bigint;
                slice_to := slice_to || lot.balance;
            END LOOP;
            CONTINUE WHEN filled > 0;
            -- No single stripe is free and has enough: all of them, to give what is left exactly.
            FOR lot IN
                SELECT a.stripe, a.balance FROM points_accounts a
                WHERE a.subscriber_id = 0 AND a.unit = p_unit AND a.kind = asked.source
                  AND a.expires_on = '9999-12-31'
                ORDER BY a.stripe FOR NO KEY UPDATE
            LOOP
                CONTINUE WHEN lot.balance = 0;
                slice_source := slice_source || asked.source;
                slice_stripe := slice_stripe || lot.stripe;
                slice_from := slice_from || filled;
                filled := filled + lot.balance;
                slice_to := slice_to || filled;
            END LOOP;
        END LOOP;
        -- Numbered beforehand, so that nothing has to be looked up again by its key. The numbers of
        -- those that get nothing are not used.
        serials := ARRAY(SELECT nextval(pg_get_serial_sequence('points_transfers', 'serial'))
                         FROM generate_series(1, cardinality(p_keys)));
        RETURN QUERY
        WITH wanted AS (
            SELECT w.*, sum(w.points) OVER (PARTITION BY w.source ORDER BY w.n) AS upto
            FROM unnest(serials, p_keys, p_requests, p_origins, p_rules, p_sources, p_owners,
                        p_kinds, p_expires, p_points) WITH ORDINALITY AS w
                (serial, key, request, origin, rule, source, owner, kind, expires_on, points, n)
        ), parts AS MATERIALIZED (
            SELECT w.*, s.stripe, row_number() OVER (PARTITION BY w.n ORDER BY s.stripe) AS part_no,
                   (least(w.upto, s.upto) - greatest(w.upto - w.points, s.start))::bigint AS part
            FROM wanted w
            JOIN unnest(slice_source, slice_stripe, slice_from, slice_to)
                AS s (source, stripe, start, upto) ON s.source = w.source
            WHERE least(w.upto, s.upto) > greatest(w.upto - w.points, s.start)
            UNION ALL
            SELECT w.*, issuing[1 + w.n % cardinality(issuing)], 1, w.points
            FROM wanted w WHERE w.source = 'issuing'
        ), claimed AS (
            INSERT INTO points_transfers
                (serial, key, request_hash, reason, channel, origin, operator, rule, at)
            SELECT p.serial, p.key, p.request, p_reason, p_channel, p.origin, NULL, p.rule, p_at
            FROM parts p WHERE p.part_no = 1 ORDER BY p.n
        ), booked AS (
            INSERT INTO points_legs
                (serial, leg_no, at, unit, points, payer_id, payer_kind, payer_expires_on,
                 payer_stripe, payee_id, payee_kind, payee_expires_on, payee_stripe)
            SELECT p.serial, p.part_no, p_at, p_unit, p.part, 0, p.source, '9999-12-31', p.stripe,
                   p.owner, p.kind, p.expires_on, 0
            FROM parts p ORDER BY p.owner, p.expires_on, p.kind, p.n, p.stripe
        )
        SELECT p.n, p.serial, sum(p.part)::bigint FROM parts p GROUP BY p.n, p.serial;
    EXCEPTION WHEN unique_violation THEN
        RAISE EXCEPTION 'a key was used at the same instant'
            USING ERRCODE = 'serialization_failure';
    END $$;
"""


def upgrade() -> None:
    op.execute(TABLES)
    op.execute(CREDIT)


def downgrade() -> None:
    op.execute("DROP FUNCTION points_credit")
    for table in ("misses", "postings", "counters", "campaigns", "rules"):
        op.execute(f"DROP TABLE earning_{table}")
