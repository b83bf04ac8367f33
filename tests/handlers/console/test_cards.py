"""Counter cards, from the list to the printed picture: what they say, and for which offers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pypdfium2
import pytest
import zxingcpp

import app as product
import doors
from handlers import cards
from handlers.cards import Ways
from handlers.print import MM_PT, SIZES_MM
from models.offers.cards import Card
from models.offers.terms import DAY_MINUTES, EVERY_DAY
from tests.conftest import MovableClock, World
from tests.handlers.console.conftest import SECURE, Console

LONG = "全球通VIP俱乐部尊享服务中心双人套餐含爆米花两桶可乐两杯周末通用不限场次不限影片特惠装周"


@pytest.fixture
def console(world: World, clock: MovableClock) -> Iterator[Console]:
    settings = world.circle.settings.model_copy(update={"public_url": SECURE})
    circle = product.Circle(settings, connections=4, now=clock)
    yield Console(doors.flask_app(circle), circle, clock)
    circle.store.close()


def card(**changed: object) -> Card:
    plain: dict[str, object] = {
        "number": 1001, "title": "精剪一次", "merchant_code": "jinxiu", "merchant": "锦绣理发店",
        "club": None, "price_points": 900, "price_fen": 0, "starts_at": None, "ends_at": None,
        "weekdays": EVERY_DAY, "from_minute": 0, "until_minute": DAY_MINUTES, "narrowed": False,
    }  # fmt: skip
    return Card(**{**plain, **changed})  # type: ignore[arg-type]


def numbers(console: Console) -> dict[str, int]:
    return dict(console.rows("SELECT code, number FROM offers"))


@pytest.mark.slow
def test_a_card_is_printed_in_both_sizes_and_its_code_scanned(console: Console) -> None:
    operations, number = console.as_("operations"), numbers(console)["haircut"]
    path = f"/console/cards/{number}"
    assert path in operations.page("/console/cards?words=锦绣")
    assert path not in operations.page("/console/cards?words=nothing")
    assert operations.get(f"{path}/A5.pdf").status_code == 404, "no code yet"
    service = console.as_("service")
    assert "请运营人员生成" in service.page(path)
    assert service.forge(path).status_code == 403
    for _ in range(2):
        operations.follow(operations.forge(path))
    ((url, expires),) = console.rows(
        "SELECT url, expires_at FROM scene_codes WHERE scene = %s", f"offer-{number}"
    )
    assert expires is None, "once, and for ever"
    for size, cut in (("A5", "?cut=1"), ("A6", "")):
        answer = operations.get(f"{path}/{size}.pdf{cut}")
        assert f"offer-{number}-{size}" in answer.headers["Content-Disposition"]
        page = pypdfium2.PdfDocument(answer.data)[0]
        left, bottom, right, top = page.get_trimbox() if cut else (0, 0, *page.get_size())
        wanted = [side * MM_PT for side in SIZES_MM[size]]
        assert (right - left, top - bottom) == pytest.approx(wanted, abs=0.02)
        (found,) = zxingcpp.read_barcodes(page.render(scale=150 / 72).to_pil())
        assert found.text == url
        said = page.get_textpage().get_text_range()
        for words in ("900 积分", f"DH {number}", f"circle.example/o/{number}", *cards.STEPS):
            assert words in said
    assert operations.get(f"{path}/A4.pdf").status_code == 404


def test_offers_that_are_not_live_have_no_card(
    console: Console,
    clock: MovableClock,
) -> None:
    operations, number = console.as_("operations"), numbers(console)["haircut"]
    path = f"/console/cards/{number}"
    assert operations.get(path).status_code == 200
    for change in (
        "ends_at = '2017-01-01'", "ends_at = NULL, state = 'paused'",
        "state = 'ended'",
    ):  # fmt: skip
        with console.circle.store.begin() as tx:
            tx.exec_driver_sql(f"UPDATE offers SET {change} WHERE number = {number}")
        assert operations.get(path).status_code == 404, change
        assert operations.forge(path).status_code == 404, change
        assert operations.get(f"{path}/A5.pdf").status_code == 404, change
        assert path not in operations.page("/console/cards")
    assert operations.get("/console/cards/99999999999999").status_code == 404


def test_wechat_that_does_not_answer_is_said(console: Console, world: World) -> None:
    world.fault("wechat.api", "error", times=20)
    answer = console.as_("operations").forge(f"/console/cards/{numbers(console)['haircut']}")
    assert answer.status_code == 400
    assert "请稍后再试" in answer.text


def test_long_names_wrap_and_nothing_leaves_the_card() -> None:
    ways = Ways("http://weixin.qq.com/q/02abc", "10086", "https://circle.example")
    long = card(title=LONG[:60], merchant="<b>" + LONG[:57], club="全球通VIP俱乐部尊享服务中心",
                price_fen=1550, narrowed=True, weekdays=0b1100000, from_minute=540)  # fmt: skip
    page = pypdfium2.PdfDocument(cards.pdf(long, ways, size="A6", to_cut=False))[0]
    words = page.get_textpage()
    said = words.get_text_range().replace("\r\n", "")
    assert LONG[:60] in said, "the whole title, in up to three lines"
    assert "1500 积分 + 15.50元" not in said
    assert "900 积分 + 15.50元" in said
    wide, high = page.get_size()
    edge = 4 * MM_PT
    for n in range(words.count_chars()):
        left, bottom, right, top = words.get_charbox(n)
        if right > left:
            assert left > edge, n
            assert right < wide - edge, n
            assert bottom > edge / 2, n
            assert top < high, n


def test_a_card_says_who_may_take_it_when() -> None:
    start = MovableClock()()
    said = cards.conditions(
        card(club="电影俱乐部", starts_at=start, ends_at=start + timedelta(days=30),
             weekdays=0b1100000, from_minute=540, until_minute=1320, narrowed=True)
    )  # fmt: skip
    assert said.startswith("限电影俱乐部会员，扫码可以加入；")
    assert "限周六、日；每天9:00—22:00可兑换；还有其他条件" in said
    assert cards.conditions(card()) == ""
    assert cards.texted_to("+8610086") == "10086"
