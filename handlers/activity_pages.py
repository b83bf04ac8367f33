"""Activities and tasks in a browser: what there is, signing up, giving up, one's own.

GET       /activities             what takes people now, for everybody
GET, POST /activities/<n>         one, and signing up or waiting for a place
GET, POST /activities/<n>/leave   giving it up, after a question
GET       /me/activities          one's own     GET /me/tasks   what is done for points
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog
from flask import Blueprint, abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from dialogs import activity_words, pages
from handlers.member_login import Login
from menus.menus import Menus
from models import subscribers, tasks
from models.activities import joining, looking
from models.activities.joining import NotPossible
from models.activities.looking import Seen
from models.activities.planning import Activity
from models.activities.tables import CAME, GOING, WAITING
from models.base import Tx
from models.subscribers import STRANGER, Subscriber

log = structlog.get_logger()

Page = BaseResponse | str | tuple[str, int]
MOST_SHOWN = 50
# Where a task is done: its event -> (page, what the link says). What is done in the chat alone has
# none; its own words say how.
WAYS = {
    "club_joined": (pages.CLUBS, "看看有哪些俱乐部"),
    "redeemed_first": (pages.OFFERS, "去兑换"),
    "activity_attended": (pages.ACTIVITIES, "看看活动"),
    "friend_invited": (pages.INVITATIONS, "去邀请"),
    "survey_answered": (pages.SURVEYS, "去填问卷"),
}


@dataclass(frozen=True, slots=True)
class Board:
    """What these pages need."""

    login: Login
    menus: Callable[[], Menus]

    def says(self, why: NotPossible) -> str:
        """Why somebody cannot, in words."""
        key, values = activity_words.not_possible(why)
        return self.menus().text(key, channel="wechat", **values)


def add_routes(blueprint: Blueprint, board: Board) -> None:
    """The lists, one activity, and what is done about it."""
    store, login = board.login.store, board.login

    @blueprint.get(pages.ACTIVITIES)
    def activities() -> Page:
        who, now = login.who(), login.now()
        found = store.read(lambda tx: looking.coming(tx, who or STRANGER, now, limit=MOST_SHOWN))
        return render_template("member/activities.html", found=found, who=who, words=activity_words)

    @blueprint.get(f"{pages.ACTIVITIES}/<int:number>")
    def activity(number: int) -> Page:
        return _show(board, number, login.who())

    @blueprint.post(f"{pages.ACTIVITIES}/<int:number>")
    def activity_sign_up(number: int) -> Page:
        return _sign_up(board, number)

    @blueprint.get(f"{pages.ACTIVITIES}/<int:number>/leave")
    def activity_leave(number: int) -> Page:
        who = login.who()
        if who is None:
            return login.ask(pages.activity(number))
        seen = _seen(board, number, who)
        if seen.state not in (GOING, WAITING) or login.now() >= seen.activity.starts_at:
            return redirect(url_for("member.activity", number=number), 303)
        return render_template("member/activity_leave.html", seen=seen, words=activity_words)

    @blueprint.post(f"{pages.ACTIVITIES}/<int:number>/leave")
    def activity_left(number: int) -> Page:
        return _give_up(board, number)

    @blueprint.get(pages.MY_ACTIVITIES)
    def my_activities() -> Page:
        who, now = login.who(), login.now()
        if who is None:
            return login.ask(pages.MY_ACTIVITIES)
        mine, past = store.read(
            lambda tx: (
                looking.mine(tx, who, now, limit=MOST_SHOWN),
                looking.past(tx, who, now, limit=MOST_SHOWN),
            )
        )
        return render_template(
            "member/my_activities.html", mine=mine, past=past, words=activity_words, came=CAME
        )

    @blueprint.get(pages.TASKS)
    def my_tasks() -> Page:
        who, now = login.who(), login.now()
        if who is None:
            return login.ask(pages.TASKS)
        found = store.read(lambda tx: tasks.standings(tx, who, now))
        return render_template("member/tasks.html", found=found, ways=WAYS)


def _seen(board: Board, number: int, who: Subscriber | None) -> Seen:
    """The activity as this person sees it, or a 404."""
    if number >= 10**18:
        abort(404)
    found = board.login.store.read(lambda tx: looking.one(tx, who or STRANGER, number))
    return found or abort(404)


def _show(board: Board, number: int, who: Subscriber | None, *, told: str = "") -> Page:
    seen = _seen(board, number, who)
    now, activity = board.login.now(), seen.activity
    refused: NotPossible | None = None
    try:
        if who is not None:
            board.login.store.read(lambda tx: joining.check(tx, who, activity, now))
        elif not activity.is_open(now):
            refused = NotPossible("closed")
    except NotPossible as why:
        refused = why
    queue_full = not joining.takes_waiting(activity, now)
    page = render_template(
        "member/activity.html", seen=seen, activity=activity, who=who, told=told,
        words=activity_words, terms=_terms(activity), queue_full=queue_full,
        refused=board.says(refused) if refused else "", why=refused.why if refused else "",
        states={"going": GOING, "waiting": WAITING, "came": CAME}, begun=now >= activity.starts_at,
    )  # fmt: skip
    return (page, 409) if told else page


def _sign_up(board: Board, number: int) -> Page:
    who, now = board.login.who(), board.login.now()
    if who is None:
        return board.login.ask(pages.activity(number))
    seen = _seen(board, number, who)
    if request.form.get("terms", "") != _terms(seen.activity):
        told = "时间或地点刚刚有变化，请再看一遍。"
        return _show(board, number, who, told=told)
    wait = request.form.get("wait", "") == "1"

    def work(tx: Tx) -> None:
        held = subscribers.lock_id(tx, who.id)
        joining.sign_up(tx, held, number, wait=wait, channel="page", now=now)

    return _done(board, number, who, work)


def _give_up(board: Board, number: int) -> Page:
    who, now = board.login.who(), board.login.now()
    if who is None:
        return board.login.ask(pages.activity(number))
    _seen(board, number, who)

    def work(tx: Tx) -> None:
        held = subscribers.lock_id(tx, who.id)
        joining.give_up(tx, held, number, now=now)

    return _done(board, number, who, work)


def _done(board: Board, number: int, who: Subscriber, work: Callable[[Tx], Any]) -> Page:
    """Do it, and show how it stands then; a form that is sent twice is no mistake."""
    try:
        board.login.store.run(work)
    except NotPossible as why:
        log.info("activity not possible", subscriber=who.id, activity=number, why=why.why)
        if why.why == "full":  # the button for waiting stands there now
            return _show(board, number, who, told="名额刚刚满了。愿意候补，请点下面的按钮。")
        if why.why not in ("already", "already_waiting"):
            return _show(board, number, who, told=board.says(why))
    return redirect(url_for("member.activity", number=number), 303)


def _terms(activity: Activity) -> str:
    """What is agreed to: another time or place must be seen before."""
    return f"{activity.starts_at.isoformat()} {activity.place}"
