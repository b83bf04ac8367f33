"""Clubs in words: levels, terms and progress, which club is meant, and why something cannot be.

The keys stand in menus/texts/clubs.yaml; chat, SMS and pages say the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from dialogs.dialog import Move, Step, Talk
from models import clubs, consents
from models.memberships import Membership, NotAllowed, Progress
from sms.replies import Reply
from sms.segments import units

# What a list may take of the two SMS that it goes out with.
LIST_UNITS = 76
INTRO_UNITS = 40  # of a club's own words, in an SMS

# Why (models/memberships/terms.py) -> key.
REFUSED: Mapping[str, str] = {
    "not_member": "clubs.not_member",
    "opening": "club.still_opening",
    "resting": "clubs.resting",
    "busy": "clubs.busy",
    "no_end": "renew.no_end",
    "too_early": "renew.too_early",
    "no_premium": "premium.none",
    "not_for_sale": "premium.not_for_sale",
    "points": "clubs.points",
    "changed": "clubs.changed",
    "overdue": "suspend.overdue",
    "often": "suspend.often",
    "not_resting": "resume.not_resting",
}
_CLUB = frozenset({"club"})
# Every key, with the placeholders that are filled.
TEXTS: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(REFUSED.values(), _CLUB),
    "renew.too_early": _CLUB | {"starts", "until"},
    "clubs.points": _CLUB | {"have", "price"},
    "suspend.often": _CLUB | {"limit"},
    "clubs.none_yet": frozenset(),
    "clubs.which": frozenset({"doing", "list"}),
    "clubs.which_again": frozenset({"most"}),
    "clubs.never_mind": frozenset(),
}


def refused(name: str, why: NotAllowed) -> tuple[str, dict[str, Any]]:
    """(key, values) of the sentence that says why something cannot be done in a club."""
    key = REFUSED[why.why]
    facts: dict[str, Any] = {"club": name, **why.facts}
    for each in ("starts", "until"):
        if each in facts:
            facts[each] = day(facts[each])
    return key, {each: facts[each] for each in TEXTS[key]}


def refusal(talk: Talk, code: str, why: NotAllowed) -> Move:
    """End, and say why."""
    key, values = refused(clubs.named(talk.tx, code).name, why)
    return talk.end(key, ended_as="failed", **values)


# -- which club ------------------------------------------------------------------------------------


def which(
    talk: Talk, found: Sequence[Membership], *, doing: str, then: Step,
    go: Callable[[Talk, str], Move],
) -> Move:  # fmt: skip
    """Go on with the club that was named, or the only one; else ask for one by its number."""
    if "club" in talk.notes:
        if clubs.find(talk.tx, talk.notes["club"]) is None and talk.notes["club"] not in {
            each.club.code for each in found
        }:
            return talk.end("club.unknown")
        return go(talk, talk.notes["club"])
    if not found:
        return talk.end("clubs.none_yet")
    if len(found) == 1:
        talk.notes["club"] = found[0].club.code
        return go(talk, found[0].club.code)
    lines = that_fit(f"{each.club.name}{_mark(each)}" for each in found)
    talk.notes["listed"] = [each.club.code for each in found[: len(lines)]]
    return talk.ask(
        "clubs.which", again="clubs.which_again", expects="number", then=then, doing=doing,
        list="\n".join(lines), most=len(lines),
    )  # fmt: skip


def picked(talk: Talk, reply: Reply, *, then: Step, go: Callable[[Talk, str], Move]) -> Move:
    """Go on with the club of this number in the list."""
    listed = talk.notes["listed"]
    if reply.number is None or reply.number == 0:
        return talk.end("clubs.never_mind", ended_as="declined")
    if reply.number > len(listed):
        return talk.ask(
            "clubs.which_again", again="clubs.which_again", expects="number", then=then,
            most=len(listed),
        )  # fmt: skip
    talk.notes |= {"club": listed[reply.number - 1], "picked": reply.number}
    return go(talk, talk.notes["club"])


def is_clear(talk: Talk, reply: Reply) -> bool:
    """Whether this is a yes to what was asked, and not the digit before it, sent twice."""
    picked = talk.notes.get("picked")  # in older conversations True, which equals 1
    return reply.is_yes and (picked is None or reply.number != picked)


def that_fit(names: Any) -> list[str]:
    """Numbered lines, as many as two SMS hold."""
    lines: list[str] = []
    for name in names:
        line = f"{len(lines) + 1} {name}"
        if lines and units("\n".join([*lines, line])) > LIST_UNITS:
            break
        lines.append(line)
    return lines


def keep_consent(talk: Talk, reply: Reply, code: str, what: str) -> None:
    """Keep the evidence of what somebody agreed to, or not, about their membership."""
    consents.keep(
        talk.tx, subscriber_id=talk.subscriber.id, subject=consents.to_club(code, what),
        granted=reply.is_yes, question=talk.asked, answer=reply.text, message_key=talk.origin,
        asked_at=talk.asked_at, now=talk.now,
    )  # fmt: skip


# -- words -----------------------------------------------------------------------------------------


def level(one: Membership) -> str:
    """What somebody is in a club."""
    return "高级会员" if one.is_premium else "会员"


def standing(one: Membership) -> str:
    """Level and last day, or what is going on: "高级会员，到2027年3月1日"."""
    if one.state == clubs.OPENING:
        return "正在开通"
    if one.state == clubs.SUSPENDED:
        return "暂停中"
    if one.state != clubs.ACTIVE:
        return "正在办理"
    last = one.premium_until if one.is_premium and one.premium_until else one.ends_on
    return f"{level(one)}，到{day(last)}" if last else level(one)


def _mark(one: Membership) -> str:
    if one.state == clubs.SUSPENDED:
        return "（暂停）"
    if one.state != clubs.ACTIVE:
        return "（办理中）"
    return "（高级）" if one.is_premium else ""


def progress(one: Progress) -> str:
    """How far it is, as a sentence: "近6个月做任务2/5个，用积分800/2000，做到一样就能升级。";
    nothing where nothing counts."""
    parts = []
    if one.tasks_needed is not None:
        parts.append(f"做任务{one.tasks}/{one.tasks_needed}个")
    if one.spent_needed is not None:
        parts.append(f"用积分{one.spent}/{one.spent_needed}")
    return f"近{one.months}个月{'，'.join(parts)}，{reached_by(one)}就能升级。" if parts else ""


def reached_by(one: Progress) -> str:
    """What must become of what counts: either of two things, or the one there is."""
    both = one.tasks_needed is not None and one.spent_needed is not None
    return "做到一样" if both else "用够了" if one.tasks_needed is None else "做够了"


def price_words(fen: int) -> str:
    """What a club costs a month: "每月5元", "免费"."""
    return f"每月{yuan(fen)}元" if fen else "免费"


def yuan(fen: int) -> str:
    """500 -> "5", 550 -> "5.5"."""
    return format((Decimal(fen) / 100).normalize(), "f")


def day(on: date) -> str:
    """2026-12-12 -> "2026年12月12日"; the year, since it may be another."""
    return f"{on.year}年{on.month}月{on.day}日"


def clipped(words: str, most: int = INTRO_UNITS) -> str:
    """The words as an SMS has room for them."""
    return words if units(words) <= most else f"{words[: most - 1]}…"
