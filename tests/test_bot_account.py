"""Which Telegram an account is on: the real one, its test servers, or a server that the settings name."""

import pytest

from bot.connection import server_of
from bot.settings import Settings, TelegramSettings
from data.errors import ExitCode, UserError
from data.telegram import Server


def on(**telegram: object) -> Server | None:
    return server_of(Settings.model_construct(telegram=TelegramSettings.model_validate(telegram)))


def test_without_a_word_it_is_telegram_itself() -> None:
    assert on() is None


@pytest.mark.parametrize(("dc", "host"), [(1, "149.154.175.10"), (2, "149.154.167.40"), (3, "149.154.175.117")])
def test_telegrams_test_servers_are_reached_by_one_word_and_their_number(dc: int, host: str) -> None:
    assert on(test_dc=True, server_dc=dc) == Server(host, 443, dc)


def test_a_test_server_that_telegram_does_not_have_is_a_sentence() -> None:
    with pytest.raises(UserError, match="no test data centre 4") as told:
        on(test_dc=True, server_dc=4)
    assert told.value.code is ExitCode.CONFIGURATION


def test_a_server_that_is_named_goes_before_the_test_servers() -> None:
    assert on(test_dc=True, server="[::1]:4430", server_dc=2) == Server("::1", 4430, 2)
