"""The one way out over HTTP: pooled sessions that always have a timeout and can be redirected."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit, urlunsplit

import requests
from requests.adapters import DEFAULT_POOLBLOCK, HTTPAdapter
from urllib3.exceptions import MaxRetryError, NewConnectionError

from integrations.errors import CallFailed, Final, TryLater

# Connections kept open per host. Threads beyond it open short-lived ones instead of waiting.
POOL_SIZE = 32
# The longest pause we accept from a Retry-After header.
RETRY_AFTER_MAX_S = 3600.0


def new_session(*, timeout_s: float, moved: Mapping[str, str] | None = None) -> requests.Session:
    """A session whose every request has a timeout and no hidden retries.

    `moved` maps a host to the base URL that stands in for it.
    """
    session = requests.Session()
    adapter = Adapter(timeout_s=timeout_s, moved=moved or {})
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


def move(url: str, moved: Mapping[str, str]) -> str:
    """The URL with its scheme and host replaced, where `moved` knows the host."""
    parts = urlsplit(url)
    base = moved.get(parts.hostname or "")
    if base is None:
        return url
    new = urlsplit(base)
    path = new.path.rstrip("/") + parts.path
    return urlunsplit((new.scheme, new.netloc, path, parts.query, parts.fragment))


class Adapter(HTTPAdapter):
    """Fills in the timeout that libraries forget and sends hard-coded hosts elsewhere."""

    def __init__(self, *, timeout_s: float, moved: Mapping[str, str]) -> None:
        self._timeout_s = timeout_s
        self._moved = moved
        super().__init__(
            pool_connections=POOL_SIZE,
            pool_maxsize=POOL_SIZE,
            max_retries=0,
            pool_block=DEFAULT_POOLBLOCK,
        )

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: float | tuple[float, float] | tuple[float, None] | None = None,
        verify: bool | str = True,
        cert: bytes | str | tuple[bytes | str, bytes | str] | None = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Send one request; the caller's own timeout wins over ours."""
        request.url = move(request.url or "", self._moved)
        return super().send(
            request,
            stream=stream,
            timeout=self._timeout_s if timeout is None else timeout,
            verify=verify,
            cert=cert,
            proxies=proxies,
        )


def from_transport(error: requests.RequestException, *, whom: str) -> TryLater:
    """The network failed on the way to `whom`. Never quotes the error: its text holds the URL,
    and with it tokens, secrets and phone numbers; raise the result `from None` likewise.
    """
    return TryLater(
        f"{whom} did not answer: {type(error).__name__}", maybe_done=not _never_left(error)
    )


def from_status(response: requests.Response, *, whom: str) -> CallFailed:
    """The error for an HTTP status that is not success."""
    status = response.status_code
    if status == 429 or status >= 500:
        return TryLater(
            f"{whom} is busy or broken",
            code=status,
            after_s=retry_after_s(response.headers),
            maybe_done=status >= 500,
        )
    return Final(f"{whom} refused the request", code=status)


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds named by a Retry-After header, or None. Its date form is not used by our partners."""
    value = headers.get("Retry-After", "").strip()
    if not (value.isascii() and value.isdigit()):
        return None
    return min(float(value), RETRY_AFTER_MAX_S)


def _never_left(error: requests.RequestException) -> bool:
    if isinstance(error, requests.ConnectTimeout | requests.exceptions.ProxyError):
        return True
    cause = error.args[0] if error.args else None
    return isinstance(cause, MaxRetryError) and isinstance(cause.reason, NewConnectionError)
