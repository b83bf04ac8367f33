"""My messages, and which notices I want.

GET /me/messages   GET /me/messages/<id>   POST /me/messages/read
GET, POST /me/notices   POST /me/notices/all
"""

from __future__ import annotations

import structlog
from flask import Blueprint, abort, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from dialogs import pages as paths
from handlers.member_login import Login
from models import consents, mailbox, preferences, subscribers
from models.base import Tx
from models.mailbox import PAGE_MARK, Letter
from models.preferences import CHANNELS, IN_WORDS, KINDS
from models.store import Unavailable
from models.subscribers import Subscriber

log = structlog.get_logger()

MOST_COUNTED = 99  # unread messages, in the badge
SNIPPET_CHARS = 60
WAYS = {"sms": "短信", "wechat": "微信"}
# What each kind is about, in a few words beside its name.
ABOUT = {
    "points": "积分到期、等级变化",
    "vouchers": "券快到期、奖品寄送",
    "clubs": "会籍到期、俱乐部消息",
    "activities": "活动提醒和变动",
    "gifts": "别人送您的积分和券",
    "service": "请您评价、问卷",
    "marketing": "优惠和新活动",
}
QUESTION = "网页“通知设置”"
LAST_ID = 2**63 - 1
Page = BaseResponse | str | tuple[str, int]


def add_routes(blueprint: Blueprint, login: Login, messages_a_page: int) -> None:
    """All pages about being told something, and the badge on every page."""
    blueprint.context_processor(lambda: {"unread": lambda: _unread(login)})

    @blueprint.get(paths.MESSAGES)
    def messages() -> Page:
        who = login.who()
        if who is None:
            return login.ask(paths.MESSAGES)
        given = request.args.get("before", "")
        below = int(given) if given.isascii() and given.isdigit() and len(given) < 19 else None
        found = login.store.read(
            lambda tx: mailbox.listed(tx, who.id, limit=messages_a_page + 1, below=below)
        )
        shown = found[:messages_a_page]
        older = shown[-1].id if len(found) > len(shown) else None
        return render_template(
            "member/messages.html", letters=[_line(letter) for letter in shown], older=older,
            first_page=below is None,
        )  # fmt: skip

    @blueprint.get(f"{paths.MESSAGES}/<int:number>")
    def message(number: int) -> Page:
        who, now = login.who(), login.now()
        if who is None:
            return login.ask(f"{paths.MESSAGES}/{number}")
        letter = login.store.read(lambda tx: mailbox.one(tx, who.id, min(number, LAST_ID)))
        if letter is None:
            abort(404)
        if letter.read_at is None:
            login.store.alone(lambda tx: mailbox.mark_read(tx, who.id, now, letter_id=letter.id))
        return render_template(
            "member/message.html", letter=letter, kind=IN_WORDS[letter.kind],
            parts=letter.words.split(PAGE_MARK),
        )  # fmt: skip

    @blueprint.post(f"{paths.MESSAGES}/read")
    def messages_read() -> Page:
        who, now = login.who(), login.now()
        if who is None:
            return login.ask(paths.MESSAGES)
        login.store.alone(lambda tx: mailbox.mark_read(tx, who.id, now))
        return redirect(url_for("member.messages"), 303)

    @blueprint.route(paths.NOTICES, methods=("GET", "POST"))
    def notice_settings() -> Page:
        who = login.who()
        if who is None:
            return login.ask(paths.NOTICES)
        if request.method == "POST":
            _set(login, who)
            return redirect(url_for("member.notice_settings", saved=1), 303)
        wishes = login.store.read(lambda tx: preferences.of(tx, who.id))
        return render_template(
            "member/notices.html", kinds=IN_WORDS, about=ABOUT, ways=WAYS, wishes=wishes,
            opted_out=who.opted_out, saved="saved" in request.args, by_wechat=bool(who.openid),
        )  # fmt: skip

    @blueprint.post(f"{paths.NOTICES}/all")
    def notices_all() -> Page:
        who = login.who()
        if who is None:
            return login.ask(paths.NOTICES)
        wanted = request.form.get("wanted") == "yes"
        login.store.run(lambda tx: _opt(tx, login, who, wanted=wanted))
        return redirect(url_for("member.notice_settings", saved=1), 303)


def _unread(login: Login) -> int:
    """What the badge says: 0 where nobody is signed in."""
    who = login.seen()
    if who is None:
        return 0
    if "unread" not in g:  # a page may say it in two places
        try:
            g.unread = login.store.read(lambda tx: mailbox.unread(tx, who.id))
        except Unavailable:  # the page says so itself, if it needs more than a badge
            g.unread = 0
    return min(int(g.unread), MOST_COUNTED)


def _line(letter: Letter) -> dict[str, object]:
    words = " ".join(letter.words.replace(PAGE_MARK, "").split())
    if len(words) > SNIPPET_CHARS:
        words = words[: SNIPPET_CHARS - 1] + "…"
    return {
        "id": letter.id, "kind": IN_WORDS[letter.kind], "words": words, "at": letter.at,
        "new": letter.read_at is None,
    }  # fmt: skip


def _set(login: Login, who: Subscriber) -> None:
    """Keep what the form says: a box that is not ticked is not wanted."""
    now = login.now()
    wishes = {
        (kind, channel): f"{kind}:{channel}" in request.form
        for kind in KINDS
        for channel in CHANNELS
    }
    closed = [f"{IN_WORDS[k]}{WAYS[c]}" for (k, c), wanted in wishes.items() if not wanted]
    answer = "不收：" + "、".join(closed) if closed else "全都收"

    def work(tx: Tx) -> int:
        held = subscribers.lock_id(tx, who.id)
        return preferences.change(
            tx, held.id, wishes, question=QUESTION, answer=answer,
            origin=f"page:{now.isoformat()}", now=now,
        )  # fmt: skip

    log.info("notices set", subscriber=who.id, changed=login.store.run(work))


def _opt(tx: Tx, login: Login, who: Subscriber, *, wanted: bool) -> None:
    """As 退订 and 恢复 do, with the same evidence."""
    held, now = subscribers.lock_id(tx, who.id), login.now()
    if held.opted_out == (not wanted):
        return
    if wanted:
        subscribers.opt_in(tx, held)
    else:
        subscribers.opt_out(tx, held, now)
    consents.keep(
        tx, subscriber_id=held.id, subject="messages", granted=wanted, question=QUESTION,
        answer="opt in" if wanted else "opt out", message_key=f"page:{now.isoformat()}",
        asked_at=None, now=now,
    )  # fmt: skip
