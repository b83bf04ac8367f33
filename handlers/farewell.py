"""The last words to somebody who was deleted at their wish, owed in the same transaction."""

from __future__ import annotations

from datetime import datetime

from dialogs.dialog import Saying
from menus.menus import Menus
from models import outbox, sending_policy
from models.base import Tx
from models.privacy.erasure import Erased


def owe(tx: Tx, menus: Menus, erased: Erased, now: datetime) -> int | None:
    """Owe one message by SMS, or by WeChat to whoever has no number; its id, or None.

    Their addresses are gone by now: what is owed carries its own, until it has left.
    """
    saying = Saying("privacy.farewell", {"number": erased.subscriber_id})
    channel = "sms" if erased.msisdn else "wechat"
    words = menus.text(saying.key, channel=channel, **saying.values)
    payload: dict[str, object]
    if erased.msisdn is not None:
        payload = {"to": erased.msisdn, "text": words, "page": None}
    elif erased.telling.wechat_is_open(now):
        # The openid leads nowhere, or to somebody new who is the same person.
        payload = {"openid": erased.openid, "text": words, "farewell": True}
    else:
        return None
    return outbox.owe(
        tx, subscriber_id=erased.subscriber_id, kind=channel, queue=outbox.REPLY,
        category=sending_policy.ANSWER, payload=payload, now=now,
    )  # fmt: skip
