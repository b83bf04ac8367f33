"""docs/dialogs.md, from the code, the menus and the sample chats; a test holds the file to it."""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from commands.dialog_graph import Move, Step, steps
from dialogs.catalog import DIALOGS, NUMBERED_SCENES
from dialogs.dialog import Dialog
from menus.entries import MenuFile
from menus.menus import Menus
from menus.routes import Route

ROOT = Path(__file__).parent.parent
CHATS = ROOT / "tests" / "chats"
# Where code that no person starts opens dialogs: Route("rate", ...).
OPENERS = ("workers", "handlers", "dialogs")
EXPECTS = {
    "yes_no": "yes or no",
    "number": "a number",
    "text": "words",
    "picture": "words, a picture",
}
TO_PROGRAM = "what was begun before"

HEAD = """# Dialogs: every conversation, as a diagram and as people have it

<!-- Written by `python app.py dialogs docs > docs/dialogs.md`; a test holds this file to it.
     Change the code, the menus or tests/chats instead. -->

Read from the code each time: a **diagram** of the steps of each dialog, with the keys of the
texts (`menus/texts/`) that stand at each move; **what opens it**, from the menus; and **sample
chats**, which a test plays through the real doors and compares word by word
(`tests/chats/README.md`).

How to read a diagram: a box is a step that waits, for an answer or for another system; the dots
are the beginning and the end; at the arrows stands what is said, or which system is called.
Conditions are not drawn: every move that the code may make has its arrow. A question that nobody
answers ends by itself, silently where no arrow says *no answer*; another entry replaces it,
unless that only looks (see [architecture](architecture.md)).
"""


def page(menus: Menus) -> str:
    """The whole page."""
    parts = [HEAD, "| dialog | what for | by word |", "|---|---|---|"]
    for dialog in _in_order():
        words = "、".join(_shortest(word for word, _ in _words(menus, dialog)))
        parts.append(f"| [{dialog.name()}](#{dialog.name()}) | {_purpose(dialog)} | {words} |")
    parts.append("")
    for dialog in _in_order():
        parts += _section(menus, dialog)
    return "\n".join(parts)


def _in_order() -> list[type[Dialog]]:
    return sorted(DIALOGS, key=lambda dialog: dialog.name())


def _section(menus: Menus, dialog: type[Dialog]) -> Iterator[str]:
    yield f"## {dialog.name()}\n"
    yield f"{_purpose(dialog)} (`{_file(dialog)}`)\n"
    yield "\n".join(_facts(menus, dialog))
    yield ""
    yield "```mermaid"
    yield "stateDiagram-v2"
    yield from diagram(dialog)
    yield "```\n"
    yield from _besides(dialog)
    for chat in chats_of(dialog.name()):
        yield from _chat(chat)


def _purpose(dialog: type[Dialog]) -> str:
    """The first sentence of the class, or else of its module, without its name."""
    told = dialog.__doc__ if dialog.__doc__ != Dialog.__doc__ else None
    told = told or sys.modules[dialog.__module__].__doc__ or ""
    return told.strip().partition("\n")[0]


def _shortest(words: Iterable[str]) -> Iterator[str]:
    """The first word, and the first letters that mean the same."""
    said = list(words)
    yield from said[:1]
    yield from [word for word in said if word.isascii()][:1]


# -- what opens it ---------------------------------------------------------------------------------


def _facts(menus: Menus, dialog: type[Dialog]) -> Iterator[str]:
    if words := _words(menus, dialog):
        by_route: dict[str, list[str]] = {}
        for word, route in words:
            by_route.setdefault(_notes(route), []).append(word)
        for notes, several in by_route.items():
            yield f"- Words{f' ({notes})' if notes else ''}: {'、'.join(several)}"
    if entries := _entries(menus, dialog):
        yield f"- WeChat menu: {'; '.join(entries)}"
    scenes = [name for name, route in menus.scenes.items() if route.dialog == dialog.name()]
    scenes += [
        f"{scene}-NUMBER" for scene, (to, _) in NUMBERED_SCENES.items() if to == dialog.name()
    ]
    if scenes:
        yield f"- QR codes: {', '.join(f'`{scene}`' for scene in scenes)}"
    if openers := _openers(dialog):
        yield f"- Opened by {', '.join(openers)}"
    if dialog.requires or dialog.takes:
        told = [f"`{name}`" for name in sorted(dialog.requires)]
        told += [f"perhaps `{name}`" for name in sorted(dialog.takes)]
        yield f"- Is told {', '.join(told)}"
    if dialog.reads_only:
        yield "- Only looks: changes nothing, and leaves an open question open"


def _words(menus: Menus, dialog: type[Dialog]) -> list[tuple[str, Route]]:
    """The words that open it, letters as capitals, in the order of the file."""
    return [
        (said.upper(), word.route)
        for said, word in menus.words.items()
        if word.route.dialog == dialog.name()
    ]


def _notes(route: Route) -> str:
    return ", ".join(f"{name} {value}" for name, value in sorted(route.notes.items()))


def _entries(menus: Menus, dialog: type[Dialog]) -> list[str]:
    """ "积分 › 查积分 (everybody; members of film)"."""
    where: dict[str, list[str]] = {}
    for file in menus.menu_files:
        for place, entry in _named_entries(file):
            if entry == dialog.name():
                where.setdefault(place, []).append(file.tag or "everybody")
    everywhere = {file.tag or "everybody" for file in menus.menu_files}
    return [
        place if set(tags) == everywhere else f"{place} ({', '.join(tags)})"
        for place, tags in where.items()
    ]


def _named_entries(file: MenuFile) -> Iterator[tuple[str, str]]:
    for top in file.menu:
        for entry in top.entries or ():
            if entry.opening is not None:
                yield f"{top.name} › {entry.name}", entry.opening.dialog


@cache
def _opened_in() -> dict[str, list[str]]:
    """Dialog -> the files that open it by themselves: Route("rate", ...), {"join": "open_now"}."""
    found: dict[str, list[str]] = {}
    for folder in OPENERS:
        for file in sorted((ROOT / folder).rglob("*.py")):
            path = f"`{file.relative_to(ROOT).as_posix()}`"
            for node in ast.walk(ast.parse(file.read_text("utf-8"))):
                for name in _named_in(node):
                    found.setdefault(name, []).append(path)
    return found


def _named_in(node: ast.AST) -> list[str]:
    """The dialogs that this node would open, if it is one that opens any."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Route":
        values = node.args[:1]
    elif isinstance(node, ast.Dict):  # a table of what buttons of a page begin
        values = node.values
    else:
        return []
    named = [str(value.value) for value in values if isinstance(value, ast.Constant)]
    hidden = {dialog.name() for dialog in DIALOGS if not dialog.by_menu}
    return [name for name in named if isinstance(node, ast.Call) or name in hidden]


def _openers(dialog: type[Dialog]) -> list[str]:
    """Other dialogs, and the program itself."""
    name = dialog.name()
    others = [
        f"[{other.name()}](#{other.name()})"
        for other in _in_order()
        if other is not dialog
        and any(
            move.then == name and move.kind == "end" for step in steps(other) for move in step.moves
        )
    ]
    return [*others, *dict.fromkeys(_opened_in().get(name, []))]


# -- the diagram -----------------------------------------------------------------------------------


def diagram(dialog: type[Dialog]) -> Iterator[str]:
    """The lines of a mermaid state diagram."""
    found = steps(dialog)
    waits = _waits(found)
    for name, what in waits.items():
        yield f'    state "{name}: {what}" as {name}'
    others = {
        move.then for step in found for move in step.moves if move.kind == "end" and move.then
    }
    for other in sorted(others):
        yield f'    state "{TO_PROGRAM if other == "…" else f"dialog {other}"}" as {_other(other)}'
    for source, target, keys in _edges(found, waits):
        yield f"    {source} --> {target}{': ' + keys if keys else ''}"


def _waits(found: list[Step]) -> dict[str, str]:
    """The steps that wait, and for what."""
    waits: dict[str, list[str]] = {}
    for step in found:
        for move in step.moves:
            if move.kind == "ask":
                waits.setdefault(move.then, []).append(EXPECTS[move.expects])
            elif move.kind == "call":
                waits.setdefault(move.then, []).extend(move.keys)
    return {name: " / ".join(dict.fromkeys(what)) for name, what in waits.items()}


def _edges(found: list[Step], waits: dict[str, str]) -> Iterator[tuple[str, str, str]]:
    """From, to, and what is said: one arrow for all moves between the same two."""
    by_name = {step.name: step for step in found}
    arrows: dict[tuple[str, str], list[str]] = {}
    late = {
        (move.then, move.late)
        for step in found
        for move in step.moves
        if move.kind == "ask" and move.late in by_name
    }
    sources = [("opened", "[*]", ""), *((name, name, "") for name in waits)]
    sources += [(late_step, waiting, "no answer, ") for waiting, late_step in sorted(late)]
    for name, source, front in sources:
        if name in by_name:
            for move in by_name[name].moves:
                if (target := _target(move)) is not None:
                    said = [f"{front}{key}" for key in move.keys] or [f"{front}…"] * bool(front)
                    arrows.setdefault((source, target), []).extend(said)
    for (source, target), said in arrows.items():
        yield source, target, "<br/>".join(dict.fromkeys(said))


def _target(move: Move) -> str | None:
    if move.kind in ("ask", "call"):
        return move.then
    if move.kind == "end":
        return _other(move.then) if move.then else "[*]"
    return None


def _other(dialog: str) -> str:
    return "to_" + ("before" if dialog == "…" else dialog)


def _besides(dialog: type[Dialog]) -> Iterator[str]:
    """What is said on the way, told to others and owed to other systems."""
    found: dict[str, dict[str, None]] = {}
    for step in steps(dialog):
        for move in step.moves:
            found.setdefault(move.kind, {}).update(dict.fromkeys(move.keys))
    told = (("say", "On the way"), ("tell", "Told to others"), ("also", "Other systems hear of it"))
    lines = [
        f"{words}: {', '.join(f'`{key}`' for key in found[kind])}."
        for kind, words in told
        if found.get(kind)
    ]
    if lines:
        yield " ".join(lines) + "\n"


# -- chats -----------------------------------------------------------------------------------------


def chats_of(dialog: str) -> list[Path]:
    """The sample chats of a dialog: DIALOG.txt first, then DIALOG-MORE.txt."""
    return [
        *CHATS.glob(f"{dialog}.txt"),
        *sorted(CHATS.glob(f"{dialog}-*.txt")),
    ]


def _chat(file: Path) -> Iterator[str]:
    """The caption in bold, and the rest as it stands."""
    lines = file.read_text("utf-8").splitlines()
    head = [line.lstrip("# ") for line in lines if line.startswith("#")]
    rest = "\n".join(line for line in lines if not line.startswith("#")).strip("\n")
    yield f"**{' '.join(head)}** (`{file.relative_to(ROOT).as_posix()}`)\n"
    yield f"```text\n{rest}\n```\n"


def _file(dialog: type[Dialog]) -> str:
    return Path(inspect.getfile(dialog)).relative_to(ROOT).as_posix()
