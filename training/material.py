"""What there is to measure an adapter with. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from data.pauses import FIXED
from training.measures.exchange import Exchange
from training.measures.interval import Clusters
from training.measures.likelihood import Window


@dataclass(frozen=True)
class Material:
    """What there is to measure with. `peers` are other people's replies by dialog, `past` the owner's earlier ones."""

    windows: Sequence[Window]
    held_out: Sequence[Exchange]
    past: Sequence[Exchange]
    peers: Sequence[Exchange]
    window: int = 2400
    """Characters of a chat that a live reply reads."""
    silence: timedelta = FIXED.silence
    """What ends a conversation."""
    dropped: Mapping[str, int] = field(default_factory=dict)

    def why_none(self) -> str | None:
        """Why it is too little for a figure; None where it is enough."""
        some = self.held_out
        return Clusters(tuple(each.conversation for each in some), tuple(each.dialog for each in some)).too_few()
