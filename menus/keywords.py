"""Keywords: the words that a subscriber texts or types to open a dialog."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import pydantic

from menus.checked_yaml import Document, Mistake
from menus.routes import Opening, Route, RouteRules, Strict

WORD_LIMIT_LETTERS = 32
# These dialogs may be opened by the answers that they are about: 退订, TD, T, 恢复.
ANSWER_DIALOGS = frozenset({"opt_out", "opt_in"})

Say = Annotated[str, pydantic.StringConstraints(min_length=1, max_length=WORD_LIMIT_LETTERS)]


@dataclass(frozen=True, slots=True)
class Word:
    """What a word opens; `always`: even while another question is open."""

    route: Route
    always: bool


class WordEntry(Opening):
    """Words that open one dialog."""

    say: Annotated[tuple[Say, ...], pydantic.Field(min_length=1)] = pydantic.Field(
        description="The words, any of which opens the dialog: [积分, 余额, JF]."
    )
    always: bool = pydantic.Field(
        default=False, description="true: works even while a question is open (帮助, 退订)."
    )


class KeywordsFile(Strict):
    """menus/keywords.yaml."""

    words: tuple[WordEntry, ...] = pydantic.Field(description="One item for each dialog opened.")


def read_words(
    document: Document,
    keywords: KeywordsFile,
    *,
    rules: RouteRules,
    normalise: Callable[[str], str],
    reserved: Callable[[str], bool],
) -> tuple[dict[str, Word], list[Mistake]]:
    """Normalised word -> Word, and what is wrong with the words and where they lead."""
    words: dict[str, Word] = {}
    first: dict[str, tuple[str, int]] = {}
    mistakes: list[Mistake] = []
    for number, entry in enumerate(keywords.words):
        path = ("words", number)
        mistakes += rules.mistakes(document, path, entry)
        word = Word(entry.route, entry.always)
        for place, said in enumerate(entry.say):
            where = (*path, "say", place)
            normal = normalise(said)
            if not normal:
                message = f"{said}: nothing is left of this word when it is read"
                mistakes.append(document.mistake(where, message, "use letters or characters"))
            elif normal in words:
                other, line = first[normal]
                message = f"{said}: reads the same as {other} in line {line}"
                mistakes.append(document.mistake(where, message, "keep one of them"))
            elif reserved(said) and entry.dialog not in ANSWER_DIALOGS:
                message = f"{said}: would swallow an answer to an open question"
                hint = "words for yes, no, leaving and numbers cannot be keywords"
                mistakes.append(document.mistake(where, message, hint))
            else:
                words[normal] = word
                first[normal] = said, document.values[where].line
    return words, mistakes
