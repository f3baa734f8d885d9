"""Other persons to compare the owner with: the contacts who wrote most, their newest windows with the sides swapped.

Not only the test time: few contacts are talked to in any tenth of a history. Earlier windows stood in training as
context, never with loss on the contact's words, so they can only make the contacts look easier, and the owner's gain
over them smaller than it is.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from data import conversation, target, transcript
from data.conversation import Window
from data.message import Message
from data.redact import Surrogates
from data.samples import Sample, Shape
from data.transcript import Scope
from data.windows import Told

CHATS, WINDOWS = 8, 12
"""How many contacts serve as other persons, and how many of their newest windows are kept."""

Cut = tuple[tuple[Message, ...], int]
"""The messages of a window, and how many of them are context."""


@dataclass(slots=True)
class Controls:
    """Keeps the newest windows of the most talkative contacts while chats pass by."""

    key: bytes
    shape: Shape
    _chats: list[tuple[int, int, list[Cut]]] = field(default_factory=list)

    def chat(self, dialog_id: int) -> "Newest":
        """What keeps one chat's newest windows."""
        return Newest(dialog_id)

    def add(self, newest: "Newest") -> None:
        """A chat whose consent covers both sides is through."""
        windows = [_cut(window) for window in newest.windows]
        # Marks stand where it was pulled under scope `own`, and not again since.
        windows = [each for each in windows if not any(map(transcript.is_mark, each[0]))]
        size = sum(len(message.text) for messages, _ in windows for message in messages if not message.mine)
        self._chats.append((-size, newest.dialog_id, windows))
        self._chats = sorted(self._chats, key=lambda chat: chat[:2])[:CHATS]

    def samples(self) -> Iterator[Sample]:
        """The samples, as if each contact were the owner."""
        for _, dialog_id, windows in self._chats:
            for messages, context in reversed(windows):
                swapped = tuple(replace(message, mine=not message.mine) for message in messages)
                end = _until_last_target(swapped, context, self.shape)
                if end:
                    surrogates = Surrogates(self.key, dialog_id)
                    shown = transcript.of(swapped[:end], Scope.CHAT, surrogates, self.shape.zone, self.shape.pauses)
                    fresh = sum(1 for _ in conversation.turns(swapped[:context], self.shape.pauses))
                    yield Sample(dialog_id, shown, fresh)


@dataclass(slots=True)
class Newest:
    """The newest windows of one chat."""

    dialog_id: int
    windows: deque[Window[Told]] = field(default_factory=lambda: deque(maxlen=WINDOWS))


def _cut(window: Window[Told]) -> Cut:
    bursts = [step.turn.burst for step in window.steps]
    return tuple(message for burst in bursts for message in burst), sum(map(len, bursts[: window.fresh]))


def _until_last_target(swapped: Sequence[Message], context: int, shape: Shape) -> int:
    """The end of the last turn to learn from: what follows it has nothing to teach."""
    end = done = 0
    for turn in conversation.turns(swapped, shape.pauses):
        done += len(turn)
        if done > context and turn[0].mine and target.against(turn[0]) is None:
            end = done
    return end
