"""Around every request of a place with accounts: its id, time, language and errors."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from http import HTTPStatus

import structlog
from flask import Response, g, request, url_for
from structlog.contextvars import bind_contextvars, unbind_contextvars

from handlers.office import words
from handlers.office.office import Office
from handlers.office.words import _

log = structlog.get_logger()

# What a User-Agent has in it, and what people call that; the first that fits counts.
BROWSERS = ("Edg", "OPR", "Firefox", "MicroMessenger", "Chrome", "Safari")
SYSTEMS = ("Windows", "Android", "iPhone", "iPad", "Mac OS X", "Linux")
CALLED = {"Edg": "Edge", "OPR": "Opera", "MicroMessenger": "微信", "Mac OS X": "macOS"}


def protect(office: Office, speak: Callable[[], str] = lambda: words.CHINESE) -> None:
    """Hang all of this on the blueprint, before any page. `speak`: in which language at first."""
    blueprint = office.blueprint

    def begin() -> None:
        # An id of our own: one from outside could be made to look like another request's.
        g.office_request_id = secrets.token_hex(8)
        g.office_now = office.parts.now()
        g.office_began = time.perf_counter()
        bind_contextvars(request_id=g.office_request_id)
        words.speak(speak())

    def helpers() -> dict[str, object]:
        name = office.entrance.name
        return {"url": lambda endpoint, **values: url_for(f"{name}.{endpoint}", **values), **HELP}

    blueprint.before_request(begin)
    blueprint.before_request(office.make_room)
    blueprint.after_request(_finish)  # what is registered first comes last
    office.guard.protect(blueprint, error_page=office.error_page)

    def broken(error: Exception) -> tuple[str, int]:
        log.error("page failed", route=request.endpoint, exc_info=error)
        return office.error_page(500), 500

    blueprint.register_error_handler(Exception, broken)
    # By its code, too: the member's pages draw what is not found anywhere (handlers/member.py).
    blueprint.register_error_handler(404, lambda _error: (office.error_page(404), 404))
    blueprint.teardown_request(lambda _error: unbind_contextvars("request_id"))
    blueprint.context_processor(helpers)


def _finish(answer: Response) -> Response:
    answer.headers["X-Request-Id"] = g.office_request_id
    # Nothing of ours belongs into anybody's frame.
    policy = answer.headers["Content-Security-Policy"]
    answer.headers["Content-Security-Policy"] = policy.replace(
        "frame-ancestors 'self'", "frame-ancestors 'none'"
    )
    visit = g.get("office_visit")
    log.info(
        "page answered",
        route=request.endpoint,
        method=request.method,
        status=answer.status_code,
        by=visit.operator.id if visit else None,
        ms=round((time.perf_counter() - g.office_began) * 1000),
    )
    return answer


def browser_words(agent: str) -> str:
    """A browser's name and system, as far as its User-Agent tells them."""
    found = [next((one for one in known if one in agent), "") for known in (BROWSERS, SYSTEMS)]
    return " · ".join(CALLED.get(one, one) for one in found if one) or agent[:40] or _("未知")


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


# What every template of such a place knows, beside what `Office.draw` gives.
HELP: dict[str, object] = {
    "_": _,
    "moment": words.moment,
    "ago": lambda at: words.ago(at, g.office_now),
    "number": words.number,
    "browser_words": browser_words,
    "sorry_words": sorry_words,
}
