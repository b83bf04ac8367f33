"""People and their phones: who is seeded, and what each phone shows."""

import itertools
import secrets
import time
from datetime import UTC, datetime
from typing import Any

from emulators.state import Json, Person, Phone, State

SEEDED = (
    Person("李雷", "o_lilei", "+8613800000001", follows=True),
    Person("韩梅梅", "o_hanmeimei", "+8613800000002", follows=True),
    Person("王大爷", None, "+8613800000003"),
    Person("小张", "o_xiaozhang", "+8613800000004", follows=True),
)
# A chat longer than this forgets its beginning.
LONGEST_CHAT = 500
MOST_PEOPLE = 20_000

_ids = itertools.count(time.time_ns() // 1_000_000)


class NotPossible(ValueError):
    """What was asked of a person cannot be done; the sentence says why."""


class NobodyCalledThat(NotPossible):
    """The name, openid or number is not one of the people's."""


def seed(state: State, now: float) -> None:
    """Forget everybody and put the seeded people back, with empty phones."""
    old = state.phones
    state.people.clear()
    state.phones = {}
    for person in SEEDED:
        state.people[person.name] = Person(
            person.name,
            person.openid,
            person.msisdn,
            person.follows,
            followed_at=int(now) if person.follows else 0,
        )
        changed = old[person.name].changed + 1 if person.name in old else 0
        state.phones[person.name] = Phone(changed=changed)


def find(state: State, who: str) -> Person | None:
    """The person with this name, openid or number."""
    if who in state.people:
        return state.people[who]
    return next((p for p in state.people.values() if who and who in (p.openid, p.msisdn)), None)


def by_openid(state: State, openid: object) -> Person | None:
    """The person with this openid."""
    return next((p for p in state.people.values() if p.openid and p.openid == openid), None)


def by_msisdn(state: State, msisdn: str) -> Person | None:
    """The person with this number."""
    return next((p for p in state.people.values() if p.msisdn and p.msisdn == msisdn), None)


def add(state: State, body: Json, now: float) -> Person:
    """A new person from the control API's body. Raises NotPossible."""
    name = str(body.get("name") or "").strip()
    if not name or "/" in name:
        raise NotPossible("'name' is missing or contains a slash")
    if name in state.people:
        raise NotPossible(f"{name} exists already")
    if len(state.people) >= MOST_PEOPLE:
        raise NotPossible(f"there are {MOST_PEOPLE} people already; reset first")
    openid, msisdn = body.get("openid"), body.get("msisdn")
    if "openid" not in body and "msisdn" not in body:
        openid = "o_" + secrets.token_urlsafe(19)
        msisdn = f"+86139{secrets.randbelow(10**8):08d}"
    if (openid and find(state, str(openid))) or (msisdn and find(state, str(msisdn))):
        raise NotPossible("this openid or number belongs to somebody else")
    follows = bool(body.get("follows")) and bool(openid)
    person = Person(name, openid, msisdn, follows, followed_at=int(now) if follows else 0)
    state.people[name] = person
    state.phones[name] = Phone()
    return person


def shown(person: Person) -> Json:
    """As the control API gives a person."""
    return {
        "name": person.name,
        "openid": person.openid,
        "msisdn": person.msisdn,
        "follows": person.follows,
        "tags": list(person.tags),
    }


def show(
    state: State, person: Person, channel: str, sender: str, kind: str, text: str, **more: Any
) -> Json:
    """Put an entry on a person's phone (channel wechat or sms; sender me or them)."""
    entry: Json = {
        "id": next(_ids),
        "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "from": sender,
        "kind": kind,
        "text": text,
    } | {name: value for name, value in more.items() if value is not None}
    phone = state.phones[person.name]
    chat = phone.wechat if channel == "wechat" else phone.sms
    chat.append(entry)
    del chat[:-LONGEST_CHAT]
    phone.changed += 1
    return entry
