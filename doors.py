"""Every door and every page, wired: what the web server's processes answer.

web()    the WeChat door ahead of Flask, which has the others
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from handlers import boss, console, events, health, member, merchant, simulator, sms
from handlers.console.frame import Parts
from handlers.wechat import WeChatDoor
from handlers.wechat_crypto import Codec
from models.earning.earn import earn

if TYPE_CHECKING:
    from app import Circle

ROOT = Path(__file__).parent


def web(circle: Circle, *, people: bool = True) -> Callable[..., Iterable[bytes]]:
    """The WSGI app: /wechat goes to its own door, everything else to Flask.

    Without `people`, only what machines knock at: hundreds of pages take long to hang up.
    """
    wechat_door = _wechat_door(circle)
    pages = flask_app(circle, people=people)
    console.begin(circle.live, circle.now())

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/wechat":
            return wechat_door(environ, start_response)
        return pages(environ, start_response)

    return app


def _wechat_door(circle: Circle) -> WeChatDoor:
    account = circle.settings.wechat
    keys = [account.encoding_aes_key, account.previous_aes_key]
    return WeChatDoor(
        token=account.token,
        codecs=tuple(Codec(key, account.app_id) for key in keys if key),
        mode=account.mode,
        replay_window_s=account.replay_window_s,
        body_limit=circle.settings.web.body_limit_kb * 1024,
        answering=circle.answering,
        clock=lambda: circle.now().timestamp(),
    )


def flask_app(circle: Circle, *, people: bool = True) -> Flask:
    """All doors but WeChat's, and all pages if there are people."""
    config = circle.settings
    flask = Flask(__name__, template_folder="handlers/templates", static_folder="handlers/static")
    flask.config["MAX_CONTENT_LENGTH"] = config.web.body_limit_kb * 1024
    flask.register_blueprint(
        health.routes(store=circle.store, queue=circle.redis, live=circle.live, now=circle.now)
    )
    if token := config.sms.twilio.auth_token:
        flask.register_blueprint(
            sms.doors(auth_token=token, public_url=circle.public_url, answering=circle.answering)
        )
    flask.register_blueprint(
        boss.door(
            secret=config.boss.secret,
            window_s=config.boss.callback_window_s,
            store=circle.store,
            engine=circle.engine,
            nudge=circle.nudges,
            now=circle.now,
        )
    )
    flask.register_blueprint(
        events.door(
            secret=config.boss.secret,
            limits=events.Limits(
                events=config.boss.events_a_request,
                body_bytes=config.boss.events_body_kb * 1024,
                window_s=config.boss.callback_window_s,
            ),
            store=circle.store,
            earn=earn,
            now=circle.now,
        )
    )
    if people:
        _pages(flask, circle)
    if config.web.trusted_proxies:  # else everybody would have the balancer's address
        hops = config.web.trusted_proxies
        flask.wsgi_app = ProxyFix(flask.wsgi_app, x_for=hops)  # type: ignore[method-assign]
    return flask


def _pages(flask: Flask, circle: Circle) -> None:
    """What people see in a browser: subscribers, operators, merchants; and the simulator."""
    config = circle.settings
    flask.register_blueprint(_members(circle))
    if config.console.secret or config.environment == "development":
        _offices(flask, circle)
    if config.environment == "development":
        flask.register_blueprint(
            simulator.pages(
                emulators_url=f"http://{config.host}:{config.emulators_port}",
                store=circle.store,
                live=circle.live,
                menus_folder=ROOT / config.menus.folder,
                now=circle.now,
            )
        )


def _members(circle: Circle) -> Blueprint:
    """What subscribers see in a browser."""
    config = circle.settings
    return member.pages(
        store=circle.store,
        wechat=circle.wechat,
        counters=circle.redis,
        public_url=circle.public_url,
        limits=config.pages,
        points=config.points,
        vouchers=config.vouchers,
        menus=circle.live,
        nudge=circle.nudges,
        rules=circle.rules,
        picture_kb=circle.settings.feedback.picture_kb,
        seeds=circle.seeds,
        gifts=circle.rules.gifts,
        messages_a_page=config.notices.messages_a_page,
        engine=circle.engine,
        now=circle.now,
    )


def _offices(flask: Flask, circle: Circle) -> None:
    """The console, and the desk of merchants' people."""
    parts = console_parts(circle)
    flask.register_blueprint(console.build(parts).blueprint)
    desk = merchant.build(parts)
    flask.register_blueprint(desk.blueprint)
    flask.register_blueprint(merchant.voucher_link(desk))


def console_parts(circle: Circle) -> Parts:
    return Parts(
        store=circle.store,
        vault=circle.vault,
        now=circle.now,
        live=circle.live,
        engine=circle.engine,
        publisher=circle.publisher,
        wechat=circle.wechat,
        nudges=circle.nudges,
        counters=circle.redis,
        breakers=circle.breakers,
        numbers=circle.numbers,
        public_url=circle.public_url,
        settings=circle.settings,
        menus_folder=ROOT / circle.settings.menus.folder,
    )
