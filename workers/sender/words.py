"""The words of rows that are about to leave, or why they must not: the same rules for all ways."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from dialogs.delivery import PAGE_MARK
from models import page_links, sending_policy
from models.base import Tx
from models.outbox import Owed
from sms.gateways import Outgoing


@dataclass(frozen=True, slots=True)
class Words:
    """Callable as the sender's `prepare`."""

    public_url: str
    link_lasts: timedelta
    link_key: bytes

    def __call__(self, tx: Tx, rows: Sequence[Owed], now: datetime) -> Sequence[Outgoing | str]:
        """For each row its message, with a one-time link where it has one, or the refusal."""
        return [
            sending_policy.refusal(tx, owed, now) or self._compose(tx, owed, now) for owed in rows
        ]

    def _compose(self, tx: Tx, owed: Owed, now: datetime) -> Outgoing:
        text, page = owed.payload["text"], owed.payload.get("page")
        if page is not None:
            token = page_links.make_link(
                tx, key=self.link_key, owed_id=owed.id, subscriber_id=owed.subscriber_id,
                path=page, lasts=self.link_lasts, now=now,
            )  # fmt: skip
            text = text.replace(PAGE_MARK, f"{self.public_url}/l/{token}")
        return Outgoing(id=str(owed.id), to=owed.payload["to"], text=text)
