"""What is said over SMPP and CMPP; whole journeys stand in test_every_gateway.py."""

from __future__ import annotations

from tests.conftest import World
from tests.workers.sender.conftest import Phone, Running, until


def test_the_film_club_is_joined_by_sms(running: Running, wang: Phone) -> None:
    running.world.control("POST", "/boss/settings", confirm_after_s=0)
    wang.texts("JRDY")
    offer = wang.hears("同意请回复")
    wang.texts("是", to=offer["to"])
    welcome = wang.hears("欢迎加入电影俱乐部")
    assert offer["to"].startswith("10086")
    assert len(offer["to"]) == 8
    assert "/l/" in welcome["text"]


def test_what_boss_answers_later_is_told_over_the_gateway_that_was_spoken_over(
    running: Running, wang: Phone, world: World
) -> None:
    world.control("POST", "/boss/settings", confirm_after_s=None)
    wang.texts("JRDY")
    wang.texts("是", to=wang.hears("同意请回复")["to"])
    wang.hears("正在为您开通")
    over = "SELECT payload ->> 'spoken_over' FROM outbox WHERE kind = 'call'"
    assert world.rows(over) == [(wang.gateway,)]
    ((order,),) = [(one["request_id"],) for one in world.control("GET", "/boss/orders")]
    world.control("POST", f"/boss/orders/{order}/confirm")
    wang.hears("欢迎加入电影俱乐部")
    said = "SELECT DISTINCT payload ->> 'gateway' FROM outbox WHERE kind = 'sms'"
    assert world.rows(said) == [(wang.gateway,)]


def test_an_answer_to_a_replaced_question_confirms_nothing(running: Running, wang: Phone) -> None:
    running.world.control("POST", "/boss/settings", confirm_after_s=0)
    wang.texts("JRDY")
    film = wang.hears("电影俱乐部")
    wang.texts("JRCY")
    car = wang.hears("车友会")
    wang.texts("是", to=film["to"])
    wang.hears("您回答的是前面的问题")
    assert running.world.rows("SELECT count(*) FROM memberships") == [(0,)]
    wang.texts("是", to=car["to"])
    wang.hears("欢迎加入车友会")


def test_a_long_text_is_heard_whole(running: Running, wang: Phone, world: World) -> None:
    words = "投诉的话很长" * 20
    wang.texts(words)
    wang.hears("")
    assert (words,) in world.rows("SELECT said FROM inbox")
    assert world.rows("SELECT count(*) FROM heard_parts") == [(0,)]


def test_what_is_texted_twice_counts_twice(running: Running, wang: Phone, world: World) -> None:
    """Neither protocol says that a text is the same: two quick ones are two."""
    wang.texts("JF")
    wang.texts("JF")
    wang.hears("积分")
    assert len([e for e in wang.heard() if "积分" in e["text"]]) <= 2
    both = "SELECT count(*) FROM inbox WHERE said = 'JF'"
    until(lambda: world.rows(both) == [(2,)], "both are heard")
