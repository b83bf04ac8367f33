"""Twilio's REST API for messages: send, fetch one, list with filters and pages."""

import base64
import binascii
import hmac
import re
import secrets
from datetime import UTC, datetime
from email.utils import format_datetime
from urllib.parse import urlencode, urlsplit

from flask import Response, g, jsonify, request
from werkzeug.wrappers import Response as BaseResponse

from emulators import doors, gsm, twilio_delivery
from emulators.faults import Fault
from emulators.state import Json, Sms
from emulators.world import World

PLACE = "twilio.api"
API = "/2010-04-01"
# docs: Error 21617
LONGEST_BODY = 1600
DEFAULT_PAGE, LARGEST_PAGE = 50, 1000
E164 = re.compile(r"\+[1-9]\d{6,14}")
MISTAKES = {
    20001: "Unknown parameters or bad value",
    20003: "Authenticate",
    20404: "The requested resource was not found",
    20500: "Internal Server Error",
    20429: "Too Many Requests",
    21211: "Invalid 'To' Phone Number",
    21602: "Message body is required.",
    21603: "A 'From' phone number is required.",
    21604: "A 'To' phone number is required.",
    21606: "The 'From' phone number provided is not a valid message-capable Twilio phone number "
    "for this destination.",
    21609: "The 'StatusCallback' URL is not a valid URL.",
    21610: "Attempt to send to unsubscribed recipient",
    21617: "The concatenated message body exceeds the 1600 character limit.",
}


class TwilioError(Exception):
    """A refusal of the REST API."""

    def __init__(self, code: int, status: int = 400) -> None:
        super().__init__(code)
        self.code = code
        self.status = status


def messages(world: World, account: str) -> BaseResponse:
    """POST or GET Accounts/{sid}/Messages.json."""
    make = _create if request.method == "POST" else _list
    return _serve(world, account, f"twilio messages {request.method}", lambda: make(world))


def message(world: World, account: str, sid: str) -> BaseResponse:
    """GET Accounts/{sid}/Messages/{sid}.json."""

    def fetch() -> Response:
        with world.lock:
            found = world.state.sms.get(sid)
        if found is None:
            raise TwilioError(20404, 404)
        return jsonify(shown(world, found))

    return _serve(world, account, "twilio message GET", fetch)


def _serve(world: World, account: str, what: str, view: doors.View) -> BaseResponse:
    def guarded() -> BaseResponse:
        try:
            _check_account(world, account)
            return view()
        except TwilioError as refused:
            return _refusal(refused.code, refused.status)

    return doors.serve(world, PLACE, what, guarded, _failure)


def _create(world: World) -> Response:
    form = request.form
    to, body, callback = form.get("To", ""), form.get("Body", ""), form.get("StatusCallback", "")
    _check(world, to, body, callback)
    now = world.timers.now()
    sms = Sms(
        sid="SM" + secrets.token_hex(16),
        to=to,
        sender=form["From"],
        body=body,
        direction="outbound-api",
        status="queued",
        created_at=now,
        updated_at=now,
        segments=gsm.segments(body),
        callback=callback,
    )
    with world.lock:
        if to in world.state.opted_out:
            raise TwilioError(21610)
        twilio_delivery.keep(world, sms)
    answer = jsonify(shown(world, sms))
    answer.status_code = 201
    twilio_delivery.begin(world, sms, late_s=g.get("late_s", 0.0))
    return answer


def _check(world: World, to: str, body: str, callback: str) -> None:
    if not to:
        raise TwilioError(21604)
    if not request.form.get("From"):
        raise TwilioError(21603)
    if not body:
        raise TwilioError(21602)
    if not E164.fullmatch(to):
        raise TwilioError(21211)
    if request.form["From"] != world.settings.from_number:
        raise TwilioError(21606)
    if len(body) > LONGEST_BODY:
        raise TwilioError(21617)
    if callback and not _is_url(callback):
        raise TwilioError(21609)


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        # A port that is no number.
        return False


def _list(world: World) -> Response:
    asked = request.args
    with world.lock:
        found = [sms for sms in world.state.sms.values() if _fits(sms)]
    found.sort(key=lambda sms: sms.sent_at or sms.created_at, reverse=True)
    size = min(max(_number(asked.get("PageSize"), DEFAULT_PAGE), 1), LARGEST_PAGE)
    page = _number(asked.get("Page"), 0)
    shown_now = found[page * size : (page + 1) * size]
    more = (page + 1) * size < len(found)
    return jsonify(
        {
            "messages": [shown(world, sms) for sms in shown_now],
            "page": page,
            "page_size": size,
            "start": page * size,
            "end": max(page * size + len(shown_now) - 1, 0),
            "uri": _page_uri(page, size),
            "first_page_uri": _page_uri(0, size),
            "previous_page_uri": _page_uri(page - 1, size) if page else None,
            "next_page_uri": _page_uri(page + 1, size) if more else None,
        }
    )


def _fits(sms: Sms) -> bool:
    asked = request.args
    at = datetime.fromtimestamp(sms.sent_at or sms.created_at, UTC)
    day, after, before = (_date(asked.get(name)) for name in ("DateSent", "DateSent>", "DateSent<"))
    return (
        asked.get("To", sms.to) == sms.to
        and asked.get("From", sms.sender) == sms.sender
        and (day is None or at.date() == day.date())
        and (after is None or at >= after.replace(microsecond=0))
        and (before is None or at <= before)
    )


def _date(text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError as bad:
        raise TwilioError(20001) from bad
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _number(text: str | None, default: int) -> int:
    return int(text) if text and text.isdecimal() else default


def _page_uri(page: int, size: int) -> str:
    kept = {k: v for k, v in request.args.items() if k not in ("Page", "PageSize", "PageToken")}
    query = urlencode({"PageSize": size, "Page": page} | kept)
    return f"{request.path}?{query}"


def shown(world: World, sms: Sms) -> Json:
    """A message as the API answers it."""
    account = world.settings.account_sid
    uri = f"{API}/Accounts/{account}/Messages/{sms.sid}"
    return {
        "account_sid": account,
        "api_version": "2010-04-01",
        "body": sms.body,
        "date_created": _rfc2822(sms.created_at),
        "date_sent": _rfc2822(sms.sent_at),
        "date_updated": _rfc2822(sms.updated_at),
        "direction": sms.direction,
        "error_code": sms.error_code,
        "error_message": None,
        "from": sms.sender,
        "messaging_service_sid": None,
        "num_media": "0",
        "num_segments": str(sms.segments),
        "price": None,
        "price_unit": "USD",
        "sid": sms.sid,
        "status": sms.status,
        "subresource_uris": {"media": f"{uri}/Media.json"},
        "to": sms.to,
        "uri": f"{uri}.json",
    }


def _check_account(world: World, account: str) -> None:
    good = f"{world.settings.account_sid}:{world.settings.auth_token}".encode()
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    try:
        sent = base64.b64decode(given, validate=True)
    except (binascii.Error, ValueError):
        sent = b""
    if scheme.lower() != "basic" or not hmac.compare_digest(sent, good):
        raise TwilioError(20003, 401)
    if account != world.settings.account_sid:
        raise TwilioError(20404, 404)


def _rfc2822(at: float | None) -> str | None:
    return None if at is None else format_datetime(datetime.fromtimestamp(at, UTC))


def _refusal(code: int, status: int) -> Response:
    answer = jsonify(
        {
            "code": code,
            "message": MISTAKES.get(code, "Bad Request"),
            "more_info": f"https://www.twilio.com/docs/errors/{code}",
            "status": status,
        }
    )
    answer.status_code = status
    return answer


def _failure(fault: Fault) -> Response:
    if fault.code is None:
        return _refusal(20500, fault.status or 500)
    usual = {20003: 401, 20404: 404, 20429: 429, 20500: 500}.get(fault.code, 400)
    return _refusal(fault.code, fault.status or usual)
