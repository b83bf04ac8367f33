"""Runs one step of a dialog and writes down what it has decided.

step ──▶ ask   the row waits for the person          (state asking)
     ──▶ call  the row waits for another system      (state calling)
     ──▶ end   the row is history; another dialog may open at once
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from dialogs import notices
from dialogs.catalog import BY_NAME, step
from dialogs.delivery import Delivery
from dialogs.dialog import Answer, Ask, Call, End, Move, Rules, Talk
from menus.menus import Route
from models import conversations
from models.conversations import Conversation
from sms.replies import Reply as Said

# A dialog that opens another, which opens another ...: a circle is our bug, and ends here.
MOST_DIALOGS_IN_A_ROW = 4


def open_dialog(
    out: Delivery, rules: Rules, route: Route, question: Conversation | None, origin: str
) -> Route | None:
    """Open a dialog; unless it only reads, it replaces the open question. Returns what follows."""
    dialog = BY_NAME[route.dialog]
    if question is not None and not dialog.reads_only:
        _close(out, question, "replaced")
        conversations.store(out.tx, question)  # at once: the index allows one open question
    row = Conversation(out.who.id, route.dialog, out.channel, out.now, notes=dict(route.notes))
    talk = _talk(out, rules, row, origin)
    return _settle(out, row, talk, dialog.opened(talk))


def answer(out: Delivery, rules: Rules, row: Conversation, said: Said, origin: str) -> Route | None:
    """Give the open question the person's answer. Returns the dialog that follows, if any."""
    row.channel = out.channel  # what comes later goes where the person spoke last
    talk = _talk(out, rules, row, origin)
    move = step(row.dialog, row.step)(talk, said)
    return _settle(out, row, talk, move)


def go_on(out: Delivery, rules: Rules, row: Conversation, said: Answer) -> Route | None:
    """Give a call's conversation what the other system said. Returns what follows, if any."""
    talk = _talk(out, rules, row, f"call:{row.call_id}")
    move = step(row.dialog, row.step)(talk, said)
    follows = _settle(out, row, talk, move)
    out.flush()
    return follows


def lapse(out: Delivery, rules: Rules, row: Conversation) -> Route | None:
    """End a question that nobody answered in time."""
    talk = _talk(out, rules, row, f"lapse:{row.id}:{row.wait_no}")
    move: Move = End(ended_as="expired")
    if row.late_step is not None:
        move = step(row.dialog, row.late_step)(talk)
    follows = _settle(out, row, talk, move)
    out.flush()
    return follows


def _talk(out: Delivery, rules: Rules, row: Conversation, origin: str) -> Talk:
    return Talk(
        tx=out.tx,
        subscriber=out.who,
        notes=dict(row.notes),
        now=out.now,
        rules=rules,
        channel=out.channel,
        menus=out.menus,
        origin=origin,
        asked=row.question["sent"] if row.question else "",
        asked_at=row.waiting_since if row.question else None,
    )


def _settle(out: Delivery, row: Conversation, talk: Talk, move: Move) -> Route | None:
    row.notes = talk.notes
    is_new = row.id == 0
    if is_new and not isinstance(move, End):  # what ends as it opens leaves no row
        row.id = out.new_conversation_id()
    if isinstance(move, Ask):
        _wait(out, row, move.step, move.lasts, "asking")
        row.expects, row.late_step, row.repeats = move.expects, move.late_step, 0
        channel = "sms" if move.saying.via == "sms" or row.channel == "sms" else "wechat"
        row.question = {
            "key": move.saying.key,
            "again": move.again,
            "values": dict(move.saying.values),
            "sent": out.words(move.saying, channel),
            # By WeChat's clock: what was said before this cannot be the answer.
            "heard_at": out.heard_at.timestamp() if out.heard_at else None,
        }
    elif isinstance(move, Call):
        _wait(out, row, move.step, move.lasts, "calling")
        row.question = None
        row.call_id = out.owe_call(move.service, move.arguments, row.id)
    else:
        _close(out, row, move.ended_as)
    out.to_wechats_desk = out.to_wechats_desk or talk.to_wechats_desk
    for saying in talk.said:
        out.say(saying)
    if isinstance(move, Ask) and row.question is not None:
        pick = f"{row.id}.{row.wait_no}" if move.saying.taps else ""
        row.question["owed"] = out.say(replace(move.saying, pick=pick))
    for telling in talk.told:
        notices.add_to(out, telling)
    for service, arguments in talk.effects:
        out.owe_call(service, arguments, None)
    if row.id:
        out.writes.append(conversations.stored(row, new=is_new))
    if isinstance(move, End) and move.then is not None:
        return Route(*move.then)
    return None


def _wait(out: Delivery, row: Conversation, step: str, lasts: Any, state: str) -> None:
    row.state, row.step, row.late_step = state, step, None
    row.wait_no += 1
    row.waiting_since, row.expires_at = out.now, out.now + lasts
    row.ended_as = row.ended_at = None


def _close(out: Delivery, row: Conversation, ended_as: str) -> None:
    row.state, row.ended_as, row.ended_at = "ended", ended_as, out.now
