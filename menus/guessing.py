"""Guessing: which word somebody may have meant who said none that we know.

我想查一下积分   what is said around a word is taken away    ┐
jifen  机分      it sounds the same                          │ sure, if it can mean one thing only
wdjf  zuanzeng   its initials, or a common way to say it     │
jifne  我的积芬  one letter off                              ┘
积分怎么这么少   a word stands in it                           never sure

Looked at only when a message is no word: an exact word never comes here.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from menus import sounds
from menus.keywords import Word, find_longer, split_number, split_words
from menus.synonyms import Synonyms

MOST_GUESSES = 3
LONGEST_LETTERS = 40  # a longer message is a story, not a word
# One letter off only where the others say enough: of two characters it would be the half.
ONE_OFF_CHARACTERS = 3
ONE_OFF_SPELLED = 5
INITIALS_LETTERS = 3
FORMS_MAX = 24  # of one message, with more and more taken away
SOUNDS_WITHIN_LETTERS = 8
_BETWEEN = re.compile(r"[\s,.!?;:、。…~·'\"“”‘’()|/\\+*#_-]+")
_NOT_THIS = re.compile("[不没别勿甭莫](?:想|要|用|再|需要|去|能|会)?$")  # 不想抽奖


@dataclass(frozen=True, slots=True)
class Guesses:
    """The words that may be meant, the likeliest first, with what stands behind them.

    `sure`: there is but one, and it is near; what only reads may be opened without asking.
    """

    words: tuple[Word, ...] = ()
    sure: bool = False


NOTHING = Guesses()


class Guesser:
    """Guesses among the words of one version of the menus."""

    def __init__(self, words: Mapping[str, Word], synonyms: Synonyms) -> None:
        self._all = words
        self._words = {said: word for said, word in words.items() if not word.exactly}
        self._synonyms = synonyms

    def guess(self, normalised_text: str) -> Guesses:
        """What a message, normalised, may mean; NOTHING if that cannot be told."""
        three = split_words(normalised_text)  # 投素100000123 师傅不给洗: the story is no word
        text = _BETWEEN.sub(" ", normalised_text).strip()
        if not 2 <= len(three[0] if three else text) <= LONGEST_LETTERS:
            return NOTHING
        if not any(map(str.isalpha, text)):
            return NOTHING
        forms = (normalised_text,) if three else tuple(dict.fromkeys(self._forms(text)))
        if self._synonyms.negate(three[0] if three else text):
            # 不想抽奖 is near to 抽奖, and means the contrary.
            return Guesses(_distinct((*self._said(forms), *self._within(forms)))[:MOST_GUESSES])
        found: tuple[Word, ...] = ()
        sure = False
        for look, may_be_sure in (
            (self._said, True), (self._sounds, True), (self._sounds_alike, True),
            (self._initials, True), (self._one_off, True), (self._placed, True),
            (self._within, False),
        ):  # fmt: skip
            more = _distinct((*found, *look(forms)))
            if not found:
                sure = may_be_sure and len(more) == 1
            found = more
            if sure or len(found) >= MOST_GUESSES:
                break
        return Guesses(found[:MOST_GUESSES], sure)

    # -- the ways to look, the surest first ----------------------------------------------------

    def _said(self, forms: tuple[str, ...]) -> Iterator[Word]:
        """Without what is said around it, it is a word."""
        found = [word for form in forms if (word := self._all.get(form))]
        found += [word for form in forms if (word := find_longer(self._all, form))]
        loose = [word for word in found if word.loose]  # the last has least around the place
        yield from [word for word in found if not word.loose][:1] or loose[-1:]

    def _sounds(self, forms: tuple[str, ...]) -> Iterator[Word]:
        """It sounds like a word, or is one in pinyin."""
        return self._alike(forms, self._spelled, lambda spelled: spelled)

    def _sounds_alike(self, forms: tuple[str, ...]) -> Iterator[Word]:
        """The same, in the way that many speak."""
        return self._alike(forms, self._spelled_alike, sounds.alike)

    def _alike(
        self, forms: tuple[str, ...], table: Mapping[str, list[Word]], change: Callable[[str], str]
    ) -> Iterator[Word]:
        for form in forms:
            for stem, complete in _stems(form):
                for spelled in _spellings(stem):
                    yield from _completed(table.get(change(spelled), ()), complete)

    def _initials(self, forms: tuple[str, ...]) -> Iterator[Word]:
        """The first letters of its characters: wdjf for 我的积分."""
        for form in forms:
            for stem, complete in _stems(form):
                if sounds.is_spelled(stem) and len(stem) >= INITIALS_LETTERS:
                    yield from _completed(self._by_initials.get(stem, ()), complete)

    def _one_off(self, forms: tuple[str, ...]) -> Iterator[Word]:
        """One letter is wrong, missing, too many, or two have changed places."""
        for form in dict.fromkeys((*forms[:2], *forms[-2:])):  # this look takes the longest
            for stem, complete in _stems(form):
                if len(stem) >= ONE_OFF_CHARACTERS:
                    for near in _near(stem, self._characters):
                        yield from _completed((self._words[near],), complete)
                says_enough = len(stem) >= ONE_OFF_CHARACTERS  # 米粉 is no 积分
                for spelled in _spellings(stem)[:1] if says_enough else ():
                    if len(spelled) >= ONE_OFF_SPELLED:
                        for near in _near(spelled, self._spelled):
                            yield from _completed(self._spelled[near], complete)

    def _placed(self, forms: tuple[str, ...]) -> Iterator[Word]:
        """A word that takes words stands behind them, or among them: 五一广场附近的店."""
        for form in reversed(forms):  # what is said around the place is gone
            for said in self._longest:
                before, there, after = form.partition(said)
                if there and self._words[said].takes_words is not None:
                    place = _BETWEEN.sub("", before) or _BETWEEN.sub("", after)
                    yield self._words[said].with_place(place) or self._words[said]
                    return

    def _within(self, forms: tuple[str, ...]) -> Iterator[Word]:
        """A word stands in it, the longest first; or, in a short one, something that sounds so."""
        for form in forms:
            rest = form
            for said in self._longest:
                before, there, after = rest.partition(said)
                if not there:
                    continue
                rest = f"{before} {after}"
                if not _NOT_THIS.search(before):
                    yield self._words[said]
        for form in forms:
            if len(form) <= SOUNDS_WITHIN_LETTERS and not self._synonyms.negate(form):
                heard = f" {' '.join(sounds.usual(form))} "
                yield from (word for said, word in self._syllables if said in heard)

    # -- what is compared with what ------------------------------------------------------------

    def _forms(self, text: str) -> Iterator[str]:
        """The text, and what is left of it when more and more is taken away or replaced."""
        for form in self._bare(text):
            joined = form.replace(" ", "")
            yield form
            yield joined
            replaced = joined
            for said, meant in self._synonyms.instead:
                replaced = replaced.replace(said, meant)
            yield from self._bare(replaced)

    def _bare(self, text: str) -> Iterator[str]:
        """The text without what stands before and behind it, the longest first; and within it."""
        around = self._synonyms.around
        forms = {text: None}
        for form in (waiting := [text]):
            shorter = [
                form.removeprefix(said).strip() for said in around if form.startswith(said)
            ] + [form.removesuffix(said).strip() for said in around if form.endswith(said)]
            for each in shorter:
                if each and each not in forms and len(forms) < FORMS_MAX:
                    forms[each] = None
                    waiting.append(each)
        yield from sorted(forms, key=len, reverse=True)
        for said in around:  # 查一下积分
            text = text.replace(said, "") or text
        yield text.strip()

    @cached_property
    def _spelled(self) -> dict[str, list[Word]]:
        table: dict[str, list[Word]] = defaultdict(list)
        for said, word in self._words.items():
            if any(map(sounds.is_chinese, said)):
                for reading in sounds.readings(said):
                    if len(reading) > 1:  # one syllable may be anything
                        table["".join(reading)].append(word)
        return dict(table)

    @cached_property
    def _spelled_alike(self) -> dict[str, list[Word]]:
        table: dict[str, list[Word]] = defaultdict(list)
        for spelled, words in self._spelled.items():
            table[sounds.alike(spelled)] += words
        return dict(table)

    @cached_property
    def _by_initials(self) -> dict[str, list[Word]]:
        table: dict[str, list[Word]] = defaultdict(list)
        for said, word in self._words.items():
            if len(said) >= INITIALS_LETTERS and all(map(sounds.is_chinese, said)):
                table[sounds.initials(said)].append(word)
        return dict(table)

    @cached_property
    def _characters(self) -> list[str]:
        return [said for said in self._words if len(said) >= ONE_OFF_CHARACTERS]

    @cached_property
    def _longest(self) -> list[str]:
        chinese = (said for said in self._words if len(said) > 1 and sounds.is_chinese(said[-1]))
        return sorted(chinese, key=len, reverse=True)

    @cached_property
    def _syllables(self) -> list[tuple[str, Word]]:
        return [(f" {' '.join(sounds.usual(said))} ", self._words[said]) for said in self._longest]


def _stems(form: str) -> Iterator[tuple[str, Callable[[Word], Word | None]]]:
    """A text as a word alone, and as a word with a number and words behind it."""
    yield form, lambda word: word
    if parts := split_number(form):
        yield parts[0], lambda word: word.with_number(parts[1])
    if three := split_words(form):
        yield three[0], lambda word: word.with_words(three[1], three[2])


def _completed(
    words: Iterable[Word], complete: Callable[[Word], Word | None]
) -> Iterator[Word]:  # fmt: skip
    return (found for word in words if (found := complete(word)) is not None)


def _spellings(stem: str) -> tuple[str, ...]:
    """The pinyin that a text is, or sounds like; () where it is one syllable or less."""
    joined = stem.replace(" ", "")
    if sounds.is_spelled(joined):
        return (joined,)
    if not any(map(sounds.is_chinese, joined)):
        return ()
    return tuple("".join(each) for each in sounds.readings(joined) if len(each) > 1)


def _near(said: str, known: Iterable[str]) -> list[str]:
    """What is one letter off: wrong, missing, too many, or two that have changed places."""
    from rapidfuzz import process
    from rapidfuzz.distance import OSA

    choices = [one for one in known if abs(len(one) - len(said)) <= 1]
    found = process.extract(said, choices, scorer=OSA.distance, score_cutoff=1, limit=MOST_GUESSES)
    return [one for one, _, _ in found]


def _distinct(words: Iterable[Word]) -> tuple[Word, ...]:
    """The first word for each thing that opens; 兑换1001 leaves no room for 兑换 alone."""
    found: list[Word] = []
    for word in words:
        notes = word.route.notes.items()
        same = (one.route for one in found if one.route.dialog == word.route.dialog)
        if not any(notes <= route.notes.items() for route in same):
            found.append(word)
    return tuple(found)
