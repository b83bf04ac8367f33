"""Twilio: send and find by REST, check its signatures, keep its statuses in order.

    queued < accepted < sending < sent < delivered | undelivered | failed | canceled | read

For other countries, tests and roaming: Twilio offers no two-way SMS in mainland China.
"""

from __future__ import annotations

import hmac
import logging
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit, urlunsplit

import requests
from requests.adapters import HTTPAdapter
from twilio.base.exceptions import TwilioException, TwilioRestException, TwilioServiceException
from twilio.http import HttpClient
from twilio.http.response import Response
from twilio.request_validator import RequestValidator
from twilio.rest import Client
from urllib3.exceptions import MaxRetryError, NewConnectionError

from sms import segments
from sms.errors import OptedOut, Refused, SmsFailed, TryLater, Unknown
from sms.gateways import Outgoing, Sent

# Connections kept open; threads beyond it open short-lived ones instead of waiting.
POOL_SIZE = 32
RETRY_AFTER_MAX_S = 3600.0
# How many messages to one number find() looks through, newest first; one page of Twilio's.
FIND_MAX = 200
# Twilio stamps whole seconds by its own clock, which may differ from ours.
CLOCK_SKEW = timedelta(seconds=5)

# twilio.com/docs/api/errors
OPTED_OUT_CODE = 21610
# 20429 too many requests; 21611 the sender's queue is full.
BUSY_CODES = frozenset({20429, 21611})

STATUS_RANKS: Mapping[str, int] = {
    "queued": 1,
    "accepted": 2,
    "sending": 3,
    "sent": 4,
    "delivered": 5,
    "undelivered": 5,
    "failed": 5,
    "canceled": 5,
    "read": 6,
}
FINAL_RANK = 5
DEFAULT_PORTS = {"http": 80, "https": 443}


class Twilio:
    """Twilio as a Gateway (sms/gateways.py)."""

    name = "twilio"

    def __init__(
        self,
        *,
        account_sid: str,
        auth_token: str,
        from_number: str,
        api_base_url: str,
        status_callback_url: str,
        timeout_s: float = 10.0,
    ) -> None:
        self._from_number = from_number
        self._status_callback_url = status_callback_url
        self._client = Client(
            account_sid, auth_token, http_client=_Http(base_url=api_base_url, timeout_s=timeout_s)
        )

    def send(self, message: Outgoing) -> Sent:
        """Submit once. Raises TryLater, Unknown (then find before sending again), Refused."""
        try:
            taken = self._client.messages.create(
                to=message.to,
                from_=self._from_number,
                body=message.text,
                status_callback=self._callback_url(message.id),
            )
        except requests.RequestException as error:
            # `from None`: the error's text holds the URL, and it may hold a whole phone number.
            raise _from_transport(error) from None
        except TwilioException as error:
            raise _from_answer(error) from None
        except (ValueError, KeyError, TypeError, AttributeError):
            raise Unknown("Twilio: the answer to a submitted message cannot be read") from None
        return _sent(taken, message.text)

    def find(
        self, message: Outgoing, since: datetime, *, taken: Collection[str] = ()
    ) -> Sent | None:
        """The oldest message of this text to this number since then that is not in `taken`."""
        try:
            # Not filtered by DateSent at Twilio: a message still queued there has none.
            listed = self._client.messages.list(
                to=message.to, from_=self._from_number, limit=FIND_MAX, page_size=FIND_MAX
            )
        except _Busy as busy:
            raise _from_answer(busy) from None
        except (requests.RequestException, TwilioException) as error:
            raise TryLater(f"Twilio: cannot look a message up: {type(error).__name__}") from None
        except (ValueError, KeyError, TypeError, AttributeError):
            raise TryLater("Twilio: the list of messages cannot be read") from None
        earliest = since - CLOCK_SKEW
        same = [
            one
            for one in listed
            if one.sid
            and one.sid not in taken
            and (one.direction or "").startswith("outbound")
            and (one.body or "").strip() == message.text.strip()
            and _made_at(one) >= earliest
        ]
        return _sent(min(same, key=_made_at), message.text) if same else None

    def _callback_url(self, owed_id: str) -> str:
        parts = urlsplit(self._status_callback_url)
        query = urlencode([*parse_qsl(parts.query), ("owed", owed_id)])
        return urlunsplit(parts._replace(query=query))


def signature_is_good(
    url: str, form: Mapping[str, str], signature: str | None, auth_token: str
) -> bool:
    """Whether Twilio signed this form for this URL, which is the configured public one.

    Twilio signs some URLs with their port and some without, so both are good, as in its own
    libraries (twilio.com/docs/usage/security).
    """
    validator = RequestValidator(auth_token)
    given = (signature or "").encode("utf-8", "replace")
    good = False
    for candidate in _with_and_without_port(urlsplit(url)):
        right = str(validator.compute_signature(candidate, form)).encode()
        good |= hmac.compare_digest(right, given)
    return good


def status_rank(status: str | None) -> int:
    """How far along a status is; 0 for none or an unknown one."""
    return STATUS_RANKS.get(status or "", 0)


def settle(old: str | None, new: str) -> str:
    """The status to keep of two: receipts come late and in any order, a final one stays.

    Only "read" may follow "delivered".
    """
    if status_rank(old) >= FINAL_RANK and (old, new) != ("delivered", "read"):
        return old or new
    return new if status_rank(new) > status_rank(old) or not old else old


class _Http(HttpClient):
    """Twilio's transport on our session: base URL, timeout, pool; no retries, no logged URLs."""

    def __init__(self, *, base_url: str, timeout_s: float) -> None:
        super().__init__(logging.getLogger(__name__), False, timeout_s)
        self._base = urlsplit(base_url)
        self._timeout_s = timeout_s
        self._session = requests.Session()
        adapter = HTTPAdapter(POOL_SIZE, POOL_SIZE, max_retries=0)
        self._session.mount("https://", adapter)
        self._session.mount("http://", adapter)

    def request(
        self,
        method: str,
        uri: str,
        params: Mapping[str, Any] | None = None,
        data: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,
        allow_redirects: bool = False,
    ) -> Response:
        """One request to the configured base URL, whatever host the library has in mind."""
        parts = urlsplit(uri)
        path = self._base.path.rstrip("/") + parts.path
        answer = self._session.request(
            method.upper(),
            urlunsplit((self._base.scheme, self._base.netloc, path, parts.query, "")),
            params=params,
            data=data,
            headers=headers,
            auth=auth,
            timeout=timeout or self._timeout_s,
            allow_redirects=allow_redirects,
        )
        if answer.status_code == 429 or answer.status_code >= 500:
            raise _Busy(answer.status_code, _retry_after_s(answer.headers))
        return Response(
            answer.status_code, answer.content.decode("utf-8", "replace"), answer.headers
        )


class _Busy(TwilioException):
    """The answer that asks for patience; the library would lose its Retry-After."""

    def __init__(self, status: int, after_s: float | None) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status
        self.after_s = after_s


def _from_transport(error: requests.RequestException) -> SmsFailed:
    cause = error.args[0] if error.args else None
    refused = isinstance(cause, MaxRetryError) and isinstance(cause.reason, NewConnectionError)
    if refused or isinstance(error, requests.ConnectTimeout | requests.exceptions.ProxyError):
        return TryLater(f"Twilio cannot be reached: {type(error).__name__}")
    return Unknown(f"Twilio did not answer: {type(error).__name__}")


def _from_answer(error: TwilioException) -> SmsFailed:
    if isinstance(error, _Busy):
        return TryLater("Twilio is busy or broken", code=error.status, after_s=error.after_s)
    if not isinstance(error, TwilioRestException | TwilioServiceException):
        return Refused(f"Twilio: {type(error).__name__}")
    code = error.code if isinstance(error.code, int) else error.status
    if code == OPTED_OUT_CODE:
        return OptedOut("Twilio: the receiver has opted out", code=code)
    if code in BUSY_CODES:
        return TryLater("Twilio asks to slow down", code=code)
    # Twilio's own words are left out: some of them quote the number.
    return Refused(f"Twilio refused with HTTP {error.status}", code=code)


def _sent(taken: Any, text: str) -> Sent:
    if not taken.sid:
        raise Unknown("Twilio: the answer names no message")
    # A messaging service answers 0 segments until it has chosen a sender.
    billed = str(taken.num_segments or "0")
    counted = int(billed) if billed.isdigit() else 0
    return Sent(taken.sid, str(taken.status or "queued"), counted or segments.count(text))


def _made_at(one: Any) -> datetime:
    made = one.date_created or one.date_sent
    if not isinstance(made, datetime):
        # Twilio always dates a message; without a date it counts as just made.
        return datetime.max.replace(tzinfo=UTC)
    return made if made.tzinfo else made.replace(tzinfo=UTC)


def _with_and_without_port(url: SplitResult) -> list[str]:
    bare = url.netloc.removesuffix(f":{url.port}")
    port = url.port or DEFAULT_PORTS.get(url.scheme)
    return [urlunsplit(url._replace(netloc=name)) for name in (bare, f"{bare}:{port}")]


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    value = headers.get("Retry-After", "").strip()
    if not (value.isascii() and value.isdigit()):
        return None
    return min(float(value), RETRY_AFTER_MAX_S)
