"""Whether a text says how to leave: what is sent to gain by it must, or it is refused.

    回复TD退订   退订回T   拒收请回复“退订”   不想再收到请回复TD   Reply STOP to opt out

An instruction counts only if what it asks for ends our messages (sms/replies.py: OPT_OUT): who is
told 拒收请回R would answer R, and go on being written to.
"""

from __future__ import annotations

import re
import unicodedata

# For whoever is refused.
EXAMPLE = "回复TD退订"

# Words that leave by themselves, so that "回复退订" says what for.
_PLAIN = ("退订", "拒收", "停止发送", "停发", "unsubscribe", "stop", "optout")
# Words that say nothing by themselves.
_SHORT = ("td", "t")
WORDS = (*_PLAIN, *_SHORT)

_PURPOSE = (
    r"(?:退订|退定|拒收|拒绝接收|取消订阅|退出订阅|停止接收|不再接收|不再收到?|不想再?收到?"
    r"|不愿再?收到?|不需要|免打扰|unsubscribe|optout|stopreceiving|nomoremessages|tostop)"
)
_VERB = r"(?:回复?|发送?|短信至?|编辑|输入|键入|reply(?:with)?|text|send)"
_QUOTES = "\"'“”‘’「」『』《》〈〉[]【】()<>"
# Behind the word: the end of what is to be typed. 回复T恤, 回TDK and 回复退订单号 are other things.
_ENDS = (
    r"(?=$|[^0-9a-z\u3400-\u9fff]|即|可|就|来|以|后|至|到|给|吧|哦|取消|to|at|and|or|或"
    rf"|{_PURPOSE})"
)
_TYPED = rf"{_VERB}(?P<word>{'|'.join(WORDS)}){_ENDS}"
# Without a verb the word and what it does stand together: TD退订, 退订T.
_BARE = r"(?:(?<![0-9a-z])td?(?:退订|拒收)|(?:退订|拒收)[:,]?td?(?![0-9a-z]))"
_NOT = (
    r"(?:不能|无法|不可以?|不支持|不接受|没有|勿|不要|别|无须|无需|不必"
    r"|cannot|cant|donot|dont|never)"
)
_DENIED = re.compile(rf"{_NOT}(?:再|直接|通过|请)?(?:{_VERB}|{_PURPOSE})")
_HOW = re.compile(rf"{_TYPED}|{_BARE}")
_WHY = re.compile(_PURPOSE)
_SENTENCES = re.compile(r"[。!?;\n]|\.(?=\s|$)")
_SIMPLIFIED = str.maketrans("訂復覆發傳絕輸後來給", "订复复发传绝输后来给")


def says_how_to_leave(text: str) -> bool:
    """Whether the text tells its reader what to answer so that no more of it comes."""
    plain = unicodedata.normalize("NFKC", text).casefold().translate(_SIMPLIFIED)
    return any(_says(_typed_only(sentence)) for sentence in _SENTENCES.split(plain))


def _typed_only(sentence: str) -> str:
    """Without blanks, hyphens, quotes and what cannot be seen: "opt-out" is "optout"."""
    return "".join(
        char
        for char in sentence
        if not char.isspace()
        and char not in _QUOTES
        and char != "-"
        and unicodedata.category(char) not in ("Cf", "Cc")
    )


def _says(sentence: str) -> bool:
    if _DENIED.search(sentence):
        return False
    for found in _HOW.finditer(sentence):
        word = found["word"]
        if word is None or word in _PLAIN or _WHY.search(sentence):
            return True
    return False
