"""The messages of one topic in columns, many at a time: how the build reads an archive, for a value per message would
take longer than all else.

Most messages are a text or an attachment and nothing more. Whatever is more (a forward, a reply, an attachment of
somebody who did not agree) becomes a `Message` and goes through the functions that the live client uses. That turns
come out as `transcript.of` makes them is held by a test over any history.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import compress, islice
from operator import ne

import numpy as np

from data import placeholder, target, transcript
from data.archive import Archive
from data.consent import Consent
from data.tables import MEDIA, REPLY
from data.tally import Tally

AT_ONCE = 5000
"""Messages that are read together."""
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


def shown(
    archive: Archive, consent: Consent, topic: int | None, tally: Tally, at_once: int = AT_ONCE
) -> Iterator[Columns]:
    """What a transcript shows of one topic, as far as the consent allows; `tally` counts the rest by reason."""
    rows = archive.lines(consent.dialog_id, topic)
    before, covers = None, consent.covers
    while some := rows.fetchmany(at_once):
        tally.messages += len(some)
        ids, mine, sent, said, media, senders, odd = map(list, zip(*some, strict=True))
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
        at = np.rint(np.array(sent) * 1e6).astype(np.int64).tolist()
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
