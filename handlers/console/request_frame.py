"""Around every request: its id, time, language and errors, and what templates know."""

from __future__ import annotations

import secrets
import time
from http import HTTPStatus
from urllib.parse import quote, urlsplit

import structlog
from flask import Flask, Response, current_app, g, request, url_for
from structlog.contextvars import bind_contextvars, unbind_contextvars

from handlers.console import words
from handlers.console.frame import Console, local
from handlers.console.listing import Filter, plain
from handlers.console.words import _

log = structlog.get_logger()

ROLE_WORDS = {
    "operations": _("运营"),
    "approver": _("审批"),
    "service": _("客服"),
    "analyst": _("分析"),
    "administrator": _("系统管理"),
}
# What a User-Agent has in it, and what people call that; the first that fits counts.
BROWSERS = ("Edg", "OPR", "Firefox", "MicroMessenger", "Chrome", "Safari")
SYSTEMS = ("Windows", "Android", "iPhone", "iPad", "Mac OS X", "Linux")
CALLED = {"Edg": "Edge", "OPR": "Opera", "MicroMessenger": "微信", "Mac OS X": "macOS"}


def protect(console: Console) -> None:
    """Hang all of this on the console's blueprint, before any page."""
    blueprint = console.blueprint

    def begin() -> None:
        # An id of our own: one from outside could be made to look like another request's.
        g.console_request_id = secrets.token_hex(8)
        g.console_now = console.parts.now()
        g.console_began = time.perf_counter()
        bind_contextvars(request_id=g.console_request_id)
        words.speak(_preferred())

    blueprint.before_request(begin)
    blueprint.after_request(_finish)  # what is registered first comes last
    console.guard.protect(blueprint, error_page=console.error_page)

    def broken(error: Exception) -> tuple[str, int]:
        log.error("console page failed", route=request.endpoint, exc_info=error)
        return console.error_page(500), 500

    blueprint.register_error_handler(Exception, broken)
    # By its code, too: the member's pages draw what is not found anywhere (handlers/member.py).
    blueprint.register_error_handler(404, lambda _error: (console.error_page(404), 404))
    blueprint.teardown_request(lambda _error: unbind_contextvars("request_id"))
    blueprint.context_processor(_helpers)


def _finish(answer: Response) -> Response:
    answer.headers["X-Request-Id"] = g.console_request_id
    # Nothing of ours belongs into anybody's frame.
    policy = answer.headers["Content-Security-Policy"]
    answer.headers["Content-Security-Policy"] = policy.replace(
        "frame-ancestors 'self'", "frame-ancestors 'none'"
    )
    visit = g.get("console_visit")
    log.info(
        "console page",
        route=request.endpoint,
        method=request.method,
        status=answer.status_code,
        by=visit.operator.id if visit else None,
        ms=round((time.perf_counter() - g.console_began) * 1000),
    )
    return answer


def _preferred() -> str:
    """Before somebody is known: the language of the address, else of the browser, else Chinese."""
    asked = request.args.get("language", "")
    if asked in words.LANGUAGES:
        return asked
    return request.accept_languages.best_match(words.LANGUAGES) or words.CHINESE


def _helpers() -> dict[str, object]:
    """What every template of the console knows, beside what `Console.draw` gives."""
    return {
        "_": _,
        "ui": _building_blocks(current_app),
        "url": lambda endpoint, **values: url_for(f"console.{endpoint}", **values),
        "language": words.language(),
        "language_tag": words.TAGS[words.language()],
        "moment": words.moment,
        "ago": lambda at: words.ago(at, g.console_now),
        "number": words.number,
        "cell_words": plain,
        "find_choices": find_choices,
        "browser_words": browser_words,
        "role_words": role_words,
        "sorry_words": sorry_words,
        "request_id": g.get("console_request_id", ""),
        "back_here": _back_here(),
    }


def _building_blocks(app: Flask) -> object:
    """The macros of _ui.html; they are the same for everybody, so they are made once."""
    made = app.extensions.get("console_ui")
    if made is None:
        made = app.jinja_env.get_template("console/_ui.html").make_module({"_": _})
        app.extensions["console_ui"] = made
    return made


def _back_here() -> str:
    """This page, for a form in the frame that comes back to it."""
    asked = request.full_path.rstrip("?") if request.method == "GET" else ""
    parts = urlsplit(asked)
    path = quote(parts.path, safe="/%")
    return local(f"{path}?{quote(parts.query, safe='=&%')}" if parts.query else path)


def browser_words(agent: str) -> str:
    """A browser's name and system, as far as its User-Agent tells them."""
    found = [next((one for one in known if one in agent), "") for known in (BROWSERS, SYSTEMS)]
    return " · ".join(CALLED.get(one, one) for one in found if one) or agent[:40] or _("未知")


def find_choices(one: Filter) -> list[tuple[str, str]]:
    """What a filter offers, nothing first."""
    return [("", _("全部")), *((value, _(words)) for value, words in one.choices)]


def role_words(role: str) -> str:
    """A role as people call it."""
    return _(ROLE_WORDS[role]) if role in ROLE_WORDS else role


def sorry_words(status: int) -> tuple[str, str]:
    """A heading and a sentence for an error."""
    match status:
        case HTTPStatus.FORBIDDEN:
            return _("这里您不能进入"), _(
                "您的角色没有这一项权限，或者这个页面放得太久了。需要权限请找系统管理员。"
            )
        case HTTPStatus.NOT_FOUND:
            return _("没有这个页面"), _("网址可能写错了，或者它已经不在了。")
        case HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            return _("内容太大了"), _("请减少一些内容再提交。")
        case HTTPStatus.TOO_MANY_REQUESTS:
            return _("这一小时看得太多了"), _("请过一个小时再看；确有需要请找系统管理员。")
        case HTTPStatus.SERVICE_UNAVAILABLE:
            return _("现在太忙，请稍后再试"), _("什么也没有改变。过一会儿再试一次。")
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return _("出错了，是我们的问题"), _("什么也没有改变。请把下面的请求编号告诉系统管理员。")
    return _("这样不行"), _("请回到上一页，再试一次。")
