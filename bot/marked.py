"""One sample of the dataset for a person's eye: what the model sees, and which of it is to be learned."""

from collections.abc import Iterator
from pathlib import Path

from rich.text import Text

from bot.show import plain
from data import samples, transcript
from data.errors import UserError
from data.message import Dialog
from data.samples import OWN_SPLITS, Sample

LEARNED, CONTEXT, OURS = "bold green", "", "dim"
OPEN, CLOSE = "⟦", "⟧"
"""Stand around what is learned, where there are no colours."""


def newest(folder: Path, dialog: Dialog) -> Sample:
    """The sample of a chat that ends last. Raises UserError where the dataset holds none."""
    found = (sample for name in OWN_SPLITS for sample in samples.read(folder, name) if sample.dialog_id == dialog.id)
    last = max(found, key=lambda sample: sample.transcript.turns[-1].at, default=None)
    if last is None:
        raise UserError(
            f"The dataset holds nothing of {dialog.title}.", "Is there a consent, and did you ever write there?"
        )
    return last


def stretches(sample: Sample) -> Iterator[tuple[str, str, bool]]:
    """Role, text and whether it is learned, stretch by stretch as the model reads them."""
    turns = sample.transcript.turns
    for block in transcript.render(sample.transcript):
        learned = block.turn is not None and block.turn >= sample.fresh and turns[block.turn].target
        yield str(block.role), block.text, learned


def lines(sample: Sample, colour: bool) -> Iterator[Text]:
    """The sample line by line: each message of a role below the role's name."""
    for role, text, learned in stretches(sample):
        yield Text(role, style=OURS)
        for line in text.split("\n"):
            shown = f"{OPEN}{plain(line)}{CLOSE}" if learned and not colour else plain(line)
            yield Text("  ").append(shown, style=LEARNED if learned else CONTEXT)
