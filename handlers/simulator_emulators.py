"""The emulators' control API, as the simulator page uses it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import requests

LOOK_TIMEOUT_S = 3.0
# An act waits for the callback's answer, and WeChat tries three times for 5 s each.
ACT_TIMEOUT_S = 25.0


class NotThere(Exception):
    """The emulators do not answer."""


class NotPossible(Exception):
    """What was asked cannot be done; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a phone; `openid` and `msisdn` are "" where there is none."""

    name: str
    openid: str
    msisdn: str
    follows: bool


@dataclass(frozen=True, slots=True)
class Emulators:
    """Every call raises NotThere or NotPossible, and nothing else."""

    url: str

    def people(self) -> list[Person]:
        """Everybody, the seeded people first."""
        return [
            Person(
                one["name"], one.get("openid") or "", one.get("msisdn") or "", bool(one["follows"])
            )
            for one in self._call("GET", "/people")
        ]

    def phone(self, name: str) -> dict[str, Any]:
        """What somebody's phone shows: wechat, sms, menu."""
        return dict(self._call("GET", f"/phones/{quote(name, safe='')}"))

    def gateways(self) -> list[str]:
        """Over which a phone can text, the usual one first."""
        return [str(one) for one in self._call("GET", "/gateways")]

    def picture(self, media_id: str) -> tuple[bytes, str] | None:
        """A picture that was sent, and its type; None if there is none."""
        try:
            answer = requests.get(
                f"{self.url}/media/{quote(media_id, safe='')}", timeout=LOOK_TIMEOUT_S
            )
        except requests.RequestException as gone:
            raise NotThere(type(gone).__name__) from gone
        return (answer.content, answer.headers["Content-Type"]) if answer.ok else None

    def wire(self, after: int) -> list[dict[str, Any]]:
        """The exchanges after the one with this id, the oldest first."""
        return list(self._call("GET", f"/wire?after={after}"))

    def faults(self) -> list[dict[str, Any]]:
        """The faults in force."""
        return list(self._call("GET", "/faults"))

    def boss(self) -> dict[str, Any]:
        """How BOSS behaves."""
        return dict(self._call("GET", "/boss/settings"))

    def orders(self) -> list[dict[str, Any]]:
        """What BOSS was asked to open, the oldest first."""
        return list(self._call("GET", "/boss/orders"))

    def act(self, person: Person, name: str, body: dict[str, Any]) -> dict[str, Any]:
        """Do something on a person's phone: `sms` sends an SMS, the others are acts in WeChat."""
        if name == "sms":
            path = f"/sms/{quote(person.name, safe='')}/text"
        else:
            path = f"/wechat/{quote(person.name, safe='')}/{quote(name, safe='')}"
        return dict(self.ask("POST", path, body))

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Any other order; `path` as below /control."""
        return self._call(method, path, body, timeout_s=ACT_TIMEOUT_S)

    def _call(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        *,
        timeout_s: float = LOOK_TIMEOUT_S,
    ) -> Any:
        try:
            answer = requests.request(
                method, f"{self.url}/control{path}", json=body, timeout=timeout_s
            )
            said = answer.json()
        except requests.RequestException as gone:
            raise NotThere(type(gone).__name__) from gone
        if not answer.ok:
            raise NotPossible(str(said.get("error", answer.status_code)))
        return said
