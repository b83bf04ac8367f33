"""Keywords: the words that a subscriber texts or types to open a dialog.

JF         a word alone
DH 1001    a word that takes a number, which the dialog gets as a note
TS 100000123 师傅不给洗    and words behind it, which are another note
ZZ 13800001234 100         or a second number
DH 13800001234 1001 ...    or a third
附近长沙   a word that takes words, which the dialog gets as a note
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Annotated

import pydantic

from menus.checked_yaml import Document, Mistake, closest
from menus.routes import Name, Opening, Route, RouteRules, Strict, make_route

WORD_LIMIT_LETTERS = 32
# These dialogs may be opened by the answers that they are about: 退订, TD, T, 恢复.
ANSWER_DIALOGS = frozenset({"opt_out", "opt_in"})
# DH1001, dh 1001, 兑换：1001, DH+1001, 兑换1001号, 退券第2张: as normalise() leaves them.
_WITH_NUMBER = re.compile(r"(.*?[^0-9 +:：#,.，。_-])[ +:：#,.，。_-]{0,3}([0-9 ]{1,24})[号张]?")
_AND_WORDS = re.compile(
    r"(.*?[^0-9 +:：#,.，。_-])[ +:：#,.，。_-]{0,3}([0-9]{1,24})(?![0-9])[号笔]?"
    r"[ ,，.。:：、]{0,3}(.+)",
    re.DOTALL,
)
# ZZ 13800001234 100, 转赠13800001234，100分: two numbers with something between them.
_TWO_NUMBERS = re.compile(
    r"(.*?[^0-9 +:：#,.，。_-])[ +:：#,.，。_-]{0,3}([0-9]{1,24})"
    r"[ +:：#,.，。、_-]{1,3}([0-9]{1,18})(?:积?分)?"
)
# As _AND_WORDS, in what was typed: nothing is half-width, simplified or without blanks yet.
_AND_WORDS_TYPED = re.compile(r"\D+\d{1,24}(?!\d)[号號笔筆]?[\s,，.。:：、]{0,3}(\S.*)", re.DOTALL)
# DH 13800001234 1001 123456: three of them.
_THREE_NUMBERS = re.compile(
    r"(.*?[^0-9 +:：#,.，。_-])[ +:：#,.，。_-]{0,3}([0-9]{1,18})"
    r"[ +:：#,.，。、_-]{1,3}([0-9]{1,18})[ +:：#,.，。、_-]{1,3}([0-9]{1,18})"
)
NUMBER_DIGITS_MAX = 18  # as in sms/replies.py; longer ones are cards and numbers of other things
PHONE_DIGITS = 11  # of the first of three numbers
# Words behind a word: a place, not a story about one.
BEHIND_LETTERS_MAX = 20
_BETWEEN = " ,.;:#+_/\\-"
_DIGIT = re.compile("[0-9]")

Say = Annotated[str, pydantic.StringConstraints(min_length=1, max_length=WORD_LIMIT_LETTERS)]


@dataclass(frozen=True, slots=True)
class Word:
    """What a word opens; `always`: even while another question is open.

    `takes`: the note that a number behind the word becomes, if one may stand there.
    `exactly`: nothing that is only near to it means it.
    `name`: what we call it to people, the first word of its line, with what stands behind it.
    `loose`: words stand behind it, as they may in any sentence: no answer gives way to it.
    """

    route: Route
    always: bool
    takes: str | None = None
    and_words: str | None = None
    takes_words: str | None = None
    and_number: str | None = None
    and_third: str | None = None
    name: str = ""
    exactly: bool = False
    loose: bool = False

    def with_two(self, number: str, second: str) -> "Word | None":
        """The word with two numbers behind it; None if only one or none may stand there."""
        if self.takes is None or self.and_number is None:
            return None
        if self.and_third is not None and len(number) < PHONE_DIGITS:
            return None  # DH 10 01 is one number with a blank in it; a phone number is none
        notes = {**self.route.notes, self.takes: number, self.and_number: second}
        return self._with(notes, f"{number} {second}")

    def with_three(self, number: str, second: str, third: str) -> "Word | None":
        """The word with three numbers behind it; None if not so many may stand there."""
        longer = self.with_two(number, second)
        if longer is None or self.and_third is None:
            return None
        return longer._with({**longer.route.notes, self.and_third: third}, "")

    def with_words(self, number: str, words: str) -> "Word | None":
        """The word with a number and more behind it; None if no more may stand there."""
        if self.takes is None or self.and_words is None:
            return None
        notes = {**self.route.notes, self.takes: number, self.and_words: words}
        return self._with(notes, number)

    def with_place(self, words: str) -> "Word | None":
        """The word with words behind it; None if none may stand there, or not so many."""
        words = words.strip(_BETWEEN)
        if self.takes_words is None or not 0 < len(words) <= BEHIND_LETTERS_MAX:
            return None
        notes = {**self.route.notes, self.takes_words: words}
        return self._with(notes, words, loose=True)

    def with_number(self, number: str) -> "Word | None":
        """The word with a number behind it; None if none may stand there."""
        if self.takes is None:
            return None
        return self._with({**self.route.notes, self.takes: number}, number)

    def as_typed(self, text: str, normalise: Callable[[str], str]) -> "Word":
        """The same, with the words behind the number as they were typed: 师傅说，不给洗。"""
        notes, typed = self.route.notes, _AND_WORDS_TYPED.search(text)
        if self.and_words not in notes or typed is None:
            return self
        if normalise(typed[1]) != normalise(notes[self.and_words or ""]):
            return self
        changed = {**notes, self.and_words or "": typed[1].strip()}
        return replace(self, route=make_route(self.route.dialog, changed))

    def _with(self, notes: Mapping[str, str], behind: str, *, loose: bool = False) -> "Word":
        return Word(
            make_route(self.route.dialog, notes), self.always, and_words=self.and_words,
            name=self.name + behind, loose=loose,
        )  # fmt: skip


class WordEntry(Opening):
    """Words that open one dialog."""

    say: Annotated[tuple[Say, ...], pydantic.Field(min_length=1)] = pydantic.Field(
        description="The words, any of which opens the dialog: [积分, 余额, JF]."
    )
    always: bool = pydantic.Field(
        default=False, description="true: works even while a question is open (帮助, 退订)."
    )
    exactly: bool = pydantic.Field(
        default=False, description="true: never guessed at, as words of politeness (谢谢)."
    )
    takes: Name | None = pydantic.Field(
        default=None,
        description="The note that a number behind the word becomes (DH 1001): offer.",
    )
    and_words: Name | None = pydantic.Field(
        default=None,
        description="The note that words behind that number become (TS 100000123 ...): words.",
    )
    and_number: Name | None = pydantic.Field(
        default=None,
        description="The note that a second number becomes (ZZ 13800001234 100): amount.",
    )
    and_third: Name | None = pydantic.Field(
        default=None,
        description="The note that a third number becomes (DH 13800001234 1001 123456): pin.",
    )
    takes_words: Name | None = pydantic.Field(
        default=None,
        description="The note that words right behind the word become (附近长沙): where.",
    )


class KeywordsFile(Strict):
    """menus/keywords.yaml."""

    words: tuple[WordEntry, ...] = pydantic.Field(description="One item for each dialog opened.")


def split_number(normalised_text: str) -> tuple[str, str] | None:
    """("dh", "1001") of "dh 1001": the word and the number behind it, or None without one."""
    found = _WITH_NUMBER.fullmatch(normalised_text)
    if found is None:
        return None
    digits = found[2].replace(" ", "")
    return (found[1], digits) if 0 < len(digits) <= NUMBER_DIGITS_MAX else None


def split_words(normalised_text: str) -> tuple[str, str, str] | None:
    """("ts", "100000123", "不给洗") of "ts 100000123不给洗", or None without all three."""
    found = _AND_WORDS.fullmatch(normalised_text)
    if found is None or len(found[2]) > NUMBER_DIGITS_MAX:
        return None
    return found[1], found[2], found[3]


def split_two(normalised_text: str) -> tuple[str, str, str] | None:
    """("zz", "13800001234", "100") of "zz 13800001234 100", or None without all three."""
    found = _TWO_NUMBERS.fullmatch(normalised_text)
    if found is None or len(found[2]) > NUMBER_DIGITS_MAX:
        return None
    return found[1], found[2], found[3]


def split_three(normalised_text: str) -> tuple[str, str, str, str] | None:
    """("dh", "13800001234", "1001", "123456") of these words, or None without all four."""
    found = _THREE_NUMBERS.fullmatch(normalised_text)
    return (found[1], found[2], found[3], found[4]) if found else None


def find_longer(words: Mapping[str, Word], normalised_text: str) -> Word | None:
    """The word at the beginning of a text that takes the rest of it; None if none does."""
    if _DIGIT.search(normalised_text) and (word := _with_numbers(words, normalised_text)):
        return word
    for length in range(2, min(len(normalised_text), WORD_LIMIT_LETTERS)):
        word = words.get(normalised_text[:length])
        if word is not None and word.takes_words is not None:
            return word.with_place(normalised_text[length:])
    return None


def _with_numbers(words: Mapping[str, Word], text: str) -> Word | None:
    one = words.get(parts[0]) if (parts := split_number(text)) else None
    if parts and one and one.and_number is None and (longer := one.with_number(parts[1])):
        return longer
    two = split_two(text)
    if two and (word := words.get(two[0])) and (longer := word.with_two(two[1], two[2])):
        return longer
    four = split_three(text)
    if four and (word := words.get(four[0])) and (longer := word.with_three(*four[1:])):
        return longer
    if parts and one and (longer := one.with_number(parts[1])):
        return longer
    three = split_words(text)
    word = words.get(three[0]) if three else None
    return word.with_words(three[1], three[2]) if three and word else None


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
    spots: dict[str, tuple[str | int, ...]] = {}
    mistakes: list[Mistake] = []
    for number, entry in enumerate(keywords.words):
        path = ("words", number)
        mistakes += rules.mistakes(document, path, entry)
        mistakes += _takes_mistakes(document, path, entry, rules)
        word = Word(
            entry.route, entry.always, entry.takes, entry.and_words, entry.takes_words,
            entry.and_number, entry.and_third, entry.say[0], entry.exactly,
        )  # fmt: skip
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
            elif entry.takes and split_number(f"{normal}1") != (normal, "1"):
                message = f"{said}: cannot be told apart from the number behind it"
                hint = "a word that takes a number ends with a letter or a character"
                mistakes.append(document.mistake(where, message, hint))
            elif reserved(said) and entry.dialog not in ANSWER_DIALOGS:
                message = f"{said}: would swallow an answer to an open question"
                hint = "words for yes, no, leaving and numbers cannot be keywords"
                mistakes.append(document.mistake(where, message, hint))
            else:
                words[normal] = word
                first[normal] = said, document.values[where].line
                spots[normal] = where
    mistakes += _swallowed(document, words, first, spots, reserved)
    return words, mistakes


def _takes_mistakes(
    document: Document, path: tuple[str | int, ...], entry: WordEntry, rules: RouteRules
) -> list[Mistake]:
    """What is wrong with `takes:` and `and_words:`: notes that the dialog knows, each once."""
    if entry.dialog not in rules.dialogs:
        return []
    known, mistakes = rules.known(entry.dialog), []
    behind = ("takes", "and_words", "and_number", "and_third", "takes_words")
    for line, note in ((name, getattr(entry, name)) for name in behind):
        where = (*path, line)
        if note is None:
            continue
        if note not in known:
            hint = closest(note, known) or f"it takes {', '.join(sorted(known)) or 'nothing'}"
            message = f"dialog {entry.dialog} takes no {note}"
            mistakes.append(document.mistake(where, message, hint))
        elif note in entry.notes:
            message = f"{note}: stands in `with:` already"
            mistakes.append(document.mistake(where, message, "delete one of them"))
    for line, second in (("and_words", entry.and_words), ("and_number", entry.and_number)):
        if second is not None and entry.takes in (None, second):
            message = f"{line[4:].rstrip('s')}s can only stand behind a number, as another note"
            mistakes.append(document.mistake((*path, line), message, "write `takes: ...`, too"))
    if entry.and_third is not None and entry.and_number in (None, entry.and_third):
        message = "a third number can only stand behind a second one, as another note"
        mistakes.append(document.mistake((*path, "and_third"), message, "write `and_number: ...`"))
    if entry.takes_words is not None and entry.takes is not None:
        message = "either a number stands behind the word, or words"
        mistakes.append(document.mistake((*path, "takes_words"), message, "delete one of them"))
    return mistakes


def _swallowed(
    document: Document,
    words: Mapping[str, Word],
    first: Mapping[str, tuple[str, int]],
    spots: Mapping[str, tuple[str | int, ...]],
    reserved: Callable[[str], bool],
) -> list[Mistake]:
    """Words that read as another one with its number, or with a number as an answer."""
    mistakes: list[Mistake] = []
    for normal, word in words.items():
        said, spot = first[normal][0], spots[normal]
        parts = split_number(normal)
        taker = words.get(parts[0]) if parts else None
        if parts and taker is not None and taker.takes:
            other, line = first[parts[0]]
            message = f"{said}: reads as {other} in line {line} with the number {parts[1]}"
            mistakes.append(document.mistake(spot, message, "choose another word"))
        if word.takes and reserved(f"{said}1"):
            message = f"{said}: with a number it would swallow an answer to an open question"
            mistakes.append(document.mistake(spot, message, "choose another word"))
    return mistakes
