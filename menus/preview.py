"""Preview: the menu as it pops up on the phone, drawn with letters."""

import unicodedata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from menus.menus import Menus

COLUMN_LIMIT = 30  # cells; longer names are cut in the drawing, not on the phone


def preview(menus: "Menus", tag: str | None = None) -> str:
    """A drawing of the default menu or of a tag's, and below it what each entry opens.

    Raises KeyError for a tag without a menu.
    """
    for file, shown in zip(menus.menu_files, menus.wechat_menus(), strict=True):
        if shown.tag == tag:
            targets = [entry.target for _, entry in file.lines()]
            title = f"Menu for {f'the tag {tag}' if tag else 'everybody'}"
            return "\n".join([title, *_drawing(shown.buttons), *_legend(shown.buttons, targets)])
    raise KeyError(tag)


def _drawing(buttons: list[dict[str, Any]]) -> list[str]:
    columns = [[below["name"] for below in top.get("sub_button", [])] for top in buttons]
    names = [f"≡ {top['name']}" if "sub_button" in top else top["name"] for top in buttons]
    widths = [
        min(COLUMN_LIMIT, max(_cells(text) for text in [name, *below])) + 2
        for name, below in zip(names, columns, strict=True)
    ]
    height = max(len(column) for column in columns)
    above = [[""] * (height - len(column)) + column for column in columns]
    rows = [_row([column[row] for column in above], widths) for row in range(height)]
    edge = ["─" * width for width in widths]
    lines = ["┌" + "┬".join(edge) + "┐", *rows]
    if rows:
        lines.append("├" + "┼".join(edge) + "┤")
    return [*lines, _row(names, widths), "└" + "┴".join(edge) + "┘"]


def _row(texts: list[str], widths: list[int]) -> str:
    cells = [_fitted(text, width) for text, width in zip(texts, widths, strict=True)]
    return "│" + "│".join(cells) + "│"


def _fitted(text: str, width: int) -> str:
    room = width - 2
    if _cells(text) > room:
        while _cells(text) > room - 1:
            text = text[:-1]
        text += "…"
    return f" {text}{' ' * (room - _cells(text))} "


def _cells(text: str) -> int:
    """How many cells of a terminal a text takes: a Chinese character takes two."""
    return sum(
        0
        if unicodedata.combining(letter)
        else 2
        if unicodedata.east_asian_width(letter) in "WF"
        else 1
        for letter in text
    )


def _legend(buttons: list[dict[str, Any]], targets: list[str]) -> list[str]:
    names = []
    for top in buttons:
        below = [f"{top['name']} > {entry['name']}" for entry in top.get("sub_button", [])]
        names += below or [top["name"]]
    width = max(_cells(name) for name in names)
    return [
        f"{name}{' ' * (width - _cells(name))}   {target}"
        for name, target in zip(names, targets, strict=True)
    ]
