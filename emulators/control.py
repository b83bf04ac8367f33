"""The HTTP control API: what the simulator page and the tests use to act, look and break things."""

from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import Any

from flask import Blueprint, Response, jsonify, request

from emulators import (
    boss,
    boss_events,
    people,
    replay,
    twilio_inbound,
    wechat_acts,
    wechat_callbacks,
    wechat_menus,
    wechat_tokens,
)
from emulators.faults import BadFault
from emulators.people import NobodyCalledThat, NotPossible
from emulators.smsc_world import GATEWAYS, SmscWorld
from emulators.state import Json
from emulators.world import World

LONGEST_WAIT_S = 120.0


def blueprint(world: World, smsc: SmscWorld | None) -> Blueprint:
    """The routes under /control, for the application."""
    sms_text = partial(_sms_text, smsc=smsc)
    routes = Blueprint("control", __name__, url_prefix="/control")

    def route(rule: str, method: str, act: Callable[..., Any]) -> None:
        def view(**names: Any) -> Response:
            return jsonify(act(world, **names))

        routes.add_url_rule(rule, f"{method} {rule}", view, methods=[method])

    for rule, method, act in ROUTES:
        route(rule, method, act)
    route("/sms/<who>/text", "POST", sms_text)
    route("/gateways", "GET", lambda _: ["twilio", *(GATEWAYS if smsc else ())])
    routes.register_error_handler(NotPossible, _refused)
    routes.register_error_handler(BadFault, _refused)
    return routes


def _refused(why: Exception) -> tuple[Response, int]:
    return jsonify({"error": str(why)}), 404 if isinstance(why, NobodyCalledThat) else 400


def _body() -> Json:
    if not request.get_data():
        return {}
    given = request.get_json(force=True, silent=True)
    if not isinstance(given, dict):
        raise NotPossible("the body must be a JSON object")
    return given


def _people(world: World) -> list[Json]:
    with world.lock:
        return [people.shown(person) for person in world.state.people.values()]


def _add_person(world: World) -> Json:
    with world.lock:
        person = people.add(world.state, _body(), world.timers.now())
    world.changed()
    return people.shown(person)


def _wechat_act(world: World, who: str, act: str) -> Json:
    return wechat_acts.act(world, who, act, _body())


def _wechat_verify(world: World) -> Json:
    return wechat_callbacks.verify(world)


def _sms_text(world: World, who: str, *, smsc: SmscWorld | None) -> Json:
    """Over Twilio, or over the gateway that "via" names."""
    body = _body()
    via = body.get("via", "twilio")
    if via == "twilio":
        return twilio_inbound.receive(world, who, body)
    if smsc is None or via not in GATEWAYS:
        raise NotPossible("'via' must be twilio" + (", smpp or cmpp" if smsc else ""))
    return smsc.text(who, str(via), body)


def _phone(world: World, who: str) -> Json:
    person = world.person(who)
    with world.lock:
        phone = world.state.phones[person.name]
        buttons = wechat_menus.seen_by(world.state, person)
        return people.shown(person) | {
            "wechat": list(phone.wechat),
            "sms": list(phone.sms),
            "menu": {"button": buttons} if buttons else None,
            "changed": phone.changed,
        }


def _wire(world: World) -> list[Json]:
    after = request.args.get("after", "0")
    return world.wire.after(int(after) if after.isdecimal() else 0)


def _replay(world: World, number: int) -> Json:
    return replay.again(world, number)


def _faults(world: World) -> list[Json]:
    return world.faults.list()


def _add_fault(world: World) -> Json:
    return asdict(world.faults.add(_body()))


def _remove_faults(world: World) -> list[Json]:
    number = request.args.get("id", "")
    world.faults.remove(int(number) if number.isdecimal() else None)
    return world.faults.list()


def _boss_settings(world: World) -> Json:
    return boss.settings_shown(world)


def _change_boss(world: World) -> Json:
    return boss.change_settings(world, _body())


def _orders(world: World) -> list[Json]:
    with world.lock:
        return [asdict(order) for order in world.state.orders.values()]


def _confirm(world: World, request_id: str) -> Json:
    return boss.confirm(world, request_id, _body())


def _events(world: World) -> Json:
    return boss_events.tell(world, _body())


def _tokens(world: World) -> Json:
    how = _body().get("do")
    if how not in ("expire", "revoke"):
        raise NotPossible("'do' must be expire or revoke")
    return {"tokens": wechat_tokens.spoil(world, how)}


def _quotas(world: World) -> Json:
    limits = _body()
    if not all(isinstance(limit, int) and limit >= 0 for limit in limits.values()):
        raise NotPossible("give path: calls a day, whole numbers")
    with world.lock:
        world.state.quota_limits.update(limits)
        answer = {
            "limits": wechat_tokens.QUOTAS | world.state.quota_limits,
            "used": dict(world.state.quota_used),
        }
    world.changed()
    return answer


def _clock(world: World) -> Json:
    seconds = _body().get("advance_s")
    if not isinstance(seconds, int | float) or seconds < 0:
        raise NotPossible("'advance_s' must be seconds forward")
    world.timers.advance(float(seconds))
    return {"now": world.timers.now()}


def _idle(world: World) -> Json:
    try:
        timeout_s = min(float(request.args.get("timeout", "10")), LONGEST_WAIT_S)
    except ValueError as bad:
        raise NotPossible("'timeout' must be seconds") from bad
    waiting = world.timers.idle(timeout_s)
    return {"idle": not waiting, "waiting": waiting}


def _reset(world: World) -> Json:
    world.reset(everything=bool(_body().get("all")))
    return {"reset": True}


ROUTES: tuple[tuple[str, str, Callable[..., Any]], ...] = (
    ("/people", "GET", _people),
    ("/people", "POST", _add_person),
    ("/wechat/verify", "POST", _wechat_verify),
    ("/wechat/<who>/<act>", "POST", _wechat_act),
    ("/phones/<who>", "GET", _phone),
    ("/wire", "GET", _wire),
    ("/wire/<int:number>/replay", "POST", _replay),
    ("/faults", "GET", _faults),
    ("/faults", "POST", _add_fault),
    ("/faults", "DELETE", _remove_faults),
    ("/boss/settings", "GET", _boss_settings),
    ("/boss/settings", "POST", _change_boss),
    ("/boss/orders", "GET", _orders),
    ("/boss/events", "POST", _events),
    ("/boss/orders/<path:request_id>/confirm", "POST", _confirm),
    ("/tokens", "POST", _tokens),
    ("/quotas", "POST", _quotas),
    ("/clock", "POST", _clock),
    ("/idle", "GET", _idle),
    ("/reset", "POST", _reset),
)
