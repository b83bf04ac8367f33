"""Menus and texts in the console: edited, checked, proposed, decided by another, never bad."""

from __future__ import annotations

import pytest

from tests.handlers.console.conftest import Browser, Console, OpenConsole

DEFAULT = "/console/menus/file/wechat/default.yaml"


@pytest.fixture(scope="module")
def console(open_console: OpenConsole) -> Console:
    """Nobody answers for WeChat."""
    return open_console(WECHAT__API_BASE_URL="http://127.0.0.1:9")


def test_pages(console: Console) -> None:
    who = console.as_("operations")
    for path in ("/console/menus", DEFAULT, "/console/menus/draft", "/console/menus/preview", "/console/menus/history", "/console/rules", "/console/rules/dry-run", "/console/rules/file/earning/data.yaml", "/console/rules/file/tiers.yaml","/console/rules/history"):
        page = who.page(path)
        print(path, len(page))
