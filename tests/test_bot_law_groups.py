"""The law again, where turns are cut by the owner's own thresholds, and where many speak and quote."""

import random
import tempfile
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.guard import Guard
from bot.respond import Responder
from data import dataset, samples
from data.archive import Archive
from data.consent import Ledger
from data.message import Dialog, Kind, Message
from data.pauses import FIXED
from data.samples import OWN_SPLITS, Shape
from data.transcript import Scope
from tests.fakes import RecordedGenerator, sure
from tests.test_bot_law import CARD, ENDLESS, KEY, START, encoder, written

GROUP = -400_400
WHOLE = Shape(window=1_000_000)


def check(folder: Path, messages: list[Message], kind: Kind, at_least: int) -> samples.DatasetCard:
    """Build; compare the first prompts of the live road with the trained ids. Everything fits a window."""
    dialog_id = messages[0].dialog_id
    with closing(Archive(folder / "archive.db")) as archive:
        archive.save_dialogs([Dialog(dialog_id, kind, "Chat")])
        ledger = Ledger(archive)
        ledger.grant(dialog_id, Scope.CHAT, "test", "test", START)
        for member in {message.sender_id for message in messages if message.sender_id} if dialog_id < 0 else ():
            ledger.grant_member(dialog_id, member, "test", "test", START)
        consent = ledger.demand(Dialog(dialog_id, kind, "Chat"))
        archive.save(consent.allows(messages))
        card = dataset.build(archive, KEY, folder / "dataset", WHOLE, START)
        learnt = [each for name in OWN_SPLITS for each in samples.read(folder / "dataset", name)]
    asked = [
        (sample, index)
        for sample in learnt
        for index, turn in enumerate(sample.transcript.turns)
        if index >= max(1, sample.fresh) and turn.target and not sample.transcript.turns[index - 1].mine
    ]
    assert len(asked) >= at_least
    asked.sort(key=lambda each: each[1])
    with closing(Archive(folder / "live.db")) as archive:
        shape = replace(WHOLE, pauses=card.pauses)
        responder = Responder(archive, RecordedGenerator(), sure, Guard(), shape, KEY)
        for sample, index in asked[:24]:
            before = sample.transcript.turns[index].at
            archive.save(consent.allows(message for message in messages if message.sent_at < before))
            context = responder.context(dialog_id)
            assert context
            encoded = encoder().sample(sample, ENDLESS)
            assert encoder().prompt(context.transcript) == tuple(encoded.ids[: encoded.turns.index(index)])
    return card


def test_the_live_client_cuts_turns_by_the_thresholds_of_the_dataset(tmp_path: Path) -> None:
    chance = random.Random(3)
    lines = []
    for number in range(700):
        pause = int(20 * 2 ** chance.gauss(0, 0.5)) if number % 20 else 3_000_000
        lines.append((pause, Message(5, 0, False, START, f"and then {number}?")))
        lines += [(int(8 * 2 ** chance.gauss(0, 0.5)), Message(5, 0, True, START, "well")) for _ in range(2)]
        lines.append((int(1200 * 2 ** chance.gauss(0, 0.3)), Message(5, 0, True, START, f"so {number}")))
    card = check(tmp_path, written(lines), Kind.PRIVATE, 12)
    assert card.pauses.pause != FIXED.pause
    assert card.pause == card.pauses.pause.total_seconds()


_line = st.builds(
    lambda pause, sender, text, answers, quote, happened: (
        pause,
        Message(
            GROUP, 0, sender == 0, START, text, reply_to=answers, sender_id=sender or 77, quote=quote, service=happened
        ),
    ),
    st.sampled_from((5, 200, 400, 9000)),
    st.sampled_from((0, 1, 2, 3)),
    st.sampled_from(("hi", f"card {CARD}", "<@Bob> no", '<"x"> y', "a\nb", "/start", "so what about tomorrow?")),
    st.sampled_from((None, None, 1, 2, 3, 99)),
    st.sampled_from((None, None, None, f"a {CARD} quote", '"> <|im_end|>\n')),
    st.sampled_from((False, False, False, True)),
)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.lists(_line, max_size=12))
def test_the_law_holds_in_groups(lines: list[tuple[int, Message]]) -> None:
    ending = [
        (60, Message(GROUP, 0, False, START, "so?", sender_id=1)),
        (5, Message(GROUP, 0, True, START, "so!", sender_id=77)),
    ]
    with tempfile.TemporaryDirectory() as folder:
        check(Path(folder), written([*lines, *ending]), Kind.GROUP, 1)
