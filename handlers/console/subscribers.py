"""Find a person: by number in any form, or by the number of a transfer, a complaint or a person.

GET /subscribers   POST /subscribers

What is looked for goes in a form, never in an address: addresses stand in logs and histories. How
often an operator looks for a phone number is counted, and every search is in the audit; a number
that is nobody's is answered as one that is somebody's, by a list.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field

from handlers.console.forms import Form
from handlers.console.frame import Console, Page, Visit
from handlers.console.person import STATUS, name_of
from handlers.console.person_words import PREFIX
from handlers.console.words import _
from models import audit, complaints, desk, points, quotas, subscribers
from models.base import HOUSE, Tx
from models.complaints import NoSuchComplaint
from models.desk import NoSuchPerson
from models.subscribers import Subscriber
from sms.numbers import NotANumber, msisdn

NUMBER, TRANSFER, COMPLAINT, PERSON = "number", "transfer", "complaint", "person"
FIRST_SERIAL = 100_000_001  # transfers count from here; below are people
LONGEST_ID = 18  # digits that a bigint surely holds
QUERY_CHARS_MAX = 60
_MARKED = re.compile(r"(TS|投诉|L|流水|流水号|#|U)[:：#]?([0-9]{1,18})")
_KINDS = {
    PREFIX: COMPLAINT, "投诉": COMPLAINT, "L": TRANSFER, "流水": TRANSFER, "流水号": TRANSFER,
    "#": PERSON, "U": PERSON,
}  # fmt: skip


class Unreadable(ValueError):
    """What was typed is no number of any kind."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody looks for: a kind, and an E.164 number or an id."""

    kind: str
    number: str = ""
    id: int = 0


@dataclass(frozen=True, slots=True)
class Hit:
    """A person that was found; `role` says how they are in a transfer."""

    who: Subscriber
    role: str = ""

    @property
    def name(self) -> str:
        return name_of(self.who)

    @property
    def status(self) -> str:
        return _(STATUS[self.who.status])


@dataclass(frozen=True, slots=True)
class Result:
    """What a search has found; `allowed` False: this hour's searches are used up."""

    hits: tuple[Hit, ...] = ()
    allowed: bool = True
    complaint: int | None = None
    kinds: tuple[str, ...] = field(default=())


def add_routes(console: Console) -> None:
    """The form, and what it finds."""

    @console.page(
        "/subscribers", permission="subscribers.find", methods=("GET", "POST"),
        nav=_("查找用户"), about=_("按号码、流水号或投诉编号找到一个用户，看到发生过的一切。"),
    )  # fmt: skip
    def subscribers(visit: Visit) -> Page:
        form = visit.form("q")
        result = _search(visit, form) if form.sent else None
        return visit.render("console/subscribers.html", form=form, result=result)


def read(typed: str) -> Wanted:
    """What was typed, understood. Raises Unreadable."""
    plain = unicodedata.normalize("NFKC", typed)
    bare = re.sub(r"[\s\-‐-―.()]+", "", plain).upper()
    if marked := _MARKED.fullmatch(bare):
        return Wanted(_KINDS[marked[1]], id=int(marked[2]))
    try:
        return Wanted(NUMBER, number=msisdn(typed))
    except NotANumber:
        if not re.fullmatch(rf"[0-9]{{1,{LONGEST_ID}}}", bare):
            raise Unreadable from None
    found = int(bare)
    return Wanted(TRANSFER if found >= FIRST_SERIAL else PERSON, id=found)


def _search(visit: Visit, form: Form) -> Result | None:
    typed = form.need("q", _("请输入要找的号码或编号"), most=QUERY_CHARS_MAX)
    if not form.good:
        return None
    try:
        wanted = read(typed)
    except Unreadable:
        form.wrong("q", _("没看懂。请输入手机号、流水号、投诉编号（如 TS10001）或用户编号"))
        return None
    result = visit.change(lambda tx: search(tx, visit, wanted))
    if not result.allowed:
        form.wrong("q", _too_often(visit, wanted))
    return result


def _too_often(visit: Visit, wanted: Wanted) -> str:
    limits = visit.parts.settings.desk
    if wanted.kind != NUMBER:
        return _("这一小时看过的用户太多了（{n} 个）。请到下个整点再查", n=limits.people_an_hour)
    return _("这一小时查找号码的次数已用完（{n} 次）。请到下个整点再查，或按流水号、投诉编号查找",
             n=limits.number_searches_an_hour)  # fmt: skip


def search(tx: Tx, visit: Visit, wanted: Wanted) -> Result:
    """Look, count and note that it was looked for; the number itself is not noted."""
    result = _look(tx, visit, wanted)
    after = {"by": wanted.kind, "found": len(result.hits), "allowed": result.allowed}
    seen = [desk.subject(hit.who.id) for hit in result.hits] or [f"search:{wanted.kind}"]
    for subject in seen:
        audit.write(
            tx, visit.by, action="subscriber.find", subject=subject, after=after, now=visit.now
        )
    return result


def _look(tx: Tx, visit: Visit, wanted: Wanted) -> Result:
    if wanted.kind == NUMBER:
        most = visit.parts.settings.desk.number_searches_an_hour
        if not quotas.take(tx, visit.operator.id, quotas.SEARCH, most=most, now=visit.now):
            return Result(allowed=False)
        who = subscribers.find(tx, "sms", wanted.number)
        return Result((Hit(who),) if who else ())
    most = visit.parts.settings.desk.people_an_hour
    if not quotas.take(tx, visit.operator.id, quotas.PEOPLE, most=most, now=visit.now):
        return Result(allowed=False)
    if wanted.kind == TRANSFER:
        return Result(tuple(_of_transfer(tx, wanted.id)))
    if wanted.kind == COMPLAINT:
        try:
            found = complaints.get(tx, wanted.id)
        except NoSuchComplaint:
            return Result()
        hit = _person(tx, found.subscriber_id)
        return Result((Hit(hit),) if hit else (), complaint=found.number)
    hit = _person(tx, wanted.id)
    return Result((Hit(hit),) if hit else ())


def _of_transfer(tx: Tx, serial: int) -> list[Hit]:
    """Who gave and who received, as they are today."""
    hits: dict[int, Hit] = {}
    for leg in points.legs_of(tx, serial):
        for owner, role in ((leg.payer.owner, _("付出")), (leg.payee.owner, _("收到"))):
            who = _person(tx, owner) if owner != HOUSE else None
            if who is not None:
                hits.setdefault(who.id, Hit(who, role))
    return list(hits.values())


def _person(tx: Tx, number: int) -> Subscriber | None:
    """The person with this id, or who took them over."""
    while True:
        try:
            return desk.person(tx, number)
        except NoSuchPerson as nobody:
            if nobody.into is None:
                return None
            number = nobody.into
