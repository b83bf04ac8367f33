"""The console's side of settlement: statements, accounts, payments by two people, work lists."""

from __future__ import annotations

import csv
import io
import re
from datetime import timedelta

import pytest

from models.settlement import reconciling
from models.settlement.reconciling import Theirs
from models.settlement.statements import Statement
from tests.handlers.console.conftest import Browser, Console
from tests.settled import sell, state_all

NUMBER = "6217000012345678"
ACCOUNT = {
    "holder": "成都锦绣理发店", "bank": "中国银行成都分行", "number": NUMBER, "again": NUMBER,
    "reason": "合同 2026-7",
}  # fmt: skip


@pytest.fixture(scope="module")
def stated(console: Console) -> Statement:
    """A statement of the barber's over 68.02 yuan."""
    with console.circle.store.begin() as tx:
        sell(tx, at=console.clock() - timedelta(days=45), count=2)
    made = state_all(console.circle.store, console.clock())
    return next(one for one in made if one.lines)


def _propose(operations: Browser, one: Statement) -> str:
    answer = operations.send(
        "/console/payments/propose", form_from=f"/console/payments?through={one.last}",
        through=one.last, reason="三月",
    )  # fmt: skip
    assert answer.status_code == 303, answer.text
    return str(answer.location)


def test_statements_are_listed_searched_and_shown_with_their_lines(
    console: Console, stated: Statement
) -> None:
    analyst = console.as_("analyst")
    page = analyst.page(f"/console/settlement?merchant=jinxiu&last={stated.last}")
    assert "68.02" in page
    page = analyst.page(f"/console/settlement/{stated.id}")
    assert stated.digest.hex() in page
    assert "34.0085" in page
    assert "修改" not in page  # of the account, which is not theirs to change
    exported = analyst.get("/console/settlement.csv").get_data().decode("utf-8-sig")
    assert ",68.02," in exported
    file = analyst.get(f"/console/settlement/{stated.id}.csv").get_data().decode("utf-8-sig")
    assert file.count("34.0085") == 2
    assert analyst.get(f"/console/settlement/{stated.id}.exe").status_code == 404
    assert console.as_("service").get("/console/settlement").status_code == 403


def test_what_is_owed_is_paid_by_two_people_and_the_file_is_always_the_same(
    console: Console, stated: Statement
) -> None:
    operations, approver = console.as_("operations"), console.as_("approver")
    assert "没有收款账号" in operations.page(f"/console/payments?through={stated.last}")
    bad = operations.send("/console/settlement/payees/jinxiu", **(ACCOUNT | {"again": "1"}))
    assert bad.status_code == 400
    assert "两次输入的账号不一样" in bad.text
    page = operations.follow(operations.send("/console/settlement/payees/jinxiu", **ACCOUNT))
    assert "****5678" in page
    assert NUMBER not in page
    proposal = _propose(operations, stated)
    again = operations.send(
        "/console/payments/propose", form_from=f"/console/payments?through={stated.last}",
        through=stated.last, reason="again",
    )  # fmt: skip
    assert again.status_code == 400
    assert operations.send(proposal, do="approve", because="").status_code in (400, 403)
    assert "新账号" in approver.page(proposal)
    approver.follow(approver.send(proposal, do="approve", because=""))
    ((number,),) = console.rows("SELECT id FROM settlement_payments")
    path = f"/console/payments/{number}"
    page = operations.page(path)
    assert "68.02" in page
    assert NUMBER not in page
    first, second = (
        operations.send(f"{path}.csv", form_from=path).get_data() for _ in range(2)
    )  # fmt: skip
    assert first == second
    head, line = list(csv.reader(io.StringIO(first.decode("utf-8-sig"))))
    assert dict(zip(head, line, strict=True)) == {
        "付款单": str(number), "商户代码": "jinxiu", "商户名称": "锦绣理发",
        "收款户名": "成都锦绣理发店", "开户行": "中国银行成都分行", "收款账号": NUMBER,
        "金额（元）": "68.02", "结算单": str(stated.id),
    }  # fmt: skip
    assert approver.forge(f"{path}.csv").status_code == 403
    operations.follow(operations.send(f"{path}/paid", form_from=path, note="回单 88"))
    assert "别人已经记过" in operations.follow(operations.forge(f"{path}/paid", note="回单 89"))
    assert console.rows("SELECT paid_note FROM settlement_payments") == [("回单 88",)]
    kept = console.rows("SELECT coalesce(before::text, '') || coalesce(after::text, '') || reason"
                        " FROM audit_entries")  # fmt: skip
    assert not [entry for (entry,) in kept if NUMBER in entry]
    actions = {action for (action,) in console.rows("SELECT action FROM audit_entries")}
    assert actions >= {"settlement.payee", "payments.make", "payments.file", "payments.paid"}


def test_an_account_that_changed_after_the_proposal_stops_the_payment(
    console: Console, stated: Statement
) -> None:
    console.clock.advance(days=40)
    with console.circle.store.begin() as tx:
        sell(tx, at=console.clock() - timedelta(days=35))
    later = next(one for one in state_all(console.circle.store, console.clock()) if one.lines)
    operations, approver = console.as_("operations"), console.as_("approver")
    proposal = _propose(operations, later)
    other = "1111222233334444"
    operations.send(
        "/console/settlement/payees/jinxiu", **(ACCOUNT | {"number": other, "again": other})
    )
    refused = approver.send(proposal, do="approve", because="")
    assert "请重新提出" in refused.text
    assert console.rows("SELECT count(*) FROM settlement_payments") == [(1,)]


def test_a_work_list_is_worked_off_by_operations_alone(console: Console, stated: Statement) -> None:
    with console.circle.store.begin() as tx:
        found = reconciling.reconcile(
            tx, merchant="jinxiu", first=stated.first, last=stated.last, file_name="<b>x",
            theirs=[Theirs(2, 77, 100)], by="owner", now=console.clock(),
        )  # fmt: skip
    path = f"/console/reconciliations/{found.id}"
    operations = console.as_("operations")
    assert "&lt;b&gt;x" in operations.page("/console/reconciliations?merchant=jinxiu")
    assert operations.page(path).count("写明原因并结束") == 3
    assert operations.send(path, no="1", why="").status_code == 400
    page = operations.follow(operations.send(path, no="1", why="查过了"))
    assert page.count("写明原因并结束") == 2
    assert not re.search("写明原因并结束", console.as_("approver").page(path))
    assert console.as_("approver").forge(path, no="2", why="x").status_code == 403
    operations.send("/console/language", form_from="/console", language="en", back="/console")
    assert "Explain and close" in operations.page(path)
