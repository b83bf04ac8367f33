"""The statements that find what breaks a rule of the ledger; a column that is true says which."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

MILESTONE = 1_000_000  # rows between two signs of life
# Transfers of these reasons may have moved nothing: somebody without points was merged.
MAY_BE_EMPTY = ["merge"]


@dataclass(frozen=True, slots=True)
class Pass:
    """A statement, and the rules it judges: name of its column -> the rule in words."""

    name: str
    rules: dict[str, str]
    statement: str
    values: dict[str, Any] = field(default_factory=dict)
    details: str | None = None  # more about the first row, by its values


# What must be there for the rules to hold between two verifications.
TRIGGERS = [
    "points_accounts.points_accounts_insert", "points_accounts.points_accounts_update",
    "points_accounts.points_accounts_kept", "points_legs.points_legs_book",
    "points_legs.points_legs_append_only", "points_legs.points_legs_day_is_open",
    "points_transfers.points_transfers_append_only",
    "points_transfers.points_transfers_day_is_open", "points_holds.points_holds_check",
    "points_holds.points_holds_kept", "ledger_gate.ledger_gate_forward",
    "ledger_gate.ledger_gate_kept", "ledger_closings.ledger_closings_append_only",
    "ledger_closings.ledger_closings_shut", "points_holds.points_holds_check",
    "points_holds.points_holds_kept", "points_refunds.points_refunds_check",
    "points_refunds.points_refunds_append_only", "points_reversals.points_reversals_check",
    "points_reversals.points_reversals_kept",
]  # fmt: skip
CONSTRAINTS = [
    "points_accounts_pkey", "points_accounts_kind_check", "points_accounts_unit_check",
    "points_accounts_stripe_check", "points_accounts_never_negative_check",
    "points_accounts_unused_check", "points_accounts_merged_has_nothing_check",
    "points_accounts_subscriber_id_merged_fkey", "subscribers_id_merged_key",
    "points_transfers_pkey", "points_transfers_key_key",
    "points_transfers_serial_at_key", "points_legs_pkey", "points_legs_serial_at_fkey",
    "points_legs_payer_fkey", "points_legs_payee_fkey", "points_legs_payer_leg",
    "points_legs_payee_leg", "points_legs_positive_check", "points_legs_two_accounts_check",
    "points_legs_never_negative_check", "points_legs_grace_once_check", "ledger_closings_pkey",
    "ledger_closings_previous_day_key", "ledger_closings_previous_day_previous_hash_fkey",
    "ledger_closings_next_day_check", "points_holds_pkey", "points_holds_captured_check",
    "points_refunds_pkey", "points_refunds_total_check", "points_refunds_chain_check",
    "points_refunds_of_serial_previous_taken_total_before_fkey",
    "points_reversals_another_decides_check",
]  # fmt: skip

_GUARDS = """
    SELECT name AS guard, true AS guards FROM (
        SELECT unnest(%(triggers)s::text[]) EXCEPT
        SELECT tgrelid::regclass || '.' || tgname FROM pg_trigger WHERE tgenabled IN ('O', 'A')
        UNION
        (SELECT unnest(%(constraints)s::text[]) EXCEPT
         SELECT conname FROM pg_constraint
         -- Legs from before migration 0019 may have given a grace twice.
         WHERE (convalidated OR conname = 'points_legs_grace_once_check')
           AND connamespace = current_schema()::regnamespace)
        UNION
        SELECT DISTINCT tgrelid::regclass || ' has a trigger of its constraints switched off'
        FROM pg_trigger WHERE tgisinternal AND tgenabled = 'D'
    ) AS missing (name) ORDER BY name
"""

_ZERO = """
    SELECT unit, sum(balance)::bigint AS sum, true AS zero_sum
    FROM points_accounts GROUP BY unit HAVING sum(balance) <> 0 ORDER BY unit
"""

# An account of an owner as one number, which sorts in a third of the time of its four columns. If
# two accounts ever had the same, their legs would seem to be numbered twice: a false alarm, and
# never a fault that is overlooked.
_CODE = """hashtextextended(
                   {kind}, ({expires_on} - date '2000-01-01') * 131072::bigint + {stripe} * 4
                   + CASE unit WHEN 'points' THEN 0 WHEN 'coins' THEN 1 ELSE 2 END)"""


def _code(side: str = "") -> str:
    return _CODE.format(kind=f"{side}kind", expires_on=f"{side}expires_on", stripe=f"{side}stripe")


# Both sides of every leg, and the account itself as what must come after its last leg, in the
# order of each account's numbers: each row is compared with the one before. So one sort proves
# numbers, statements and sums alike.
_ACCOUNTS = f"""
    WITH sides AS (
        SELECT payer_id AS subscriber_id, {_code("payer_")} AS code, payer_leg * 2::bigint AS place,
               payer_balance AS balance, -points AS moved, serial, leg_no, true AS pays,
               payer_kind = 'issuing' AS issuing
        FROM points_legs
        UNION ALL
        SELECT payee_id, {_code("payee_")}, payee_leg * 2::bigint,
               payee_balance, points, serial, leg_no, false, payee_kind = 'issuing'
        FROM points_legs
        UNION ALL
        SELECT subscriber_id, {_code()}, (legs + 1) * 2::bigint + 1,
               balance, 0, NULL, NULL, NULL, kind = 'issuing'
        FROM points_accounts
    ), chained AS (
        SELECT *,
               coalesce(lag(place) OVER account, 0) / 2 AS number_before,
               coalesce(lag(balance) OVER account, 0) AS balance_before,
               sum(moved) OVER account AS sum_of_legs,
               lead(place) OVER account IS NULL AS is_last,
               row_number() OVER () AS milestone
        FROM sides
        WINDOW account AS (
            PARTITION BY subscriber_id, code ORDER BY place ROWS UNBOUNDED PRECEDING)
    ), judged AS (
        SELECT *,
               place / 2 <> number_before + 1 AS numbers,
               serial IS NOT NULL AND balance <> balance_before + moved AS continued,
               serial IS NULL AND balance <> balance_before AS last_leg,
               serial IS NULL AND balance <> sum_of_legs AS sum,
               balance < 0 AND NOT (subscriber_id = 0 AND issuing) AS never_negative,
               serial IS NOT NULL AND is_last AS account
        FROM chained
    )
    SELECT subscriber_id, code, serial, leg_no, pays, place / 2 AS number, number_before,
           moved, balance, balance_before, sum_of_legs::bigint AS sum_of_legs, milestone,
           numbers, continued, last_leg, sum, never_negative, account
    FROM judged
    WHERE numbers OR continued OR last_leg OR sum OR never_negative OR account
       OR milestone %% %(milestone)s = 0
"""

# Which account that was.
_ACCOUNT = f"""
    SELECT unit, payer_kind AS kind, payer_expires_on AS expires_on, payer_stripe AS stripe
    FROM points_legs
    WHERE serial = %(serial)s::bigint AND leg_no = %(leg_no)s::int AND %(pays)s::boolean
    UNION ALL
    SELECT unit, payee_kind, payee_expires_on, payee_stripe FROM points_legs
    WHERE serial = %(serial)s::bigint AND leg_no = %(leg_no)s::int AND NOT %(pays)s::boolean
    UNION ALL
    SELECT unit, kind, expires_on, stripe FROM points_accounts
    WHERE %(serial)s::bigint IS NULL
      AND subscriber_id = %(subscriber_id)s AND {_code()} = %(code)s
    LIMIT 1
"""

_LEGS = """
    SELECT * FROM (
        SELECT l.serial, l.leg_no, l.leg_before, l.unit, l.points, l.at, t.at AS transfer_at,
               row_number() OVER () AS milestone,
               t.serial IS NULL AS transfer,
               t.at <> l.at AS same_at,
               l.leg_no <> l.leg_before + 1 AS leg_numbers,
               l.points <= 0 OR l.unit NOT IN ('points', 'coins') AS positive,
               (l.payer_id, l.payer_kind, l.payer_expires_on, l.payer_stripe)
               = (l.payee_id, l.payee_kind, l.payee_expires_on, l.payee_stripe) AS two_accounts,
               -- Nothing lapses before its last day in China is over.
               l.payee_id = 0 AND l.payee_kind = 'expired' AND l.payer_id <> 0
               AND l.payer_expires_on >= (l.at AT TIME ZONE 'Asia/Shanghai')::date AS expired,
               l.payer_expires_on AS lot_expires_on
        FROM (
            SELECT *, coalesce(lag(leg_no) OVER (PARTITION BY serial ORDER BY leg_no), 0)
                      AS leg_before
            FROM points_legs
        ) AS l LEFT JOIN points_transfers t ON t.serial = l.serial
    ) AS judged
    WHERE transfer OR same_at OR leg_numbers OR positive OR two_accounts OR expired
       OR milestone %% %(milestone)s = 0
"""

_TRANSFERS = """
    SELECT t.serial, t.key, t.reason, t.at, true AS empty FROM points_transfers t
    WHERE t.reason <> ALL (%(may_be_empty)s::text[])
      AND NOT EXISTS (SELECT 1 FROM points_legs l WHERE l.serial = t.serial)
    ORDER BY t.serial
"""

_KEYS = """
    SELECT key, count(*) AS times, min(serial) AS serial, true AS keys
    FROM points_transfers GROUP BY key HAVING count(*) > 1 ORDER BY min(serial)
"""

_SERIALS = """
    SELECT serial, count(*) AS times, true AS serials
    FROM points_transfers GROUP BY serial HAVING count(*) > 1 ORDER BY serial
"""

# Lot by lot; what somebody reserved who was taken over since lies with who took over.
_HELD = """
    SELECT subscriber_id, unit, kind, expires_on, stripe,
           coalesce(a.balance, 0)::bigint AS held_account,
           coalesce(h.points, 0)::bigint AS open_holds, true AS held
    FROM (
        SELECT subscriber_id, unit, kind, expires_on, stripe, balance FROM points_accounts
        WHERE kind LIKE 'held%%' AND subscriber_id <> 0 AND balance <> 0
    ) AS a FULL JOIN (
        SELECT coalesce(s.merged_into, s.id) AS subscriber_id, h.unit, l.payee_kind AS kind,
               l.payee_expires_on AS expires_on, l.payee_stripe AS stripe,
               sum(l.points) AS points
        FROM points_holds h
        JOIN subscribers s ON s.id = h.subscriber_id JOIN points_legs l ON l.serial = h.serial
        WHERE h.state = 'held' GROUP BY 1, 2, 3, 4, 5
    ) AS h USING (subscriber_id, unit, kind, expires_on, stripe)
    WHERE coalesce(a.balance, 0) <> coalesce(h.points, 0)
    ORDER BY subscriber_id, unit, expires_on, kind, stripe
"""

_MERGED = """
    SELECT s.id AS subscriber_id, s.merged_into, coalesce(sum(a.balance), 0)::bigint AS points,
           true AS merged
    FROM subscribers s JOIN subscribers t ON t.id = s.merged_into
    LEFT JOIN points_accounts a ON a.subscriber_id = s.id AND a.balance <> 0
    WHERE s.status = 'merged' GROUP BY s.id, s.merged_into, t.status
    HAVING count(a.balance) > 0 OR t.status = 'merged' ORDER BY s.id
"""

_EVERY = {"milestone": MILESTONE}

PASSES = [
    Pass(
        "guards",
        {"guards": "every trigger and constraint that guards the ledger is there and on"},
        _GUARDS,
        {"triggers": TRIGGERS, "constraints": CONSTRAINTS},
    ),
    Pass("sums", {"zero_sum": "all accounts of a unit together have nothing"}, _ZERO),
    Pass(
        "accounts",
        {
            "numbers": "legs of an account are numbered 1..n, over both sides, and counted",
            "continued": "each leg states the balance before it and what it moved",
            "last_leg": "an account has what its last leg states",
            "sum": "an account has the sum of its legs",
            "never_negative": "no account but issuing is below nothing",
            "account": "every leg's accounts exist",
        },
        _ACCOUNTS,
        _EVERY,
        details=_ACCOUNT,
    ),
    Pass(
        "legs",
        {
            "transfer": "every leg has its transfer",
            "same_at": "a leg has its transfer's moment",
            "leg_numbers": "legs of a transfer are numbered 1..n",
            "positive": "a leg moves at least one point, in a unit that exists",
            "two_accounts": "a leg has two accounts",
            "expired": "nothing expires before its last day is over",
        },
        _LEGS,
        _EVERY,
    ),
    Pass(
        "transfers",
        {"empty": "every transfer has legs, unless its reason may be empty"},
        _TRANSFERS,
        {"may_be_empty": MAY_BE_EMPTY},
    ),
    Pass("keys", {"keys": "a key has one transfer"}, _KEYS),
    Pass("serials", {"serials": "a serial number has one transfer"}, _SERIALS),
    Pass(
        "people",
        {"merged": "who is merged has no points, and leads to somebody who is not merged"},
        _MERGED,
    ),
    Pass("holds", {"held": "what is held is what open holds reserve"}, _HELD),
]
