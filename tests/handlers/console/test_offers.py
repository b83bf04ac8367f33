"""Offers at the console: edited, sent back, proposed, and live after somebody else has approved."""

from __future__ import annotations

import re
from dataclasses import replace

from models.base import Tx
from models.offers import stock, uploads
from models.offers.agreed import Terms
from models.offers.uploads import Upload
from tests.handlers.console.conftest import Browser, Console
from tests.models.partners import BY

TERMS = Terms("烫发一次", "service", 3000, 19800, about="短发；长发另加")
FORM = {
    "title": "烫发一次", "kind": "service", "face": "198", "points": "3000", "pays": "85",
    "weekdays": "每天", "hours": "全天", "valid": "30", "refunds": "是",
}  # fmt: skip


def uploaded(console: Console, terms: Terms = TERMS, merchant: str = "jinxiu") -> str:
    now, key = console.clock(), str(console.rows("SELECT count(*) FROM offers"))
    return console.circle.store.run(
        lambda tx: uploads.upload(tx, merchant, terms, key=key, by=BY, now=now)
    ).code


def confirmed(console: Console, code: str) -> Upload:
    now = console.clock()

    def work(tx: Tx) -> Upload:
        found = uploads.get(tx, code)
        if found.state == "uploaded":
            found = uploads.edit(tx, code, found.terms, by=BY, now=now)
        return uploads.confirm(tx, code, edition=found.edition, events=found.events, by=BY, now=now)

    return console.circle.store.run(work)


def proposed(operator: Browser, code: str) -> str:
    """The address of the proposal to put it live."""
    path = f"/console/offers/{code}"
    answer = operator.send(f"{path}/propose", form_from=path, reason="年货节")
    assert answer.status_code == 303, answer.text
    return str(answer.location)


def state(console: Console, code: str) -> str:
    return str(console.rows("SELECT state FROM offers WHERE code = %s", code)[0][0])


def test_what_is_edited_and_confirmed_goes_live_after_another_has_approved(
    console: Console,
) -> None:
    code = uploaded(console)
    operator, approver = console.as_("operations"), console.as_("approver")
    path = f"/console/offers/{code}"
    assert "烫发一次" in operator.page("/console/offers?state=uploaded")
    answer = operator.send(f"{path}/edit", **{**FORM, "points": "2800", "pays": "80"})
    page = operator.follow(answer)
    assert re.search(r"积分：<del>3,000 分</del> → <ins>2,800 分</ins>", page)
    assert re.search(r"结算比例：<del>85%</del> → <ins>80%</ins>", page)
    assert operator.send(f"{path}/propose", form_from=path, reason="x").status_code == 400
    confirmed(console, code)
    proposal = proposed(operator, code)
    page = approver.page(proposal)
    assert "用户看到的" in page
    assert "合 84 元；每用一份付给商户 158.4 元" in page
    seen = re.search(r'<section class="offer_seen".*?</section>', page, re.DOTALL)
    assert seen
    assert "80%" not in seen[0]
    assert "自己" in operator.forge(proposal, do="approve").text or state(console, code) != "live"
    assert state(console, code) == "confirmed"
    approver.follow(approver.send(proposal, do="approve"))
    assert state(console, code) == "live"


def test_what_was_changed_after_it_was_proposed_does_not_go_live(console: Console) -> None:
    code = uploaded(console, replace(TERMS, title="拉直"))
    operator, approver = console.as_("operations"), console.as_("approver")
    confirmed(console, code)
    proposal = proposed(operator, code)
    operator.follow(operator.send(f"/console/offers/{code}/edit", **{**FORM, "points": "1"}))
    answer = approver.send(proposal, do="approve")
    assert "在提出之后改过了" in answer.text
    assert state(console, code) == "edited"
    confirmed(console, code)
    assert "在提出之后改过了" in approver.send(proposal, do="approve").text
    assert console.rows("SELECT state FROM approval_proposals WHERE subject = %s",
                        f"offer:{code}") == [("proposed",)]  # fmt: skip


def test_it_is_sent_back_with_a_reason_that_the_merchant_reads(console: Console) -> None:
    code = uploaded(console, replace(TERMS, title="修面"))
    operator = console.as_("operations")
    path = f"/console/offers/{code}/back"
    assert "请写明原因" in operator.send(path).text
    operator.follow(operator.send(path, why="请写明是否含洗发"))
    assert state(console, code) == "sent_back"
    assert operator.get(f"/console/offers/{code}/edit").status_code == 404
    assert operator.get(path).status_code == 404


def test_live_terms_are_changed_as_a_new_edition_and_the_total_is_only_lowered(
    console: Console,
) -> None:
    operator, path = console.as_("operations"), "/console/offers/tea"
    console.circle.store.run(lambda tx: stock.set_total(tx, "tea", 50))
    same = {"title": "君山银针50克", "kind": "goods", "face": "68", "points": "2000", "pays": "95",
            "total": "50"}  # fmt: skip
    assert "没有改动" in operator.send(f"{path}/edit", **{**FORM, **same}).text
    assert "比现在的总量少" in operator.send(f"{path}/cut", why="x", total="60").text
    operator.follow(operator.send(f"{path}/cut", why="茶农减产", total="40"))
    assert console.rows("SELECT total FROM offer_stock WHERE offer_code = 'tea'") == [(40,)]
    operator.follow(operator.send(f"{path}/pause", why="质检"))
    operator.follow(operator.send(f"{path}/resume", why="合格"))
    operator.follow(operator.send(f"{path}/edit", **{**FORM, **same, "points": "1800"}))
    assert console.rows("SELECT state, edition FROM offers WHERE code = 'tea'") == [("edited", 2)]


def test_mistakes_are_said_at_their_fields(console: Console) -> None:
    code = uploaded(console, replace(TERMS, title="染眉"))
    operator = console.as_("operations")
    for typed, name, words in (
        ({"pays": "101"}, "pays", "0 到 100 的百分数"),
        ({"pays": "八五"}, "pays", "0 到 100 的百分数"),
        ({"points": ""}, "points", "的整数"),
        ({"why": "长" * 501}, "why", "最多 500 个字"),
    ):
        page = operator.send(f"/console/offers/{code}/edit", **{**FORM, **typed})
        assert page.status_code == 400
        assert re.search(rf'id="{name}-error".*?{words}', page.text), page.text


def test_a_title_with_markup_stays_text_wherever_it_is_shown(console: Console) -> None:
    bad = '<img src=x onerror="a()">'
    code = uploaded(console, replace(TERMS, title=bad, about=bad))
    operator = console.as_("operations")
    confirmed(console, code)
    pages = [
        operator.page(f"/console/offers/{code}"), operator.page("/console/offers"),
        operator.page(proposed(operator, code)), operator.page(f"/console/offers/{code}/edit"),
        operator.page(f"/console/offers/{code}/end"),
    ]  # fmt: skip
    assert all("<img src=x" not in page and "&lt;img" in page for page in pages)


def test_formulas_in_a_title_are_harmless_in_the_exported_list(console: Console) -> None:
    uploaded(console, replace(TERMS, title="=1+1"))
    body = console.as_("operations").get("/console/offers.csv?words=1%2B1").data.decode()
    assert "'=1+1" in body


def test_an_approver_changes_no_offer(console: Console) -> None:
    approver = console.as_("approver")
    assert "茶" in approver.page("/console/offers/tea")
    for act in ("edit", "pause", "end", "cut"):
        assert approver.get(f"/console/offers/tea/{act}").status_code == 403
    assert approver.forge("/console/offers/tea/propose", reason="x").status_code == 403
