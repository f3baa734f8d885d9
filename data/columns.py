"""The messages of one topic in columns, many at a time: how the build reads an archive, for a value per message would
take longer than all else.

Most messages are a text or an attachment and nothing more. Whatever is more (a forward, a reply, an attachment of
somebody who did not agree) becomes a `Message` and goes through the functions that the live client uses. That turns
come out as `transcript.of` makes them is held by a test over any history.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import compress, islice
from operator import ne
from types import EllipsisType
from typing import Any

import numpy as np
import orjson

from data import placeholder, target, transcript
from data.archive import Archive
from data.consent import Consent
from data.tables import MEDIA, ODD, REPLY, SENT
from data.tally import Tally

AT_ONCE = 5000
"""Messages that are read together."""
_SHOWN = ("id", "mine", SENT, "text", "media", "sender_id", ODD)
_FIRST, _LAST = -(2**63), 2**63 - 1
"""No id is lower or higher."""
Who = str | int | None
"""Who speaks, and as whom: of the owner's messages why they are not learned, "" for those that are, else the sender's
id. Neighbours of one turn have the same."""


@dataclass(slots=True)
class Columns:
    """What a transcript shows of messages that follow each other, one entry a message in each column."""

    ids: list[int] = field(default_factory=list)
    at: list[int] = field(default_factory=list)
    """When they were sent, in microseconds since 1970."""
    who: list[Who] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    quotes: dict[int, str] = field(default_factory=dict)
    """What those reply to that quote something, by id."""

    def append(self, more: "Columns") -> None:
        """Put what follows behind it."""
        self.ids += more.ids
        self.at += more.at
        self.who += more.who
        self.said += more.said
        self.quotes |= more.quotes

    def cut(self, end: int) -> "Columns":
        """Take what stands before `end` out of it."""
        taken = Columns(self.ids[:end], self.at[:end], self.who[:end], self.said[:end], self.quotes)
        del self.ids[:end], self.at[:end], self.who[:end], self.said[:end]
        self.quotes = {each: taken.quotes[each] for each in self.ids if each in taken.quotes}
        return taken


def read(
    archive: Archive, dialog_id: int, columns: Sequence[str], at_once: int, topic: int | EllipsisType | None = ...
) -> Iterator[list[list[Any]]]:
    """These columns of SQL, of a dialog's messages or of one topic's in the order they were sent, up to `at_once` at a
    time. Each column comes as one text of JSON: row by row it takes half as long again."""
    lists = ", ".join(f"json_group_array({column})" for column in columns)
    which, values = ("", ()) if topic is ... else ("AND topic_id IS ?", (topic,))
    query = f"SELECT {lists} FROM messages WHERE dialog_id = ? AND id > ? AND id <= ? {which}"
    end = _FIRST
    while end < _LAST:
        begin, end = end, _so_far(archive, dialog_id, end, at_once)
        some = list(map(orjson.loads, archive.db.execute(query, (dialog_id, begin, end, *values)).fetchone()))
        if some[0]:
            yield some


def _so_far(archive: Archive, dialog_id: int, after: int, count: int) -> int:
    """The id of the message that is so many behind this one; the last id where there are fewer."""
    query = "SELECT id FROM messages WHERE dialog_id = ? AND id > ? ORDER BY id LIMIT 1 OFFSET ?"
    found = archive.db.execute(query, (dialog_id, after, count - 1)).fetchone()
    return int(found[0]) if found else _LAST


def shown(
    archive: Archive, consent: Consent, topic: int | None, tally: Tally, at_once: int = AT_ONCE
) -> Iterator[Columns]:
    """What a transcript shows of one topic, as far as the consent allows; `tally` counts the rest by reason."""
    before, covers = None, consent.covers
    for ids, mine, at, said, media, senders, odd in read(archive, consent.dialog_id, _SHOWN, at_once, topic):
        tally.messages += len(ids)
        places = range(len(ids))
        who = [
            target.against_text(text) or "" if own else sender
            for own, text, sender in zip(mine, said, senders, strict=True)
        ]
        if masked := {sender for sender in set(senders) if not covers(sender)}:
            for place in places:
                if senders[place] in masked and odd[place] <= REPLY and not mine[place]:
                    said[place], odd[place] = transcript.text_mark(said[place]), 0  # a mark quotes nothing
        for place in compress(places, media):
            if odd[place] == MEDIA and (mine[place] or senders[place] not in masked):
                said[place], odd[place] = placeholder.beside(media[place], said[place]), 0
                who[place] = target.ATTACHED if mine[place] else senders[place]
        columns = Columns(ids, at, who, said)
        _look_closer(columns, list(compress(places, odd)), before, archive, consent, tally.dropped)
        if not all(said):
            columns = _without_silence(columns)
        before = columns.ids[-1] if columns.ids else before
        yield columns


def _look_closer(
    columns: Columns, apart: list[int], before: int | None, archive: Archive, consent: Consent, dropped: Counter[str]
) -> None:
    """What is shown of the messages in these places, by the functions that the live client uses."""
    messages = archive.some(consent.dialog_id, (columns.ids[place] for place in apart))
    answered = archive.some(consent.dialog_id, {each.reply_to for each in messages.values() if each.reply_to})
    for place in apart:
        columns.said[place] = ""
        message = messages.get(columns.ids[place])
        if message is None:  # deleted meanwhile
            dropped["empty"] += 1
            continue
        last = next((columns.ids[each] for each in range(place - 1, -1, -1) if columns.said[each]), before)
        (kept,) = consent.allows([message])
        message = transcript.quoted(message, last, answered.get) if kept is message else kept  # a mark quotes nothing
        columns.said[place] = message.said
        columns.who[place] = target.against(message) or "" if message.mine else message.sender_id
        if message.quote and not message.mine:
            columns.quotes[message.id] = message.quote
        if not message.said:
            dropped["not said but happened" if message.service else "empty"] += 1


def _without_silence(columns: Columns) -> Columns:
    ids, at = list(compress(columns.ids, columns.said)), list(compress(columns.at, columns.said))
    who = list(compress(columns.who, columns.said))
    return Columns(ids, at, who, [text for text in columns.said if text], columns.quotes)


def turns(chunks: Iterable[Columns], pause: int) -> Iterator[tuple[Columns, list[int]]]:
    """The same as whole turns, cut as `conversation.turns` cuts them, and the places where turns begin, with the end of
    all as the last. `pause` is in microseconds."""
    open_ = Columns()
    for chunk in chunks:
        open_.append(chunk)
        bounds = _bounds(open_, pause)
        if len(bounds) > 1:
            yield open_.cut(bounds[-1]), bounds
    if open_.ids:
        yield open_, [0, len(open_.ids)]


def _bounds(columns: Columns, pause: int) -> list[int]:
    """Where turns begin."""
    who, paused = columns.who, np.diff(columns.at) >= pause
    changed = np.fromiter(map(ne, who, islice(who, 1, None)), bool, max(0, len(who) - 1))
    return [0, *(np.flatnonzero(changed | paused) + 1).tolist()] if who else []
