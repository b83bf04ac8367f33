"""The browser of the tests shows Chinese and stays on this machine."""

import json
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Error

from tests import browser as provided

pytestmark = pytest.mark.browser


def test_chinese_characters_have_shapes_of_their_own(browser: Browser) -> None:
    page = browser.new_page()
    pictures = []
    for character in "是否圈乐":
        page.set_content(f'<html lang="zh-CN"><h1>{character}</h1>')
        pictures.append(page.screenshot())
    # Without a Chinese font each would be the same empty box.
    assert len(set(pictures)) == len(pictures)


def test_foreign_addresses_do_not_exist(browser: Browser) -> None:
    with pytest.raises(Error, match="ERR_NAME_NOT_RESOLVED"):
        browser.new_page().goto("http://example.com")


def test_a_package_with_another_hash_is_refused(tmp_path: Path) -> None:
    archive = tmp_path / "package.tgz"
    archive.write_bytes(b"something else")
    lock = provided.Lock(**json.loads(provided.LOCK.read_text()))
    with pytest.raises(provided.NoBrowser, match=r"browser\.lock\.json"):
        provided._check(archive, lock)
