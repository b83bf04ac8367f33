"""What a file is, in an operator's words; of one that nobody here knows, its first comment."""

from __future__ import annotations

import re
from collections.abc import Mapping

from handlers.console.words import _

ABOUT_CHARS = 80
_TITLE = re.compile(r"""^title:\s*["']?(.+?)["']?\s*$""", re.MULTILINE)
_KNOWN: Mapping[str, str] = {
    "keywords.yaml": _("用户可以发的词，和它们的拼音首字母"),
    "synonyms.yaml": _("用户换个说法、说客气话时，怎么还能看懂"),
    "scenes.yaml": _("每个二维码写着什么、扫了打开什么"),
    "events.yaml": _("BOSS 会告诉我们哪些事，带哪些数"),
    "agents.yaml": _("代理点的佣金、结算和代办限制"),
    "merchants.yaml": _("商户怎么评级：看什么、各占多少"),
    "memberships.yaml": _("俱乐部会籍：期限、续费、高级会员、服务"),
    "tiers.yaml": _("会员等级：门槛、有效期、权益"),
    "tasks.yaml": _("任务：做什么、给谁做、记多少积分"),
    "wechat/default.yaml": _("默认菜单：没有标签的人看到的"),
    "texts/activities.yaml": _("活动：报名、候补、取消、签到；任务"),
    "texts/agents.yaml": _("代理商用短信替顾客兑换"),
    "texts/answers.yaml": _("积分以外常问的：话费、流量、没收到券、注销"),
    "texts/balance.yaml": _("查积分：有多少、什么时候到期、能换什么"),
    "texts/bind_phone.yaml": _("用短信验证码绑定手机号"),
    "texts/club_news.yaml": _("会籍到期、升级时主动说的话"),
    "texts/clubs.yaml": _("俱乐部：清单、服务、升级、续费、暂停、退会"),
    "texts/coins.yaml": _("积分换如意币、换回来"),
    "texts/common.yaml": _("短信签名，和各处都用的话"),
    "texts/complaints.yaml": _("投诉：受理、处理、答复"),
    "texts/draw.yaml": _("抽奖：选哪个、花多少、抽中什么"),
    "texts/earning.yaml": _("为什么得了这些积分"),
    "texts/feedback.yaml": _("用户的反馈：怎么问、怎么答复"),
    "texts/gifts.yaml": _("转赠积分：怎么问、怎么告诉对方"),
    "texts/hand_over.yaml": _("转人工：接上、等候、结束"),
    "texts/help.yaml": _("帮助：能说什么；和 keywords.yaml 一起改"),
    "texts/history.yaml": _("最近的积分进出"),
    "texts/invitations.yaml": _("邀请朋友：海报、链接、短信、奖励"),
    "texts/join_club.yaml": _("加入俱乐部：怎么问、怎么答"),
    "texts/mailbox.yaml": _("消息：清单和看一条"),
    "texts/my_tier.yaml": _("我的等级和权益"),
    "texts/opt_out.yaml": _("退订和恢复"),
    "texts/points.yaml": _("积分明细里每一笔叫什么"),
    "texts/ratings.yaml": _("用完券以后请用户打分"),
    "texts/redeem.yaml": _("兑换优惠：怎么问、怎么答"),
    "texts/settings.yaml": _("选收哪些通知、从哪里收"),
    "texts/surveys.yaml": _("问卷：邀请、题目、答谢"),
    "texts/tiers.yaml": _("会员等级变化时主动说的话"),
    "texts/vouchers.yaml": _("我的券：清单、提醒、转送、退回"),
    "texts/what_for.yaml": _("这些积分能换什么"),
    "texts/words.yaml": _("没有看懂时说什么，语音、图片怎么答，附近的门店"),
}


def about(name: str, text: str, clubs: Mapping[str, str]) -> str:
    """What the file of this name is; `clubs` are names of clubs by their codes."""
    if name in _KNOWN:
        return _(_KNOWN[name])
    folder, stem = name.rpartition("/")[0], name.rpartition("/")[2].removesuffix(".yaml")
    if folder == "wechat":
        return _("“{who}”会员看到的菜单", who=clubs.get(stem, stem))
    title = _TITLE.search(text) if folder == "earning" else None
    return title[1][:ABOUT_CHARS] if title else _first_comment(text)


def _first_comment(text: str) -> str:
    for line in text.split("\n")[:5]:
        said = line.lstrip("\ufeff").removeprefix("#").strip()
        if line.startswith(("#", "\ufeff#")) and not said.startswith("yaml-language-server"):
            return said[:ABOUT_CHARS]
    return ""
