"""Who is merged has no points, and gets none: a key and a CHECK say so, whoever writes."""

from __future__ import annotations

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

# What a transfer that raced with a merge has left with somebody who is gone, goes after them now.
STRANDED = """
    WITH RECURSIVE onward (id, at) AS (
        SELECT s.id, s.merged_into FROM subscribers s WHERE s.merged_into IS NOT NULL
        UNION SELECT o.id, s.merged_into FROM onward o JOIN subscribers s ON s.id = o.at
        WHERE s.merged_into IS NOT NULL
    )
    UPDATE subscribers s SET merged_into = o.at
    FROM onward o JOIN subscribers last ON last.id = o.at
    WHERE o.id = s.id AND last.merged_into IS NULL AND s.merged_into <> o.at;

    SELECT points_post('merge-late:' || s.id, '\\x00', 'merge', 'clock', 'migration 0018',
                       NULL, NULL, now(), jsonb_agg(jsonb_build_object(
                           'unit', a.unit, 'points', a.balance,
                           'payer', jsonb_build_array(s.id, a.kind, a.expires_on, 0),
                           'payee', jsonb_build_array(s.merged_into, a.kind, a.expires_on, 0))))
    FROM subscribers s JOIN points_accounts a ON a.subscriber_id = s.id AND a.balance > 0
    WHERE s.status = 'merged' GROUP BY s.id;
"""

# An account says whether its owner is merged, as the owner's row does: the reference sees to it,
# at the merge (ON UPDATE CASCADE) as when an account is opened. What a transfer touches anyway is
# all that it looks at; and to become merged takes a lock that waits for whoever opens an account.
GUARD = """
    ALTER TABLE subscribers
        ADD COLUMN merged boolean NOT NULL GENERATED ALWAYS AS (status = 'merged') STORED,
        ADD CONSTRAINT subscribers_id_merged_key UNIQUE (id, merged);
    ALTER TABLE points_accounts ADD COLUMN merged boolean NOT NULL DEFAULT false;
    ALTER TABLE points_accounts DISABLE TRIGGER points_accounts_update;
    UPDATE points_accounts a SET merged = true
    FROM subscribers s WHERE s.id = a.subscriber_id AND s.merged;
    ALTER TABLE points_accounts ENABLE TRIGGER points_accounts_update;
    ALTER TABLE points_accounts
        DROP CONSTRAINT points_accounts_subscriber_id_fkey,
        ADD CONSTRAINT points_accounts_subscriber_id_merged_fkey
            FOREIGN KEY (subscriber_id, merged) REFERENCES subscribers (id, merged)
            ON UPDATE CASCADE,
        ADD CONSTRAINT points_accounts_merged_has_nothing_check
            CHECK (NOT merged OR balance = 0);
"""


def upgrade() -> None:
    for statements in (STRANDED, GUARD):
        op.execute(statements)


def downgrade() -> None:
    raise RuntimeError("what followed its owner is not given back")
