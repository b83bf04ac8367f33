"""A crowd that taps, scans and texts anything: the same seed does the same, step by step.

Its messages go in where the doors hand them over (handlers/answering.py); the far ends are in
memory, so that thousands of messages take seconds.
"""

from __future__ import annotations

import functools
import inspect
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any

from app import Circle
from dialogs import club_acts, verified
from dialogs.catalog import BY_NAME
from dialogs.dialog import Answer, Dialog
from dialogs.inbound import Inbound
from handlers import club_plans
from models import clubs, consents, outbox, subscribers
from models.base import Tx
from models.memberships import NotAllowed
from models.vouchers import verifying
from models.vouchers.verifying import NotVerified, Till
from tests import agents
from tests.chats import vocabulary
from tests.chats.far_ends import FarEnds, put_in_place
from tests.conftest import MovableClock

REMEMBERED = 4  # texts that somebody still knows, to answer with what stands in them
DRAINED_EVERY, BOSS_EVERY, CLOCK_EVERY, PAGES_EVERY = 12, 40, 150, 15  # steps
ANSWERS_AT_ONCE = 0.4  # who has been written to unasked is as likely as this to speak next
EVERYTHING, NO_DIALOG = "all", "none"  # all messages; not understood, nothing open, media
AGENT = "短信7"  # keeps a village shop
SLOWEST_S = 60  # from one message to the next; faster, and we would take each other for robots
PAUSES_MIN = (1, 5, 30, 120, 600, 1500, 4000)


@dataclass
class Somebody:
    """One of the crowd: WeChat, a number, or both; what they have read, and said last."""

    name: str
    openid: str = ""
    msisdn: str = ""
    follows: bool = True
    read: list[str] = field(default_factory=list)
    last: Inbound | None = None
    last_reply: str = ""

    def reads(self, text: str) -> None:
        self.read = [*self.read, text][-REMEMBERED:]


@dataclass(frozen=True)
class Told:
    """What one message came to: the answer on the spot and the SMS that are owed for it."""

    who: Somebody
    inbound: Inbound
    reply: str
    sms: tuple[str, ...]
    again: bool  # the same message, delivered once more


@dataclass
class Crowd:
    """`told` is called after each message; `history` has what was done, newest last."""

    circle: Circle
    clock: MovableClock
    dice: Random
    told: Callable[[Told], None]
    people: list[Somebody] = field(default_factory=lambda: list(_people()))
    history: list[str] = field(default_factory=list)
    steps: int = 0
    owed: int = 0  # the last row of the outbox that has been looked at
    reached: list[Somebody] = field(default_factory=list)  # lately, by what they had not asked for
    noted: list[str] = field(default_factory=list)  # the dialogs of which a step has run just now
    took_s: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    changed: list[tuple[Dialog, str]] = field(init=False)
    far: FarEnds = field(init=False)
    words: vocabulary.Vocabulary = field(init=False)

    def __post_init__(self) -> None:
        self.far = put_in_place(self.circle, self.dice)
        self.words = vocabulary.Vocabulary(self.circle.live(), self.dice, self.people)
        self.changed = _note_dialogs(self.noted)
        (agent,) = (one.msisdn for one in self.people if one.name == AGENT)
        agents.tree(self.circle.store, self.clock(), number=agent)

    def go(self) -> None:
        """Leave the dialogs as they were."""
        for dialog, step in self.changed:
            delattr(dialog, step)

    def step(self) -> None:
        """One message of somebody, and now and then what happens besides."""
        self.steps += 1
        self.clock.advance(seconds=self.dice.randint(1, SLOWEST_S))
        self._message(self._who())
        if self.steps % PAGES_EVERY == 0:
            self._a_page_is_agreed_to(self.dice.choice(self.people))
        if self.steps % DRAINED_EVERY == 0:
            self.drain()
        if self.steps % BOSS_EVERY == 0:
            self._boss_answers()
            self._a_till_takes_a_voucher()
        if self.steps % CLOCK_EVERY == 0:
            self._time_goes_on()

    def drain(self) -> None:
        """The workers do all that is due, and everybody reads what has come."""
        now = self.clock()
        while due := self.circle.store.read(lambda tx: outbox.queues_due(tx, now)):
            if not sum(self.circle.drainer.drain(queue) for queue in due):
                break
        for arrived, address in (
            (self.far.gateway.arrived, "msisdn"), (self.far.wechat.arrived, "openid"),
        ):  # fmt: skip
            for person in self.people:
                for text in arrived.pop(getattr(person, address), []):
                    person.reads(text)
                    self.reached.append(person)
            arrived.clear()

    def _who(self) -> Somebody:
        """Who speaks next."""
        if self.reached and self.dice.random() < ANSWERS_AT_ONCE:
            return self.reached.pop()
        return self.dice.choice(self.people)

    def _message(self, who: Somebody) -> None:
        again = who.last is not None and self.dice.random() < 0.03
        inbound = who.last if again and who.last else self._inbound(who)
        self.history.append(
            f"{self.steps} {who.name} {inbound.channel} {inbound.kind} {inbound.value!r}"
            + " again" * again
        )
        with self._timed(EVERYTHING):
            reply = self.circle.answering.answer(inbound)
        told = Told(who, inbound, reply.text, self._owed_now(who), again)
        self.told(told)
        for text in (reply.text, *told.sms):
            if text:
                who.reads(text)
        who.last, who.last_reply = inbound, reply.text

    def _inbound(self, who: Somebody) -> Inbound:
        by_sms = who.msisdn and (not who.openid or self.dice.random() < 0.5)
        if by_sms:
            text = self.words.text(who)
            return Inbound(f"twilio:SM{self.steps}", "sms", who.msisdn, "text", text)
        kind, value = self.words.wechat(who)
        if not who.follows:
            kind, value = "follow", value if kind == "scan" else ""
        who.follows = kind != "unfollow"
        made: dict[str, Any] = {
            "key": f"wechat:{self.steps}", "channel": "wechat", "sender": who.openid,
            "kind": kind, "value": value, "sent_at": self.clock().replace(microsecond=0),
        }  # fmt: skip
        return Inbound(**made, **self.words.more(kind, Inbound))

    def _a_page_is_agreed_to(self, who: Somebody) -> None:
        """Somebody presses what a club's page asks (handlers/club_pages.py)."""
        act, now = self.dice.choice(sorted(club_plans.DIALOGS)), self.clock()
        origin = f"page:{act}:{self.steps}"

        def press(tx: Tx) -> None:
            held = subscribers.find(tx, "sms", who.msisdn)
            if held is None or held.msisdn is None:
                return
            held = subscribers.lock_id(tx, held.id)
            club = self.dice.choice(clubs.all_open(tx))
            plan = club_plans.plan(tx, held, club, act, now)
            consents.keep(
                tx, subscriber_id=held.id, subject=consents.to_club(club.code, act), granted=True,
                question=plan.question, answer=plan.button, message_key=origin, asked_at=None,
                now=now,
            )  # fmt: skip
            club_acts.begin(
                tx, self.circle.engine, held, club_plans.DIALOGS[act],
                club=club.code, origin=origin, now=now,
            )  # fmt: skip

        self.history.append(f"{self.steps} {who.name} presses {act}")
        with suppress(NotAllowed), self._timed():
            self.circle.store.run(press)

    @contextmanager
    def _timed(self, *names: str) -> Iterator[None]:
        """Keep how long it takes, by the dialogs of which a step runs and by these names."""
        self.noted.clear()
        began = time.perf_counter()
        yield
        took_s = time.perf_counter() - began
        for name in dict.fromkeys([*(self.noted or [NO_DIALOG]), *names]):
            self.took_s[name].append(took_s)

    def _boss_answers(self) -> None:
        for request in self.far.boss.waiting():
            state = self.dice.choice(("opened", "opened", "refused"))
            self.history.append(f"{self.steps} BOSS {state} {request}")
            self.far.boss.orders[request] = state
            answer, now = Answer(state, "余额不足" if state == "refused" else ""), self.clock()
            for _ in range(self.dice.choice((1, 1, 2))):  # and some it tells twice
                self.circle.store.run(
                    lambda tx, request=request, answer=answer, now=now: self.circle.engine.resume(  # type: ignore[misc]
                        tx, int(request), answer, now
                    )
                )

    def _a_till_takes_a_voucher(self) -> None:
        """Some voucher is used; its owner is told, and asked for a rating later."""
        now = self.clock()
        with self.circle.store.reading() as tx:
            found = tx.exec_driver_sql(
                "SELECT v.code, v.merchant_code FROM vouchers v WHERE v.state = 'issued'"
                " AND v.valid_until > %s ORDER BY v.id LIMIT 20",
                (now,),
            ).all()
        if not found:
            return
        code, merchant = self.dice.choice(found)
        self.history.append(f"{self.steps} a till of {merchant} takes a voucher")

        def take(tx: Tx) -> None:
            till, key = Till(merchant, 1, "staff:1"), f"crowd:{self.steps}"
            done = verifying.verify(tx, till, code, key=key, now=now)
            verified.tell(tx, self.circle.engine, done, now)

        with suppress(NotVerified):  # at another store
            self.circle.store.run(take)

    def _time_goes_on(self) -> None:
        minutes = self.dice.choice(PAUSES_MIN)
        self.history.append(f"{self.steps} {minutes} minutes later")
        self.clock.advance(minutes=minutes)
        self.circle.clock.tick()

    def _owed_now(self, who: Somebody) -> tuple[str, ...]:
        """The words that have just become owed by SMS to the person's own number."""
        with self.circle.store.reading() as tx:
            found = tx.exec_driver_sql(
                "SELECT id, CASE WHEN kind = 'sms' AND category = 'answer' AND created_at = %s"
                " AND payload ->> 'to' = %s THEN payload ->> 'text' END FROM outbox"
                " WHERE id > %s ORDER BY id",
                (self.clock(), who.msisdn, self.owed),
            ).all()
        self.owed = max([self.owed, *(row[0] for row in found)])
        return tuple(str(row[1]) for row in found if row[1] is not None)


def _note_dialogs(noted: list[str]) -> list[tuple[Dialog, str]]:
    """From now on every step that runs adds the name of its dialog to `noted`; what is changed."""
    changed = []
    for name, dialog in BY_NAME.items():
        for step, method in inspect.getmembers(dialog, inspect.ismethod):
            if not step.startswith("_") and step != "name":
                setattr(dialog, step, _noting(method, name, noted))
                changed.append((dialog, step))
    return changed


def _noting(method: Callable[..., Any], name: str, noted: list[str]) -> Callable[..., Any]:
    @functools.wraps(method)
    def step(*arguments: Any) -> Any:
        noted.append(name)
        return method(*arguments)

    return step


def _people() -> Iterator[Somebody]:
    """Those of the sample data, and some whom nobody has seen."""
    yield Somebody("李雷", "o_lilei", "+8613800000001")
    yield Somebody("韩梅梅", "o_hanmeimei", "+8613800000002")
    yield Somebody("王大爷", "", "+8613800000003")
    yield Somebody("小张", "o_xiaozhang", "+8613800000004")
    for number in range(1, 5):
        yield Somebody(f"新人{number}", f"o_new{number}", f"+861390000000{number}")
    for number in range(5, 8):
        yield Somebody(f"短信{number}", "", f"+861390000000{number}")
