"""A sample for a person's eye: what is learned can be told with colours and without."""

from dataclasses import replace

from bot import marked
from data.transcript import Transcript
from tests import training_models as models


def test_what_is_learned_has_a_colour_or_else_brackets() -> None:
    (sample,) = models.windows(1)
    turns = sample.transcript.turns
    sample = replace(sample, transcript=Transcript((turns[0], replace(turns[1], target=False), *turns[2:])), fresh=2)
    words = [turn.texts for turn in turns if turn.mine][1:]
    bare = [text.plain.strip() for text in marked.lines(sample, colour=False)]
    assert [line for line in bare if line.startswith("⟦")] == [f"⟦{text}⟧" for texts in words for text in texts]
    coloured = list(marked.lines(sample, colour=True))
    styled = [line.plain.strip() for line in coloured if any(span.style == marked.LEARNED for span in line.spans)]
    assert styled == [text for texts in words for text in texts]
    assert not any("⟦" in line.plain for line in coloured)
