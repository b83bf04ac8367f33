"""BOSS tells what people did: one signed request with events, sent into the product."""

import json
import secrets
from datetime import UTC, datetime

from emulators.boss import sign
from emulators.people import NotPossible
from emulators.state import Json
from emulators.world import World

PLACE = "boss.callback"
PATH = "/boss/events"
WHAT = "boss events"
KNOWN = {"who", "event_id", "type", "occurred_at", "values", "events"}


def tell(world: World, body: Json) -> Json:
    """Send events and wait for the answer: {"status", "answer", "id", "events"}.

    {"events": [...]} goes as it is; else {"who", "type", "values"?, "event_id"?, "occurred_at"?}
    is one event of somebody here. Raises NotPossible.
    """
    if unknown := sorted(set(body) - KNOWN):
        raise NotPossible(f"unknown: {', '.join(unknown)}")
    events = body["events"] if "events" in body else [_event(world, body)]
    fault = world.faults.take(PLACE, f"{PATH} {WHAT}")
    sent = json.dumps({"events": events}, ensure_ascii=False).encode("utf-8", "replace")
    timestamp = str(int(world.timers.real_now()))
    secret = world.settings.boss_secret
    if fault and fault.do == "bad_signature":
        secret = "not-" + secret
    headers = {
        "Content-Type": "application/json",
        "X-Boss-Timestamp": timestamp,
        "X-Boss-Signature": sign(secret, timestamp, sent),
    }
    if fault and fault.do in ("slow", "late", "reorder"):
        world.timers.wait(fault.seconds)
    for _ in range(2 if fault and fault.do == "duplicate" else 1):
        answer, number = world.call_product(
            WHAT, world.settings.target + PATH, headers, sent,
            timeout_s=world.settings.boss_timeout_s, fault=fault,
        )  # fmt: skip
    return {
        "status": answer.status,
        "answer": _json(answer.body),
        "id": number,
        "events": events,
    }


def _event(world: World, body: Json) -> Json:
    person = world.person(str(body.get("who") or ""))
    if not person.msisdn:
        raise NotPossible(f"{person.name} has no number")
    return {
        "event_id": body.get("event_id") or "ev-" + secrets.token_hex(12),
        "type": body.get("type"),
        "msisdn": person.msisdn,
        "occurred_at": body.get("occurred_at")
        or datetime.fromtimestamp(world.timers.real_now(), UTC).isoformat(timespec="seconds"),
        "values": body.get("values") or {},
    }


def _json(body: bytes) -> object:
    try:
        return json.loads(body)
    except ValueError:
        return body.decode("utf-8", "replace")
