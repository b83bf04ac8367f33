"""A merchant's offers: which there are, what became of each, and what its owner does about them.

GET  /offers                      all of them, those to be confirmed or changed first
GET  /offers/<code>               one: its terms, what operations has changed, what happened to it
POST /offers/<code>/confirm       the owner agrees to the terms as they were shown
GET, POST /offers/<code>/change   other terms, for what was sent back or edited
GET, POST /offers/<code>/<act>    pause, resume, end, cut, each with a reason
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import abort, url_for

from handlers import offer_terms, offer_words
from handlers.merchant.frame import Desk, Page, Visit
from handlers.offer_terms import COUNT_MAX, FIELDS, Known
from handlers.office.forms import Form
from models.base import Tx
from models.merchants import staff
from models.offers import happening, uploads
from models.offers.happening import WHY_LENGTH, Event, NoWay
from models.offers.stock import LessThanTaken
from models.offers.terms import CONFIRMED, EDITED, LIVE, MERCHANT, PAUSED, SENT_BACK, UPLOADED
from models.offers.uploads import Barred, ChangedSince, NoSuchOffer, Upload

PEOPLE_MAX = 1000
SHOWN = 200  # offers on the page; the newest
# What waits for the merchant stands first.
_ORDER = (EDITED, SENT_BACK, UPLOADED, CONFIRMED, LIVE, PAUSED)


@dataclass(frozen=True, slots=True)
class Act:
    """Something that an owner does about an offer, with a reason; `only`: from these states."""

    words: str
    about: str
    done: str
    only: tuple[str, ...]
    do: Callable[[Tx, Visit, Upload, Form], object]
    warns: bool = False


ACTS: Mapping[str, Act] = {
    "pause": Act(
        "暂停", "暂停后用户不能再兑换；已经发出的券照样能用。", "已暂停。", (LIVE,),
        lambda tx, visit, offer, form: uploads.pause(
            tx, offer.code, why=form["why"], by=visit.by, now=visit.now, of=MERCHANT
        ),
    ),
    "resume": Act(
        "恢复", "恢复后用户马上可以兑换。", "已恢复。", (PAUSED,),
        lambda tx, visit, offer, form: uploads.resume(
            tx, offer.code, why=form["why"], by=visit.by, now=visit.now, of=MERCHANT
        ),
    ),
    "cut": Act(
        "减少总量", "总量只能减少，马上生效；要加量请让运营改成新版本。", "总量已减少。",
        (LIVE, PAUSED),
        lambda tx, visit, offer, form: uploads.cut(
            tx, offer.code, int(form["total"]), why=form["why"], by=visit.by, now=visit.now
        ),
    ),
    "end": Act(
        "结束", "结束后不能再恢复；已经发出的券照样能用，用完照样结算。", "已结束。",
        (UPLOADED, EDITED, SENT_BACK, CONFIRMED, LIVE, PAUSED),
        lambda tx, visit, offer, form: uploads.end(
            tx, offer.code, why=form["why"], by=visit.by, now=visit.now
        ),
        warns=True,
    ),
}  # fmt: skip


def add_routes(desk: Desk) -> None:
    """The list, one offer, and what is done about it."""

    @desk.page("/offers", permission="offers.see", nav="优惠")
    def offers(visit: Visit) -> Page:
        found = visit.read(
            lambda tx: uploads.listed(tx, merchant_code=visit.staff.merchant_code, limit=SHOWN)
        )
        found.sort(key=lambda one: _ORDER.index(one.state) if one.state in _ORDER else len(_ORDER))
        return visit.render("merchant/offers.html", offers=found, words=offer_words)

    @desk.page("/offers/<code>", permission="offers.see")
    def offer(visit: Visit, code: str) -> Page:
        return _page(visit, _found(visit, code))

    @desk.page("/offers/<code>/confirm", permission="offers.confirm", methods=("POST",))
    def offer_confirm(visit: Visit, code: str) -> Page:
        found = _found(visit, code)
        form = visit.form("edition", "events")
        try:
            visit.change(
                lambda tx: uploads.confirm(
                    tx, found.code, edition=_number(form["edition"]),
                    events=_number(form["events"]), by=visit.by, now=visit.now,
                )
            )  # fmt: skip
        except (ChangedSince, NoWay):
            return _page(visit, _found(visit, code), sorry="它刚才又改过了。请看好再确认。")
        visit.say("已确认。运营审批后就上架。")
        return visit.go("offer", code=code)

    @desk.page("/offers/<code>/change", permission="offers.propose", methods=("GET", "POST"))
    def offer_change(visit: Visit, code: str) -> Page:
        found = _found(visit, code)
        if UPLOADED not in uploads.NEXT[found.state]:
            return _page(visit, found, sorry="它现在不能改。")
        known = _known(visit)
        form = visit.form(**(offer_terms.typed(found.terms, known) | {"why": ""}))
        if form.sent and _changed(visit, found, form, known):
            visit.say("已重新上传，等运营看。")
            return visit.go("offer", code=code)
        return visit.render(
            "merchant/offer_form.html", form=form, known=known, offer=found, terms=offer_terms,
            crumbs=[(found.terms.title, url_for("merchant.offer", code=code))],
        )  # fmt: skip

    @desk.page("/offers/<code>/<act>", permission="offers.propose", methods=("GET", "POST"))
    def offer_act(visit: Visit, code: str, act: str) -> Page:
        found, deed = _found(visit, code), ACTS.get(act)
        if deed is None:
            abort(404)
        if found.state not in deed.only or (act == "cut" and not found.terms.total):
            return _page(visit, found, sorry="现在不能这样做：它的状态已经变了。")
        form = visit.form("why", total=str(found.terms.total or ""))
        if form.sent and _done(visit, found, act, deed, form):
            visit.say(deed.done)
            return visit.go("offer", code=code)
        return visit.render(
            "merchant/offer_act.html", form=form, offer=found, act=deed, name=act,
            crumbs=[(found.terms.title, url_for("merchant.offer", code=code))],
        )  # fmt: skip


def _page(visit: Visit, found: Upload, *, sorry: str = "") -> Page:
    known = _known(visit)
    events = visit.read(lambda tx: happening.events_of(tx, found.code))
    own = visit.read(lambda tx: _logins(tx, visit.staff.merchant_code))
    page = visit.render(
        "merchant/offer.html", offer=found, words=offer_words, sorry=sorry,
        lines=offer_words.shown(found.terms, known),
        differences=_differences(found, events, known), back=_sent_back(found, events),
        events=[(one, _whose(one, own)) for one in events],
        acts={name: act for name, act in ACTS.items() if _may(found, name, act)},
        crumbs=[("优惠", url_for("merchant.offers"))],
    )  # fmt: skip
    return (page, 409) if sorry else page


def _differences(
    found: Upload, events: list[Event], known: Known
) -> list[tuple[str, str, str]]:  # fmt: skip
    """What operations has changed since the merchant last agreed or uploaded."""
    before: dict[str, Any] = {}
    for event in events:  # the newest first
        if event.what in (happening.UPLOADED, happening.CONFIRMED):
            break
        if event.what in (happening.EDITED, happening.REVISED):
            before |= event.before or {}
    whole = found.terms.plain()
    after = {name: whole[name] for name in before if whole[name] != before[name]}
    return offer_words.changes(
        {name: before[name] for name in after}, after, found.terms, known
    )  # fmt: skip


def _logins(tx: Tx, merchant_code: str) -> set[str]:
    return {one.operator.login for one in staff.listed(tx, merchant_code, limit=PEOPLE_MAX)}


def _whose(event: Event, own: set[str]) -> tuple[str, str]:
    """Who did it and why, as a merchant may know: of our people neither their logins nor what
    they tell one another."""
    ours = event.by not in own
    approved = event.what == happening.APPROVED
    return ("和生活圈" if ours else event.by), ("" if approved else event.why)


def _sent_back(found: Upload, events: list[Event]) -> str:
    """Why it was sent back, if it is."""
    if found.state != SENT_BACK:
        return ""
    return next(event.why for event in events if event.what == happening.SENT_BACK)


def _may(found: Upload, name: str, act: Act) -> bool:
    if name == "resume" and found.paused_for != MERCHANT:
        return False
    if name == "cut" and not found.terms.total:
        return False
    return found.state in act.only


def _changed(visit: Visit, found: Upload, form: Form, known: Known) -> bool:
    form.at_most("why", WHY_LENGTH)
    # What was agreed with the operator stays: only operations changes the rate.
    typed = {name: form[name] for name in FIELDS}
    typed |= {"pays": offer_terms.typed(found.terms, known)["pays"]}
    terms, errors = offer_terms.read(typed, known)
    for name, words in errors.items():
        form.wrong(name, words)
    if terms is None or form.errors:
        return False
    try:
        visit.change(
            lambda tx: uploads.upload_again(
                tx, found.code, terms, why=form["why"], by=visit.by, now=visit.now
            )
        )
    except LessThanTaken as less:
        form.wrong("total", f"已经兑换了 {less.taken} 份，总量不能比它少")
    except NoWay:
        form.wrong("title", "它刚才变了状态，现在不能改")
    return form.good


def _done(visit: Visit, found: Upload, name: str, deed: Act, form: Form) -> bool:
    form.need("why", "请写明原因", most=WHY_LENGTH)
    if name == "cut" and not 1 <= _number(form["total"]) <= COUNT_MAX:
        form.wrong("total", "请写一个整数")
    if form.errors:
        return False
    try:
        visit.change(lambda tx: deed.do(tx, visit, found, form))
    except LessThanTaken as less:
        form.wrong("total", f"已经兑换了 {less.taken} 份，总量不能比它少")
    except NoWay:
        form.wrong("total" if name == "cut" else "why", "现在不能这样做：总量要比现在少" if
                   name == "cut" else "它刚才变了状态")  # fmt: skip
    except Barred:
        form.wrong("why", "现在不能恢复：请先联系商户服务 10086")
    return form.good


def _found(visit: Visit, code: str) -> Upload:
    try:
        return visit.read(lambda tx: uploads.get(tx, code, of=visit.staff.merchant_code))
    except NoSuchOffer:
        abort(404)


def _known(visit: Visit) -> Known:
    return visit.read(lambda tx: offer_terms.known(tx, visit.staff.merchant_code))


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0
