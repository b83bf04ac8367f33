"""Who is looking at a page: by WeChat's OAuth2, or by the one-time link of an SMS.

no session ─▶ in WeChat ──▶ OAuth2 ─▶ GET /oauth/callback ──▶ session
           └▶ elsewhere ─▶ "send WD" ─▶ SMS ─▶ GET, then POST /l/<token> ─▶ session
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import redis
import structlog
from flask import Blueprint, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from handlers.guards import SESSION, Guard, local_path
from integrations.errors import CallFailed, Final
from integrations.wechat_api import WeChatApi
from models import page_links, subscribers
from models.base import Tx
from models.store import Store
from models.subscribers import Subscriber

if TYPE_CHECKING:
    import settings

log = structlog.get_logger()

# WeChat's authorisation page answers at once; a person who is asked may read for a while.
LOGIN_LASTS_S = 600
CODE_LENGTH_MAX = 512  # WeChat says nothing of the length of its codes; they have 32 characters
_STATE = re.compile(r"[0-9a-f]{32}")
_TOKEN = re.compile(rf"[A-Za-z0-9]{{{page_links.TOKEN_LENGTH}}}")
_SESSION = re.compile(r"[A-Za-z0-9_-]{43}")
Page = BaseResponse | str | tuple[str, int]

# Anybody can send codes here, and WeChat may be slow to answer: a process asks about one at a time,
# so that the doors keep their threads.
_one_at_a_time = threading.BoundedSemaphore(1)


@dataclass(frozen=True, slots=True)
class Login:
    """Opens and closes sessions."""

    store: Store
    wechat: WeChatApi
    counters: redis.Redis
    guard: Guard
    public_url: str
    limits: settings.Pages
    now: Callable[[], datetime]

    def who(self) -> Subscriber | None:
        """Whose browser this is, or None."""
        session_id = self._session_id()
        if not session_id:
            return None
        g.seen = who = self.store.read(lambda tx: _owner(tx, session_id, self.now()))
        return who

    def seen(self) -> Subscriber | None:
        """Who has been found to look at this page, without looking again; None: nobody yet."""
        who: Subscriber | None = g.get("seen")
        return who

    def session_key(self) -> bytes:
        """What this browser has and nobody else: it seals what its own pages hand to it."""
        return hashlib.sha256(f"seal {self._session_id()}".encode()).digest()

    def ask(self, path: str) -> BaseResponse:
        """Lead somebody without a session to one, and then to `path`."""
        if not is_in_wechat():
            return BaseResponse(
                render_template("member/login.html"), status=403, mimetype="text/html"
            )
        state = secrets.token_hex(16)
        back = f"{self.public_url}{url_for('member.oauth_callback')}"
        answer = redirect(self.wechat.oauth_url(back, state))
        # A cookie of its own for each attempt, since the impatient tap twice. That this browser
        # has it proves that the answer belongs to a question of this browser.
        self.guard.set_cookie(answer, f"login_{state}", path, lasts_s=LOGIN_LASTS_S)
        return answer

    def open(self, tx: Tx, subscriber_id: int) -> str:
        """A new session in place of the browser's old one; returns its id."""
        if old := self._session_id():
            page_links.close_session(tx, old)
        lasts = timedelta(hours=self.limits.session_hours)
        return page_links.open_session(tx, subscriber_id=subscriber_id, lasts=lasts, now=self.now())

    def enter(self, session_id: str, path: str) -> BaseResponse:
        """To the page, with the session."""
        answer = redirect(local_path(path), 303)
        lasts_s = self.limits.session_hours * 3600
        self.guard.set_cookie(answer, SESSION, session_id, lasts_s=lasts_s)
        return answer

    def leave(self) -> BaseResponse:
        """End the browser's session."""
        session_id = self._session_id()
        if session_id:
            self.store.run(lambda tx: page_links.close_session(tx, session_id))
            log.info("page session closed")
        answer = BaseResponse(render_template("member/left.html"), mimetype="text/html")
        self.guard.drop_cookie(answer, SESSION)
        return answer

    def guesses_too_often(self) -> bool:
        """Whether this address has tried too many tokens that are none."""
        try:
            count: Any = self.counters.get(self._counter())
        except redis.RedisError as down:
            return self._allow(down)
        return int(count or 0) >= self.limits.links_an_hour

    def count_guess(self) -> None:
        """Count a token that is none. Good links count nothing: whole towns share an address."""
        try:
            with self.counters.pipeline() as steps:
                steps.incr(self._counter())
                steps.expire(self._counter(), 3600)
                steps.execute()
        except redis.RedisError as down:
            self._allow(down)

    def _allow(self, down: Exception) -> bool:
        log.warning("link tries not counted", why=type(down).__name__)
        return False

    def _counter(self) -> str:
        hour = self.now().strftime("%Y%m%d%H")
        return f"pages:guesses:{hour}:{_neighbourhood(request.remote_addr or '')}"

    def _session_id(self) -> str:
        given = self.guard.cookie(SESSION)
        return given if _SESSION.fullmatch(given) else ""


def is_in_wechat() -> bool:
    """Whether the browser is WeChat's own, or the simulator's pane that stands for it."""
    agent = request.headers.get("User-Agent", "")
    return "MicroMessenger" in agent or bool(g.get("simulates_wechat"))


def add_routes(blueprint: Blueprint, login: Login) -> None:
    """GET /oauth/callback, GET and POST /l/<token>, POST /logout."""

    @blueprint.get("/oauth/callback")
    def oauth_callback() -> Page:
        return _come_back(login)

    @blueprint.get("/l/<token>")
    def link(token: str) -> Page:
        return _look_at(login, token)

    @blueprint.post("/l/<token>")
    def open_link(token: str) -> Page:
        return _use(login, token)

    @blueprint.post("/logout")
    def logout() -> BaseResponse:
        return login.leave()


def _come_back(login: Login) -> Page:
    """From WeChat, with a code that says who it is."""
    state, code = request.args.get("state", ""), request.args.get("code", "")
    name = f"login_{state}" if _STATE.fullmatch(state) else ""
    path = login.guard.cookie(name) if name else ""
    if not path or not 0 < len(code) <= CODE_LENGTH_MAX:
        log.info("login refused", why="unknown state" if not path else "no code")
        return _again(local_path(path), 400)
    if not _one_at_a_time.acquire(blocking=False):
        return _again(local_path(path), 503)
    try:
        openid = login.wechat.oauth_openid(code)
    except CallFailed as failed:
        log.warning("login failed", code=failed.code, final=isinstance(failed, Final))
        return _again(local_path(path), 400 if isinstance(failed, Final) else 503)
    finally:
        _one_at_a_time.release()
    who = login.store.read(lambda tx: subscribers.find(tx, "wechat", openid))
    if who is None or who.msisdn is None:
        return render_template("member/bind.html", path=local_path(path)), 403
    if who.status != "active":
        return render_template("member/blocked.html"), 403
    session_id = login.store.run(lambda tx: login.open(tx, who.id))
    log.info("page session opened", subscriber=who.id, by="wechat")
    answer = login.enter(session_id, path)
    login.guard.drop_cookie(answer, name)
    return answer


def _again(path: str, status: int) -> Page:
    return render_template("member/again.html", path=path), status


def _look_at(login: Login, token: str) -> Page:
    """Only look: previews and virus scanners open links, too.

    A link of ours always works; only who guesses is held up, whole towns share an address.
    """
    found = (
        login.store.read(lambda tx: page_links.look_up(tx, token, login.now()))
        if _TOKEN.fullmatch(token)
        else None
    )
    if found is None:
        if login.guesses_too_often():
            return _broken("often", 429)
        login.count_guess()
        return _broken("unknown", 404)
    if found.usable:
        return render_template("member/link.html", token=token)
    who = login.who()
    if who is not None and who.id == found.subscriber_id:
        # The SMS is tapped again while the session lasts: no reason to send anybody away.
        return redirect(local_path(found.path))
    return _broken("used", 410)


def _use(login: Login, token: str) -> Page:
    if not _TOKEN.fullmatch(token):
        return _look_at(login, token)

    def work(tx: Tx) -> tuple[str, str, int] | None:
        link = page_links.use(tx, token, login.now())
        if link is None:
            return None
        who = subscribers.lock_id(tx, link.subscriber_id)
        return login.open(tx, who.id), link.path, who.id

    opened = login.store.run(work)
    if opened is None:  # used meanwhile, too old or unknown: looking says which
        return _look_at(login, token)
    log.info("page session opened", subscriber=opened[2], by="link")
    return login.enter(opened[0], opened[1])


def _broken(why: str, status: int) -> Page:
    log.info("page link refused", why=why)
    return render_template("member/link_broken.html", why=why), status


def _owner(tx: Tx, session_id: str, now: datetime) -> Subscriber | None:
    owner = page_links.session_owner(tx, session_id, now)
    who = subscribers.get(tx, owner) if owner is not None else None
    return who if who is not None and who.status == "active" else None


def _neighbourhood(address: str) -> str:
    """The address; of IPv6 the /64, since one household has all of it."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if parsed.version == 4:
        return str(parsed)
    return str(ipaddress.ip_network(f"{parsed}/64", strict=False).network_address)
