"""Secrets leave the text and come back to it; everything else stays as it was."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.redact import Surrogates, find

KEY = bytes(range(32))

SECRETS = [
    ("token", "sk-proj-abcdEFGH1234567890xyz", "my key is {}"),
    ("token", "ghp_" + "a1B2" * 6, "use {} for git"),
    ("token", "AKIA" + "ABCD" * 4, "{}"),
    ("token", "12345678:" + "Ab-_9" * 7, "the bot is {}"),
    ("email", "anna.b+c@mail.example.org", "write to {}, please"),
    ("email", "анна@пример.рф", "пиши на {}"),
    ("iban", "DE89 3704 0044 0532 0130 00", "pay to {}"),
    ("card", "4111 1111 1111 1111", "card {} 12/30"),
    ("card", "4111111111111111", "карта {}"),
    ("card", "4111 1111 1111 1111", "1500 {} 123"),
    ("card", "3782 822463 10005", "amex {} 1234"),
    ("iban", "BE68 5390 0754 7034", "{} CODE"),
    ("code", "48213", "Login code: {}. Do not give it to anyone"),
    ("code", "482-135", "{} is your verification code"),
    ("code", "482135", "G-{} is your Google verification code"),
    ("code", "48213", "Ваш код подтверждения: {}"),
    ("code", "4821", "пин-код {}"),
    ("code", "4821", "{} — это код от двери"),
    ("password", "Hunter2!x", "the password is {} ok"),
    ("password", "пинг*Вин", "пароль: {}"),
    ("phone", "+49 30 901820", "call {}"),
    ("phone", "(808) 782-1557", "call {}"),
    ("phone", "8 (916) 123-45-67", "звони {}"),
    ("phone", "093-507-06-53", "скинь на телефон {} 100 грн"),
    ("email", "anna.smith at gmail dot com", "{}, no spaces"),
    ("email", "anna(at)posteo.de", "schreib an {}"),
    ("password", "correct horse battery staple", "wifi password = {}"),
    ("password", "anna98!", "hasło {} pa"),
    ("code", "482135", "Dein Anmeldecode ist {}, gib ihn keinem"),
    ("code", "123", "cvv {}"),
    ("token", "0123456789abcdef0123456789abcdef", "twilio key {}"),
    ("token", "admin:hunter2", "postgres://{}@db.example.org/x"),
    ("wallet", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "btc {}"),
    ("wallet", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "send it to {} please"),
    ("wallet", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "eth {}"),
    ("seed", "abandon " * 11 + "about", "seed phrase: {}"),
    ("seed", "1. zoo 2. zoo 3. zoo 4. zoo 5. zoo 6. zoo 7. zoo 8. zoo 9. zoo 10. zoo 11. zoo 12. wrong", "сид {}"),
    ("seed", " ".join(["abaco"] * 12), "guárdalo: {}"),
]


def shape(text: str) -> str:
    """Each character as what it is: digit, small or capital letter of its script, or itself."""
    for kind in ("0-9", "a-z", "A-Z", "а-я", "А-Я"):
        text = re.sub(f"[{kind}]", kind[0], text)
    return text


@pytest.mark.parametrize(("kind", "secret", "frame"), SECRETS)
def test_each_kind_of_secret_is_found_and_replaced_in_its_own_shape(kind: str, secret: str, frame: str) -> None:
    text = frame.format(secret)
    assert [(s.kind, text[s.start : s.end]) for s in find(text)] == [(kind, secret)]
    redacted = Surrogates(KEY, 1).redact(text)
    before, after = frame.split("{}")
    stand_in = redacted[len(before) : len(redacted) - len(after)]
    assert (redacted.startswith(before), redacted.endswith(after)) == (True, True)
    assert shape(stand_in) == shape(secret)
    assert stand_in != secret


@pytest.mark.parametrize(("kind", "secret", "frame"), SECRETS)
def test_what_was_replaced_comes_back(kind: str, secret: str, frame: str) -> None:
    surrogates = Surrogates(KEY, 1)
    text = frame.format(secret)
    assert surrogates.restore(surrogates.redact(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "see you at 18:30",
        "it was 2019, or 2020",
        "costs 1 500 rub, or $1,200.50",
        "1 000 000 views",
        "from 10 to 12, 3 times",
        "on 12.05.2024 and 2024-05-12",
        "50/50, 24/7, 9/11",
        "password issues again",
        "the author, born 1984",
        "пингвинов было 1200",
        "order 1234567890123",
        "обычный разговор",
        "i am @ home",
        "you plan on seeing it at some point in june",
        "order 93-507-06-53 has not come",
        "zip code 90210",
        "promo code 20262027",
        "the movie pass is worth it",
        "el libro 9788437604947 lo tienen",
        "https://www.youtube.com/watch?v=dQw4w9WgXcQ",
        "they only tell people about stuff like that when it will make them more money",
        "",
    ],
)
def test_ordinary_times_years_and_prices_stay(text: str) -> None:
    assert find(text) == []
    assert Surrogates(KEY, 1).redact(text) == text


def test_a_password_beside_an_address_is_found_too() -> None:
    text = "log in with anna@example.org / Bryan86"
    assert [s.kind for s in find(text)] == ["email", "password"]


def test_a_private_key_is_replaced_from_its_first_line_to_its_last() -> None:
    block = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA==\n-----END PRIVATE KEY-----"
    text = f"mine: {block} ok?"
    assert [text[s.start : s.end] for s in find(text)] == [block]


def test_a_card_is_found_behind_any_number_of_other_groups() -> None:
    text = "1 " * 40 + "4111 1111 1111 1111"
    assert text[find(text)[-1].end - 19 :] == "4111 1111 1111 1111"


def test_a_secret_has_one_stand_in_a_chat_and_another_elsewhere() -> None:
    stand_in = Surrogates(KEY, 1).of("Hunter2-and-more")
    assert Surrogates(KEY, 1).of("Hunter2-and-more") == stand_in
    assert Surrogates(KEY, 2).of("Hunter2-and-more") != stand_in
    assert Surrogates(KEY[::-1], 1).of("Hunter2-and-more") != stand_in


def test_one_secret_is_replaced_alike_wherever_it_stands() -> None:
    surrogates = Surrogates(KEY, 1)
    first, second = surrogates.redact("code: 48213"), surrogates.redact("that code is 48213, yes")
    assert first.removeprefix("code: ") in second
    assert len(surrogates.originals) == 1


def test_no_secret_stands_in_for_itself() -> None:
    surrogates = Surrogates(KEY, 1)
    assert [code for n in range(10_000) if surrogates.of(code := f"{n:04}") == code] == []
    assert surrogates.of("****") == "****"
    assert "****" not in surrogates.originals


def test_few_characters_of_a_secret_stay_where_they_were() -> None:
    for _, secret, _ in SECRETS:
        pairs = zip(Surrogates(KEY, 1).of(secret), secret, strict=True)
        kept = [a for a, b in pairs if a == b and a.isalnum()]
        assert len(kept) <= max(3, len(secret) // 3), secret


def test_a_long_secret_is_replaced_to_its_end() -> None:
    secret = "a" * 500
    stand_in = Surrogates(KEY, 1).of(secret)
    assert len(stand_in) == 500
    assert len({stand_in[i : i + 10] for i in range(0, 500, 10)}) == 50


def test_what_was_put_back_is_not_replaced_again() -> None:
    surrogates = Surrogates(KEY, 1, {"1111": "2222", "2222": "3333", "22": "44"})
    assert surrogates.restore("1111 2222 22") == "2222 3333 44"


def test_a_text_of_another_context_is_not_turned_back() -> None:
    redacted = Surrogates(KEY, 1).redact("code: 48213")
    assert Surrogates(KEY, 1).restore(redacted) == redacted


texts = st.lists(
    st.one_of(st.text(max_size=12), st.sampled_from([frame.format(secret) for _, secret, frame in SECRETS])), max_size=5
).map(" ".join)


@settings(max_examples=200, derandomize=True, deadline=None)
@given(texts)
def test_secrets_found_lie_in_order_inside_the_text_and_do_not_overlap(text: str) -> None:
    edges = [edge for secret in find(text) for edge in (secret.start, secret.end)]
    assert edges == sorted(edges)
    assert all(0 <= secret.start < secret.end <= len(text) for secret in find(text))


@settings(max_examples=200, derandomize=True, deadline=None)
@given(texts)
def test_redacting_changes_the_secrets_alone_and_always_in_the_same_way(text: str) -> None:
    redacted = Surrogates(KEY, 7).redact(text)
    assert redacted == Surrogates(KEY, 7).redact(text)
    assert len(redacted) == len(text)
    secret_at = {i for secret in find(text) for i in range(secret.start, secret.end)}
    assert all(text[i] == redacted[i] for i in range(len(text)) if i not in secret_at)


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.lists(st.sampled_from([frame.format(secret) for _, secret, frame in SECRETS]), max_size=4))
def test_several_secrets_all_come_back(parts: list[str]) -> None:
    surrogates = Surrogates(KEY, 7)
    text = "\n".join(parts)
    assert surrogates.restore(surrogates.redact(text)) == text
    together = Surrogates(KEY, 7)
    assert together.redact_all(parts) == list(map(surrogates.redact, parts))
    assert together.restore(" ".join(together.redact_all(parts))) == " ".join(parts)
