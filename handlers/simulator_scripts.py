"""Save a chat as a test, told in terms of Phone (tests/conftest.py).

callbacks on the wire  -> what people did, and when BOSS answered
BOSS's direct answers  -> a refusal or an opening at once
faults on the wire     -> a comment that names them: the test plays without them
long pauses            -> the clock of the test moves on as far
messages on the phones -> what they saw
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs
from xml.etree import ElementTree

from handlers.simulator_actions import fault_label
from handlers.simulator_emulators import Person

NAMES = {"李雷": "li", "韩梅梅": "han", "王大爷": "wang", "小张": "zhang"}
LONGEST_QUOTE = 40
# Shorter pauses change nothing in the product; in longer ones waits may have ended.
PAUSE_TOLD_S = 60
_ASKED_BOSS = ("boss open", "boss query")
_FAULT = "fault: "  # how the wire's notes begin where a fault struck
# What is new each time: links, serial numbers, codes, dates. A quote stays on one line.
_CHANGES = re.compile(r"https?://\S+|[0-9A-Fa-f]{6,}|\d{4}年\d+月\d+日|\d{4}-\d\d-\d\d|\s*\n\s*")
_CODE = re.compile(r"(?<!\d)\d{6}(?!\d)")
_HEAD = '"""A chat saved in the simulator: see what it asserts, then give it a better name."""\n\n'
Entry = Mapping[str, Any]


@dataclass
class _Story:
    """The lines of the test, while it is told."""

    people: list[Person]
    lines: list[str] = field(default_factory=list)
    told: set[str] = field(default_factory=set)  # callbacks, however often they came; quotes
    cast: dict[str, str] = field(default_factory=dict)  # name -> variable
    codes: dict[str, str] = field(default_factory=dict)  # name -> the last code by SMS
    now: datetime | None = None  # when what is told happened
    clock: datetime | None = None  # how far the clock of the test has been moved

    def tell(self, line: str) -> None:
        """One more line, at the time that it is."""
        if self.now and self.clock:
            pause_s = math.ceil((self.now - self.clock).total_seconds())
            if pause_s >= PAUSE_TOLD_S:
                self.lines.append(f"boss.world.clock.advance(seconds={pause_s})")
                self.lines.append("boss.world.tick()")
                self.clock = self.now
        self.clock = self.clock or self.now
        self.lines.append(line)

    def at(self, address: str) -> Person | None:
        """Who has this openid or number."""
        found = (one for one in self.people if address and address in (one.openid, one.msisdn))
        return next(found, None)

    def first_time(self, *key: str) -> bool:
        whole = "|".join(key)
        is_new = whole not in self.told
        self.told.add(whole)
        return is_new

    def variable(self, person: Person) -> str:
        number = self.people.index(person) + 1
        return self.cast.setdefault(person.name, NAMES.get(person.name, f"person_{number}"))

    def did(self, person: Person, verb: str, *values: str) -> None:
        self.tell(f"{self.variable(person)}.{verb}({', '.join(map(_literal, values))})")

    def says(self, person: Person, text: str) -> None:
        if self.codes.get(person.name) == text.strip():  # another run sends another code
            name = self.variable(person)
            self.tell(rf'{name}.says(re.findall(r"\d{{6}}", {name}.last("sms"))[0])')
        else:
            self.did(person, "says", text)

    def saw(self, person: Person, channel: str, entry: Entry) -> None:
        text = str(entry.get("text") or "")
        if entry["from"] != "them" or entry["kind"] == "error":
            return
        if channel == "sms" and (code := _CODE.search(text)):
            self.codes[person.name] = code[0]
        quote = _quote(text)
        # What was seen before is still there: asserting it again would prove nothing.
        if quote and self.first_time("saw", person.name, channel, quote):
            name = self.variable(person)
            self.tell(f'assert {name}.sees("{channel}", {_literal(quote)})')


def script(
    wire: Iterable[Entry], people: list[Person], phones: Mapping[str, Mapping[str, Any]]
) -> str:
    """A pytest file that plays again what the wire and the phones (by name) remember."""
    story = _Story(people)
    acts = list(_acts(wire))
    # Phones remember more than the wire: what came before the first act has no cause here.
    since = min((act[0] for act in acts), default=datetime.max.replace(tzinfo=UTC))
    moments = [*acts, *(sight for sight in _sights(people, phones) if sight[0] >= since)]
    for story.now, person, channel, entry in sorted(moments, key=lambda moment: moment[0]):
        if person is None:
            _name_fault(story, entry)
            _somebody_did(story, entry)
        else:
            story.saw(person, channel, entry)
    opening = [f"{variable} = phone({_literal(name)})" for name, variable in story.cast.items()]
    body = [*opening, *story.lines]
    if all(line.startswith("#") for line in body):
        body.append("assert phone and boss")
    imports = "import re\n\n\n" if any("re.findall" in line for line in body) else "\n"
    lines = "".join(f"    {line}\n" for line in body)
    return f"{_HEAD}{imports}def test_saved_chat(phone, boss):\n{lines}"


Moment = tuple[datetime, Person | None, str, Entry]


def _acts(wire: Iterable[Entry]) -> Iterator[Moment]:
    """What had effects, at the time when it began: they come after it."""
    for entry in wire:
        if "(replay)" in entry["what"]:
            continue
        noted = str(entry.get("note") or "").startswith(_FAULT)
        if entry["direction"] == "in" or entry["what"] in _ASKED_BOSS or noted:
            ended = datetime.fromisoformat(entry["at"])
            yield ended - timedelta(milliseconds=int(entry["ms"])), None, "", entry


def _sights(people: list[Person], phones: Mapping[str, Mapping[str, Any]]) -> Iterator[Moment]:
    for person in people:
        for channel in ("wechat", "sms"):
            for entry in phones.get(person.name, {}).get(channel, ()):
                yield datetime.fromisoformat(entry["at"]), person, channel, entry


def _name_fault(story: _Story, entry: Entry) -> None:
    note, what = str(entry.get("note") or ""), str(entry["what"])
    if not note.startswith(_FAULT):
        return
    place = next((one for one in ("wechat", "boss") if what.startswith(one)), "twilio")
    on = f"{place}.{'callback' if entry['direction'] == 'in' else 'api'}"
    label = fault_label(on, note.removeprefix(_FAULT))
    if story.first_time("fault", label):  # a duplicate is noted on both of its exchanges
        story.tell(f"# A fault of the simulator struck from here on: {label}")


def _somebody_did(story: _Story, entry: Entry) -> None:
    asked, what = entry.get("request") or {}, str(entry["what"])
    if what in _ASKED_BOSS:
        _boss_answered(story, _json(str((entry.get("response") or {}).get("body") or "")))
    elif entry["direction"] == "out" or entry.get("status") is None or int(entry["status"]) >= 400:
        return  # refused, such as one with a bad signature: it did nothing
    elif what.startswith("wechat"):
        _in_wechat(story, _fields(str(asked.get("plain") or "")))
    elif what == "sms text":
        _by_sms(story, parse_qs(str(asked.get("body") or ""), keep_blank_values=True))
    elif what.startswith("boss"):
        _boss_answered(story, _json(str(asked.get("body") or "")))


def _in_wechat(story: _Story, fields: Mapping[str, str]) -> None:
    person = story.at(fields.get("FromUserName", ""))
    names = ("FromUserName", "CreateTime", "MsgId", "Event", "EventKey")
    if person is None or not story.first_time(*(fields.get(name, "") for name in names)):
        return
    event, value = fields.get("Event", ""), fields.get("EventKey", "")
    if fields.get("MsgType") == "text":
        story.says(person, fields.get("Content", ""))
    elif event == "CLICK":
        story.did(person, "taps", value)
    elif event == "SCAN":
        story.did(person, "scans", value)
    elif event == "subscribe":
        scene = value.removeprefix("qrscene_")
        story.did(person, *(("scans", scene) if scene else ("follows",)))
    elif event == "unsubscribe":
        story.did(person, "unfollows")
    elif not event:
        story.did(person, "sends", fields.get("MsgType", ""))


def _by_sms(story: _Story, form: Mapping[str, list[str]]) -> None:
    person = story.at(form.get("From", [""])[0])
    if person is not None and story.first_time(*form.get("MessageSid", [""])):
        story.did(person, "texts", form.get("Body", [""])[0])


def _boss_answered(story: _Story, answer: Mapping[str, Any]) -> None:
    """BOSS's callback, or its answer to a call of ours: "accepted" decides nothing yet."""
    state, request_id = str(answer.get("state")), str(answer.get("request_id", ""))
    if state not in ("opened", "refused") or not story.first_time("boss", request_id, state):
        return
    values = (state, str(answer.get("reason", ""))) if state == "refused" else ()
    story.tell(f"boss.answers({', '.join(map(_literal, values))})")


def _quote(text: str) -> str:
    """The longest part of a message that will be the same next time."""
    parts = [part.strip(" ：:，,。") for part in _CHANGES.split(text)]
    return max(parts, key=len, default="")[:LONGEST_QUOTE]


def _literal(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _json(body: str) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _fields(xml: str) -> dict[str, str]:
    """The fields of a callback, as our own emulator wrote it."""
    try:
        root = ElementTree.fromstring(xml) if xml.startswith("<") else None  # noqa: S314
    except ElementTree.ParseError:
        return {}
    return {} if root is None else {child.tag: child.text or "" for child in root}
