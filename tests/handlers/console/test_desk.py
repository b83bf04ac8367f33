"""The desk in an operator's hands: finding, looking, acting, and what nobody gets away with."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import count
from typing import Any

import pytest
from werkzeug.test import TestResponse

from models import (
    binding,
    complaints,
    conversations,
    inbox,
    outbox,
    points,
    subscribers,
)  # fmt: skip
from models import desk as desk_model
from models.base import Tx
from models.conversations import Conversation
from models.draws import drawing, publishing
from models.subscribers import Subscriber
from tests.handlers.console.conftest import Browser, Console, OpenConsole
from tests.models import draws
from tests.models.operators import COMMAND

EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
ESCAPED = "&lt;script&gt;alert(1)&lt;/script&gt;"
_numbers = count(1)
LATER = date(2039, 12, 31)


@dataclass
class Desk:
    """Somebody of customer service, and what they can do at the desk."""

    console: Console
    browser: Browser

    def newcomer(self, *, wechat: bool = False, have: int = 0) -> Subscriber:
        """Somebody with a number nobody else has; with WeChat heard just now; with points."""
        number, now = next(_numbers), self.console.clock()

        def make(tx: Tx) -> Subscriber:
            who = subscribers.lock(tx, "sms", f"+86137{number:08d}", now)
            if wechat:
                alone = subscribers.lock(tx, "wechat", f"openid-{number}", now)
                tx.exec_driver_sql(
                    "UPDATE subscriber_addresses SET open_until = %s WHERE address = %s",
                    (now + subscribers.AFTER_MESSAGE, f"openid-{number}"),
                )
                who = binding.bind(tx, alone, str(who.msisdn), origin="t", now=now)
            if have:
                cause = points.Cause(f"have:{number}", "seed", "sms", "tests")
                points.issue(
                    tx, who, kind=points.PROMOTIONAL, points=have, expires_on=LATER, cause=cause,
                    now=now,
                )  # fmt: skip
            return who

        return self.console.circle.store.run(make)

    def run(self, work: Any) -> Any:
        return self.console.circle.store.run(work)

    def find(self, typed: str) -> str:
        answer = self.browser.send("/console/subscribers", q=typed)
        assert answer.status_code == 200, answer.text[:500]
        return answer.text

    def page(self, who: Subscriber, more: str = "") -> str:
        return self.browser.page(f"/console/subscribers/{who.id}{more}")

    def does(self, who: Subscriber, act: str, **fields: str) -> TestResponse:
        return self.browser.send(f"/console/subscribers/{who.id}/{act}", **fields)

    def audited(self, action: str) -> list[tuple[Any, ...]]:
        return self.console.rows(
            "SELECT subject, after ->> 'found', reason FROM audit_entries WHERE action = %s"
            " ORDER BY id DESC", action,
        )  # fmt: skip


@pytest.fixture
def desk(console: Console) -> Iterator[Desk]:
    yield Desk(console, console.as_("service"))
    with console.circle.store.begin() as tx:  # the next test has its own hour
        tx.exec_driver_sql("DELETE FROM operator_quotas")


# -- finding ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "form", ["{n}", "86{n}", "+86 {n}", "0086-{n}", "１{wide}", "{n3} {n7}", " {n} "]
)
def test_a_number_is_found_in_every_form(desk: Desk, form: str) -> None:
    who = desk.newcomer()
    bare = str(who.msisdn)[3:]
    wide = bare[1:].translate({ord(str(n)): chr(0xFF10 + n) for n in range(10)})
    seen = desk.find(form.format(n=bare, wide=wide, n3=bare[:3], n7=bare[3:]))
    assert f"/console/subscribers/{who.id}" in seen
    assert f"137****{bare[-4:]}" in seen
    assert bare not in seen.replace(f'value="{form}', "").split('id="found"')[1]


def test_people_are_found_by_a_transfer_a_complaint_and_their_own_number(desk: Desk) -> None:
    giver, taker = desk.newcomer(have=50), desk.newcomer()
    now = desk.console.clock()
    made = desk.run(
        lambda tx: points.transfer(
            tx, payer=giver, payee=taker, points=5, now=now,
            cause=points.Cause(f"g{giver.id}", "gift", "sms", "t"),
        )
    )  # fmt: skip
    complaint = desk.run(
        lambda tx: complaints.open_one(
            tx, person=taker.id, category="other", words="?", by="li", channel="console",
            lasts=timedelta(hours=1), now=now,
        )
    )  # fmt: skip
    for typed in (str(made.serial), f"流水号：{made.serial}", f"L{made.serial}"):
        seen = desk.find(typed)
        assert f"/console/subscribers/{giver.id}" in seen, typed
        assert f"/console/subscribers/{taker.id}" in seen, typed
    for typed in (f"TS{complaint.number}", f"ts {complaint.number}", f"投诉{complaint.number}"):
        assert f"/console/subscribers/{taker.id}" in desk.find(typed), typed
    for typed in (f"#{giver.id}", str(giver.id)):
        assert f"/console/subscribers/{giver.id}" in desk.find(typed), typed


@pytest.mark.parametrize("typed", ["", "张三", "12 34 x", "1" * 19, "9" * 61, "'; DROP TABLE x"])
def test_what_is_no_number_is_said_so_and_kept(desk: Desk, typed: str) -> None:
    answer = desk.browser.send("/console/subscribers", q=typed)
    assert answer.status_code == 400
    assert "q-error" in answer.text


@pytest.mark.parametrize("typed", ["#0", "0", "#999999999", "L5", "TS99999999", "13700999999"])
def test_nobody_is_found_without_an_error(desk: Desk, typed: str) -> None:
    assert "/console/subscribers/" not in desk.find(typed).split('id="found"')[1]


def test_a_number_that_is_nobodys_is_answered_like_one_that_is_somebodys(desk: Desk) -> None:
    """The same page, the same entry in the audit, the same count."""
    who = desk.newcomer()
    known = desk.browser.send("/console/subscribers", q=str(who.msisdn))
    unknown = desk.browser.send("/console/subscribers", q="+8613700888888")
    assert known.status_code == unknown.status_code == 200
    for seen in (known.text, unknown.text):
        assert 'id="found"' in seen
    assert [entry[:2] for entry in desk.audited("subscriber.find")[:2]] == [
        ("search:number", "0"), (f"subscriber:{who.id}", "1"),
    ]  # fmt: skip
    assert desk.console.rows("SELECT times FROM operator_quotas WHERE what = 'search'") == [(2,)]
    left = desk.console.rows("SELECT 1 FROM audit_entries WHERE after::text ~ '[0-9]{11}'")
    assert left == []


def test_looking_for_numbers_ends_with_the_hour(open_console: OpenConsole) -> None:
    console = open_console(DESK__NUMBER_SEARCHES_AN_HOUR="3")
    desk = Desk(console, console.as_("service", another=True))
    who = desk.newcomer()
    for number in ("13700777771", "13700777772", str(who.msisdn)):
        desk.find(number)
    refused = desk.browser.send("/console/subscribers", q=str(who.msisdn))
    assert (refused.status_code, f"/console/subscribers/{who.id}" in refused.text) == (400, False)
    assert desk.audited("subscriber.find")[0][0] == "search:number"
    assert f"/console/subscribers/{who.id}" in desk.find(f"#{who.id}")
    console.clock.advance(hours=1)
    desk.browser = console.as_("service", another=True)  # the session has idled away
    assert f"/console/subscribers/{who.id}" in desk.find(str(who.msisdn))


# -- looking ---------------------------------------------------------------------------------------


def test_what_somebody_writes_never_becomes_markup(desk: Desk) -> None:
    """XSS through a subscriber's message, our own reply, a note and a complaint."""
    who, now = desk.newcomer(), desk.console.clock()

    def write(tx: Tx) -> int:
        inbox.keep(
            tx, key=f"evil{who.id}", channel="sms", kind="text", subscriber_id=who.id, said=EVIL,
            reply={"text": EVIL}, now=now,
        )  # fmt: skip
        outbox.owe(tx, subscriber_id=who.id, kind="sms", now=now,
                   payload={"to": who.msisdn, "text": EVIL})  # fmt: skip
        conversations.store(
            tx,
            Conversation(
                who.id, "join_club", "sms", now, state="asking", expires_at=now,
                question={"key": "no.such.text" + EVIL, "values": {}},
            ),
        )  # fmt: skip
        return complaints.open_one(
            tx, person=who.id, category="other", words=EVIL, by=EVIL[:60], channel="sms",
            lasts=timedelta(hours=1), now=now,
        ).number  # fmt: skip

    number = desk.run(write)
    desk.browser.send(
        f"/console/subscribers/{who.id}/notes", form_from=f"/console/subscribers/{who.id}",
        words=EVIL,
    )  # fmt: skip
    seen = desk.page(who)
    assert seen.count(ESCAPED) >= 5
    for page in (seen, desk.browser.page(f"/console/complaints/{number}"),
                 desk.browser.page("/console/complaints")):  # fmt: skip
        assert ESCAPED in page
        assert "<script>alert" not in page
        assert "<img src=x" not in page


def test_numbers_and_codes_are_not_shown_whatever_people_write(desk: Desk) -> None:
    who, now = desk.newcomer(), desk.console.clock()
    told = ("我的号码 138 0013 8000", "打１３９００１３９０００", "+86-137-0000-0000找我", "654321")

    def write(tx: Tx) -> None:
        for number, words in enumerate(told):
            inbox.keep(
                tx, key=f"n{who.id}:{number}", channel="sms", kind="text", subscriber_id=who.id,
                said=words, reply={"text": ""}, now=now,
            )  # fmt: skip
        outbox.owe(tx, subscriber_id=who.id, kind="sms", now=now,
                   payload={"to": who.msisdn, "text": "验证码 918273", "secret": True})  # fmt: skip

    desk.run(write)
    seen = desk.page(who)
    assert "138****8000" in seen
    for whole in ("138 0013", "13800138", "１３９００１", "654321", "918273", str(who.msisdn)[3:]):
        assert whole not in seen, whole


def test_the_number_is_shown_once_for_a_reason_and_the_audit_has_it(desk: Desk) -> None:
    who = desk.newcomer()
    bare = str(who.msisdn)[3:]
    assert bare not in desk.page(who)
    assert desk.does(who, "number", reason=" ").status_code == 400
    shown = desk.does(who, "number", reason="回电")
    assert (shown.status_code, bare in shown.text) == (200, True)
    assert shown.headers["Cache-Control"] == "no-store"
    assert bare not in desk.page(who)
    assert desk.audited("subscriber.unmask") == [(f"subscriber:{who.id}", None, "回电")]


def test_whole_numbers_end_with_the_hour(open_console: OpenConsole) -> None:
    console = open_console(DESK__NUMBERS_SHOWN_AN_HOUR="2")
    desk = Desk(console, console.as_("service", another=True))
    people = [desk.newcomer() for _ in range(3)]
    answers = [desk.does(who, "number", reason="回电") for who in people]
    assert [answer.status_code for answer in answers] == [200, 200, 400]
    assert str(people[2].msisdn)[3:] not in answers[2].text


def test_a_timeline_is_paged_to_its_end(desk: Desk) -> None:
    who, now = desk.newcomer(), desk.console.clock()

    def write(tx: Tx) -> None:
        for number in range(70):
            inbox.keep(
                tx, key=f"p{who.id}:{number}", channel="sms", kind="text", subscriber_id=who.id,
                said=f"第{number}句", reply={"text": ""}, now=now + timedelta(seconds=number),
            )  # fmt: skip

    desk.run(write)
    seen, path = [], f"/console/subscribers/{who.id}?group=messages"
    while path:
        page = desk.browser.page(path)
        seen += re.findall(r"第(\d+)句", page)
        older = re.search(r'rel="next" href="([^"]+)"', page)
        path = older[1].replace("&amp;", "&") if older else ""
    assert [int(one) for one in seen] == list(range(69, -1, -1))


@pytest.mark.parametrize("more", ["?group=x", "?before=x", "?before=1.99.x", "?before=1.1.'--"])
def test_an_address_that_none_of_our_pages_has_is_not_found(desk: Desk, more: str) -> None:
    who = desk.newcomer()
    assert desk.browser.get(f"/console/subscribers/{who.id}{more}").status_code == 404


@pytest.mark.parametrize("number", ["0", "999999999", "99999999999999999999"])
def test_there_is_no_page_of_the_house_or_of_nobody(desk: Desk, number: str) -> None:
    assert desk.browser.get(f"/console/subscribers/{number}").status_code == 404


# -- acting ----------------------------------------------------------------------------------------


def test_a_text_goes_by_wechat_in_its_window_and_else_by_sms(desk: Desk) -> None:
    for wechat, kind, text in ((True, "wechat", "您好"), (False, "sms", "【和生活圈】您好")):
        who = desk.newcomer(wechat=wechat)
        answer = desk.does(who, "message", words="您好")
        assert "✓" in desk.browser.follow(answer)
        owed = "SELECT kind, payload ->> 'text', category FROM outbox WHERE subscriber_id = %s"
        assert desk.console.rows(owed, who.id) == [(kind, text, "answer")]
        again = desk.does(who, "message", words="您好")
        assert (again.status_code, "您好" in again.text) == (400, True)


def test_the_length_of_a_text_and_its_segments_are_told(desk: Desk) -> None:
    who = desk.newcomer()
    path = f"/console/subscribers/{who.id}/message"
    told = desk.browser.send(f"{path}/size", form_from=path, words="长" * 70).text
    assert "70 字" in told
    assert "2 条" in told
    assert desk.does(who, "message", words="长" * 301).status_code == 400


def test_a_block_is_asked_for_done_and_undone(desk: Desk) -> None:
    who = desk.newcomer()
    assert desk.does(who, "block", reason="", do="block").status_code == 400
    assert "已封停" in desk.browser.follow(desk.does(who, "block", reason="骚扰", do="block"))
    assert "已经是这样了" in desk.browser.follow(desk.does(who, "block", reason="x", do="block"))
    assert desk.does(who, "message", words="您好").status_code == 400
    assert "正常" in desk.browser.follow(desk.does(who, "block", reason="误会", do="unblock"))


def test_a_merge_shows_the_other_person_before_it_is_done(desk: Desk) -> None:
    target, now = desk.newcomer(have=3), desk.console.clock()
    alone = desk.run(lambda tx: subscribers.lock(tx, "wechat", f"alone-{target.id}", now))
    asked = desk.does(alone, "merge", into=str(target.msisdn), reason="本人")
    assert (asked.status_code, f'name="sure" value="{target.id}"' in asked.text) == (200, True)
    assert str(target.msisdn)[3:] not in asked.text.split('id="into"')[0]
    forged = desk.does(alone, "merge", into=f"#{target.id}", reason="本人", sure="1001")
    assert forged.status_code == 200
    assert desk.console.rows("SELECT status FROM subscribers WHERE id = %s", alone.id) == [
        ("active",)
    ]
    done = desk.does(alone, "merge", into=f"#{target.id}", reason="本人", sure=str(target.id))
    assert f"#{alone.id}" in desk.browser.follow(done)
    moved = desk.browser.get(f"/console/subscribers/{alone.id}")
    assert (moved.status_code, moved.location) == (303, f"/console/subscribers/{target.id}")


def test_wechat_is_unbound_and_the_number_stays(desk: Desk) -> None:
    who = desk.newcomer(wechat=True)
    seen = desk.browser.follow(desk.does(who, "unbind", reason="换手机"))
    assert "没有绑定" in seen
    assert desk.run(lambda tx: subscribers.get(tx, who.id)).msisdn == who.msisdn


def test_an_open_question_is_shown_and_ended(desk: Desk) -> None:
    who, now = desk.newcomer(), desk.console.clock()
    talk = Conversation(
        who.id, "join_club", "sms", now, state="asking", expires_at=now + timedelta(hours=1),
        question={"key": "common.say_yes_or_no", "values": {}},
    )  # fmt: skip
    desk.run(lambda tx: conversations.store(tx, talk))
    assert "正在问用户" in desk.page(who)
    answer = desk.does(who, f"questions/{talk.id}", reason="问错了")
    assert "正在问用户" not in desk.browser.follow(answer)
    assert desk.browser.get(f"/console/subscribers/{who.id}/questions/{talk.id}").status_code == 404


def test_a_complaint_is_opened_handled_and_in_the_list(desk: Desk) -> None:
    who, other = desk.newcomer(have=9), desk.newcomer(have=9)
    (theirs,) = desk.console.rows(
        "SELECT serial FROM points_legs WHERE payee_id = %s", other.id
    )[0]  # fmt: skip
    fields = {"category": "points", "words": "少了\r\n三分"}
    assert desk.does(who, "complaint", serial="x", **fields).status_code == 400
    wrong = desk.does(who, "complaint", serial=str(theirs), **fields)
    assert (wrong.status_code, "三分" in wrong.text) == (400, True)
    opened = desk.does(who, "complaint", serial="", **fields)
    path = opened.location
    assert "已受理" in desk.browser.follow(opened)
    assert path.rpartition("/")[2] in desk.browser.page("/console/complaints?category=points")
    assert desk.browser.send(path, do="received", words="x").status_code == 400
    assert desk.browser.send(path, do="nowhere", words="x").status_code == 400
    nobody = desk.browser.send(path, do="with_merchant", words="问商户", merchant="nobody")
    assert (nobody.status_code, "商户代码" in nobody.text) == (400, True)
    assert "商户处理中" in desk.browser.follow(
        desk.browser.send(path, do="with_merchant", words="问商户", merchant="jinxiu")
    )
    assert "判定" not in desk.browser.follow(desk.browser.send(path, do="upheld", words="属实"))
    assert path.rpartition("/")[2] not in desk.browser.page("/console/complaints")


def test_all_that_happens_to_a_complaint_is_on_the_timeline_in_words(desk: Desk) -> None:
    who, now = desk.newcomer(), desk.console.clock()
    opened = desk.does(who, "complaint", serial="", category="merchant", words="没洗")
    number = int(opened.location.rpartition("/")[2])
    events = (
        ("answered", "那天停水", "jinxiu:dian"), ("reminded", "快到期", "clock"),
        ("paid", "refund 300, goodwill 100", "shenpi"),
    )  # fmt: skip
    for what, words, by in events:
        desk.run(lambda tx, a=what, b=words, c=by: complaints.note(
            tx, number, words=b, by=c, now=now, what=a))  # fmt: skip
    for page in (f"/console/subscribers/{who.id}", f"/console/complaints/{number}"):
        seen = desk.browser.page(page)
        assert "商户 jinxiu:dian" in seen
        assert "退回 300 分，补偿 100 分" in seen
        assert "goodwill" not in seen


def test_a_reversal_is_proposed_and_another_person_approves(desk: Desk) -> None:
    who, now = desk.newcomer(have=30), desk.console.clock()
    cause = points.Cause(f"spend{who.id}", "redeem", "sms", "t")
    serial = desk.run(
        lambda tx: points.spend(tx, who, points=12, into="spent", cause=cause, now=now)
    ).serial
    other = desk.newcomer()
    assert desk.browser.get(f"/console/subscribers/{other.id}/reversal/{serial}").status_code == 404
    assert "已申请撤销" in desk.browser.follow(
        desk.does(who, f"reversal/{serial}", reason="券坏了")
    )
    assert desk.does(who, f"reversal/{serial}", reason="再来").status_code == 400
    (number,) = desk.console.rows("SELECT max(id) FROM approval_proposals")[0]
    own = desk.browser.send(f"/console/approvals/{number}", do="approve", because="")
    assert own.status_code == 403
    approver = desk.console.as_("approver")
    assert str(serial) in approver.page(f"/console/approvals/{number}")
    done = approver.send(f"/console/approvals/{number}", do="approve", because="")
    assert "已通过" in approver.follow(done)
    assert "已撤销" in desk.page(who)
    assert desk.run(
        lambda tx: points.balance(tx, who, now=now, expiring_days=30)
    ).total == 30  # fmt: skip


def test_what_cannot_be_undone_any_more_is_told_and_the_proposal_waits(desk: Desk) -> None:
    giver, taker = desk.newcomer(have=30), desk.newcomer()
    now = desk.console.clock()

    def give(tx: Tx) -> int:
        made = points.transfer(
            tx, payer=giver, payee=taker, points=12, now=now,
            cause=points.Cause(f"gift{giver.id}", "gift", "sms", "t"),
        )  # fmt: skip
        points.spend(
            tx, taker, points=10, into="spent", now=now,
            cause=points.Cause(f"gone{giver.id}", "redeem", "sms", "t"),
        )  # fmt: skip
        return made.serial

    serial = desk.run(give)
    desk.does(giver, f"reversal/{serial}", reason="转错人")
    (number,) = desk.console.rows("SELECT max(id) FROM approval_proposals")[0]
    refused = desk.console.as_("approver").send(
        f"/console/approvals/{number}", do="approve", because=""
    )
    assert (refused.status_code, "2 分" in refused.text) == (400, True)
    state = "SELECT state FROM approval_proposals WHERE id = %s"
    assert desk.console.rows(state, number) == [("proposed",)]


# -- who may not -----------------------------------------------------------------------------------

ACTS = (
    "", "/number", "/message", "/message/size", "/block", "/unbind", "/merge", "/complaint",
    "/notes", "/questions/1", "/reversal/1",
)  # fmt: skip


@pytest.mark.parametrize("role", ["operations", "approver", "analyst", "administrator"])
def test_other_roles_see_nobody_and_do_nothing(desk: Desk, role: str) -> None:
    who = desk.newcomer(have=5)
    other = desk.console.as_(role)
    key = other.form_key("/console")
    paths = [f"/console/subscribers/{who.id}{act}" for act in ACTS]
    for path in ("/console/subscribers", *paths, "/console/complaints", "/console/complaints/1"):
        answer = other.post(path, {"form_key": key, "q": "x", "reason": "x", "words": "x"})
        assert answer.status_code in (403, 404), path
        if not path.endswith(("/size", "/notes")):
            assert other.get(path).status_code == 403, path
    assert (
        desk.console.rows("SELECT 1 FROM audit_entries WHERE subject = %s", f"subscriber:{who.id}")
        == []
    )


def test_a_form_of_another_site_changes_nothing(desk: Desk) -> None:
    who = desk.newcomer()
    answer = desk.browser.post(
        f"/console/subscribers/{who.id}/block", {"reason": "x", "do": "block", "form_key": "x"}
    )
    assert answer.status_code == 403
    assert desk.run(lambda tx: subscribers.get(tx, who.id)).status == "active"


def test_forged_fields_change_nothing_else(desk: Desk) -> None:
    """Fields that the form does not have are not read: neither who, nor as whom, nor when."""
    who, other = desk.newcomer(), desk.newcomer()
    desk.does(
        who, "block", reason="骚扰", do="block", number=str(other.id), subscriber_id=str(other.id),
        by="admin", role="administrator", now="2000-01-01",
    )  # fmt: skip
    assert desk.run(lambda tx: subscribers.get(tx, other.id)).status == "active"
    (login, role) = desk.console.rows(
        "SELECT login, role FROM audit_entries WHERE action = 'subscriber.block'"
        " ORDER BY id DESC LIMIT 1"
    )[0]  # fmt: skip
    assert (login, role) == (desk.browser.operator.login, "service")  # type: ignore[union-attr]
    assert desk.does(who, "block", reason="x", do="drop").status_code == 400


def test_with_somebody_who_was_deleted_nothing_is_done_any_more(desk: Desk) -> None:
    who = desk.newcomer()
    acts = ("message", "complaint", "block", "unbind", "merge", "notes")
    assert "受理投诉" in desk.page(who)
    with desk.console.circle.store.begin() as tx:
        tx.exec_driver_sql("DELETE FROM subscriber_addresses WHERE subscriber_id = %s", (who.id,))
        tx.exec_driver_sql("UPDATE subscribers SET status = 'deleted' WHERE id = %s", (who.id,))
    page = desk.page(who)
    assert "已删除" in page
    for words in ("发消息", "受理投诉", "封停", "保存备注", "并入一个号码", "解除微信绑定"):
        assert words not in page, words
    assert "个人信息" in page
    for act in acts:
        path = f"/console/subscribers/{who.id}/{act}"
        sent = desk.browser.forge(path, words="x", reason="x", do="block", category="other")
        assert sent.status_code == 404, act
    with pytest.raises(desk_model.NoSuchPerson):
        desk.run(
            lambda tx: desk_model.block(
                tx, who.id, by=COMMAND, reason="x", now=desk.console.clock()
            )
        )


def test_the_timeline_says_what_somebody_drew_and_won(desk: Desk) -> None:
    circle, now = desk.console.circle, desk.console.clock()
    who = desk.newcomer()
    terms = draws.terms(
        draws.prize("kettle", 1_000_000, 9, kind="parcel", title="电热水壶", per_person=1),
        code="desk", free_a_day=2, window={"from": now.date(), "until": now.date()},
    )  # fmt: skip

    def twice(tx: Tx) -> None:
        publishing.publish(tx, terms, circle.seeds, author="tests", note="test", now=now)
        for key in ("first", "second"):
            drawing.draw(
                tx, who, "desk", key=key, channel="sms", seeds=circle.seeds, now=now, at_most=0
            )

    desk.run(twice)
    seen = desk.page(who, "?group=draws")
    assert "试抽：抽中 电热水壶" in seen
    assert "等用户填地址" in seen
    assert "试抽：没有抽中" in seen
    assert "免费 · 流水号 CJ" in seen
