"""How many secrets redaction finds, and how many ordinary lines it takes for some, on lines it was not written by.

`near.jsonl` was there to be read while the rules grew, `far.jsonl` was not: of it nothing but shares is ever printed.
`python -m tests.test_data_secrets` prints the figures of docs/privacy.md.
"""

import json
import sys
from random import Random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from data.redact import find
from data.secrets import accounts, codes, emails, passwords, phones, seeds, suspects, vendors, wallets
from sandbox.cast import corpus_lines
from tests.secrets.measure import HERE, Recall, measured

LEAST = 0.98
MOST_ALARMS = 0.003
LINES = 2000


def alarms_on_real_lines() -> float:
    """The share of real chat lines that are taken for secrets; not one of them is printed."""
    lines = corpus_lines()
    Random(0).shuffle(lines)
    return sum(bool(find(line)) for line in lines[:LINES]) / LINES


def figures(name: str, recall: Recall) -> str:
    """What may be said of a half."""
    ordinary = f"{recall.alarms} alarms on {recall.ordinary} look-alikes"
    return f"{name}: {100 * recall.share:.1f} % of {recall.all.total()}, {ordinary}, {recall.by_kind()}"


@pytest.mark.parametrize("half", ["near", "far"])
def test_of_a_hundred_secrets_at_least_ninety_eight_are_found(half: str) -> None:
    recall = measured(half)
    sys.stdout.write(figures(half, recall) + "\n")
    share = recall.share
    assert share >= LEAST


def test_of_a_thousand_real_lines_at_most_three_are_taken_for_secrets() -> None:
    share = alarms_on_real_lines()
    sys.stdout.write(f"{100 * share:.2f} % of {LINES} real lines" + "\n")
    assert share <= MOST_ALARMS


PIECES = st.sampled_from([*"aewxS \n,.1", *seeds._ASCII_TRIGGERS, "slow", "Words", *sorted(seeds._all())[:9000:900]])


@settings(max_examples=200, deadline=None)
@example("abandon ability able about above absent absorb abstract absurd abuse access", "accident")
@example("my wallet: zorble flimpy quandle brumfis droopal snarkle wibbet glonker tramply vexpod jubfarn", "kromble")
@given(st.lists(PIECES, max_size=40).map(" ".join), st.lists(PIECES, max_size=3).map("".join))
def test_a_line_of_ascii_is_looked_through_as_one_with_other_letters(line: str, word: str) -> None:
    text = f"{line} {word}"
    assert seeds._triggered(text) == bool(seeds._TRIGGER.search(text))
    found = list(seeds.spans(text))
    assert found == list(seeds.spans(f"{text} \u2026"))
    assert not (found and seeds.unlikely(text.split()))


def test_what_a_line_is_dismissed_by_hides_no_secret() -> None:
    rules = (
        ("token", vendors.spans), ("email", emails.spans), ("seed", seeds.spans), ("iban", accounts.ibans),
        ("card", accounts.cards), ("wallet", wallets.spans), ("token", vendors.unnamed), ("code", codes.spans),
        ("password", passwords.spans), ("phone", phones.spans),
    )  # fmt: skip
    near = (HERE / "near.jsonl").read_text(encoding="utf-8").split("\n")[:-1]
    lines = [json.loads(record)["text"] for record in near] + corpus_lines()[:LINES]
    for line in lines:
        all_ = list[tuple[str, int, int]]()
        for kind, spans in rules:
            for start, end in spans(line):
                if all(end <= a or start >= b for _, a, b in all_):
                    all_.append((kind, start, end))
        assert [(s.kind, s.start, s.end) for s in find(line)] == sorted(all_, key=lambda each: each[1])
    hidden, suspected = {place for place, line in enumerate(lines) if find(line)}, set(suspects(lines))
    assert hidden <= suspected
    assert len(suspected) < len(lines) / 2


if __name__ == "__main__":
    for half in ("near", "far"):
        sys.stdout.write(figures(half, measured(half)) + "\n")
    sys.stdout.write(f"{100 * alarms_on_real_lines():.2f} % of {LINES} real lines" + "\n")
