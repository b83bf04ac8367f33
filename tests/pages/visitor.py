"""Somebody with a browser and no scripts: keeps cookies, follows links, sends forms."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html import unescape
from typing import Any

import requests

from tests.conftest import Phone

IN_WECHAT = "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 MicroMessenger/8.0.50 MMWEBID/1"
SIMULATOR = "/simulator"
_HIDDEN = re.compile(r'name="form_key" value="([^"]+)"')
_LINK = re.compile(r"https?://\S+/l/[A-Za-z0-9]+")


@dataclass
class Visitor:
    """`agent` is the User-Agent; `person` is who WeChat says it is, when WeChat is asked."""

    site: str
    agent: str = "Mozilla/5.0 (Linux; Android 14) Chrome/120"
    person: str = ""
    session: requests.Session = field(default_factory=requests.Session)

    def get(self, path: str, **more: Any) -> requests.Response:
        """A page, behind all redirects."""
        headers = {"User-Agent": self.agent, **more.pop("headers", {})}
        url = path if path.startswith("http") else self.site + path
        answer = self.session.get(url, headers=headers, timeout=60, allow_redirects=False, **more)
        while answer.is_redirect:
            answer = self.session.get(
                self.following(answer), headers=headers, timeout=60, allow_redirects=False
            )
        answer.encoding = "utf-8"
        return answer

    def form_key(self, path: str) -> str:
        """What a form of this page must carry."""
        found = _HIDDEN.search(self.get(path).text)
        assert found, "there is no form"
        return unescape(found[1])

    def post(self, path: str, fields: dict[str, str], **headers: str) -> requests.Response:
        """Send a form, and follow where it leads."""
        url = path if path.startswith("http") else self.site + path
        answer = self.session.post(
            url,
            data=fields,
            headers={"User-Agent": self.agent, **headers},
            timeout=60,
            allow_redirects=False,
        )
        answer.encoding = "utf-8"
        return self.get(self.following(answer)) if answer.is_redirect else answer

    def send(self, path: str, *, form_from: str = "", **fields: str) -> requests.Response:
        """Send the form of a page (`form_from`, by default at the same path)."""
        return self.post(path, {"form_key": self.form_key(form_from or path), **fields})

    def following(self, answer: requests.Response) -> str:
        """Where a redirect leads; to WeChat's login as `person`."""
        following = requests.compat.urljoin(answer.url, answer.headers["Location"])
        if "/connect/oauth2/authorize" in following and self.person:
            following = following.replace("#wechat_redirect", f"&person={self.person}")
        return following


def link_in(text: str) -> str:
    """The one-time link of an SMS."""
    found = _LINK.search(text)
    assert found, text
    return found[0]


def fresh_link(phone: Phone) -> str:
    """Ask for the account by SMS; the link that comes back."""
    phone.texts("WD")
    return link_in(phone.last("sms"))


def do(visitor: Visitor, act: str, person: str = "李雷", **fields: str) -> str:
    """Press a button of the simulator; the page that follows."""
    answer = visitor.send(f"/simulator/do/{act}", form_from=SIMULATOR, person=person, **fields)
    assert answer.status_code == 200, answer.text
    return answer.text


def part(visitor: Visitor, name: str, person: str = "李雷") -> str:
    """A part of the simulator, as it is polled."""
    return visitor.get(f"/simulator/parts/{name}", params={"person": person}).text
