"""WeChat's access tokens, the check of every call, and the daily quotas."""

import secrets
from datetime import datetime, timedelta, timezone

from emulators.state import Json, State, Token
from emulators.wechat_errors import WeChatError
from emulators.world import World

LIFETIME_S = 7200
# The old token stays good for five minutes while the new one spreads (docs: 获取access_token,
# 获取稳定版接口调用凭据).
OVERLAP_S = 300
# Forced refreshes a day (docs: 获取稳定版接口调用凭据).
FORCED_A_DAY = 20
CLEARS_A_MONTH = 10
KEPT_TOKENS = 50
# Calls a day of a verified service account (docs: 接口调用频次说明); others are not counted.
QUOTAS = {
    "/cgi-bin/token": 2_000,
    "/cgi-bin/menu/create": 1_000,
    "/cgi-bin/menu/get": 10_000,
    "/cgi-bin/menu/delete": 1_000,
    "/cgi-bin/menu/addconditional": 2_000,
    "/cgi-bin/menu/delconditional": 2_000,
    "/cgi-bin/menu/trymatch": 20_000,
    "/cgi-bin/tags/create": 1_000,
    "/cgi-bin/tags/get": 1_000,
    "/cgi-bin/message/custom/send": 500_000,
    "/cgi-bin/message/template/send": 100_000,
    "/cgi-bin/qrcode/create": 100_000,
    "/cgi-bin/media/upload": 100_000,
    "/cgi-bin/user/info": 5_000_000,
    "forced refresh": FORCED_A_DAY,
}
CHINA = timezone(timedelta(hours=8))


def stable_token(world: World, body: Json) -> Json:
    """POST /cgi-bin/stable_token: the same token until near its end, or a forced new one."""
    _check_credentials(world, body)
    now = world.timers.now()
    with world.lock:
        mine = [t for t in world.state.tokens if t.kind == "stable" and not t.dead]
        if body.get("force_refresh") is True:
            count(world, "forced refresh")
            for token in mine:
                token.dead = True
        else:
            for token in mine:
                if token.expires_at - now > OVERLAP_S:
                    left_s = int(token.expires_at - now)
                    return {"access_token": token.value, "expires_in": left_s}
        return _new(world, "stable", now)


def token(world: World, body: Json) -> Json:
    """GET /cgi-bin/token: always a new one; the one before it lives five minutes more."""
    _check_credentials(world, body)
    now = world.timers.now()
    with world.lock:
        for old in world.state.tokens:
            if old.kind == "plain":
                old.expires_at = min(old.expires_at, now + OVERLAP_S)
        return _new(world, "plain", now)


def check(world: World, value: str | None) -> None:
    """Raise WeChatError unless this access token is good now."""
    if not value:
        raise WeChatError(41001)
    with world.lock:
        found = next((t for t in world.state.tokens if t.value == value), None)
    if found is None and not value.isascii():
        raise WeChatError(40014)
    if found is None or found.dead:
        raise WeChatError(40001)
    if found.expires_at <= world.timers.now():
        raise WeChatError(42001)


def spoil(world: World, how: str) -> int:
    """Make every token expired (expire) or invalid (revoke), at once; returns how many."""
    now = world.timers.now()
    with world.lock:
        for one in world.state.tokens:
            if how == "revoke":
                one.dead = True
            one.expires_at = min(one.expires_at, now)
        number = len(world.state.tokens)
    world.changed()
    return number


def count(world: World, path: str) -> None:
    """Count one call against its daily quota. Raises WeChatError 45009."""
    limit = world.state.quota_limits.get(path, QUOTAS.get(path))
    if limit is None:
        return
    with world.lock:
        state = world.state
        _begin_day(state, datetime.fromtimestamp(world.timers.now(), CHINA).strftime("%Y-%m-%d"))
        if state.quota_used.get(path, 0) >= limit:
            raise WeChatError(45009)
        state.quota_used[path] = state.quota_used.get(path, 0) + 1
    world.changed()


def clear_quota(world: World, body: Json) -> Json:
    """POST /cgi-bin/clear_quota: all daily counts back to nothing, ten times a month."""
    if body.get("appid") != world.settings.app_id:
        raise WeChatError(40013)
    month = datetime.fromtimestamp(world.timers.now(), CHINA).strftime("%Y-%m")
    with world.lock:
        state = world.state
        if state.quota_cleared.get(month, 0) >= CLEARS_A_MONTH:
            raise WeChatError(48006)
        state.quota_cleared[month] = state.quota_cleared.get(month, 0) + 1
        state.quota_used.clear()
    return {"errcode": 0, "errmsg": "ok"}


def check_account(world: World, app_id: object, secret: object) -> None:
    """Raise WeChatError unless these are the account's appid and secret."""
    if not app_id:
        raise WeChatError(41002)
    if app_id != world.settings.app_id:
        raise WeChatError(40013)
    if not secret:
        raise WeChatError(41004)
    if secret != world.settings.app_secret:
        raise WeChatError(40125)


def _check_credentials(world: World, body: Json) -> None:
    if body.get("grant_type") != "client_credential":
        raise WeChatError(40002)
    check_account(world, body.get("appid"), body.get("secret"))


def _new(world: World, kind: str, now: float) -> Json:
    fresh = Token(secrets.token_urlsafe(102), kind, now + LIFETIME_S)
    world.state.tokens.append(fresh)
    del world.state.tokens[:-KEPT_TOKENS]
    world.changed()
    return {"access_token": fresh.value, "expires_in": LIFETIME_S}


def _begin_day(state: State, today: str) -> None:
    if state.quota_day != today:
        state.quota_day = today
        state.quota_used.clear()
