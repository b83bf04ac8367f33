"""The kinds of alarms: when a value is bad, what it means in words, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

# What a subject is.
GATEWAY, CATEGORY, SENDER, NOTHING = "gateway", "category", "sender", ""
SUBJECTS: Mapping[str, Mapping[str, str]] = {
    "zh": {"answer": "答复", "notice": "通知", "marketing": "营销", "smpp": "SMPP", "cmpp": "CMPP",
           "twilio": "Twilio"},
    "en": {"answer": "answers", "notice": "notices", "marketing": "marketing", "smpp": "SMPP",
           "cmpp": "CMPP", "twilio": "Twilio"},
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Kind:
    """`below`: low values are bad. `firm`: one better value clears it, without a margin.

    `stops`: nothing leaves over the gateway while it is so, or not surely.
    """

    about: str
    zh: str
    en: str
    do_zh: str
    do_en: str
    below: bool = False
    firm: bool = False
    stops: bool = False

    def says(self, language: str, *, subject: str, value: int, limit: int) -> str:
        """What is wrong, in a sentence without its full stop."""
        named = SUBJECTS[language].get(subject, subject)
        words = self.en if language == "en" else self.zh
        return words.format(subject=named, value=value, limit=limit)

    def do(self, language: str) -> str:
        """What to do about it."""
        return self.do_en if language == "en" else self.do_zh


KINDS: Mapping[str, Kind] = {
    "sender_down": Kind(
        NOTHING,
        "发送短信的进程没有在跑",
        "no sender of SMS is running",
        "在发送机上启动 make sms，看它的日志为什么停了",
        "start make sms on its machine, and see in its log why it ended",
        firm=True, stops=True,
    ),
    "bind_down": Kind(
        GATEWAY,
        "{subject}网关连上了{value}个连接，应有{limit}个",
        "{subject}: {value} of {limit} binds are up",
        "看发送进程日志里“sms bind lost”的原因：地址、账号、专线；找运营商网关值班",
        "see why in the sender's log (sms bind lost): address, account, line; call the carrier",
        below=True, firm=True, stops=True,
    ),
    "shut": Kind(
        GATEWAY,
        "{subject}网关连续出错，已暂停发送",
        "{subject} failed again and again, and is not asked for now",
        "看运行状况页里最近的错误；系统每隔一会儿会自己再试",
        "see its last error on the page of operations; it is tried again by itself",
        firm=True, stops=True,
    ),
    "failed_over": Kind(
        GATEWAY,
        "{subject}网关错误太多，只给它{value}%的流量",
        "{subject} had too many errors, and has {value}% of the traffic",
        "看短信网关页的失败原因；错误停了，流量会自己慢慢回来",
        "see why on the page of gateways; traffic comes back by itself when no error comes",
        below=True, firm=True, stops=True,
    ),
    "errors": Kind(
        GATEWAY,
        "{subject}网关提交出错{value}%（上限{limit}%）",
        "{subject}: {value}% of submits fail (limit {limit}%)",
        "看发件箱里失败的原因：号码、内容、账号被限；把错误码报给运营商",
        "see why in the outbox: numbers, words, account; tell the carrier the codes",
        stops=True,
    ),
    "throttled": Kind(
        GATEWAY,
        "{subject}网关限流：{value}%的提交被要求慢些（上限{limit}%）",
        "{subject} throttles {value}% of submits (limit {limit}%)",
        "合同速率变了没有：请运营商放宽，或把该网关的 rate_s 调低",
        "ask the carrier whether the contract's rate has changed, or lower rate_s",
    ),
    "window_full": Kind(
        GATEWAY,
        "{subject}网关的窗口已占满{value}秒（上限{limit}秒）",
        "{subject}: no room in its windows for {value} s (limit {limit} s)",
        "短信中心应答慢：请运营商查时延，或按合同把 window 调大",
        "the SMSC answers slowly: have the carrier look, or widen window as the contract allows",
    ),
    "delivery": Kind(
        GATEWAY,
        "{subject}网关最近的回执只有{value}%送达（下限{limit}%）",
        "{subject}: {value}% of the last receipts say delivered (limit {limit}%)",
        "看短信网关页的失败原因；同一原因很多就报给运营商，必要时换网关",
        "see why on the page of gateways; if one code stands out tell the carrier, or move traffic",
        below=True,
    ),
    "backlog": Kind(
        CATEGORY,
        "{subject}短信积压，最早一条已晚了{value}秒（上限{limit}秒）",
        "{subject} wait: the oldest is {value} s late (limit {limit} s)",
        "看网关和后台进程是否正常；群发太快就先暂停",
        "see whether gateways and workers are well; pause a broadcast that is too fast",
    ),
    "spool": Kind(
        SENDER,
        "发送进程{subject}把{value}字节用户短信存在磁盘上，还没处理",
        "sender {subject} keeps {value} bytes of texts on its disk, not heard yet",
        "看数据库连得上没有；进程停了就在那台机器上用原来的 --name 再启动",
        "see whether the database answers; if that sender ended, start it there by the same --name",
        firm=True,
    ),
    "loops": Kind(
        NOTHING,
        "10分钟内有{value}条短信被防循环拦下（上限{limit}条）",
        "{value} SMS were held back as loops within 10 minutes (limit {limit})",
        "看发件箱里“too many in a short time”是哪些号码；对方是机器就加入免打扰号码或封停",
        "see in the outbox which numbers (too many in a short time); block those that are machines",
    ),
}  # fmt: skip
