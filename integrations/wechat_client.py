"""wechatpy with its weak spots closed: shared token, one retry, timeouts, our errors."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import redis
import requests
from wechatpy import WeChatClient
from wechatpy.exceptions import WeChatClientException
from wechatpy.oauth import WeChatOAuth

from integrations.errors import CallFailed, Final, TryLater
from integrations.http import from_status, from_transport, new_session
from integrations.wechat_policy import BAD_TOKEN, from_code
from integrations.wechat_token import Tokens

OFFICIAL_DOMAIN = ".weixin.qq.com"
API_HOST = "api.weixin.qq.com"
PAGE_HOSTS = ("mp.weixin.qq.com", "open.weixin.qq.com")

# docs: 获取临时素材: an image is at most 10 MB, and kept for three days.
MEDIA_URL = f"https://{API_HOST}/cgi-bin/media/get"
MEDIA_PART = 65_536  # bytes read at once
_REFUSED = b"{"  # what no picture begins with

Answer = dict[str, Any]


def moved_hosts(api_base_url: str) -> dict[str, str]:
    """Which of wechatpy's hard-coded hosts are replaced by `api_base_url`.

    Regional hosts of WeChat (sh.api.weixin.qq.com) serve the API only; a stand-in serves all.
    """
    host = urlsplit(api_base_url).hostname or ""
    if host == API_HOST:
        return {}
    if host.endswith(OFFICIAL_DOMAIN):
        return {API_HOST: api_base_url}
    return dict.fromkeys((API_HOST, *PAGE_HOSTS), api_base_url)


def guarded(call: Callable[[], Any], *, now: Callable[[], float]) -> Any:
    """What `call` returns, with wechatpy's and requests' errors as ours.

    A bad token stays a WeChatClientException, so that the client can answer it first.
    """
    try:
        return call()
    except WeChatClientException as error:
        if error.errcode in BAD_TOKEN:
            raise
        raise translated(error, now=now) from None
    except requests.RequestException as error:
        raise from_transport(error, whom="WeChat") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        # wechatpy reads the answer without checking its shape.
        raise TryLater(
            f"WeChat: the answer cannot be read: {type(error).__name__}", maybe_done=True
        ) from None


def translated(error: WeChatClientException, *, now: Callable[[], float]) -> CallFailed:
    """Our error for one of wechatpy's: by WeChat's code, else by the HTTP status."""
    if error.errcode is None:
        return from_status(error.response, whom="WeChat")
    return from_code(int(error.errcode), str(error.errmsg), now_s=now())


class Client(WeChatClient):
    """wechatpy's client; its typed calls (message, menu, tag, ...) all pass _request."""

    def __init__(
        self,
        *,
        app_id: str,
        app_secret: str,
        api_base_url: str,
        store: redis.Redis,
        timeout_s: float,
        now: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(app_id, app_secret, timeout=timeout_s, auto_retry=False)
        self.moved = moved_hosts(api_base_url)
        self._now = now
        self._http = new_session(timeout_s=timeout_s, moved=self.moved)
        self._tokens = Tokens(
            app_id=app_id,
            app_secret=app_secret,
            store=store,
            http=self._http,
            timeout_s=timeout_s,
            now=now,
        )

    @property
    def access_token(self) -> str:
        """The shared token."""
        return self._tokens.current()

    def fetch_access_token(self) -> None:
        """Replace the token for everybody. wechatpy's own way would ask the unstable endpoint."""
        self._tokens.replace(bad=self._tokens.current())

    def _request(self, method: str, url_or_endpoint: str, **kwargs: Any) -> Answer:
        """One call; with a bad token one refresh and one more call, then TryLater."""
        params = kwargs.pop("params", None) or {}

        def once(token: str) -> Answer:
            call = super(Client, self)._request
            with_token = {**params, "access_token": token}
            answer = call(method, url_or_endpoint, params=with_token, **kwargs)
            if isinstance(answer, requests.Response):
                raise TypeError("not JSON")
            return answer  # type: ignore[no-any-return]  # wechatpy has no types

        token = self._tokens.current()
        try:
            return guarded(lambda: once(token), now=self._now)  # type: ignore[no-any-return]
        except WeChatClientException:
            fresh = self._tokens.replace(bad=token)
        try:
            return guarded(lambda: once(fresh), now=self._now)  # type: ignore[no-any-return]
        except WeChatClientException as error:
            raise translated(error, now=self._now) from None

    def picture(self, url: str) -> bytes:
        """The bytes behind a public WeChat URL, fetched by our session."""
        try:
            response = self._http.get(url)
        except requests.RequestException as error:
            raise from_transport(error, whom="WeChat") from None
        if not response.ok:
            raise from_status(response, whom="WeChat")
        return response.content

    def fetch_media(self, media_id: str, *, most: int) -> bytes:
        """The file behind a media id, at most `most` bytes; a refusal comes as JSON instead."""

        def once(token: str) -> bytes:
            asked = {"access_token": token, "media_id": media_id}
            with self._http.get(MEDIA_URL, params=asked, stream=True) as response:
                if not response.ok:
                    raise from_status(response, whom="WeChat")
                found = bytearray()
                for part in response.iter_content(MEDIA_PART):
                    found += part
                    if len(found) > most:
                        raise Final(f"WeChat: a file of more than {most} bytes")
                if found.startswith(_REFUSED):  # JSON, whatever type WeChat gives it
                    said = json.loads(found)
                    raise WeChatClientException(said["errcode"], said.get("errmsg", ""), self)
                return bytes(found)

        token = self._tokens.current()
        try:
            return guarded(lambda: once(token), now=self._now)  # type: ignore[no-any-return]
        except WeChatClientException:
            fresh = self._tokens.replace(bad=token)
        try:
            return guarded(lambda: once(fresh), now=self._now)  # type: ignore[no-any-return]
        except WeChatClientException as error:
            raise translated(error, now=self._now) from None

    def oauth(self, *, redirect_uri: str = "", scope: str = "", state: str = "") -> WeChatOAuth:
        """wechatpy's OAuth2 client on our session instead of one without timeout and pool."""
        oauth = WeChatOAuth(self.appid, self.secret, redirect_uri, scope, state)
        oauth._http = self._http
        return oauth

    def oauth_person(self, code: str) -> Answer:
        """WeChat's answer to an OAuth2 code, `openid` inside. A code works once, for 5 minutes."""
        asked = {
            "appid": self.appid,
            "secret": self.secret,
            "code": code,
            "grant_type": "authorization_code",
        }
        # wechatpy's fetch_access_token insists on fields that we do not use.
        oauth = self.oauth()
        try:
            return guarded(  # type: ignore[no-any-return]
                lambda: oauth._get("sns/oauth2/access_token", params=asked), now=self._now
            )
        except WeChatClientException as error:
            raise translated(error, now=self._now) from None
