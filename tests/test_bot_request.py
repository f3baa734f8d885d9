"""The request for consent speaks the owner's language of that chat."""

import pytest

from bot.request import LANGUAGES, language_of, text_in


@pytest.mark.parametrize(
    ("texts", "language"),
    [
        (["hey what are you doing", "not much lol", "is it raining?"], "en"),
        (["привет, как ты", "да не, всё норм", "а что там"], "ru"),
        (["привіт, як ти", "та ні, все добре", "що там є"], "uk"),
        (["ich bin gleich da", "ja nein das ist gut", "und du"], "de"),
        (["que haces", "no lo se", "pero si te digo"], "es"),
        (["je sais pas", "c'est bon", "tu viens ? oui"], "fr"),
        (["non lo so", "che fai", "sono a casa, ti chiamo"], "it"),
        (["não sei", "você vem", "eu tô com ele"], "pt"),
        (["ok ok", "and you?", "the и в"], "en"),
    ],
)
def test_the_language_is_that_of_the_owners_own_messages(texts: list[str], language: str) -> None:
    assert language_of(texts) == language


def test_without_words_the_language_is_what_was_asked_for() -> None:
    assert language_of([]) == "en"
    assert language_of(["👍", "12:30"], "ru") == "ru"


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_request_is_written_in_its_own_language_and_fits_one_message(language: str) -> None:
    assert language_of([text_in(language)]) == language
    assert 150 < len(text_in(language)) < 1000
