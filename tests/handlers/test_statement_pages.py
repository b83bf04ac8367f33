"""The list of points, the monthly statement and their files, as a member's browser gets them."""

from __future__ import annotations

import csv
import io
import itertools
import re
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest

from dialogs import reasons
from handlers import statement_pages, statement_query
from handlers.statement_query import Asked, Unreadable
from models import points
from models.earning.earn import earn
from models.points import history, statements
from tests.conftest import Phone, World
from tests.models.earning import event, publish, record, rule
from tests.pages.moves import a_busy_month, cause, expired, person
from tests.pages.visitor import IN_WECHAT, Visitor, fresh_link

PhoneOf = Callable[[str], Phone]
_BALANCE = re.compile(r"余额 (-?\d+)")
_OLDER = re.compile(r'href="([^"]*before=[^"]+)"')


@pytest.fixture
def li(world: World, phone: PhoneOf) -> Visitor:
    """李雷's browser, with a session, some time after a busy month."""
    a_busy_month(world)
    world.clock.advance(hours=2)
    visitor = Visitor(world.url)
    visitor.send(fresh_link(phone("李雷")))
    return visitor


def balances(page: str) -> list[int]:
    return [int(found) for found in _BALANCE.findall(page)]


def older(page: str) -> str:
    found = _OLDER.search(page)
    assert found, "there is no further page"
    return unescape(found[1])


def test_the_list_says_what_it_was_when_and_what_was_left(li: Visitor) -> None:
    page = li.get("/me/points").text
    for shown in (
        "消费送积分", "换电影票", "转赠给138****0002", "收到138****0002转赠", "−100", "+20", "1745",
        "其中200正在办理", "流水号 1000000",
    ):  # fmt: skip
        assert shown in page, shown
    assert "13800000002" not in page
    assert "HYPERLINK" not in page
    assert balances(page)[0] == 1580 + 300 - 100 - 50 + 20 - 5


def test_what_a_rule_gave_has_the_rules_title_as_it_was_then(world: World, li: Visitor) -> None:
    store, now = world.circle.store, world.clock()
    for title, minutes in (("每日签到", 1), ("天天签到", 2)):
        at = now + timedelta(minutes=minutes)
        publish(store, rule("sign", title=title), at=at)
        with store.begin() as tx:
            who = person(tx, "+8613800000001")
            seen = event(who, at=at)
            record(tx, seen)
            assert earn(tx, [seen], at) == 10
    world.clock.advance(minutes=5)
    page = li.get("/me/points").text
    assert "每日签到" in page
    assert "天天签到" in page
    assert "消费、活动送积分" not in page
    rows = li.get("/me/points.csv").content.decode("utf-8-sig")
    assert '"天天签到"' in rows


def test_pages_lead_on_to_the_first_movement_without_scripts(li: Visitor) -> None:
    page = li.get("/me/points").text
    found = balances(page)
    while _OLDER.search(page):
        page = li.get(older(page)).text
        found += balances(page)
    # Everything but what was reserved: 3 lots to begin with, 30 earned, 4 more.
    assert len(found) == 37
    assert found[-1] == 1200
    assert "回到最新的" in page


@pytest.mark.parametrize(
    ("asked", "seen", "unseen"),
    [
        ("show=gift", "转赠给138****0002", "换电影票"),
        ("show=spent", "换电影票", "转赠给"),
        ("show=earned", "消费送积分", "换电影票"),
        ("show=held", "留出 200", "换电影票"),
        ("show=coins", "积分与如意币互换", "换电影票"),
        ("show=expired", "没有找到记录", "消费送积分"),
        ("show=spent&since=2030-01-01", "没有找到记录", "换电影票"),
        ("show=spent&kind=consumption", "没有找到记录", "换电影票"),
    ],
)
def test_filters_show_what_they_say(li: Visitor, asked: str, seen: str, unseen: str) -> None:
    page = li.get(f"/me/points?{asked}").text
    assert seen in page
    assert unseen not in page


def test_what_expired_is_shown_before_it_is_booked_out(world: World, li: Visitor) -> None:
    expired(world, 7)
    page = li.get("/me/points").text
    assert "已过最后一天，不能再用" in page
    now = world.clock()
    with world.circle.store.reading() as tx:
        who = person(tx, "+8613800000001")
        balance = points.balance(tx, who, now=now, expiring_days=1)
    assert balances(page)[:2] == [balance.total, balance.total + 7]
    month = li.get(f"/me/points/{points.day_of(now):%Y-%m}").text
    assert re.search(rf"现在有</th><td colspan=\"2\">{balance.total}<", month)


def test_dates_that_cannot_be_are_told_and_not_searched_for(li: Visitor) -> None:
    for wrong in ("since=gestern", "until=2026-02-30", "since=1999-01-01", "since=20261101"):
        answer = li.get(f"/me/points?{wrong}")
        assert answer.status_code == 400
        assert "日期没看懂" in answer.text
    answer = li.get("/me/points?since=2026-11-30&until=2026-11-01")
    assert "开始的日子比结束的晚" in answer.text


@pytest.mark.parametrize(
    "path",
    [
        "?show=stolen", "?kind=held_consumption", "?before=1", "?before=1.2.3.4." + "g" * 32,
        "?before=" + "9" * 18 + ".1.1.1." + "0" * 32, "?before='%20OR%201=1", "/2026-13",
        "/2026-1", "/1999-12", "/2099-12", "/%00", "/..%2f..%2fetc", ".csv?show=x",
        ".xlsx?since=x",
    ],
)  # fmt: skip
def test_addresses_that_none_of_our_pages_leads_to_are_not_found(li: Visitor, path: str) -> None:
    answer = li.get(f"/me/points{path}")
    assert answer.status_code == 404
    assert "没有找到这个页面" in answer.text


@pytest.mark.parametrize("path", ["", "/2026-11", ".csv", ".xlsx", "?before=x", "?show=x"])
def test_without_a_session_nothing_is_shown(world: World, path: str) -> None:
    answer = Visitor(world.url).get(f"/me/points{path}")
    assert answer.status_code == 403
    assert "WD" in answer.text
    asked = Visitor(world.url, agent=IN_WECHAT).session.get(
        f"{world.url}/me/points{path}",
        headers={"User-Agent": IN_WECHAT}, allow_redirects=False, timeout=60,
    )  # fmt: skip
    assert "/connect/oauth2/authorize" in asked.headers["Location"]


def test_nobody_sees_anothers_movements_even_with_the_others_address(
    world: World, li: Visitor, phone: PhoneOf
) -> None:
    address = older(li.get("/me/points").text)
    han = Visitor(world.url)
    han.send(fresh_link(phone("韩梅梅")))
    for path in (address, "/me/points", "/me/points.csv", f"/me/points/{world.clock():%Y-%m}"):
        page = han.get(path).text
        assert "换电影票" not in page
        assert "1787" not in page


def test_a_balance_in_an_address_is_believed_only_with_our_seal(li: Visitor) -> None:
    address = older(li.get("/me/points").text)
    right = balances(li.get(address).text)
    at, serial, balance, legs, seal = address.partition("before=")[2].split(".")
    forged = f"/me/points?before={at}.{serial}.{int(balance) + 1_000_000}.{legs}.{seal}"
    assert balances(li.get(forged).text) == right


def test_a_month_opens_sums_up_and_closes(world: World, li: Visitor) -> None:
    month = f"{points.day_of(world.clock()):%Y-%m}"
    page = li.get(f"/me/points/{month}").text
    for shown in ("138****0001", "月初有", "现在有", "+300", "30笔", "−155", "转赠", "其他"):
        assert shown in page
    assert "13800000001" not in page
    assert re.search(r"月初有</th><td colspan=\"2\">0<", page)
    assert re.search(r"现在有</th><td colspan=\"2\">1745<", page)
    assert "积分与如意币互换" in li.get(f"/me/points/{month}?unit=coins").text
    following = (points.day_of(world.clock()).replace(day=1) + timedelta(days=32)).strftime("%Y-%m")
    assert li.get(f"/me/points/{following}").status_code == 404
    assert "没有变动" in li.get("/me/points/2020-01").text


def test_the_first_month_that_can_be_asked_for_leads_to_none_before_it(li: Visitor) -> None:
    assert 'rel="prev"' in li.get("/me/points/2000-02").text
    assert 'rel="prev"' not in li.get("/me/points/2000-01").text


def test_the_account_leads_to_the_list_and_the_list_to_its_month(world: World, li: Visitor) -> None:
    assert 'href="/me/points"' in li.get("/me").text
    month = points.day_of(world.clock())
    assert f'href="/me/points/{month:%Y-%m}"' in li.get("/me/points").text


def sheet(answer_bytes: bytes) -> list[list[str]]:
    """The rows of the first sheet of an XLSX; text is in place, since memory is kept constant."""
    with zipfile.ZipFile(io.BytesIO(answer_bytes)) as book:
        xml = book.read("xl/worksheets/sheet1.xml").decode()
        assert "<f>" not in xml
    rows = []
    for row in re.findall(r"<row [^>]*>(.*?)</row>", xml, re.S):
        cells = re.findall(r"<c ([^>]*)>(.*?)</c>", row, re.S)
        rows.append(
            [f"{'t' if 'inlineStr' in kind else 'n'}:{_plain(text)}" for kind, text in cells]
        )
    return rows


def _plain(xml: str) -> str:
    return unescape(re.sub(r"<[^>]+>", "", xml))


def test_a_file_holds_the_range_that_was_chosen_ids_as_text_amounts_as_numbers(
    world: World, li: Visitor
) -> None:
    day = points.day_of(world.clock())
    asked = f"since={day - timedelta(days=40)}&until={day + timedelta(days=1)}&show=gift"
    answer = li.get(f"/me/points.csv?{asked}")
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="points-20')
    assert answer.headers["Cache-Control"] == "no-store"
    text = answer.content.decode()
    assert text.startswith('\ufeff"流水号","时间","内容","积分"')
    header, *lines = list(csv.reader(io.StringIO(text[1:])))
    assert [line[2:4] for line in lines] == [
        ["收到138****0002转赠", "20"], ["转赠给138****0002", "-50"],
    ]  # fmt: skip
    assert re.fullmatch(r'"1000000\d\d"', text.splitlines()[1].split(",")[0])
    book = sheet(li.get(f"/me/points.xlsx?{asked}").content)
    assert [cell[2:] for cell in book[0]] == header
    assert [[cell[2:] for cell in row] for row in book[1:]] == lines
    assert book[2][0].startswith("t:1000000")
    assert book[2][3] == "n:-50"


def test_files_balance_from_line_to_line(li: Visitor) -> None:
    _, *lines = list(csv.reader(io.StringIO(li.get("/me/points.csv").content.decode()[1:])))
    assert len(lines) == 37
    for line, below in itertools.pairwise(lines):
        assert int(line[6]) - int(line[3]) == int(below[6])
        assert int(line[4]) + int(line[5]) == int(line[3])


class TestLimits:
    @pytest.fixture
    def environment(self) -> dict[str, str]:
        return {"CIRCLE_PAGES__EXPORT_LINES": "100", "CIRCLE_PAGES__HISTORY_LINES": "5"}

    def test_a_file_has_a_limit_and_pages_have_the_configured_length(
        self, world: World, li: Visitor
    ) -> None:
        with world.circle.store.begin() as tx:
            who = person(tx, "+8613800000001")
            for n in range(100):
                points.issue(
                    tx, who, kind=points.PROMOTIONAL, points=1, expires_on=points.NEVER,
                    cause=cause(f"more{n}", "earn"), now=world.clock(),
                )  # fmt: skip
        assert len(li.get("/me/points.csv").content.decode().splitlines()) == 101
        assert len(sheet(li.get("/me/points.xlsx").content)) == 101
        page = li.get("/me/points").text
        assert len(balances(page)) == 5
        assert "最多存最近的100笔" in page

    def test_while_files_are_being_written_another_one_is_told_to_wait(self, li: Visitor) -> None:
        for _ in range(statement_pages.FILES_AT_ONCE):
            assert statement_pages._writing.acquire(blocking=False)
        try:
            assert li.get("/me/points.csv").status_code == 503
        finally:
            for _ in range(statement_pages.FILES_AT_ONCE):
                statement_pages._writing.release()
        for _ in range(2 * statement_pages.FILES_AT_ONCE):  # each is given back
            assert li.get("/me/points.csv").status_code == 200
            assert li.get("/me/points.xlsx").status_code == 200
            assert li.session.head(f"{li.site}/me/points.csv", timeout=60).status_code == 200


def test_a_cursor_comes_back_as_it_was_and_for_its_owner_alone() -> None:
    for at in (datetime(2026, 11, 1, 2, 3, 4, 567, tzinfo=UTC), history.END):
        cursor = history.Cursor(at, 100_000_001, 1580, 37)
        text = statement_query.write_cursor(cursor, key=b"li", unit="points")
        assert statement_query.read_cursor(text, key=b"li", unit="points") == cursor
        unknown = history.Cursor(at, 100_000_001)
        assert statement_query.read_cursor(text, key=b"han", unit="points") == unknown
        assert statement_query.read_cursor(text, key=b"li", unit="coins") == unknown
        unsealed = statement_query.write_cursor(unknown, key=b"li", unit="points")
        assert statement_query.read_cursor(unsealed, key=b"li", unit="points") == unknown
    assert statement_query.read_cursor("", key=b"li", unit="points") is None


def test_an_address_asks_the_same_again() -> None:
    asked = statement_query.read(
        {"show": "gift", "kind": "promotional", "since": "2026-11-01", "until": "2026-11-30"}
    )
    assert statement_query.read(asked.arguments()) == asked
    assert Asked().arguments() == {}
    with pytest.raises(Unreadable):
        statement_query.month("2026-00")


def test_every_reason_has_words_and_an_unknown_one_says_what_happened(world: World) -> None:
    menus = world.circle.live()
    for key, names in reasons.TEXTS.items():
        assert menus.text(key, channel="wechat", **dict.fromkeys(names, "138****0002"))
    line = history.Line(
        serial=1, at=world.clock(), points=5, balance=5, reason="never-heard", consumption=5,
        promotional=0,
    )  # fmt: skip
    assert reasons.words(menus, line, party=None) == "积分增加"
    assert reasons.reason_words(menus, "never-heard") == "其他"
    assert statements.MONTH_LINES_MAX <= history.PAGE_LINES_MAX
