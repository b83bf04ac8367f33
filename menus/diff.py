"""Diff: what changes for subscribers between two versions of the menu files, in words.

+  comes    -  goes    ~  stays, but is called differently or opens something else    >  moves
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher

from menus.checked_yaml import Mistakes
from menus.entries import MenuFile
from menus.files import Parsed, parse_files
from menus.routes import describe
from menus.texts import by_channel

NOTHING = "Nothing changes for subscribers.\n"


@dataclass(frozen=True, slots=True)
class _Line:
    """An entry as subscribers see it: behind which top entry, called what, opening what."""

    top: str
    name: str
    target: str

    @property
    def place(self) -> str:
        return f"{self.top} > {self.name}" if self.top else self.name


def diff(old_files: Mapping[str, str], new_files: Mapping[str, str]) -> str:
    """What changes for subscribers, section by section. Raises Mistakes for files with mistakes."""
    old, new = _read(old_files), _read(new_files)
    sections: list[str] = []
    for name in sorted(old.menus.keys() | new.menus.keys()):
        before, after = old.menus.get(name), new.menus.get(name)
        lines = list(_menu_changes(before and before[1], after and after[1]))
        sections += _section(_menu_title(name, (after or before or (None, None))[1]), lines)
    sections += _section("Words", list(_mapping_changes(_words(old), _words(new))))
    sections += _section("Synonyms", list(_mapping_changes(_synonyms(old), _synonyms(new))))
    lost = "printed codes with this scene stop working"
    scenes = list(_mapping_changes(_scenes(old), _scenes(new), lost=lost))
    sections += _section("Scenes (QR codes)", scenes)
    sections += _section("Texts", list(_text_changes(_texts(old), _texts(new))))
    return "\n".join(sections) if sections else NOTHING


def _read(files: Mapping[str, str]) -> Parsed:
    # No version at all is a good start: everything in the first one is new.
    if not files:
        return Parsed()
    parsed = parse_files(files)
    if parsed.mistakes:
        raise Mistakes(parsed.mistakes)
    return parsed


def _section(title: str, lines: list[str]) -> list[str]:
    return ["\n".join([title, *(f"  {line}" for line in lines)]) + "\n"] if lines else []


def _menu_title(name: str, file: MenuFile | None) -> str:
    who = f"members with the tag {file.tag}" if file and file.tag else "everybody else"
    return f"Menu {name} ({who})"


def _menu_changes(before: MenuFile | None, after: MenuFile | None) -> Iterator[str]:
    old, new = _lines(before), _lines(after)
    if before and after:
        if before.tag != after.tag:
            yield f"~ shown to those with the tag {after.tag} (was {before.tag})"
        renamed = _renamed_tops(before, after)
        for was, now in renamed.items():
            yield f"~ {was}: is now called {now}"
        old = [_Line(renamed.get(line.top, line.top), line.name, line.target) for line in old]
        if order := _top_order(before, after, renamed):
            yield order
    elif after:
        yield "+ the whole menu is new"
    else:
        yield "- the whole menu goes; those who saw it get another one of theirs, or the default"
        return
    pairs = _pairs(old, new)
    for index, line in enumerate(old):
        if index not in pairs:
            yield f"- {line.place}: {line.target}"
    for old_index, new_index in pairs.items():
        yield from _entry_changes(old[old_index], new[new_index])
    yield from _moves_within(old, new, pairs)
    for index, line in enumerate(new):
        if index not in pairs.values():
            yield f"+ {line.place}: {line.target}"


def _lines(file: MenuFile | None) -> list[_Line]:
    if file is None:
        return []
    found = []
    for path, entry in file.lines():
        top = file.menu[int(path[1])].name if len(path) > 2 else ""
        found.append(_Line(top, entry.name, entry.target))
    return found


def _renamed_tops(before: MenuFile, after: MenuFile) -> dict[str, str]:
    old, new = [top.name for top in before.menu], [top.name for top in after.menu]
    return {
        was.name: now.name
        for was, now in zip(before.menu, after.menu, strict=False)
        if was.name not in new and now.name not in old and was.entries and now.entries
    }


def _top_order(before: MenuFile, after: MenuFile, renamed: Mapping[str, str]) -> str:
    old = [renamed.get(top.name, top.name) for top in before.menu]
    new = [top.name for top in after.menu]
    kept_old = [name for name in old if name in new]
    kept_new = [name for name in new if name in old]
    return f"> the bar reads {' | '.join(new)}" if kept_old != kept_new else ""


def _pairs(old: list[_Line], new: list[_Line]) -> dict[int, int]:
    """Old index -> new index of the same entry: as alike as possible first."""
    pairs: dict[int, int] = {}
    for alike in (
        lambda was, now: was == now,
        lambda was, now: (was.name, was.target) == (now.name, now.target),
        lambda was, now: (was.top, was.target) == (now.top, now.target),
        lambda was, now: (was.top, was.name) == (now.top, now.name),
        lambda was, now: was.target == now.target,
    ):
        for old_index, was in enumerate(old):
            if old_index in pairs:
                continue
            taken = set(pairs.values())
            for new_index, now in enumerate(new):
                if new_index not in taken and alike(was, now):
                    pairs[old_index] = new_index
                    break
    return dict(sorted(pairs.items()))


def _entry_changes(was: _Line, now: _Line) -> Iterator[str]:
    if was.top != now.top:
        yield f"> {was.place}: moves to {now.top or 'the bar'}"
    if was.name != now.name:
        yield f"~ {was.place}: is now called {now.name}"
    if was.target != now.target:
        yield f"~ {now.place}: opens {now.target} (was {was.target})"


def _moves_within(old: list[_Line], new: list[_Line], pairs: Mapping[int, int]) -> Iterator[str]:
    for top in dict.fromkeys(line.top for line in new):
        if not top:
            continue
        stayed = [(o, n) for o, n in pairs.items() if old[o].top == top == new[n].top]
        was = [n for _, n in stayed]
        now = sorted(was)
        blocks = SequenceMatcher(None, was, now, autojunk=False).get_matching_blocks()
        kept = {n for block in blocks for n in now[block.b : block.b + block.size]}
        for index in now:
            if index not in kept:
                place = [n for n, line in enumerate(new) if line.top == top].index(index) + 1
                yield f"> {new[index].place}: moves to place {place}"


def _words(parsed: Parsed) -> dict[str, str]:
    if parsed.keywords is None:
        return {}
    return {
        word: describe(entry.route)
        + (f" {entry.takes}=<number>" if entry.takes else "")
        + (f" {entry.and_number}=<number>" if entry.and_number else "")
        + (f" {entry.and_words}=<words>" if entry.and_words else "")
        + (f" {entry.takes_words}=<words>" if entry.takes_words else "")
        + (", always" if entry.always else "")
        for entry in parsed.keywords[1].words
        for word in entry.say
    }


def _synonyms(parsed: Parsed) -> dict[str, str]:
    if parsed.synonyms is None:
        return {}
    file = parsed.synonyms[1]
    instead = {said: f"says {word}" for word, all_said in file.instead.items() for said in all_said}
    return dict.fromkeys(file.around, "means nothing by itself") | instead


def _scenes(parsed: Parsed) -> dict[str, str]:
    if parsed.scenes is None:
        return {}
    return {name: describe(opening.route) for name, opening in parsed.scenes[1].scenes.items()}


def _texts(parsed: Parsed) -> dict[tuple[str, str], str]:
    return {
        (key, channel): text
        for _, file in parsed.texts.values()
        for key, said in by_channel(file)
        for channel, text in said.items()
    }


def _mapping_changes(
    old: Mapping[str, str], new: Mapping[str, str], *, lost: str = ""
) -> Iterator[str]:
    for name, target in old.items():
        if name not in new:
            yield f"- {name}: {target}" + (f" ({lost})" if lost else "")
        elif new[name] != target:
            verb = "" if new[name].startswith(("says", "means")) else "opens "
            yield f"~ {name}: {verb}{new[name]} (was {target})"
    for name, target in new.items():
        if name not in old:
            yield f"+ {name}: {target}"


def _text_changes(
    old: Mapping[tuple[str, str], str], new: Mapping[tuple[str, str], str]
) -> Iterator[str]:
    keys = dict.fromkeys(key for key, _ in [*old, *new])
    for key in keys:
        changed = {
            channel: (old.get((key, channel)), new.get((key, channel)))
            for channel in ("wechat", "sms")
            if old.get((key, channel)) != new.get((key, channel))
        }
        if len(changed) == 2 and len(set(changed.values())) == 1:
            changed = {"wechat and sms": changed["wechat"]}
        for channel, (was, now) in changed.items():
            mark = "+" if was is None else "-" if now is None else "~"
            yield f"{mark} {key} ({channel})"
            yield from (f"    was: {line}" for line in (was or "").splitlines())
            yield from (f"    now: {line}" for line in (now or "").splitlines())
