"""Two sets of menus: those that are shipped, checked as the product checks them, and a sample.

Rules are tried out on the sample alone, against the dialogs and texts that stand here, so that
neither a new dialog nor an operator's edit changes what these tests see.
"""

import pathlib
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from dialogs import catalog, live
from menus.menus import Menus, load, read_folder

FOLDER = pathlib.Path(__file__).parents[2] / "menus"
SAMPLE = pathlib.Path(__file__).parent / "sample"
CLUBS = ("film", "car", "sports", "lottery", "gamers", "vip")

# -- what the sample is checked against --------------------------------------------------------

_DIALOGS: Mapping[str, frozenset[str]] = {
    "join_club": frozenset({"club"}),
    "club_page": frozenset({"club"}),
    **dict.fromkeys(
        ("balance", "bind_phone", "help", "opt_out", "opt_in", "account_page"), frozenset()
    ),
}
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
    "common.busy": "",
    "help.general": "",
}
_ANSWERS = frozenset({"是", "好的", "否", "y", "n", "td", "退订", "恢复"})


def _normalise(text: str) -> str:
    """Width, case, white space and punctuation make no difference."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(letter for letter in folded if letter.isalnum())


def _reserved(text: str) -> bool:
    """Whether the text answers a question."""
    normal = _normalise(text)
    return normal in _ANSWERS or normal.isdecimal()


@pytest.fixture(scope="session")
def sample() -> dict[str, str]:
    """A few menu files that operators do not edit, so that places in them stay what they are."""
    return read_folder(SAMPLE)


@pytest.fixture(scope="session")
def load_sample() -> Callable[..., Menus]:
    """Loads the sample, changed or not."""

    def load_it(files: Mapping[str, str], **other: Any) -> Menus:
        known: dict[str, Any] = {
            "dialogs": _DIALOGS,
            "texts_used": {key: frozenset(names.split()) for key, names in _TEXTS.items()},
            "normalise": _normalise,
            "reserved": _reserved,
            "choices": {"club": CLUBS, "tag": CLUBS},
        }
        return load(files, **{**known, **other})

    return load_it


@pytest.fixture(scope="session")
def sample_menus(sample: dict[str, str], load_sample: Callable[..., Menus]) -> Menus:
    """The sample, loaded."""
    return load_sample(sample)


# -- what is shipped ---------------------------------------------------------------------------


@pytest.fixture(scope="session")
def menus() -> Menus:
    """The menu files of this repository, against its dialogs."""
    return live.check(read_folder(FOLDER), clubs=CLUBS)


@pytest.fixture(scope="session")
def texts_used() -> Mapping[str, frozenset[str]]:
    """Key of every text that the dialogs use -> its placeholders."""
    return catalog.texts_used()
