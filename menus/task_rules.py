"""rules/tasks.yaml: the tasks as operators write them, checked with file, line and column."""

import pathlib
from collections.abc import Collection, Iterable, Mapping
from datetime import date
from typing import Annotated, Any, Literal

import pydantic

from menus.checked_yaml import FILE_LIMIT_BYTES, Document, Mistake, Mistakes, check, closest, parse
from menus.routes import Strict

MOST_TASKS = 30
TITLE_LETTERS = 12
HOW_LETTERS = 24  # an SMS names two tasks with how they are done

Code = Annotated[str, pydantic.StringConstraints(pattern="^[a-z][a-z0-9-]*$", max_length=32)]
EventName = Annotated[str, pydantic.StringConstraints(pattern="^[a-z][a-z0-9_]*$", max_length=40)]
Written = Annotated[str, pydantic.StringConstraints(pattern=r"^\S(.*\S)?$")]


class Task(Strict):
    """One task."""

    code: Code = pydantic.Field(description="Kept with who has done it: it must not change.")
    title: Annotated[Written, pydantic.StringConstraints(max_length=TITLE_LETTERS)]
    how: Annotated[Written, pydantic.StringConstraints(max_length=HOW_LETTERS)] = pydantic.Field(
        description="What to do, in a few words: 回复“俱乐部”。"
    )
    event: EventName = pydantic.Field(description="The event that does it, of events.yaml.")
    club: str | None = pydantic.Field(
        default=None, description="Only events of this club; shown to its members alone."
    )
    repeats: Literal["once", "daily", "monthly"] = "once"
    first: date | None = pydantic.Field(default=None, alias="from")
    until: date | None = None


class TasksFile(Strict):
    """The whole file."""

    tasks: Annotated[tuple[Task, ...], pydantic.Field(min_length=1, max_length=MOST_TASKS)]

    def content(self) -> dict[str, Any]:
        """What is stored when it is published."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


def read(
    path: str | pathlib.Path, *, shown: str = "", clubs: Collection[str] | None = None,
    events: Mapping[str, Collection[str]] | None = None,
) -> TasksFile:  # fmt: skip
    """The file, if it is good; `shown` is its name in mistakes. Raises Mistakes, OSError."""
    with open(path, "rb") as file:
        source = file.read(FILE_LIMIT_BYTES + 1)
    return read_text(source, shown=shown or str(path), clubs=clubs, events=events)


def read_text(
    source: str | bytes, *, shown: str, clubs: Collection[str] | None = None,
    events: Mapping[str, Collection[str]] | None = None,
) -> TasksFile:  # fmt: skip
    """The same for a text in memory. Raises Mistakes.

    `clubs`: the codes there are; `events`: each type and the names of its values. None: not known.
    """
    document = parse(source, file=shown)
    found, mistakes = check(document, TasksFile)
    if found is not None:
        mistakes = [
            *mistakes, *_once_each(document, found), *_days(document, found),
            *_clubs(document, found, clubs), *_events(document, found, events),
        ]  # fmt: skip
    if found is None or mistakes:
        raise Mistakes(mistakes)
    return found


def _once_each(document: Document, file: TasksFile) -> Iterable[Mistake]:
    for what in ("code", "title"):
        seen: dict[str, int] = {}
        for no, task in enumerate(file.tasks):
            first = seen.setdefault(getattr(task, what), no)
            if first != no:
                message = f"tasks.{no}.{what}: tasks.{first} has it too"
                yield document.mistake(("tasks", no, what), message)


def _days(document: Document, file: TasksFile) -> Iterable[Mistake]:
    for no, task in enumerate(file.tasks):
        if task.first is not None and task.until is not None and task.until < task.first:
            yield document.mistake(("tasks", no, "until"), f"tasks.{no}.until: is before from")


def _clubs(document: Document, file: TasksFile, clubs: Collection[str] | None) -> Iterable[Mistake]:
    for no, task in enumerate(file.tasks):
        if task.club is not None and clubs is not None and task.club not in clubs:
            hint = closest(task.club, clubs) or f"known: {', '.join(sorted(clubs))}"
            message = f"no club is called {task.club}"
            yield document.mistake(("tasks", no, "club"), message, hint)


def _events(
    document: Document, file: TasksFile, events: Mapping[str, Collection[str]] | None
) -> Iterable[Mistake]:
    for no, task in enumerate(file.tasks):
        if task.event == "task_done":
            message = f"tasks.{no}.event: a task is not done by a task"
            yield document.mistake(("tasks", no, "event"), message, "name what people do")
        elif events is not None and task.event not in events:
            hint = closest(task.event, events) or f"known: {', '.join(sorted(events))}"
            message = f"event: {task.event} is not in events.yaml"
            yield document.mistake(("tasks", no, "event"), message, hint)
        elif events is not None and task.club is not None and "club" not in events[task.event]:
            message = f"club: the event {task.event} has no value club, so nobody could do it"
            yield document.mistake(("tasks", no, "club"), message, "leave the line out")
