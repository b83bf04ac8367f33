"""Loaded dice: what is drawn at random is the same whenever a chat is played.

Each place in the program that asks has dice of its own, so that a new one elsewhere changes no
code in any chat.
"""

from __future__ import annotations

import random
import secrets
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import ROOT

OURS = tuple(f"{ROOT}/{name}/" for name in ("dialogs", "handlers", "models", "workers"))
LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789"


def load(patch: pytest.MonkeyPatch) -> None:
    """Until the end of the test; what is not ours (servers, emulators) goes on as it does."""
    asked: Counter[str] = Counter()

    def loaded(name: str, roll: Callable[..., Any]) -> None:
        plain = getattr(secrets, name)

        def rolled(*arguments: Any) -> Any:
            code = sys._getframe(1).f_code
            if not code.co_filename.startswith(OURS):
                return plain(*arguments)
            place = f"{code.co_filename.removeprefix(str(ROOT))} {code.co_qualname} {name}"
            asked[place] += 1
            return roll(random.Random(f"{place} {asked[place]}"), *arguments)

        patch.setattr(secrets, name, rolled)

    loaded("choice", lambda dice, several: dice.choice(several))
    loaded("randbelow", lambda dice, most: dice.randrange(most))
    loaded("token_bytes", lambda dice, size=32: dice.randbytes(size))
    loaded("token_hex", lambda dice, size=32: dice.randbytes(size).hex())
    loaded(
        "token_urlsafe",
        lambda dice, size=32: "".join(dice.choices(LETTERS, k=-(-size * 4 // 3))),
    )
