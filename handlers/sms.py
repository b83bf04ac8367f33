"""The SMS doors for Twilio: texts that people send, and what became of ours.

The answer is an empty TwiML document; what we have to say is sent by a worker.
"""

from __future__ import annotations

import time
from datetime import datetime
from xml.sax.saxutils import escape

import structlog
from flask import Blueprint, Response, abort, request

from dialogs.inbound import Inbound
from handlers import metrics
from handlers.answering import Answering
from models import outbox, sms_counts
from models.base import Tx
from models.outbox import Owed
from models.sms_counts import Ended, Left
from models.store import Unavailable
from sms import segments, twilio
from sms.numbers import NotANumber, msisdn

log = structlog.get_logger()

GATEWAY = twilio.Twilio.name
TEXT_LIMIT = 1600  # characters, Twilio's own limit for a message
ID_LIMIT = 64
OWED_DIGITS = 18  # what fits a bigint whatever the digits are
# What of a status is worth keeping as the row's state.
_STATES = {
    "delivered": "delivered",
    "read": "delivered",
    "undelivered": "failed",
    "failed": "failed",
    "canceled": "failed",
}


def doors(*, auth_token: str, public_url: str, answering: Answering) -> Blueprint:
    """POST /sms/twilio and /sms/twilio/status."""
    blueprint = Blueprint("sms", __name__)

    @blueprint.before_request
    def verify() -> None:
        query = request.query_string.decode("latin-1")  # whatever bytes a stranger sends
        url = public_url + request.path + (f"?{query}" if query else "")
        given = request.headers.get("X-Twilio-Signature")
        if not twilio.signature_is_good(url, request.form.to_dict(), given, auth_token):
            log.info("twilio callback refused", why="wrong signature", path=request.path)
            abort(403)

    @blueprint.post("/sms/twilio")
    def receive() -> Response:
        started = time.perf_counter()
        inbound = _read(request.form.to_dict())
        try:
            answering.answer(inbound)
            said = ""
        except Unavailable:
            said = answering.busy("sms")
        took = time.perf_counter() - started
        metrics.callbacks("twilio", "200", took)
        answering.numbers.took("in:sms", took)
        return _twiml(said)

    @blueprint.post("/sms/twilio/status")
    def status() -> tuple[str, int]:
        owed, sid = request.args.get("owed", ""), request.form.get("MessageSid", "")
        new = request.form.get("MessageStatus", "")
        if not (owed.isascii() and owed.isdigit() and len(owed) <= OWED_DIGITS and _is_id(sid)):
            abort(400, "owed and MessageSid are needed")
        if twilio.status_rank(new) == 0:
            log.info("twilio status unknown", status=new[:20], owed=owed)
            return "", 204
        try:
            code = request.form.get("ErrorCode", "")
            answering.store.run(lambda tx: _settle(tx, int(owed), sid, new, code, answering.now()))
        except Unavailable:
            return "the database cannot be reached", 503
        answering.numbers.count(f"receipt:{_STATES.get(new, 'underway')}")
        return "", 204

    return blueprint


def _read(form: dict[str, str]) -> Inbound:
    sid, text = form.get("MessageSid", ""), form.get("Body", "")
    if not _is_id(sid):
        abort(400, "MessageSid is needed")
    try:
        sender = msisdn(form.get("From", ""))
    except NotANumber:
        abort(400, "From is not a mobile number")
    # PostgreSQL stores every character but NUL.
    words = text.replace("\0", "")[:TEXT_LIMIT]
    media = not words.strip() and form.get("NumMedia", "0") not in ("", "0")
    return Inbound(
        key=f"twilio:{sid}",
        channel="sms",
        sender=sender,
        kind="image" if media else "text",
        value=words,
        to=form.get("To", "")[:ID_LIMIT],
    )


def _is_id(sid: str) -> bool:
    return 0 < len(sid) <= ID_LIMIT and sid.isascii() and sid.isalnum()


def _settle(tx: Tx, owed_id: int, sid: str, new: str, code: str, now: datetime) -> None:
    """Move a message's status forward; receipts come late and in any order."""
    owed = outbox.get(tx, owed_id, lock=True)
    if owed is None or owed.kind != "sms" or (owed.provider_id or sid) != sid:
        log.info("twilio status for nothing of ours", owed=owed_id)
        return
    status = twilio.settle(owed.status, new)
    if status == owed.status:
        return
    state = _STATES.get(status, "sent")
    if outbox.receipt(tx, owed_id, provider_id=sid, status=status, state=state):
        _count(tx, owed, state, f"{status} {code}".strip() if code.isalnum() else status, now)


def _count(tx: Tx, owed: Owed, state: str, code: str, now: datetime) -> None:
    """Once as left, by whoever hears of it first, and once as ended: "read" follows "delivered"."""
    at = owed.submitted_at or owed.created_at
    if owed.state == "taken":
        size = segments.count(str(owed.payload.get("text", "")))
        sms_counts.left(tx, [Left(GATEWAY, owed.category, at, size)], now)
    if owed.state in ("taken", "sent") and state != "sent":
        ended = Ended(GATEWAY, owed.category, at, state == "delivered", code)
        sms_counts.ended(tx, [ended], now)


def _twiml(said: str) -> Response:
    message = f"<Message>{escape(said)}</Message>" if said else ""
    body = f'<?xml version="1.0" encoding="UTF-8"?><Response>{message}</Response>'
    return Response(body, mimetype="text/xml")
