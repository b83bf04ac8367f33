"""Twilio's webhooks: signed over the public address, sent to where the server listens."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from urllib.parse import urlencode

from emulators.faults import Fault
from emulators.wire import Answer
from emulators.world import World

PLACE = "twilio.callback"


def post(
    world: World, what: str, url: str, form: Mapping[str, str], fault: Fault | None
) -> tuple[Answer, int]:
    """Send one form; returns the answer and its wire id. Faults of the sending itself strike."""
    settings = world.settings
    if fault and fault.do == "slow":
        world.timers.wait(fault.seconds)
    secret = settings.auth_token
    if fault and fault.do == "bad_signature":
        secret = "not-" + secret
    headers = {
        "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8",
        "X-Twilio-Signature": signature(url, form, secret),
        "User-Agent": "TwilioProxy/1.1",
        "I-Twilio-Idempotency-Token": secrets.token_hex(16),
        "Accept": "*/*",
    }
    # The signature is over the public address; the message goes where the server really listens.
    where = url
    if url.startswith(settings.public_url):
        where = settings.target + url.removeprefix(settings.public_url)
    body = urlencode(form).encode()
    timeout_s = settings.twilio_timeout_s

    def once(fault: Fault | None) -> tuple[Answer, int]:
        return world.call_product(what, where, headers, body, timeout_s=timeout_s, fault=fault)

    answer, number = once(fault)
    if fault and fault.do == "duplicate":
        answer, number = once(fault)
    good = _is_taken(answer) and not (fault and fault.do == "error")
    for _ in range(settings.twilio_retries):
        if good:
            break
        world.timers.wait(settings.twilio_retry_after_s)
        answer, number = once(None)
        good = _is_taken(answer)
    return answer, number


def _is_taken(answer: Answer) -> bool:
    return answer.status is not None and answer.status < 500


def signature(url: str, form: Mapping[str, str], auth_token: str) -> str:
    """X-Twilio-Signature: HMAC-SHA1 over the URL and the sorted form (docs: Webhooks Security)."""
    text = url + "".join(name + form[name] for name in sorted(form))
    digest = hmac.new(auth_token.encode(), text.encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()
