"""Menus: everything that can be tapped, scanned, texted or said, checked and ready to use.

read_folder -> {name: source} -> load -> Menus -> key() scene() word() text() wechat_menus()
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from menus.checked_yaml import Document, Mistake, Mistakes, closest
from menus.diff import diff
from menus.entries import MenuFile, WeChatMenu, routes_in
from menus.files import COMMON_TEXTS, DEFAULT_MENU, Parsed, parse_files, read_folder, shown
from menus.guessing import Guesser, Guesses
from menus.keywords import Word, find_longer, read_words
from menus.preview import preview
from menus.routes import Route, RouteRules, describe, read_key
from menus.scenes import numbered, read_scenes
from menus.synonyms import Synonyms, read_synonyms
from menus.texts import (
    CHANNELS,
    SIGNATURE,
    Sentence,
    by_channel,
    check_sentence,
    compile_sentence,
)

__all__ = [
    "Menus",
    "Mistake",
    "Mistakes",
    "Route",
    "WeChatMenu",
    "Word",
    "diff",
    "load",
    "preview",
    "read_folder",
]


@dataclass(frozen=True, slots=True)
class Menus:
    """One version of the menus, words, scenes and texts. Nothing in it changes after `load`."""

    version: int  # 0: straight from files
    files: Mapping[str, str]
    warnings: tuple[Mistake, ...]
    menu_files: tuple[MenuFile, ...]  # the default one first
    rules: RouteRules
    keys: Mapping[str, Route]
    scenes: Mapping[str, Route]
    words: Mapping[str, Word]
    sentences: Mapping[str, Mapping[str, Sentence]]  # channel -> key -> sentence
    guesser: Guesser
    numbered_scenes: Mapping[str, tuple[str, str]] = field(default_factory=dict)  # prefix

    def key(self, menu_key: str) -> Route | None:
        """Where a tapped menu entry leads, those of older versions included; None if nowhere."""
        route = self.keys.get(menu_key)
        if route is None:
            route = read_key(menu_key)
            if route is None or not self.rules.allow(route):
                return None
        return route

    def scene(self, scene: str) -> Route | None:
        """Where a scanned QR code leads; None if nowhere. What a file says goes first."""
        return self.scenes.get(scene) or numbered(scene, self.numbered_scenes)

    def word(self, normalised_text: str) -> Word | None:
        """What a whole message, normalised, opens; None if it is no keyword."""
        return self.words.get(normalised_text) or find_longer(self.words, normalised_text)

    def opening(self, dialog: str) -> Word | None:
        """The first word that opens a dialog and tells it nothing; None if none does."""
        found = (word for word in self.words.values() if word.route.dialog == dialog)
        return next((word for word in found if not word.route.notes), None)

    def guess(self, normalised_text: str) -> Guesses:
        """What a whole message, normalised, may have been meant to open."""
        return self.guesser.guess(normalised_text)

    def text(self, key: str, /, *, channel: str, **values: object) -> str:
        """The sentence for `channel` (wechat, sms). Raises KeyError: unknown key, missing value."""
        sentence = self.sentences[channel][key]
        if not sentence.names:
            return sentence.template
        return sentence.template % tuple([values[name] for name in sentence.names])

    def wechat_menus(self, public_url: str = "") -> list[WeChatMenu]:
        """The default menu, then those by tag. Pages start with `public_url`.

        Raises ValueError if a URL gets longer than WeChat takes.
        """
        return [
            WeChatMenu(file.tag, [top.button(public_url) for top in file.menu])
            for file in self.menu_files
        ]


def load(
    files: Mapping[str, str],
    *,
    dialogs: Mapping[str, frozenset[str]],
    texts_used: Mapping[str, frozenset[str]],
    normalise: Callable[[str], str],
    version: int = 0,
    reserved: Callable[[str], bool] = lambda text: False,
    choices: Mapping[str, Collection[str]] | None = None,
    optional: Mapping[str, frozenset[str]] | None = None,
    numbered_scenes: Mapping[str, tuple[str, str]] | None = None,
    marketing: Collection[str] = (),
    says_how_to_leave: Callable[[str], bool] = lambda text: True,
) -> Menus:
    """The files as Menus. Raises Mistakes: all of them, in every file.

    `dialogs`: name -> the notes it needs. `texts_used`: key -> the placeholders that are filled.
    `reserved`: is this text an answer (yes, no, leaving, a number) that no keyword may swallow?
    `choices`: name of a note -> the values it may have; `tag` stands for the tags of menus.
    `optional`: name -> the notes that a dialog may get besides.
    `numbered_scenes`: prefix of scenes such as offer-1001 -> the dialog and the note it fills.
    `marketing`: keys of the texts that are sent unasked to gain by it; by SMS each of them must
    be one that `says_how_to_leave`.
    """
    parsed = parse_files(files)
    mistakes = list(parsed.mistakes)
    rules = RouteRules(dialogs, choices or {}, optional or {})
    mistakes += _menu_mistakes(parsed, rules)
    words, scenes = _words_and_scenes(parsed, rules, normalise, reserved, mistakes)
    synonyms = Synonyms()
    if parsed.synonyms:
        synonyms, found = read_synonyms(
            *parsed.synonyms, words=words, normalise=normalise, reserved=reserved
        )
        mistakes += found
    mistakes += _text_mistakes(parsed, texts_used)
    mistakes += _without_way_out(parsed, marketing, says_how_to_leave)
    if mistakes:
        raise Mistakes(mistakes)
    ordered = sorted(parsed.menus, key=lambda name: (name != DEFAULT_MENU, name))
    menu_files = tuple(parsed.menus[name][1] for name in ordered)
    return Menus(
        version=version,
        files=MappingProxyType(dict(files)),
        warnings=tuple(
            sorted([*_warnings(parsed, texts_used), *_overruled(parsed, numbered_scenes or {})])
        ),
        menu_files=menu_files,
        rules=rules,
        keys=MappingProxyType({key: at for file in menu_files for key, at in routes_in(file)}),
        scenes=MappingProxyType(scenes),
        words=MappingProxyType(words),
        sentences=_compiled(parsed),
        guesser=Guesser(words, synonyms),
        numbered_scenes=MappingProxyType(dict(numbered_scenes or {})),
    )


def _words_and_scenes(
    parsed: Parsed,
    rules: RouteRules,
    normalise: Callable[[str], str],
    reserved: Callable[[str], bool],
    mistakes: list[Mistake],
) -> tuple[Mapping[str, Word], Mapping[str, Route]]:
    """Both tables; what is wrong in them is added to `mistakes`."""
    words: dict[str, Word] = {}
    scenes: dict[str, Route] = {}
    if parsed.keywords:
        words, found = read_words(
            *parsed.keywords, rules=rules, normalise=normalise, reserved=reserved
        )
        mistakes += found
    if parsed.scenes:
        scenes, found = read_scenes(*parsed.scenes, rules=rules)
        mistakes += found
    return words, scenes


def _menu_mistakes(parsed: Parsed, rules: RouteRules) -> Iterable[Mistake]:
    tags = rules.choices.get("tag")
    tagged: dict[str, str] = {}
    for name, (document, file) in parsed.menus.items():
        for path, entry in file.lines():
            if opening := entry.opening:
                yield from rules.mistakes(document, path, opening)
        if name == DEFAULT_MENU:
            if file.tag is not None:
                message = "the default menu is for everybody and has no tag"
                yield document.mistake(("tag",), message, "delete this line", key=True)
        elif file.tag is None:
            message = "tag: missing; only default.yaml is for everybody"
            yield document.mistake((), message, f"write `tag: {_stem(name)}`")
        elif file.tag in tagged:
            hint = f"{tagged[file.tag]} has it too; a tag has one menu"
            yield document.mistake(("tag",), f"tag {file.tag} is used twice", hint)
        else:
            tagged[file.tag] = document.file
            if tags is not None and file.tag not in tags:
                hint = closest(file.tag, tags) or f"there are {', '.join(sorted(tags))}"
                yield document.mistake(("tag",), f"nobody carries the tag {file.tag}", hint)


def _stem(name: str) -> str:
    return name.rpartition("/")[2].removesuffix(".yaml")


def _signature(parsed: Parsed) -> str:
    for _, file in parsed.texts.values():
        for key, _, _, text in file.written():
            if key == SIGNATURE:
                return text
    return ""


def _text_mistakes(parsed: Parsed, used: Mapping[str, frozenset[str]]) -> Iterable[Mistake]:
    first: dict[str, Document] = {}
    signature = _signature(parsed)
    for document, file in parsed.texts.values():
        for key in file.root:
            if key in first:
                line = first[key].keys[(key,)].line
                hint = f"{first[key].file}:{line} has it too"
                yield document.mistake((key,), f"{key}: written in two files", hint, key=True)
            first.setdefault(key, document)
        for key, path, channel, text in file.written():
            if key == SIGNATURE:
                yield from _signature_mistakes(document, path, text)
            elif key in used:
                yield from check_sentence(
                    document, path, channel, text, offered=used[key], signature=signature
                )
    if not any(name.startswith("texts/") for name in parsed.unread):
        spare = first.keys() - used.keys()
        for key in sorted({*used, SIGNATURE} - first.keys()):
            yield Mistake(_home(key, first), 1, 1, f"{key}: missing", closest(key, spare))


def _without_way_out(
    parsed: Parsed, marketing: Collection[str], says_how_to_leave: Callable[[str], bool]
) -> Iterable[Mistake]:
    """Marketing that leaves by SMS and does not say what to answer against it."""
    for document, file in parsed.texts.values():
        for key, texts in by_channel(file):
            if key in marketing and not says_how_to_leave(texts["sms"]):
                path = (key, "sms") if (key, "sms") in document.keys else (key,)
                message = f"{key}: marketing by SMS must say how to leave"
                yield document.mistake(path, message, "add words such as 回复TD退订")


def _signature_mistakes(
    document: Document, path: tuple[str | int, ...], text: str
) -> list[Mistake]:
    if len(path) == 1 and not compile_sentence(text).names:
        return []
    message = "signature: the same words for everybody"
    return [document.mistake(path, message, "one text without placeholders, such as 【和生活圈】")]


def _home(key: str, first: Mapping[str, Document]) -> str:
    """The file where the sentences of this group stand: that is where a missing one belongs."""
    group = key.partition(".")[0]
    files = [document.file for known, document in first.items() if known.startswith(f"{group}.")]
    return max(files, key=files.count) if files else shown(COMMON_TEXTS)


def _warnings(parsed: Parsed, used: Mapping[str, frozenset[str]]) -> Iterable[Mistake]:
    for document, file in parsed.texts.values():
        spoken: dict[str, set[str]] = {key: set(file.without(key)) for key in file.root}
        for key, _, _, text in file.written():
            spoken[key].update(compile_sentence(text).names)
        for key, names in spoken.items():
            if key not in used:
                if key != SIGNATURE:
                    yield document.mistake((key,), f"{key}: no dialog says this", key=True)
                continue
            for name in sorted(used[key] - names):
                hint = f"on purpose? then write `without: [{name}]`"
                yield document.mistake((key,), f"{key}: never says {{{name}}}", hint, key=True)


def _overruled(parsed: Parsed, prefixes: Mapping[str, tuple[str, str]]) -> Iterable[Mistake]:
    """Scenes of the file that lead a printed counter card somewhere else: allowed, and told."""
    if parsed.scenes is None:
        return
    document, file = parsed.scenes
    for name, opening in file.scenes.items():
        usual = numbered(name, prefixes)
        if usual is not None and usual != opening.route:
            message = f"{name}: leads elsewhere than the cards with this number"
            hint = f"without this line it opens {describe(usual)}"
            yield document.mistake(("scenes", name), message, hint, key=True)


def _compiled(parsed: Parsed) -> Mapping[str, Mapping[str, Sentence]]:
    front = {"sms": _signature(parsed).replace("{{", "{").replace("}}", "}")}
    tables: dict[str, dict[str, Sentence]] = {channel: {} for channel in CHANNELS}
    for _, file in parsed.texts.values():
        for key, said in by_channel(file):
            for channel, text in said.items():
                signed = key != SIGNATURE and channel in front
                sentence = compile_sentence(text)
                if signed:
                    lead = front[channel]
                    lead = lead.replace("%", "%%") if sentence.names else lead
                    sentence = Sentence(lead + sentence.template, sentence.names)
                tables[channel][key] = sentence
    return MappingProxyType({name: MappingProxyType(table) for name, table in tables.items()})
