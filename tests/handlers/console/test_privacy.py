"""A copy for a person, and their deletion, through the console: who may, and what is left."""

from __future__ import annotations

import io
import re
import zipfile
from datetime import date, timedelta
from itertools import count

import pytest

from handlers.console import person_words
from models import clubs, points, subscribers
from models.base import Tx
from models.points import holds
from models.subscribers import Subscriber
from tests.handlers.console.conftest import Console

FAR = date(2030, 12, 31)
REASON = "到营业厅申请，受理单 7"
_numbers = count(1)


@pytest.fixture
def li(console: Console) -> Subscriber:
    """Somebody with points and a club."""
    now = console.clock()

    def make(tx: Tx) -> Subscriber:
        who = subscribers.lock(tx, "sms", f"+8613677{next(_numbers):06d}", now)
        points.issue(
            tx, who, kind=points.CONSUMPTION, points=70, expires_on=FAR,
            cause=points.Cause(f"p{who.id}", "test", "sms", "tests"), now=now,
        )  # fmt: skip
        clubs.join(tx, who, "film", origin="test", now=now)
        return who

    return console.circle.store.run(make)


def test_the_page_of_what_is_stored_names_every_table_and_period(console: Console) -> None:
    page = console.as_("administrator").page("/console/privacy")
    assert "subscriber_addresses" in page
    assert "privacy.consents_days" in page
    assert console.as_("operations").get("/console/privacy").status_code == 403


def test_customer_service_gives_a_copy_and_it_is_noted(console: Console, li: Subscriber) -> None:
    service = console.as_("service")
    path = f"/console/privacy/subscribers/{li.id}"
    assert "136****" in service.page(path)
    assert (li.msisdn or "?") not in service.page(path)
    empty = service.send(f"{path}/copy", form_from=path, reason=" ")
    assert empty.status_code == 400
    named = service.send(f"{path}/copy", form_from=path, reason=f"{li.msisdn} 打电话来")
    assert "请不要写手机号" in named.text
    answer = service.send(f"{path}/copy", form_from=path, reason=REASON)
    assert answer.mimetype == "application/zip"
    archive = zipfile.ZipFile(io.BytesIO(answer.data))
    answer.close()
    assert (li.msisdn or "?").encode() in archive.read("data/addresses.json")
    query = "SELECT action, reason FROM audit_entries WHERE subject = %s ORDER BY id"
    assert console.rows(query, f"subscriber:{li.id}") == [
        ("subscriber.see", ""), ("privacy.export", REASON),
    ]  # fmt: skip


def test_nobody_takes_the_copies_of_everybody(console: Console, li: Subscriber) -> None:
    path = f"/console/privacy/subscribers/{li.id}"
    console.clock.advance(hours=1)  # what the others took is over
    service = console.as_("service")
    taken = []
    for _ in range(11):
        with service.send(f"{path}/copy", form_from=path, reason=REASON) as answer:
            taken.append(answer.status_code)
    assert taken == [200] * 10 + [429]
    unknown = service.send("/console/privacy/subscribers/999999/copy", form_from=path, reason="x")
    assert unknown.status_code == 404


@pytest.mark.parametrize("role", ["operations", "approver", "analyst", "administrator"])
def test_nobody_else_gets_a_copy(console: Console, li: Subscriber, role: str) -> None:
    other = console.as_(role)
    path = f"/console/privacy/subscribers/{li.id}"
    assert other.get(path).status_code == 403
    sent = other.send(f"{path}/copy", form_from="/console", reason=REASON)
    assert sent.status_code == 403


def propose(console: Console, person: int) -> int:
    service = console.as_("service")
    path = f"/console/privacy/subscribers/{person}/deletion"
    answer = service.send(path, reason=REASON, sure="yes")
    assert answer.status_code == 303, answer.text
    found = re.search(r"/approvals/([0-9]+)$", answer.location)
    assert found
    return int(found[1])


def test_a_deletion_is_proposed_by_one_and_approved_by_another(
    console: Console, li: Subscriber
) -> None:
    service = console.as_("service")
    path = f"/console/privacy/subscribers/{li.id}/deletion"
    assert "请确认已核对本人身份" in service.send(path, reason=REASON).text
    number = propose(console, li.id)
    again = service.send(path, reason=REASON, sure="yes")
    assert "已经有一份申请在等审批" in again.text
    approver = console.as_("approver")
    proposal = f"/console/approvals/{number}"
    shown = approver.page(proposal)
    assert "70" in shown
    assert "电影俱乐部" in shown
    assert "不能恢复" in shown
    done = approver.follow(approver.send(proposal, do="approve", because=""))
    assert "清零 70 积分" in done
    assert console.rows("SELECT status FROM subscribers WHERE id = %s", li.id) == [("deleted",)]
    ((payload,),) = console.rows(
        "SELECT payload FROM outbox WHERE subscriber_id = %s AND kind = 'sms'", li.id
    )
    assert payload["to"] == li.msisdn
    assert f"办理编号{li.id}" in payload["text"]
    actions = console.rows(
        "SELECT action FROM audit_entries WHERE subject = %s", f"subscriber:{li.id}"
    )
    assert ("privacy.delete",) in actions
    assert str(li.id) in service.page("/console/privacy/deletions")
    assert f">{li.id}<" in service.page(f"/console/privacy/deletions?person={li.id}")
    assert "没有符合条件的" in service.page("/console/privacy/deletions?person=1")
    assert service.get("/console/privacy/deletions?person=x").status_code == 400
    assert "按本人要求删除" in service.page(f"/console/privacy/subscribers/{li.id}")


def test_who_proposed_does_not_approve_whatever_the_form_says(
    console: Console, li: Subscriber
) -> None:
    number = propose(console, li.id)
    service = console.as_("service")
    sent = service.send(f"/console/approvals/{number}", do="approve", because="")
    assert sent.status_code in (400, 403)
    assert console.rows("SELECT status FROM subscribers WHERE id = %s", li.id) == [("active",)]


def test_what_is_not_finished_is_said_before_and_at_the_approval(
    console: Console, li: Subscriber
) -> None:
    number = propose(console, li.id)
    now = console.clock()
    cause = points.Cause(f"h{li.id}", "order", "sms", "tests")
    console.circle.store.run(
        lambda tx: holds.hold(tx, li, points=5, lasts=timedelta(hours=1), cause=cause, now=now)
    )
    approver = console.as_("approver")
    refused = approver.send(f"/console/approvals/{number}", do="approve", because="")
    assert refused.status_code == 400
    assert "有 5 分正预留着" in refused.text
    assert console.rows("SELECT state FROM approval_proposals WHERE id = %s", number) == [
        ("proposed",)
    ]
    service = console.as_("service")
    path = f"/console/privacy/subscribers/{li.id}/deletion"
    assert "有 5 分正预留着" in service.page(path)
    sent = service.send(path, form_from="/console/privacy/subscribers/" + str(li.id),
                        reason=REASON, sure="yes")  # fmt: skip
    assert sent.status_code == 400


def test_nobody_and_the_house_have_no_page(console: Console) -> None:
    service = console.as_("service")
    for number in (0, 987654321):
        assert service.get(f"/console/privacy/subscribers/{number}").status_code == 404
        assert service.get(f"/console/privacy/subscribers/{number}/deletion").status_code == 404


def test_what_is_done_with_personal_data_has_words_in_the_timeline() -> None:
    done = {"privacy.export", "privacy.propose", "privacy.delete"}
    assert done <= person_words.ACTIONS.keys()
