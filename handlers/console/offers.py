"""Offers of merchants: what they upload is edited, sent back or put live, after an approval.

GET       /offers                 the list; what waits for operations first
GET       /offers/<code>          one: terms, as subscribers see it, what happened to it
GET, POST /offers/<code>/edit     other terms, which the merchant confirms
POST      /offers/<code>/propose  to go live: somebody else approves
GET, POST /offers/<code>/<act>    send back, pause, resume, cut, end, each with a reason
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import abort, url_for

from handlers import offer_terms, offer_words
from handlers.console.forms import Form
from handlers.console.frame import Console, Page, Visit
from handlers.console.listing import Column, Filter, Key, Listing
from handlers.console.words import _
from handlers.offer_terms import COUNT_MAX, FIELDS, PAYS, Known
from models import approvals
from models.approvals import REASON_LENGTH, AlreadyProposed
from models.base import Tx
from models.offers import happening, uploads
from models.offers.happening import WHY_LENGTH, NoWay
from models.offers.stock import LessThanTaken
from models.offers.terms import CONFIRMED, EDITED, ENDED, LIVE, PAUSED, UPLOADED
from models.offers.uploads import KIND, Barred, NoSuchOffer, Upload


@dataclass(frozen=True, slots=True)
class Act:
    """Something that operations does about an offer, with a reason; `only`: from these states."""

    words: str
    about: str
    only: tuple[str, ...]
    do: Callable[[Tx, Visit, Upload, Form], object]
    hurts: bool = False


ACTS: Mapping[str, Act] = {
    "back": Act(
        _("退回"), _("商户会看到原因，改好再上传。"), (UPLOADED, EDITED),
        lambda tx, visit, offer, form: uploads.send_back(
            tx, offer.code, why=form["why"], by=visit.by, now=visit.now
        ),
    ),
    "pause": Act(
        _("暂停"), _("用户不能再兑换；已发出的券照样能用。"), (LIVE,),
        lambda tx, visit, offer, form: uploads.pause(
            tx, offer.code, why=form["why"], by=visit.by, now=visit.now
        ),
        hurts=True,
    ),
    "resume": Act(
        _("恢复"), _("按审批过的条款恢复上架，马上可以兑换。"), (PAUSED,),
        lambda tx, visit, offer, form: uploads.resume(
            tx, offer.code, why=form["why"], by=visit.by, now=visit.now
        ),
    ),
    "cut": Act(
        _("减少总量"), _("只能减少，马上生效；别的改动要改成新版本，由商户确认、再审批。"),
        (LIVE, PAUSED),
        lambda tx, visit, offer, form: uploads.cut(
            tx, offer.code, int(form["total"]), why=form["why"], by=visit.by, now=visit.now
        ),
    ),
    "end": Act(
        _("结束"), _("不能恢复；已发出的券照样能用，照样结算。"),
        tuple(state for state in uploads.NEXT if state != ENDED),
        lambda tx, visit, offer, form: uploads.end(
            tx, offer.code, why=form["why"], by=visit.by, now=visit.now
        ),
        hurts=True,
    ),
}  # fmt: skip


def add_routes(console: Console) -> None:
    """The list, one offer, and what is done about it."""
    console.listing(
        "/offers", LISTING, permission="offers.see", nav=_("优惠"),
        about=_("商户上传的优惠：修改、退回、提交上架、暂停。"),
    )  # fmt: skip

    @console.page("/offers/<code>", permission="offers.see")
    def offer(visit: Visit, code: str) -> Page:
        return _page(visit, _found(visit, code), visit.form("reason"))

    @console.page("/offers/<code>/edit", permission="offers.change", methods=("GET", "POST"))
    def offer_edit(visit: Visit, code: str) -> Page:
        found = _found(visit, code)
        if EDITED not in uploads.NEXT[found.state]:
            abort(404)
        known = _known(visit, found)
        form = visit.form(**(offer_terms.typed(found.terms, known) | {"why": ""}))
        if form.sent and _edited(visit, found, form, known):
            visit.say(_("已修改，等商户确认。"))
            return visit.go("offer", code=code)
        return visit.render(
            "console/offer_form.html", form=form, offer=found, known=known,
            named=offer_words.named,
            kinds=_choices(offer_terms.KIND_WORDS, _("请选择")),
            refunds=[(answer, _(answer)) for answer in ("是", "否")],
            levels=_choices(offer_terms.LEVEL_WORDS, _("都可以")),
            on_shelf=found.state in (LIVE, PAUSED), crumbs=_crumbs(found),
        )  # fmt: skip

    @console.page("/offers/<code>/propose", permission="offers.propose", methods=("POST",))
    def offer_propose(visit: Visit, code: str) -> Page:
        found = _found(visit, code)
        form = visit.form("reason")
        form.need("reason", _("请写明为什么上架"), most=REASON_LENGTH)
        number = _propose(visit, found, form) if form.good else None
        if number is None:
            return _page(visit, found, form)
        visit.say(_("已提出，等另一个人审批，通过后上架。"))
        return visit.go("proposal", number=number)

    @console.page("/offers/<code>/<act>", permission="offers.change", methods=("GET", "POST"))
    def offer_act(visit: Visit, code: str, act: str) -> Page:
        found, deed = _found(visit, code), ACTS.get(act)
        if deed is None or not _may(found, act, deed):
            abort(404)
        form = visit.form("why", total=str(found.terms.total or ""))
        if form.sent and _done(visit, found, act, deed, form):
            visit.say(_("已完成：{words}", words=_(deed.words)))
            return visit.go("offer", code=code)
        return visit.render(
            "console/offer_act.html", form=form, offer=found, deed=deed, name=act,
            crumbs=_crumbs(found),
        )  # fmt: skip


def waiting(visit: Visit) -> int:
    """How many offers wait for operations: uploaded, or confirmed and not yet proposed."""
    if not visit.can("offers.change"):
        return 0
    return visit.read(lambda tx: uploads.waiting(tx, (UPLOADED, CONFIRMED)))


def subject(code: str) -> str:
    """How proposals and the audit name an offer."""
    return f"offer:{code}"


def _page(visit: Visit, found: Upload, form: Form) -> str:
    known = _known(visit, found)
    events = visit.read(lambda tx: happening.events_of(tx, found.code))
    proposal = visit.read(lambda tx: approvals.open_proposal(tx, KIND, subject(found.code)))
    return visit.render(
        "console/offer.html", offer=found, form=form, words=offer_words, proposal=proposal,
        lines=offer_words.shown(found.terms, known),
        seen=offer_words.shown(found.terms, known, inner=False),
        events=[
            (one, offer_words.changes(one.before or {}, one.after or {}, found.terms, known))
            if one.what != happening.UPLOADED else (one, [])
            for one in events
        ],
        may_edit=EDITED in uploads.NEXT[found.state],
        acts={name: deed for name, deed in ACTS.items() if _may(found, name, deed)},
        crumbs=_crumbs(None),
    )  # fmt: skip


def _may(found: Upload, name: str, deed: Act) -> bool:
    if name == "cut" and not found.terms.total:
        return False
    return found.state in deed.only


def _edited(visit: Visit, found: Upload, form: Form, known: Known) -> bool:
    form.at_most("why", WHY_LENGTH)
    terms, errors = offer_terms.read({name: form[name] for name in (*FIELDS, PAYS)}, known)
    for name, words in errors.items():
        form.wrong(name, words)
    if terms is None or form.errors:
        return False
    if found.state in (LIVE, PAUSED) and terms.plain() == found.terms.plain():
        form.wrong("title", _("和现在一样，没有改动"))
        return False
    try:
        visit.change(
            lambda tx: uploads.edit(
                tx, found.code, terms, why=form["why"], by=visit.by, now=visit.now
            )
        )
    except LessThanTaken as less:
        form.wrong("total", _("已经兑换了 {n} 份，总量不能比它少", n=less.taken))
    except NoWay as no_way:
        form.wrong("title", _changed_words(no_way))
    return form.good


def _propose(visit: Visit, found: Upload, form: Form) -> int | None:
    if found.state != CONFIRMED:
        form.wrong("reason", _("商户还没有确认"))
        return None
    payload: dict[str, Any] = {"edition": found.edition, "terms": found.terms.plain()}
    try:
        return visit.change(
            lambda tx: approvals.propose(
                tx, kind=KIND, subject=subject(found.code), payload=payload,
                reason=form["reason"], by=visit.by, now=visit.now,
            )
        ).id  # fmt: skip
    except AlreadyProposed as other:
        form.wrong("reason", _("已经有一份申请在等审批：{n} 号", n=other.proposal_id))
        return None


def _done(visit: Visit, found: Upload, name: str, deed: Act, form: Form) -> bool:
    form.need("why", _("请写明原因"), most=WHY_LENGTH)
    if name == "cut":
        text = form["total"]
        if not (text.isascii() and text.isdigit() and 1 <= int(text[:12]) <= COUNT_MAX):
            form.wrong("total", _("请写 1 到 {most} 的整数", most=f"{COUNT_MAX:,}"))
    if form.errors:
        return False
    try:
        visit.change(lambda tx: deed.do(tx, visit, found, form))
    except LessThanTaken as less:
        form.wrong("total", _("已经兑换了 {n} 份，总量不能比它少", n=less.taken))
    except Barred as bar:
        form.wrong("why", barred_words(bar))
    except NoWay as no_way:
        if name == "cut":
            form.wrong("total", _("要比现在的总量少"))
        else:
            form.wrong("why", _changed_words(no_way))
    return form.good


def barred_words(bar: Barred) -> str:
    """Why a merchant's offers cannot be live now."""
    if bar.why == "rating":
        return _("商户评级是 B-，它的优惠不能上架")
    return _("商户不在合作中，它的优惠不能上架")


def _changed_words(no_way: NoWay) -> str:
    return _("它刚才变了状态：{state}", state=_(offer_words.STATE_WORDS[no_way.state]))


def _choices(words: Mapping[str, str], none: str) -> list[tuple[str, str]]:
    return [("", none), *((code, _(called)) for code, called in words.items())]


def _found(visit: Visit, code: str) -> Upload:
    try:
        return visit.read(lambda tx: uploads.get(tx, code))
    except NoSuchOffer:
        abort(404)


def _known(visit: Visit, found: Upload) -> Known:
    return visit.read(lambda tx: offer_terms.known(tx, found.merchant_code))


def _crumbs(found: Upload | None) -> list[tuple[str, str]]:
    first = [(_("优惠"), url_for("console.offers"))]
    if found:
        first.append((found.terms.title, url_for("console.offer", code=found.code)))
    return first


# -- the list --------------------------------------------------------------------------------------


def _fetch(tx: Tx, filters: Mapping[str, str], key: Key | None, limit: int) -> list[Upload]:
    return uploads.listed(
        tx, state=filters.get("state", ""), words=filters.get("words", ""),
        merchant_code=filters.get("merchant", ""), before=int(str(key[0])) if key else None,
        limit=limit,
    )  # fmt: skip


def _left(one: Upload) -> str:
    return "" if one.terms.total is None else f"{one.terms.total - one.taken}/{one.terms.total}"


LISTING: Listing[Upload] = Listing(
    name="offers",
    words=_("优惠"),
    columns=(
        Column(_("名称"), lambda one: one.terms.title, "link"),
        Column(_("编号"), lambda one: str(one.number), "code"),
        Column(_("商户"), lambda one: one.merchant_name),
        Column(_("类别"), lambda one: _(offer_terms.KIND_WORDS[one.terms.kind])),
        Column(_("价格"), lambda one: offer_words.price_words(one.terms)),
        Column(_("面值（元）"), lambda one: offer_terms.yuan(one.terms.face_fen)),
        Column(_("剩余/总量"), _left),
        Column(_("状态"), lambda one: _(offer_words.STATE_WORDS[one.state])),
    ),
    filters=(
        Filter("state", _("状态"), "choice", tuple(offer_words.STATE_WORDS.items())),
        Filter("words", _("名称、编号或商户")),
        Filter("merchant", _("商户代码")),
    ),
    fetch=_fetch,
    key=lambda one: (one.number,),
    row_link=lambda one: url_for("console.offer", code=one.code),
    empty=_("还没有优惠。"),
)
