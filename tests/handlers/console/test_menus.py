"""Menus and texts in the console: edited, checked, proposed, decided by another, never bad."""

from __future__ import annotations

import io
import re
import zipfile
from datetime import datetime
from html import unescape
from typing import Any

import pytest

from handlers.console.file_words import about
from models import approvals, publications
from tests.handlers.console.conftest import Browser, Console, OpenConsole
from tests.handlers.test_publishing import ATTACKS, FILES, put
from tests.models.operators import by

DEFAULT = "wechat/default.yaml"
EDIT, DRAFT = f"/console/menus/file/{DEFAULT}", "/console/menus/draft"
TEXTS = "/console/menus/file/texts/common.yaml"
# Those that test_publishing.py tries one by one need no page each.
TRIED = ("a dialog that is not there", "an alias bomb", "a file that climbs out", "no files")


@pytest.fixture(scope="module")
def console(open_console: OpenConsole) -> Console:
    """Nobody answers for WeChat."""
    return open_console(WECHAT__API_BASE_URL="http://127.0.0.1:9")


@pytest.fixture
def li(console: Console) -> Browser:
    """Of operations, with nothing in the draft and nothing proposed."""
    who = console.as_("operations")
    _clean(console)
    return who


def _clean(console: Console) -> None:
    with console.circle.store.begin() as tx:
        tx.exec_driver_sql("DELETE FROM drafts")
        tx.exec_driver_sql(
            "UPDATE approval_proposals SET state = 'expired', decided_at = expires_at"
            " WHERE state = 'proposed'"
        )


def live(console: Console) -> tuple[int, dict[str, str]]:
    with console.circle.store.reading() as tx:
        found = publications.live(tx)
    return (found.version, dict(found.files)) if found else (0, dict(FILES))


def send(who: Browser, path: str, **fields: Any) -> Any:
    """Send a form with the key that this browser has, which one page gives for all forms."""
    key = vars(who).setdefault("kept_key", "") or who.form_key("/console")
    vars(who)["kept_key"] = key
    return who.post(path, {"form_key": key, **fields})


def saved(who: Browser, path: str, text: str, **more: Any) -> str:
    """Save as a browser does, and give the page that follows."""
    return who.follow(_save(who, path, text, **more))


def _save(who: Browser, path: str, text: str, **more: Any) -> Any:
    begun = more.pop("seen", None) or hidden(who, path, "seen")
    fields = {"text": text.replace("\n", "\r\n"), "do": "save", "seen": begun}
    return send(who, path, **fields, **more)


def hidden(who: Browser, path: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', who.page(path))
    assert found, f"{path} has no {name}"
    return unescape(found[1])


def proposed(who: Browser, why: str = "夏天换个说法", kind: str = "menus") -> str:
    """Propose the draft; the address of the proposal."""
    path = f"/console/{kind}/draft"
    answer = send(who, path, do="propose", reason=why, revision=hidden(who, path, "revision"))
    assert answer.status_code == 303, answer.text
    return str(answer.location)


def renamed(console: Console, new: str) -> str:
    """The live default menu with another name for its first entry."""
    text = live(console)[1][DEFAULT]
    return re.sub(r"(entries:\n\s+- name: )\S+", rf"\g<1>{new}", text, count=1)


# -- editing ---------------------------------------------------------------------------------------


def test_every_file_that_is_shipped_is_described_in_chinese(console: Console, li: Browser) -> None:
    chinese = re.compile(r"[\u4e00-\u9fff]")
    for kind in ("menus", "rules"):
        page = li.page(f"/console/{kind}")
        rows = re.findall(
            r'/console/[a-z]+/file/([^"?]+)".*?<td class="govuk-table__cell quiet"[^>]*>([^<]*)<',
            page, re.DOTALL,
        )  # fmt: skip
        assert len(rows) > 1
        assert [name for name, words in rows if not chinese.search(words)] == []
    assert "“电影俱乐部”会员看到的菜单" in unescape(li.page("/console/menus"))


def test_a_file_is_described_by_its_club_its_title_or_its_first_comment() -> None:
    assert about("texts/new.yaml", "# yaml-language-server: x\n# 新的话\n", {}) == "新的话"
    assert about("texts/new.yaml", "a: b\n", {}) == ""
    assert about("wechat/tea.yaml", "", {}) == "“tea”会员看到的菜单"
    assert about("earning/bill.yaml", "code: bill\ntitle: 交话费送积分\n", {}) == "交话费送积分"


def test_a_mistake_is_named_with_line_and_column_and_what_was_typed_is_kept(li: Browser) -> None:
    page = saved(li, EDIT, FILES[DEFAULT].replace("dialog: balance", "dialgo: balance"))
    assert "wechat/default.yaml:8:9" in page
    assert "没有这个键（是不是 dialog？）" in page
    assert "dialgo: balance" in li.page(EDIT)
    assert "请改好" not in li.page(DRAFT)
    assert "先把这些改好" in li.page(DRAFT)


def test_one_changed_line_is_one_changed_line(console: Console, li: Browser) -> None:
    saved(li, EDIT, renamed(console, "看积分"))
    page = li.page(DRAFT)
    assert page.count('<tr class="diffed__new">') == page.count('<tr class="diffed__old">') == 1
    assert "改名为 看积分" in page
    raw = li.get("/console/menus/files.zip?of=draft").data
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        text = archive.read(f"menus/{DEFAULT}").decode()
        assert len(archive.namelist()) == len(FILES)
    assert text == renamed(console, "看积分")


def test_the_check_while_one_types_saves_nothing(li: Browser) -> None:
    bad = FILES[DEFAULT].replace("dialog: balance", "dialog: balanse")
    answer = send(li, EDIT.replace("/file/", "/check/"), text=bad)
    assert "没有叫 balanse 的对话（是不是 balance？）" in answer.text
    good = send(li, EDIT.replace("/file/", "/check/"), text=FILES[DEFAULT])
    assert "这个文件检查通过" in good.text
    assert "phone__name" in good.text
    assert "草稿和线上一样" in li.page(DRAFT)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("x" * 33_000, "最多 32768 字节"),
        ("menu:\n  - {name: a\0b, dialog: help}\n", "第 2 行有空字符"),
        ("# " + "长" * 2001, "第 1 行超过 2000 个字"),
    ],
)
def test_what_no_file_may_be_is_refused_and_stays_in_the_form(
    li: Browser, text: str, why: str
) -> None:
    answer = _save(li, EDIT, text)
    assert answer.status_code == 400
    assert why in answer.text
    assert text[:200].split("\n")[0] in unescape(answer.text)
    assert "草稿和线上一样" in li.page(DRAFT)


def test_a_file_can_be_uploaded_and_must_be_utf_8(li: Browser) -> None:
    text = FILES[DEFAULT].replace("查积分", "看看积分")
    page = saved(li, EDIT, "typed", upload=(io.BytesIO(text.encode()), "default.yaml"))
    assert "看看积分" in page
    answer = _save(li, EDIT, "typed", upload=(io.BytesIO("中".encode("gb18030")), "d.yaml"))
    assert "不是 UTF-8" in answer.text


@pytest.mark.parametrize(
    "name",
    ["..%2Fconfig.yaml", "../../config.yaml", "wechat/../../app.py", "menus.py",
     "schema/texts.json", "wechat/a/b.yaml", "wechat/default.yaml%00", "/etc/passwd",
     "earning/data.yaml"],
)  # fmt: skip
def test_no_name_leads_out_of_the_set(li: Browser, name: str) -> None:
    assert li.get(f"/console/menus/file/{name}").status_code in (404, 308)
    answer = send(li, f"/console/menus/file/{name}", text="x", do="save", seen="")
    assert answer.status_code in (404, 308)


def test_a_second_window_does_not_overwrite_the_first(console: Console, li: Browser) -> None:
    seen = hidden(li, EDIT, "seen")
    saved(li, EDIT, renamed(console, "第一个"))
    answer = _save(li, EDIT, renamed(console, "第二个"), seen=seen)
    assert answer.status_code == 400
    assert "另一个窗口" in answer.text
    assert "第二个" in answer.text
    assert "第一个" in li.page(EDIT)
    assert "第二个" in saved(li, EDIT, renamed(console, "第二个"))


def test_new_files_deleted_files_and_drafts_that_come_back(console: Console, li: Browser) -> None:
    new = "/console/menus/new"
    wrong = send(li, new, folder="texts/", stem="../x")
    assert wrong.status_code == 400
    assert "小写字母" in wrong.text
    li.follow(send(li, new, folder="texts/", stem="summer"))
    li.follow(send(li, "/console/menus/file/wechat/vip.yaml", do="delete"))
    page = li.page("/console/menus")
    assert "草稿里去掉了" in page
    assert "新文件" in page
    refused = send(li, EDIT, do="delete")
    assert refused.status_code == 400  # the default menu must be there
    revision = hidden(li, DRAFT, "revision")
    li.follow(send(li, DRAFT, do="clear", revision=revision))
    assert "草稿和线上一样" in li.page(DRAFT)
    li.follow(send(li, DRAFT, do="undo", revision=hidden(li, DRAFT, "revision")))
    assert "texts/summer.yaml" in li.page(DRAFT)


# -- going live ------------------------------------------------------------------------------------


def test_somebody_else_approves_and_only_then_it_is_live(console: Console, li: Browser) -> None:
    before = live(console)
    saved(li, EDIT, renamed(console, "积分查询"))
    proposal = proposed(li)
    assert live(console) == before
    page = li.page(proposal)
    assert "通过并生效" not in page
    own = send(li, proposal, do="approve", because="")
    assert own.status_code == 403
    wang = console.as_("approver")
    seen = wang.page(proposal)
    assert "改名为 积分查询" in seen
    assert "phone__entry" in seen
    done = wang.follow(send(wang, proposal, do="approve", because="好"))
    assert "已通过" in done
    assert "没有完成" in done  # WeChat did not answer: the page says so
    version, files = live(console)
    assert (version, "积分查询" in files[DEFAULT]) == (before[0] + 1, True)
    assert f"微信显示的还不是线上的第 {version} 版" in wang.page("/console/menus")
    assert "推送失败" in li.page("/console/menus")
    again = li.follow(send(li, "/console/menus/push"))
    assert "推送没有成功" in again
    who = console.rows(
        "SELECT action, role FROM audit_entries WHERE action LIKE 'menus.%%'"
        " ORDER BY id DESC LIMIT 3"
    )
    assert who == [("menus.push", "operations"), ("menus.approve", "approver"),
                   ("menus.propose", "operations")]  # fmt: skip


def test_what_is_approved_is_what_was_proposed_whatever_a_form_says(
    console: Console, li: Browser
) -> None:
    saved(li, EDIT, renamed(console, "甲"))
    proposal = proposed(li)
    saved(li, EDIT, renamed(console, "乙"))  # the draft goes on; the proposal does not
    wang = console.as_("approver")
    forged = {"files": '{"x": "y"}', "payload": "{}", "text": "menu: []", "base": "99"}
    wang.follow(send(wang, proposal, do="approve", because="", **forged))
    assert "甲" in live(console)[1][DEFAULT]


def test_nothing_bad_can_be_proposed(console: Console, li: Browser) -> None:
    saved(li, EDIT, "menu: []\nmenu: []\n")
    answer = send(
        li, DRAFT, do="propose", reason="x", revision=hidden(li, "/console/menus", "revision")
    )
    assert answer.status_code == 400
    assert "检查没有通过" in answer.text
    assert console.rows("SELECT count(*) FROM approval_proposals WHERE state = 'proposed'") == [
        (0,)
    ]


def test_nothing_bad_goes_live_even_if_it_was_written_into_the_proposal(
    console: Console, li: Browser
) -> None:
    wang = console.as_("approver")
    before = live(console)
    for attack in TRIED:
        _clean(console)
        with console.circle.store.begin() as tx:
            number = _forged(tx, li, ATTACKS[attack], before, console.clock())
        page = wang.page(f"/console/approvals/{number}")
        assert "现在检查不通过" in page, attack
        answer = send(wang, f"/console/approvals/{number}", do="approve", because="")
        assert answer.status_code == 400, attack
        assert "现在不能生效" in answer.text, attack
        assert live(console) == before, attack


def _forged(
    tx: Any, li: Browser, files: dict[str, str], before: tuple[int, dict[str, str]], now: datetime
) -> int:
    assert li.operator
    payload = {"files": files, "was": {}, "base": str(before[0]), "version": before[0]}
    return approvals.propose(
        tx,
        kind="menus",
        subject="menus:live",
        payload=payload,
        reason="x",
        by=by(li.operator),
        now=now,
    ).id


def test_a_proposal_over_an_older_version_is_refused(console: Console, li: Browser) -> None:
    saved(li, EDIT, renamed(console, "丙"))
    proposal = proposed(li)
    put(console.circle.store, {**live(console)[1], "texts/more.yaml": "# nothing\n{}\n"})
    wang = console.as_("approver")
    assert "不能再通过" in wang.page(proposal)
    answer = send(wang, proposal, do="approve", because="")
    assert answer.status_code == 400
    assert "别人已经发布了新的版本" in answer.text
    assert "丙" not in live(console)[1][DEFAULT]


def test_what_somebody_else_published_meanwhile_is_decided_file_by_file(
    console: Console, li: Browser
) -> None:
    saved(li, EDIT, renamed(console, "我的"))
    theirs = {**live(console)[1], DEFAULT: renamed(console, "他们的")}
    put(console.circle.store, theirs)
    assert "别人发布了这个文件的新版本" in li.page(EDIT)
    assert "我的" in li.page(EDIT)
    refused = send(
        li, DRAFT, do="propose", reason="x", revision=hidden(li, "/console/menus", "revision")
    )
    assert "请先决定用哪一个" in refused.text
    li.follow(send(li, EDIT, do="keep"))
    page = li.page(DRAFT)
    assert "他们的" in page
    assert "我的" in page
    assert "提议发布" in page


def test_there_is_one_open_proposal_and_it_can_be_withdrawn(console: Console, li: Browser) -> None:
    saved(li, EDIT, renamed(console, "丁"))
    proposal = proposed(li)
    other = console.as_("operations", another=True)
    saved(other, TEXTS, live(console)[1]["texts/common.yaml"].replace("系统正忙", "系统很忙"))
    assert "已经有一个提议在等批准" in other.page(DRAFT)
    refused = send(
        other, DRAFT, do="propose", reason="x", revision=hidden(other, "/console/menus", "revision")
    )
    assert "已经有一个提议" in refused.text
    li.follow(send(li, proposal, do="withdraw", because=""))
    li.follow(send(li, DRAFT, do="undo", revision=hidden(li, DRAFT, "revision")))
    assert "丁" in li.page(DRAFT)


def test_any_version_can_be_compared_and_gone_back_to(console: Console, li: Browser) -> None:
    store = console.circle.store
    first = put(store, {**FILES, "texts/old.yaml": "# old\n{}\n"})
    put(store, FILES)
    third = put(store, {**FILES, DEFAULT: FILES[DEFAULT].replace("查积分", "新名")})
    page = li.page(f"/console/menus/versions/{third}?old={first}")
    assert "texts/old.yaml" in page
    assert "改名为 新名" in page
    assert "退回到这一版" not in page
    history = li.page("/console/menus/history")
    assert f'/versions/{first}"' in history
    path = f"/console/menus/versions/{first}"
    assert send(li, path, reason="").status_code == 400
    answer = send(li, path, reason="客服来电多")
    wang = console.as_("approver")
    assert f"退回到第 {first} 版" in wang.page(answer.location)
    wang.follow(send(wang, answer.location, do="approve", because=""))
    version, files = live(console)
    assert version == third + 1
    assert files == {**FILES, "texts/old.yaml": "# old\n{}\n"}
    assert li.get("/console/menus/versions/999999").status_code == 404
    assert li.get("/console/menus/versions/99999999999").status_code == 404


@pytest.mark.parametrize("role", ["approver", "analyst"])
def test_who_may_only_look_has_no_form_and_is_refused(console: Console, role: str) -> None:
    who = console.as_(role)
    assert "<textarea" not in who.page(EDIT)
    key = who.form_key("/console")
    for path in (EDIT, DRAFT, "/console/menus/new", "/console/menus/versions/1"):
        assert who.post(path, {"form_key": key, "do": "save", "text": "x"}).status_code == 403


def test_the_preview_counts_sms_with_sample_values(li: Browser) -> None:
    page = li.page("/console/menus/preview")
    assert "电影俱乐部</span>" in page
    assert re.search(r"短信 <span[^>]*>\d+ 字，2 条", page)
    assert "有标签 film 的人看到" in page


def test_what_operators_write_is_never_markup(console: Console, li: Browser) -> None:
    bad = "<script>alert(1)</script>"
    page = saved(li, EDIT, renamed(console, bad) + f"# </textarea>{bad}\n")
    assert bad not in page + li.page(DRAFT) + li.page("/console/menus/preview")
