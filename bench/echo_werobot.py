"""What to compare with: a WeRoBot echo with its default session storage, as its manual shows it.

The storage is an SQLite file in the working directory; each process has one connection to it.
"""

from __future__ import annotations

import os
from typing import Any

from werobot import WeRoBot

robot = WeRoBot(
    token=os.environ["CIRCLE_WECHAT__TOKEN"],
    app_id=os.environ["CIRCLE_WECHAT__APP_ID"],
    encoding_aes_key=os.environ["CIRCLE_WECHAT__ENCODING_AES_KEY"],
)


# A handler that takes a session has it read before and written after it.
@robot.handler
def echo(message: Any, session: dict[str, Any]) -> str:
    """Answer with the key or text that came, and remember that."""
    said = str(message.key if message.type.endswith("_event") else message.content)
    session["last"] = said
    return said


app = robot.wsgi
