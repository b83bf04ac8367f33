"""The guard against loops: who gets very many answers by SMS hears one last sentence, then nothing.

Two machines that answer each other would go on for ever at our cost; an eager person must not think
that we are gone. So the first answer beyond the limit says why it is quiet now, and later ones are
held back, until the limit has room again.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from psycopg.types.json import Jsonb

from models import sms_counts, sql
from models.base import Tx
from models.outbox import Owed
from models.sending_policy import ANSWER, SMS

# A machine hears it so often at most, however long it goes on.
LAST_WORD_EVERY = timedelta(hours=1)


def last_word(tx: Tx, owed: Owed, text: str, now: datetime) -> Owed | None:
    """This answer, which was held back, with the last sentence for its words; None: nothing leaves.

    Counts what was held back.
    """
    sms_counts.looped(tx, owed.category, now)
    if owed.kind != SMS or owed.category != ANSWER or _said(tx, owed):
        return None
    kept = {name: owed.payload[name] for name in ("to", "gateway") if name in owed.payload}
    payload = {**kept, "text": text, "last_word": True}
    changed = sql.change(
        tx,
        "UPDATE outbox SET payload = %(payload)s WHERE id = %(id)s AND leases = %(lease)s",
        {"payload": Jsonb(payload), "id": owed.id, "lease": owed.leases},
    )
    return replace(owed, payload=payload) if changed else None


def _said(tx: Tx, owed: Owed) -> bool:
    found = sql.first(
        tx,
        "SELECT 1 FROM outbox WHERE kind = 'sms' AND payload ->> 'to' = %(to)s"
        " AND created_at > %(since)s AND payload ? 'last_word' LIMIT 1",
        {"to": owed.payload.get("to"), "since": owed.created_at - LAST_WORD_EVERY},
    )
    return found is not None
