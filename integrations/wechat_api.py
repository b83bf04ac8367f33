"""What the product asks of WeChat: messages, menus, tags, QR codes, people, OAuth2.

Every call raises TryLater, StopForToday, UseAnotherWay or Final (errors.py) and nothing else.
Mass messages by tag are not offered: wechatpy sends a field that WeChat gave up.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import redis
import structlog

from integrations.errors import Final, TryLater
from integrations.http import move
from integrations.wechat_client import Answer, Client
from integrations.wechat_policy import NO_MENU, TAG_NAME_TAKEN

log = structlog.get_logger()

# A text message holds 2048 bytes (docs: 客服消息, errcode 45002 beyond it).
TEXT_BYTES_MAX = 2048
# docs: 批量为用户打标签, at most 50 people a call.
TAG_PEOPLE_MAX = 50
# docs: 生成带参数的二维码: 30 days, scene_str 1 to 64 characters.
QR_SECONDS_MIN, QR_SECONDS_MAX = 60, 2_592_000
SCENE_CHARS_MAX = 64
QR_IMAGE_URL = "https://mp.weixin.qq.com/cgi-bin/showqrcode?ticket="


@dataclass(frozen=True, slots=True)
class Qr:
    """A QR code of WeChat: `ticket` leads to its picture, `url` is what the picture says."""

    ticket: str
    url: str
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag of WeChat's, and how many people carry it."""

    id: int
    name: str
    count: int


class WeChatApi:
    """One official account. Safe to share between threads; build it anew after a fork."""

    def __init__(
        self,
        *,
        app_id: str,
        app_secret: str,
        api_base_url: str,
        redis: redis.Redis,
        timeout_s: float = 5.0,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._now = now
        self._client = Client(
            app_id=app_id,
            app_secret=app_secret,
            api_base_url=api_base_url.rstrip("/"),
            store=redis,
            timeout_s=timeout_s,
            now=now,
        )

    # Messages

    def send_text(self, openid: str, text: str) -> None:
        """Send a customer-service text, cut at 2048 bytes."""
        self._client.message.send_text(openid, _cut(text))

    def send_news(self, openid: str, title: str, description: str, url: str) -> None:
        """Send one customer-service card that opens `url`."""
        article = {"title": title, "description": description, "url": url, "picurl": ""}
        self._client.message.send_articles(openid, [article])

    def upload_picture(self, picture: bytes) -> str:
        """Lend WeChat a PNG for three days; returns the media id by which it is sent."""
        # Bytes, not a file: a call that is made again with a fresh token sends them again.
        file = ("picture.png", picture, "image/png")
        return str(_field(self._client.media.upload("image", file), "media_id"))

    def send_picture(self, openid: str, media_id: str) -> None:
        """Send a picture that was uploaded before as a customer-service message."""
        self._client.message.send_image(openid, media_id)

    def send_menu_question(
        self, openid: str, head: str, options: Sequence[tuple[str, str]], tail: str
    ) -> None:
        """Send a question with answers to tap; a tap comes back as text with its bizmsgmenuid."""
        listed = [{"id": id_, "content": text} for id_, text in options]
        menu = {"head_content": head, "list": listed, "tail_content": tail}
        self._client.message.send_msg_menu(openid, menu)

    def send_template(
        self,
        openid: str,
        template_id: str,
        data: Mapping[str, Any],
        url: str | None = None,
        client_message_id: str | None = None,
    ) -> str:
        """Send a template message; returns its msgid, which the delivery event names again.

        With `client_message_id` WeChat sends the same message once within 10 minutes.
        """
        message: Answer = {"touser": openid, "template_id": template_id, "data": dict(data)}
        if url:
            message["url"] = url
        if client_message_id:
            # wechatpy does not know this field.
            message["client_msg_id"] = client_message_id
        answer = self._client.post("message/template/send", data=message)
        return str(answer.get("msgid", ""))

    def templates(self) -> dict[str, str]:
        """The templates that the account may send: id -> title."""
        found = _field(self._client.get("template/get_all_private_template"), "template_list")
        try:
            return {str(one["template_id"]): str(one["title"]) for one in found}
        except (KeyError, TypeError):
            raise TryLater("WeChat: the list of templates cannot be read") from None

    def send_subscribe(
        self, openid: str, template_id: str, data: Mapping[str, Any], page: str | None = None
    ) -> None:
        """Send a subscription notice that the person has agreed to get."""
        self._client.message.send_subscribe_message(openid, template_id, dict(data), page=page)

    # Files

    def fetch_media(self, media_id: str, *, most: int) -> bytes:
        """What somebody sent: a picture of at most `most` bytes. WeChat keeps it for three days."""
        return self._client.fetch_media(media_id, most=most)

    # Menus

    def create_menu(self, buttons: Sequence[Mapping[str, Any]]) -> None:
        """Set the default menu, for everybody whom no conditional menu fits."""
        self._client.menu.create({"button": list(buttons)})

    def add_conditional_menu(self, buttons: Sequence[Mapping[str, Any]], tag_id: int) -> str:
        """Add a menu for the people with this tag; returns its menuid. Needs a default menu."""
        menu = {"button": list(buttons), "matchrule": {"tag_id": str(tag_id)}}
        return str(_field(self._client.menu.add_conditional(menu), "menuid"))

    def get_menus(self) -> Answer:
        """The menus as WeChat has them (`menu`, `conditionalmenu`); {} when there are none."""
        try:
            # wechatpy's menu.get looks for an exception that is translated by then.
            return self._client.get("menu/get")  # type: ignore[no-any-return]
        except Final as refused:
            if refused.code == NO_MENU:
                return {}
            raise

    def delete_menus(self) -> None:
        """Delete the default menu and every conditional one."""
        self._client.menu.delete()

    def delete_conditional_menu(self, menu_id: str) -> None:
        """Delete one conditional menu; the others stay."""
        self._client.menu.del_conditional(menu_id)

    def try_match_menu(self, openid: str) -> Answer:
        """The menu that this person sees."""
        return self._client.menu.try_match(openid)  # type: ignore[no-any-return]

    # Tags

    def tags(self) -> dict[str, int]:
        """Every tag's name and id."""
        return {tag.name: tag.id for tag in self.counted_tags()}

    def counted_tags(self) -> list[Tag]:
        """Every tag, and how many people carry it."""
        tags = _field(self._client.get("tags/get"), "tags")
        try:
            return [Tag(int(t["id"]), str(t["name"]), int(t.get("count") or 0)) for t in tags]
        except (KeyError, TypeError, ValueError):
            raise TryLater("WeChat: the list of tags cannot be read") from None

    def create_tag(self, name: str) -> int:
        """The id of the tag of this name, made when it is missing."""
        try:
            return int(self._client.tag.create(name)["id"])
        except Final as refused:
            # Also what a repeat gets whose first answer was lost.
            if refused.code == TAG_NAME_TAKEN and (known := self.tags().get(name)) is not None:
                return known
            raise
        except (KeyError, TypeError, ValueError):
            raise TryLater("WeChat: the new tag cannot be read", maybe_done=True) from None

    def tag(self, tag_id: int, openids: Sequence[str]) -> None:
        """Give people a tag; who has it keeps it."""
        for some in _batches(openids):
            self._client.tag.tag_user(tag_id, some)

    def untag(self, tag_id: int, openids: Sequence[str]) -> None:
        """Take a tag from people; who has it not is left alone."""
        for some in _batches(openids):
            self._client.tag.untag_user(tag_id, some)

    # QR codes

    def create_temporary_qr(self, scene: str, expires_in_s: int) -> Qr:
        """A QR code that ends after `expires_in_s` (60 to 2,592,000). Raises ValueError."""
        if not QR_SECONDS_MIN <= expires_in_s <= QR_SECONDS_MAX:
            raise ValueError(f"expires_in_s must be {QR_SECONDS_MIN} to {QR_SECONDS_MAX}")
        return self._create_qr("QR_STR_SCENE", scene, expire_seconds=expires_in_s)

    def create_permanent_qr(self, scene: str) -> Qr:
        """A QR code for ever; an account has 100,000 of them in all. Raises ValueError."""
        return self._create_qr("QR_LIMIT_STR_SCENE", scene)

    def qr_image_url(self, ticket: str) -> str:
        """Where a browser finds the picture of a QR code."""
        return move(QR_IMAGE_URL + quote(ticket, safe=""), self._client.moved)

    def qr_image(self, ticket: str) -> bytes:
        """The picture itself (JPEG)."""
        return self._client.picture(self.qr_image_url(ticket))

    def _create_qr(self, action: str, scene: str, **limits: int) -> Qr:
        if not 1 <= len(scene) <= SCENE_CHARS_MAX:
            raise ValueError(f"a scene has 1 to {SCENE_CHARS_MAX} characters")
        asked = {"action_name": action, "action_info": {"scene": {"scene_str": scene}}, **limits}
        answer = self._client.qrcode.create(asked)
        ends = None
        if "expire_seconds" in limits:
            live_s = int(answer.get("expire_seconds") or limits["expire_seconds"])
            ends = datetime.fromtimestamp(self._now(), UTC) + timedelta(seconds=live_s)
        return Qr(str(_field(answer, "ticket")), str(answer.get("url", "")), ends)

    # People

    def user_info(self, openid: str) -> Answer:
        """What WeChat tells about a follower: subscribe, language, tagid_list, qr_scene_str ..."""
        return self._client.user.get(openid)  # type: ignore[no-any-return]

    def oauth_url(self, redirect_uri: str, state: str, scope: str = "snsapi_base") -> str:
        """Where to send a browser so that it comes back to `redirect_uri` with a code."""
        oauth = self._client.oauth(
            redirect_uri=redirect_uri, scope=scope, state=quote(state, safe="")
        )
        return move(oauth.authorize_url, self._client.moved)

    def oauth_openid(self, code: str) -> str:
        """The openid behind an OAuth2 code; Final when the code is wrong, old or used."""
        return str(_field(self._client.oauth_person(code), "openid"))


def _cut(text: str) -> str:
    raw = text.encode("utf-8", "replace")
    if len(raw) <= TEXT_BYTES_MAX:
        return text
    log.warning("wechat text cut", bytes=len(raw))
    return raw[:TEXT_BYTES_MAX].decode("utf-8", "ignore")


def _field(answer: Answer, name: str) -> Any:
    try:
        return answer[name]
    except (KeyError, TypeError):
        raise TryLater(f"WeChat: the answer has no {name}", maybe_done=True) from None


def _batches(openids: Sequence[str]) -> list[list[str]]:
    starts = range(0, len(openids), TAG_PEOPLE_MAX)
    return [list(openids[start : start + TAG_PEOPLE_MAX]) for start in starts]
