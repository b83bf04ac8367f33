"""What a dialog's steps do, read from their code: what they say, ask, call, and how they end.

    class JoinClub ──source──▶ syntax tree ──every step, and what it calls with `talk`──▶ Move ...

A step's helpers are followed wherever they are handed `talk`: methods, functions of the module,
functions of other modules of dialogs/. Conditions are not read: every move that stands in the code
is one that may be made.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from types import FunctionType
from typing import Any

from dialogs.catalog import BY_NAME, texts_used
from dialogs.dialog import Dialog

Kind = str  # say, ask, call, also, end
_KEY = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)*\.([a-z0-9_]+|\*)")
# So many sentences of one group that a helper chooses from are shown as the group.
MOST_NAMED = 4
DEEPEST = 12  # helpers within helpers


@dataclass(frozen=True, slots=True)
class Move:
    """One thing that a step may do. `keys`: texts, or the service that is called."""

    kind: Kind
    keys: tuple[str, ...] = ()
    then: str = ""  # the step that goes on, or the dialog that an end opens
    late: str = ""
    expects: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """A step and all its moves, in the order of the code."""

    name: str
    moves: tuple[Move, ...]


@dataclass
class _Reading:
    """A function being read: its tree, what its names mean, and how deep we are."""

    function: FunctionType
    owner: type[Dialog]
    given: Mapping[str, Any] = field(default_factory=dict)  # arguments that are functions or keys
    above: tuple[FunctionType, ...] = ()

    def moves(self) -> Iterator[Move]:
        """Everything that is done with talk in here and below."""
        for call in _calls(_tree(self.function)):
            if _is_talk(call.func):
                yield from self._move(call)
            elif _hands_talk_on(call):
                found = self._meant(call.func)
                if _can_be_read(found) and found not in self.above and len(self.above) < DEEPEST:
                    inner = _Reading(
                        found, self._class_of(found), self._handed(call, found),
                        (*self.above, self.function),
                    )  # fmt: skip
                    yield from inner.moves()

    def _move(self, call: ast.Call) -> Iterator[Move]:
        kind = call.func.attr  # type: ignore[attr-defined]
        named = {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}
        if kind == "end":
            keys = self._keys(call.args[0]) if call.args else ()
            opened = self._dialogs(named["then"]) if "then" in named else [""]
            for dialog in opened or [""]:
                yield Move("end", keys, then=dialog)
        elif kind in ("ask", "call"):
            expects = named.get("expects")
            yield Move(
                kind,
                self._keys(call.args[0]),
                then=self._step(named["then"]),
                late=self._step(named["late"]) if "late" in named else "",
                expects=_constant(expects) or "yes_no",
            )
        elif kind in ("say", "also", "tell"):
            place = 1 if kind == "tell" else 0
            if len(call.args) > place:
                yield Move(kind, self._keys(call.args[place]))

    # -- names --------------------------------------------------------------------------------

    def _meant(self, expression: ast.expr) -> Any:
        """What a name in the code is at run time; None where that cannot be told."""
        match expression:
            case ast.Name(id="self"):
                return self.owner
            case ast.Name(id=name):
                if name in self.given:
                    return self.given[name]
                return self.function.__globals__.get(name)
            case ast.Attribute(value=value, attr=name):
                return getattr(self._meant(value), name, None)
            case ast.Call(func=func):  # Complain().serial_given
                found = self._meant(func)
                return found if isinstance(found, type) else None
        return None

    def _handed(self, call: ast.Call, function: FunctionType) -> dict[str, Any]:
        """The steps and keys that are handed to a helper, by the names of its parameters."""
        names = list(inspect.signature(function).parameters)
        if names and names[0] == "self":
            names = names[1:]
        pairs = [*zip(names, call.args, strict=False)]
        pairs += [(keyword.arg, keyword.value) for keyword in call.keywords if keyword.arg]
        found: dict[str, Any] = {}
        for name, value in pairs:
            meant = self._meant(value)
            if isinstance(meant, FunctionType):
                found[name] = meant
            elif keys := self._keys(value):
                found[name] = keys
        return found

    def _class_of(self, function: FunctionType) -> type[Dialog]:
        """The dialog whose method it is; a function is read for the one that calls it."""
        name = function.__qualname__.partition(".")[0]
        found = function.__globals__.get(name)
        return found if isinstance(found, type) and issubclass(found, Dialog) else self.owner

    def _step(self, expression: ast.expr) -> str:
        meant = self._meant(expression)
        if isinstance(meant, FunctionType):
            return meant.__name__
        return expression.attr if isinstance(expression, ast.Attribute) else "…"

    def _dialogs(self, expression: ast.expr) -> list[str]:
        """The dialogs that an end may open next; "…" for one that the notes name."""
        found = []
        for node in ast.walk(self._assigned(expression)):
            if isinstance(node, ast.Constant) and node.value is None:
                found.append("")  # or none
            if isinstance(node, ast.Tuple) and node.elts:
                first = node.elts[0]
                if named := _constant(first):
                    found.append(named)
                elif isinstance(first, ast.Call) and ast.unparse(first) == "self.name()":
                    found.append(self.owner.name())
                else:
                    found.append("…")
        return found

    def _assigned(self, expression: ast.expr) -> ast.AST:
        """The expression; of a name of this function all that is assigned to it."""
        if not isinstance(expression, ast.Name):
            return expression
        values = [
            node.value
            for node in ast.walk(_tree(self.function))
            if isinstance(node, ast.Assign | ast.AnnAssign | ast.NamedExpr) and node.value
            for name in ast.walk(node.targets[0] if isinstance(node, ast.Assign) else node.target)
            if isinstance(name, ast.Name) and name.id == expression.id
        ]
        return ast.List(values, ast.Load()) if values else expression

    def _keys(self, expression: ast.expr) -> tuple[str, ...]:
        """The texts that may stand here: written out, handed over, or chosen by a helper."""
        if isinstance(expression, ast.Name) and isinstance(self.given.get(expression.id), tuple):
            return tuple(self.given[expression.id])
        whole = self._assigned(expression)
        found = [text for node in ast.walk(whole) if (text := _constant(node))]
        found += _groups(whole)
        for node in ast.walk(whole):
            if isinstance(node, ast.Call):
                found += _chosen_in(self._meant(node.func))
            elif isinstance(node, ast.Name | ast.Attribute):
                found += _chosen_from(self._meant(node))
        return tuple(dict.fromkeys(text for text in found if _KEY.fullmatch(text)))


def steps(dialog: type[Dialog]) -> list[Step]:
    """All steps of a dialog, `opened` first, the others in the order of the code."""
    return _steps(dialog.name())


@cache
def _steps(name: str) -> list[Step]:
    dialog = type(BY_NAME[name])
    methods = [
        member
        for name, member in vars(dialog).items()
        if inspect.isfunction(member) and not name.startswith("_")
    ]
    methods.sort(key=lambda method: method.__name__ != "opened")
    return [
        Step(method.__name__, tuple(dict.fromkeys(_Reading(method, dialog).moves())))
        for method in methods
    ]


@cache
def _texts() -> frozenset[str]:
    return frozenset(texts_used())


@cache
def _tree(function: FunctionType) -> ast.AST:
    return ast.parse(textwrap.dedent(inspect.getsource(function)))


def _calls(tree: ast.AST) -> Iterator[ast.Call]:
    """The calls in a function, in the order of the lines."""
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return iter(sorted(found, key=lambda call: (call.lineno, call.col_offset)))


def _is_talk(function: ast.expr) -> bool:
    return (
        isinstance(function, ast.Attribute)
        and isinstance(function.value, ast.Name)
        and function.value.id == "talk"
        and function.attr in ("say", "ask", "call", "also", "end", "tell")
    )


def _hands_talk_on(call: ast.Call) -> bool:
    given = [*call.args, *(keyword.value for keyword in call.keywords)]
    return any(isinstance(value, ast.Name) and value.id == "talk" for value in given)


def _can_be_read(found: Any) -> bool:
    return isinstance(found, FunctionType) and found.__module__.split(".")[0] == "dialogs"


def _constant(node: ast.AST | None) -> str:
    is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
    return node.value if is_text else ""  # type: ignore[union-attr]


def _groups(tree: ast.AST) -> list[str]:
    """`refused.*` where a key is put together: f"refused.{why}"."""
    starts = [
        _constant(node.values[0])
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr) and node.values
    ]
    return [f"{start}*" for start in starts if re.fullmatch(r"[a-z_]+\.", start)]


def _chosen_in(function: Any) -> list[str]:
    """The keys that a helper such as refusals.not_offered may return."""
    if not _can_be_read(function):
        return []
    tree = _tree(function)
    found = [text for node in ast.walk(tree) if (text := _constant(node)) and text in _texts()]
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            found += _chosen_from(function.__globals__.get(node.id))
    groups = _groups(tree)
    return [
        *groups,
        *(key for key in _grouped(found) if f"{key.partition('.')[0]}.*" not in groups),
    ]


def _chosen_from(table: Any) -> list[str]:
    """The keys of a table such as draw_words.REFUSED."""
    if not isinstance(table, Mapping):
        return []
    texts = [text for text in table.values() if isinstance(text, str)]
    return _grouped([text for text in texts if text in _texts()])


def _grouped(keys: list[str]) -> list[str]:
    """Many keys of one group as `refused.*`."""
    groups: dict[str, list[str]] = {}
    for key in keys:
        groups.setdefault(key.partition(".")[0], []).append(key)
    shown = []
    for group, several in groups.items():
        shown += [f"{group}.*"] if len(several) > MOST_NAMED else several
    return shown
