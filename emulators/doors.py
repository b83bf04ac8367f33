"""The way into every emulated API: faults strike here, and the wire log is written here."""

import socket
import threading
import time
from collections.abc import Callable

from flask import Response, g, request
from werkzeug.wrappers import Response as BaseResponse

from emulators.faults import Fault
from emulators.world import World

View = Callable[[], BaseResponse]


def serve(
    world: World, place: str, what: str, view: View, failure: Callable[[Fault], Response]
) -> BaseResponse:
    """Answer one call of the product's by `view`, or by `failure` when an error was ordered."""
    began = time.monotonic()
    with world.timers.busy(what):
        fault = world.faults.take(place, f"{request.path} {what}")
        answer = _answer(world, place, what, view, failure, fault)
        status = None if fault and fault.do == "drop" else answer.status_code
        body = answer.get_data() if answer.is_sequence else b""
        world.wire.add(
            direction="out",
            what=what,
            method=request.method,
            url=request.url,
            status=status,
            ms=round((time.monotonic() - began) * 1000),
            headers=dict(request.headers),
            body=request.get_data(),
            answer_headers=dict(answer.headers),
            answer=body,
            note=f"fault: {fault.do}" if fault else "",
        )
    if fault and fault.do == "drop":
        _hang_up()
    return answer


def _answer(
    world: World,
    place: str,
    what: str,
    view: View,
    failure: Callable[[Fault], Response],
    fault: Fault | None,
) -> BaseResponse:
    do = fault.do if fault else ""
    if fault and do == "error":
        return failure(fault)
    if fault and do == "late":
        g.late_s = fault.seconds
    if fault and do == "reorder":
        _let_one_pass(world, place, what, fault.seconds)
    answer = view()
    if do == "duplicate":
        # As if the network had delivered the request twice; the first answer is the one given.
        view()
    if fault and do == "slow":
        # After the work: a caller who gave up must find that it was done.
        world.timers.wait(fault.seconds)
    world.held.passed(place)
    return answer


def _let_one_pass(world: World, place: str, what: str, seconds: float) -> None:
    turn = threading.Event()
    world.held.put(place, seconds, what, turn.set)
    # Should the timers be reset meanwhile, nobody sets it: hence the limit of our own.
    turn.wait(seconds + 1)


def _hang_up() -> None:
    """Close the connection of this request; werkzeug notes the broken pipe and goes on."""
    connection: socket.socket | None = request.environ.get("werkzeug.socket")
    if connection is not None:
        try:
            connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            # The caller was quicker.
            return
