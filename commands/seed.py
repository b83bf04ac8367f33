"""Sample data: six clubs, twelve merchants with stores and offers, draws, screenings, people.

Inserted once; what an operator has changed since is left alone.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects.postgresql import insert

from commands import demo_invitations
from handlers import draw_files, rule_files
from menus import membership_rules, merchant_rules, survey_rules, task_rules, tier_rules
from models import clubs, mailbox, memberships, outbox, points, preferences, sql, subscribers, tiers
from models.activities import planning
from models.base import Tx
from models.catalogue import merchants, screenings, stores
from models.draws import publishing
from models.draws.definition import Window
from models.earning import following
from models.earning import publishing as earning
from models.earning import rules as earning_rules
from models.merchants import rating
from models.offers import agreed
from models.offers.terms import offers
from models.surveys import definition
from models.vouchers import redeeming

RULES = Path(__file__).parent.parent / "rules"
MERCHANTS_FILE, TIERS_FILE = RULES / "merchants.yaml", RULES / "tiers.yaml"
TASKS_FILE = RULES / "tasks.yaml"
MEMBERSHIPS_FILE = RULES / "memberships.yaml"

CLUBS = (
    ("film", "电影俱乐部", "半价电影票、生日免费票，和影迷一起看首映。", 500),
    ("car", "车友会", "免费洗车、道路救援、违章提醒，车友周末自驾。", 800),
    ("sports", "体育俱乐部", "看球聚会、场馆优惠、赛事门票抽奖。", 500),
    ("lottery", "彩民俱乐部", "开奖提醒、走势资料，积分换彩票。", 300),
    ("gamers", "手机玩家俱乐部", "新游试玩、流量礼包、玩家联赛。", 500),
    ("vip", "全球通VIP俱乐部", "机场贵宾厅、专属客服、全国商户礼遇。", 0),
)

# code, name, category, city, branch, address, latitude, longitude
MERCHANTS = (
    ("xinghe", "星河影城", "cinema", "长沙", "五一店", "五一大道88号", 28.1950, 112.9770),
    ("huayi", "华艺影院", "cinema", "长沙", "河西店", "金星中路210号", 28.2310, 112.9330),
    ("jieli", "洁力洗车", "car", "长沙", "芙蓉店", "芙蓉中路19号", 28.2000, 112.9850),
    ("anxing", "安行汽修", "car", "株洲", "天元店", "天元大道66号", 27.8270, 113.1340),
    ("dongli", "动力健身", "sports", "长沙", "万家丽店", "万家丽路300号", 28.1900, 113.0300),
    ("qiuchang", "绿茵球馆", "sports", "湘潭", "岳塘店", "建设南路12号", 27.8700, 112.9500),
    ("haoyun", "好运彩站", "lottery", "长沙", "太平店", "太平街35号", 28.1920, 112.9680),
    ("wanjia", "玩家电竞馆", "games", "长沙", "河西店", "麓山南路77号", 28.1700, 112.9400),
    ("jinxiu", "锦绣理发", "barber", "长沙", "定王台店", "定王台街5号", 28.1930, 112.9830),
    ("xiangwei", "湘味小馆", "food", "长沙", "南门口店", "黄兴南路141号", 28.1840, 112.9750),
    ("chaye", "君山茶业", "food", "岳阳", "巴陵店", "巴陵中路23号", 29.3700, 113.1000),
    ("yunqi", "云启贵宾厅", "travel", "长沙", "黄花店", "黄花机场T2", 28.1890, 113.2200),
)  # fmt: skip

# code, merchant, club, title, points, fen, kind, face value in fen
OFFERS = (
    ("film-half", "xinghe", "film", "半价电影票", 500, 1500, "ticket", 3500),
    ("film-ticket", "huayi", "film", "2D电影票", 1200, 0, "ticket", 4000),
    ("carwash", "jieli", "car", "洗车券", 600, 0, "service", 2500),
    ("carwash-part", "jieli", "car", "洗车券(十分之一)", 60, 0, "service", 250),
    ("maintenance", "anxing", "car", "小保养", 5000, 0, "service", 18000),
    ("gym-day", "dongli", "sports", "健身日卡", 700, 0, "service", 3000),
    ("pitch-hour", "qiuchang", "sports", "球场一小时", 1500, 0, "service", 6000),
    ("lottery-2", "haoyun", "lottery", "2元彩票", 70, 0, "goods", 200),
    ("arena-hour", "wanjia", "gamers", "电竞馆一小时", 300, 0, "service", 1200),
    ("haircut", "jinxiu", None, "剪发券", 900, 0, "service", 3800),
    ("noodles", "xiangwei", None, "米粉一碗", 400, 0, "goods", 1500),
    ("tea", "chaye", None, "君山银针50克", 2000, 0, "goods", 6800),
    ("lounge", "yunqi", "vip", "贵宾厅一次", 3000, 0, "event_pass", 12000),
)

# days from now, Shanghai hour, film, cinema, points, fen
SCREENINGS = (
    (1, 10, "长江图", "星河影城五一店", 900, 2500),
    (1, 19, "大河之上", "星河影城五一店", 1200, 3500),
    (2, 14, "星际归途", "华艺影院河西店", 1200, 3500),
    (2, 20, "大河之上", "华艺影院河西店", 1200, 3500),
    (3, 19, "夏天的信", "星河影城五一店", 900, 2500),
    (5, 19, "长江图", "华艺影院河西店", 900, 2500),
)

# club, title, about, place, days from now, first and last hour in Shanghai, capacity
ACTIVITIES = (
    (None, "社区健康讲座", "三甲医院的大夫讲高血压怎么防，讲完免费量血压。", "定王台社区活动室",
     2, 9, 11, 40),
    ("film", "周末观影会", "一起看《大河之上》，看完和影评人聊一聊，送爆米花。",
     "星河影城五一店3号厅", 3, 14, 17, 30),
    ("car", "车友自驾一日游", "去靖港古镇，有领队和救援车，每车最多4人。", "芙蓉广场东门集合",
     5, 8, 18, 20),
    ("sports", "看球之夜", "大屏幕看决赛，猜比分送球票。", "绿茵球馆岳塘店", 6, 19, 22, 50),
)  # fmt: skip

# openid, number, (consumption, promotional, promotional that expire within a month)
PEOPLE = (
    ("o_lilei", "+8613800000001", (1200, 300, 80)),
    ("o_hanmeimei", "+8613800000002", (5600, 0, 0)),
    (None, "+8613800000003", (430, 0, 25)),
    ("o_xiaozhang", None, (0, 0, 0)),
    (None, "+8613800000004", (260, 0, 0)),
)

# hours ago, kind, words, page
LETTERS = (
    (30, "points", "您有120积分最晚用到下个月底，过后就不能用了。查积分回复JF。", None),
    (3, "vouchers", "提醒您：积分可以换洗车、理发和电影票，点这里看看：{page}", "/offers"),
)


def seed(tx: Tx, now: datetime, *, rules: bool = True) -> dict[str, int]:
    """Insert what is missing; returns how many of each there should be.

    Without `rules` nothing earns points: for tests and measurements, which bring their own.
    """
    for position, (code, name, intro, fen) in enumerate(CLUBS):
        _insert(
            tx, clubs.clubs, code=code, name=name, intro=intro, price_fen=fen,
            boss_service=f"CLUB_{code.upper()}", position=position, is_open=True,
        )  # fmt: skip
    for code, name, category, city, branch, address, latitude, longitude in MERCHANTS:
        _insert(tx, merchants, code=code, name=name, category=category, city=city, state="open")
        points.open_house_account(tx, redeeming.account(code))
        _insert(
            tx, stores, merchant_code=code, store_no=1, name=name + branch, address=address,
            latitude=latitude, longitude=longitude,
        )  # fmt: skip
    for code, merchant, club, title, price, fen, kind, face in OFFERS:
        _insert(
            tx, offers, code=code, merchant_code=merchant, club_code=club, title=title,
            price_points=price, price_fen=fen, kind=kind, face_fen=face,
            pays_bp=agreed.usual_pays_bp(kind),
        )  # fmt: skip
    _seed_screenings(tx, now)
    if tiers.live(tx) is None:
        content = tier_rules.read(TIERS_FILE).content()
        tiers.publish(tx, content, author="seed", note="as delivered", now=now)
    if rating.live(tx) is None:
        content = merchant_rules.read(MERCHANTS_FILE).content()
        rating.publish(tx, content, author="seed", note="as delivered", now=now)
    if not memberships.live(tx).version:
        content = membership_rules.read(MEMBERSHIPS_FILE).content()
        memberships.publish(tx, content, author="seed", note="as delivered", now=now)
    draws = _seed_draws(tx, now)
    _seed_tasks(tx, now)
    _seed_activities(tx, now)
    if rules:
        _seed_earning(tx, now)
        demo_invitations.seed(tx, now)
    surveys = _seed_surveys(tx, now)
    for openid, number, amounts in PEOPLE:
        _seed_person(tx, openid, number, amounts, now)
    return {
        "clubs": len(CLUBS), "merchants": len(MERCHANTS), "offers": len(OFFERS),
        "draws": draws, "activities": len(ACTIVITIES), "screenings": len(SCREENINGS),
        "surveys": surveys,
        "subscribers": len(PEOPLE),
    }  # fmt: skip


def _seed_draws(tx: Tx, now: datetime) -> int:
    """The draws of the folder rules/, open this year and the next, whenever this is."""
    files = draw_files.read_folder(RULES)
    found = draw_files.load(files, there=draw_files.known(tx)).drafts
    year = points.day_of(now).year
    window = Window(first=date(year, 1, 1), until=date(year + 1, 12, 31))
    live = publishing.live(tx)
    for draw in found.values():
        if draw.code not in live:
            publishing.publish(
                tx, draw.model_copy(update={"window": window}), None, author="seed",
                note="as delivered", now=now,
            )  # fmt: skip
    return len(found)


def _seed_earning(tx: Tx, now: datetime) -> None:
    """The rules that give points for what is done."""
    if not earning_rules.newest(tx):
        found = rule_files.load(RULES, clubs=clubs.codes(tx), draws=publishing.taking_chances(tx))
        drafts = list(found.drafts.values())
        earning.publish(tx, drafts, by="seed", note="as delivered", now=now)


def _seed_tasks(tx: Tx, now: datetime) -> None:
    if following.content_of(tx) is None:
        content = task_rules.read(TASKS_FILE, clubs=clubs.codes(tx)).content()
        following.publish(tx, content, author="seed", note="as delivered", now=now)


def _seed_activities(tx: Tx, now: datetime) -> None:
    if planning.listed(tx):
        return
    today = now.astimezone(points.SHANGHAI).replace(minute=0, second=0, microsecond=0)
    for club, title, about, place, days, first, last, capacity in ACTIVITIES:
        day = today + timedelta(days=days)
        starts_at = day.replace(hour=first)
        plan = planning.Plan(
            club, False, title, about, place, starts_at, day.replace(hour=last),
            starts_at - timedelta(hours=2), capacity,
        )  # fmt: skip
        number = planning.add(tx, plan, author="seed", now=now)
        planning.publish(tx, number, now=now)


def _seed_surveys(tx: Tx, now: datetime) -> int:
    """The surveys of the folder rules/, open this year and the next; nobody is invited to them."""
    found = survey_rules.load(survey_rules.read_folder(RULES))
    year, live = points.day_of(now).year, definition.live(tx)
    for survey in found.values():
        if survey.code not in live:
            content = survey.content() | {"invite_most": 0}
            content["window"] = {"from": f"{year}-01-01", "until": f"{year + 1}-12-31"}
            definition.publish(tx, content, author="seed", note="as delivered", now=now)
    return len(found)


def _seed_screenings(tx: Tx, now: datetime) -> None:
    today = now.astimezone(points.SHANGHAI).replace(minute=0, second=0, microsecond=0)
    for days, hour, film, cinema, price, fen in SCREENINGS:
        starts_at = (today + timedelta(days=days)).replace(hour=hour)
        _insert(
            tx, screenings, code=f"{starts_at:%m%d%H}-{film}", club_code="film", film=film,
            cinema=cinema, starts_at=starts_at, price_points=price, price_fen=fen,
        )  # fmt: skip


def _seed_person(
    tx: Tx, openid: str | None, number: str | None, amounts: tuple[int, int, int], now: datetime
) -> None:
    channel, address = ("sms", number) if number else ("wechat", openid)
    if subscribers.find(tx, channel, address or "") is not None:
        return
    who = subscribers.lock(tx, channel, address or "", now)
    if openid and number:
        _insert(
            tx, subscribers.addresses, channel="wechat", address=openid, subscriber_id=who.id,
            since=now,
        )  # fmt: skip
    today = now.astimezone(points.SHANGHAI).date()
    lots: tuple[tuple[str, int, date], ...] = (
        (points.CONSUMPTION, amounts[0], date(today.year + 2, 12, 31)),
        (points.PROMOTIONAL, amounts[1], date(today.year + 1, 6, 30)),
        (points.PROMOTIONAL, amounts[2], today + timedelta(days=20)),
    )
    for number_of_lot, (kind, amount, expires_on) in enumerate(lots):
        if amount:
            cause = points.Cause(f"seed:{who.id}:{number_of_lot}", "seed", "import", "sample data")
            points.issue(
                tx, who, kind=kind, points=amount, expires_on=expires_on, cause=cause, now=now
            )
    if openid == "o_hanmeimei":
        _seed_mailbox(tx, who.id, now)


def _seed_mailbox(tx: Tx, owner: int, now: datetime) -> None:
    """What somebody was told, and closed: to have something to look at."""
    for hours, kind, words, page in LETTERS:
        at = now - timedelta(hours=hours)
        keeping = mailbox.keeping(
            subscriber_id=owner, letter_id=outbox.next_id(tx), kind=kind, category="notice",
            words=words, words_sms=f"【和生活圈】{words}", page=page, now=at, way="sms",
        )  # fmt: skip
        sql.together(tx, [keeping])
    _insert(
        tx, preferences.preferences, subscriber_id=owner, kind="marketing", channel="sms",
        wanted=False, at=now,
    )  # fmt: skip


def _insert(tx: Tx, table: Table, **values: Any) -> None:
    tx.execute(insert(table).values(**values).on_conflict_do_nothing())
