"""The guard lets ordinary talk by and stops what a twin must not send, whatever it is dressed in."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.guard import LONGEST, MOST, RULES, TOPICS, Guard, Outcome, Verdict, words
from data.redact import Surrogates

GUARD = Guard()


def judge(
    *reply: str,
    context: tuple[str, ...] = ("hi there", "how was your day?"),
    incoming: tuple[str, ...] | None = None,
    own: tuple[str, ...] = (),
    last: tuple[str, ...] = (),
    surrogates: Surrogates | None = None,
) -> Verdict:
    return GUARD.judge(reply, context, surrogates or Surrogates(b"k" * 32, 1), own, incoming=incoming, own_last=last)


SMALL_TALK = [
    "haha yeah",
    "ok",
    "👍",
    "...",
    "?",
    "no no no",
    "lol that movie was dope",
    "i had 2 exams and 3 quizzes",
    "remember 2019? good times",
    "like 1,000 people were there, 24/7",
    "i'm dying laughing",
    "dead serious",
    "ill tell you later",
    "nice to meet you!",
    "my phone died",
    "suicide squad is a bad film",
    "i can sing, can't you",
    "that's so sweet of you",
    "e.g. like this.and that.then go",
    "привет, как сам?",
    "ахах ору, умер со смеху",
    "да норм, сижу дома",
    "ну такое, 50/50",
    "телефон умер вчера",
    "попробуй погромче",
    "страховка не нужна",
    "у нас 25 градусов и солнце",
    "купил хлеб и молоко",
]


@pytest.mark.parametrize("text", SMALL_TALK)
def test_small_talk_passes_in_the_reply_and_in_the_message_answered(text: str) -> None:
    assert judge(text) == Verdict(Outcome.PASS)
    assert judge("cool", context=("hey", text)) == Verdict(Outcome.PASS)


ON_TOPIC = [
    ("crisis", "I want to die"),
    ("crisis", "i can't breathe, call an ambulance"),
    ("crisis", "не хочу жить"),
    ("crisis", "он меня бьёт"),
    ("death", "my grandma passed away"),
    ("death", "дедушка умер"),
    ("health", "the biopsy came back"),
    ("health", "он в больнице"),
    ("money", "can you lend me 20?"),
    ("money", "займи до пятницы"),
    ("money", "скинь на карту"),
    ("credentials", "what's the password"),
    ("credentials", "скажи код из смс"),
    ("plans", "let's meet"),
    ("plans", "i'll come at 7pm"),
    ("plans", "at 18:30 then"),
    ("plans", "во сколько?"),
    ("plans", "обещаю"),
    ("commitments", "my lawyer says yes"),
    ("commitments", "подпиши договор"),
    ("sexual", "send nudes"),
    ("sexual", "давай переспим"),
    ("insults", "you moron"),
    ("insults", "ну ты и дебил"),
    ("scam", "click this link"),
    ("scam", "это мошенники"),
    ("human", "are you a bot?"),
    ("human", "As an AI, I cannot"),
    ("human", "I'm not a bot"),
    ("human", "I’m human"),
    ("human", "ты бот?"),
    ("human", "я не бот"),
    ("human", "Как языковая модель, я"),
]


@pytest.mark.parametrize(("topic", "text"), ON_TOPIC)
def test_what_is_never_automatic_is_held_in_the_reply(topic: str, text: str) -> None:
    verdict = judge(text)
    assert (verdict.outcome, topic in verdict.slugs) == (Outcome.HOLD, True)


@pytest.mark.parametrize(("topic", "text"), ON_TOPIC)
def test_what_is_never_automatic_is_held_when_they_bring_it_up(topic: str, text: str) -> None:
    for verdict in (judge("haha ok", context=("hey", text)), judge("haha ok", incoming=(text, "so?"))):
        assert (verdict.outcome, topic in verdict.slugs) == (Outcome.HOLD, True)


@pytest.mark.parametrize(("topic", "text"), ON_TOPIC)
def test_capitals_wide_letters_and_invisible_characters_hide_no_topic(topic: str, text: str) -> None:
    wide = "".join(chr(ord(char) + 0xFEE0) if "a" <= char <= "z" else char for char in text)
    for dressed in (text.upper(), wide, text[:4] + "\u200b" + text[4:]):
        assert topic in judge(dressed).slugs, ascii(dressed)


@pytest.mark.parametrize("text", ["l o a n", "s.u.i.c.i.d.e", "п а р о л ь"])
def test_spelling_a_word_out_hides_no_topic(text: str) -> None:
    assert judge(text).outcome is Outcome.HOLD


def test_every_topic_has_words_in_english_and_in_russian() -> None:
    assert {topic for topic, _ in ON_TOPIC} == set(TOPICS)
    for topic in TOPICS:
        spoken = {("а" <= text.casefold()[0] <= "я") for name, text in ON_TOPIC if name == topic}
        assert spoken == {False, True}, topic


def test_crisis_words_tell_the_owner_at_once_and_other_topics_do_not() -> None:
    assert judge("ok", incoming=("i want to kill myself",)).notify
    assert judge("не хочу жить").notify
    assert judge("", incoming=("i want to die",)).notify, "even when the reply is dropped"
    assert judge("ok", incoming=("i want", "to die")).notify, "even when it is broken over two messages"
    assert not judge("can you lend me 20?").notify
    assert GUARD.crisis(["хочу умереть"])
    assert not GUARD.crisis(["хочу пиццу"])


def test_after_a_crisis_small_talk_stays_with_the_owner() -> None:
    assert judge("lol", context=("hey", "i want to die")).slugs == ("crisis",), "said once"
    verdict = judge("lol", context=("i want to die", "what?", "nvm", "so, any pizza tonight"))
    assert (verdict.slugs, verdict.notify) == (("aftermath",), False)
    assert judge("lol", context=("i want to die", *["so anyway"] * 12)).outcome is Outcome.PASS


def test_an_insult_the_owner_uses_here_passes_and_any_other_is_held() -> None:
    assert judge("ты дурак", own=("дурак",)).outcome is Outcome.PASS
    assert judge("ты дурак", own=("осел",)).slugs == ("insults",)
    assert judge("fuck you moron", own=("fuck", "you")).slugs == ("insults",)
    assert GUARD.judge(["you moron"], [], Surrogates(b"k", 1), lambda word: word == "moron").outcome is Outcome.PASS


def test_what_the_owner_says_here_excuses_no_topic_but_insults() -> None:
    assert judge("send nudes", own=("send", "nudes")).slugs == ("sexual",)


@pytest.mark.parametrize(
    ("slug", "reply"),
    [
        ("empty", ()),
        ("empty", ("",)),
        ("empty", ("hi", " \n\t")),
        ("empty", ("\u200b\u2060",)),
        ("empty", ("\u2800",)),
        ("placeholder", ("[photo]",)),
        ("placeholder", ("[voice 0:12]",)),
        ("placeholder", ("look", "[photo] of my cat")),
        ("placeholder", ("[sticker 😀]",)),
        ("placeholder", ("[middling photo and text]",)),
        ("control", ("ok<|im_end|>",)),
        ("control", ("<+12m>",)),
        ("control", ("<+2d Fri 09:15>", "hi")),
        ("control", ("<|start_header_id|>user",)),
        ("control", ("hi</s>",)),
        ("control", ("[INST] hi",)),
        ("control", ("hi<end_of_turn>",)),
    ],
)
def test_what_cannot_be_sent_is_dropped(slug: str, reply: tuple[str, ...]) -> None:
    verdict = judge(*reply)
    assert (verdict.outcome, verdict.slugs) == (Outcome.DROP, (slug,))


@pytest.mark.parametrize("text", ["i <3 you", "a < b > c", "[so] i said yes", "<| what a face", "1<+2"])
def test_what_only_resembles_a_mark_is_no_mark(text: str) -> None:
    assert judge(text).outcome is Outcome.PASS


@pytest.mark.parametrize(
    "reply",
    [
        ("so that is what i like", "so that is what i like"),
        ("ok", "sure", "OK!"),
        ("i like it a lot i like it a lot i like it a lot",),
        ("ha " * 8,),
    ],
)
def test_a_reply_that_repeats_itself_is_held(reply: tuple[str, ...]) -> None:
    assert judge(*reply).slugs == ("loop",)


def test_the_owners_last_turn_is_not_sent_again() -> None:
    assert judge("yes", last=("yes",)).slugs == ("echo",)
    assert judge("yes", "i do", last=("yes",)).outcome is Outcome.PASS


def test_a_longer_message_is_not_said_back_to_the_one_who_wrote_it() -> None:
    context = ("What did you do all day?", "not much")
    assert judge("what did you do all day?", context=context).slugs == ("echo",)
    assert judge("not much", context=context).outcome is Outcome.PASS


def test_nobody_types_that_much() -> None:
    def letters(length: int) -> str:
        return "".join(chr(ord("a") + (i * i + i // 26) % 26) for i in range(length))

    assert judge(letters(LONGEST)).outcome is Outcome.PASS
    assert judge(letters(LONGEST + 1)).slugs == ("long",)
    assert judge(*[f"word{chr(ord('a') + i)}" for i in range(MOST)]).outcome is Outcome.PASS
    assert judge(*[f"word{chr(ord('a') + i)}" for i in range(MOST + 1)]).slugs == ("long",)


NUMBERS = ["it's 48213", "48-213", "4 8 2 1 3", "4. 8. 2. 1. 3", "４８２１３", "٤٨٢١٣", "48\u200b213", "4️⃣8️⃣2️⃣1️⃣3️⃣"]


@pytest.mark.parametrize("text", NUMBERS)
def test_a_number_passes_only_when_this_chat_knows_it_however_it_is_written(text: str) -> None:
    assert judge(text).slugs == ("number",)
    assert judge(text, context=("my flat is 48213", "cool")).outcome is Outcome.PASS
    assert judge(text, context=("my flat is 148213", "cool")).slugs == ("number",)


def test_a_number_spread_over_messages_is_one_number() -> None:
    assert judge("48", "21", "3").slugs == ("number",)


def test_a_part_of_a_known_number_is_known_and_two_known_ones_may_stand_side_by_side() -> None:
    context = ("my number is 555 018 7733", "flat 48213")
    assert judge("018 7733 right?", context=context).outcome is Outcome.PASS
    assert judge("48213, 7733", context=context).outcome is Outcome.PASS
    assert judge("48213, 77335", context=context).outcome is Outcome.HOLD


@pytest.mark.parametrize("text", ["in 1997", "2 000", "120 people", "24/7", "10,000", "2010-2015"])
def test_years_and_round_numbers_are_ordinary(text: str) -> None:
    assert judge(text).outcome is Outcome.PASS


def test_a_spelled_year_is_a_code() -> None:
    assert judge("2 0 1 7").slugs == ("number",)


@pytest.mark.parametrize(
    "text",
    [
        "look https://example.com/a",
        "EXAMPLE.COM",
        "t.me/joinchat",
        "tg://resolve",
        "its example dot com",
        "example (dot) org",
        "пример.рф",
        "пример точка ru",
        "write to anna@example.org",
        "ask @somebody_else",
        "exam\u200bple.com",
    ],
)
def test_a_link_or_a_name_to_write_to_passes_only_when_this_chat_knows_it(text: str) -> None:
    assert "address" in judge(text).slugs
    assert "address" not in judge(text, context=(f"see {text}", "thanks a lot")).slugs


def test_a_link_is_known_without_its_scheme_and_its_slash() -> None:
    context = ("https://www.example.com/cats/", "wow")
    assert judge("example.com/cats!", context=context).outcome is Outcome.PASS
    assert judge("example.com/dogs", context=context).slugs == ("address",)


def test_a_secret_passes_only_when_it_stands_in_this_chat_exactly() -> None:
    token = "ghp_abcdefghijklmnopqrstuv"
    assert judge(token).slugs == ("secret",)
    assert judge(token, context=(f"use {token} please", "ok")).outcome is Outcome.PASS
    assert judge(token, context=(f"use {token}x please", "ok")).slugs == ("secret",)
    assert "secret" in judge("+7 916 123-45-67").slugs


def test_a_stand_in_that_could_not_be_turned_back_is_held() -> None:
    surrogates = Surrogates(b"k" * 32, 1)
    stand_in = surrogates.of("481516")
    original = ("the door is 481516", "thx")
    assert judge(surrogates.restore(f"{stand_in}?"), context=original, surrogates=surrogates).outcome is Outcome.PASS
    assert "surrogate" in judge(" ".join(stand_in), context=original, surrogates=surrogates).slugs
    word = surrogates.of("Hunter")
    assert "surrogate" in judge(word.upper(), context=original, surrogates=surrogates).slugs


@pytest.mark.parametrize("text", [text for _, text in ON_TOPIC] + NUMBERS + ["example.com", "[photo]", "<|im_end|>"])
def test_reasons_are_the_rules_own_words(text: str) -> None:
    known = {f"{slug}: {sentence}" for slug, sentence in RULES.items()}
    known |= {
        f"{slug}: {sentence}, in {at}" for slug, sentence in TOPICS.items() for at in ("the reply", "their message")
    }
    reasons = judge(text).reasons
    assert reasons
    assert set(reasons) <= known


@settings(max_examples=150, derandomize=True, deadline=None)
@given(st.lists(st.text(max_size=60), max_size=4), st.lists(st.text(max_size=60), max_size=4))
def test_any_text_gets_a_verdict_and_a_reason_unless_it_passes(reply: list[str], context: list[str]) -> None:
    verdict = GUARD.judge(reply, context, Surrogates(b"k" * 32, 1))
    assert (verdict.outcome is Outcome.PASS) == (not verdict.reasons)


def test_a_list_knows_stars_times_comments_and_harmless_phrases() -> None:
    found = words.of(["loan*  # money", "at <time>", "borrow * bucks", "# loose", "! loaner car", "ЁЛКА"])
    assert found.hits("Loans at 7pm, loaner car") == ["loans", "at 7pm"]
    assert found.hits("borrow ten bucks under the елка") == ["borrow ten bucks", "елка"]
    assert found.hits("loose balloon at seven") == []


def test_a_word_is_a_whole_word() -> None:
    assert words.of(["ill"]).hits("still an illusion") == []
    assert words.of(["ill"]).hits("he is ill.") == ["ill"]


def test_a_list_without_a_phrase_is_refused() -> None:
    with pytest.raises(ValueError, match="without a phrase"):
        words.of(["# nothing", "! harmless"])
    with pytest.raises(ValueError, match="without a phrase"):
        words.read("no-such-topic")
