"""What is true whatever people do: each truth is a query that finds what breaks it.

CHEAP   after every message
DEAR    now and then, and at the end
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from models.base import Tx
from models.draws import auditing
from models.draws.seeds import Seeds
from models.points import verify
from models.store import Store
from sms.segments import count

CHEAP: Mapping[str, str] = {
    "the sum of all accounts of a unit is zero": (
        "SELECT unit || ' ' || sum(balance) FROM points_accounts"
        " GROUP BY unit HAVING sum(balance) <> 0"
    ),
    "nobody has less than nothing": (
        "SELECT subscriber_id || ' ' || kind || ' ' || balance FROM points_accounts"
        " WHERE subscriber_id <> 0 AND balance < 0"
    ),
    "one question is open": (
        "SELECT subscriber_id || ' has ' || count(*) FROM conversations WHERE state = 'asking'"
        " GROUP BY subscriber_id HAVING count(*) > 1"
    ),
    "whoever was merged or deleted has no points": (
        "SELECT a.subscriber_id || ' ' || a.balance FROM points_accounts a"
        " JOIN subscribers s ON s.id = a.subscriber_id"
        " WHERE s.status IN ('merged', 'deleted') AND a.balance <> 0"
    ),
}
DEAR: Mapping[str, str] = {
    "who is in a club that costs has agreed to it": (
        "SELECT m.subscriber_id || ' ' || m.club_code FROM memberships m"
        " WHERE m.state = 'active' AND NOT EXISTS (SELECT FROM consents c"
        " WHERE c.subscriber_id = m.subscriber_id AND c.subject = 'club:' || m.club_code"
        " AND c.granted = 'yes')"
    ),
    "an opening has an order with BOSS": (
        "SELECT m.subscriber_id || ' ' || m.club_code FROM memberships m"
        " WHERE m.state = 'opening' AND NOT EXISTS (SELECT FROM outbox o"
        " WHERE o.kind = 'call' AND o.state <> 'answered'"
        " AND o.payload ->> 'service' = 'boss.open_service')"
    ),
    "no more prizes than there were": (
        "SELECT draw_code || ' ' || prize_code FROM draw_stock WHERE taken > total + returned"
    ),
    "as many have a place as are counted, and no more than there are": (
        "SELECT p.activity_id || ': ' || p.taken || ' of ' || p.capacity FROM activity_places p"
        " JOIN activities a ON a.id = p.activity_id WHERE a.state = 'published' AND"
        " (p.taken > p.capacity OR p.taken <> (SELECT count(*) FROM activity_signups s"
        " WHERE s.activity_id = p.activity_id AND s.state IN ('going', 'came')))"
    ),
    "nobody waits while there is a place": (
        "SELECT p.activity_id::text FROM activity_places p"
        " JOIN activities a ON a.id = p.activity_id WHERE a.state = 'published'"
        " AND p.taken < p.capacity AND p.waiting > 0"
    ),
    "an invitation was rewarded once": (
        "SELECT inviter_id || ' ' || subscriber_id FROM invitations WHERE state = 'joined'"
        " GROUP BY inviter_id, subscriber_id HAVING count(*) > 1"
    ),
    "no call and no message was given up": (
        "SELECT kind || ' ' || id || ' ' || coalesce(error, '') FROM outbox WHERE state = 'dead'"
    ),
    "no text has a hole": (
        "SELECT id || ': ' || (payload ->> 'text') FROM outbox"
        " WHERE payload ->> 'text' ~ '\\{[a-z_]+\\}|None' AND payload ->> 'text' !~ '\\{page\\}'"
    ),
    "every message was heard once": ("SELECT key FROM inbox GROUP BY key HAVING count(*) > 1"),
}
_LINK = "https://circle.example.cn/l/Ab3dE5fG7h"


def look(store: Store, truths: Mapping[str, str] = CHEAP) -> list[str]:
    """What is not true, in words; nothing if all is well."""
    asked = " UNION ALL ".join(
        f"SELECT '{truth}', found FROM ({query}) AS t(found)" for truth, query in truths.items()
    )
    with store.reading() as tx:
        return [
            f"{truth}: {found}" for truth, found in tx.exec_driver_sql(asked.replace("%", "%%"))
        ]


def look_at_everything(store: Store, seeds: Seeds, *, besides: Collection[str] = ()) -> list[str]:
    """All truths, the proof of the whole ledger, and that of every draw.

    `besides`: what the sample data says from the start, without anybody having done it.
    """
    with store.begin() as tx:
        report = verify.verify(tx)
    wrong = [f"ledger: {check.name}" for check in report.checks if check.wrong]
    with store.reading() as tx:
        for code in _draws(tx):
            wrong += [
                f"draw {code}: {finding}" for finding in auditing.audit(tx, code, seeds).findings
            ]
        wrong += [f"{count(text)} SMS: {text}" for text in _long_ones(tx)]
    wrong += look(store, CHEAP) + look(store, DEAR)
    return [one for one in wrong if one not in besides]


def _draws(tx: Tx) -> list[str]:
    return [str(row[0]) for row in tx.exec_driver_sql("SELECT code FROM draws ORDER BY 1")]


def _long_ones(tx: Tx) -> list[str]:
    """The texts of more than two SMS, filled as they left."""
    found = tx.exec_driver_sql(
        "SELECT DISTINCT payload ->> 'text' FROM outbox WHERE kind = 'sms'"
        " AND length(payload ->> 'text') > 100"
    )
    texts = [str(row[0]).replace("{page}", _LINK) for row in found]
    return [text for text in texts if count(text) > 2]
