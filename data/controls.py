"""Other persons to compare the owner with: the contacts who wrote most, their newest windows with the sides swapped.

Not only the test time: few contacts are talked to in any tenth of a history. Earlier windows stood in training as
context, never with loss on the contact's words, so they can only make the contacts look easier, and the owner's gain
over them smaller than it is.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from data import conversation, target, transcript
from data.archive import Archive
from data.consent import Consent
from data.message import Message
from data.redact import Surrogates
from data.samples import Sample, Shape
from data.transcript import Scope

CHATS, WINDOWS = 8, 12
"""How many contacts serve as other persons, and how many of their newest windows are kept."""

Cut = tuple[list[Message], int]
"""The messages of a window, and how many of them are context."""


@dataclass(slots=True)
class Newest:
    """Where the newest windows of one chat lie, while its windows pass by."""

    consent: Consent
    windows: deque[tuple[int | None, int, int, int]] = field(default_factory=lambda: deque(maxlen=WINDOWS))
    """Topic, first and last message, number of context messages."""
    sizes: deque[int] = field(default_factory=lambda: deque(maxlen=WINDOWS))
    """Characters that the other side is shown with in each."""

    def passed(self, topic: int | None, first: int, last: int, context: int, size: int) -> None:
        """The next window of this chat: what the two columns hold of it."""
        self.windows.append((topic, first, last, context))
        self.sizes.append(size)


@dataclass(slots=True)
class Controls:
    """Keeps where the newest windows of the contacts lie while chats pass by."""

    archive: Archive
    key: bytes
    shape: Shape
    _chats: list[Newest] = field(default_factory=list)

    def add(self, newest: Newest) -> None:
        """A private chat whose consent covers both sides is through."""
        self._chats.append(newest)

    def samples(self) -> Iterator[Sample]:
        """Those of the most talkative, as if each contact were the owner."""
        for dialog_id, windows in self._most_talkative():
            for messages, context in reversed(windows):
                swapped = [replace(message, mine=not message.mine) for message in messages]
                end = _until_last_target(swapped, context, self.shape)
                if end:
                    surrogates = Surrogates(self.key, dialog_id)
                    shown = transcript.of(swapped[:end], Scope.CHAT, surrogates, self.shape.zone, self.shape.pauses)
                    fresh = sum(1 for _ in conversation.turns(swapped[:context], self.shape.pauses))
                    yield Sample(dialog_id, shown, fresh)

    def _most_talkative(self) -> list[tuple[int, list[Cut]]]:
        most: list[tuple[int, int, list[Cut]]] = []
        for newest in sorted(self._chats, key=lambda each: -sum(each.sizes)):
            if len(most) == CHATS and sum(newest.sizes) < -most[-1][0]:
                break  # whoever was shown with less cannot have written more
            windows = [self._cut(newest.consent, *window) for window in newest.windows]
            # Marks stand where it was pulled under scope `own`, and not again since.
            windows = [each for each in windows if not any(map(transcript.is_mark, each[0]))]
            written = sum(len(message.text) for messages, _ in windows for message in messages if not message.mine)
            most.append((-written, newest.consent.dialog_id, windows))
            most = sorted(most, key=lambda chat: chat[:2])[:CHATS]
        return [chat[1:] for chat in most]

    def _cut(self, consent: Consent, topic: int | None, first: int, last: int, context: int) -> Cut:
        messages = consent.allows(self.archive.stretch(consent.dialog_id, topic, first, last))
        return list(conversation.shown(messages)), context


def _until_last_target(swapped: Sequence[Message], context: int, shape: Shape) -> int:
    """The end of the last turn to learn from: what follows it has nothing to teach."""
    end = done = 0
    for turn in conversation.turns(swapped, shape.pauses):
        done += len(turn)
        if done > context and turn[0].mine and target.against(turn[0]) is None:
            end = done
    return end
