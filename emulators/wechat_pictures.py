"""Pictures that people send: kept under a media id, and fetched by the product.

A picture that nobody gave is drawn, and says where it was taken, as those of phones do.
"""

import base64
import binascii
import io
import secrets

from flask import Response, jsonify, request
from PIL import Image, ImageDraw
from werkzeug.wrappers import Response as BaseResponse

from emulators import wechat_media, wechat_tokens
from emulators.state import Json, Media
from emulators.wechat_errors import WeChatError, error_json
from emulators.world import World

PATH = "/cgi-bin/media/get"
_EXIF_MAKE, _EXIF_GPS = 0x010F, 0x8825
_GPS_LATITUDE_REF, _GPS_LATITUDE = 1, 2


def keep(world: World, body: Json) -> str:
    """Keep what somebody sends, `picture` in base64 or one of ours; its media id.

    Whoever gives the `media_id` names a file that is not there any more.
    """
    if body.get("media_id"):
        return str(body["media_id"])
    written = body.get("picture")
    try:
        content = base64.b64decode(str(written), validate=True) if written else drawn()
    except binascii.Error:
        content = b""
    ends = world.timers.now() + wechat_media.LIFETIME_S
    media = Media(secrets.token_urlsafe(48), "image/jpeg", content, ends)
    with world.lock:
        world.media[media.id] = media
        for old in list(world.media)[: -wechat_media.MOST_KEPT]:
            del world.media[old]
    return media.id


def drawn() -> bytes:
    """A picture as a phone takes it: with its maker, and the place."""
    picture = Image.new("RGB", (1280, 960), "#d9e6dc")
    pen = ImageDraw.Draw(picture)
    pen.rectangle((340, 180, 940, 780), fill="#ffffff", outline="#2f5d50", width=12)
    for line in range(5):
        pen.line((420, 300 + line * 90, 860 - line * 40, 300 + line * 90), fill="#2f5d50", width=16)
    exif = Image.Exif()
    exif[_EXIF_MAKE] = "Phone"
    exif.get_ifd(_EXIF_GPS).update({_GPS_LATITUDE_REF: "N", _GPS_LATITUDE: (28.0, 12.0, 0.0)})
    written = io.BytesIO()
    picture.save(written, "JPEG", quality=80, exif=exif)
    return written.getvalue()


def get(world: World) -> BaseResponse:
    """GET media/get: the file itself, or an error as JSON (docs: 获取临时素材)."""
    try:
        wechat_tokens.check(world, request.args.get("access_token"))
        wechat_tokens.count(world, PATH)
        found = wechat_media.find(world, request.args.get("media_id", ""))
        if found is None:
            raise WeChatError(40007)
    except WeChatError as refused:
        return jsonify(error_json(refused.code, refused.detail))
    answer = Response(found.content, mimetype=found.kind)
    answer.headers["Content-disposition"] = 'attachment; filename="picture.jpg"'
    return answer
