"""Whose browser it is: the session behind its cookie, and who acts in a request."""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import timedelta

from flask import g, request
from werkzeug.wrappers import Response as BaseResponse

from handlers.guards import Guard
from handlers.office.entrance import Entrance
from handlers.office.visit import Parts
from models.audit import By
from models.operators import sessions
from models.operators.accounts import Operator
from models.operators.sessions import Limits, Session
from models.operators.sign_in import Caller

# The cookie `known`: failures of others do not lock out a browser that has it (lockouts.py).
KNOWN_LASTS_S = 90 * 24 * 3600
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")  # secrets.token_urlsafe(32)


@dataclass(frozen=True, slots=True)
class Doorkeeper:
    """Reads and writes the session's cookie."""

    parts: Parts
    guard: Guard
    entrance: Entrance

    @property
    def limits(self) -> Limits:
        """How long a session lives."""
        limits = self.parts.settings.console
        return Limits(
            idle=timedelta(minutes=limits.idle_minutes), lasts=timedelta(hours=limits.session_hours)
        )

    def token(self) -> str:
        """The token that the browser sent, "" if it can be none of ours."""
        given = self.guard.cookie(self.entrance.session)
        return given if _TOKEN.fullmatch(given) else ""

    def session(self) -> Session | None:
        """The browser's session, or None."""
        token = self.token()
        if not token:
            return None
        # A part of a page that is asked for every few seconds keeps nobody signed in.
        by_itself = request.method == "GET" and "HX-Request" in request.headers
        return self.parts.store.read(
            lambda tx: sessions.find(
                tx, token, limits=self.limits, now=g.office_now, note=not by_itself,
                admits=self.entrance.roles,
            )
        )  # fmt: skip

    def keep(self, answer: BaseResponse, token: str) -> None:
        """Give the browser a session's token, in place of what it had."""
        lasts_s = self.parts.settings.console.session_hours * 3600
        self.guard.set_cookie(answer, self.entrance.session, token, lasts_s=lasts_s)

    def forget(self, answer: BaseResponse) -> None:
        """Take the token back."""
        self.guard.drop_cookie(answer, self.entrance.session)

    def by(self, who: Operator) -> By:
        """Who acts in this request."""
        return By(who.id, who.login, who.role, g.office_request_id, request.remote_addr or "")

    def caller(self, login: str) -> Caller:
        """Where this request of whoever says to be `login` comes from."""
        agent, known = request.user_agent.string, self._knows(login)
        return Caller(g.office_request_id, request.remote_addr or "", agent, known)

    def remember(self, answer: BaseResponse, login: str) -> None:
        """Have the browser say from now on that this login has signed in with it."""
        if not self._knows(login):
            self.guard.set_cookie(
                answer, self.entrance.known, self._mark(login), lasts_s=KNOWN_LASTS_S
            )

    def _knows(self, login: str) -> bool:
        return hmac.compare_digest(
            self.guard.cookie(self.entrance.known).encode(), self._mark(login).encode()
        )

    def _mark(self, login: str) -> str:
        named = login.strip().lower().encode(errors="replace")
        return hmac.digest(self.parts.seal("known browsers"), named, hashlib.sha256).hex()
