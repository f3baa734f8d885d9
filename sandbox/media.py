"""What a message can carry besides text: as much of a photo, a voice note and a sticker as a client needs to see one.

The bytes behind them are invented on the spot, from the message alone, so the town stores none.
"""

from hashlib import sha256
from typing import Any

from telethon.tl import types

from sandbox.box import Post

SIZE = 2048
KINDS = ("photo", "voice", "sticker")


def media_of(post: Post) -> Any:
    """The TL media of a message; None for plain text."""
    if post.media is None:
        return None
    number = int.from_bytes(sha256(f"{post.sender}:{post.peer}:{post.at}".encode()).digest()[:7], "big")
    common: dict[str, Any] = {"id": number, "access_hash": number, "file_reference": b"f", "date": post.at, "dc_id": 2}
    if post.media == "photo":
        size = types.PhotoSize("x", w=320, h=240, size=SIZE)
        return types.MessageMediaPhoto(photo=types.Photo(sizes=[size], **common))
    if post.media == "voice":
        sound = types.DocumentAttributeAudio(duration=3, voice=True)
        document = types.Document(mime_type="audio/ogg", size=SIZE, attributes=[sound], **common)
        return types.MessageMediaDocument(voice=True, document=document)
    look: list[Any] = [
        types.DocumentAttributeImageSize(512, 512),
        types.DocumentAttributeSticker(alt="🙂", stickerset=types.InputStickerSetEmpty()),
    ]
    return types.MessageMediaDocument(
        document=types.Document(mime_type="image/webp", size=SIZE, attributes=look, **common)
    )


def file_bytes(file_id: int) -> bytes:
    """The content of a file: the same bytes for the same id."""
    block = sha256(str(file_id).encode()).digest()
    return block * (SIZE // len(block))
