"""WeChat's web login: the page that sends a person back with a code, and the code's exchange."""

import secrets
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from flask import Response, redirect, render_template_string, request
from werkzeug.wrappers import Response as BaseResponse

from emulators import people
from emulators.state import Json, OAuthCode, Person
from emulators.wechat_errors import WeChatError
from emulators.wechat_tokens import check_account
from emulators.world import World

# docs: 网页授权
CODE_LIFETIME_S = 300
TOKEN_LIFETIME_S = 7200
MOST_CODES = 10_000
SCOPES = ("snsapi_base", "snsapi_userinfo")
COOKIE = "person"

WHO_PAGE = """<!doctype html>
<html lang="zh-CN"><head><meta charset="utf-8"><title>谁在看？</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>body{font-family:sans-serif;max-width:24rem;margin:2rem auto;padding:0 1rem}
a{display:block;margin:.5rem 0;padding:.8rem;border-radius:.4rem;background:#067a3e;color:#fff;
text-align:center;text-decoration:none}</style></head>
<body><main><h1>谁在看这个页面？</h1>
<p>微信模拟器不知道是谁的手机，请选一位。</p>
{% for link, name in people %}<a href="{{ link }}">{{ name }}</a>{% endfor %}
</main></body></html>"""
MISTAKE_PAGE = """<!doctype html>
<html lang="zh-CN"><head><meta charset="utf-8"><title>无法打开</title></head>
<body><main><h1>{{ sentence }}</h1></main></body></html>"""


def authorize(world: World) -> BaseResponse:
    """GET /connect/oauth2/authorize: back to redirect_uri with code and state."""
    asked = request.args
    target = asked.get("redirect_uri", "")
    if asked.get("appid") != world.settings.app_id:
        return _mistake("AppID 参数错误")
    if asked.get("response_type") != "code" or asked.get("scope") not in SCOPES:
        return _mistake("Scope 参数错误或没有 Scope 权限")
    if urlsplit(target).hostname not in _own_hosts(world):
        # Code 10003 in WeChat: the domain is not the registered one.
        return _mistake("redirect_uri 域名与后台配置不一致")
    person = _browsing(world)
    if person is None:
        return _ask_who(world)
    code = "0" + secrets.token_hex(16)[1:]
    with world.lock:
        codes = world.state.oauth_codes
        codes[code] = OAuthCode(
            str(person.openid), asked["scope"], world.timers.now() + CODE_LIFETIME_S
        )
        for old in list(codes)[:-MOST_CODES]:
            del codes[old]
    world.changed()
    return redirect(_with(target, {"code": code, "state": asked.get("state", "")}), 302)


def exchange(world: World, body: Json) -> Json:
    """GET /sns/oauth2/access_token: who the code belongs to; works once."""
    check_account(world, body.get("appid"), body.get("secret"))
    if body.get("grant_type") != "authorization_code":
        raise WeChatError(40002)
    if not body.get("code"):
        raise WeChatError(41008)
    with world.lock:
        code = world.state.oauth_codes.get(str(body["code"]))
        if code is None or code.expires_at <= world.timers.now():
            raise WeChatError(40029)
        if code.used:
            raise WeChatError(40163)
        code.used = True
    world.changed()
    return {
        "access_token": secrets.token_urlsafe(80),
        "expires_in": TOKEN_LIFETIME_S,
        "refresh_token": secrets.token_urlsafe(80),
        "openid": code.openid,
        "scope": code.scope,
    }


def _browsing(world: World) -> Person | None:
    who = request.args.get("person") or unquote(request.cookies.get(COOKIE, ""))
    with world.lock:
        person = people.find(world.state, who)
    return person if person and person.openid else None


def _ask_who(world: World) -> Response:
    with world.lock:
        names = [person.name for person in world.state.people.values() if person.openid]
    links = [(_with(request.full_path, {"person": name}), name) for name in names[:50]]
    return Response(render_template_string(WHO_PAGE, people=links), mimetype="text/html")


def _own_hosts(world: World) -> set[str | None]:
    return {urlsplit(u).hostname for u in (world.settings.public_url, world.settings.target)}


def _with(url: str, more: dict[str, str]) -> str:
    parts = urlsplit(url)
    query = parse_qsl(parts.query, keep_blank_values=True) + list(more.items())
    return urlunsplit(parts._replace(query=urlencode(query)))


def _mistake(sentence: str) -> Response:
    page = render_template_string(MISTAKE_PAGE, sentence=sentence)
    return Response(page, status=400, mimetype="text/html")
