"""The WeChat access token: one for all threads and processes, kept in Redis, fetched by one.

current() ── stored and fresh ──▶ use it
    └─ none ─▶ replace(bad) ─▶ lock ─▶ somebody was faster? use theirs : fetch, store
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass

import redis
import requests
import structlog

from integrations.errors import CallFailed, Final, TryLater
from integrations.http import from_status, from_transport
from integrations.wechat_policy import from_code

log = structlog.get_logger()

# Isolated from /cgi-bin/token; asking again returns the same token while it is valid
# (docs: 获取稳定版接口调用凭据).
STABLE_URL = "https://api.weixin.qq.com/cgi-bin/stable_token"
# WeChat hands out the next token from 5 minutes before the end on, and both work meanwhile.
RENEW_EARLY_S = 240
# A forced refresh is allowed 20 times a day, at least 30 s apart (same page): spread them.
FORCE_PAUSE_S = 24 * 3600 // 20
LOCK_POLL_S = 0.02
# Once Redis has failed, nobody waits for it again for so long.
STORE_PAUSE_S = 10.0


@dataclass(frozen=True, slots=True)
class Token:
    """An access token and the Unix time from which it should be renewed."""

    value: str
    renew_at: float


class Tokens:
    """Gives out the current token and replaces a bad one exactly once, whoever asks."""

    def __init__(
        self,
        *,
        app_id: str,
        app_secret: str,
        store: redis.Redis,
        http: requests.Session,
        timeout_s: float,
        now: Callable[[], float],
    ) -> None:
        self._app_id = app_id
        self._app_secret = app_secret
        self._store = store
        self._http = http
        self._timeout_s = timeout_s
        self._now = now
        self._key = f"wechat:token:{app_id}"
        self._own: Token | None = None
        self._store_back_at = float("-inf")
        self._own_forced_at = float("-inf")
        self._here = threading.Lock()

    def current(self) -> str:
        """The token to use now; fetched when there is none. Raises TryLater or Final."""
        token = self._load()
        return token.value if token else self.replace(bad=None)

    def replace(self, *, bad: str | None) -> str:
        """A token other than `bad`. Only one caller fetches, the others get what it fetched."""
        with self._alone():
            token = self._load()
            if token is not None and token.value != bad:
                return token.value
            token = self._fetch(force=False)
            if token.value == bad and self._may_force():
                # WeChat believes in the token that its own API refuses.
                token = self._fetch(force=True)
            self._save(token)
            log.info("wechat token fetched", app_id=self._app_id)
            return token.value

    def _load(self) -> Token | None:
        try:
            # The sync client answers bytes or str; its annotation also covers the async one.
            token = _read(self._ask(lambda store: store.get(self._key)))
        except _StoreDown:
            token = self._own
        return token if token and token.renew_at > self._now() else None

    def _save(self, token: Token) -> None:
        self._own = token
        live_ms = max(1, int((token.renew_at - self._now()) * 1000))
        kept = json.dumps(asdict(token))
        with suppress(_StoreDown):
            self._ask(lambda store: store.set(self._key, kept, px=live_ms))

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the lock of this process, and the one in Redis when Redis is there."""
        wait_s = 2 * self._timeout_s
        if not self._here.acquire(timeout=wait_s):
            raise TryLater("WeChat token: another thread is still fetching it")
        try:
            with self._alone_everywhere(wait_s):
                yield
        finally:
            self._here.release()

    @contextmanager
    def _alone_everywhere(self, wait_s: float) -> Iterator[None]:
        # Two fetches and some air, so that a killed holder does not block others for long.
        lock = self._store.lock(
            f"{self._key}:lock",
            timeout=3 * self._timeout_s,
            blocking_timeout=wait_s,
            sleep=LOCK_POLL_S,
        )
        try:
            held = self._ask(lambda _: lock.acquire())
        except _StoreDown:
            lock = None
            held = True
        if not held:
            raise TryLater("WeChat token: another process is still fetching it")
        try:
            yield
        finally:
            try:
                if lock is not None:
                    lock.release()
            except redis.RedisError as error:
                log.warning("wechat token lock lost", error=type(error).__name__)

    def _may_force(self) -> bool:
        def first(store: redis.Redis) -> object:
            return store.set(f"{self._key}:forced", "1", nx=True, ex=FORCE_PAUSE_S)

        try:
            return bool(self._ask(first))
        except _StoreDown:
            if self._now() - self._own_forced_at < FORCE_PAUSE_S:
                return False
            self._own_forced_at = self._now()
            return True

    def _ask(self, act: Callable[[redis.Redis], object]) -> object:
        """What Redis answers. Raises _StoreDown, for a while without asking once it failed."""
        if self._now() < self._store_back_at:
            raise _StoreDown
        try:
            return act(self._store)
        except redis.RedisError as error:
            self._store_back_at = self._now() + STORE_PAUSE_S
            log.warning("redis down, own wechat token used", error=type(error).__name__)
            raise _StoreDown from error

    def _fetch(self, *, force: bool) -> Token:
        asked = {
            "grant_type": "client_credential",
            "appid": self._app_id,
            "secret": self._app_secret,
            "force_refresh": force,
        }
        try:
            response = self._http.post(STABLE_URL, json=asked)
        except requests.RequestException as error:
            raise from_transport(error, whom="WeChat token") from None
        if not response.ok:
            raise from_status(response, whom="WeChat token")
        try:
            answer = json.loads(response.content)
            if answer.get("errcode"):
                raise self._refused(int(answer["errcode"]), str(answer.get("errmsg", "")))
            value, live_s = str(answer["access_token"]), float(answer["expires_in"])
        except (ValueError, KeyError, TypeError, AttributeError):
            raise TryLater("WeChat token: the answer cannot be read") from None
        return Token(value, self._now() + live_s - min(RENEW_EARLY_S, live_s / 10))

    def _refused(self, code: int, message: str) -> CallFailed:
        failed = from_code(code, message, now_s=self._now())
        if isinstance(failed, Final):
            log.error("wechat token refused, check app_id, app_secret, IP whitelist", code=code)
            # An operator can put the settings right, and then what is owed must still go out.
            return TryLater(failed.detail, code=code, after_s=60.0)
        return failed


class _StoreDown(Exception):
    """Redis does not answer; this process goes on by itself."""


def _read(raw: object) -> Token | None:
    try:
        stored = json.loads(raw) if isinstance(raw, bytes | str) else {}
        return Token(str(stored["value"]), float(stored["renew_at"]))
    except (ValueError, KeyError, TypeError):
        return None
