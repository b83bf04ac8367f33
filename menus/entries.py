"""WeChat menus: at most 3 entries in the bar, at most 5 behind each.

menus/wechat/default.yaml   what everybody sees
menus/wechat/film.yaml      what those see who carry the tag `film`
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Self

import pydantic

from menus.routes import (
    Name,
    NoteValue,
    Opening,
    Route,
    Strict,
    describe,
    make_key,
    refuse_long_key,
)

# WeChat: 自定义菜单 / 创建接口 and 个性化菜单.
TOP_ENTRIES_LIMIT = 3
SUB_ENTRIES_LIMIT = 5
TOP_NAME_LIMIT_BYTES = 16
SUB_NAME_LIMIT_BYTES = 60
URL_LIMIT_BYTES = 1024
# A page gets the public address of this server in front, so it has less room than a whole URL.
PAGE_LIMIT_BYTES = 900
TAG_LIMIT_LETTERS = 30  # WeChat: 用户标签管理.


def _shown(limit_bytes: int, text: str) -> str:
    size = len(text.encode())
    if not text.strip() or not text.isprintable():
        raise ValueError("a name needs letters that can be seen, all in one line")
    if size > limit_bytes:
        chinese = limit_bytes // 3
        raise ValueError(
            f"{size} bytes; WeChat allows {limit_bytes} here, that is {chinese} Chinese characters"
        )
    return text


def _top_name(text: str) -> str:
    return _shown(TOP_NAME_LIMIT_BYTES, text)


def _sub_name(text: str) -> str:
    return _shown(SUB_NAME_LIMIT_BYTES, text)


def _page(text: str) -> str:
    if not re.fullmatch(r"/(?!/)[^\s\\]*", text):
        raise ValueError("a page of this server starts with one / and has no blanks")
    if len(text.encode()) > PAGE_LIMIT_BYTES:
        raise ValueError(f"{len(text.encode())} bytes; a page may have {PAGE_LIMIT_BYTES}")
    return text


def _url(text: str) -> str:
    if not re.fullmatch(r"https?://[^\s/]+(/\S*)?", text):
        raise ValueError("a URL starts with https:// and has no blanks")
    if len(text.encode()) > URL_LIMIT_BYTES:
        raise ValueError(f"{len(text.encode())} bytes; WeChat allows {URL_LIMIT_BYTES}")
    return text


def _one_of(*ways: str) -> pydantic.ConfigDict:
    """For the JSON Schema: exactly one of these lines is written."""
    return pydantic.ConfigDict(json_schema_extra={"oneOf": [{"required": [way]} for way in ways]})


class SubEntry(Strict):
    """One line of a menu: a name, and exactly one of dialog (with notes), page or url."""

    model_config = _one_of("dialog", "page", "url")

    name: Annotated[str, pydantic.AfterValidator(_sub_name)] = pydantic.Field(
        description="What stands on the phone, at most 60 bytes (20 Chinese characters)."
    )
    dialog: Name | None = pydantic.Field(default=None, description="The dialog that opens.")
    notes: dict[Name, NoteValue] | None = pydantic.Field(
        default=None, alias="with", description="What the dialog is told: {club: film}."
    )
    page: Annotated[str, pydantic.AfterValidator(_page)] | None = pydantic.Field(
        default=None, description="A page of this server, for example /clubs/film."
    )
    url: Annotated[str, pydantic.AfterValidator(_url)] | None = pydantic.Field(
        default=None, description="A page of somebody else, https://..."
    )

    @pydantic.model_validator(mode="after")
    def _opens_one_thing(self) -> Self:
        return self._checked(("dialog", "page", "url"))

    def _checked(self, ways: tuple[str, ...]) -> Self:
        written = [way for way in ways if getattr(self, way) is not None]
        if len(written) != 1:
            found = " and ".join(written) or "none"
            raise ValueError(f"needs exactly one of {', '.join(ways)}; found {found}")
        if self.notes is not None and self.dialog is None:
            raise ValueError("`with:` belongs to `dialog:`; a page or a url is told nothing")
        if self.dialog is not None:
            refuse_long_key(self.dialog, self.notes or {})
        return self

    @property
    def opening(self) -> Opening | None:
        """The dialog and its notes, None for a page or a url."""
        if self.dialog is None:
            return None
        return Opening.model_validate({"dialog": self.dialog, "with": self.notes or {}})

    @property
    def target(self) -> str:
        """What this opens, in words for operators."""
        if opening := self.opening:
            return describe(opening.route)
        return f"page {self.page}" if self.page else f"url {self.url}"

    def button(self, public_url: str) -> dict[str, Any]:
        """The button as WeChat's menu/create wants it. Raises ValueError if the URL is too long."""
        if self.dialog is not None:
            return {
                "type": "click",
                "name": self.name,
                "key": make_key(self.dialog, self.notes or {}),
            }
        url = self.url or public_url.rstrip("/") + (self.page or "")
        if len(url.encode()) > URL_LIMIT_BYTES:
            raise ValueError(f"{self.name}: the URL is longer than {URL_LIMIT_BYTES} bytes: {url}")
        return {"type": "view", "name": self.name, "url": url}


class TopEntry(SubEntry):
    """One entry of the bar: like a line of a menu, or `entries:` that pop up above it."""

    model_config = _one_of("entries", "dialog", "page", "url")

    name: Annotated[str, pydantic.AfterValidator(_top_name)] = pydantic.Field(
        description="What stands in the bar, at most 16 bytes (5 Chinese characters)."
    )
    entries: (
        Annotated[tuple[SubEntry, ...], pydantic.Field(min_length=1, max_length=SUB_ENTRIES_LIMIT)]
        | None
    ) = pydantic.Field(default=None, description="The lines that pop up, at most 5.")

    @pydantic.model_validator(mode="after")
    def _opens_one_thing(self) -> Self:
        return self._checked(("entries", "dialog", "page", "url"))

    def button(self, public_url: str) -> dict[str, Any]:
        """The button with its sub-buttons. Raises ValueError if a URL is too long."""
        if self.entries is None:
            return super().button(public_url)
        below = [entry.button(public_url) for entry in self.entries]
        return {"name": self.name, "sub_button": below}


class MenuFile(Strict):
    """A menu of the WeChat account: the default one, or one for those who carry a tag."""

    tag: (
        Annotated[str, pydantic.StringConstraints(min_length=1, max_length=TAG_LIMIT_LETTERS)]
        | None
    ) = pydantic.Field(default=None, description="Who sees it; not in default.yaml.")
    menu: Annotated[
        tuple[TopEntry, ...], pydantic.Field(min_length=1, max_length=TOP_ENTRIES_LIMIT)
    ] = pydantic.Field(description="The bar at the bottom of the chat, at most 3 entries.")

    def lines(self) -> Iterator[tuple[tuple[str | int, ...], SubEntry]]:
        """Every entry that opens something, with its path in the file."""
        for number, top in enumerate(self.menu):
            if top.entries is None:
                yield ("menu", number), top
            else:
                for place, entry in enumerate(top.entries):
                    yield ("menu", number, "entries", place), entry


@dataclass(frozen=True, slots=True)
class WeChatMenu:
    """A menu as WeChat takes it: `tag` is None for the default one, `buttons` go out as JSON."""

    tag: str | None
    buttons: list[dict[str, Any]]


def routes_in(menu: MenuFile) -> Iterator[tuple[str, Route]]:
    """The key and the route of every entry that opens a dialog."""
    for _, entry in menu.lines():
        if opening := entry.opening:
            yield make_key(opening.dialog, opening.notes), opening.route
