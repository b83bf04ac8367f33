"""What subscribers text: Twilio's signed form, opt-out words, and the TwiML that answers it."""

import secrets

from emulators import gsm, people, twilio_delivery, twilio_webhooks, wechat_xml
from emulators.faults import Fault
from emulators.people import NotPossible
from emulators.state import Json, Sms
from emulators.twilio_webhooks import PLACE
from emulators.wire import Answer
from emulators.world import World

INBOUND_PATH = "/sms/twilio"
# docs: Advanced Opt-Out, the default keywords
STOP_WORDS = {"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT"}
START_WORDS = {"START", "YES", "UNSTOP"}


def receive(world: World, who: str, body: Json) -> Json:
    """A subscriber texts; returns {"status", "id"}. Raises NotPossible."""
    person = world.person(who)
    text = body.get("text")
    if not person.msisdn:
        raise NotPossible(f"{person.name} has no number")
    if not isinstance(text, str) or not text:
        raise NotPossible("'text' is missing")
    sms = _inbound(world, person.msisdn, text)
    with world.lock:
        entry = people.show(world.state, person, "sms", "me", "text", text)
        twilio_delivery.keep(world, sms)
    _obey(world, person.msisdn, text)
    form = _inbound_form(world, sms)
    url = world.settings.public_url + INBOUND_PATH
    fault = world.faults.take(PLACE, f"{INBOUND_PATH} sms text")

    def go(fault: Fault | None) -> Json:
        answer, number = twilio_webhooks.post(world, "sms text", url, form, fault)
        good = answer.status is not None and answer.status < 400
        with world.lock:
            entry["status"] = "sent" if good else "failed"
        if good:
            _answer_by_twiml(world, sms, answer)
        world.held.passed(PLACE)
        return {"status": answer.status, "id": number, "sid": sms.sid}

    if fault and fault.do in ("reorder", "late"):
        if fault.do == "reorder":
            world.held.put(PLACE, fault.seconds, "sms text", lambda: _ignore(go(None)))
        else:
            world.timers.later(fault.seconds, "sms text", lambda: _ignore(go(None)))
        return {"status": None, "id": None, "sid": sms.sid, "held": True}
    with world.timers.busy("sms text"):
        return go(fault)


def _inbound(world: World, sender: str, text: str) -> Sms:
    now = world.timers.now()
    return Sms(
        sid="SM" + secrets.token_hex(16),
        to=world.settings.from_number,
        sender=sender,
        body=text,
        direction="inbound",
        status="received",
        created_at=now,
        sent_at=now,
        updated_at=now,
        segments=gsm.segments(text),
    )


def _inbound_form(world: World, sms: Sms) -> dict[str, str]:
    return {
        "ToCountry": "US",
        "FromCountry": "CN",
        "SmsMessageSid": sms.sid,
        "SmsSid": sms.sid,
        "SmsStatus": "received",
        "MessageSid": sms.sid,
        "AccountSid": world.settings.account_sid,
        "ApiVersion": "2010-04-01",
        "From": sms.sender,
        "To": sms.to,
        "Body": sms.body,
        "NumMedia": "0",
        "NumSegments": str(sms.segments),
    }


def _obey(world: World, msisdn: str, text: str) -> None:
    word = text.strip().upper()
    with world.lock:
        opted_out = world.state.opted_out
        if word in STOP_WORDS and msisdn not in opted_out:
            opted_out.append(msisdn)
        elif word in START_WORDS and msisdn in opted_out:
            opted_out.remove(msisdn)
    world.changed()


def _answer_by_twiml(world: World, inbound: Sms, answer: Answer) -> None:
    try:
        tree = wechat_xml.tree(answer.body.decode())
    except (wechat_xml.BadReply, UnicodeDecodeError):
        return
    for element in tree.iter("Message"):
        inside = element.find("Body")
        text = "".join((element if inside is None else inside).itertext()).strip()
        if not text:
            continue
        now = world.timers.now()
        sms = Sms(
            sid="SM" + secrets.token_hex(16),
            to=inbound.sender,
            sender=inbound.to,
            body=text,
            direction="outbound-reply",
            status="queued",
            created_at=now,
            updated_at=now,
            segments=gsm.segments(text),
        )
        with world.lock:
            twilio_delivery.keep(world, sms)
        twilio_delivery.begin(world, sms)


def _ignore(result: Json) -> None:
    """What was held back has no caller any more who could take its result."""
    del result
