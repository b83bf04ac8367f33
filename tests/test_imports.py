"""Imports point down only, as drawn in docs/architecture.md.

app ─▶ commands, handlers, workers ─▶ dialogs ─▶ models, menus, sms     and integrations
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
GROUNDS = {"menus", "models", "sms", "integrations"}
EDGES = {"handlers", "workers"}
PACKAGES = {*GROUNDS, *EDGES, "dialogs", "commands", "embedded", "emulators", "migrations"}
MODULES = {"app", "doors", "logs", "sending", "settings", "settings_outside"}
OURS = {*PACKAGES, *MODULES, "tests", "bench", "analytics"}

# What each may import of ours; tests and bench may import everything.
MAY: dict[str, set[str]] = {
    "menus": set(),
    "models": set(),
    "sms": set(),
    "integrations": set(),
    "embedded": set(),
    "emulators": set(),
    "migrations": {"models"},
    "dialogs": {"models", "menus", "sms"},
    "handlers": {"dialogs", *GROUNDS},
    "workers": {"dialogs", *GROUNDS},
    "commands": {"dialogs", *GROUNDS, *EDGES, "settings", "logs", "embedded"},
    "app": {"commands", "doors", "sending", "dialogs", *GROUNDS, *EDGES, "settings", "logs"},
    "doors": {"handlers", "models"},
    "sending": {"workers", "models", "sms", "settings_outside"},
    "settings": {"menus", "settings_outside"},  # menus/checked_yaml.py reads the configuration, too
    "settings_outside": set(),
    "logs": set(),
}
# What may be named in signatures only, under TYPE_CHECKING.
MAY_NAME: dict[str, set[str]] = {
    "handlers": {"settings"},
    "commands": {"app"},
    "doors": {"app"},
    "sending": {"app"},
}
# base < tables of people and the store < everything else
LOWEST_MODELS = {
    "base": set[str](),
    "sql": {"base"},
    "store": {"base", "sql"},
    "subscribers": {"base", "sql"},
}


def _files(name: str) -> list[Path]:
    return [ROOT / f"{name}.py"] if name in MODULES else sorted((ROOT / name).rglob("*.py"))


@cache
def _tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


@cache
def _imported(file: Path, *, typing: bool) -> tuple[str, ...]:
    """The modules imported anywhere in a file, lazily too; those under TYPE_CHECKING if asked."""
    return tuple(_imports(_tree(file), typing=typing))


def _imports(node: ast.AST, *, typing: bool) -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr):
            continue  # no statement stands in one
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            if typing:
                yield from _imports(child, typing=True)
            continue
        if isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, "imports are absolute here"
            yield from (f"{child.module}.{alias.name}" for alias in child.names)
        yield from _imports(child, typing=typing)


def _ours(file: Path, *, typing: bool = False) -> set[str]:
    found = {name.split(".")[0] for name in _imported(file, typing=typing)}
    return found & OURS


@pytest.mark.parametrize("name", sorted(MAY))
def test_imports_only_point_downwards(name: str) -> None:
    for file in _files(name):
        wrong = _ours(file) - {name} - MAY[name]
        assert not wrong, f"{file.relative_to(ROOT)} imports {sorted(wrong)}"


@pytest.mark.parametrize("name", sorted(MAY))
def test_even_types_are_taken_from_above_only_where_that_is_agreed(name: str) -> None:
    for file in _files(name):
        wrong = _ours(file, typing=True) - {name} - MAY[name] - MAY_NAME.get(name, set())
        assert not wrong, f"{file.relative_to(ROOT)} names types of {sorted(wrong)}"


def test_every_package_of_the_product_has_its_place() -> None:
    packages = {
        folder.name
        for folder in ROOT.iterdir()
        if folder.is_dir() and not folder.name.startswith(".") and any(folder.glob("*.py"))
    }
    assert packages - {"tests", "bench", "analytics"} <= set(MAY)
    assert {file.stem for file in ROOT.glob("*.py")} <= set(MAY)


def test_nobody_but_tests_and_bench_knows_the_emulators() -> None:
    for name in set(MAY) - {"emulators"}:
        for file in _files(name):
            assert "emulators" not in _ours(file, typing=True), file


NETWORK = {"requests", "urllib.request", "http", "socket", "redis", "rq", "flask", "twilio"}
DATABASE = {"sqlalchemy", "psycopg"}


@pytest.mark.parametrize(
    ("name", "out_of_reach"),
    [("dialogs", NETWORK), ("models", NETWORK), ("menus", NETWORK | DATABASE)],
)
def test_what_must_be_fast_cannot_reach_the_network(name: str, out_of_reach: set[str]) -> None:
    for file in _files(name):
        for module in _imported(file, typing=False):
            wrong = [far for far in out_of_reach if f"{module}.".startswith(f"{far}.")]
            assert not wrong, f"{file.relative_to(ROOT)} imports {module}"


def _within(package: str) -> dict[str, set[str]]:
    """Which modules of a package import which; one below, such as models/points, is one module."""
    files = sorted((ROOT / package).rglob("*.py"))
    inside = package.replace("/", ".").split(".")
    names = {_first(file, package) for file in files}
    graph: dict[str, set[str]] = {name: set() for name in names}
    for file in files:
        for name in _imported(file, typing=False):
            parts = name.split(".")
            below = parts[len(inside)] if len(parts) > len(inside) else ""
            if parts[: len(inside)] == inside and below in names - {_first(file, package)}:
                graph[_first(file, package)].add(below)
    return graph


def _first(file: Path, package: str) -> str:
    return file.relative_to(ROOT / package).with_suffix("").parts[0]


def test_the_lowest_models_import_nothing_above_them() -> None:
    graph = _within("models")
    for name, may in LOWEST_MODELS.items():
        assert graph[name] <= may, name
    assert graph["points"] <= {"base", "sql", "subscribers"}


@pytest.mark.parametrize(
    "package", sorted({*PACKAGES, "models/points", "models/earning"} - {"migrations"})
)
def test_no_modules_import_each_other_in_a_circle(package: str) -> None:
    try:
        TopologicalSorter(_within(package)).prepare()
    except CycleError as circle:
        pytest.fail(f"{package}: {' -> '.join(circle.args[1])}")


def test_the_check_sees_imports_wherever_they_hide(tmp_path: Path) -> None:
    hidden = tmp_path / "hidden.py"
    hidden.write_text(
        "def f():\n    import handlers.wechat\n"
        "try:\n    from integrations import boss\nexcept ImportError:\n    pass\n"
        "if TYPE_CHECKING:\n    from app import Circle\n"
    )
    assert _ours(hidden) == {"handlers", "integrations"}
    assert _ours(hidden, typing=True) == {"handlers", "integrations", "app"}
