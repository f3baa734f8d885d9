"""What goes wrong with a companion bot costs its cards a moment, and the twin nothing: tokens, starts, blocks, lost
connections and answers, flood waits."""

import asyncio
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import SecretStr
from telethon import functions

from bot import agreement, botchat, connection, doctor, status
from bot.desk import Desk
from bot.policy import Mode
from bot.settings import CompanionSettings
from data.errors import UserError
from sandbox.small import ALMA, BRUNO
from tests.companion_house import BOT, NAME, TOKEN, Phone, agree, alma_says, companion_house, standing, stands
from tests.household import Household, until

Pair = tuple[Household, Phone]


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Pair]:
    async with companion_house(tmp_path) as pair:
        pair[0].allow(ALMA, Mode.ASK)
        yield pair


def token(house: Household, value: str | None) -> None:
    """The settings name this token."""
    companion = CompanionSettings(token=SecretStr(value) if value else None)
    house.settings = house.settings.model_copy(update={"companion": companion})


def from_bot(house: Household, bot: int = BOT) -> list[str]:
    """What a bot said to anybody, as the server saw it."""
    return [each.text for each in house.sandbox.log if each.sender_id == bot]


def saved(house: Household) -> list[str]:
    """What the twin said in Saved Messages."""
    town = house.sandbox.town
    return [each.text for each in house.sandbox.texts(town.owner_id)]


def row_of(house: Household) -> int | None:
    """The message that the one card is known to be."""
    with house.live() as live:
        rows = live.db.execute("SELECT message_id FROM cards").fetchall()
    return rows[0][0] if len(rows) == 1 else None


def examined(house: Household) -> doctor.Check:
    """What doctor says of the bot."""
    with Desk.at(house.settings, house.home) as desk:
        return next(each for each in doctor.examine(desk) if each.name == "companion bot")


async def test_a_wrong_token_is_told_once_and_the_twin_goes_on_without_the_bot(pair: Pair) -> None:
    house, _ = pair
    house.allow(BRUNO, Mode.AUTO)
    token(house, TOKEN[:-1] + "9")
    async with house.running():
        await stands(house, "does not accept this bot token")
        await until(lambda: any("companion bot is off" in text for text in saved(house)))
        await house.sandbox.say(BRUNO, house.owner_id, "are you there?")
        await house.heard("sent")
    assert house.sandbox.calls["ImportBotAuthorizationRequest"] == 1
    assert len([text for text in saved(house) if "companion" in text]) == 1
    assert "invented" not in str(house.events) + str(saved(house)), "no token anywhere"
    assert "@BotFather" in (standing(house) or botchat.Standing()).fix


async def test_a_token_that_is_revoked_in_mid_run_ends_the_bot_and_nothing_else(pair: Pair) -> None:
    house, phone = pair
    async with house.running():
        await alma_says(house)
        card = await phone.card()
        house.sandbox.town.accounts[BOT].token = None
        house.sandbox.log_out(BOT)
        await alma_says(house, "and the dinner?")
        await stands(house, "does not accept this bot token")
        await house.heard("offered", times=2)
        assert card
    assert house.events[-1]["event"] == "stopped"


async def test_a_login_that_ended_is_made_anew_from_the_token_and_another_bots_is_left(pair: Pair) -> None:
    house, phone = pair
    async with house.running():
        await alma_says(house)
        await phone.card()
        house.sandbox.log_out(BOT)
        await alma_says(house, "and the dinner?")
        assert "dinner" in (await phone.until(lambda said: [m for m in said if "dinner" in m.text]))[-1].text
    assert house.sandbox.calls["ImportBotAuthorizationRequest"] == 2
    assert stat.S_IMODE(house.home.companion.stat().st_mode) == 0o600
    other = house.sandbox.town.accounts[100_900]
    other.token = "100900:AAotherotherotherotherotherother0"
    token(house, other.token)
    agree(house, companion=["100900"])
    async with house.running():
        await until(lambda: (standing(house) or botchat.Standing()).name == "@sandbox_weather_bot")
        await until(lambda: any("dinner" in text for text in from_bot(house, other.id)))
        await until(lambda: row_of(house) is not None)
    assert "dinner" in house.sandbox.town.boxes[other.id].posts[row_of(house) or 0].text


async def test_before_the_owner_has_started_it_the_bot_says_nothing_and_status_and_doctor_say_why(pair: Pair) -> None:
    house, phone = pair
    bot = house.sandbox.town.boxes[BOT]
    bot.posts.clear()
    bot.by_peer.clear()
    async with house.running():
        await alma_says(house)
        await stands(house, "You have not started it.")
        with Desk.at(house.settings, house.home) as desk:
            assert (status.look(desk).companion or "").startswith(f"You have not started it. Open @{NAME}")
        check = await asyncio.to_thread(examined, house)
        assert (check.ok, check.fix) == (False, f"Open @{NAME} in Telegram and press Start.")
        assert from_bot(house) == []
        await phone.start()
        await phone.card()
        await stands(house, "")
        with Desk.at(house.settings, house.home) as desk:
            assert status.look(desk).companion == f"@{NAME}"


async def test_a_blocked_bot_costs_nothing_notices_come_to_saved_messages_and_unblocking_brings_the_cards(
    pair: Pair,
) -> None:
    house, phone = pair
    bot = await phone.client.get_input_entity(NAME)
    await phone.client(functions.contacts.BlockRequest(bot))
    async with house.running():
        await alma_says(house)
        await stands(house, "blocked it")
        await alma_says(house, "i want to kill myself")
        await until(lambda: any("needs you now" in text for text in saved(house)))
        await phone.client(functions.contacts.UnblockRequest(bot))
        await phone.write("/start")
        await phone.until(lambda said: [m for m in said if m.buttons or "This is your twin" in m.text])
        await stands(house, "")


async def test_notices_ring_in_the_bots_chat(pair: Pair) -> None:
    house, phone = pair
    async with house.running():
        await until(lambda: standing(house) is not None)
        await alma_says(house, "i want to kill myself")
        await phone.until(lambda said: [m for m in said if "Alma Reyes needs you now" in m.text])
    assert saved(house) == []


async def test_a_lost_connection_comes_back_by_itself_and_the_cards_with_it(pair: Pair) -> None:
    house, phone = pair
    async with house.running():
        await alma_says(house)
        card = await phone.card()
        await house.sandbox.restart(0.3)
        await alma_says(house, "and the dinner?")
        await phone.outcome(card, "something newer happened there")
        await phone.until(lambda said: [m for m in said if m.buttons and "dinner" in m.text])
        newest = (await phone.cards())[-1]
        assert await phone.tap(newest, "send") == "On its way."
        await house.heard("sent")
    assert house.delivered(ALMA) == ["sounds good"]


async def test_a_card_whose_answer_was_lost_comes_again_and_both_work_until_one_was_used(pair: Pair) -> None:
    house, phone = pair
    async with house.running():
        await until(lambda: standing(house) is not None)
        house.sandbox.faults.lose_answer("SendMessageRequest")
        await alma_says(house)
        first, second = await phone.card(1), await phone.card(2)
        assert await phone.tap(first, "send") == "On its way."
        await phone.outcome(second, "Sent, decided here.")
        await phone.outcome(first, "This suggestion has another card.")
    assert house.delivered(ALMA) == ["sounds good"]


async def test_a_flood_wait_on_the_bot_holds_up_cards_alone_and_is_kept(pair: Pair) -> None:
    house, phone = pair
    house.allow(BRUNO, Mode.AUTO)
    async with house.running():
        await until(lambda: standing(house) is not None)
        await asyncio.sleep(0.5)
        house.sandbox.faults.flood("SendMessageRequest", 2)
        await alma_says(house)
        await house.heard("notice_failed")
        before = house.sandbox.calls["SendMessageRequest"]
        await house.sandbox.say(BRUNO, house.owner_id, "are you there?")
        await house.heard("sent", dialog=BRUNO)
        assert house.sandbox.calls["SendMessageRequest"] == before + 1, "the bot's card is not tried in between"
        await phone.card()


async def test_without_a_yes_the_bot_does_not_even_log_in(pair: Pair) -> None:
    house, phone = pair
    (house.home.path / "agreed.json").unlink()
    with Desk.at(house.settings, house.home) as desk:
        with pytest.raises(UserError, match="have not agreed") as refused:
            agreement.ask_once(desk, False, *agreement.LIVE)
        assert "--yes" in refused.value.hint
        assert "invented" not in str(refused.value)
    async with house.running():
        await alma_says(house)
        await house.heard("offered")
        await asyncio.sleep(1)
    assert house.sandbox.calls["ImportBotAuthorizationRequest"] == 0
    assert not house.home.companion.exists()
    with Desk.at(house.settings, house.home) as desk:
        agreement.ask_once(desk, True, *agreement.LIVE)
    async with house.running():
        await phone.card()


async def test_logout_ends_the_bots_login_too(pair: Pair) -> None:
    house, phone = pair
    async with house.running():
        await alma_says(house)
        await phone.card()
    host = house.sandbox.address
    telegram = house.settings.telegram.model_copy(
        update={"server": host, "server_dc": house.sandbox.dc, "server_key": house.sandbox.public_key}
    )
    settings = house.settings.model_copy(update={"telegram": telegram})
    with Desk.at(settings, house.home) as desk:
        await connection.end(desk)
    assert not house.home.companion.exists()
    assert not house.home.session.exists()
    assert [e.account_id for e in house.sandbox.events if e.kind == "logout"] == [BOT, house.owner_id]
