"""Agents (J6): a shop redeems for a walk-in customer by SMS, who alone agrees to it.

DH 13800001234 1001 [PIN] ──▶ wanted ──the clock──▶ the customer is asked ──是──▶ voucher
CX 13800001234            ──▶ wanted ──the clock──▶ the customer is asked ──是──▶ the agent is told
DZ                        ──▶ today and this month, the account, what was paid out
"""

from __future__ import annotations

from dialogs import offer_words, refusals
from dialogs.agent_words import ANSWER_MINUTES, mobile, told
from dialogs.dialog import Dialog, Move, Talk
from models import consents, points
from models.agents import commission, ordering, pins, register, statement
from models.agents.ordering import ANSWER_WITHIN, NotOrdered, Order
from models.agents.register import Agent
from models.agents.tables import DECLINED, FAILED, LAPSED, LOOK
from models.offers import looking, terms
from models.offers.looking import Card
from models.offers.terms import NotOffered
from models.vouchers import redeeming
from sms.numbers import masked
from sms.replies import Reply

OFFERS_TOLD = 3


class AgentRedeem(Dialog):
    """An agent's order of an offer for a customer; opened by 兑换 alone."""

    by_menu = False

    def opened(self, talk: Talk) -> Move:
        pin = talk.notes.pop("pin", None)
        number = talk.notes.pop("customer")  # somebody else's: not kept with what has ended
        agent = _working(talk)
        if not isinstance(agent, Agent):
            return agent
        if "offer" not in talk.notes:
            return talk.end("agent.how", ended_as="failed")
        code = talk.notes["offer"]
        card = looking.numbered(talk.tx, int(code))
        try:
            if card is None:
                raise NotOffered("unknown")
            terms.check_window(card.offer, talk.now)
            if card.left is not None and card.left <= 0:
                raise NotOffered("sold_out")
        except NotOffered as refused:
            key, values = refusals.not_offered(refused)
            return talk.end(key, ended_as="failed", **values)
        return self._order(talk, agent, number, card, pin)

    def _order(
        self, talk: Talk, agent: Agent, number: str, card: Card, pin: str | None
    ) -> Move:  # fmt: skip
        offer = card.offer
        if pin is None and offer.price_points > agent.limits.pin_above:
            key = "agent.needs_pin" if agent.has_pin else "agent.no_pin"
            return talk.end(key, ended_as="failed", most=agent.limits.pin_above)
        if pin is not None:
            right = pins.check(talk.tx, agent.id, pin, talk.now)
            if right != pins.RIGHT:
                return talk.end(_PIN_TEXTS[right], ended_as="failed")
        try:
            ordering.want(talk.tx, agent, number, offer=offer, now=talk.now)
        except NotOrdered as why:
            return talk.end(_NOT_ORDERED[why.why], ended_as="failed")
        return talk.end(
            "agent.asking", phone=masked(number), minutes=ANSWER_MINUTES,
            title=offer_words.title(offer.title), price=offer_words.price(offer),
        )  # fmt: skip


class AgentLook(Dialog):
    """What a customer could get, told to an agent once the customer agrees; else one's own."""

    takes = frozenset({"customer"})

    def opened(self, talk: Talk) -> Move:
        typed = talk.notes.pop("customer", None)
        if register.of(talk.tx, talk.subscriber.id) is None:
            return talk.end(then=("balance", {}))
        agent = _working(talk)
        if not isinstance(agent, Agent):
            return agent
        number = mobile(typed) if typed else None
        if number is None:
            return talk.end("agent.how", ended_as="failed")
        try:
            ordering.want(talk.tx, agent, number, offer=None, now=talk.now)
        except NotOrdered as why:
            return talk.end(_NOT_ORDERED[why.why], ended_as="failed")
        return talk.end("agent.asking_to_look", phone=masked(number), minutes=ANSWER_MINUTES)


class AgentAsks(Dialog):
    """The customer's side: what an agent wants to do, and the customer's own 是."""

    requires = frozenset({"owner", "order"})
    by_menu = False

    def opened(self, talk: Talk) -> Move:
        order = ordering.hold(talk.tx, _one(talk))
        if order is None:
            return talk.end(ended_as="failed")
        return self._ask(talk, order)

    def _ask(self, talk: Talk, order: Order) -> Move:
        agent = register.of(talk.tx, order.agent_id)
        if agent is None:
            return talk.end(ended_as="failed")
        if order.kind == LOOK or order.offer_code is None:
            return talk.ask(
                "agent.ask_to_look", via="sms", again="agent.ask_to_look", shop=agent.name,
                then=self.answered, late=self.not_answered, lasts=ANSWER_WITHIN,
            )  # fmt: skip
        card = looking.of_code(talk.tx, order.offer_code)
        return talk.ask(
            "agent.ask", via="sms", again="agent.ask", shop=agent.name,
            title=offer_words.title(card.offer.title), price=offer_words.price(card.offer),
            where=offer_words.shop(card.merchant), then=self.answered, late=self.not_answered,
            lasts=ANSWER_WITHIN,
        )  # fmt: skip

    def answered(self, talk: Talk, reply: Reply) -> Move:
        order = ordering.hold(talk.tx, _one(talk))
        if order is None:
            return talk.end("agent.over", ended_as="failed")
        if reply.is_yes and talk.channel != "sms":
            return self._by_sms(talk, order)
        consents.keep(
            talk.tx, subscriber_id=talk.subscriber.id, subject=f"agent_order:{order.id}",
            granted=reply.is_yes, question=talk.asked, answer=reply.text, message_key=talk.origin,
            asked_at=talk.asked_at, now=talk.now,
        )  # fmt: skip
        if not reply.is_yes:
            _end(talk, order, DECLINED, "agent.declined")
            return talk.end("agent.you_declined", ended_as="declined")
        agent = register.of(talk.tx, order.agent_id, share=True)
        # Suspended while the customer was thinking, or somebody above.
        if agent is None or register.works(talk.tx, agent, talk.now, share=True):
            _end(talk, order, FAILED, "agent.not_done", why="suspended")
            return talk.end("agent.over", ended_as="failed")
        if order.offer_code is None:
            return self._show(talk, order, agent)
        return self._redeem(talk, order, agent, order.offer_code)

    def _by_sms(self, talk: Talk, order: Order) -> Move:
        """A WeChat may be in the hands of whoever was told a code at the counter; a SIM is not."""
        if talk.notes.get("elsewhere"):
            _end(talk, order, FAILED, "agent.not_done", why="channel")
            return talk.end("agent.over", ended_as="failed")
        talk.notes["elsewhere"] = True
        talk.say("agent.answer_by_sms")
        return self._ask(talk, order)

    def not_answered(self, talk: Talk) -> Move:
        order = ordering.hold(talk.tx, _one(talk))
        if order is not None:
            _end(talk, order, LAPSED, "agent.lapsed")
        return talk.end(ended_as="expired")

    def _redeem(self, talk: Talk, order: Order, agent: Agent, code: str) -> Move:
        try:
            voucher = redeeming.redeem(
                talk.tx, talk.subscriber, code, key=talk.origin, channel=talk.channel,
                origin=talk.origin, now=talk.now, agreed=order.agreed,
            )  # fmt: skip
        except NotOffered as refused:
            _end(talk, order, FAILED, "agent.not_done", why=refused.why[:16])
            key, values = refusals.not_offered(refused)
            if refused.why == "changed":
                key = "agent.over"
            return talk.end(key, ended_as="failed", **values)
        ordering.done(talk.tx, order, talk.now, serial=voucher.serial)
        commission.owe(
            talk.tx, agent, price=voucher.price_points, serial=voucher.serial, now=talk.now
        )
        title = offer_words.title(voucher.title)
        _tell(
            talk, order, "agent.done", title=title, points=voucher.price_points,
            serial=voucher.serial,
        )  # fmt: skip
        card = looking.of_code(talk.tx, voucher.offer_code)
        return talk.end(
            "agent.issued", title=title, shop=offer_words.shop(card.merchant),
            code=offer_words.code(voucher.short_code),
            until=offer_words.last_day(voucher.valid_until), serial=voucher.serial,
        )  # fmt: skip

    def _show(self, talk: Talk, order: Order, agent: Agent) -> Move:
        has = points.balance(talk.tx, talk.subscriber, now=talk.now, expiring_days=1)
        found = looking.within_reach(
            talk.tx, talk.subscriber, has.usable, talk.now, limit=OFFERS_TOLD
        )
        offers = "，".join(
            f"{offer_words.clipped(card.offer.title, offer_words.LISTED_TITLE_LETTERS)}"
            f"（{card.offer.number}号，{card.offer.price_points}分）"
            for card in found
        )
        ordering.done(talk.tx, order, talk.now)
        if offers:
            _tell(talk, order, "agent.looked", have=has.usable, offers=offers)
        else:
            _tell(talk, order, "agent.looked_nothing", have=has.usable)
        return talk.end("agent.you_showed", shop=agent.name)


class AgentStatement(Dialog):
    """What an agent has done today and this month, and what it has earned."""

    def opened(self, talk: Talk) -> Move:
        agent = register.of(talk.tx, talk.subscriber.id)
        if agent is None:
            return talk.end("agent.only", ended_as="failed")
        of = statement.of(talk.tx, agent, talk.now)
        account = commission.account_of(talk.tx, agent)
        paid = statement.last_paid(talk.tx, agent)
        if paid is not None:
            talk.say(
                "agent.paid_out", month=f"{paid.month.year}年{paid.month.month}月",
                points=paid.points, yuan=f"{paid.fen / 100:.2f}",
            )  # fmt: skip
        if account.claims:
            talk.say("agent.claimed", points=account.claims)
        return talk.end(
            "agent.statement", deals=of.deals_today, points=of.points_today,
            deals_left=of.deals_left, points_left=of.points_left, month_deals=of.deals_month,
            month_points=of.points_month, commission=of.commission, below=of.of_below,
            account=account.balance,
        )  # fmt: skip


_PIN_TEXTS = {
    pins.WRONG: "agent.wrong_pin",
    pins.LOCKED: "agent.pin_locked",
    pins.NONE: "agent.pin_unknown",
}
_NOT_WORKING = {
    "suspended": "agent.suspended",
    "branch": "agent.branch_suspended",
    "dormant": "agent.dormant",
}
_NOT_ORDERED = {
    ordering.ONESELF: "agent.oneself",
    ordering.RELATED: "agent.related",
    ordering.BOUND: "agent.bound",
    ordering.ASKS: "agent.no_asks_left",
    ordering.DECLINES: "agent.declined_often",
    ordering.BUSY: "agent.busy",
    ordering.OFTEN: "agent.often",
    ordering.DEALS: "agent.no_deals_left",
    ordering.POINTS: "agent.no_points_left",
}


def _working(talk: Talk) -> Agent | Move:
    """The agent whose number this message came from, or what there is to say instead."""
    agent = register.of(talk.tx, talk.subscriber.id)
    if agent is None:
        return talk.end("agent.only", ended_as="failed")
    if why := register.works(talk.tx, agent, talk.now):
        return talk.end(_NOT_WORKING[why], ended_as="failed")
    if talk.channel != "sms":  # by the registered number, and nothing else
        return talk.end("agent.by_sms", ended_as="failed")
    return agent


def _one(talk: Talk) -> tuple[int, int]:
    return int(talk.notes["owner"]), int(talk.notes["order"])


def _end(talk: Talk, order: Order, state: str, key: str, *, why: str | None = None) -> None:
    ordering.end(talk.tx, order, state, talk.now, why=why)
    _tell(talk, order, key)


def _tell(talk: Talk, order: Order, key: str, **values: object) -> None:
    told(
        talk.tx, talk.menus, order, key, phone=talk.subscriber.msisdn, now=talk.now, **values
    )  # fmt: skip
