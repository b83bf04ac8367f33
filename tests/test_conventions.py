"""The house rules, as tests: what the whole tree keeps to, so that nobody has to remember it."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
from alembic import command as alembic

from commands.db import ROOT as CODE
from commands.db import _config
from dialogs import live
from dialogs.catalog import BY_NAME, DIALOGS, SAID_BY_THE_ENGINE, texts_used
from dialogs.dialog import Dialog
from embedded.postgres import Postgres
from menus.menus import read_folder
from tests.databases import TEMPLATE

ROOT = Path(__file__).parent.parent
PACKAGES = (
    "commands", "dialogs", "embedded", "emulators", "handlers", "integrations", "menus", "models",
    "sms", "workers",
)  # fmt: skip
MAY_PRINT = {"app.py", "bench", "embedded/processes.py", "embedded/leash.py"}
LONGEST_FUNCTION = 70
LONGEST_FILE = 400
SHIPPED = CODE / "dialogs" / "shipped.txt"

FILES = [
    *(ROOT / name for name in ("app.py", "doors.py", "logs.py", "settings.py")),
    *(file for package in PACKAGES for file in sorted((ROOT / package).rglob("*.py"))),
]
Function = ast.FunctionDef | ast.AsyncFunctionDef


def _name(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


@cache
def _tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


@cache
def _nodes(file: Path) -> list[ast.AST]:
    return list(ast.walk(_tree(file)))


def _functions(file: Path) -> list[Function]:
    return [node for node in _nodes(file) if isinstance(node, Function)]


def _calls(file: Path) -> list[tuple[ast.Call, str]]:
    """Every call, and the name of what is called if it is called by a name."""
    calls = [node for node in _nodes(file) if isinstance(node, ast.Call)]
    return [(call, _dotted(call.func)) for call in calls]


def _dotted(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def nothing_wrong(look: Callable[[Path], Iterator[str]]) -> None:
    """Look at every file, and fail with what is wrong in which: one test, since files are many."""
    wrong = [f"{_name(file)}: {found}" for file in FILES for found in look(file)]
    assert not wrong, "\n".join(wrong)


# -- code --------------------------------------------------------------------------------------


def test_a_module_opens_with_one_sentence_that_says_what_it_is() -> None:
    def look(file: Path) -> Iterator[str]:
        if not file.read_text(encoding="utf-8").strip():
            return  # an empty __init__.py
        told = ast.get_docstring(_tree(file))
        if not told:
            yield "has no docstring"
        elif not re.search(r"[.:!?)]$", told.splitlines()[0]):
            yield told.splitlines()[0]

    nothing_wrong(look)


def test_every_signature_is_typed() -> None:
    def look(file: Path) -> Iterator[str]:
        for function in _functions(file):
            if function.returns is None:
                yield f"{function.name} returns what?"
            named = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
            for argument in named:
                if argument.arg not in ("self", "cls") and argument.annotation is None:
                    yield f"{function.name}({argument.arg}: ?)"

    nothing_wrong(look)


def test_functions_and_files_fit_a_screen_or_two() -> None:
    def look(file: Path) -> Iterator[str]:
        if (lines := len(file.read_text(encoding="utf-8").splitlines())) > LONGEST_FILE:
            yield f"has {lines} lines"
        for function in _functions(file):
            lines = (function.end_lineno or 0) - function.lineno + 1
            if lines > LONGEST_FUNCTION:
                yield f"{function.name} has {lines} lines"

    nothing_wrong(look)


def test_only_commands_print() -> None:
    def look(file: Path) -> Iterator[str]:
        if MAY_PRINT & {_name(file), _name(file).split("/")[0]}:
            return
        for call, called in _calls(file):
            if called == "print":
                yield f"line {call.lineno}: log it, or click.echo it"

    nothing_wrong(look)


def test_a_model_never_commits() -> None:
    def look(file: Path) -> Iterator[str]:
        if not _name(file).startswith("models/") or file.name == "store.py":
            return
        for node in _nodes(file):
            if isinstance(node, ast.Attribute) and node.attr in ("commit", "rollback"):
                yield f"line {node.lineno}: only doors and workers commit"

    nothing_wrong(look)


def test_no_log_line_has_a_field_that_its_phrase_is_called() -> None:
    # structlog calls the phrase `event`: a field of that name raises, at the moment of logging.
    def look(file: Path) -> Iterator[str]:
        for call, called in _calls(file):
            if called.startswith("log."):
                if "event" in {keyword.arg for keyword in call.keywords}:
                    yield f"line {call.lineno}: a field called event"
                if not call.args or not isinstance(call.args[0], ast.Constant):
                    yield f"line {call.lineno}: a fixed phrase"

    nothing_wrong(look)


def test_nobody_reads_the_clock_below_the_edges() -> None:
    clocks = ("datetime.now", "time.time", "date.today", "datetime.utcnow")

    def look(file: Path) -> Iterator[str]:
        if _name(file).split("/")[0] not in ("dialogs", "models", "menus"):
            return
        for call, called in _calls(file):
            if called in clocks:
                yield f"line {call.lineno}: {called}"

    nothing_wrong(look)


# -- dialogs -----------------------------------------------------------------------------------


def _steps() -> set[str]:
    """Every step there is, as `dialog.step`: what a row of a conversation may name."""
    found = set()
    for dialog in DIALOGS:
        for name, member in vars(dialog).items():
            if inspect.isfunction(member) and not name.startswith("_"):
                found.add(f"{dialog.name()}.{name}")
    return found


def _shipped() -> dict[str, str]:
    """Step -> where it is now; both the same unless the line says `old -> new`."""
    lines = SHIPPED.read_text(encoding="utf-8").splitlines()
    promised = [line.split("#")[0].strip() for line in lines]
    pairs = [line.partition(" -> ") for line in promised if line]
    return {old.strip(): (new or old).strip() for old, _, new in pairs}


def test_every_step_that_was_ever_shipped_still_resolves() -> None:
    steps = _steps()
    for old, now in _shipped().items():
        assert now in steps, f"{old}: open conversations name it; write `{old} -> new.name`"


def test_every_step_is_promised() -> None:
    missing = _steps() - set(_shipped())
    assert not missing, f"add to dialogs/shipped.txt: {sorted(missing)}"


def test_shipped_txt_is_in_order_and_says_nothing_twice() -> None:
    lines = SHIPPED.read_text(encoding="utf-8").splitlines()
    promised = [line.split(" -> ")[0] for line in lines if line and not line.startswith("#")]
    assert promised == sorted(set(promised))


def test_every_dialog_is_in_the_list() -> None:
    assert set(DIALOGS) == set(Dialog.__subclasses__())
    assert len(BY_NAME) == len(DIALOGS)


def test_every_text_that_a_dialog_says_exists_on_both_channels() -> None:
    menus = live.check(read_folder(ROOT / "menus"))
    for key, placeholders in texts_used().items():
        for channel in ("wechat", "sms"):
            assert menus.text(key, channel=channel, **dict.fromkeys(placeholders, "x")), key


def test_every_text_of_the_engine_is_said_somewhere() -> None:
    sources = "".join(
        file.read_text(encoding="utf-8") for file in FILES if file.name != "catalog.py"
    )
    for key in SAID_BY_THE_ENGINE:
        assert f'"{key}"' in sources, key


# -- the database ------------------------------------------------------------------------------


def test_the_migrations_make_the_tables_that_the_models_say(
    postgres: Postgres, recwarn: pytest.WarningsRecorder
) -> None:
    alembic.check(_config(postgres.url_of(TEMPLATE)))
    assert [str(one.message) for one in recwarn] == []


def test_there_is_one_line_of_migrations() -> None:
    heads = {
        match[1]: match[2]
        for file in (ROOT / "migrations" / "versions").glob("*.py")
        if (match := re.search(
            r"^revision = \"(\w+)\".*?^down_revision = (\"\w+\"|None)",
            file.read_text(encoding="utf-8"), re.M | re.S,
        ))
    }  # fmt: skip
    assert heads
    assert len(set(heads.values())) == len(heads), "two migrations follow the same one"
