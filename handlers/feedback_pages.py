"""My feedback: what became of each, its pictures, and a form for more, which takes pictures, too.

GET /me/feedback   /me/feedback/<n>   /me/feedback/<n>/pictures/<no>     each one's own
GET, POST /me/feedback/new
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, abort, redirect, render_template, request, url_for
from werkzeug.datastructures import FileStorage
from werkzeug.wrappers import Response as BaseResponse

from dialogs import pages as paths
from dialogs import pictures
from dialogs.dialog import Hearing
from dialogs.feedback import STATES
from handlers.guards import SESSION
from handlers.member_login import Login
from handlers.office.forms import clean
from models import feedback, feedback_pictures, subscribers
from models.base import Tx
from models.feedback import CATEGORIES, Feedback
from models.hiding import hide_numbers
from models.subscribers import Subscriber

SHOWN = 50  # nobody says more
ABOUT = dict(zip(CATEGORIES, ("积分", "俱乐部和活动", "商户", "短信和微信", "提建议", "其他"),
                 strict=True))  # fmt: skip
NO_WORDS = "请写下想说的话。"
TOO_LONG = f"最多{feedback.WORDS_MAX}个字，请写短一些。"
TOO_MUCH = "您今天说得比较多，我们先把前面的办好。着急的话请拨打10086。"
TOO_MANY_PICTURES = f"最多{feedback_pictures.MOST}张图片。"
BUSY = "现在传图片的人很多，请过一会儿再试。"
FORM_KB = 64  # of a form beside its pictures
NEW = f"{paths.FEEDBACK}/new"
Page = BaseResponse | str | tuple[str, int]


def make_room(blueprint: Blueprint, login: Login, picture_kb: int) -> None:
    """Let whoever is signed in send pictures; to be called before the forms are looked at."""
    room = (feedback_pictures.MOST * picture_kb + FORM_KB) * 1024

    @blueprint.before_request
    def for_pictures() -> None:
        if request.endpoint == "member.feedback_new" and login.guard.cookie(SESSION):
            request.max_content_length = room


def add_routes(blueprint: Blueprint, login: Login, limits: Hearing, picture_kb: int) -> None:
    """All pages about one's own feedback."""

    @blueprint.get(paths.FEEDBACK)
    def feedback_list() -> Page:
        who = login.who()
        if who is None:
            return login.ask(paths.FEEDBACK)
        found = login.store.read(lambda tx: feedback.of(tx, subscribers.family(tx, who.id), SHOWN))
        return render_template(
            "member/feedback_list.html", found=found, states=STATES, hide=hide_numbers
        )

    @blueprint.get(f"{paths.FEEDBACK}/<int:number>")
    def feedback_one(number: int) -> Page:
        who = login.who()
        if who is None:
            return login.ask(paths.feedback(number))
        seen = login.store.read(lambda tx: _one(tx, who, number))
        if seen is None:
            abort(404)
        return render_template("member/feedback.html", states=STATES, about=ABOUT, **seen)

    @blueprint.get(f"{paths.FEEDBACK}/<int:number>/pictures/<int:no>")
    def feedback_picture(number: int, no: int) -> Page:
        who = login.who()
        if who is None:
            return login.ask(paths.feedback(number))
        jpeg = login.store.read(lambda tx: _picture(tx, who, number, no))
        if jpeg is None:
            abort(404)
        return Response(jpeg, mimetype="image/jpeg")

    @blueprint.route(NEW, methods=("GET", "POST"))
    def feedback_new() -> Page:
        who = login.who()
        if who is None:
            return login.ask(NEW)
        mistakes: dict[str, str] = {}
        words, category = clean(request.form.get("words", "")), request.form.get("category", "")
        if request.method == "POST":
            made = _keep(login, who, category, words, limits, picture_kb, mistakes)
            if made is not None:
                return redirect(url_for("member.feedback_one", number=made.number), 303)
        page = render_template(
            "member/feedback_new.html", words=words, category=category or "other",
            about=ABOUT, mistakes=mistakes, most=feedback.WORDS_MAX,
            most_pictures=feedback_pictures.MOST,
        )  # fmt: skip
        return (page, 400) if mistakes else page


def _keep(
    login: Login, who: Subscriber, category: str, words: str, limits: Hearing, picture_kb: int,
    mistakes: dict[str, str],
) -> Feedback | None:  # fmt: skip
    """What was kept, now or a moment ago; else what is wrong with it."""
    if not words:
        mistakes["words"] = NO_WORDS
    elif len(words) > feedback.WORDS_MAX:
        mistakes["words"] = TOO_LONG
    category = category if category in CATEGORIES else "other"
    jpegs = _pictures(picture_kb, mistakes)
    if mistakes:
        return None
    now = login.now()

    def work(tx: Tx) -> Feedback | None:
        person = subscribers.lock_id(tx, who.id)
        people = subscribers.family(tx, person.id)
        again = feedback.said_again(tx, people, words=words, now=now)
        if again is not None:
            return again
        if feedback.kept_today(tx, people, now) >= limits.a_day:
            return None
        made = feedback.keep(
            tx, person=person.id, category=category, words=words, channel="page",
            lasts=limits.lasts, now=now,
        )  # fmt: skip
        for jpeg in jpegs:
            feedback_pictures.attach(tx, made.number, jpeg, now)
        return made

    made = login.store.run(work)
    if made is None:
        mistakes["words"] = TOO_MUCH
    return made


def _pictures(picture_kb: int, mistakes: dict[str, str]) -> list[bytes]:
    """The pictures of the form, drawn anew; what is wrong with one is said."""
    sent = [one for one in request.files.getlist("pictures") if one.filename]
    if len(sent) > feedback_pictures.MOST:
        mistakes["pictures"] = TOO_MANY_PICTURES
        return []
    found = []
    for no, one in enumerate(sent, start=1):
        try:
            found.append(_redrawn(one, picture_kb))
        except pictures.BadPicture as bad:
            mistakes["pictures"] = f"第{no}张：{bad}。"
        except pictures.Busy:
            mistakes["pictures"] = BUSY
    return found


def _redrawn(file: FileStorage, picture_kb: int) -> bytes:
    data = file.stream.read(picture_kb * 1024 + 1)
    if len(data) > picture_kb * 1024:
        raise pictures.BadPicture(pictures.TOO_LARGE)
    return pictures.redrawn(data, most=feedback_pictures.BYTES_MAX)


def _one(tx: Tx, who: Subscriber, number: int) -> dict[str, Any] | None:
    """Feedback of this person's with what may be told of it, or None: it is not theirs."""
    found = feedback.one_of(tx, subscribers.family(tx, who.id), number)
    if found is None:
        return None
    happened = feedback.events_of(tx, number)
    return {
        "one": found,
        "name": feedback.name(number),
        "added": [event.words for event in happened if event.what == "added"],
        "answers": [
            (event.at, hide_numbers(event.words or "（内容已删除）"))
            for event in happened
            if event.what == "answered"
        ],
        "pictures": feedback_pictures.of(tx, number),
    }


def _picture(tx: Tx, who: Subscriber, number: int, no: int) -> bytes | None:
    if feedback.one_of(tx, subscribers.family(tx, who.id), number) is None:
        return None
    return feedback_pictures.jpeg_of(tx, number, no)
