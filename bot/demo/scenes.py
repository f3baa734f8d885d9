"""What the contacts of the demo really wrote next, and what the owner really answered: the town's held-out end."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sandbox.town import Continuation, Line


@dataclass(frozen=True, slots=True)
class Scene:
    """What a contact wrote, and the owner's reply."""

    contact_id: int
    theirs: tuple[str, ...]
    real: tuple[str, ...]


def scenes_of(continuations: "Sequence[Continuation]") -> list[Scene]:
    """Every place where a contact wrote and the owner answered, in their order; the contacts with most of them come
    first, since they can write all evening."""
    scenes = [scene for each in continuations for scene in _scenes(each.contact_id, each.messages)]
    count = Counter(scene.contact_id for scene in scenes)
    return sorted(scenes, key=lambda scene: -count[scene.contact_id])


def _scenes(contact_id: int, lines: "Sequence[Line]") -> Iterator[Scene]:
    theirs: list[str] = []
    mine: list[str] = []
    for line in (*lines, None):
        if line is None or (not line.mine and mine):
            if theirs and mine:
                yield Scene(contact_id, tuple(theirs), tuple(mine))
            theirs, mine = [], []
        if line is not None and (not line.mine or theirs):
            (mine if line.mine else theirs).append(line.text)
