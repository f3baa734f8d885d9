"""The one chat format: messages -> Transcript -> blocks of text, and a generated reply back to message texts. Pure.

`of` is the only road from messages to a model, live and in training, so that the same messages give the same token
ids on both. Each own burst is one turn, kept as a tuple of texts; message boundaries are newlines, and a newline,
backslash, control token or gap mark *inside* a text is escaped, so that `split_reply` can undo `reply_text` for any
text and no contact can forge a turn.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from data import conversation, pseudonym, target
from data.message import Message
from data.pauses import FIXED, Pauses

if TYPE_CHECKING:  # what finds secrets is slow to load, and most verbs write no transcript
    from data.redact import Surrogates

_MARK = re.compile(r"\[(?:short|middling|long) [a-z ]*text\]")
_KIND = re.compile(r"\[(?:round video|voice \d+:\d\d|dice \d|\w+)")
"""A placeholder without what may be somebody's words in it: a sticker's emoji, a file's name, a title."""
_TITLE = re.compile(r": .*\]$", re.DOTALL)
"""The words in the placeholder of what happened, such as a group's new title."""
_ESCAPED = re.compile(r"\\|\n|<(?=[|+@\"])")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
START_MARK = "<+>"
"""Stands where the other side would have spoken, when the owner opens the conversation."""
LONGEST_QUOTE = 80
"""Characters of a message replied to that are repeated at the reply."""


class Scope(StrEnum):
    """What a consent covers: the owner's own words, or the whole chat."""

    OWN = "own"
    CHAT = "chat"


class Role(StrEnum):
    """The role names of chat templates. The owner is the assistant: that is who the model speaks as."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"


@dataclass(frozen=True, slots=True)
class Turn:
    """One side's burst: the texts of its messages, redacted, in order."""

    mine: bool
    texts: tuple[str, ...]
    at: datetime
    """When its first message was sent, in the owner's time zone."""
    gap: timedelta = timedelta(0)
    """How long it had been quiet before, where that was a pause; zero where not, and for the first turn."""
    target: bool = False
    """Whether the model may learn to write it: the owner's own words, not a forward, not the twin's."""
    speaker: str | None = None
    """Who spoke, in a group, by a name that is not theirs; None for the owner and in a private chat."""
    quotes: tuple[str, ...] = ()
    """Per text what it replies to, redacted and cut short, empty where it replies to nothing; empty for no quote at
    all. The owner's own turns have none: when a reply is asked for, nobody knows yet what it would quote."""
    weight: float = field(default=1.0, compare=False)
    """How much it counts in training, relative to others; nothing that is shown."""


@dataclass(frozen=True, slots=True)
class Transcript:
    """Turns, who spoke them and when: the only input of the model."""

    turns: tuple[Turn, ...]


class Piece(NamedTuple):
    """A stretch of text for the tokenizer. `said` is True for somebody's words, False for a mark of ours."""

    text: str
    said: bool


_NEXT = Piece("\n", said=False)
"""Between two messages of one side."""


class Block(NamedTuple):
    """One message of a chat template, in pieces. `turn` is the index of its turn where it is one own turn."""

    role: Role
    pieces: tuple[Piece, ...]
    turn: int | None = None

    @property
    def text(self) -> str:
        """The content as one string."""
        return "".join(piece.text for piece in self.pieces)


def of(
    messages: Sequence[Message], scope: Scope, surrogates: "Surrogates", zone: tzinfo = UTC, pauses: Pauses = FIXED
) -> Transcript:
    """What was said in these messages (one dialog, time order), as far as the consent's scope allows it to be shown.

    A quote is shown as the message holds it: `quoting` looks up what a reply points to. `data.columns` does the same
    for many messages at a time.
    """
    turns: list[Turn] = []
    last: datetime | None = None
    for burst in conversation.turns(conversation.shown(within(messages, scope)), pauses):
        first = burst[0]
        gap = first.sent_at - last if last else timedelta(0)
        quotes = () if first.mine else tuple(shortened(message.quote, surrogates) for message in burst)
        turns.append(
            Turn(
                mine=first.mine,
                texts=tuple([surrogates.redact(message.said) for message in burst]),
                at=first.sent_at.astimezone(zone),
                gap=gap if gap >= pauses.pause else timedelta(0),
                target=first.mine and target.against(first) is None,
                speaker=pseudonym.of(surrogates.key, first.dialog_id, first.sender_id) if _in_a_group(first) else None,
                quotes=quotes if any(quotes) else (),
            )
        )
        last = burst[-1].sent_at
    return Transcript(tuple(turns))


def _in_a_group(message: Message) -> bool:
    return message.sender_id is not None and not message.mine and message.dialog_id < 0


def shortened(quote: str | None, surrogates: "Surrogates") -> str:
    """A quote as it is shown: redacted, on one line and cut short; empty for none."""
    if not quote:
        return ""
    plain = " ".join(surrogates.redact(quote).replace('"', "'").split())
    return plain if len(plain) <= LONGEST_QUOTE else plain[: LONGEST_QUOTE - 1] + "…"


def quoting(messages: Iterable[Message], find: Callable[[int], Message | None]) -> Iterator[Message]:
    """These messages, a reply that picked no quote quoting what it replies to, unless that stands right before it.

    `find` looks a message of the same dialog up by its id. It must see what is kept, and no more than a consent allows.
    """
    before: int | None = None
    for message in messages:
        yield quoted(message, before, find)
        before = message.id if message.said else before


def quoted(message: Message, before: int | None, find: Callable[[int], Message | None]) -> Message:
    """One of them; `before` is the message that stands right before it."""
    if message.reply_to is None or not _wants_a_quote(message, before):
        return message
    found = find(message.reply_to)
    return replace(message, quote=found.said) if found and found.said else message


def _wants_a_quote(message: Message, before: int | None) -> bool:
    answered = message.reply_to
    known = answered is None or answered >= message.id or answered in (before, message.topic_id)
    return not (known or message.mine or message.quote)


def within(messages: Iterable[Message], scope: Scope) -> list[Message]:
    """These messages as far as a consent's scope allows to keep them: all of them, or with the other side in marks."""
    return [masked(message) if scope is Scope.OWN else message for message in messages]


def masked(message: Message) -> Message:
    """A message as scope `own` allows to keep it: the owner's own words, else a mark of length and kind in `media`.

    A forward is somebody else's words, and so are a quote and the reactions. Doing it twice is doing it once, and a
    transcript of masked messages is that of the messages themselves.
    """
    text, media = message.text, message.media
    if message.service:
        media = _TITLE.sub("]", media or "") or None
    elif message.said and (message.forwarded or not message.mine):
        text, media = "", _mark_of(message)
    return replace(message, text=text, media=media, quote=None, reactions=None)


def is_mark(message: Message) -> bool:
    """Whether a text was here that had to be masked."""
    return not message.text and message.media is not None and _MARK.fullmatch(message.media) is not None


def _mark_of(message: Message) -> str:
    """A neutral mark of a message's length and kind, which says nothing of what was in it."""
    if is_mark(message):
        return message.said
    found = _KIND.match(message.media or "")
    media = f"{found[0]}]" if found else "[message]"
    if not message.text:
        return media
    if not message.media:
        return text_mark(message.text)
    return text_mark(message.text, re.sub(r" \d.*", "", media.strip("[]")) + " and text")


def text_mark(text: str, kind: str = "text") -> str:
    """The mark of a message that holds a text."""
    size = "short" if len(text) <= 20 else "long" if len(text) > 120 else "middling"
    return f"[{size} {kind}]"


def render(transcript: Transcript) -> tuple[Block, ...]:
    """The blocks of a chat template: a header with the time, then alternating sides.

    A gap mark is always part of the *user* side, so the model never has to predict one, and an own turn after the
    owner's own silence is preceded by a user block that holds nothing but the mark.
    """
    blocks = [Block(Role.SYSTEM, (Piece(header(transcript.turns), said=False),))]
    for index, turn in enumerate(transcript.turns):
        if turn.mine:
            if blocks[-1].role is not Role.USER:
                blocks.append(Block(Role.USER, (Piece(mark(turn.gap, turn.at) or START_MARK, said=False),)))
            blocks.append(Block(Role.ASSISTANT, _pieces(turn), index))
        else:
            quiet = (Piece(f"{mark(turn.gap, turn.at)}\n", said=False),) if turn.gap else ()
            who = (Piece(tag(turn.speaker), said=False),) if turn.speaker else ()
            pieces = quiet + who + _pieces(turn)
            if blocks[-1].role is Role.USER:
                pieces = (*blocks.pop().pieces, _NEXT, *pieces)
            blocks.append(Block(Role.USER, pieces))
    return tuple(blocks)


def header(turns: Sequence[Turn]) -> str:
    """What a transcript of these turns begins with."""
    when = turns[0].at.strftime(" %a %Y-%m-%d %H:%M") if turns else ""
    return f"You are texting on Telegram.{when}"


def mark(gap: timedelta, at: datetime) -> str:
    """`<+12m>`, `<+3h>`, or for half a day and more `<+2d Fri 09:15>`; empty for a gap that is no pause."""
    if not gap:
        return ""
    minutes = int(gap / timedelta(minutes=1))
    if minutes < 60:
        return f"<+{minutes}m>"
    if minutes < 12 * 60:
        return f"<+{minutes // 60}h>"
    return f"<+{max(1, round(gap / timedelta(days=1)))}d {at:%a %H:%M}>"


def tag(speaker: str) -> str:
    """What stands before the words of somebody in a group."""
    return f"<@{speaker}> "


def _pieces(turn: Turn) -> tuple[Piece, ...]:
    pieces: list[Piece] = []
    for index, text in enumerate(turn.texts):
        if pieces:
            pieces.append(_NEXT)
        if turn.quotes and turn.quotes[index]:
            pieces += [Piece('<"', said=False), Piece(escape(turn.quotes[index]), said=True), Piece('"> ', said=False)]
        pieces.append(Piece(escape(text), True))
    return tuple(pieces)


def reply_text(turn: Turn) -> str:
    """An own turn as the model writes it: one message a line."""
    return "".join(piece.text for piece in _pieces(turn))


def split_reply(text: str) -> tuple[str, ...]:
    """The message texts of a reply the model wrote: the inverse of `reply_text`."""
    return tuple(_ESCAPE.sub(lambda match: "\n" if match[1] == "n" else match[1], line) for line in text.split("\n"))


def escape(text: str) -> str:
    """Somebody's words, in which nothing can be taken for a mark of ours."""
    if "<" not in text and "\\" not in text and "\n" not in text:  # as nearly always
        return text
    return _ESCAPED.sub(lambda match: {"\\": "\\\\", "\n": "\\n", "<": "<\\"}[match[0]], text)
