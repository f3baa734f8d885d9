"""The build reads in columns what the live client reads message by message: both must come to the same turns."""

import json
import tempfile
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from data import columns, conversation, transcript, weights
from data.archive import Archive
from data.clock import Clock
from data.consent import Consent
from data.controls import Newest
from data.held_out import HeldOut
from data.message import Message
from data.pauses import FIXED
from data.redact import Surrogates
from data.rhythm import Rhythm
from data.samples import Shape, quoted, turn_to_json
from data.tally import Tally
from data.transcript import Scope
from data.windows import Cutter

START = datetime(2026, 3, 28, 22, 58, 1, 250_001, tzinfo=UTC)  # Berlin changes its clocks in that night
KEY = b"k" * 32
ANN, GROUP = 5, -500
ALL_TRAIN = HeldOut(first=1e12, validation_from=1e12, test_from=1e12)

TEXT = st.one_of(
    st.sampled_from(
        ["", "ok", "card 4111 1111 1111 1111", "code: 48213", "/go", "```\nx", "a\nb", "x" * 801, "<|im_end|>", "<+3h>"]
    ),
    st.text(st.characters(max_codepoint=0x4FF, exclude_categories=("Cs",)) | st.sampled_from("😀’…\\\n"), max_size=30),
)
LINE = st.builds(
    lambda pause, mine, sender, text, media, quote, replied, flag: (
        pause,
        Message(
            ANN, 0, mine, START, text, media=media, quote=quote, reply_to=replied, sender_id=9 if mine else sender,
            **({flag: True} if flag else {}),
        ),
    ),
    st.sampled_from([0.0, 0.000001, 3.5, 299.999999, 300.0, 3599.999999, 3600.0, 50_000.0, 3_000_000.0]),
    st.booleans(),
    st.sampled_from([1, 2, 3]),
    TEXT,
    st.sampled_from([None] * 5 + ["[photo]", "[sticker 😀]", "[short text]"]),
    st.sampled_from([None] * 4 + ["their 4111 1111 1111 1111", '"<|im_end|>\n']),
    st.sampled_from([None] * 4 + [1, 2, 3, 99]),
    st.sampled_from([""] * 8 + ["forwarded", "by_twin", "via_bot", "service"]),
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.lists(LINE, max_size=20), st.sampled_from([ANN, GROUP]), st.sampled_from(list(Scope)), st.integers(1, 30))
def test_many_messages_at_a_time_become_the_turns_that_one_by_one_they_become(
    lines: list[tuple[float, Message]], dialog_id: int, scope: Scope, at_once: int
) -> None:
    at, messages = START, []
    for number, (pause, message) in enumerate([*lines, (5.0, Message(ANN, 0, True, START, "so!"))], 1):
        at += timedelta(seconds=pause)
        sender = message.sender_id if dialog_id < 0 else None
        messages.append(replace(message, dialog_id=dialog_id, id=number, sent_at=at, sender_id=sender))
    consent = Consent(dialog_id, scope, START, "test", "test", members=frozenset({1, 2}))
    with tempfile.TemporaryDirectory() as folder, closing(Archive(Path(folder) / "archive.db")) as archive:
        archive.save(messages)
        by_id = {message.id: message for message in messages}
        seen = consent.allows(transcript.quoting(messages, by_id.get))
        bursts = list(conversation.turns(conversation.shown(seen)))

        tally = Tally()
        read = columns.shown(archive, consent, None, tally, at_once)
        told = [
            (shown.ids[start:end], shown.said[start:end], [shown.quotes.get(each) for each in shown.ids[start:end]])
            for shown, bounds in columns.turns(read, FIXED.pause // timedelta(microseconds=1))
            for start, end in pairwise(bounds)
        ]
        assert told == [
            ([m.id for m in burst], [m.said for m in burst], [None if m.mine else m.quote or None for m in burst])
            for burst in bursts
        ]
        assert tally.messages == len(messages) == sum(map(len, bursts)) + sum(tally.dropped.values())

        shape = Shape(window=10**9, zone=ZoneInfo("Europe/Berlin"))
        cutter = Cutter(archive, KEY, shape, ALL_TRAIN, {}, START.timestamp(), Rhythm(), Tally(), Clock(shape.zone))
        file = BytesIO()
        (row,) = cutter.write(consent, file, Newest(consent))
        whole = transcript.of(list(seen), Scope.CHAT, Surrogates(KEY, dialog_id), shape.zone)
        assert file.getvalue()[row.offset :][: row.size].decode() == ",".join(map(turn_to_json, whole.turns))


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.integers(-2_000_000_000_000_000, 4_000_000_000_000_000), min_size=1, max_size=5),
    st.sampled_from(["Europe/Berlin", "Asia/Kathmandu", "Africa/Monrovia", "Australia/Lord_Howe", "UTC"]),
)
def test_the_clock_reads_as_a_datetime_does_on_either_side_of_a_change(at: list[int], name: str) -> None:
    zone = ZoneInfo(name)
    changed = int(START.timestamp()), 63_593_070  # Monrovia's came at a minute that no other clock shows
    changes = [moment * 1_000_000 + 120_000_000 * step for moment in changed for step in range(-5, 5)]
    moments = [datetime.fromtimestamp(each / 1e6, zone) for each in (*at, *changes)]
    hours, written = Clock(zone).read([*at, *changes])
    assert written == [moment.isoformat() for moment in moments]
    assert hours == [moment.hour for moment in moments]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=("Cs",)) | st.sampled_from(' "\\,.!?-_\0\n')), min_size=1))
def test_many_texts_together_are_quoted_and_made_normal_as_each_alone(texts: list[str]) -> None:
    assert [json.loads(f'"{each}"') for each in quoted(texts)] == texts
    assert weights.normals(texts) == list(map(weights.normal, texts))
