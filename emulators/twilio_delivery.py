"""What becomes of an SMS: queued -> sent -> delivered, or undelivered when a fault says so."""

from functools import partial
from urllib.parse import urlsplit

from emulators import people, twilio_webhooks
from emulators.faults import Fault
from emulators.state import Sms
from emulators.twilio_webhooks import PLACE
from emulators.world import World

NEXT = {"queued": "sent", "sent": "delivered"}
FINAL = {"delivered", "undelivered", "failed"}
# docs: Error 30003, unreachable destination handset
DEFAULT_FAULT_CODE = 30003
MOST_MESSAGES = 20_000


def keep(world: World, sms: Sms) -> None:
    """Remember a message; the oldest is forgotten when there are too many."""
    world.state.sms[sms.sid] = sms
    if len(world.state.sms) > MOST_MESSAGES:
        del world.state.sms[next(iter(world.state.sms))]
    world.changed()


def begin(world: World, sms: Sms, *, late_s: float = 0.0) -> None:
    """Report that the message is queued, and let it go on to its receiver."""

    def first() -> None:
        world.timers.later(_step_s(world) + late_s, "sms", lambda: _go_on(world, sms.sid))
        _report(world, sms, "queued")

    world.timers.later(0.0, "sms status queued", first)


def resume(world: World) -> None:
    """After a restart: let go on what was under way."""
    with world.lock:
        under_way = [
            sms.sid
            for sms in world.state.sms.values()
            if sms.direction.startswith("outbound") and sms.status not in FINAL
        ]
    for sid in under_way:
        world.timers.later(_step_s(world), "sms", partial(_go_on, world, sid))


def _go_on(world: World, sid: str) -> None:
    with world.lock:
        sms = world.state.sms.get(sid)
        if sms is None or sms.status in FINAL:
            return
        sms.status = NEXT[sms.status]
        sms.updated_at = world.timers.now()
        if sms.status == "sent":
            sms.sent_at = sms.updated_at
        status = sms.status
    fault = world.faults.take(PLACE, f"{urlsplit(sms.callback).path} sms status {status}")
    if fault and fault.do == "error":
        with world.lock:
            sms.status = status = "undelivered"
            sms.error_code = fault.code or DEFAULT_FAULT_CODE
        fault = None
    if status in FINAL:
        _arrive(world, sms)
    else:
        # The message goes its way whether or not anybody takes the reports.
        world.timers.later(_step_s(world), "sms", lambda: _go_on(world, sid))
    _report(world, sms, status, fault)


def _arrive(world: World, sms: Sms) -> None:
    with world.lock:
        person = people.by_msisdn(world.state, sms.to)
        if person and sms.status == "delivered":
            people.show(
                world.state, person, "sms", "them", "text", sms.body, status=sms.status, sid=sms.sid
            )
    world.changed()


def _report(world: World, sms: Sms, status: str, fault: Fault | None = None) -> None:
    """Tell the status; the reports of one message go out one after the other."""
    if not sms.callback:
        return
    with world.lock:
        waiting = world.reports.setdefault(sms.sid, [])
        waiting.append((status, fault))
        if len(waiting) > 1:
            # Whoever sends the one before sends this one too.
            return
    while waiting:
        _send(world, sms, *waiting[0])
        with world.lock:
            waiting.pop(0)
            if not waiting:
                world.reports.pop(sms.sid, None)


def _send(world: World, sms: Sms, status: str, fault: Fault | None) -> None:
    settings = world.settings
    form = {
        "AccountSid": settings.account_sid,
        "ApiVersion": "2010-04-01",
        "From": sms.sender,
        "To": sms.to,
        "MessageSid": sms.sid,
        "SmsSid": sms.sid,
        "MessageStatus": status,
        "SmsStatus": status,
    }
    if sms.error_code and status in FINAL:
        form["ErrorCode"] = str(sms.error_code)
    what = f"sms status {status}"

    def go(fault: Fault | None) -> None:
        twilio_webhooks.post(world, what, sms.callback, form, fault)
        world.held.passed(PLACE)

    if fault and fault.do == "reorder":
        world.held.put(PLACE, fault.seconds, what, lambda: go(None))
    elif fault and fault.do == "late":
        world.timers.later(fault.seconds, what, lambda: go(None))
    else:
        go(fault)


def _step_s(world: World) -> float:
    return world.settings.twilio_step_s
