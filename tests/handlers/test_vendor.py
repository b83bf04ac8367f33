"""What we ship of others is what its lock says, and pages load nothing from elsewhere."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

HANDLERS = Path(__file__).parents[2] / "handlers"
VENDOR = HANDLERS / "static" / "vendor"
LOCK = "vendor.lock.json"


def test_every_vendored_file_is_the_one_that_the_lock_names() -> None:
    lock = json.loads((VENDOR / LOCK).read_text())
    found = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in VENDOR.iterdir()
        if path.name != LOCK
    }
    assert found == {name: entry["sha256"] for name, entry in lock.items()}


def test_versions_are_exact_and_stand_in_the_names_of_the_files() -> None:
    lock = json.loads((VENDOR / LOCK).read_text())
    for name, entry in lock.items():
        version = entry["package"].partition("@")[2]
        assert re.fullmatch(r"\d+\.\d+\.\d+", version)
        assert "LICENSE" in name or version in name


_FOREIGN = re.compile(r"""(?:src|href|action|url)\s*[=(]\s*["']?(?:https?:)?//""")
_INLINE = re.compile(r"<style|\sstyle=|\son[a-z]+=|javascript:|hx-on|<script(?![^>]*\ssrc=)")


def test_no_page_loads_anything_from_another_host() -> None:
    ours = [*HANDLERS.rglob("*.html"), *(HANDLERS / "static").glob("*.*")]
    assert len(ours) > 20
    for path in ours:
        assert not _FOREIGN.search(path.read_text()), path


def test_no_page_has_scripts_or_styles_that_the_security_policy_forbids() -> None:
    for path in HANDLERS.rglob("*.html"):
        assert not _INLINE.search(path.read_text()), path
