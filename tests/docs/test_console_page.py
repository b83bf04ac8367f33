"""The example of docs/console.md, done as the page says: one file, one template, one line."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from jinja2 import ChoiceLoader, FileSystemLoader

import handlers.console as console_pages
from handlers.office import words
from tests.docs.markdown import ROOT, blocks
from tests.handlers.console.conftest import Console, OpenConsole, open_console

__all__ = ["open_console"]

PAGE = ROOT / "docs" / "console.md"


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files that the page has, and none of them is in the tree already."""
    folder: Path = tmp_path_factory.mktemp("followed")
    for block in blocks(PAGE.read_text("utf-8")):
        if block.title:
            assert not (ROOT / block.title).exists(), f"{block.title} is there already"
            file = folder / block.title
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block.text, "utf-8")
    return folder


@pytest.fixture(scope="module")
def console(open_console: OpenConsole, followed: Path) -> Iterator[Console]:
    """The console with the page of the example in its list."""
    words.english.cache_clear()
    with pytest.MonkeyPatch.context() as patch:
        module = _loaded(followed / "handlers/console/perks.py")
        patch.setattr(console_pages, "PAGES", (*console_pages.PAGES, module))
        english = {**words.english(), "会员优惠": "Perks"}
        patch.setattr(words, "english", lambda: english)
        opened = open_console()
        theirs = opened.flask.jinja_env.loader
        assert theirs
        ours = FileSystemLoader(followed / "handlers/templates")
        patch.setattr(opened.flask.jinja_env, "loader", ChoiceLoader([theirs, ours]))
        yield opened


def _loaded(file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("handlers.console.perks", file)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_opens_for_whoever_may_and_stands_in_the_navigation(console: Console) -> None:
    browser = console.as_("operations")
    page = browser.page("/console/perks")
    assert "半价电影票" in page
    assert 'href="/console/perks"' in browser.page("/console")


def test_it_stays_shut_for_whoever_may_not(console: Console) -> None:
    browser = console.as_("administrator")
    assert browser.get("/console/perks").status_code == 403
    assert 'href="/console/perks"' not in browser.page("/console")


def test_it_speaks_english(console: Console, followed: Path) -> None:
    assert 'msgstr "Perks"' in (followed / "handlers/console/english/perks.po").read_text("utf-8")
    browser = console.as_("service")
    browser.forge("/console/language", language="en", back="/console")
    assert '<h1 class="govuk-heading-l">Perks</h1>' in browser.page("/console/perks")


def test_a_newcomer_writes_little() -> None:
    written = [block for block in blocks(PAGE.read_text("utf-8")) if block.title]
    assert len(written) == 3
    assert sum(len(block.text.splitlines()) for block in written) < 40
