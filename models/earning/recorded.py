"""Events that were recorded, read again: the one place here that knows their table."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from models import sql
from models.base import Tx
from models.earning.event import Event
from models.store import Store

PAGE = 2000
_EVENT = 'event_id, type, subscriber_id, occurred_at, "values"'
# By person, so that what one person got can be added up and forgotten before the next.
_PAGE = f"""
    SELECT {_EVENT} FROM earning_events
    WHERE occurred_at >= %(since)s AND occurred_at < %(until)s
      AND (subscriber_id, occurred_at, event_id) > (%(person)s, %(moment)s, %(id)s)
    ORDER BY subscriber_id, occurred_at, event_id LIMIT %(limit)s
"""


def find(tx: Tx, event_id: str) -> Event | None:
    """One event, or None once it is forgotten."""
    row = sql.first(
        tx, f"SELECT {_EVENT} FROM earning_events WHERE event_id = %(id)s", {"id": event_id}
    )
    return Event(*row) if row else None


def by_person(store: Store, since: datetime, until: datetime) -> Iterator[list[Event]]:
    """Pages of the events that happened in this time, by person and moment."""
    after = (0, since, "")
    while True:
        values = {
            "since": since, "until": until, "person": after[0], "moment": after[1],
            "id": after[2], "limit": PAGE,
        }  # fmt: skip

        def page(tx: Tx, values: dict[str, object] = values) -> list[Event]:
            return [Event(*row) for row in sql.rows(tx, _PAGE, values)]

        found = store.read(page)
        if found:
            yield found
        if len(found) < PAGE:
            return
        after = (found[-1].subscriber_id, found[-1].occurred_at, found[-1].id)
