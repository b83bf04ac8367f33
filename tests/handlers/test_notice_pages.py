"""One's own messages in a browser, and which notices one wants."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dialogs import notices
from models import preferences
from tests.conftest import Phone, World
from tests.pages.visitor import Visitor, fresh_link
from tests.used import person

PhoneOf = Callable[[str], Phone]
EVIL = "<script>alert(1)</script>"


def told(world: World, who: Phone, n: int, *, title: str = "理发") -> list[int]:
    """So many gifts came back to somebody; the ids of the messages."""
    with world.circle.store.begin() as tx:
        return [
            notices.tell(
                tx, world.circle.live(), person(world, who.msisdn), "vouchers.gift_came_back",
                kind="gifts", now=world.clock(), title=title, price=80, serial=1000 + each,
            )
            for each in range(1, n + 1)
        ]  # fmt: skip


@pytest.fixture
def wang(phone: PhoneOf) -> Phone:
    return phone("王大爷")


@pytest.fixture
def visitor(world: World, wang: Phone) -> Visitor:
    made = Visitor(world.url)
    made.send(fresh_link(wang))
    return made


def test_the_badge_counts_what_was_not_looked_at_on_every_page(
    world: World, wang: Phone, visitor: Visitor
) -> None:
    assert "没看过" not in visitor.get("/me").text
    first, second = told(world, wang, 2, title=EVIL)
    for page in ("/me", "/me/points", "/me/vouchers", "/clubs/film"):
        assert '2<span class="unseen">条没看过' in visitor.get(page).text, page
    listed = visitor.get("/me/messages").text
    assert "&lt;script&gt;" in listed
    assert EVIL not in listed
    seen = visitor.get(f"/me/messages/{second}").text
    assert "1002" in seen
    assert EVIL not in seen
    assert "（1条没看过）" in visitor.get("/me").text
    visitor.send("/me/messages/read", form_from="/me/messages")
    assert "没看过" not in visitor.get("/me").text
    assert visitor.get(f"/me/messages/{first}").status_code == 200


def test_pages_of_messages_go_back_to_the_oldest(
    world: World, wang: Phone, visitor: Visitor
) -> None:
    ids = told(world, wang, 21)
    first = visitor.get("/me/messages").text
    assert f"before={ids[1]}" in first
    assert f"/me/messages/{ids[0]}" not in first
    older = visitor.get(f"/me/messages?before={ids[1]}").text
    assert f'/me/messages/{ids[0]}"' in older
    assert "看更早的" not in older
    assert visitor.get("/me/messages?before=x").status_code == 200
    assert visitor.get(f"/me/messages?before={'9' * 30}").status_code == 200


def test_somebody_elses_message_is_not_there(
    world: World, wang: Phone, visitor: Visitor, phone: PhoneOf
) -> None:
    (theirs,) = told(world, phone("李雷"), 1)
    assert visitor.get(f"/me/messages/{theirs}").status_code == 404
    assert visitor.get(f"/me/messages/{10**30}").status_code == 404
    assert "还没有消息" in visitor.get("/me/messages").text
    visitor.send("/me/messages/read", form_from="/me/notices")
    assert world.rows("SELECT count(*) FROM mailbox WHERE kind = 'gifts' AND read_at IS NULL") == [
        (1,)
    ]


def test_what_is_ticked_is_wanted_and_the_rest_is_not_with_the_evidence(
    world: World, wang: Phone, visitor: Visitor
) -> None:
    assert visitor.get("/me/notices").text.count(" checked") == 14
    sent = {"points:sms": "on", "points:wechat": "on", "gifts:sms": "on", "nonsense:sms": "on"}
    saved = visitor.send("/me/notices", **sent)
    assert saved.url.endswith("/me/notices?saved=1")
    assert saved.text.count(" checked") == 3
    owner = person(world, wang.msisdn).id
    wishes = world.circle.store.read(lambda tx: preferences.of(tx, owner))
    assert sorted(one for one, wanted in wishes.items() if wanted) == [
        ("gifts", "sms"), ("points", "sms"), ("points", "wechat"),
    ]  # fmt: skip
    assert world.rows("SELECT count(*), count(DISTINCT subject) FROM consents") == [(11, 11)]
    visitor.send("/me/notices", **sent)  # the same again is nothing new
    assert world.rows("SELECT count(*) FROM consents") == [(11,)]


def test_leaving_altogether_and_coming_back_by_the_page(
    world: World, wang: Phone, visitor: Visitor
) -> None:
    page = visitor.send("/me/notices/all", form_from="/me/notices", wanted="no")
    assert "退订了全部通知" in page.text
    assert person(world, wang.msisdn).opted_out
    visitor.send("/me/notices/all", form_from="/me/notices", wanted="no")
    visitor.send("/me/notices/all", form_from="/me/notices", wanted="yes")
    assert not person(world, wang.msisdn).opted_out
    assert world.rows("SELECT granted FROM consents ORDER BY id") == [("no",), ("yes",)]


def test_without_a_session_there_is_nothing(world: World) -> None:
    stranger = Visitor(world.url)
    for path in ("/me/messages", "/me/messages/1", "/me/notices"):
        assert stranger.get(path).status_code == 403
