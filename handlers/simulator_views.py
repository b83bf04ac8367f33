"""What the simulator's templates need: messages with links, times, and the wire as it reads."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from handlers.simulator_browser import Link
from menus.menus import Menus
from models.points import SHANGHAI

SHOWN_CHARACTERS = 6000  # of one body in the wire log; a page with all of them would crawl
# What a phone makes tappable in a message: Chinese punctuation ends it.
_LINK = re.compile(r"https?://[A-Za-z0-9\-._~:/?#@!$&*+,;=%]+")
_OPENINGS = {
    "join_club": "加入",
    "club_page": "看",
    "balance": "查积分",
    "bind_phone": "绑定手机号",
    "account_page": "我的账户",
    "help": "帮助",
    "opt_out": "退订",
    "opt_in": "恢复通知",
}
_SECRET_HEADERS = frozenset({"authorization"})


@dataclass(frozen=True, slots=True)
class Scene:
    """A QR code: what it says, and what a scan opens."""

    scene: str
    opens: str


@dataclass(frozen=True, slots=True)
class Exchange:
    """One line of the wire log, with its details."""

    id: int
    at: str
    inward: bool
    what: str
    address: str
    status: int | None
    ms: int
    note: str
    details: tuple[tuple[str, str], ...]  # (heading, text)

    @property
    def went_wrong(self) -> bool:
        return self.status is None or self.status >= 400


def scenes(menus: Menus, club_names: Mapping[str, str]) -> list[Scene]:
    """The QR codes of the live menus, with what they open in words."""
    found = []
    for scene, route in sorted(menus.scenes.items()):
        club = route.notes.get("club", "")
        verb = _OPENINGS.get(route.dialog, route.dialog)
        found.append(Scene(scene, verb + club_names.get(club, club)))
    return found


def pieces(text: str) -> list[Link]:
    """A message as its plain parts and its links, in order."""
    parts, at = [], 0
    for link in _LINK.finditer(text):
        parts += [Link(text[at : link.start()]), Link(link[0], link[0])]
        at = link.end()
    return [*parts, Link(text[at:])]


def gateway(code: str) -> str:
    """A gateway as it is written: Twilio, SMPP, CMPP."""
    return code.title() if code == "twilio" else code.upper()


def clock(at: str | datetime | None) -> str:
    """The time of day in China, from ISO text or a datetime."""
    if at is None:
        return ""
    moment = datetime.fromisoformat(at) if isinstance(at, str) else at
    return f"{moment.astimezone(SHANGHAI):%H:%M:%S}"


def exchange(entry: Mapping[str, Any]) -> Exchange:
    """An entry of the wire log, decoded where that helps to read it."""
    asked, answered = entry.get("request") or {}, entry.get("response") or {}
    details = [("请求 Request", f"{entry['method']} {entry['url']}\n{_headers(asked)}")]
    details += _bodies("请求内容 Request body", asked)
    if answered:
        details.append(("回答 Response", f"{entry['status']}\n{_headers(answered)}"))
        details += _bodies("回答内容 Response body", answered)
    return Exchange(
        id=int(entry["id"]),
        at=clock(str(entry["at"])),
        inward=entry["direction"] == "in",
        what=str(entry["what"]),
        address=urlsplit(str(entry["url"])).path,
        status=entry["status"],
        ms=int(entry["ms"]),
        note=str(entry.get("note") or ""),
        details=tuple(details),
    )


def _headers(side: Mapping[str, Any]) -> str:
    return "\n".join(
        f"{name}: {'…' if name.lower() in _SECRET_HEADERS else value}"
        for name, value in (side.get("headers") or {}).items()
    )


def _bodies(heading: str, side: Mapping[str, Any]) -> list[tuple[str, str]]:
    found = []
    if plain := str(side.get("plain") or ""):
        found.append((f"{heading}（解密后 decrypted）", _readable(plain)))
    if body := str(side.get("body") or ""):
        found.append((heading, _readable(body)))
    return found


def _readable(body: str) -> str:
    if body[:1] in "{[":
        try:
            body = json.dumps(json.loads(body), ensure_ascii=False, indent=2)
        except ValueError:
            return body[:SHOWN_CHARACTERS]
    elif re.fullmatch(r"[\w%.+*-]+=[^<\s]*", body):  # a form
        fields = parse_qsl(body, keep_blank_values=True)
        body = "\n".join(f"{name}={value}" for name, value in fields)
    return body[:SHOWN_CHARACTERS]
