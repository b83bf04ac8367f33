"""What guards every page: security headers, forms that only our own pages can send, cookies.

Forms: a random value stands in a cookie and in each form (double submit, OWASP's CSRF cheat
sheet); another site can send the cookie along but cannot read it.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus

import structlog
from flask import Blueprint, Response, abort, g, request
from markupsafe import Markup
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as BaseResponse

from models.store import Unavailable

log = structlog.get_logger()

FORM_FIELD = "form_key"
SESSION = "circle_session"
_KEY = re.compile(r"[A-Za-z0-9_-]{43}")  # secrets.token_urlsafe(32)
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
# What a browser says of a request that our own page, or the person, has started.
_OWN_SITES = frozenset({"same-origin", "none"})
_PATH = re.compile(r"/[A-Za-z0-9/_.?=&%-]{0,200}")

ErrorPage = Callable[[int], str]


@dataclass(frozen=True, slots=True)
class Guard:
    """Guards the pages of a blueprint. `secure` is whether people reach us by https."""

    secure: bool
    frames: str = ""  # origins that may be shown inside our pages, beside our own

    def protect(self, blueprint: Blueprint, *, error_page: ErrorPage) -> None:
        """Check forms, add headers, and show errors as pages that `error_page` draws."""
        blueprint.before_request(_check_address)
        blueprint.before_request(self._check_form)
        blueprint.after_request(self._finish)
        blueprint.context_processor(lambda: {"form_key": self._form_field})

        def refused(error: HTTPException) -> tuple[str, int]:
            status = error.code or HTTPStatus.BAD_REQUEST
            return error_page(status), status

        def unavailable(error: Unavailable) -> tuple[str, int]:
            log.warning("page not shown", path=request.endpoint, why=str(error))
            return error_page(503), 503

        blueprint.register_error_handler(HTTPException, refused)
        blueprint.register_error_handler(Unavailable, unavailable)

    def dressed(self, page: str) -> Response:
        """A page that no view of the blueprint made, with the same headers."""
        return self._finish(Response(page, mimetype="text/html"))

    def set_cookie(self, answer: BaseResponse, name: str, value: str, *, lasts_s: int) -> None:
        """Give the browser a cookie that no script reads and no other site sends."""
        answer.set_cookie(
            self.cookie_name(name), value, max_age=lasts_s, secure=self.secure, httponly=True,
            samesite="Lax", path="/",
        )  # fmt: skip

    def drop_cookie(self, answer: BaseResponse, name: str) -> None:
        """Take a cookie back."""
        answer.delete_cookie(
            self.cookie_name(name), secure=self.secure, httponly=True, samesite="Lax", path="/"
        )

    def cookie(self, name: str) -> str:
        """What the browser sent for a cookie of ours, "" if nothing."""
        return request.cookies.get(self.cookie_name(name), "")

    def cookie_name(self, name: str) -> str:
        """`__Host-` binds a cookie to this very host, which browsers allow by https only."""
        return f"__Host-{name}" if self.secure else name

    def _check_form(self) -> None:
        if request.method in _SAFE_METHODS:
            return
        site = request.headers.get("Sec-Fetch-Site", "none")
        kept, given = self.cookie("form"), request.form.get(FORM_FIELD, "")
        same = hmac.compare_digest(kept.encode(), given.encode())
        if site not in _OWN_SITES or not same or not _KEY.fullmatch(kept):
            log.info("form refused", path=request.endpoint, site=site[:20])
            abort(403)

    def _form_field(self) -> Markup:
        key = self.cookie("form")
        if not _KEY.fullmatch(key):
            key = g.setdefault("new_form_key", secrets.token_urlsafe(32))
        return Markup('<input type="hidden" name="{}" value="{}">').format(FORM_FIELD, key)

    def _finish(self, answer: Response) -> Response:
        if new := g.get("new_form_key"):
            # As long as the browser is open: a page that was left open overnight still works.
            answer.set_cookie(
                self.cookie_name("form"), new, secure=self.secure, httponly=True, samesite="Lax"
            )
        headers = answer.headers
        # A browser checks where a sent form is redirected to, and what a frame is, by these two.
        own = f"'self' {self.frames}".rstrip()
        headers["Content-Security-Policy"] = (
            "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none';"
            f" frame-ancestors 'self'; form-action {own}; frame-src {own}"
        )
        # "same-origin" keeps one-time links out of foreign logs, and own forms recognisable.
        headers["Referrer-Policy"] = "same-origin"
        headers["X-Content-Type-Options"] = "nosniff"
        headers["Permissions-Policy"] = "camera=(), microphone=(), geolocation=()"
        if self.secure:
            headers["Strict-Transport-Security"] = "max-age=31536000"
        headers.setdefault("Cache-Control", "no-store")  # somebody else may hold the phone next
        return answer


def _check_address() -> None:
    # %00: PostgreSQL takes no such letter, and nothing of ours is called so.
    if "\0" in request.path:
        abort(404)


def local_path(path: str) -> str:
    """`path` if it leads to a page of ours, else "/me": never anybody else's site."""
    return path if _PATH.fullmatch(path) and "//" not in path else "/me"
