"""BOSS, the operator's own system: open a service for a number, ask how it went, hear back."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

import requests

from integrations.errors import TryLater
from integrations.http import from_status, from_transport, new_session

STATES = frozenset({"accepted", "opened", "closed", "refused", "unknown"})
# A callback reports an end, never a beginning.
END_STATES = frozenset({"opened", "closed", "refused"})
TIMESTAMP_HEADER = "X-Boss-Timestamp"
SIGNATURE_HEADER = "X-Boss-Signature"
REASON_CHARS_MAX = 200
ID_CHARS_MAX = 100


@dataclass(frozen=True, slots=True)
class Order:
    """How an order stands; "unknown" = BOSS has never heard of it. `event_id` only in callbacks."""

    request_id: str
    state: str
    reason: str = ""
    event_id: str = ""


class BadCallback(ValueError):
    """A callback that is not from BOSS, too old, or not readable: answer 4xx, change nothing."""


class Boss:
    """BOSS's HTTP interface. The same request_id is the same order, however often it is sent."""

    def __init__(
        self,
        *,
        base_url: str,
        secret: str,
        timeout_s: float = 10.0,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._secret = secret
        self._now = now
        self._http = new_session(timeout_s=timeout_s)

    def open_service(self, *, request_id: str, msisdn: str, service: str) -> Order:
        """Order a service: accepted (the end comes by callback), opened or refused.

        Raises TryLater (send the same request_id again) or Final.
        """
        return self._order_of("open", request_id, msisdn, service)

    def close_service(self, *, request_id: str, msisdn: str, service: str) -> Order:
        """Order the end of a service: accepted, closed or refused; closed if it was not open.

        Raises TryLater (send the same request_id again) or Final.
        """
        return self._order_of("close", request_id, msisdn, service)

    def _order_of(self, what: str, request_id: str, msisdn: str, service: str) -> Order:
        asked = {"request_id": request_id, "msisdn": msisdn, "service": service}
        response = self._send("POST", f"/services/{what}", json.dumps(asked).encode())
        if response.status_code in (200, 202, 409):
            return _order(response, request_id)
        raise from_status(response, whom="BOSS")

    def query_order(self, request_id: str) -> Order:
        """How the order stands now. Raises TryLater or Final."""
        response = self._send("GET", f"/orders/{quote(request_id, safe='')}", b"")
        if response.status_code == 404:
            return Order(request_id, "unknown")
        if response.status_code == 200:
            return _order(response, request_id)
        raise from_status(response, whom="BOSS")

    def _send(self, method: str, path: str, body: bytes) -> requests.Response:
        if not self._secret:
            raise TryLater("BOSS is not configured: set CIRCLE_BOSS__SECRET")
        timestamp = str(int(self._now()))
        headers = {
            "Content-Type": "application/json",
            TIMESTAMP_HEADER: timestamp,
            SIGNATURE_HEADER: sign(self._secret, timestamp, body),
        }
        try:
            return self._http.request(
                method, self._base_url + path, data=body, headers=headers, allow_redirects=False
            )
        except requests.RequestException as error:
            raise from_transport(error, whom="BOSS") from None


def sign(secret: str, timestamp: int | str, body: bytes) -> str:
    """Hex HMAC-SHA256 over the timestamp (Unix seconds), a dot, and the body."""
    return hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()


def verify(
    body: bytes, headers: Mapping[str, str], *, secret: str, now: datetime, max_age_s: float = 300
) -> None:
    """Whether BOSS has sent this, and lately. Raises BadCallback."""
    given = {name.lower(): value for name, value in headers.items()}
    timestamp = given.get(TIMESTAMP_HEADER.lower(), "")
    signature = given.get(SIGNATURE_HEADER.lower(), "")
    # Twelve digits end in the year 33658: enough, and no number grows without bound.
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        raise BadCallback(f"{TIMESTAMP_HEADER} is missing or not Unix seconds")
    right = sign(secret, timestamp, body).encode()
    if not hmac.compare_digest(right, signature.lower().encode("utf-8", "replace")):
        raise BadCallback("the signature is wrong")
    if abs(now.timestamp() - int(timestamp)) > max_age_s:
        raise BadCallback("the callback is too old, or a clock is wrong")


def read_callback(
    body: bytes, headers: Mapping[str, str], *, secret: str, now: datetime, max_age_s: float = 300
) -> Order:
    """The order that a callback reports, signature and age checked. Raises BadCallback."""
    verify(body, headers, secret=secret, now=now, max_age_s=max_age_s)
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        raise BadCallback("the body is not JSON") from None
    if not isinstance(told, dict) or _text(told, "state") not in END_STATES:
        raise BadCallback("the body names no state that an order can end in")
    request_id, event_id = _text(told, "request_id"), _text(told, "event_id")
    if not (0 < len(request_id) <= ID_CHARS_MAX and len(event_id) <= ID_CHARS_MAX):
        raise BadCallback("the body needs a request_id of 1 to 100 characters")
    return Order(request_id, told["state"], _text(told, "reason")[:REASON_CHARS_MAX], event_id)


def _order(response: requests.Response, request_id: str) -> Order:
    try:
        told = json.loads(response.content)
        state = told["state"]
    except (ValueError, KeyError, TypeError):
        state = None
    if not isinstance(state, str) or state not in STATES:
        raise TryLater("BOSS: the answer cannot be read", maybe_done=True) from None
    return Order(request_id, state, _text(told, "reason")[:REASON_CHARS_MAX])


def _text(told: dict[str, Any], name: str) -> str:
    value = told.get(name)
    return value if isinstance(value, str) else ""
