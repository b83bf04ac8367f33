"""Routes: which dialog an entry, a word or a scene opens, with which notes.

A route is also written as a key, `join_club?club=film`: that is what a WeChat menu sends back when
it is tapped. A key says everything by itself, so that one from an older menu, which a phone may
show for a day after a new one was published, still opens the right dialog.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Annotated, Any, Self
from urllib.parse import parse_qsl, urlencode

import pydantic

from menus.checked_yaml import Document, Mistake, closest
from menus.positions import Path

KEY_LIMIT_BYTES = 128  # WeChat: 自定义菜单 / 创建接口, field `key`.
SIMPLE_NAME = "^[a-z][a-z0-9_]*$"

Name = Annotated[str, pydantic.StringConstraints(pattern=SIMPLE_NAME, max_length=64)]
NoteValue = Annotated[str, pydantic.StringConstraints(min_length=1, max_length=64)]


@dataclass(frozen=True, slots=True)
class Route:
    """A dialog to open and the notes that it starts with."""

    dialog: str
    notes: Mapping[str, str]


class Strict(pydantic.BaseModel):
    """What stands in a menu file: nothing unknown, nothing changed after reading."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)


class Opening(Strict):
    """The two lines that open a dialog: `dialog:` and, where it needs notes, `with:`."""

    dialog: Name = pydantic.Field(description="The dialog that opens, for example join_club.")
    notes: dict[Name, NoteValue] = pydantic.Field(
        default={}, alias="with", description="What the dialog is told, for example {club: film}."
    )

    @pydantic.model_validator(mode="after")
    def _key_fits(self) -> Self:
        refuse_long_key(self.dialog, self.notes)
        return self

    @property
    def route(self) -> Route:
        """The same as a Route."""
        return make_route(self.dialog, self.notes)


def make_route(dialog: str, notes: Mapping[str, str]) -> Route:
    """A Route whose notes cannot be changed any more."""
    return Route(dialog, MappingProxyType(dict(notes)))


def make_key(dialog: str, notes: Mapping[str, str]) -> str:
    """The key of a route: the same for the same dialog and notes, whatever their order."""
    return f"{dialog}?{urlencode(sorted(notes.items()))}" if notes else dialog


def refuse_long_key(dialog: str, notes: Mapping[str, str]) -> None:
    """Raises ValueError if the key of this route is longer than WeChat takes."""
    size = len(make_key(dialog, notes).encode())
    if size > KEY_LIMIT_BYTES:
        raise ValueError(f"the key has {size} bytes; WeChat allows {KEY_LIMIT_BYTES}")


def read_key(key: str) -> Route | None:
    """The route that a key says, or None if it is no key of ours."""
    dialog, mark, query = key.partition("?")
    if (
        not re.fullmatch(SIMPLE_NAME, dialog)
        or len(key.encode("utf-8", "replace")) > KEY_LIMIT_BYTES
    ):
        return None
    if not mark:
        return make_route(dialog, {})
    if not query:
        return None
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=True, errors="strict")
    except ValueError:
        return None
    notes = dict(pairs)
    if len(notes) < len(pairs) or not all(re.fullmatch(SIMPLE_NAME, name) for name in notes):
        return None
    return make_route(dialog, notes)


def describe(target: Mapping[str, Any] | Route) -> str:
    """A route in words for operators: 'dialog join_club club=film'."""
    route = target if isinstance(target, Route) else make_route(target["dialog"], target["with"])
    notes = "".join(f" {name}={value}" for name, value in sorted(route.notes.items()))
    return f"dialog {route.dialog}{notes}"


@dataclass(frozen=True, slots=True)
class RouteRules:
    """The dialogs there are, the notes each needs or may get, and the values a note may have."""

    dialogs: Mapping[str, frozenset[str]]
    choices: Mapping[str, Collection[str]]
    optional: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def known(self, dialog: str) -> frozenset[str]:
        """The notes that a dialog needs, and those that it may get."""
        return self.dialogs[dialog] | self.optional.get(dialog, frozenset())

    def mistakes(self, document: Document, path: Path, opening: Opening) -> list[Mistake]:
        """What is wrong with the `dialog:` and `with:` lines under `path`."""
        needed = self.dialogs.get(opening.dialog)
        if needed is None:
            hint = closest(opening.dialog, self.dialogs) or f"there are {_listed(self.dialogs)}"
            message = f"no dialog {opening.dialog}"
            return [document.mistake((*path, "dialog"), message, hint)]
        found, known = [], self.known(opening.dialog)
        for name in sorted(needed - opening.notes.keys()):
            hint = f"write `with: {{{name}: ...}}`"
            message = f"dialog {opening.dialog} needs {name}"
            found.append(document.mistake((*path, "dialog"), message, hint))
        for name, value in opening.notes.items():
            where = (*path, "with", name)
            if name not in known:
                hint = closest(name, known) or f"it takes {_listed(known)}"
                message = f"dialog {opening.dialog} takes no {name}"
                found.append(document.mistake(where, message, hint, key=True))
            elif name in self.choices and value not in self.choices[name]:
                hint = closest(value, self.choices[name])
                hint = hint or f"there are {_listed(self.choices[name])}"
                found.append(document.mistake(where, f"no {name} {value}", hint))
        return found

    def allow(self, route: Route) -> bool:
        """Whether the dialog exists and has all the notes that it needs."""
        needed = self.dialogs.get(route.dialog)
        return needed is not None and needed <= route.notes.keys()


def _listed(names: Collection[str]) -> str:
    return ", ".join(sorted(names)) or "nothing"
