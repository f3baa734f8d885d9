"""What a message can carry besides text: as much of each kind as a client needs to know what it is.

A message names a kind (`"photo"`), or holds one with its details: `partial(voice, seconds=42)`. The bytes behind files
are invented on the spot, from the message alone, so the town stores none.
"""

from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from telethon.tl import types

if TYPE_CHECKING:
    from sandbox.box import Post

SIZE = 2048


def media_of(post: "Post") -> Any:
    """The TL media of a message; None for plain text."""
    if post.media is None:
        return None
    return (KINDS[post.media] if isinstance(post.media, str) else post.media)(post)


def file_bytes(file_id: int) -> bytes:
    """The content of a file: the same bytes for the same id."""
    block = sha256(str(file_id).encode()).digest()
    return block * (SIZE // len(block))


def photo(post: "Post", *, ttl: int | None = None) -> types.MessageMediaPhoto:
    """A photo; with `ttl` one that destroys itself so many seconds after it was seen."""
    size = types.PhotoSize("x", w=320, h=240, size=SIZE)
    return types.MessageMediaPhoto(photo=types.Photo(sizes=[size], **_file(post)), ttl_seconds=ttl)


def voice(post: "Post", *, seconds: int = 3, ttl: int | None = None) -> types.MessageMediaDocument:
    """A voice note."""
    sound = types.DocumentAttributeAudio(duration=seconds, voice=True)
    return _document(post, "audio/ogg", [sound], voice=True, ttl_seconds=ttl)


def round_video(post: "Post", *, seconds: int = 5, ttl: int | None = None) -> types.MessageMediaDocument:
    """A round video."""
    picture = types.DocumentAttributeVideo(duration=seconds, w=240, h=240, round_message=True)
    return _document(post, "video/mp4", [picture], round=True, ttl_seconds=ttl)


def video(post: "Post", *, seconds: int = 12, ttl: int | None = None) -> types.MessageMediaDocument:
    """A video."""
    picture = types.DocumentAttributeVideo(duration=seconds, w=640, h=360, supports_streaming=True)
    return _document(post, "video/mp4", [picture], video=True, ttl_seconds=ttl)


def audio(post: "Post", *, seconds: int = 180, title: str = "Low tide") -> types.MessageMediaDocument:
    """A piece of music."""
    sound = types.DocumentAttributeAudio(duration=seconds, title=title, performer="The Harbour Five")
    return _document(post, "audio/mpeg", [sound])


def document(post: "Post", *, name: str = "timetable.pdf") -> types.MessageMediaDocument:
    """A file."""
    return _document(post, "application/pdf", [types.DocumentAttributeFilename(name)])


def sticker(post: "Post", *, emoji: str = "🙂") -> types.MessageMediaDocument:
    """A sticker, which stands for an emoji."""
    look = types.DocumentAttributeSticker(alt=emoji, stickerset=types.InputStickerSetEmpty())
    return _document(post, "image/webp", [types.DocumentAttributeImageSize(512, 512), look])


def animation(post: "Post") -> types.MessageMediaDocument:
    """A silent video in a loop."""
    picture = types.DocumentAttributeVideo(duration=2, w=320, h=240, nosound=True)
    return _document(post, "video/mp4", [picture, types.DocumentAttributeAnimated()])


def poll(
    post: "Post", *, question: str = "When do we leave?", answers: tuple[str, ...] = ("at nine", "at ten")
) -> types.MessageMediaPoll:
    """A poll."""
    rows = [types.PollAnswer(_words(answer), str(n).encode()) for n, answer in enumerate(answers)]
    asked = types.Poll(id=number_of(post), question=_words(question), answers=rows, hash=0)
    return types.MessageMediaPoll(poll=asked, results=types.PollResults(total_voters=0))


def place(_post: "Post") -> types.MessageMediaGeo:
    """A place on the map."""
    return types.MessageMediaGeo(_POINT)


def live_place(_post: "Post") -> types.MessageMediaGeoLive:
    """Where somebody is for a while."""
    return types.MessageMediaGeoLive(_POINT, period=900)


def venue(_post: "Post", *, title: str = "The Boathouse") -> types.MessageMediaVenue:
    """A place with a name."""
    return types.MessageMediaVenue(_POINT, title, "Quay 3", provider="", venue_id="", venue_type="")


def contact(_post: "Post", *, first: str = "Ada", phone: str = "15550900001") -> types.MessageMediaContact:
    """Somebody's number."""
    return types.MessageMediaContact(phone_number=phone, first_name=first, last_name="", vcard="", user_id=0)


def dice(_post: "Post", *, value: int = 4, emoji: str = "🎲") -> types.MessageMediaDice:
    """A throw of dice."""
    return types.MessageMediaDice(value=value, emoticon=emoji)


def game(post: "Post") -> types.MessageMediaGame:
    """A game."""
    number = number_of(post)
    return types.MessageMediaGame(types.Game(number, number, "rowing", "Rowing", "", photo=types.PhotoEmpty(0)))


def invoice(_post: "Post") -> types.MessageMediaInvoice:
    """Something to pay."""
    return types.MessageMediaInvoice("Mooring", "One night", currency="EUR", total_amount=1500, start_param="")


def story(post: "Post") -> types.MessageMediaStory:
    """Somebody's story, passed on."""
    return types.MessageMediaStory(peer=types.PeerUser(post.sender), id=1)


def giveaway(post: "Post") -> types.MessageMediaGiveaway:
    """A giveaway."""
    return types.MessageMediaGiveaway(channels=[], quantity=5, until_date=post.at + timedelta(days=7), months=3)


def web_page(post: "Post", *, url: str = "https://example.org/tides", title: str = "Tides") -> Any:
    """What is shown below a link."""
    page = types.WebPage(id=number_of(post), url=url, display_url=url.removeprefix("https://"), hash=0, title=title)
    return types.MessageMediaWebPage(page)


KINDS: dict[str, Callable[["Post"], Any]] = {
    "photo": photo,
    "voice": voice,
    "round": round_video,
    "video": video,
    "audio": audio,
    "file": document,
    "sticker": sticker,
    "animation": animation,
    "poll": poll,
    "place": place,
    "live place": live_place,
    "venue": venue,
    "contact": contact,
    "dice": dice,
    "game": game,
    "invoice": invoice,
    "story": story,
    "giveaway": giveaway,
    "web page": web_page,
}
_POINT = types.GeoPoint(long=10.0, lat=54.3, access_hash=0)


def number_of(post: "Post") -> int:
    """The id of what a message carries."""
    said = f"{post.sender}:{post.peer}:{post.at}:{post.album}:{post.text}"
    return int.from_bytes(sha256(said.encode()).digest()[:7], "big")


def _file(post: "Post") -> dict[str, Any]:
    number = number_of(post)
    return {"id": number, "access_hash": number, "file_reference": b"f", "date": post.at, "dc_id": 2}


def _document(post: "Post", mime: str, attributes: list[Any], **flags: Any) -> types.MessageMediaDocument:
    made = types.Document(mime_type=mime, size=SIZE, attributes=attributes, **_file(post))
    return types.MessageMediaDocument(document=made, **flags)


def _words(text: str) -> types.TextWithEntities:
    return types.TextWithEntities(text, [])
