"""BOSS, the operator's billing system: opens and closes services, confirms by a signed callback.

open     accepted -> opened, or refused;  refused or opened at once when so ordered
close    closed at once;  accepted -> closed, or refused, when so ordered
"""

import hashlib
import hmac
import json
import secrets

from flask import Response, g, jsonify, request
from werkzeug.wrappers import Response as BaseResponse

from emulators import doors
from emulators.faults import Fault
from emulators.people import NotPossible
from emulators.state import Json, Order
from emulators.world import World

API_PLACE = "boss.api"
CALLBACK_PLACE = "boss.callback"
CALLBACK_PATH = "/boss/callback"
# Tries of one confirmation in all, the pause doubling (contract with the product).
TRIES = 3
MOST_ORDERS = 20_000
OLDEST_REQUEST_S = 300
STATUS = {"accepted": 202, "opened": 200, "closed": 200, "refused": 409}
NEEDED = "request_id, msisdn and service are needed, as texts"
FINAL = ("opened", "closed", "refused")


def sign(secret: str, timestamp: str, body: bytes) -> str:
    """X-Boss-Signature: HMAC-SHA256 over "timestamp." and the body, as hexadecimal."""
    return hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()


def open_service(world: World) -> BaseResponse:
    """POST /boss/services/open: one opening per request_id, however often it is asked."""
    return doors.serve(
        world, API_PLACE, "boss open", lambda: _checked(world) or _open(world), _failure
    )


def close_service(world: World) -> BaseResponse:
    """POST /boss/services/close: one closing per request_id, done at once unless told otherwise.

    A service that was not open is closed, too.
    """
    return doors.serve(
        world, API_PLACE, "boss close", lambda: _checked(world) or _close(world), _failure
    )


def query(world: World, request_id: str) -> BaseResponse:
    """GET /boss/orders/{request_id}: how it stands, or 404."""

    def view() -> Response:
        with world.lock:
            order = world.state.orders.get(request_id)
        if order is None:
            return _mistake(404, "no such order")
        return jsonify({"request_id": request_id, "state": order.state, "reason": order.reason})

    return doors.serve(world, API_PLACE, "boss query", lambda: _checked(world) or view(), _failure)


def confirm(world: World, request_id: str, body: Json) -> Json:
    """Confirm by hand: {"state", "reason", "times"}, each optional; returns what is sent.

    Raises NotPossible.
    """
    with world.lock:
        order = world.state.orders.get(request_id)
    if order is None:
        raise NotPossible(f"there is no order {request_id}")
    state = body.get("state", order.wanted)
    times = body.get("times", 1)
    if state not in FINAL:
        raise NotPossible(f"'state' must be one of {', '.join(FINAL)}")
    if not isinstance(times, int) or not 1 <= times <= 20:
        raise NotPossible("'times' must be a whole number from 1 to 20")
    event = _settle(world, order, state, str(body.get("reason") or ""))
    for _ in range(times):
        world.timers.later(0.0, "boss callback", lambda: _tell(world, event))
    return event | {"times": times}


def change_settings(world: World, body: Json) -> Json:
    """Change how BOSS behaves; returns all its settings. Raises NotPossible."""
    unknown = set(body) - {"confirm_after_s", "refuse", "reason", "at_once", "close_at_once"}
    after_s = body.get("confirm_after_s")
    if unknown:
        raise NotPossible(f"unknown: {', '.join(sorted(unknown))}")
    if after_s is not None and (not isinstance(after_s, int | float) or after_s < 0):
        raise NotPossible("'confirm_after_s' must be seconds, or null for only by hand")
    with world.lock:
        boss = world.state.boss
        if "confirm_after_s" in body:
            boss.confirm_after_s = None if after_s is None else float(after_s)
        boss.refuse = bool(body.get("refuse", boss.refuse))
        boss.at_once = bool(body.get("at_once", boss.at_once))
        boss.close_at_once = bool(body.get("close_at_once", boss.close_at_once))
        boss.reason = str(body.get("reason", boss.reason))
    world.changed()
    return settings_shown(world)


def settings_shown(world: World) -> Json:
    """How BOSS behaves now."""
    with world.lock:
        boss = world.state.boss
        return {
            "confirm_after_s": boss.confirm_after_s,
            "refuse": boss.refuse,
            "reason": boss.reason,
            "at_once": boss.at_once,
            "close_at_once": boss.close_at_once,
        }


def resume(world: World) -> None:
    """After a restart: confirm what was still to be confirmed."""
    with world.lock:
        waiting = [o for o in world.state.orders.values() if o.state == "accepted" and o.confirm_at]
    for order in waiting:
        _confirm_later(world, order, (order.confirm_at or 0.0) - world.timers.now())


def _asked() -> dict[str, str] | None:
    asked = request.get_json(force=True, silent=True)
    names = ("request_id", "msisdn", "service")
    if not isinstance(asked, dict) or not all(
        isinstance(asked.get(name), str) and asked[name] for name in names
    ):
        return None
    return asked


def _open(world: World) -> Response:
    return _ordered(world, "opened")


def _close(world: World) -> Response:
    return _ordered(world, "closed")


def _ordered(world: World, wanted: str) -> Response:
    """An order for a service to be opened or closed, or the one that this was before."""
    asked = _asked()
    if asked is None:
        return _mistake(400, NEEDED)
    request_id = asked["request_id"]
    with world.lock:
        order = world.state.orders.get(request_id)
        if order is None:
            order = _new_order(world, request_id, asked["msisdn"], asked["service"], wanted)
        elif (order.msisdn, order.service, order.wanted) != (
            asked["msisdn"], asked["service"], wanted,
        ):  # fmt: skip
            return _mistake(422, "this request_id was used for another request")
        else:
            order.asked += 1
        answer = jsonify(_shown(order))
        answer.status_code = STATUS[order.state]
    world.changed()
    return answer


def _new_order(world: World, request_id: str, msisdn: str, service: str, wanted: str) -> Order:
    boss, now = world.state.boss, world.timers.now()
    order = Order(request_id, msisdn, service, "accepted", created_at=now, wanted=wanted)
    world.state.orders[request_id] = order
    if len(world.state.orders) > MOST_ORDERS:
        del world.state.orders[next(iter(world.state.orders))]
    after_s = g.get("late_s", 0.0) or boss.confirm_after_s
    if boss.refuse:
        order.state, order.reason = "refused", boss.reason
    elif boss.at_once or (wanted == "closed" and boss.close_at_once):
        order.state = wanted
    elif after_s is not None:
        order.confirm_at = now + after_s
        _confirm_later(world, order, after_s)
    return order


def _confirm_later(world: World, order: Order, after_s: float) -> None:
    def due() -> None:
        if order.state == "accepted":
            _tell(world, _settle(world, order, order.wanted, ""))

    world.timers.later(after_s, "boss confirmation", due)


def _settle(world: World, order: Order, state: str, reason: str) -> Json:
    with world.lock:
        # What BOSS has decided stays decided; a confirmation that says otherwise is sent
        # nevertheless, because such contradictions do arrive.
        if order.state not in FINAL:
            order.state, order.reason = state, reason
        order.confirm_at = None
    world.changed()
    return {
        "request_id": order.request_id,
        "state": state,
        "reason": reason,
        "event_id": "ev-" + secrets.token_hex(12),
    }


def _tell(world: World, event: Json) -> None:
    what = f"boss callback {event['state']}"
    fault = world.faults.take(CALLBACK_PLACE, f"{CALLBACK_PATH} {what}")
    if fault and fault.do in ("reorder", "late"):
        if fault.do == "reorder":
            world.held.put(CALLBACK_PLACE, fault.seconds, what, lambda: _send(world, event, None))
        else:
            world.timers.later(fault.seconds, what, lambda: _send(world, event, None))
        return
    _send(world, event, fault)


def _send(world: World, event: Json, fault: Fault | None, tried: int = 0) -> None:
    if fault and fault.do == "slow":
        world.timers.wait(fault.seconds)
    good = _post(world, event, fault)
    if fault and fault.do == "duplicate":
        _post(world, event, fault)
    if fault and fault.do == "error":
        good = False
    tried += 1
    if not good and tried < TRIES:
        what = f"boss callback {event['state']}"
        pause_s = world.settings.boss_retry_after_s * 2 ** (tried - 1)

        def again() -> None:
            next_fault = world.faults.take(CALLBACK_PLACE, f"{CALLBACK_PATH} {what}")
            _send(world, event, next_fault, tried)

        world.timers.later(pause_s, f"{what} again", again)
    world.held.passed(CALLBACK_PLACE)


def _post(world: World, event: Json, fault: Fault | None) -> bool:
    settings = world.settings
    body = json.dumps(event, ensure_ascii=False).encode()
    timestamp = str(int(world.timers.real_now()))
    secret = settings.boss_secret
    if fault and fault.do == "bad_signature":
        secret = "not-" + secret
    headers = {
        "Content-Type": "application/json",
        "X-Boss-Timestamp": timestamp,
        "X-Boss-Signature": sign(secret, timestamp, body),
    }
    answer, _ = world.call_product(
        f"boss callback {event['state']}",
        settings.target + CALLBACK_PATH,
        headers,
        body,
        timeout_s=settings.boss_timeout_s,
        fault=fault,
    )
    return answer.status is not None and 200 <= answer.status < 300


def _checked(world: World) -> Response | None:
    timestamp = request.headers.get("X-Boss-Timestamp", "")
    given = request.headers.get("X-Boss-Signature", "")
    good = sign(world.settings.boss_secret, timestamp, request.get_data())
    if not hmac.compare_digest(given.encode(), good.encode()):
        return _mistake(401, "the signature is wrong")
    if not timestamp.isdecimal() or (
        abs(int(timestamp) - world.timers.real_now()) > OLDEST_REQUEST_S
    ):
        return _mistake(401, "the timestamp is too old")
    return None


def _shown(order: Order) -> Json:
    answer: Json = {"request_id": order.request_id, "state": order.state}
    return answer | ({"reason": order.reason} if order.reason else {})


def _mistake(status: int, sentence: str) -> Response:
    answer = jsonify({"error": sentence})
    answer.status_code = status
    return answer


def _failure(fault: Fault) -> Response:
    answer = jsonify({"error": "internal error", "code": fault.code})
    answer.status_code = fault.status or 500
    return answer
