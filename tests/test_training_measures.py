"""The measures on invented people, where the answer is known beforehand."""

import random
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from data.samples import Sample
from data.transcript import Transcript, Turn
from tests import training_models as models
from tests.voices import formal, person, quiet
from training import style
from training.measures import attribution, classify, engagement, interval, language, suggestion
from training.measures.exchange import exchanges, halves, together
from training.measures.interval import Clusters
from training.measures.nearest import Index


def test_each_reply_is_counted_once_and_a_silence_ends_a_conversation() -> None:
    lines = ((False, "hi"), (True, "hey"), (False, "and?"), (True, "nothing"))
    whole = Sample(7, models.chat(lines))
    overlapping = Sample(7, whole.transcript, fresh=2)
    found = exchanges([whole, overlapping])
    assert [each.reply for each in found] == [("hey",), ("nothing",)]
    assert found[1].they == ("and?",)
    assert [turn.texts for turn in found[1].before.turns] == [("hi",), ("hey",), ("and?",)]
    assert len({each.conversation for each in found}) == 1
    later = [replace(turn, at=turn.at + timedelta(hours=3)) for turn in whole.transcript.turns]
    both = exchanges([whole, Sample(7, Transcript(tuple(later))), Sample(8, whole.transcript)])
    assert [each.conversation for each in both] == [1, 1, 2, 2, 3, 3]


def test_what_two_people_said_to_each_other_is_one_conversation() -> None:
    lines = ((False, "hi"), (True, "hey"), (False, "and?"), (True, "nothing"))
    mine = exchanges([Sample(7, models.chat(lines))])
    theirs = [replace(each, at=each.at + timedelta(seconds=30), conversation=99) for each in mine]
    ours, others = together(mine, theirs)
    assert {each.conversation for each in ours} == {each.conversation for each in others}


def test_the_halves_of_a_person_share_no_conversation() -> None:
    early, late = halves(person(quiet))
    assert len(early) + len(late) == 320
    assert abs(len(early) - len(late)) <= 5
    assert {e.conversation for e in early}.isdisjoint(e.conversation for e in late)
    assert max(e.at for e in early) <= max(e.at for e in late)


def test_two_different_people_are_told_apart_and_one_is_not_from_themselves() -> None:
    one, other, again = person(quiet, 1), person(formal, 2), person(quiet, 3)
    apart = classify.auc(classify.matched(one, other), "characters")
    assert apart.value is not None
    assert apart.low is not None
    assert apart.value > 0.95
    assert apart.low > 0.9
    same = [classify.value(classify.matched(one, again, seed), "characters", seed) for seed in range(3)]
    assert 0.42 < float(np.mean(same)) < 0.58
    assert classify.value(classify.matched(one, other), "style") > 0.95
    assert classify.value(classify.matched(one, other), "length") > 0.6


def test_a_topic_does_not_tell_two_sides_apart() -> None:
    """The same voice on other topics: unpaired that is easy, paired by what is answered it is not."""
    chance = random.Random(5)
    one = person(quiet)
    other = [replace(each, reply=quiet(chance, each.they[0].split()[-1].rstrip("?"))) for each in one]
    assert 0.4 < classify.value(classify.paired(one, [each.reply for each in other]), "characters") < 0.6


def test_a_conversation_of_two_people_is_never_on_both_sides_of_a_fold() -> None:
    one, other = person(quiet, 1), person(formal, 1)  # the same conversations
    place: dict[int, int] = {}
    for pair in classify.matched(one, other):
        assert place.setdefault(pair.conversation, pair.fold) == pair.fold
    assert len(set(place.values())) == classify.FOLDS


def test_a_bundle_holds_five_replies_of_one_side_and_tells_more() -> None:
    pairs = classify.matched(person(quiet, 1), person(formal, 2))
    joined = classify.bundles(pairs)
    assert len(pairs) // 5 - 8 * classify.FOLDS <= len(joined) <= len(pairs) // 5
    assert sum(len(each.other) for each in joined) == 5 * len(joined)
    assert classify.value(joined, "characters") >= classify.value(pairs, "characters") - 0.01


def test_a_context_without_a_generated_reply_makes_no_pair() -> None:
    some = person(quiet)[:3]
    assert len(classify.paired(some, [("a",), (), ("b",)])) == 2


@pytest.mark.parametrize(("chats", "talks", "enough"), [(5, 6, True), (4, 10, False), (10, 2, False)])
def test_below_thirty_conversations_or_five_chats_there_is_no_figure(chats: int, talks: int, enough: bool) -> None:
    some = person(quiet, chats=chats, talks=talks)
    clusters = Clusters(tuple(e.conversation for e in some), tuple(e.dialog for e in some))
    found = interval.figure(clusters, interval.mean([1.0] * len(some)), 1)
    assert (found.value is not None) == enough
    assert ("insufficient data" in (found.why_none or "")) == (not enough)


def test_an_interval_counts_conversations_and_not_replies() -> None:
    """Replies of one conversation that are all alike say no more than one of them: the interval must not shrink."""
    chance = random.Random(1)
    few = person(quiet, each=1)
    coin = {e.conversation: float(chance.random() < 0.5) for e in few}
    widths = []
    for times in (1, 20):
        some = [each for each in few for _ in range(times)]
        clusters = Clusters(tuple(e.conversation for e in some), tuple(e.dialog for e in some))
        found = interval.figure(clusters, interval.mean([coin[e.conversation] for e in some]), 1)
        assert found.low is not None
        assert found.high is not None
        widths.append(found.high - found.low)
    assert widths[1] == pytest.approx(widths[0], rel=0.01)
    assert 0.15 < widths[0] < 0.5  # 64 coins: 0.24 if all were independent


def test_the_interval_is_the_same_for_the_same_seed() -> None:
    clusters = Clusters(tuple(range(40)), tuple(i % 8 for i in range(40)))
    figures = [interval.figure(clusters, interval.mean([i / 40 for i in range(40)]), seed) for seed in (1, 1, 2)]
    assert figures[0] == figures[1]
    assert figures[0].low != figures[2].low
    assert figures[0].value == pytest.approx(19.5 / 40)


def test_replies_are_given_to_their_writer_and_a_copy_of_the_peer_is_found() -> None:
    owner = person(quiet, 1)
    voices = {
        dialog: [(f"{word} {n} {word}",) for n in range(60)]
        for dialog, word in enumerate(("grüezi", "yolo", "howdy", "ahoy", "servus", "moin", "salut", "ciao"), 1)
    }
    echoes = [random.Random(i).choice(voices[e.dialog]) for i, e in enumerate(owner)]
    found = attribution.attribute([e.reply for e in person(quiet, 2)], voices, owner, echoes)
    assert found.peers == 8
    assert found.owner_real.value == pytest.approx(1.0, abs=0.05)
    assert found.owner_written.value == pytest.approx(0.0, abs=0.05)
    assert found.copied_real.value == pytest.approx(0.0, abs=0.05)
    assert found.copied_written.value == pytest.approx(1.0, abs=0.05)
    assert found.owner_others == 0.0
    same = [(f"hello {n}",) for n in range(60)]
    alike = attribution.attribute(same, voices | {9: same}, owner, echoes)
    assert alike.owner_others is not None
    assert alike.owner_others > 0.0
    few = attribution.attribute([e.reply for e in owner], {1: voices[1]}, owner, echoes)
    assert "insufficient data" in (few.owner_real.why_none or "")


def test_the_nearest_text_is_the_one_with_the_rare_words() -> None:
    index = Index(["the soup is the best", "the train is late", "the the the", "soup"])
    assert index.best("late train?", 2)[0] == 1
    assert index.best("soup", 1) == [3]  # as often, in a shorter text
    assert index.best("zebra", 3) == []


@pytest.mark.parametrize(
    ("one", "other", "edits"), [("kitten", "sitting", 3), ("", "abc", 3), ("abc", "abc", 0), ("flaw", "lawn", 2)]
)
def test_the_edit_distance_of_known_pairs(one: str, other: str, edits: int) -> None:
    assert suggestion.distance(one, other) == edits


def test_a_proposal_that_is_the_real_reply_is_a_hit() -> None:
    assert suggestion.hit([("nope",), ("Yes  please.",)], ("yes", "please"))
    assert not suggestion.hit([("nope",)], ("yes please",))
    assert suggestion.saved([("see you",)], ("see you!",)) == pytest.approx(7 / 8)
    some = person(quiet)
    perfect, saved = suggestion.figures(some, [[each.reply] for each in some])
    assert (perfect.value, saved.value) == (1.0, 1.0)
    common = suggestion.most_frequent(some)
    assert len(common) == suggestion.K
    hits, _ = suggestion.figures(some, [common] * len(some))
    assert hits.value is not None
    assert 0 < hits.value < 1
    assert suggestion.nearest(some, some[:1])[0][0] in {each.reply for each in some}


@pytest.mark.parametrize(
    ("they", "kind"),
    [
        ("are you there?", "question"),
        ("shall we meet tomorrow?", "plan"),
        ("look https://example.org", "link or media"),
        ("[photo]", "link or media"),
        ("good night", "closing"),
        ("it rains " * 20, "news"),
        ("it rains", "small talk"),
    ],
)
def test_a_context_has_a_class(they: str, kind: str) -> None:
    assert engagement.class_of((they,)) == kind


def test_a_twin_that_always_says_ok_is_found_out() -> None:
    some = person(quiet)
    rates = engagement.rates(some, [("ok",)] * len(some))
    real, made, times = rates["all"]
    assert real.value is not None
    assert times.value is not None
    assert made.value == 1.0
    assert times.value == pytest.approx(1 / real.value)
    assert "insufficient data" in (rates["closing"][0].why_none or "")
    own = engagement.rates(some, [each.reply for each in some])["all"][2]
    assert own.value == pytest.approx(1.0)


def test_a_reply_on_the_topic_finds_its_context_and_one_on_nothing_does_not() -> None:
    some = [
        replace(e, before=Transcript((Turn(False, (f"about {i} question word{i}",), e.at),)))
        for i, e in enumerate(person(quiet))
    ]
    right = engagement.belongs(some, [(f"word{i} yes",) for i in range(len(some))])
    wrong = engagement.belongs(some, [("ok",)] * len(some))
    assert (right.value, wrong.value) == (1.0, 0.0)


def test_words_that_nobody_ever_wrote_are_counted_and_another_script_is_seen() -> None:
    some = person(quiet)
    known = language.vocabulary(text for each in some for text in each.reply)
    made = [("ok sure blorf",), ("привет",)] * (len(some) // 2)
    found = language.errors(some, made, known)
    assert found.foreign_real.value == 0.0
    assert found.foreign_written.value == pytest.approx(50.0)  # blorf and привет, of four words
    assert found.wrong_script_written.value == pytest.approx(50.0)
    assert found.wrong_script_real.value == 0.0


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("Hello there.", (".", "Upper", "none", "none", "LATIN")),
        ("no way!", ("!", "lower", "none", "none", "LATIN")),
        ("WHAT?", ("?", "ALL", "none", "?", "LATIN")),
        ("well...", ("…", "lower", "none", "none", "LATIN")),
        ("ok :)", ("smiley", "lower", "smiley", "none", "LATIN")),
        ("👍", ("smiley", "none", "emoji", "none", "none")),
        ("привет", ("none", "lower", "none", "none", "CYRILLIC")),
    ],
)
def test_what_is_seen_of_a_message(text: str, seen: tuple[str, ...]) -> None:
    shown = (style.ending(text), style.casing(text), style.has_emoji(text), style.asks(text), style.script(text))
    assert shown == seen


def test_features_are_numbers_even_of_an_empty_bundle() -> None:
    assert np.isfinite(style.matrix([(), ("",), ("hahaha loool :)", "I, too")])).all()
