"""One request of one person: who it is, what may be done, and how the answer is drawn."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import redis
from flask import request, url_for
from itsdangerous import BadData, URLSafeSerializer
from werkzeug.utils import redirect
from werkzeug.wrappers import Response as BaseResponse

from dialogs.engine import Engine
from dialogs.live import LiveMenus
from handlers.answering import Nudge
from handlers.office import forms
from handlers.office.entrance import Entrance
from handlers.office.forms import Form
from handlers.publishing import Publisher
from integrations.breaker import Breakers
from integrations.live_numbers import LiveNumbers
from integrations.wechat_api import WeChatApi
from models import audit
from models.base import Tx
from models.operators import sessions
from models.operators.accounts import Operator
from models.operators.sessions import Session
from models.operators.vault import Vault
from models.store import Store

if TYPE_CHECKING:
    import settings

Result = TypeVar("Result")
Page = BaseResponse | str | tuple[str, int]


class CannotApply(Exception):
    """Why what was asked cannot be done, in an operator's words; nothing has changed."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What pages work with."""

    store: Store
    vault: Vault
    now: Callable[[], datetime]
    live: LiveMenus
    engine: Engine
    publisher: Publisher
    wechat: WeChatApi
    nudges: Nudge
    counters: redis.Redis
    breakers: Breakers
    numbers: LiveNumbers
    public_url: str
    settings: settings.Settings
    menus_folder: Path

    def seal(self, purpose: str) -> bytes:
        """A key for what leaves us and must come back unchanged; the same in every process."""
        secret = self.settings.wechat.app_secret.encode()
        return hmac.digest(secret, f"console {purpose}".encode(), hashlib.sha256)


@dataclass(frozen=True, slots=True)
class Banner:
    """A sentence above every page, with where to go."""

    words: str
    link: str = ""
    link_words: str = ""


@dataclass(frozen=True, slots=True)
class Visit:
    """The first argument of every view."""

    operator: Operator
    by: audit.By
    now: datetime
    parts: Parts
    session: Session
    draw: Callable[[Any, str, Mapping[str, object]], str]
    entrance: Entrance
    _said: list[str] = field(default_factory=list)
    _forms: list[Form] = field(default_factory=list)

    def can(self, permission: str) -> bool:
        """Whether this person's role has this permission."""
        return self.entrance.may(self.operator.role, permission)

    def render(self, template: str, **values: object) -> str:
        """A page; templates know `visit`, `form_key`, `url`, `_` and the frame's filters."""
        return self.draw(self, template, values)

    def read(self, work: Callable[[Tx], Result]) -> Result:
        """Run `work`, which changes nothing. Raises Unavailable."""
        return self.parts.store.read(work)

    def change(self, work: Callable[[Tx], Result]) -> Result:
        """Run `work` in a transaction, which must have written an audit entry by its end.

        Nothing has happened when it raises Unavailable; sessions.Over, if the operator has been
        put out since this request began, or has another role; AssertionError for one without entry.
        """

        def audited(tx: Tx) -> Result:
            self.hold(tx)
            result = work(tx)
            if not audit.wrote(tx):
                raise AssertionError(f"{request.endpoint} changed something without audit")
            return result

        return self.parts.store.run(audited)

    def hold(self, tx: Tx) -> None:
        """Keep what this person is as it is to the end of a transaction. Raises sessions.Over."""
        sessions.hold(tx, self.session)

    def form(self, *names: str, **first: str) -> Form:
        """The fields of the page's form: as typed if it was sent, else what they are at first.

        A page that is drawn while something is wrong with its form answers with 400.
        """
        typed = request.form if request.method == "POST" else None
        return self.judge(forms.read(typed, names, first))

    def judge(self, form: Form) -> Form:
        """Answer with 400 if this form has mistakes when the page is drawn."""
        self._forms.append(form)
        return form

    def say(self, words: str) -> None:
        """A message at the head of the next page that is drawn."""
        self._said.append(words)

    def go(self, endpoint: str, **values: object) -> BaseResponse:
        """To another page of this place, after a form has done its work."""
        given: dict[str, Any] = dict(values)
        return redirect(url_for(f"{self.entrance.name}.{endpoint}", **given), 303)

    @property
    def said(self) -> list[str]:
        """What `say` was told in this request."""
        return self._said

    @property
    def status(self) -> int:
        """200, or 400 if what was sent has mistakes."""
        return 400 if any(form.errors for form in self._forms) else 200


def write_said(parts: Parts, said: list[str]) -> str:
    """Messages as a cookie carries them to the next page."""
    text: str = _serializer(parts).dumps([words[:300] for words in said[:5]])
    return text


def read_said(parts: Parts, cookie: str) -> list[str]:
    """The messages of a cookie of ours, none of any other."""
    if not cookie:
        return []
    try:
        return [str(words) for words in _serializer(parts).loads(cookie)]
    except BadData:
        return []


def _serializer(parts: Parts) -> URLSafeSerializer:
    return URLSafeSerializer(parts.seal("messages").hex())
