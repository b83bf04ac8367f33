"""What each WeChat error code means for us: wait, stop for today, use another way, or give up."""

from __future__ import annotations

from integrations.errors import CallFailed, Final, StopForToday, TryLater, UseAnotherWay

# The token is wrong or too old (docs: 全局返回码). One refresh and one more try heal these.
BAD_TOKEN = frozenset({40001, 40014, 42001})
SYSTEM_BUSY = -1
TOO_MANY_THIS_MINUTE = 45011
TOO_MANY_TODAY = 45009
# 45015: no message from this person within 48 h and no tap within a minute; 45047: too many
# unanswered service messages.
WINDOW_CLOSED = frozenset({45015, 45047})
# Named by the callers in wechat_api.py.
NO_MENU = 46003
TAG_NAME_TAKEN = 45157

MESSAGE_CHARS_MAX = 200
MINUTE_S = 60.0
DAY_S = 24 * 3600
# Quotas start anew at midnight in Beijing, which has no daylight saving time.
BEIJING_AHEAD_S = 8 * 3600


def from_code(code: int, message: str, *, now_s: float) -> CallFailed:
    """The error to raise for WeChat's `errcode`; `now_s` is Unix time."""
    detail = f"WeChat: {message[:MESSAGE_CHARS_MAX]}"
    if code == SYSTEM_BUSY:
        return TryLater(detail, code=code)
    if code == TOO_MANY_THIS_MINUTE or code in BAD_TOKEN:
        # A token that stays bad after one refresh will not be better within this minute either.
        return TryLater(detail, code=code, after_s=MINUTE_S)
    if code == TOO_MANY_TODAY:
        return StopForToday(detail, code=code, after_s=_to_midnight_s(now_s))
    if code in WINDOW_CLOSED:
        return UseAnotherWay(detail, code=code)
    return Final(detail, code=code)


def _to_midnight_s(now_s: float) -> float:
    return DAY_S - (now_s + BEIJING_AHEAD_S) % DAY_S
