"""The companion bot over TCP: two real clients besides the twin's own, the bot and the owner's phone. Cards show what
waits, buttons decide, one surface wins, and nobody but the owner is served."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from telethon import errors

from bot.control import Control
from bot.policy import Mode
from bot.suggestion import State
from data.transcript import Scope
from sandbox.box import Post
from sandbox.small import ALMA, BRUNO
from tests.companion_house import BOT, Phone, alma_says, companion_house
from tests.fakes import RecordedGenerator
from tests.household import Household, paused, review, settle, until
from tests.sandbox_clients import joining, phone_of

Pair = tuple[Household, Phone]


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Pair]:
    async with companion_house(tmp_path) as pair:
        pair[0].allow(ALMA, Mode.ASK)
        yield pair


async def test_a_card_shows_what_waits_and_send_sends_it_once_however_often_it_is_tapped(pair: Pair) -> None:
    house, phone = pair
    async with house.running():
        await alma_says(house)
        card = await phone.card()
        assert "Alma Reyes" in card.text
        assert "they: lunch was great" in card.text
        assert "» sounds good" in card.text
        assert "confidence 0.99, uncalibrated" in card.text
        taps = await asyncio.gather(*(phone.tap(card, "send") for _ in range(4)))
        assert sorted(said.partition(".")[0] for said in taps) == ["On its way", "Outdated", "Outdated", "Outdated"]
        await phone.outcome(card, "Sent, decided here.")
        assert (await phone.tap(card, "skip")).startswith("Outdated. Sent")
        (ended,) = [message for message in await phone.said() if message.id == card.id]
        assert "lunch was great" not in ended.text
    assert house.delivered(ALMA) == ["sounds good"]
    assert [(s.state, s.surface) for s in house.suggestions()] == [(State.SENT, "companion")]


async def test_another_brings_a_new_card_skip_ends_it_and_pause_chat_silences_that_chat(pair: Pair) -> None:
    house, phone = pair
    house.allow(BRUNO, Mode.ASK)
    async with house.running(RecordedGenerator([("one",), ("two",), ("three",)])):
        await alma_says(house)
        first = await phone.card()
        assert await phone.tap(first, "another") == "Another one is written."
        await phone.outcome(first, "Nothing was sent")
        second = await phone.card()
        assert "» two" in second.text
        assert await phone.tap(second, "skip") == "Skipped."
        await phone.outcome(second, "Skipped, decided here.")
        await alma_says(house, "and the dinner?")
        third = await phone.card()
        assert (await phone.tap(third, "off")).startswith("Alma Reyes: off.")
        await phone.outcome(third, "Nothing was sent")
        assert house.modes() == {ALMA: Mode.OFF, BRUNO: Mode.ASK}
        # the safe way is open from a card that has ended, and does nothing more than it did
        assert (await phone.tap(first, "off")).startswith("Alma Reyes: off.")
    assert house.delivered(ALMA) == []
    assert {s.state for s in house.suggestions()} == {State.SUPERSEDED, State.SKIPPED}


async def test_edit_sends_the_owners_next_message_or_the_answer_to_the_card(pair: Pair) -> None:
    house, phone = pair
    async with house.running():
        await alma_says(house)
        card = await phone.card()
        assert (await phone.tap(card, "edit")).startswith("Write your version here")
        await phone.until(lambda said: any("Your next message here goes to Alma Reyes" in m.text for m in said))
        await phone.write("sounds very good")
        await phone.outcome(card, "Sent, in your own version, decided here.")
        await alma_says(house, "and the dinner?")
        card = await phone.card()
        await phone.write("even better", answers=card.id)
        await phone.outcome(card, "Sent, in your own version, decided here.")
        await phone.write("too late", answers=card.id)
        await phone.until(lambda said: said[-1].text.startswith("Outdated. Sent, in your own version"))
        await phone.write("what is for lunch?")
        await phone.until(lambda said: said[-1].text.startswith("Nothing was sent."))
    assert house.delivered(ALMA) == ["sounds very good", "even better"]


async def test_what_is_no_plain_text_of_at_most_one_message_is_never_sent_on(pair: Pair) -> None:
    house, phone = pair
    async with house.running():
        await alma_says(house)
        card = await phone.card()
        await phone.tap(card, "edit")
        pasted = "long " * 1000  # an app cuts these 5,000 characters into two messages
        await phone.write(pasted[:4096])
        await phone.until(lambda said: said[-1].text.startswith("That is longer"))
        await phone.write(pasted[4096:])
        await phone.until(lambda said: said[-1].text.startswith("Nothing was sent. To send"))
        replied = house.sandbox.town.boxes[house.owner_id].posts[card.id]
        for post in (
            Post(house.owner_id, BOT, house.sandbox.town.clock.now(), "", reply_to=replied, media="photo"),
            Post(house.owner_id, BOT, house.sandbox.town.clock.now(), "see", reply_to=replied, media="photo"),
            Post(house.owner_id, BOT, house.sandbox.town.clock.now(), "a tune", reply_to=replied, via_bot=100_900),
        ):
            before = len(await phone.said())
            house.sandbox.deliver(post)
            said = await phone.until(lambda said, n=before: len(said) > n)
            assert said[-1].text.startswith("Only a text of your own")
        assert await phone.tap(card, "skip") == "Skipped."
    assert house.delivered(ALMA) == []


async def test_somebody_else_gets_no_answer_at_all_and_changes_nothing(pair: Pair) -> None:
    house, phone = pair
    house.sandbox.limits.callback = 1.0
    async with house.running(), joining(house.sandbox) as join:
        await alma_says(house)
        card = await phone.card()
        data = card.buttons[0][0].data
        other = Phone(await join(phone_of(house.sandbox, BRUNO)))
        await other.start()
        # a message with the same buttons, should one ever reach them
        town = house.sandbox.town
        shown = Post(BOT, BRUNO, town.clock.now(), "hello", markup=card.reply_markup)
        house.sandbox.deliver(shown)
        for button in (data, data.replace(b"send", b"off"), b"v1:1:1:skip"):
            with pytest.raises(errors.BotResponseTimeoutError):
                await other.press(shown.ids[BRUNO], button)
        for text in ("/pause", "/status", "hello?", "sounds bad"):
            await other.write(text)
        await phone.write("/status")
        await phone.until(lambda said: said[-1].text.startswith("Twin running."))
        assert [m.text for m in await other.said()] == ["hello"]
        assert not paused(house)
        assert [s.state for s in house.suggestions()] == [State.OFFERED]
        assert house.modes() == {ALMA: Mode.ASK}


async def test_an_old_card_and_a_forged_button_answer_outdated(pair: Pair) -> None:
    house, phone = pair
    house.sandbox.faults.flood("EditMessageRequest", 1)  # so that the old card keeps its buttons for a while
    async with house.running():
        await alma_says(house)
        old = await phone.card()
        await alma_says(house, "wait, something else")
        await house.heard("offered", times=2)
        for act in ("send", "edit", "another", "skip"):
            assert (await phone.tap(old, act)).startswith("Outdated. Nothing was sent: something newer")
        (waiting,) = house.suggestions(State.OFFERED)
        for data in (
            b"",
            b"v1:1:1",
            b"v2:1:1:send",
            f"v1:{waiting.id}:{waiting.revision + 1}:send".encode(),
            f"v1:{waiting.id}:{waiting.revision}:sendnow".encode(),
            f"v1:{waiting.id}:{waiting.revision}:send\n".encode(),
            b"v1:999999999999999999:1:off",
            b"\xff" * 64,
        ):
            assert "utdated" in await phone.press(old.id, data)
        await phone.outcome(old, "something newer happened there")
    assert house.delivered(ALMA) == []


async def test_of_two_surfaces_at_once_one_wins_and_the_other_is_told(pair: Pair, long: bool) -> None:
    house, phone = pair
    won = {"companion": 0, "terminal": 0}
    runs = 40 if long else 4
    async with house.running():
        for number in range(runs):
            await alma_says(house, f"lunch was great {number}")
            card = await phone.card()
            delay = 0.01 * (number % 4)

            async def terminal(wait: float = delay) -> bool:
                await asyncio.sleep(wait)
                return await asyncio.to_thread(_approve, house)

            tapped, approved = await asyncio.gather(phone.tap(card, "send"), terminal())
            assert (tapped == "On its way.") is not approved
            surface = "terminal" if approved else "companion"
            won[surface] += 1
            assert tapped.startswith("Outdated." if approved else "On")
            await phone.outcome(card, f"decided {'in the terminal' if approved else 'here'}")
    assert len(house.delivered(ALMA)) == runs
    assert sum(won.values()) == runs


def _approve(house: Household) -> bool:
    try:
        return review(house, "approve")
    except ValueError:  # nothing waits any more
        return False


async def test_cards_outlive_a_restart_and_say_then_what_was_decided_meanwhile(pair: Pair) -> None:
    house, phone = pair
    house.allow(BRUNO, Mode.ASK)
    async with house.running():
        await alma_says(house)
        first = await phone.card()
        await house.sandbox.say(BRUNO, house.owner_id, "are you there?")
        second = await phone.card(2)
        assert await phone.tap(first, "edit")
    house.sandbox.limits.callback = 0.2
    with pytest.raises(errors.BotResponseTimeoutError):
        await phone.tap(first, "send")
    with ExitStack() as stores:
        archive, live = stores.enter_context(house.archive()), stores.enter_context(house.live())
        card = next(c for c in _desk(house, archive, live).waiting() if c.suggestion.dialog_id == BRUNO)
        assert _desk(house, archive, live).skip(card)
    await phone.write("written while nobody listened")
    house.sandbox.limits.callback = 10
    async with house.running():
        await phone.outcome(second, "Skipped, decided in the terminal.")
        await phone.outcome(first, "Sent, in your own version, decided here.")
        assert len(await phone.said()) == 2, "no card is sent twice"
    assert house.delivered(ALMA) == ["written while nobody listened"]


def _desk(house: Household, archive: object, live: object) -> object:
    from bot.inbox import Inbox
    from bot.review import Review
    from bot.suggestion import Suggestions
    from tests.household import NO_WAIT, now

    return Review(archive, Suggestions(live), Inbox(live, NO_WAIT), now)


async def test_a_pause_from_the_bot_stops_everything_and_no_tap_gets_past_it(pair: Pair) -> None:
    house, phone = pair
    house.allow(BRUNO, Mode.AUTO)
    async with house.running():
        await alma_says(house)
        card = await phone.card()
        await phone.write("/pause")
        await phone.until(lambda said: said[-1].text == "Twin paused.")
        assert paused(house)
        for act in ("send", "edit", "another"):
            assert (await phone.tap(card, act)).startswith("The twin is paused")
        await phone.write("even better", answers=card.id)
        await phone.until(lambda said: said[-1].text.startswith("The twin is paused"))
        await house.sandbox.say(BRUNO, house.owner_id, "are you there?")
        await settle()
        assert house.delivered(ALMA) + house.delivered(BRUNO) == []
        await phone.write("/resume")
        await phone.until(lambda said: said[-1].text == "Twin running.")
        assert await phone.tap(card, "send") == "On its way."
        await until(lambda: len(house.delivered(ALMA)) == 1 and len(house.delivered(BRUNO)) == 1)
        with house.live() as live:
            Control(live).pause()
        await phone.write("/mode Alma Reyes off")
        await phone.until(lambda said: said[-1].text == "Alma Reyes: off.")


async def test_forget_empties_the_cards_of_that_chat_and_leaves_no_row(pair: Pair) -> None:
    house, phone = pair
    async with house.running():
        await alma_says(house)
        card = await phone.card()
        assert await phone.tap(card, "send") == "On its way."
        await phone.outcome(card, "Sent")
        await alma_says(house, "and the dinner?")
        waiting = await phone.card()
        with house.live() as live:
            live.forget(ALMA)
        for each in (card, waiting):
            await phone.outcome(each, "This card is empty")
        assert (await phone.tap(waiting, "send")) == "This card is outdated."
        with house.live() as live:
            assert live.db.execute("SELECT count(*) FROM cards").fetchone()[0] == 0


async def test_no_word_of_a_chat_reaches_events_or_logs(pair: Pair, caplog: pytest.LogCaptureFixture) -> None:
    house, phone = pair
    caplog.set_level(logging.DEBUG)
    words = ("plumtree", "marzipan", "nightboat")
    async with house.running(RecordedGenerator([(words[1],)])):
        house.sandbox.faults.refuse("EditMessageRequest", 400, "MESSAGE_TOO_LONG")
        house.sandbox.faults.refuse("SetBotCallbackAnswerRequest", 400, "QUERY_ID_INVALID")
        await alma_says(house, words[0])
        card = await phone.card()
        house.sandbox.limits.callback = 0.2
        with pytest.raises(errors.BotResponseTimeoutError):
            await phone.tap(card, "edit")
        await phone.write(words[2])
        await until(lambda: house.delivered(ALMA) == [words[2]])
    for word in words:
        assert word not in caplog.text
        assert word not in str(house.events)


async def test_a_chat_with_consent_for_ones_own_words_alone_has_no_card(pair: Pair) -> None:
    house, phone = pair
    async with house.running():
        await alma_says(house)
        card = await phone.card()
        house.allow(ALMA, Mode.ASK, Scope.OWN)
        await phone.outcome(card, "Nothing was sent")
        assert "lunch" not in str([m.text for m in await phone.said()])
