"""Complaints: those that are open, the most urgent first; and one with all that happened to it.

GET /complaints   GET, POST /complaints/<n> with `do`: note, or the state to go to
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from flask import abort, request, url_for

from dialogs import complaint_news
from handlers.console import compensating, person
from handlers.console.forms import Form
from handlers.console.frame import Banner, Console, Page, Visit
from handlers.console.listing import Column, Filter, Key, Listing
from handlers.console.person_words import (
    CATEGORIES,
    CHANNELS,
    COMPLAINT_COLOURS,
    COMPLAINT_STATES,
    complaint_number,
    said_about,
    who_acted,
)  # fmt: skip
from handlers.console.words import _
from models import (
    audit,
    catalogue,
    compensations,
    complaint_desk,
    complaints,
    outbox,
    serials,
)  # fmt: skip
from models.base import Tx
from models.complaints import (
    CLOSED,
    NEXT,
    OPEN,
    UPHELD,
    WITH_MERCHANT,
    Complaint,
    Event,
    NoMerchant,
    NoSuchComplaint,
    NoWay,
)  # fmt: skip

NOTE = "note"
# The words on the button that brings a complaint to a state.
MOVES = {
    "received": _("重新受理"), "with_merchant": _("转给商户"), "resolved": _("已解决"),
    "upheld": _("判定属实"), "rejected": _("判定不成立"),
}  # fmt: skip


def add_routes(console: Console) -> None:
    """The list, a complaint, and what is given for it."""
    compensating.add_routes(console)
    console.listing(
        "/complaints", LISTING, permission="complaints.see", nav=_("投诉"),
        about=_("还没有办完的投诉，最急的在最前面。"),
        template="console/listing_tabs.html",
    )  # fmt: skip
    console.listing(
        "/complaints/closed", CLOSED_LISTING, permission="complaints.see",
        template="console/listing_tabs.html",
    )  # fmt: skip

    @console.page("/complaints/<int:number>", permission="complaints.see", methods=("GET", "POST"))
    def complaint(visit: Visit, number: int) -> Page:
        form = visit.form("words", "merchant")
        do = request.form.get("do", "")
        if form.sent:
            if not visit.can("complaints.open"):
                abort(403)
            if do != NOTE and do not in MOVES:
                abort(400)
            form.need("words", _("请写下经过或原因"), most=complaints.WORDS_MAX)
            if form.good and _act(visit, number, do, form):
                visit.parts.nudges((outbox.REPLY,))
                visit.say(_("已记录。"))
                return visit.go("complaint", number=number)
        try:
            seen = visit.read(lambda tx: _look(tx, number))
        except NoSuchComplaint:
            abort(404)
        return visit.render("console/complaint.html", form=form, **_shown(visit, **seen))


def _act(visit: Visit, number: int, do: str, form: Form) -> bool:
    by, now, words = visit.by, visit.now, form["words"]

    def work(tx: Tx) -> None:
        if do == NOTE:
            after = complaints.note(tx, number, words=words, by=by.login, now=now)
        elif do == UPHELD:
            limits = compensating.limits_of(visit.parts)
            after = compensations.uphold(tx, number, words=words, by=by, limits=limits, now=now)
        else:
            after = complaints.move(
                tx, number, to=do, words=words, by=by.login, now=now,
                merchant=_merchant(tx, form["merchant"]) if do == WITH_MERCHANT else None,
                merchant_lasts=timedelta(hours=visit.parts.settings.complaints.merchant_hours),
            )  # fmt: skip
        if do != NOTE:
            complaint_news.moved(tx, visit.parts.engine, after, because=words, now=now)
        # Why is in the complaint's own events, whose words can be erased at a person's wish.
        audit.write(
            tx, by, action=f"complaint.{'note' if do == NOTE else 'move'}",
            subject=f"complaint:{number}", after={"state": after.state}, now=now,
        )  # fmt: skip

    try:
        visit.change(work)
    except NoWay as no_way:
        state = _(COMPLAINT_STATES[no_way.complaint.state])
        form.wrong("words", _("这个投诉现在是“{state}”，不能这样改", state=state))
    except NoMerchant:
        form.wrong("merchant", _("请写明是哪个商户：商户代码，例如 jinxiu"))
    except NoSuchComplaint:
        abort(404)
    return form.good


def _merchant(tx: Tx, code: str) -> str | None:
    """The code as it was typed, if there is such a merchant."""
    return code if code and catalogue.merchant_name(tx, code) else None


def overdue_banner(visit: Visit) -> Banner | None:
    """Complaints that are past their deadline, for those who answer them."""
    if not visit.can("complaints.open"):
        return None
    late = visit.read(lambda tx: complaint_desk.overdue(tx, visit.now))
    if not late:
        return None
    words = _("有 {n} 个投诉已经超过答复期限。", n=late)
    return Banner(words, url_for("console.complaints"), _("去办理"))


def _look(tx: Tx, number: int) -> dict[str, Any]:
    found = complaints.get(tx, number)
    who = person.called(tx, found.subscriber_id)
    return {
        "found": found, "events": complaints.events_of(tx, number), "who": who,
        "about": serials.about(tx, found.voucher_owner, found.voucher_id),
        "merchant": found.merchant_code and catalogue.merchant_name(tx, found.merchant_code),
        "paid": compensations.of(tx, number), "proposal": compensating.proposed(tx, number),
    }  # fmt: skip


def _shown(
    visit: Visit, *, found: Complaint, events: list[Event], who: str, **more: Any
) -> dict[str, Any]:
    told = [(event, said_about(event.what, event.words)) for event in events]
    return {
        "complaint": found,
        "name": complaint_number(found.number),
        "who": who,
        "words": person.hide_numbers(found.words or _("（内容已删除）")),
        "events": told,
        "by": {event.by: who_acted(event.by) for event in events},
        "state": _(COMPLAINT_STATES[found.state]),
        "states": {name: _(words) for name, words in COMPLAINT_STATES.items()},
        "colour": COMPLAINT_COLOURS.get(found.state, "grey"),
        "category": _(CATEGORIES[found.category]),
        "channel": _(CHANNELS[found.channel]),
        "late": found.is_open and found.deadline < visit.now,
        "may": visit.can("complaints.open"),
        "may_pay": visit.can("compensations.propose")
        and (found.is_open or found.state == UPHELD)
        and more["paid"] is None
        and more["proposal"] is None,
        "moves": [(to, _(MOVES[to])) for to in NEXT[found.state]],
        "crumbs": [(_("投诉"), url_for("console.complaints"))],
        **more,
    }


# -- the list --------------------------------------------------------------------------------------


def _fetch(tx: Tx, filters: Mapping[str, str], key: Key | None, limit: int) -> list[Complaint]:
    after = (_moment(key[0]), int(str(key[1]))) if key else None
    return complaints.waiting(
        tx, limit=limit, after=after, state=filters.get("state"), category=filters.get("category")
    )


def _fetch_closed(
    tx: Tx, filters: Mapping[str, str], key: Key | None, limit: int
) -> list[Complaint]:
    after = (_moment(key[0]), int(str(key[1]))) if key else None
    return complaints.closed(
        tx, limit=limit, after=after, state=filters.get("state"), category=filters.get("category")
    )


def _tabs(visit: Visit) -> Mapping[str, object]:
    return {
        "tabs": [
            (_("没有办完"), url_for("console.complaints"), "complaints"),
            (_("已经办完"), url_for("console.complaints_closed"), "complaints_closed"),
        ]
    }  # fmt: skip


def _moment(part: object) -> datetime:
    if not isinstance(part, datetime):
        raise TypeError("a deadline is a moment")
    return part


LISTING: Listing[Complaint] = Listing(
    name="complaints",
    words=_("投诉"),
    columns=(
        Column(_("编号"), lambda one: complaint_number(one.number), "link"),
        Column(_("截止时间"), lambda one: one.deadline, "time"),
        Column(_("状态"), lambda one: _(COMPLAINT_STATES[one.state])),
        Column(_("类别"), lambda one: _(CATEGORIES[one.category])),
        Column(_("商户"), lambda one: one.merchant_code or "", "code"),
        Column(_("商户答复期限"), lambda one: one.merchant_deadline, "time"),
        Column(_("内容"), lambda one: person.hide_numbers(one.words or "")),
        Column(_("流水号"), lambda one: one.transfer_serial, "code"),
        Column(_("受理人"), lambda one: who_acted(one.opened_by)),
        Column(_("受理时间"), lambda one: one.opened_at, "time"),
    ),
    filters=(
        Filter("state", _("状态"), "choice", tuple((one, COMPLAINT_STATES[one]) for one in OPEN)),
        Filter("category", _("类别"), "choice", tuple(CATEGORIES.items())),
    ),
    fetch=_fetch,
    key=lambda one: (one.deadline, one.number),
    row_link=lambda one: url_for("console.complaint", number=one.number),
    empty=_("没有还没办完的投诉。"),
    beside=_tabs,
)

CLOSED_LISTING: Listing[Complaint] = Listing(
    name="complaints_closed",
    words=_("办完的投诉"),
    columns=(
        Column(_("编号"), lambda one: complaint_number(one.number), "link"),
        Column(_("办完时间"), lambda one: one.closed_at, "time"),
        Column(_("结果"), lambda one: _(COMPLAINT_STATES[one.state])),
        Column(_("类别"), lambda one: _(CATEGORIES[one.category])),
        Column(_("商户"), lambda one: one.merchant_code or "", "code"),
        Column(_("内容"), lambda one: person.hide_numbers(one.words or "")),
        Column(_("受理时间"), lambda one: one.opened_at, "time"),
    ),
    filters=(
        Filter("state", _("结果"), "choice", tuple((one, COMPLAINT_STATES[one]) for one in CLOSED)),
        Filter("category", _("类别"), "choice", tuple(CATEGORIES.items())),
    ),
    fetch=_fetch_closed,
    key=lambda one: (one.closed_at, one.number),
    row_link=lambda one: url_for("console.complaint", number=one.number),
    empty=_("还没有办完的投诉。"),
    beside=_tabs,
)
