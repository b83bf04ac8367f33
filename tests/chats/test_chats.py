"""Every sample chat, played through the real doors: each word of it is compared."""

from __future__ import annotations

import difflib
from pathlib import Path

import pytest

from dialogs.catalog import BY_NAME
from dialogs.dialog import Move, Talk
from tests.chats import script
from tests.chats.play import Stage

FOLDER = Path(__file__).parent
CHATS = sorted(FOLDER.glob("*.txt"))


def _dialog(chat: Path) -> str:
    """redeem-refused.txt and redeem.txt are chats of the dialog redeem."""
    return chat.stem.partition("-")[0]


@pytest.mark.slow
@pytest.mark.parametrize("chat", CHATS, ids=lambda chat: chat.stem)
def test_a_sample_chat_goes_as_it_is_written(
    chat: Path, stage: Stage, monkeypatch: pytest.MonkeyPatch, pytestconfig: pytest.Config
) -> None:
    opened = _seen_opening(_dialog(chat), monkeypatch)
    written = chat.read_text("utf-8")
    played = script.read(written).played(stage.play).written()
    assert opened, f"nobody opens the dialog {_dialog(chat)} in {chat.name}"
    if pytestconfig.getoption("--rewrite-chats"):
        chat.write_text(played, "utf-8")
    elif played != written:
        difference = difflib.unified_diff(
            written.splitlines(), played.splitlines(), "written", "said", lineterm="", n=2
        )
        pytest.fail(
            "\n".join(difference) + "\nMeant so? pytest tests/chats --rewrite-chats, and read"
            " what git diff says.",
            pytrace=False,
        )


def test_every_dialog_has_a_chat_and_every_chat_a_dialog() -> None:
    assert {_dialog(chat) for chat in CHATS} == set(BY_NAME)


def _seen_opening(dialog: str, patch: pytest.MonkeyPatch) -> list[str]:
    """Fills once somebody opens the dialog."""
    opened: list[str] = []
    first_step = BY_NAME[dialog].opened

    def noted(talk: Talk) -> Move:
        opened.append(dialog)
        return first_step(talk)

    patch.setattr(BY_NAME[dialog], "opened", noted)
    return opened
