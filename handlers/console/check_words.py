"""What the checks and `menus diff` say, in Chinese: they are written once, in English, for both.

A phrase that stands in no table here is shown as it is. {} in a phrase is anything.
"""

from __future__ import annotations

import re
from functools import lru_cache

from handlers.console.words import CHINESE, language

# What is wrong; a path such as `menu.0.name: ` may stand in front.
_MISTAKES = {
    "unknown key": "没有这个键",
    "missing": "缺少这一项",
    "the file is missing": "缺少这个文件",
    "nothing reads this file": "没有程序会读这个文件",
    "a tab": "这里有制表符（Tab）",
    "not UTF-8": "不是 UTF-8 编码",
    "a second document in one file": "一个文件里写了两份文档",
    "anchors (&) and aliases (*) are not used": "这里不能用 YAML 锚点（&）和引用（*）",
    "tags such as {} are not used": "这里不能用 YAML 标签 {}",
    "a key must be one word or one quoted text": "键必须是一个词，或者一段加引号的文字",
    "{}: written twice": "{} 写了两遍",
    "nested deeper than {} levels": "嵌套超过 {} 层",
    "character {} is not allowed in YAML": "YAML 里不能有字符 {}",
    "not YAML: {}": "不是正确的 YAML：{}",
    "the file has {} bytes; at most {} are read": "文件有 {} 字节，最多 {} 字节",
    "{} bytes together; at most {} are read": "全部文件共 {} 字节，最多 {} 字节",
    "{} files; at most {} are read": "有 {} 个文件，最多 {} 个",
    "half of a character (a lone surrogate)": "只有半个字符",
    "should be names with values": "应该是“名称: 值”",
    "should be a list": "应该是一个列表",
    "has {} items; at most {} can stand here": "有 {} 项，这里最多 {} 项",
    "has {} items; at least {} can stand here": "有 {} 项，这里至少 {} 项",
    "should be a valid string": "应该是文字",
    "should be a valid integer": "应该是整数",
    "should be a valid boolean": "应该是 true 或 false",
    "should be {}": "应该是 {}",
    "should have at least {} character": "至少要有 {} 个字符",
    "should have at most {} characters": "最多 {} 个字符",
    "should match pattern {}": "格式不对，应该符合 {}",
    "should be greater than or equal to {}": "不能小于 {}",
    "should be less than or equal to {}": "不能大于 {}",
    "should be greater than {}": "应该大于 {}",
    "a name needs letters that can be seen, all in one line": "名称要看得见，并且只有一行",
    "{} bytes; WeChat allows {} here, that is {} Chinese characters":
        "{} 字节；微信在这里最多允许 {} 字节，也就是 {} 个汉字",
    "a page of this server starts with one / and has no blanks":
        "本站页面以一个 / 开头，中间没有空格",
    "{} bytes; a page may have {}": "{} 字节；页面地址最多 {} 字节",
    "a URL starts with https:// and has no blanks": "网址以 https:// 开头，中间没有空格",
    "{} bytes; WeChat allows {}": "{} 字节；微信最多允许 {} 字节",
    "needs exactly one of {}; found {}": "{} 里只能写一个，现在写了：{}",
    "`with:` belongs to `dialog:`; a page or a url is told nothing":
        "with: 只能和 dialog: 一起写；page 和 url 不需要",
    "{}: the URL is longer than {} bytes: {}": "“{}”的网址超过 {} 字节：{}",
    "the key has {} bytes; WeChat allows {}": "菜单键有 {} 字节，微信最多允许 {} 字节",
    "{}: nothing is left of this word when it is read": "“{}”去掉标点和空格后什么都不剩",
    "{}: nothing is left of this when it is read": "“{}”去掉标点和空格后什么都不剩",
    "{}: is a word of keywords.yaml": "“{}”已经是 keywords.yaml 里的词",
    "{}: stands in line {} already": "“{}”在第 {} 行已经有了",
    "{}: no word of keywords.yaml": "keywords.yaml 里没有“{}”这个词",
    "{}: turns the sense of a sentence": "“{}”会把意思变反",
    "{}: is an answer to a question": "“{}”是对提问的回答",
    "either a number stands behind the word, or words": "词后面或是数字，或是文字，不能都有",
    "words can only stand behind a number, as another note": "文字只能在数字后面，用另一个名称",
    "numbers can only stand behind a number, as another note":
        "第二个数字只能写在第一个数字后面，记在另一个名称下",
    "{}: reads the same as {} in line {}": "“{}”和“{}”（第 {} 行）读起来一样",
    "{}: would swallow an answer to an open question": "“{}”会把用户对提问的回答吃掉",
    "the default menu is for everybody and has no tag": "默认菜单给所有人看，不能写 tag",
    "tag: missing; only default.yaml is for everybody": "缺少 tag：只有 default.yaml 给所有人看",
    "tag {} is used twice": "标签 {} 用了两次",
    "nobody carries the tag {}": "没有人有标签 {}",
    "{}: written in two files": "{} 在两个文件里都有",
    "{}: missing": "缺少 {}",
    "{}: marketing by SMS must say how to leave": "{} 是营销短信，必须写明怎么退订",
    "{}: no dialog says this": "{}：没有对话会用到这一句",
    "{}: never says {}": "{}：没有用到 {}",
    "signature: the same words for everybody": "signature 对所有人都一样",
    "no dialog {}": "没有叫 {} 的对话",
    "dialog {} needs {}": "对话 {} 需要 {}",
    "dialog {} takes no {}": "对话 {} 不需要 {}",
    "a single {}; write {} for the brace itself": "单独一个 {}；要写这个符号本身，请写成 {}",
    "{}: a placeholder is one simple name, such as {}": "{}：占位符只能是一个简单的名称，例如 {}",
    "an empty sentence": "这一句是空的",
    "needs wechat or sms": "要写 wechat 或 sms",
    "no value for {}": "没有 {} 这个值",
    "about {} characters by SMS, signature and values included; {} SMS hold {}":
        "短信约 {} 个字（含签名和填入的值）；{} 条短信最多 {} 个字",
    "about {} bytes on WeChat; it takes {}": "微信约 {} 字节，最多 {} 字节",
    "everybody has the lowest tier": "最低等级人人都有",
    "the most days first, each once": "天数多的写在前面，每个只写一次",
    "reminded before a term can be renewed": "还不能续费就提醒了",
    "{}: no such club": "没有 {} 这个俱乐部",
    "a membership without an end is never renewed": "一直有效的会籍不用续费",
    "nothing, so nobody becomes premium": "一项也没有，谁也升不了级",
    "tasks and points spent count within a time": "做任务、用积分要写在多长时间内",
    "nothing is counted in it": "没有要在这段时间里数的",
    "needs either `offer:` or `how:`": "offer: 和 how: 要写其中一个，只写一个",
    "this club has no premium members": "这个俱乐部没有高级会员",
    "no such offer": "没有这个优惠",
    "not more than that of {}, {}": "应该比 {} 的 {} 高",
    "{} has it too": "{} 也是这个",
    "{} is in earned.from, too, as {}": "{} 在 earned.from 里也有（{}）",
    "no account, so nobody reaches a tier": "没有账户，谁也到不了任何等级",
    "there is no rule here": "一条规则也没有",
    "not the file's name": "和文件名不一样",
    "no club is called {}": "没有叫 {} 的俱乐部",
    "no draw is called {}": "没有叫 {} 的抽奖",
    "the draw {} takes no earned chances": "抽奖 {} 不接受任务赠送的机会",
    "{} is not in events.yaml": "events.yaml 里没有 {}",
    "the event has no value {}": "事件没有 {} 这个值",
    "gives {}, should give {}": "算出来是 {}，应该是 {}",
    "more than person, so it never counts": "比 person 还大，永远用不上",
    "points of the last days of the window would have expired already":
        "活动最后几天得到的积分一到手就过期了",
    "the rule itself": "就是这条规则自己",
    "the same as of {} in the same group": "和同组的 {} 一样",
    "differs from {} in the same campaign": "和同一活动的 {} 不一样",
    "not known yet: nothing is recorded of it about subscribers":
        "还不能用：系统没有用户的这项资料",
    "until is before from": "until 在 from 之前",
    "say either months or until": "months 和 until 只写一个",
    "has at most two decimals": "最多两位小数",
    "begins when it ends": "开始和结束一样",
    "is empty": "是空的",
    "is no expression: {}": "不是正确的算式：{}",
    "{} is not known": "不认识 {}",
    "{}() is not known": "不认识 {}()",
    "{} cannot stand here": "{} 不能写在这里",
    "{} cannot stand after {}": "{} 不能写在 {} 后面",
    "event alone has no value": "只写 event 没有意义",
    "a value of the wrong type": "值的类型不对",
    "a value of the wrong type: {}": "值的类型不对：{}",
    "division by nothing, for some events, which earn nothing then":
        "有些事件会除以零，这些事件不得分",
    "{}, for some events, which earn nothing then": "{}：有些事件算不出来，这些事件不得分",
    "nobody has a chance to draw": "谁也没有抽奖机会",
    "the odds add up to {}, not {}": "中奖机会加起来是 {}，应该是 {}",
    "{} needs {}": "{} 要写 {}",
    "means nothing for {}": "对 {} 没有意义",
    "there is always enough of nothing": "用不着：谢谢参与总是够的",
    "none is {}, which is given when all else is gone": "要有一个 {}，别的都发完时用",
    "no prize is called {}": "没有叫 {} 的奖品",
    "a blank is no prize": "谢谢参与不算奖品",
    "no tier is called {}": "没有叫 {} 的等级",
    "no live offer is called {}": "线上没有叫 {} 的礼遇",
    "{} do not cover {} draws at {} in a million": "{} 份不够 {} 次抽奖（百万分之 {}）",
    "the stock costs {}, more than {}": "全部库存要 {}，预算只有 {}",
    "{} over {} slices: some release none": "{} 份分 {} 段放出，有的段没有",
    "there is no draw here": "这里没有抽奖",
    # Surveys (menus/survey_rules.py).
    "before the first day": "在第一天之前",
    "of which club?": "哪个俱乐部的？",
    "there is no club {}": "没有俱乐部 {}",
    "{} is where a survey ends": "{} 是问卷的结尾，不能用作题目的 id",
    "{} is called so, too": "和 {} 重名",
    "there is no question {}": "没有题目 {}",
    "{} does not stand further down": "{} 不在后面",
    "nobody ever comes to {}": "没有人会走到 {}",
    "{} to {} answers to choose from": "要有 {} 到 {} 个选项",
    "{} has none": "{} 没有选项",
    "{} has no low answers": "{} 没有低分",
    "stands above already": "上面已经有了",
    "{} characters with its answers; two SMS hold {}": "连选项共 {} 个字；两条短信放得下 {} 个",
}  # fmt: skip

_HINTS = {
    "did you mean {}?": "是不是 {}？",
    "known here: {}": "这里可以写：{}",
    "known: {}": "现有：{}",
    "its values: {}": "它的值有：{}",
    "there are {}": "现有：{}",
    "it takes {}": "它需要：{}",
    "offered here: {}": "这里可以用：{}",
    "write {}": "请写 {}",
    "indent with spaces, never with tabs": "请用空格缩进，不要用 Tab",
    "save the file as UTF-8": "请把文件存成 UTF-8",
    "look at this line and the one above: a colon, a quote or the indentation":
        "请看这一行和上一行：冒号、引号或缩进",
    "write the value out": "请把值写全",
    "remove the tag": "请删掉标签",
    "remove the line ---": "请删掉 --- 这一行",
    "it stands in line {} too": "第 {} 行也有",
    "delete it": "请删掉",
    "delete this line": "请删掉这一行",
    "put it in quotes": "请加引号",
    "a number, without quotes": "写数字，不要加引号",
    "lines like {}": "写成 {} 这样的行",
    "written as {}": "写成 {}",
    "write the character itself": "请直接写这个字",
    "keep one of them": "只留一个",
    "delete it here": "请把这里的删掉",
    "write a word of keywords.yaml": "请写 keywords.yaml 里的一个词",
    "不 and its like are never taken away": "“不”“没”“别”这类字不能当作可以省去的话",
    "an answer cannot mean a word": "回答用的词不能代替别的词",
    "write `takes: ...`, too": "还要写上 `takes: ...`",
    "use letters or characters": "请用字母或汉字",
    "words for yes, no, leaving and numbers cannot be keywords": "是、否、退订和数字不能做关键词",
    "menus stand in wechat/NAME.yaml, sentences in texts/NAME.yaml":
        "菜单放在 wechat/名称.yaml，文字放在 texts/名称.yaml",
    "rules stand in earning/": "规则放在 earning/ 里",
    "{} has it too; a tag has one menu": "{} 也用了；一个标签只有一个菜单",
    "{} has it too": "{} 也有",
    "on purpose? then write {}": "是有意的？那就写上 {}",
    "write it shorter": "请写短一点",
    "add words such as {}": "请加上“{}”这样的话",
    "write it shorter, or give it {} and a shorter {}": "请写短一点，或者分别写 {} 和更短的 {}",
    "call the file {}": "文件请叫 {}",
    "the higher one wins": "数字大的优先",
    "leave the line out": "请去掉这一行",
    "rules of a campaign share its caps and its budget": "同一活动的规则共用上限和预算",
    "end the window first, too": "window 也要先结束",
    "texts stand in quotes, whole numbers do not; double(x) * 1.5":
        "文字加引号，整数不加；小数写 double(x) * 1.5",
    "int(...) rounds towards nothing": "int(...) 去掉小数",
    "a text stands in quotes; a value of the event is written event.name":
        "文字要加引号；事件的值写成 event.名称",
    "one text without placeholders, such as {}": "一段没有占位符的文字，例如 {}",
    "{} are missing; what is left over belongs to the blank": "还差 {}；剩下的算谢谢参与",
    "{} too many; what is left over belongs to the blank": "多了 {}；剩下的算谢谢参与",
    "{} at least, or less stock": "至少 {}，或者减少库存",
    "{} at least": "至少 {}",
    "stop the draw": "要停就停止抽奖",
    "end it: window, until yesterday": "要停就把 window 的 until 改成昨天",
    "a day, as {}": "写成 {} 这样的日期",
    "write `clubs: [...]`, too": "还要写上 `clubs: [...]`",
    "choose another word": "请换一个词",
    "going back would never end": "往回走就没完没了",
    "let a `then:` lead here": "请让一个 `then:` 通到这里",
    "or `kind: words`": "或者写 `kind: words`",
    "or `kind: choice`": "或者写 `kind: choice`",
    "a choice has a `then:` of its own": "选项用自己的 `then:`",
}  # fmt: skip

# Lines of `menus diff`, behind their sign.
_CHANGES = {
    "Menu {} (everybody else)": "菜单 {}（其他所有人）",
    "Menu {} (members with the tag {})": "菜单 {}（有标签 {} 的会员）",
    "Words": "关键词",
    "Synonyms": "同义词",
    "{}: means nothing by itself": "{}：可以省去",
    "{}: says {}": "{}：就是“{}”",
    "Scenes (QR codes)": "场景（二维码）",
    "Texts": "文字",
    "Nothing changes for subscribers.": "用户看到的没有变化。",
    "shown to those with the tag {} (was {})": "给有标签 {} 的人看（原来是 {}）",
    "{}: is now called {}": "{}：改名为 {}",
    "{}: opens {} (was {})": "{}：打开 {}（原来是 {}）",
    "{}: moves to the bar": "{}：移到底部菜单栏",
    "{}: moves to place {}": "{}：移到第 {} 位",
    "{}: moves to {}": "{}：移到 {}",
    "the bar reads {}": "底部菜单栏变成 {}",
    "the whole menu is new": "整个菜单是新的",
    "the whole menu goes; those who saw it get another one of theirs, or the default":
        "整个菜单去掉；原来看到它的人改看自己的另一个菜单，或默认菜单",
    "{} (printed codes with this scene stop working)": "{}（印好的这个二维码会失效）",
    "{} (wechat and sms)": "{}（微信和短信）",
    "{} (wechat)": "{}（微信）",
    "{} (sms)": "{}（短信）",
    "was: {}": "原来：{}",
    "now: {}": "现在：{}",
}  # fmt: skip

_PATH = re.compile(r"([\w.\[\]-]+): (.+)", re.S)


def mistake(message: str, hint: str = "") -> str:
    """A mistake or a warning with what to do about it, in the language of whoever looks."""
    if language() != CHINESE:
        return f"{message} ({hint})" if hint else message
    said = _MISTAKES.get(message)
    if said is None and (parts := _PATH.fullmatch(message)):
        told = _found(_MISTAKES, parts[2])
        said = f"{parts[1]}：{told}" if told else None
    said = said or _found(_MISTAKES, message) or message
    return f"{said}（{_found(_HINTS, hint) or hint}）" if hint else said


def change(line: str) -> str:
    """A line of `menus diff`, in the language of whoever looks."""
    if language() != CHINESE:
        return line
    lead = re.match(r"\s*([-+~>] )?", line)
    sign = lead[0] if lead else ""
    rest = line[len(sign) :]
    return sign + (_found(_CHANGES, rest) or rest)


def _found(table: dict[str, str], said: str) -> str | None:
    for pattern, chinese in _patterns(id(table)) if said else ():
        if values := pattern.fullmatch(said):
            return _filled(chinese, values.groups())
    return None


@lru_cache
def _patterns(table: int) -> list[tuple[re.Pattern[str], str]]:
    """Those that say most first: {} alone would swallow everything."""
    known = {id(each): each for each in (_MISTAKES, _HINTS, _CHANGES)}[table]
    ordered = sorted(known.items(), key=lambda each: (each[0].count("{}"), -len(each[0])))
    return [
        (re.compile("(.+?)".join(re.escape(part) for part in english.split("{}")), re.S), chinese)
        for english, chinese in ordered
    ]


def _filled(chinese: str, values: tuple[str, ...]) -> str:
    parts = chinese.split("{}")
    filled = [part + value for part, value in zip(parts, values, strict=False)]
    return "".join([*filled, *parts[len(values) :]])
