"""WeChat's temporary media: pictures that we upload to send them, kept for three days.

POST media/upload   GET media/get   and GET /media/<id>, which is how a phone shows one
"""

import io
import secrets

import zxingcpp
from flask import Response, request
from PIL import Image

from emulators.people import NotPossible
from emulators.state import Json, Media
from emulators.wechat_errors import WeChatError
from emulators.world import World

# docs: 新增临时素材
LIFETIME_S = 3 * 24 * 3600
LARGEST_PICTURE = 10 * 1024 * 1024
PICTURES = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg", b"GIF8": "image/gif"}
# The emulator's own limit: the oldest are forgotten first.
MOST_KEPT = 200


def upload(world: World, body: Json) -> Json:
    """POST media/upload?type=image, a form with the file `media`."""
    if body.get("type") != "image":
        raise WeChatError(40004)
    file = request.files.get("media")
    if file is None:
        raise WeChatError(41005)
    media = put(world, file.read())
    return {"type": "image", "media_id": media.id, "created_at": int(world.timers.now())}


def put(world: World, content: bytes) -> Media:
    """Keep a picture. Raises WeChatError for what is none."""
    kind = next((kind for start, kind in PICTURES.items() if content.startswith(start)), None)
    if kind is None:
        raise WeChatError(40005)
    if len(content) > LARGEST_PICTURE:
        raise WeChatError(40009)
    media = Media(secrets.token_urlsafe(48), kind, content, world.timers.now() + LIFETIME_S)
    with world.lock:
        world.media[media.id] = media
        for old in list(world.media)[:-MOST_KEPT]:
            del world.media[old]
    return media


def find(world: World, media_id: object) -> Media | None:
    """A picture that has not run out, or None."""
    with world.lock:
        found = world.media.get(str(media_id))
    return found if found is not None and found.expires_at > world.timers.now() else None


def show(world: World, media_id: str) -> Response:
    """GET /media/<id>: the picture."""
    found = find(world, media_id)
    if found is None:
        return Response("no such picture", status=404, mimetype="text/plain")
    return Response(found.content, mimetype=found.kind)


def read_code(world: World, media_id: str) -> str:
    """What the QR code in a picture says, as a phone reads it. Raises NotPossible."""
    found = find(world, media_id)
    codes = zxingcpp.read_barcodes(Image.open(io.BytesIO(found.content))) if found else []
    if not codes:
        raise NotPossible("there is no QR code in this picture")
    return str(codes[0].text)
