"""Deliver what is owed in words: by customer-service message, by template message, or by SMS.

A notice looks for its way first (models/ways.py); then it leaves like anything else.

Before anything leaves, the row says "submitting". A row that is taken again and says so may have
left already, so the gateway is asked before it is sent a second time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from dialogs.delivery import PAGE_MARK
from integrations.errors import CallFailed, Final, UseAnotherWay
from integrations.wechat_api import WeChatApi
from models import outbox, sending_policy, sms_counts, submissions, subscribers, ways
from models.base import Tx
from models.outbox import Owed
from models.sending_policy import LOOP, Policy
from models.sms_counts import Left
from sms.errors import OptedOut
from sms.gateways import Gateway, Outgoing, Sent
from workers.retries import Desk, NotNow
from workers.words import Words

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Deliverer:
    """Sends one row. Errors tell the desk what to do with it."""

    desk: Desk
    wechat: WeChatApi
    gateway: Gateway
    words: Words
    policy: Policy

    def deliver(self, owed: Owed) -> None:
        """Send it, once."""
        if owed.kind == "notice":
            decided = self._decide(owed)
            if decided is None:
                return
            owed = decided
        store, now = self.desk.store, self.desk.now()
        if until := sending_policy.too_late(owed, self.policy, now):
            raise NotNow(until)
        refusal = store.read(lambda tx: sending_policy.refusal(tx, owed, self.policy))
        if refusal == LOOP:
            last = store.run(lambda tx: self.words.last_word(tx, owed, now))
            owed, refusal = (last, None) if last else (owed, refusal)
        if refusal is not None:
            self.desk.give_up(owed, "failed", refusal)
        elif owed.kind in ("wechat", "template"):
            self._by_wechat(owed)
        elif self.desk.usual_gateway not in (None, outbox.TWILIO) and not owed.payload.get(
            "gateway"
        ):
            # A notice that has just found its way: what leaves over a bind is the sender's.
            self._by_sms_instead(owed, UseAnotherWay("over the usual gateway"), owed.payload)
        else:
            self._by_sms(owed)

    def _decide(self, owed: Owed) -> Owed | None:
        """A notice with its way; None: it stays in the mailbox. Raises NotNow."""
        now = self.desk.now()
        found = self.desk.store.run(lambda tx: ways.decide(tx, owed, policy=self.policy, now=now))
        if isinstance(found, ways.Later):
            raise NotNow(found.until)
        if found is None:
            self.desk.count("sent:mailbox")
            log.info("kept in the mailbox alone", owed=owed.id)
        return found

    def _by_wechat(self, owed: Owed) -> None:
        store, now = self.desk.store, self.desk.now()
        found = store.read(lambda tx: sending_policy.in_wechat(tx, owed.payload["openid"]))
        leads_here = found is not None and found.owner == owed.subscriber_id
        if not leads_here and not owed.payload.get("farewell"):
            # Unfollowed, or bound to another number since: the words are not for whoever it is now.
            self._by_sms_instead(owed, UseAnotherWay("the openid leads elsewhere now"))
            return
        if found and owed.kind == "wechat" and not found.takes_one(now) and owed.payload.get("sms"):
            # It was open when this was owed. Who has no number is tried all the same: a word that
            # only looked something up has opened it, and is not kept (Engine.glance).
            self._by_sms_instead(owed, UseAnotherWay("the window is closed, or full"))
            return
        breaker = self.desk.breaker("wechat")
        breaker.ask()
        if not self.desk.submitting(owed):
            return
        try:
            with breaker.watch():
                provider_id = self._hand_to_wechat(owed)
        except (UseAnotherWay, Final) as closed:
            self._by_sms_instead(owed, closed)
            return
        store.alone(
            lambda tx: outbox.sent(tx, owed, provider_id=provider_id, status="sent", now=now)
        )
        self.desk.count(f"sent:{owed.kind}")
        log.info("wechat message sent", owed=owed.id, kind=owed.kind)

    def _hand_to_wechat(self, owed: Owed) -> str | None:
        payload = owed.payload
        link = f"{self.words.public_url}{payload['page']}" if payload.get("page") else None
        if owed.kind == "template":
            return self.wechat.send_template(
                payload["openid"], payload["template"], payload["data"], link, str(owed.id)
            )
        menu = payload.get("menu")
        if menu is not None:  # a question whose answers can be tapped
            options = [(key, words) for key, words in menu["options"]]
            self.wechat.send_menu_question(payload["openid"], menu["head"], options, "")
            return None
        text = payload["text"]
        self.wechat.send_text(payload["openid"], text.replace(PAGE_MARK, link) if link else text)
        return None

    def _by_sms_instead(
        self, owed: Owed, closed: CallFailed, payload: Mapping[str, Any] | None = None
    ) -> None:
        by_sms, error = payload or owed.payload.get("sms"), str(closed)
        if by_sms is None:
            raise closed
        log.info("sent by SMS instead", owed=owed.id, why=error)
        self.desk.store.alone(
            lambda tx: outbox.reroute_to_sms(tx, owed, payload=by_sms, error=error)
        )
        self.desk.nudges((owed.queue,))

    def _by_sms(self, owed: Owed) -> None:
        store, now = self.desk.store, self.desk.now()
        breaker = self.desk.breaker("sms")
        breaker.ask()
        message = store.run(lambda tx: self.words.message(tx, owed, now))
        sent = self._found(owed, message)
        if sent is None:
            if not self.desk.submitting(owed):
                return
            try:
                with breaker.watch():
                    sent = self.gateway.send(message)
            except OptedOut:
                store.run(lambda tx: self._note_opt_out(tx, owed))
                raise
        got = sent
        store.run(lambda tx: self._sent(tx, owed, got))
        self.desk.count("sent:sms")
        log.info("sms sent", owed=owed.id, gateway=self.gateway.name, segments=got.segments)

    def _sent(self, tx: Tx, owed: Owed, got: Sent) -> None:
        now = self.desk.now()
        if outbox.sent(tx, owed, provider_id=got.provider_id, status=got.status, now=now):
            at = submissions.submitted_at(tx, owed.id) or now
            left = Left(self.gateway.name, owed.category, at, got.segments)
            sms_counts.left(tx, [left], now)

    def _found(self, owed: Owed, message: Outgoing) -> Sent | None:
        """What the gateway has of an earlier attempt whose answer was lost."""
        if owed.submitted_at is None:
            return None
        since = owed.submitted_at
        taken = self.desk.store.read(
            lambda tx: submissions.provider_ids(tx, to=message.to, since=since, but=owed.id)
        )
        with self.desk.breaker("sms").watch():
            return self.gateway.find(message, since, taken=taken)

    def _note_opt_out(self, tx: Tx, owed: Owed) -> None:
        # Whoever the number belongs to, who need not be the one that asked for a code.
        who = subscribers.find(tx, "sms", owed.payload["to"])
        if who is not None:
            subscribers.opt_out(tx, who, self.desk.now())
