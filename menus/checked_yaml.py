"""YAML files read into pydantic models: every mistake at once, each with file, line and column.

    text -> positions.parse -> plain data -> pydantic (strict) -> Model | Mistakes

Values laid over a file from the environment are text and get converted; those of the file do not.
"""

import difflib
import json
import pathlib
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, TypeVar, get_args

import pydantic
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from menus.positions import FILE_LIMIT_BYTES, Document, Mistake, Mistakes, Path, Spot, parse

__all__ = [
    "FILE_LIMIT_BYTES",
    "Document",
    "Mistake",
    "Mistakes",
    "Spot",
    "check",
    "closest",
    "parse",
    "read",
    "read_text",
]

ENVIRONMENT_PREFIX = "CIRCLE_"
Model = TypeVar("Model", bound=pydantic.BaseModel)


def read(
    path: str | pathlib.Path, model: type[Model], *, overrides: Mapping[str, Any] | None = None
) -> Model:
    """The file as a model, with `overrides` laid over it. Raises Mistakes, OSError."""
    with open(path, "rb") as file:
        source = file.read(FILE_LIMIT_BYTES + 1)
    return read_text(source, model, file=str(path), overrides=overrides)


def read_text(
    source: str | bytes,
    model: type[Model],
    *,
    file: str,
    overrides: Mapping[str, Any] | None = None,
) -> Model:
    """The same for a text in memory; `file` is the name that mistakes carry. Raises Mistakes."""
    result, mistakes = check(parse(source, file=file), model, overrides=overrides)
    if result is None or mistakes:
        raise Mistakes(mistakes)
    return result


def check(
    document: Document, model: type[Model], *, overrides: Mapping[str, Any] | None = None
) -> tuple[Model | None, list[Mistake]]:
    """The model, None where it cannot be built, and every mistake of the YAML and of the model."""
    if document.broken:
        return None, list(document.mistakes)
    data = {} if document.data is None else document.data
    laid_over: set[Path] = set()
    if overrides and isinstance(data, dict):
        data = _merged(data, overrides, (), laid_over)
    text = json.dumps(data)
    result, errors = _validated(text, model, strict=True)
    if laid_over:
        # The file alone is read strictly; what the environment says is text and gets converted.
        result, lax_errors = _validated(text, model, strict=False)
        errors = [e for e in errors if not _is_under(e["loc"], laid_over)]
        told_already = {e["loc"] for e in errors}
        errors += [e for e in lax_errors if e["loc"] not in told_already]
    found = [_mistake(error, document, model, data, laid_over) for error in errors]
    mistakes = sorted({*document.mistakes, *found})
    return (None if mistakes else result), mistakes


def closest(word: str, known: Collection[str]) -> str:
    """'did you mean X?' for the known word most like this one, or an empty text."""
    folded = {name.casefold(): name for name in known}
    near = difflib.get_close_matches(word.casefold(), folded, n=1, cutoff=0.6)
    return f"did you mean {folded[near[0]]}?" if near else ""


def _validated(
    text: str, model: type[Model], *, strict: bool
) -> tuple[Model | None, list[ErrorDetails]]:
    # JSON mode, because strict Python mode refuses a list for a tuple and a text for a date.
    try:
        return model.model_validate_json(text, strict=strict), []
    except pydantic.ValidationError as error:
        return None, [e for e in error.errors(include_url=False) if not _is_echo(e)]


def _is_echo(error: ErrorDetails) -> bool:
    """Pydantic calls a tuple too short when its items are wrong; those are told themselves."""
    return error["type"] == "too_short" and len(error["input"]) >= error["ctx"]["min_length"]


def _merged(
    data: dict[str, Any], overrides: Mapping[str, Any], path: Path, laid_over: set[Path]
) -> dict[str, Any]:
    merged = dict(data)
    for name, value in overrides.items():
        here = (*path, name)
        if isinstance(value, Mapping):
            below = merged.get(name)
            merged[name] = _merged(below if isinstance(below, dict) else {}, value, here, laid_over)
        else:
            merged[name] = value
            laid_over.add(here)
    return merged


def _is_under(loc: tuple[int | str, ...], paths: set[Path]) -> bool:
    return any(loc[:length] in paths for length in range(1, len(loc) + 1))


def _mistake(
    error: ErrorDetails,
    document: Document,
    model: type[pydantic.BaseModel],
    data: Any,
    laid_over: set[Path],
) -> Mistake:
    kind, loc = error["type"], error["loc"]
    path = _data_path(loc, data)
    message, hint, at_key = _said(error, model)
    if _is_under(path, laid_over):
        return Mistake(_environment_name(path), 0, 0, message, _in_capitals(hint, kind, path))
    named = path if kind != "missing" else (*path, str(loc[-1]))
    name = ".".join(str(part) for part in named)
    if kind == "missing" and laid_over:
        hint = f"write it here or set {_environment_name(named)}"
    return document.mistake(path, f"{name}: {message}" if name else message, hint, key=at_key)


def _environment_name(path: Path) -> str:
    return ENVIRONMENT_PREFIX + "__".join(str(part) for part in path).upper()


def _in_capitals(hint: str, kind: str, path: Path) -> str:
    near = re.fullmatch(r"did you mean (.+)\?", hint)
    if kind != "extra_forbidden" or not near:
        return hint
    return f"did you mean {_environment_name((*path[:-1], near[1]))}?"


def _said(error: ErrorDetails, model: type[pydantic.BaseModel]) -> tuple[str, str, bool]:
    """The message, the hint, and whether the key is to blame rather than the value."""
    kind, found = error["type"], error["input"]
    if kind == "extra_forbidden":
        known = _known_keys(model, error["loc"][:-1])
        hint = closest(str(error["loc"][-1]), known)
        return "unknown key", hint or f"known here: {', '.join(sorted(known))}", True
    if kind == "missing":
        return "missing", "", False
    message = error["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    message = message.replace("Input should", "should").replace("String should", "should")
    hint = ""
    if kind in ("model_type", "model_attributes_type", "dict_type"):
        message, hint = "should be names with values", "lines like `name: value`"
    elif kind in ("tuple_type", "list_type"):
        message, hint = "should be a list", "written as [one, two]"
    elif kind in ("too_long", "too_short"):
        limits, most = error.get("ctx", {}), kind == "too_long"
        bound = f"at most {limits['max_length']}" if most else f"at least {limits['min_length']}"
        message = f"has {limits['actual_length']} items; {bound} can stand here"
    elif kind == "string_type" and isinstance(found, int | float):
        hint = "put it in quotes"
    elif kind == "int_type" and isinstance(found, str):
        hint = "a number, without quotes"
    elif kind == "literal_error" and isinstance(found, str):
        hint = closest(found, re.findall(r"'([^']*)'", error.get("ctx", {}).get("expected", "")))
    return message, hint, error["loc"][-1:] == ("[key]",)


def _data_path(loc: tuple[int | str, ...], data: Any) -> Path:
    """The location without what is not in the data: names of union members, missing keys."""
    path: Path = ()
    for part in loc:
        inside = isinstance(data, dict) and part in data
        if inside or (isinstance(data, list) and isinstance(part, int) and part < len(data)):
            data, path = data[part], (*path, part)
    return path


def _known_keys(model: type[pydantic.BaseModel], loc: tuple[int | str, ...]) -> set[str]:
    models = set(_models_in(model))
    for part in loc:
        fields = [field for m in models for name, field in _named(m) if name == part]
        if fields:
            models = {found for field in fields for found in _models_in(field.annotation)}
    return {name for m in models for name, _ in _named(m)}


def _named(model: type[pydantic.BaseModel]) -> Iterator[tuple[str, FieldInfo]]:
    for name, field in model.model_fields.items():
        yield field.alias or name, field


def _models_in(annotation: Any) -> Iterator[type[pydantic.BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, pydantic.RootModel):
        yield from _models_in(annotation.model_fields["root"].annotation)
    elif isinstance(annotation, type) and issubclass(annotation, pydantic.BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)
