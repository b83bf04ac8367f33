"""One's own feedback and surveys in a browser: written with a picture, and nobody else's."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from PIL import Image

from models.surveys import definition
from tests.conftest import Phone, World
from tests.pages.visitor import Visitor, fresh_link

PhoneOf = Callable[[str], Phone]
EVIL = '<script>alert(1)</script>"><img src=x onerror=alert(1)>'
NEW = "/me/feedback/new"


def _visitor(world: World, who: Phone) -> Visitor:
    visitor = Visitor(world.url)
    visitor.send(fresh_link(who))
    return visitor


@pytest.fixture
def wang(world: World, phone: PhoneOf) -> Visitor:
    return _visitor(world, phone("王大爷"))


def _picture(kind: str = "PNG", size: tuple[int, int] = (3000, 40)) -> bytes:
    made = io.BytesIO()
    Image.new("RGBA" if kind == "PNG" else "RGB", size, "red").save(made, kind)
    return made.getvalue()


def _send(visitor: Visitor, *pictures: bytes, words: str = "队太长") -> int:
    """Send the form with pictures; the status of the answer."""
    answer = visitor.session.post(
        visitor.site + NEW,
        data={"form_key": visitor.form_key(NEW), "words": words, "category": "club"},
        files=[("pictures", (f"{no}.png", one)) for no, one in enumerate(pictures)],
        timeout=60, allow_redirects=False,
    )  # fmt: skip
    return answer.status_code


def test_what_somebody_writes_is_kept_once_and_harms_nobody(world: World, wang: Visitor) -> None:
    assert "没有给我们留过话" in wang.get("/me/feedback").text
    for _ in range(2):
        made = wang.send(world.url + NEW, category="idea", words=EVIL)
        assert made.url.endswith("/me/feedback/20001")
    assert "&lt;script&gt;" in made.text
    assert "<script>alert" not in made.text + wang.get("/me/feedback").text
    assert "提建议" in made.text
    assert world.rows("SELECT category, channel FROM feedback") == [("idea", "page")]


def test_a_form_without_words_or_with_too_many_keeps_what_was_typed(wang: Visitor) -> None:
    assert wang.send(wang.site + NEW, category="x", words=" \0 ").status_code == 400
    long = wang.send(wang.site + NEW, category="idea", words="好" * 1001)
    assert long.status_code == 400
    assert "好好好" in long.text
    assert 'value="idea" checked' in long.text


def test_pictures_are_drawn_anew_and_shown_to_nobody_else(
    world: World, wang: Visitor, phone: PhoneOf
) -> None:
    assert _send(wang, _picture(), _picture("JPEG", (20, 20))) == 303
    one = wang.get("/me/feedback/20001/pictures/1")
    assert one.headers["Content-Type"] == "image/jpeg"
    assert Image.open(io.BytesIO(one.content)).size == (1600, 21)
    assert wang.get("/me/feedback/20001/pictures/3").status_code == 404
    li = _visitor(world, phone("李雷"))
    for path in ("/me/feedback/20001", "/me/feedback/20001/pictures/1"):
        assert li.get(path).status_code == 404
        assert Visitor(world.url).get(path).status_code == 403


def test_what_is_no_picture_or_too_much_is_refused_and_nothing_is_kept(
    world: World, wang: Visitor
) -> None:
    huge = io.BytesIO()
    Image.new("1", (30_000, 30_000)).save(huge, "PNG")
    assert _send(wang, b"GIF89a no picture") == 400
    assert _send(wang, huge.getvalue()) == 400
    assert _send(wang, *[_picture("JPEG", (9, 9))] * 4) == 400
    assert _send(wang, _picture("JPEG", (9, 9))[:-20] + b"\0" * 300) in (303, 400)
    assert world.rows("SELECT count(*) FROM feedback_pictures WHERE state <> 'kept'") == [(0,)]
    assert world.rows("SELECT count(*) FROM feedback WHERE words <> '队太长'") == [(0,)]


def test_a_survey_is_answered_page_by_page_and_goes_on_where_the_chat_stopped(
    world: World, phone: PhoneOf, wang: Visitor
) -> None:
    content = world.rows("SELECT content FROM surveys WHERE code = 'film'")[0][0]
    content["audience"] |= {"clubs": [], "share_percent": 100}
    world.circle.store.run(
        lambda tx: definition.publish(tx, content, author="t", note="t", now=world.clock())
    )
    phone("王大爷").texts("问卷")
    phone("王大爷").texts("5")
    assert "电影俱乐部小调查" in wang.get("/me/surveys").text
    path = "/me/surveys/film"
    page = wang.get(path)
    assert "第2题" in page.text
    refused = wang.send(world.url + path, question="often", number="9")
    assert (refused.status_code, "请先选一个答案" in refused.text) == (400, True)
    wang.send(world.url + path, question="often", number="1")
    wang.send(world.url + path, question="often", number="3")  # sent twice: nothing anew
    wang.send(world.url + path, question="ticket", number="2")
    wang.send(world.url + path, question="tell", number="0")
    done = wang.send(world.url + path, question="more", words="")
    assert "答完了" in done.text
    assert wang.send(world.url + NEW, form_from=NEW, words="好", category="").status_code == 200
    assert world.rows("SELECT question, number FROM survey_answers ORDER BY no") == [
        ("how", 5), ("often", 1), ("ticket", 2), ("tell", 0), ("more", None),
    ]  # fmt: skip
    assert "没有要请您填的问卷" in wang.get("/me/surveys").text
    assert wang.get("/me/surveys/none").status_code == 404
    assert wang.get("/me/surveys/service").status_code == 404  # for those who used something
