"""`sms block`, `unblock`, `blocked`: what they do, and what they say to what cannot be."""

from __future__ import annotations

from tests.commands.conftest import Typed


def test_a_number_is_blocked_listed_and_unblocked(typed: Typed) -> None:
    done = typed("sms", "block", "138 0000 0009", "--why", "12321 投诉")
    assert (done.exit_code, done.stdout) == (0, "138****0009: nothing unasked from now on\n")
    listed = typed("sms", "blocked").stdout
    assert listed.startswith("138****0009  ")
    assert listed.endswith("  12321 投诉\n")
    assert typed("sms", "blocked", "--whole").stdout.startswith("+8613800000009  ")
    again = typed("sms", "block", "13800000009", "--why", "x")
    assert again.exit_code == 1
    assert "is on the list since" in again.stderr
    assert typed("sms", "unblock", "13800000009", "--why", "本人要求").exit_code == 0
    assert typed("sms", "blocked").stdout == ""
    assert "is not on the list" in typed("sms", "unblock", "13800000009", "--why", "x").stderr


def test_what_is_no_number_or_no_reason_is_told(typed: Typed) -> None:
    assert "write it like 13800000001" in typed("sms", "block", "12345", "--why", "x").stderr
    assert "a reason of 1 to 300" in typed("sms", "block", "13800000009", "--why", " ").stderr
