"""What the console has around every request: its language, and what its templates know."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from flask import Flask, current_app, g, request

from handlers.console.frame import Console, local
from handlers.console.listing import Filter, plain
from handlers.office import around, words
from handlers.office.words import _

ROLE_WORDS = {
    "operations": _("运营"),
    "approver": _("审批"),
    "service": _("客服"),
    "analyst": _("分析"),
    "administrator": _("系统管理"),
}


def protect(console: Console) -> None:
    """Hang all of this on the console's blueprint, before any page."""
    around.protect(console, _preferred)
    console.blueprint.context_processor(_helpers)


def _preferred() -> str:
    """Before somebody is known: the language of the address, else of the browser, else Chinese."""
    asked = request.args.get("language", "")
    if asked in words.LANGUAGES:
        return asked
    return request.accept_languages.best_match(words.LANGUAGES) or words.CHINESE


def _helpers() -> dict[str, object]:
    """What every template of the console knows, beside what `Console.draw` gives."""
    return {
        "ui": _building_blocks(current_app),
        "language": words.language(),
        "language_tag": words.TAGS[words.language()],
        "cell_words": plain,
        "find_choices": find_choices,
        "role_words": role_words,
        "request_id": g.get("office_request_id", ""),
        "back_here": _back_here(),
    }


def _building_blocks(app: Flask) -> object:
    """The macros of _ui.html; they are the same for everybody, so they are made once."""
    made = app.extensions.get("console_ui")
    if made is None:
        made = app.jinja_env.get_template("console/_ui.html").make_module({"_": _})
        app.extensions["console_ui"] = made
    return made


def _back_here() -> str:
    """This page, for a form in the frame that comes back to it."""
    asked = request.full_path.rstrip("?") if request.method == "GET" else ""
    parts = urlsplit(asked)
    path = quote(parts.path, safe="/%")
    return local(f"{path}?{quote(parts.query, safe='=&%')}" if parts.query else path)


def find_choices(one: Filter) -> list[tuple[str, str]]:
    """What a filter offers, nothing first."""
    return [("", _("全部")), *((value, _(words)) for value, words in one.choices)]


def role_words(role: str) -> str:
    """A role as people call it."""
    return _(ROLE_WORDS[role]) if role in ROLE_WORDS else role
