"""Reads a reply such as " 是。": yes, no, opt-out, opt-in, a number, or nothing of these.

The whole message must be the word: 不是 holds 是, and T恤 begins with T. What asks (是吗, 是?)
answers nothing.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cache

from opencc import OpenCC


def _words(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


# Word lists: simplified, lower case, without white space and punctuation, as normalise() leaves
# them. Consent for a service needs a clear yes, so 收到 (received) and 哦 (oh) are none.
YES = _words("""
    是 系 是的 是啊 是呀 是哦 是滴 是哒 是是 是是是 我是 对 对的 对啊 对呀 对对 对对对
    好 好的 好滴 好哒 好啊 好呀 好吧 好嘞 好咧 好哦 好喔 好好 好好好 好的好的 好啦
    行 行的 行啊 行吧 可以 可以的 可以啊 可以呀 成 没问题 没有问题 当然 当然可以 当然好 必须的
    同意 我同意 同意的 同意了 确认 我确认 确认的 确定 我确定 接受 我接受 愿意 我愿意
    嗯 嗯嗯 嗯呢 嗯哪 恩 恩恩 要 我要 要的 要啊 需要 我需要 想要
    加入 我加入 我要加入 同意加入 确认加入 参加 我参加 我要参加
    开通 我要开通 同意开通 确认开通
    回复是 回是 答是 选是 是我同意 是同意 好的同意 好的可以 是的同意 是的可以 是的好的
    1 y ye yes yeah yea yep yup ya ok oke okay okey okok okk sure agree agreed iagree confirm
    shi shide hao haode keyi tongyi queren xing en
    👌 👌👌 👌👌👌 👍 👍👍 👍👍👍 ✅ ✔ ☑ 🆗 🙆 🙆♂ 🙆♀ ⭕
""")
NO = _words("""
    否 不 不是 不是的 不是我 不不 不不不 不要 我不要 不要了 不用 不用了 我不用
    不需要 我不需要 不同意 我不同意 不可以 不行 不行的 不好 不成 不对 不了 不可能
    不想 我不想 不想要 不愿意 我不愿意 不接受 不加入 我不加入 不参加 我不参加
    不换 不换了 不赠 不赠了 不送 不送了 不抽 不抽了 不退 不退了
    不开通 我不开通 不办 不办理 不确认 不买 没兴趣 没有兴趣 不感兴趣 不考虑 不必 不必了
    免了 别 别了 拒绝 我拒绝 取消 我取消 取消吧 算了 算了吧 放弃 我放弃 没有 没
    暂不 暂时不要 暂时不用 暂时不需要 先不要 先不用 先不了
    下次 下次吧 以后再说 再说 再说吧 才不 才不要 回复否 回否 答否 选否
    0 n no nope nah nay notnow disagree bu bushi buyao buyong butongyi fou
    👎 ❌ ❎ ✖ 🙅 🙅♂ 🙅♀
""")
# Leaving must be as easy as TD, T, 退订 or STOP. The other English words are those at which
# Twilio itself blocks the number (twilio.com: default opt-out keywords), so we must know them.
OPT_OUT = _words("""
    td t 退 退订 退定 我要退订 我退订 请退订 要退订 退订短信 退订服务 全部退订 立即退订 马上退订
    给我退订 取消订阅 退出订阅 停止 停止发送 停止订阅 停发 拒收 拒收短信 不再接收 不接收
    别发了 别再发 别再发了 别给我发了 不要发了 不要再发 不要再发了 不要给我发短信
    回复td 回td 回复t 回t 发送td 回复退订 退订td td退订 tuiding 🛑
    stop stopall unsubscribe unsub cancel end quit revoke optout
""")
# START and UNSTOP are Twilio's own; its YES is a plain yes here.
OPT_IN = _words("""
    恢复 恢复短信 恢复接收 恢复订阅 恢复服务 我要恢复 重新订阅 重新接收 我要订阅 订阅 取消退订
    start unstop resume subscribe optin
""")
# A courtesy after the answer changes nothing: 好的谢谢, no thanks.
POLITE = (
    *("谢谢您", "谢谢你", "谢谢啦", "谢谢了", "谢谢", "多谢", "谢了", "感谢", "麻烦了", "辛苦了"),
    *("thank you", "thanks", "thankyou", "thx", "please", "pls"),
)
# Smiles, hands and flowers around an answer. What can turn its sense (👎 😂 🙄) is not among them.
KINDLY = "😊🙂😀😃😄😁😆😇🥰😍😘😚☺🤗🤝🙏👏💪🌹🌷🌸🌺💐🎉🎊✨⭐🌟❤💕💖👍👌✅🆗"

# Fits a 64-bit integer; longer ones are cards and numbers of other things.
NUMBER_DIGITS_MAX = 18
# No word of ours is longer; what is longer is not worth converting to simplified.
WORD_CHARS_MAX = 200
READ_CHARS_MAX = 2048
CHINESE_DIGITS = {
    **dict(zip("零一二三四五六七八九十", range(11), strict=True)),
    "〇": 0,
    "两": 2,
}

# Not among them: % $ ¥ + and a minus in front, which make another number of 1.
_EDGE = " ,;:!?。、…·•~'\"“”‘’`´()[]{}<>《》〈〉「」『』【】〔〕*#_^|/\\=&@§¡¿"
_LEADING = re.compile(rf"(?:[{re.escape(_EDGE)}]|[-—–.]+(?![-—–.0-9]))+")
_TRAILING = _EDGE + ".-—–"
_GAP = re.compile(r"\s+")
_CHOSEN = re.compile(r"(?:选|选择|第)?([0-9]+|[零〇一二两三四五六七八九十])(?:个|项)?")
_THOUSANDS = re.compile(r"[0-9]{1,3}(?:,[0-9]{3})+")
# Variation selectors and skin tones change how an emoji looks, not what it says.
_LOOKS = re.compile("[\ufe00-\ufe0f\U0001f3fb-\U0001f3ff\u20e3]")


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply: as sent, as normalised, and what it says. 1 is both yes and a number."""

    text: str
    normal: str
    is_yes: bool
    is_no: bool
    is_opt_out: bool
    is_opt_in: bool
    number: int | None
    picture: str = ""  # where a picture was sent instead: WeChat's media id


def read(text: str) -> Reply:
    """What the whole message says; all False and None when it is something else."""
    normal = normalise(text)
    answer = "" if _asks(text) else _without_courtesy(normal).replace(" ", "")
    is_opt_out = answer in OPT_OUT
    return Reply(
        text=text,
        normal=normal,
        is_yes=answer in YES,
        is_no=answer in NO,
        is_opt_out=is_opt_out,
        is_opt_in=answer in OPT_IN,
        number=_number(normal) if answer else None,
    )


def normalise(text: str) -> str:
    """The text for comparing: half-width, simplified, lower case, without the white space,
    quotes, punctuation and kind emoji around it. Between Latin words one space stays.
    """
    # Longer than any word of ours; one character can become eighteen by NFKC.
    plain = unicodedata.normalize("NFKC", text[:READ_CHARS_MAX])
    plain = _LOOKS.sub("", "".join(char for char in plain if _is_visible(char)))
    plain = _without_edges(_GAP.sub(_kept_gap, plain.strip()))
    if not plain.isascii() and len(plain) <= WORD_CHARS_MAX:
        # OpenCC keeps 妳, which is the same word to us.
        plain = _to_simplified().convert(plain).replace("妳", "你")
    return plain.casefold()


def _is_visible(char: str) -> bool:
    return char.isspace() or unicodedata.category(char) not in ("Cf", "Cc")


def _kept_gap(gap: re.Match[str]) -> str:
    before, after = gap.string[gap.start() - 1], gap.string[gap.end()]
    return " " if before.isascii() and after.isascii() else ""


def _without_edges(plain: str) -> str:
    while True:
        leading = _LEADING.match(plain)
        shorter = plain[leading.end() if leading else 0 :].rstrip(_TRAILING)
        # 👌 alone is the answer; after 好的 it is decoration.
        shorter = shorter.strip(KINDLY) or shorter
        if shorter == plain:
            return plain
        plain = shorter


def _without_courtesy(normal: str) -> str:
    for courtesy in POLITE:
        rest = normal.removesuffix(courtesy)
        if rest and rest != normal:
            return _without_edges(rest)
    return normal


def _asks(text: str) -> bool:
    for char in reversed(unicodedata.normalize("NFKC", text)):
        if char == "?" or char.isalnum():
            return char == "?"
    return False


def _number(normal: str) -> int | None:
    if _THOUSANDS.fullmatch(normal):
        normal = normal.replace(",", "")
    chosen = _CHOSEN.fullmatch(normal)
    if chosen is None or len(chosen[1]) > NUMBER_DIGITS_MAX:
        return None
    return CHINESE_DIGITS[chosen[1]] if chosen[1] in CHINESE_DIGITS else int(chosen[1])


@cache
def _to_simplified() -> OpenCC:
    # Loaded with the first Chinese message: the dictionaries take some milliseconds and megabytes.
    return OpenCC("t2s")
