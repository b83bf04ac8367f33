"""The simulator's browser pane: our own pages, as one person sees them in WeChat or from an SMS.

A page cannot choose its User-Agent, so a cookie says that this browser stands for WeChat's, and
whose it is: member_login.py believes it, and the emulated WeChat logs that person in. Both exist
in development only.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from flask import Blueprint, abort, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from handlers.guards import SESSION, Guard
from handlers.simulator_emulators import Emulators

# Read by the emulators' /connect/oauth2/authorize, too: cookies do not tell ports apart.
WECHAT_OF = "person"
PHONE_OF = "simulated_phone"
COOKIE_LASTS_S = 7 * 86400
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class Link:
    """A piece of a message: plain text, or a link with its address (`url` not empty)."""

    text: str
    url: str = ""


def add_routes(blueprint: Blueprint, guard: Guard, emulators: Emulators) -> None:
    """GET /simulator/open, GET /simulator/blank, POST /simulator/forget; and the cookie's hook."""

    @blueprint.before_app_request
    def stand_for_wechat() -> None:
        if request.cookies.get(WECHAT_OF):
            g.simulates_wechat = True

    @blueprint.get("/simulator/open")
    def open_page() -> BaseResponse | str:
        name, channel = request.args.get("person", ""), request.args.get("channel", "")
        known = {person.name: person for person in emulators.people()}
        if channel not in ("wechat", "sms") or name not in known:
            abort(404)
        url = request.args.get("url", "")
        path = own_path(url)
        if path is None:
            return render_template("simulator/foreign.html", url=url)
        answer = redirect(path)
        _become(answer, guard, name, channel)
        return answer

    @blueprint.get("/simulator/blank")
    def blank() -> str:
        return render_template("simulator/blank.html")

    @blueprint.post("/simulator/forget")
    def forget() -> BaseResponse:
        answer = redirect(url_for("simulator.blank"), 303)
        guard.drop_cookie(answer, SESSION)
        for name in (WECHAT_OF, PHONE_OF):
            answer.delete_cookie(name)
        return answer


def own_path(url: str) -> str | None:
    """The path of a page of ours, or None: the pane opens nothing else."""
    try:
        parts = urlsplit(url)
        here = urlsplit(request.host_url)
        same = parts.netloc == here.netloc or (
            {parts.hostname, here.hostname} <= _LOOPBACK and parts.port == here.port
        )
    except ValueError:  # such as a port that is no number
        return None
    own = parts.scheme in ("http", "https") and same
    if not own or not parts.path.startswith("/") or parts.path.startswith("//"):
        return None
    return parts.path + (f"?{parts.query}" if parts.query else "")


def one_name(asked: str, emulators_url: str) -> str | None:
    """Where to go if this machine was called by another name than the emulators are, else None.

    The browser keeps cookies by name: a login begun at localhost would come back to 127.0.0.1.
    """
    here, there = urlsplit(asked), urlsplit(emulators_url)
    if here.hostname == there.hostname or not {here.hostname, there.hostname} <= _LOOPBACK:
        return None
    port = f":{here.port}" if here.port else ""
    return urlunsplit(here._replace(netloc=f"{there.hostname}{port}"))


def _become(answer: BaseResponse, guard: Guard, name: str, channel: str) -> None:
    """Turn the browser into the one on this person's phone; another phone has other cookies."""
    phone = quote(f"{channel}:{name}", safe="")
    if unquote(request.cookies.get(PHONE_OF, "")) != unquote(phone):
        guard.drop_cookie(answer, SESSION)
    kept = {"max_age": COOKIE_LASTS_S, "httponly": True, "samesite": "Lax"}
    answer.set_cookie(PHONE_OF, phone, **kept)  # type: ignore[arg-type]
    if channel == "wechat":
        answer.set_cookie(WECHAT_OF, quote(name, safe=""), **kept)  # type: ignore[arg-type]
    else:
        answer.delete_cookie(WECHAT_OF)
