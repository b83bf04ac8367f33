"""The SMSC as part of the world: phones show what is submitted, faults strike, phones text back."""

import secrets

from emulators import gsm, people, twilio_delivery
from emulators.faults import Fault
from emulators.people import NotPossible
from emulators.smsc import Centre, Login, Verdict
from emulators.smsc_wire import Submitted
from emulators.state import Json, Sms
from emulators.world import World

SUBMIT, RECEIPT, TEXT = "smsc.submit", "smsc.receipt", "smsc.text"
GATEWAYS = ("smpp", "cmpp")
GSM7, UCS2 = 0, 8
# What a fault without a code answers: ESME_RSYSERR, and CMPP's 9 (other errors).
USUAL_CODES = {"smpp": 0x08, "cmpp": 9}
# Throttled: ESME_RTHROTTLED, CMPP's flow control. A code of the vendor's own: from 0x400, above 9.
BUSY_CODES = {"smpp": 0x58, "cmpp": 8}
VENDOR_CODES = {"smpp": 0x401, "cmpp": 101}
LONGEST_PART = 134  # bytes of UCS-2 behind a header of six


class SmscWorld:
    """Listens for the product's binds; `world` has the phones."""

    def __init__(self, world: World) -> None:
        given = world.settings
        self._world = world
        self._parts: dict[tuple[str, str, int, int], dict[int, bytes]] = {}
        self.centre = Centre(
            Login(given.system_id, given.password, given.sp_id, given.sp_secret), self._judge,
            host=given.host,
        )  # fmt: skip

    def start(self) -> dict[str, int]:
        """Listen on the ports of the settings; returns them. Raises OSError."""
        given = self._world.settings
        return self.centre.start({"smpp": given.smpp_port or 0, "cmpp": given.cmpp_port or 0})

    def stop(self) -> None:
        self.centre.stop()

    def text(self, who: str, gateway: str, body: Json) -> Json:
        """A person texts over a gateway; "to" is the number, ours as it last wrote to them."""
        world = self._world
        person = world.person(who)
        text = body.get("text")
        if not person.msisdn:
            raise NotPossible(f"{person.name} has no number")
        if not isinstance(text, str) or not text:
            raise NotPossible("'text' is missing")
        to = str(body.get("to") or self._last_writer(person.name) or world.settings.service_number)
        with world.lock:
            people.show(world.state, person, "sms", "me", "text", text, via=gateway, to=to)
        world.changed()
        fault = world.faults.take(TEXT, f"{gateway} text")
        if fault and fault.do == "drop":
            return {"status": None, "via": gateway, "lost": True}
        after_s = fault.seconds if fault and fault.do in ("late", "slow") else 0.0
        held = after_s > 0 or not any(s.receives for s in self.centre.sessions[gateway])
        times = 2 if fault and fault.do == "duplicate" else 1
        sender = person.msisdn.removeprefix("+")
        for _ in range(times):
            world.timers.later(after_s, "sms text", lambda: self._send(gateway, sender, to, text))
        return {"status": 200, "via": gateway, "to": to, "held": held}

    def _send(self, gateway: str, sender: str, to: str, text: str) -> None:
        body = text.encode("utf-16-be")
        if len(body) <= 140:
            self.centre.text(gateway, sender, to, body, UCS2)
            return
        cuts = [body[at : at + LONGEST_PART] for at in range(0, len(body), LONGEST_PART)]
        reference = secrets.randbelow(256)
        for number, cut in enumerate(cuts, start=1):
            header = bytes([5, 0, 3, reference, len(cuts), number])
            self.centre.text(gateway, sender, to, header + cut, UCS2, has_header=True)

    def _last_writer(self, name: str) -> str:
        """The number that the newest message on this phone came from."""
        with self._world.lock:
            chat = self._world.state.phones[name].sms
            return next(
                (str(e["to"]) for e in reversed(chat) if e["from"] == "them" and "to" in e), ""
            )

    def _judge(self, gateway: str, submitted: Submitted, message_id: str) -> Verdict:
        """On the loop of the SMSC: what becomes of a submit."""
        world = self._world
        phone = "+" + submitted.to.removeprefix("+")
        fault = world.faults.take(SUBMIT, f"{gateway} {phone}")
        if fault is not None and (code := _code(fault, gateway)) is not None:
            return Verdict(status=code)
        late = world.faults.take(RECEIPT, f"{gateway} {phone}")
        step_s = world.settings.twilio_step_s
        failed = late is not None and late.do == "error"
        if not failed:
            text = self._whole(submitted)
            if text is not None:
                sms = self._sms(phone, submitted.sender, text)
                world.timers.later(step_s, "sms", lambda: self._arrive(gateway, sms))
        return Verdict(
            after_s=fault.seconds if fault and fault.do in ("slow", "late") else 0.0,
            answers=not (fault and fault.do == "drop"),
            state="" if late and late.do == "drop" else "UNDELIV" if failed else "DELIVRD",
            error=f"{late.code or 1:03}" if late is not None and failed else "000",
            receipt_after_s=step_s + _late_s(late),
            became="UNDELIV" if failed else "DELIVRD",
        )

    def _whole(self, submitted: Submitted) -> str | None:
        """The text once all of its parts are here, as a phone shows it."""
        body, coding = submitted.body, submitted.coding
        if submitted.has_header and len(body) > 6 and body[1] == 0:
            key = (submitted.sender, submitted.to, body[3], body[4])
            parts = self._parts.setdefault(key, {})
            parts[body[5]] = body[6:]
            if len(parts) < body[4]:
                return None
            body = b"".join(part for _, part in sorted(self._parts.pop(key).items()))
        return body.decode("utf-16-be", "replace") if coding == UCS2 else gsm.decode(body)

    def _sms(self, phone: str, sender: str, text: str) -> Sms:
        now = self._world.timers.now()
        sms = Sms(
            sid="SC" + secrets.token_hex(16), to=phone, sender=sender, body=text,
            direction="outbound-api", status="sent", created_at=now, sent_at=now, updated_at=now,
            segments=gsm.segments(text),
        )  # fmt: skip
        with self._world.lock:
            twilio_delivery.keep(self._world, sms)
        return sms

    def _arrive(self, gateway: str, sms: Sms) -> None:
        world = self._world
        with world.lock:
            sms.status = "delivered"
            person = people.by_msisdn(world.state, sms.to)
            if person:
                people.show(
                    world.state, person, "sms", "them", "text", sms.body, status="delivered",
                    sid=sms.sid, via=gateway, to=sms.sender,
                )  # fmt: skip
        world.changed()


def _code(fault: Fault, gateway: str) -> int | None:
    """The status that a fault answers; None: it answers none."""
    codes = {"error": USUAL_CODES, "busy": BUSY_CODES, "vendor": VENDOR_CODES}.get(fault.do)
    if codes is None:
        return None
    return codes[gateway] if fault.code is None else fault.code


def _late_s(fault: Fault | None) -> float:
    return fault.seconds if fault and fault.do in ("late", "slow", "reorder") else 0.0
