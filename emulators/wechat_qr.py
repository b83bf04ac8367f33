"""WeChat's QR codes with a scene: made by ticket, drawn, and read by a phone."""

import base64
import io
import secrets

import qrcode

from emulators import wechat_media
from emulators.people import NotPossible
from emulators.state import Json, State, Ticket
from emulators.wechat_errors import WeChatError
from emulators.world import World

# docs: 生成带参数的二维码
LONGEST_LIFE_S = 2_592_000
DEFAULT_LIFE_S = 60
LARGEST_TEMPORARY_ID = 2**32 - 1
LARGEST_PERMANENT_ID = 100_000
LONGEST_SCENE = 64
MOST_PERMANENT = 100_000
# The emulator's own limit: the oldest temporary codes are forgotten first.
MOST_TICKETS = 120_000


def create(world: World, body: Json) -> Json:
    """POST qrcode/create."""
    action = str(body.get("action_name", ""))
    if action not in ("QR_SCENE", "QR_STR_SCENE", "QR_LIMIT_SCENE", "QR_LIMIT_STR_SCENE"):
        raise WeChatError(40053)
    permanent = "LIMIT" in action
    scene = _scene(body, text="STR" in action, permanent=permanent)
    life_s = None if permanent else _life_s(body)
    with world.lock:
        ticket = _ticket(world, scene, life_s)
    world.changed()
    answer: Json = {"ticket": ticket.ticket, "url": link(world, ticket)}
    if life_s is not None:
        answer["expire_seconds"] = life_s
    return answer


def link(world: World, ticket: Ticket) -> str:
    """What is written in the QR code."""
    return f"{world.own_url}/q/{ticket.ticket}"


def picture(world: World, ticket: str) -> bytes | None:
    """The PNG of a ticket; None for an unknown or expired one."""
    with world.lock:
        found = world.state.tickets.get(ticket)
    if found is None or _is_over(world, found):
        return None
    drawing = qrcode.QRCode(border=4, box_size=10)
    drawing.add_data(link(world, found))
    stream = io.BytesIO()
    drawing.make_image().save(stream, "PNG")
    return stream.getvalue()


def read(world: World, body: Json) -> Ticket:
    """What a phone reads: by 'scene', 'ticket' or 'url' of the code, or the 'media' of a picture
    that somebody has got. Raises NotPossible."""
    scene, name = str(body.get("scene") or ""), str(body.get("ticket") or "")
    url = str(body.get("url") or "")
    if media := str(body.get("media") or ""):
        url = wechat_media.read_code(world, media)
    if url:
        name = url.rpartition("/q/")[2]
    with world.lock:
        if name:
            found = world.state.tickets.get(name)
            if found is None:
                raise NotPossible("this is no QR code of the account")
            if _is_over(world, found):
                raise NotPossible("二维码已过期")
            return found
        if not scene:
            raise NotPossible("scan what? give 'scene', 'ticket' or 'url'")
        same = [t for t in world.state.tickets.values() if t.scene == scene]
        good = next((t for t in same if not _is_over(world, t)), None)
        return good or _ticket(world, scene, None)


def _scene(body: Json, *, text: bool, permanent: bool) -> str:
    info = body.get("action_info")
    scene = info.get("scene") if isinstance(info, dict) else None
    if not isinstance(scene, dict):
        raise WeChatError(40053)
    if text:
        value = scene.get("scene_str")
        if not isinstance(value, str) or not 1 <= len(value) <= LONGEST_SCENE:
            raise WeChatError(40053)
        return value
    number = scene.get("scene_id")
    largest = LARGEST_PERMANENT_ID if permanent else LARGEST_TEMPORARY_ID
    if not isinstance(number, int) or not 1 <= number <= largest:
        raise WeChatError(40053)
    return str(number)


def _life_s(body: Json) -> int:
    life_s = body.get("expire_seconds", DEFAULT_LIFE_S)
    if not isinstance(life_s, int) or not 1 <= life_s <= LONGEST_LIFE_S:
        raise WeChatError(40035)
    return life_s


def _ticket(world: World, scene: str, life_s: int | None) -> Ticket:
    state = world.state
    if life_s is None:
        permanent = [t for t in state.tickets.values() if t.expires_at is None]
        for one in permanent:
            if one.scene == scene:
                return one
        if len(permanent) >= MOST_PERMANENT:
            raise WeChatError(45029)
    _forget_oldest(state)
    # Tickets look like gQH47joAAAAA...: 96 characters that a URL must escape.
    name = "gQ" + base64.b64encode(secrets.token_bytes(69)).decode()
    name = name.replace("/", "_").replace("+", "-") + "=="
    expires_at = None if life_s is None else world.timers.now() + life_s
    fresh = Ticket(name, scene, expires_at)
    state.tickets[name] = fresh
    return fresh


def _forget_oldest(state: State) -> None:
    if len(state.tickets) >= MOST_TICKETS:
        oldest = next((n for n, t in state.tickets.items() if t.expires_at is not None), None)
        if oldest is not None:
            del state.tickets[oldest]


def _is_over(world: World, ticket: Ticket) -> bool:
    return ticket.expires_at is not None and ticket.expires_at <= world.timers.now()
