"""The WeChat API: every call in one table, its method, quota and access token checked."""

from collections.abc import Callable
from dataclasses import dataclass

from flask import Response, jsonify, redirect, request
from werkzeug.wrappers import Response as BaseResponse

from emulators import (
    doors,
    wechat_media,
    wechat_menus,
    wechat_messages,
    wechat_oauth,
    wechat_pictures,
    wechat_qr,
    wechat_tags,
    wechat_tokens,
)
from emulators.faults import Fault
from emulators.state import Json
from emulators.wechat_errors import WeChatError, error_json
from emulators.world import World

PLACE = "wechat.api"
DEFAULT_FAULT_CODE = -1


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the API; `token` says whether it wants an access token."""

    method: str
    answer: Callable[[World, Json], Json]
    token: bool = True
    form: bool = False  # whether a file comes, instead of JSON


CALLS = {
    "/cgi-bin/stable_token": Call("POST", wechat_tokens.stable_token, token=False),
    "/cgi-bin/token": Call("GET", wechat_tokens.token, token=False),
    "/cgi-bin/clear_quota": Call("POST", wechat_tokens.clear_quota),
    "/cgi-bin/message/custom/send": Call("POST", wechat_messages.send_custom),
    "/cgi-bin/message/template/send": Call("POST", wechat_messages.send_template),
    "/cgi-bin/template/get_all_private_template": Call("GET", wechat_messages.get_templates),
    "/cgi-bin/message/subscribe/bizsend": Call("POST", wechat_messages.send_subscribe),
    "/cgi-bin/media/upload": Call("POST", wechat_media.upload, form=True),
    "/cgi-bin/menu/create": Call("POST", wechat_menus.create),
    "/cgi-bin/menu/get": Call("GET", wechat_menus.get),
    "/cgi-bin/menu/delete": Call("GET", wechat_menus.delete),
    "/cgi-bin/menu/addconditional": Call("POST", wechat_menus.add_conditional),
    "/cgi-bin/menu/delconditional": Call("POST", wechat_menus.delete_conditional),
    "/cgi-bin/menu/trymatch": Call("POST", wechat_menus.try_match),
    "/cgi-bin/get_current_selfmenu_info": Call("GET", wechat_menus.current),
    "/cgi-bin/tags/create": Call("POST", wechat_tags.create),
    "/cgi-bin/tags/get": Call("GET", wechat_tags.get),
    "/cgi-bin/tags/update": Call("POST", wechat_tags.update),
    "/cgi-bin/tags/delete": Call("POST", wechat_tags.delete),
    "/cgi-bin/tags/members/batchtagging": Call("POST", wechat_tags.tag),
    "/cgi-bin/tags/members/batchuntagging": Call("POST", wechat_tags.untag),
    "/cgi-bin/tags/getidlist": Call("POST", wechat_tags.of_person),
    "/cgi-bin/user/tag/get": Call("POST", wechat_tags.members),
    "/cgi-bin/user/info": Call("GET", wechat_tags.user_info),
    "/cgi-bin/qrcode/create": Call("POST", wechat_qr.create),
    "/sns/oauth2/access_token": Call("GET", wechat_oauth.exchange, token=False),
}


def call(world: World, path: str) -> BaseResponse:
    """Answer one API call; errors come with status 200, as WeChat sends them."""

    def view() -> Response:
        try:
            return jsonify(_answer(world, path))
        except WeChatError as refused:
            return jsonify(error_json(refused.code, refused.detail))

    return doors.serve(world, PLACE, f"wechat {path.rpartition('/cgi-bin/')[2]}", view, _failure)


def authorize(world: World) -> BaseResponse:
    """The web login page."""
    return doors.serve(
        world, PLACE, "wechat authorize", lambda: wechat_oauth.authorize(world), _failure
    )


def show_qr(world: World) -> BaseResponse:
    """GET showqrcode?ticket=: the picture, 404 for an unknown ticket."""

    def view() -> Response:
        picture = wechat_qr.picture(world, request.args.get("ticket", ""))
        if picture is None:
            return Response("ticket unknown", status=404, mimetype="text/plain")
        return Response(picture, mimetype="image/png")

    return doors.serve(world, PLACE, "wechat showqrcode", view, _failure)


def get_media(world: World) -> BaseResponse:
    """GET media/get: a file that somebody sent."""
    return doors.serve(
        world, PLACE, "wechat media/get", lambda: wechat_pictures.get(world), _failure
    )


def open_qr(world: World, ticket: str) -> BaseResponse:
    """What a browser outside WeChat gets for the content of a QR code: its picture."""
    return redirect(f"{world.own_url}/cgi-bin/showqrcode?ticket={ticket}", 302)


def _answer(world: World, path: str) -> Json:
    wanted = CALLS.get(path)
    if wanted is None:
        raise WeChatError(48001)
    if request.method != wanted.method:
        raise WeChatError(43001 if wanted.method == "GET" else 43002)
    if wanted.token:
        wechat_tokens.check(world, request.args.get("access_token"))
    body: Json = dict(request.args)
    if wanted.method == "POST" and not wanted.form:
        if not request.get_data():
            raise WeChatError(44002)
        given = request.get_json(force=True, silent=True)
        if not isinstance(given, dict):
            raise WeChatError(47001)
        body = given
    if path != "/cgi-bin/clear_quota":
        wechat_tokens.count(world, path)
    return wanted.answer(world, body)


def _failure(fault: Fault) -> Response:
    answer = jsonify(error_json(DEFAULT_FAULT_CODE if fault.code is None else fault.code))
    answer.status_code = fault.status or 200
    return answer
