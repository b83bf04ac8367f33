"""My complaints: what became of each, and a form for a new one.

GET /me/complaints   /me/complaints/<n>   GET, POST /me/complaints/new?serial=    each one's own
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from dialogs import pages as paths
from dialogs.dialog import Complaining
from handlers.member_login import Login
from handlers.office.forms import clean
from models import compensations, complaint_desk, complaints, serials
from models.base import Tx
from models.complaints import Complaint, NotTheirs
from models.hiding import hide_numbers
from models.subscribers import Subscriber, lock_id

SHOWN = 50  # complaints; nobody has more
USED_SHOWN = 6
# As people read them, not as we work with them.
STATES = {
    "received": "正在办理", "with_merchant": "正在请商户核实", "resolved": "已处理好",
    "upheld": "查清了，是商户不对", "rejected": "查过了，这次没有支持",
}  # fmt: skip
GOOD = frozenset({"resolved", "upheld"})
NO_SUCH = "没有找到您的这笔流水号，请核对一下。"
TOO_MANY = "您今天提出的投诉比较多，我们先把前面的办好。着急的话请拨打10086。"
NO_WORDS = "请写下是怎么回事。"
TOO_LONG = f"最多{complaints.WORDS_MAX}个字，请写短一些。"
Page = BaseResponse | str | tuple[str, int]


def add_routes(blueprint: Blueprint, login: Login, limits: Complaining) -> None:
    """All pages about one's own complaints."""

    @blueprint.get(paths.COMPLAINTS)
    def complaints_list() -> Page:
        who = login.who()
        if who is None:
            return login.ask(paths.COMPLAINTS)
        found = login.store.read(lambda tx: complaint_desk.theirs(tx, who, limit=SHOWN))
        return render_template(
            "member/complaints.html", complaints=found, states=STATES, good=GOOD, hide=hide_numbers
        )

    @blueprint.get(f"{paths.COMPLAINTS}/<int:number>")
    def complaint(number: int) -> Page:
        who = login.who()
        if who is None:
            return login.ask(f"{paths.COMPLAINTS}/{number}")
        seen = login.store.read(lambda tx: _one(tx, who, number))
        if seen is None:
            abort(404)
        return render_template("member/complaint.html", states=STATES, good=GOOD, **seen)

    @blueprint.route(f"{paths.COMPLAINTS}/new", methods=("GET", "POST"))
    def complaint_new() -> Page:
        who = login.who()
        given = (request.form if request.method == "POST" else request.args).get("serial", "")
        serial = given.strip() if given.strip().isascii() else ""
        if who is None:
            return login.ask(f"{paths.COMPLAINTS}/new")
        mistakes: dict[str, str] = {}
        words = clean(request.form.get("words", ""))
        if request.method == "POST":
            opened = _open(login, who, serial, words, limits, mistakes)
            if opened is not None:
                return redirect(url_for("member.complaint", number=opened.number), 303)
        used = login.store.read(lambda tx: complaint_desk.used_lately(tx, who, limit=USED_SHOWN))
        page = render_template(
            "member/complaint_new.html", used=used, serial=serial, words=words, mistakes=mistakes,
            most=complaints.WORDS_MAX,
        )  # fmt: skip
        return (page, 400) if mistakes else page


def _open(
    login: Login, who: Subscriber, typed: str, words: str, limits: Complaining,
    mistakes: dict[str, str],
) -> Complaint | None:  # fmt: skip
    """The complaint that was opened, or is open about this already; else what is wrong with it."""
    if not words:
        mistakes["words"] = NO_WORDS
    elif len(words) > complaints.WORDS_MAX:
        mistakes["words"] = TOO_LONG
    if typed and not (typed.isdigit() and len(typed) <= 18):
        mistakes["serial"] = NO_SUCH
    if mistakes:
        return None
    serial, now = int(typed) if typed else None, login.now()

    def work(tx: Tx) -> Complaint | None:
        person = lock_id(tx, who.id)
        again = complaint_desk.open_about(tx, person, serial) if serial is not None else None
        again = again or complaints.opened_since(
            tx, person=person.id, words=words, by=complaints.SUBSCRIBER,
            since=now - complaint_desk.SAME_AGAIN,
        )  # fmt: skip
        if again is not None:
            return again
        if complaint_desk.opened_today(tx, person, now) >= limits.a_day:
            return None
        return complaints.open_one(
            tx, person=person.id, words=words, serial=serial, channel="page", now=now,
            category=complaint_desk.category(tx, person.id, serial), by=complaints.SUBSCRIBER,
            lasts=limits.lasts,
        )  # fmt: skip

    try:
        made = login.store.run(work)
    except NotTheirs:
        mistakes["serial"] = NO_SUCH
        return None
    if made is None:
        mistakes["words"] = TOO_MANY
    return made


def _one(tx: Tx, who: Subscriber, number: int) -> dict[str, Any] | None:
    """A complaint of this person's with what may be told of it, or None: it is not theirs."""
    found = complaint_desk.one_of_theirs(tx, who, number)
    if found is None:
        return None
    closed = [one for one in complaints.events_of(tx, number) if one.what == "moved"]
    because = closed[-1].words if found.closed_at is not None and closed else None
    return {
        "complaint": found,
        "name": complaints.name(number),
        "because": hide_numbers(because or ""),
        "about": serials.about(tx, found.voucher_owner, found.voucher_id),
        "paid": compensations.of(tx, number),
        "theirs": compensations.is_the_payers(tx, found),
    }
