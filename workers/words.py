"""The words of SMS that are about to leave: one for a worker, a batch for the sender."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from dialogs.delivery import PAGE_MARK
from menus.menus import Menus
from models import loop_guard, page_links, sending_policy
from models.base import Tx
from models.outbox import Owed
from models.page_links import Leads
from models.sending_policy import LOOP, Policy
from sms import segments
from sms.gateways import Outgoing

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Words:
    """Puts one-time links in where they belong. Callable as the sender's `prepare`."""

    public_url: str
    link_lasts: timedelta
    link_key: bytes
    policy: Policy
    menus: Callable[[], Menus]

    def __call__(
        self, tx: Tx, rows: Sequence[Owed], now: datetime
    ) -> Sequence[Outgoing | str | datetime]:
        """For each row its message, with a one-time link where it has one; or the refusal, or
        until when it must wait because it is night."""
        refusals = sending_policy.refusals(tx, rows, self.policy)
        rows, refusals = self._last_words(tx, rows, refusals, now)
        found = [
            sending_policy.too_late(owed, self.policy, now) or refusal
            for owed, refusal in zip(rows, refusals, strict=True)
        ]
        leaving = [owed for owed, why in zip(rows, found, strict=True) if why is None]
        tokens = self._links(tx, leaving, now)
        return [
            why or self._compose(owed, tokens.get(owed.id))
            for owed, why in zip(rows, found, strict=True)
        ]

    def last_word(self, tx: Tx, owed: Owed, now: datetime) -> Owed | None:
        """An answer that is one too many, as the last sentence; None: not even that leaves."""
        text = self.menus().text("common.enough", channel="sms")
        return loop_guard.last_word(tx, owed, text, now)

    def _last_words(
        self, tx: Tx, rows: Sequence[Owed], refusals: Sequence[str | None], now: datetime
    ) -> tuple[list[Owed], list[str | None]]:
        """The rows with what is left of them to say."""
        spoken: list[tuple[Owed, str | None]] = []
        for owed, refusal in zip(rows, refusals, strict=True):
            last = self.last_word(tx, owed, now) if refusal == LOOP else None
            spoken.append((last, None) if last else (owed, refusal))
        return [owed for owed, _ in spoken], [refusal for _, refusal in spoken]

    def message(self, tx: Tx, owed: Owed, now: datetime) -> Outgoing:
        """The words as they will leave, with a one-time link where there is one."""
        made = self._compose(owed, self._links(tx, [owed], now).get(owed.id))
        if isinstance(made, str):
            raise KeyError(made)
        return made

    def parts_of(self, text: str) -> int:
        """How many SMS a text makes that is owed, with the link that it may have."""
        link = f"{self.public_url}/l/{'x' * page_links.TOKEN_LENGTH}"
        return segments.count(text.replace(PAGE_MARK, link))

    def _links(self, tx: Tx, rows: Sequence[Owed], now: datetime) -> dict[int, str]:
        wanted = [
            Leads(owed.id, owed.subscriber_id, owed.payload["page"])
            for owed in rows
            if owed.payload.get("page") is not None
        ]
        if not wanted:
            return {}
        return page_links.make_links(tx, wanted, key=self.link_key, lasts=self.link_lasts, now=now)

    def _compose(self, owed: Owed, token: str | None) -> Outgoing | str:
        payload = owed.payload
        text, to = payload.get("text"), payload.get("to")
        if not isinstance(text, str) or not isinstance(to, str):
            log.error("no message can be made", owed=owed.id)  # our bug: it holds nobody else up
            return "no message can be made of it"
        if token is not None:
            text = text.replace(PAGE_MARK, f"{self.public_url}/l/{token}")
        return Outgoing(id=str(owed.id), to=to, text=text)
