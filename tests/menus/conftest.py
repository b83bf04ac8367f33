"""What the menus are checked against here: the dialogs, and the texts that they use."""

import pathlib
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from menus.menus import Menus, load, read_folder

FOLDER = pathlib.Path(__file__).parents[2] / "menus"
SAMPLE = pathlib.Path(__file__).parent / "sample"
CLUBS = ("film", "car", "sports", "lottery", "gamers", "vip")
CHOICES = {"club": CLUBS, "tag": CLUBS}
DIALOGS: Mapping[str, frozenset[str]] = {
    "join_club": frozenset({"club"}),
    "club_page": frozenset({"club"}),
    **dict.fromkeys(
        ("balance", "bind_phone", "help", "opt_out", "opt_in", "account_page"), frozenset()
    ),
}
_POINTS = "consumption promotional total held expiring expiring_by offers"
_TEXTS = {
    "club.offer": "club price",
    "club.check_sms": "club phone",
    "club.offer_again": "club price",
    "club.opening": "club",
    "club.welcome": "club link",
    "club.already": "club link",
    "club.declined": "club",
    "club.refused": "club reason",
    "club.open_late": "club",
    "club.still_opening": "club",
    "club.unknown": "",
    "club.bind_first": "club",
    "club.page": "club link",
    "points.balance": _POINTS,
    "points.balance_small": _POINTS,
    "points.unbound": "",
    "bind.ask_number": "",
    "bind.bad_number": "",
    "bind.code": "code minutes",
    "bind.ask_code": "phone minutes",
    "bind.wrong_code": "left",
    "bind.too_many": "",
    "bind.too_often": "minutes",
    "bind.done": "phone",
    "bind.already": "phone",
    "bind.rebind_ask": "phone",
    "bind.cancelled": "",
    "bind.expired": "",
    "help.general": "",
    "help.member": "clubs",
    "opt_out.done": "",
    "opt_out.already": "",
    "opt_in.done": "",
    "opt_in.already": "",
    "account.page": "link",
    "follow.welcome": "",
    "follow.back": "",
    "common.not_understood": "",
    "common.busy": "",
    "common.sorry": "reference",
    "common.question_expired": "",
    "common.question_replaced": "now",
    "common.nothing_open": "",
    "common.working": "",
    "common.say_yes_or_no": "",
    "common.say_number": "",
    "common.entry_unknown": "",
    "bind.only_wechat": "",
    "common.media": "",
}
TEXTS_USED = {key: frozenset(names.split()) for key, names in _TEXTS.items()}
_ANSWERS = "是 是的 好 好的 同意 确认 y yes ok 否 不 n no 不要 td t 退订 stop 恢复 start"
ANSWERS = frozenset(_ANSWERS.split())


def normalise(text: str) -> str:
    """Width, case, white space and punctuation make no difference."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(letter for letter in folded if letter.isalnum())


def reserved(text: str) -> bool:
    """Whether the text answers a question."""
    normal = normalise(text)
    return normal in ANSWERS or normal.isdecimal()


def load_checked(files: Mapping[str, str], **other: Any) -> Menus:
    """load() with the dialogs, texts and answers above."""
    known: dict[str, Any] = {
        "dialogs": DIALOGS,
        "texts_used": TEXTS_USED,
        "normalise": normalise,
        "reserved": reserved,
        "choices": CHOICES,
    }
    return load(files, **{**known, **other})


@pytest.fixture(scope="session")
def shipped() -> dict[str, str]:
    """The menu files of this repository."""
    return read_folder(FOLDER)


@pytest.fixture(scope="session")
def menus(shipped: dict[str, str]) -> Menus:
    """The same, loaded."""
    return load_checked(shipped)


@pytest.fixture(scope="session")
def sample() -> dict[str, str]:
    """A few menu files that operators do not edit, so that places in them stay what they are."""
    return read_folder(SAMPLE)


@pytest.fixture(scope="session")
def load_sample() -> Callable[..., Menus]:
    """Loads the sample, changed or not."""
    said = {
        key: names
        for key, names in TEXTS_USED.items()
        if key.startswith("club.") or key in ("common.busy", "help.general")
    }

    def load_it(files: Mapping[str, str], **other: Any) -> Menus:
        return load_checked(files, **{"texts_used": said, **other})

    return load_it


@pytest.fixture(scope="session")
def sample_menus(sample: dict[str, str], load_sample: Callable[..., Menus]) -> Menus:
    """The sample, loaded."""
    return load_sample(sample)


@pytest.fixture(scope="session")
def load_with() -> Callable[..., Menus]:
    """Loads files, with everything known that the shipped files need."""
    return load_checked


@pytest.fixture(scope="session")
def texts_used() -> Mapping[str, frozenset[str]]:
    """Key of every text that the dialogs use -> its placeholders."""
    return TEXTS_USED
