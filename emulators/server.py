"""The emulators as one threaded HTTP server: every route, start and stop."""

import socket
import threading
from collections.abc import Callable
from functools import partial

import structlog
from flask import Flask, Response, jsonify, request
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server
from werkzeug.wrappers import Response as BaseResponse

from emulators import boss, control, twilio, twilio_delivery, wechat_api, wechat_media
from emulators.settings import Settings, reachable
from emulators.smsc_world import SmscWorld
from emulators.world import World

LARGEST_BODY = 2_000_000

log = structlog.get_logger()


class _Quiet(WSGIRequestHandler):
    """Logs no line per request: the wire log has them, and lines would hold tokens."""

    # Without it every answer would close its connection, and clients could not keep one.
    protocol_version = "HTTP/1.1"
    # Head and body go out in two writes; the second must not wait for the first's receipt.
    disable_nagle_algorithm = True

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Nothing."""


class Emulators:
    """WeChat, Twilio and BOSS on one port. `start` returns it; `stop` writes the snapshot."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self.world = World(self.settings)
        self.smsc: SmscWorld | None = None
        if self.settings.smpp_port is not None or self.settings.cmpp_port is not None:
            self.smsc = SmscWorld(self.world)
        self.app = _application(self.world, self.smsc)
        self._server: BaseWSGIServer | None = None
        self._thread: threading.Thread | None = None

    def start(self, port: int = 0) -> int:
        """Listen in a thread; port 0 takes a free one. Raises OSError when it is taken."""
        # Bound here, because werkzeug ends the process when the port is taken.
        with socket.create_server((self.settings.host, port)) as listening:
            found = int(listening.getsockname()[1])
            self._server = make_server(
                self.settings.host,
                found,
                self.app,
                threaded=True,
                request_handler=_Quiet,
                fd=listening.fileno(),
            )
        own_url = f"http://{reachable(self.settings.host)}:{found}"
        self.world.own_url = self.settings.base_url or own_url
        if self.smsc is not None:
            ports = self.smsc.start()
            log.info("smsc listening", **ports)
        self.world.timers.start()
        twilio_delivery.resume(self.world)
        boss.resume(self.world)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), name="emulators-http", daemon=True
        )
        self._thread.start()
        log.info("emulators listening", port=found, target=self.settings.target)
        return found

    def stop(self) -> None:
        """Stop listening, let go of all that waits, and keep the state."""
        self.world.stop()
        if self.smsc is not None:
            self.smsc.stop()
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()
        log.info("emulators stopped")


def _application(world: World, smsc: SmscWorld | None) -> Flask:
    app = Flask("emulators", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    app.register_blueprint(control.blueprint(world, smsc))

    @app.before_request
    def stopped() -> Response | None:
        # A connection kept open from before must not reach a world that has ended.
        if not world.stopped:
            return None
        return Response("stopped", status=503, headers={"Connection": "close"})

    for rule, methods, view in ROUTES:
        app.add_url_rule(rule, rule, partial(view, world), methods=list(methods))
    return app


def _wechat(world: World, rest: str) -> BaseResponse:
    return wechat_api.call(world, request.path)


def _healthz(world: World) -> BaseResponse:
    return jsonify({"alive": True})


ACCOUNT = f"{twilio.API}/Accounts/<account>"
GET, POST, BOTH = ("GET",), ("POST",), ("GET", "POST")
ROUTES: tuple[tuple[str, tuple[str, ...], Callable[..., BaseResponse]], ...] = (
    ("/cgi-bin/showqrcode", GET, wechat_api.show_qr),
    ("/cgi-bin/media/get", GET, wechat_api.get_media),
    ("/cgi-bin/<path:rest>", BOTH, _wechat),
    ("/sns/<path:rest>", BOTH, _wechat),
    ("/connect/oauth2/authorize", GET, wechat_api.authorize),
    ("/media/<media_id>", GET, wechat_media.show),
    ("/q/<path:ticket>", GET, wechat_api.open_qr),
    (f"{ACCOUNT}/Messages.json", BOTH, twilio.messages),
    (f"{ACCOUNT}/Messages/<sid>.json", GET, twilio.message),
    ("/boss/services/open", POST, boss.open_service),
    ("/boss/services/close", POST, boss.close_service),
    ("/boss/orders/<path:request_id>", GET, boss.query),
    ("/healthz", GET, _healthz),
)
