"""One person as customer service sees one: who it is, how to reach them, what is open.

Numbers are masked wherever they stand, in what people write as well.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import NoReturn

from flask import abort, redirect, url_for

from handlers.console.frame import Visit
from handlers.console.words import _
from menus.menus import Menus
from models import (
    complaints,
    conversations,
    desk,
    memberships,
    notes,
    points,
    sql,
    subscribers,
    tiers,
)
from models.base import Tx
from models.conversations import Conversation
from models.desk import NoSuchPerson, Way
from models.hiding import hide_numbers as hide_numbers
from models.memberships import Membership
from models.notes import Note
from models.points import Balance
from models.subscribers import Subscriber
from models.vouchers import having
from models.vouchers.having import Held
from sms.numbers import masked

STATUS = {
    "active": _("正常"),
    "blocked": _("已封停"),
    "merged": _("已并入他人"),
    "deleted": _("已删除"),
}
STATUS_COLOURS = {"active": "green", "blocked": "red"}
NOTES_SHOWN = 3
COMPLAINTS_SHOWN = 20
VOUCHERS_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Question:
    """What a person is being asked, or which system they wait for."""

    id: int
    dialog: str
    words: str
    asking: bool  # else it waits for another system
    channel: str
    since: datetime | None
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Person:
    """What stands at the head of a person's page; `number` is as it may be shown."""

    who: Subscriber
    number: str
    since: datetime
    way: Way
    balance: Balance
    tier: str
    clubs: tuple[str, ...]
    questions: tuple[Question, ...]
    complaints: tuple[complaints.Complaint, ...]
    notes: tuple[Note, ...]
    vouchers: tuple[Held, ...]  # that can be used; their codes are not shown
    merged: tuple[int, ...]  # ids that this person has taken over
    whole: bool = False  # the number is shown whole, on this page view alone

    @property
    def id(self) -> int:
        return self.who.id

    @property
    def status(self) -> str:
        return _(STATUS[self.who.status])

    @property
    def colour(self) -> str:
        return STATUS_COLOURS.get(self.who.status, "grey")

    @property
    def is_gone(self) -> bool:
        """Whether they were deleted: what is left is a number without a name."""
        return self.who.status == "deleted"

    @property
    def open_complaints(self) -> int:
        return sum(one.is_open for one in self.complaints)

    def unmasked(self) -> Person:
        """The same with the number whole."""
        return replace(self, number=self.who.msisdn or "", whole=True)


def look(visit: Visit, number: int) -> Person:
    """The person with this id. Who was merged is at the other's page, who is nobody nowhere."""
    shown = visit.read(lambda tx: load(tx, visit, number))
    note_look(visit, shown.id)
    return shown


def present(visit: Visit, number: int) -> Person:
    """The same, for who can be dealt with; a 404 for whoever was deleted, too."""
    shown = look(visit, number)
    return abort(404) if shown.is_gone else shown


def note_look(visit: Visit, number: int) -> None:
    """Note that an operator looks at somebody, once an hour, and count it.

    Ids follow each other, and whoever walks along them would have seen everybody. Beyond the hour's
    measure the answer is a 429.
    """
    if visit.read(lambda tx: desk.seen_lately(tx, number, by=visit.by, now=visit.now)):
        return
    most = visit.parts.settings.desk.people_an_hour
    if not visit.change(
        lambda tx: desk.note_seen(tx, number, most=most, by=visit.by, now=visit.now)
    ):
        abort(429)


def load(tx: Tx, visit: Visit, number: int) -> Person:
    """The same, in a transaction."""
    who, now = found(tx, number), visit.now
    menus = visit.parts.live()
    balance = points.balance(
        tx, who, now=now, expiring_days=visit.parts.settings.points.expiring_days
    )
    standing = tiers.both(tx, who.id, now)
    ids = subscribers.family(tx, who.id)
    return Person(
        who=who,
        number=masked(who.msisdn) if who.msisdn else "",
        since=sql.value(tx, "SELECT created_at FROM subscribers WHERE id = %(id)s", {"id": who.id}),
        way=desk.way(who, now),
        balance=balance,
        tier=standing[0].tier.name if standing else "",
        clubs=tuple(_club(one) for one in memberships.all_of(tx, who)),
        questions=tuple(_question(menus, row) for row in conversations.waiting(tx, who.id)),
        complaints=tuple(complaints.of(tx, ids, COMPLAINTS_SHOWN)),
        notes=tuple(notes.of(tx, ids, NOTES_SHOWN)),
        vouchers=tuple(having.usable(tx, who, now, VOUCHERS_SHOWN)),
        merged=tuple(one for one in ids if one != who.id),
    )


def _club(one: Membership) -> str:
    """A club somebody is in, with what is particular about it."""
    if one.state == "active":
        return _("{club}（高级会员）", club=one.club.name) if one.is_premium else one.club.name
    if one.state == "suspended":
        return _("{club}（暂停）", club=one.club.name)
    return _("{club}（等 BOSS 答复）", club=one.club.name)


def found(tx: Tx, number: int) -> Subscriber:
    """The subscriber with this id; else the answer leads to whoever took over, or to a 404."""
    try:
        return desk.person(tx, number)
    except NoSuchPerson as nobody:
        elsewhere(nobody)


def elsewhere(nobody: NoSuchPerson) -> NoReturn:
    """Lead to the page of the person who took this one over; a 404 where there is none."""
    if nobody.into is None:
        abort(404)
    abort(redirect(url_for("console.subscriber", number=nobody.into), 303))


def crumbs(shown: Person | None = None) -> list[tuple[str, str]]:
    """The way to a page about a person: the search, and the person's own page."""
    way = [(_("查找用户"), url_for("console.subscribers"))]
    if shown is not None:
        words = shown.number or f"#{shown.id}"
        way.append((words, url_for("console.subscriber", number=shown.id)))
    return way


def name_of(who: Subscriber) -> str:
    """How a person is called where somebody must be named: the masked number, or the id."""
    return masked(who.msisdn) if who.msisdn else f"#{who.id}"


def called(tx: Tx, number: int) -> str:
    """The same for an id."""
    return name_of(subscribers.get(tx, number))


def _question(menus: Menus, row: Conversation) -> Question:
    asked, words = row.question or {}, ""
    if row.state == "asking" and asked:
        try:
            words = menus.text(asked["key"], channel="wechat", **asked["values"])
        except KeyError:  # asked in words that the live texts do not have any more
            words = str(asked.get("key", ""))
    return Question(
        row.id, row.dialog, hide_numbers(words), row.state == "asking", row.channel,
        row.waiting_since or row.opened_at, row.expires_at,
    )  # fmt: skip
