"""The engine: takes what happened to the one step that it concerns, exactly once.

    hear      a message came in     ─┐
    resume    a call was answered    ├─▶ steps.py: one step ─▶ conversation + outbox
    time_out  a wait is over        ─┘

Everything happens in the caller's transaction: reply, state, points and what is owed stand or
fall together. glance() is the short way for what changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from dialogs import attended, choices, steps, understanding
from dialogs.catalog import BY_NAME
from dialogs.delivery import Delivery, Reply
from dialogs.dialog import Answer, Rules, Saying, Talk
from dialogs.inbound import Inbound
from dialogs.understanding import Met
from menus.menus import Menus, Route, Word
from models import (
    conversations,
    inbox,
    outbox,
    scenes,
    sending_policy,
    submissions,
    subscribers,
)  # fmt: skip
from models.base import Tx
from models.conversations import Conversation
from models.subscribers import STRANGER, Subscriber
from sms import replies

# What becomes of a question that nobody has asked for.
Asked = Literal["asked", "not_yet", "unwelcome"]
ASKED: Asked = "asked"
NOT_YET: Asked = "not_yet"
UNWELCOME: Asked = "unwelcome"
# A tap on one of the choices below a question: its conversation, its wait, the answer.
_PICKED = re.compile(r"([0-9]{1,18})\.([0-9]{1,9})\.([0-9]{1,3})")
MEDIA = frozenset({"image", "voice", "video", "location", "link"})


@dataclass(frozen=True, slots=True)
class Engine:
    """Runs dialogs. `menus` gives the live menus; `public_url` is where pages are."""

    menus: Callable[[], Menus]
    rules: Rules
    public_url: str

    def changes_nothing(self, inbound: Inbound) -> bool:
        """Whether glance() may answer it: a WeChat click or word that opens a reading dialog."""
        if inbound.channel != "wechat" or inbound.kind not in ("click", "text"):
            return False
        route = self._route(inbound)
        if route is None or route.dialog in attended.ANSWERED_BY_PEOPLE:
            return False
        return BY_NAME[route.dialog].reads_only

    def glance(self, tx: Tx, inbound: Inbound, now: datetime) -> Reply | None:
        """Answer what changes nothing, without claim or wait; None if it may be an answer.

        An open question stays open: looking at one's balance is no answer to it. What was written
        opens WeChat's window for two days, which is noted; a tap opens it for a minute, in which
        nothing is owed to who only looks.
        """
        if inbound.kind == "text" and conversations.glanced_at(tx, inbound.sender, now):
            return None
        route = self._route(inbound)
        if route is None:
            return None
        who = subscribers.find(tx, "wechat", inbound.sender) or STRANGER
        out = self._delivery(tx, who, "wechat", now, passive=True)
        talk = Talk(
            tx=tx, subscriber=who, notes=dict(route.notes), now=now, rules=self.rules,
            channel="wechat", menus=out.menus, origin=inbound.key,
        )  # fmt: skip
        BY_NAME[route.dialog].opened(talk)
        for saying in talk.said:
            out.say(saying)
        return out.reply()

    def hear(self, tx: Tx, inbound: Inbound, now: datetime) -> Reply:
        """Handle a message once. A repeat gets the first reply again, and nothing else."""
        if inbound.kind == "unfollow" and not subscribers.find(tx, "wechat", inbound.sender):
            return Reply()  # nobody we know, or gone already: nothing to forget
        return self._once(
            tx, inbound, now, lambda out, has_open: self._handle(out, inbound, has_open)
        )

    def apologise(self, tx: Tx, inbound: Inbound, reference: str, now: datetime) -> Reply:
        """Answer a message whose step has failed. The apology is kept: it is not tried again."""
        sorry = Saying("common.sorry", {"reference": reference})
        return self._once(tx, inbound, now, lambda out, _: out.say(sorry))

    def resume(self, tx: Tx, owed_id: int, answer: Answer, now: datetime) -> bool:
        """Go on with what another system answered, once. False if that was known already."""
        owed = outbox.get(tx, owed_id)
        if owed is None or owed.kind != "call":
            return False
        who = subscribers.lock_id(tx, owed.subscriber_id)
        result = {"state": answer.state, "reason": answer.reason}
        if not outbox.answered(tx, owed_id, result=result, now=now):
            return False
        row = conversations.get(tx, owed.subscriber_id, owed.conversation_id or 0)
        # A conversation that was told "late" has ended; the true answer still counts.
        if row and row.call_id == owed_id and (row.state == "calling" or row.ended_as == "late"):
            self._go_on(tx, who, row, answer, now)
        return True

    def time_out(
        self, tx: Tx, subscriber_id: int, conversation_id: int, wait_no: int, now: datetime
    ) -> bool:
        """End a wait whose time is over. False if the person is in another wait by now."""
        who = subscribers.lock_id(tx, subscriber_id)
        row = conversations.get(tx, subscriber_id, conversation_id)
        if row is None or row.state == "ended" or row.wait_no != wait_no:
            return False
        if row.expires_at is None or row.expires_at > now:
            return False
        if row.state == "calling":
            self._go_on(tx, who, row, Answer("late"), now)
        else:
            steps.lapse(self._delivery(tx, who, row.channel, now), self.rules, row)
        return True

    def ask_first(
        self, tx: Tx, who: Subscriber, route: Route, *, kind: str, origin: str, now: datetime
    ) -> Asked:
        """Open a dialog with somebody, held, who has said nothing: a notice that asks.

        Unless it returns ASKED nothing is said: UNWELCOME for good, NOT_YET by night, and while
        another question is open, which is not to be replaced.
        """
        category = sending_policy.category_of(kind)
        way = sending_policy.decide(
            tx, who, kind=kind, category=category, policy=self.rules.sending, now=now, asks=True
        )
        if way.by == sending_policy.NOWHERE:
            return UNWELCOME
        if way.by == sending_policy.LATER:
            return NOT_YET
        waiting = conversations.waiting(tx, who.id)
        question = next((row for row in waiting if row.state == "asking"), None)
        if question is not None:
            return NOT_YET
        out = self._delivery(tx, who, way.by, now)
        out.category, out.queue, out.kind = category, outbox.BULK, kind
        steps.open_dialog(out, self.rules, route, None, origin)
        out.flush()
        return ASKED

    def _go_on(
        self, tx: Tx, who: Subscriber, row: Conversation, answer: Answer, now: datetime
    ) -> None:
        out = self._delivery(tx, who, row.channel, now)
        call = outbox.get(tx, row.call_id) if row.call_id and row.channel == "sms" else None
        out.gateway = call.payload.get("spoken_over", "") if call else ""
        if steps.go_on(out, self.rules, row, answer) is not None:
            raise TypeError(f"{row.dialog}: only a person's message can open another dialog")

    def _once(
        self, tx: Tx, inbound: Inbound, now: datetime, handle: Callable[[Delivery, bool], object]
    ) -> Reply:
        taken = inbox.take(
            tx, key=inbound.key, channel=inbound.channel, sender=inbound.sender, now=now,
            kind=inbound.kind,
        )  # fmt: skip
        if taken.earlier_reply is not None:
            if inbound.kind == "unfollow":  # its twin has made the address anew to wait on it
                subscribers.forget_wechat(tx, taken.who)
            return Reply.from_json(taken.earlier_reply)
        passive = inbound.channel == "wechat"
        out = self._delivery(tx, taken.who, inbound.channel, now, passive=passive)
        out.heard_at, out.gateway = inbound.sent_at, inbound.gateway
        out.conversation_id, out.owed_id = taken.conversation_id, taken.owed_id
        if taken.who.status != "blocked":  # the message is kept; nothing comes of it
            handle(out, taken.has_open)
        reply = out.reply()
        inbox.keep(
            tx, key=inbound.key, channel=inbound.channel, kind=inbound.kind,
            subscriber_id=out.who.id, reply=reply.to_json(), now=now, said=inbound.value,
            met=out.met, beside=out.writes,
        )  # fmt: skip
        return reply

    def _delivery(
        self, tx: Tx, who: Subscriber, channel: str, now: datetime, *, passive: bool = False
    ) -> Delivery:
        return Delivery(tx, self.menus(), self.public_url, who, channel, now, passive)

    # -- which step a message concerns ---------------------------------------------------------

    def _handle(self, out: Delivery, inbound: Inbound, has_open: bool) -> None:
        waiting = conversations.waiting(out.tx, out.who.id) if has_open else []
        question = next((row for row in waiting if row.state == "asking"), None)
        if question and question.expires_at and question.expires_at <= out.now:
            # The clock has not come round to it yet; it is over all the same.
            steps.lapse(out, self.rules, question)
            waiting.remove(question)
            question = None
        picked = _PICKED.fullmatch(inbound.picked)
        if picked is not None:
            self._pick(out, inbound, question, (int(picked[1]), int(picked[2])), picked[3])
        elif inbound.kind == "image" and question and question.expects == "picture":
            said = replace(replies.read(""), picture=inbound.value)
            self._follow(out, steps.answer(out, self.rules, question, said, inbound.key), inbound)
        elif inbound.kind == "text":
            self._handle_text(out, inbound, question, waiting)
        elif (route := self._route(inbound)) is not None:  # a click or a scan
            if inbound.kind in ("scan", "follow") and out.menus.scene(inbound.value):
                out.writes.append(scenes.counted(inbound.value, out.who.id, out.now))
            self._open(out, route, inbound, question)
        elif inbound.kind in ("scan", "click"):
            out.say(Saying("common.entry_unknown", {}))
        elif inbound.kind in MEDIA:
            met = self._attended(out, inbound, question)
            met = met or understanding.media(out, inbound, question, _reads)
            self._meet(out, inbound, question, met)

    def _pick(
        self, out: Delivery, inbound: Inbound, question: Conversation | None,
        wait: tuple[int, int], answer: str,
    ) -> None:  # fmt: skip
        """A tap answers the question that it stands below, and no other one."""
        if question is None or (question.id, question.wait_no) != wait:
            out.say(Saying("common.choice_over", {}))
            return
        said = replies.read(answer)
        self._follow(out, steps.answer(out, self.rules, question, said, inbound.key), inbound)

    def _handle_text(
        self, out: Delivery, inbound: Inbound, question: Conversation | None,
        waiting: list[Conversation],
    ) -> None:  # fmt: skip
        said = replies.read(inbound.value)
        word = _word(out.menus, inbound.value, said.normal)
        if said.is_opt_out or said.is_opt_in:  # in any of their spellings, whatever is open
            leave = "opt_out" if said.is_opt_out else "opt_in"
            self._open(out, Route(leave, {}), inbound, question)
        elif word is not None and word.always:
            self._open(out, word.route, inbound, question)
        elif question is not None and self._may_answer(out, question, inbound):
            self._answer(out, question, said, inbound, word)
        elif question is not None and (said.is_yes or said.is_no):
            out.say(
                Saying("common.question_replaced", {"now": understanding.open_now(out, question)})
            )
        elif word is not None and word.route.dialog not in attended.ANSWERED_BY_PEOPLE:
            self._open(out, word.route, inbound, question)
        elif (met := self._attended(out, inbound, question)) is not None:
            self._meet(out, inbound, question, met)
        elif word is not None:
            self._open(out, word.route, inbound, question)
        elif said.is_yes or said.is_no:
            out.say(Saying(self._why_nothing_is_open(out, waiting), {}))
        else:
            met = understanding.unclear(out, said, question, _reads)
            self._meet(out, inbound, question, met)

    def _answer(
        self, out: Delivery, row: Conversation, said: replies.Reply, inbound: Inbound,
        word: Word | None,
    ) -> None:  # fmt: skip
        understood = {
            "yes_no": said.is_yes or said.is_no,
            "number": (said.number is not None or said.is_no) and not choices.is_beyond(row, said),
            "text": word is None or word.loose,
            "picture": word is None or word.loose,
        }[row.expects or "text"]
        if understood and choices.sent_twice(row, said):
            del row.notes[choices.CHOSEN_BY]
            conversations.store(out.tx, row)
            out.say(understanding.again(row))
        elif understood:
            self._follow(out, steps.answer(out, self.rules, row, said, inbound.key), inbound)
        elif word is not None:  # a word with a meaning of its own
            self._open(out, word.route, inbound, row)
        elif row.repeats == 0 and row.dialog not in choices.SOFT:
            self._ask_again(out, row, said, inbound)
        else:
            met = self._attended(out, inbound, row)
            self._meet(out, inbound, row, met or understanding.unclear(out, said, row, _reads))

    def _ask_again(
        self, out: Delivery, row: Conversation, said: replies.Reply, inbound: Inbound
    ) -> None:
        """One helpful repetition; unless something else was meant, which leaves the question."""
        if (safe := understanding.at_once(out, said, _reads)) is not None:
            self._meet(out, inbound, row, Met(opens=safe, met=inbox.GUESSED))
            return
        row.repeats += 1
        conversations.store(out.tx, row)
        out.met = inbox.NOT_UNDERSTOOD
        out.say(understanding.again(row))

    def _meet(
        self, out: Delivery, inbound: Inbound, question: Conversation | None, met: Met
    ) -> None:
        """Answer what was not understood at once."""
        out.met = met.met
        if met.opens is not None:
            self._open(out, met.opens, inbound, question)
        elif met.saying is not None:
            out.say(met.saying)

    def _attended(
        self, out: Delivery, inbound: Inbound, question: Conversation | None
    ) -> Met | None:
        """What was said to a person of ours, where one is there for it and nothing else is open."""
        if question is not None and question.dialog not in choices.SOFT:
            return None
        if inbound.kind == "location":  # what is near them is for us to say
            return None
        return attended.heard(out, inbound, self.rules.handover)

    def _open(
        self, out: Delivery, route: Route, inbound: Inbound, question: Conversation | None
    ) -> None:
        follow_up = steps.open_dialog(out, self.rules, route, question, inbound.key)
        self._follow(out, follow_up, inbound)

    def _follow(self, out: Delivery, route: Route | None, inbound: Inbound) -> None:
        """Open what a step has asked to open next, for whoever the sender is by then."""
        for _ in range(steps.MOST_DIALOGS_IN_A_ROW):
            if route is None:
                return
            out.flush()
            out.who = subscribers.lock(out.tx, inbound.channel, inbound.sender, out.now)
            waiting = conversations.waiting(out.tx, out.who.id)
            question = next((row for row in waiting if row.state == "asking"), None)
            route = steps.open_dialog(out, self.rules, route, question, inbound.key)
        raise RecursionError("dialogs open each other in a circle")

    def _route(self, inbound: Inbound) -> Route | None:
        menus = self.menus()
        match inbound.kind:
            case "text":
                word = _word(menus, inbound.value, replies.normalise(inbound.value))
                return word.route if word else None
            case "click":
                return menus.key(inbound.value)
            case "scan":
                return menus.scene(inbound.value)
            case "follow":
                scene = menus.scene(inbound.value) if inbound.value else None
                return scene or Route("follow", {})
            case "unfollow":
                return Route("unfollow", {})
        return None

    def _may_answer(self, out: Delivery, question: Conversation, inbound: Inbound) -> bool:
        """Not what was said before the question was asked: that answers an older one."""
        asked = question.question or {}
        if inbound.sent_at is None:
            # By SMS nobody says when. A question that has not left yet cannot be meant, nor one
            # that left from another number than the one behind ours that was answered.
            owed = asked.get("owed")
            if owed is not None and inbound.suffix not in ("", submissions.suffix(owed)):
                return False
            return owed is None or outbox.has_left(out.tx, owed)
        if asked.get("heard_at") is not None:  # both by WeChat's clock, in whole seconds
            return inbound.sent_at.timestamp() >= float(asked["heard_at"])
        if question.waiting_since is None:
            return True
        asked_at = question.waiting_since.replace(microsecond=0)
        return inbound.sent_at + self.rules.skew >= asked_at

    def _why_nothing_is_open(self, out: Delivery, waiting: list[Conversation]) -> str:
        if waiting:
            return "common.working"
        if conversations.lapsed(out.tx, out.who.id, out.now):
            return "common.question_expired"
        return "common.nothing_open"


def _word(menus: Menus, text: str, normal: str) -> Word | None:
    """The word that a message is, with what stands behind it as it was typed."""
    word = menus.word(normal)
    if word is not None and word.and_words is not None:
        return word.as_typed(text, replies.normalise)
    return word


def _reads(dialog: str) -> bool:
    return dialog in BY_NAME and BY_NAME[dialog].reads_only
