"""A suggestion in the input box: placed only when nobody can be typing, and gone when it is stale."""

import threading
from datetime import timedelta

from telethon.tl import types

from bot.control import Control
from bot.inbox import Inbox
from bot.policy import Mode
from bot.review import Review
from bot.silence import silence
from bot.suggestion import State, Suggestions
from sandbox import acts
from sandbox.box import Draft
from sandbox.faults import Hold
from tests.fakes import HandClock, RecordedGenerator
from tests.household import NO_WAIT, Household, now, person, settle, told, until


async def test_draft_puts_the_words_into_the_input_box_and_sends_nothing(house: Household) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.DRAFT)
    async with house.running():
        await house.sandbox.say(anna.id, house.owner_id, "lunch was great")
        await house.heard("offered", surface="draft")
    with house.archive() as archive, house.live() as live:
        assert Review(archive, Suggestions(live), Inbox(live, NO_WAIT), now).waiting() == [], "decided in the box alone"
    assert house.sandbox.town.boxes[house.owner_id].drafts[anna.id].text == "sounds good"
    assert house.delivered() == []


async def test_a_draft_the_owner_began_is_never_overwritten(house: Household) -> None:
    begun = {person(house).id: Draft("half a thou", now()), person(house, 1).id: Draft("", now(), reply_to=1)}
    for each, draft in begun.items():
        house.allow(each, Mode.DRAFT)
        acts.draft(house.sandbox, house.owner_id, each, draft)
    async with house.running():
        for each in begun:
            await house.sandbox.say(each, house.owner_id, "lunch was great")
            await house.heard("offered", dialog=each, surface="review")
    assert house.sandbox.town.boxes[house.owner_id].drafts == begun


async def test_where_the_owner_is_or_was_a_minute_ago_no_draft_is_placed(house: Household) -> None:
    reads, wrote, gate = person(house), person(house, 1), threading.Event()
    for each in (reads, wrote):
        house.allow(each.id, Mode.DRAFT)
    await house.sandbox.say(house.owner_id, wrote.id, "me again")
    async with house.running(RecordedGenerator(gate=gate)):
        for each in (reads, wrote):
            await house.sandbox.say(each.id, house.owner_id, "lunch was great")
        await house.heard("incoming", times=2)
        await house.sandbox.read(house.owner_id, reads.id)
        gate.set()
        for each in (reads, wrote):
            await house.heard("offered", dialog=each.id, surface="review")
    assert not {reads.id, wrote.id} & set(house.sandbox.town.boxes[house.owner_id].drafts)


async def test_emptying_the_box_is_a_no_to_what_lay_there_and_not_to_what_came_there_since(house: Household) -> None:
    anna, boris = person(house), person(house, 1)
    for each in (anna, boris):
        house.allow(each.id, Mode.DRAFT)
    async with house.running():
        for each in (boris, anna):
            await house.sandbox.say(each.id, house.owner_id, "lunch was great")
            await house.heard("offered", dialog=each.id, surface="draft")
        await house.sandbox.draft(house.owner_id, boris.id, "")
        await house.sandbox.say(boris.id, house.owner_id, "and dinner too")
        await house.heard("offered", times=2, dialog=boris.id, surface="draft")
        await house.sandbox.draft(house.owner_id, anna.id, "")
        await house.heard("skipped", dialog=anna.id)
        await settle(0.5)
    assert set(house.sandbox.town.boxes[house.owner_id].drafts) == {boris.id}
    assert house.sandbox.journal.calls["SaveDraftRequest"] == 3, "once for each turn"


async def test_an_untouched_draft_goes_away_when_a_newer_message_comes(house: Household) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.DRAFT)
    gate = threading.Event()
    gate.set()
    async with house.running(RecordedGenerator([("one",), ("two",)], gate)):
        await house.sandbox.say(anna.id, house.owner_id, "lunch was great")
        await house.heard("offered", surface="draft")
        gate.clear()
        await house.sandbox.say(anna.id, house.owner_id, "and dinner too")
        await house.heard("superseded")
        await until(lambda: anna.id not in house.sandbox.town.boxes[house.owner_id].drafts)
        gate.set()
        await house.heard("offered", times=2)


async def test_a_draft_is_taken_out_when_the_owner_answers_elsewhere_and_when_the_chat_is_silenced(
    house: Household,
) -> None:
    anna, boris = person(house), person(house, 1)
    drafts = house.sandbox.town.boxes[house.owner_id].drafts
    for each in (anna, boris):
        house.allow(each.id, Mode.DRAFT)
    async with house.running():
        for number, each in enumerate((anna, boris), 1):
            await house.sandbox.say(each.id, house.owner_id, "lunch was great")
            await house.heard("offered", times=number, surface="draft")
        assert {anna.id, boris.id} <= set(drafts)
        await house.sandbox.say(house.owner_id, anna.id, "it was!!")
        with house.live() as live:
            silence(live, boris.id, now())
        await until(lambda: not {anna.id, boris.id} & set(drafts))


async def test_a_draft_that_becomes_stale_during_a_pause_is_taken_out_all_the_same(house: Household) -> None:
    anna, clock = person(house), HandClock()
    drafts = house.sandbox.town.boxes[house.owner_id].drafts
    house.allow(anna.id, Mode.DRAFT)
    async with house.running(now=clock):
        await house.sandbox.say(anna.id, house.owner_id, "lunch was great")
        await house.heard("incoming")
        clock.forward(1)
        await house.heard("offered", surface="draft")
        with house.live() as live:
            Control(live).pause()
        clock.forward(house.settings.live.expire_minutes * 60 + 1)
        await house.heard("expired")
        await until(lambda: anna.id not in drafts)


async def test_a_draft_the_owner_went_on_writing_is_left_alone(house: Household) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.DRAFT)
    async with house.running():
        await house.sandbox.say(anna.id, house.owner_id, "lunch was great")
        await house.heard("offered", surface="draft")
        await house.sandbox.draft(house.owner_id, anna.id, "sounds good, and")
        await house.sandbox.say(anna.id, house.owner_id, "and dinner too")
        await house.heard("superseded")
        await settle()
    assert house.sandbox.town.boxes[house.owner_id].drafts[anna.id].text == "sounds good, and"


# --- a crash while it is being placed


async def killed_while_placing(house: Household, hold: Hold) -> None:
    """A client that ends without having heard what became of its draft."""
    house.allow(person(house).id, Mode.DRAFT)
    async with house.running():
        await house.sandbox.say(person(house).id, house.owner_id, "lunch was great")
        await hold.reached.wait()
        (suggestion,) = house.suggestions()
        assert (suggestion.state, suggestion.surface) == (State.PENDING, "draft"), "committed before the box is touched"


async def test_a_draft_whose_placing_was_interrupted_is_known_as_ours_and_not_placed_twice(house: Household) -> None:
    await killed_while_placing(house, house.sandbox.faults.hold_answer("SaveDraft"))
    async with house.running():
        await house.heard("offered", surface="draft")
        with house.archive() as archive, house.live() as live:
            assert Review(archive, Suggestions(live), Inbox(live, NO_WAIT), now).waiting() == [], "in the box alone"
        assert house.sandbox.journal.calls["SaveDraftRequest"] == 1
        await house.sandbox.say(person(house).id, house.owner_id, "and dinner too")
        await until(lambda: person(house).id not in house.sandbox.town.boxes[house.owner_id].drafts)
    assert house.delivered() == []


async def test_a_draft_that_was_never_placed_because_of_a_crash_is_placed_at_the_next_start(house: Household) -> None:
    await killed_while_placing(house, house.sandbox.faults.hold("SaveDraft"))
    drafts = house.sandbox.town.boxes[house.owner_id].drafts
    assert person(house).id not in drafts
    async with house.running(now=HandClock()):  # no time passes
        await house.heard("offered", surface="draft")
    assert drafts[person(house).id].text == "sounds good"


async def test_a_draft_the_owner_began_meanwhile_sends_an_interrupted_one_to_review(house: Household) -> None:
    await killed_while_placing(house, house.sandbox.faults.hold("SaveDraft"))
    await house.sandbox.draft(house.owner_id, person(house).id, "half a thou")
    async with house.running():
        await house.heard("offered", surface="review")
    assert house.sandbox.town.boxes[house.owner_id].drafts[person(house).id].text == "half a thou"


# --- the owner begins a text between our look and our saving


async def held_removal(house: Household, chat_id: int, times: int = 1) -> Hold:
    """A draft that a newer message has made stale, on its way out of the box; the `times`-th of this run."""
    await house.sandbox.say(chat_id, house.owner_id, "lunch was great")
    await house.heard("offered", times=times, surface="draft")
    removing = house.sandbox.faults.hold("SaveDraft")
    await house.sandbox.say(chat_id, house.owner_id, "and dinner too")
    await removing.reached.wait()
    return removing


async def test_what_the_owner_began_while_a_draft_was_being_placed_is_put_back(house: Household) -> None:
    anna, placing = person(house), house.sandbox.faults.hold("SaveDraft")
    house.allow(anna.id, Mode.DRAFT)
    async with house.running():
        await house.sandbox.say(anna.id, house.owner_id, "lunch was great")
        await placing.reached.wait()
        begun = Draft("half a thou", now(), [types.MessageEntityBold(0, 4)], reply_to=1)
        acts.draft(house.sandbox, house.owner_id, anna.id, begun)
        placing.release()
        await house.heard("draft_given_back", dialog=anna.id)
    kept = house.sandbox.town.boxes[house.owner_id].drafts[anna.id]
    assert (kept.text, kept.reply_to) == ("half a thou", 1)
    assert [(type(each), each.offset, each.length) for each in kept.entities] == [(types.MessageEntityBold, 0, 4)]


async def test_what_the_owner_began_while_a_draft_was_being_removed_is_put_back(house: Household) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.DRAFT)
    async with house.running():
        removing = await held_removal(house, anna.id)
        await house.sandbox.draft(house.owner_id, anna.id, "half a")
        await house.sandbox.draft(house.owner_id, anna.id, "half a thou")
        house.sandbox.faults.flood("SaveDraft", 1)
        removing.release()
        await house.heard("draft_given_back", dialog=anna.id)
        await settle()
    assert house.sandbox.town.boxes[house.owner_id].drafts[anna.id].text == "half a thou", "the last of it"


async def test_what_the_owner_has_sent_or_thrown_away_meanwhile_is_not_put_back(house: Household) -> None:
    people = [person(house, index) for index in range(3)]
    for each in people:
        house.allow(each.id, Mode.DRAFT)
    async with house.running():
        for number, (each, sent) in enumerate(zip(people, ("it was", "it was fun", None), strict=True), 1):
            removing = await held_removal(house, each.id, number)
            # The same words tell it within a second, too; Telegram's times are whole ones.
            begun = now() + timedelta(seconds=5 if sent == "it was" else -5)
            acts.draft(house.sandbox, house.owner_id, each.id, Draft("it was", begun))
            if sent:
                await house.sandbox.say(house.owner_id, each.id, sent)
            else:
                await house.sandbox.draft(house.owner_id, each.id, "")
            removing.release()
            await settle()
    drafts = house.sandbox.town.boxes[house.owner_id].drafts
    assert "it was" not in [each.text for each in drafts.values()]
    assert not [event for event in house.events if event["event"] == "draft_given_back"]


async def test_words_of_the_twin_that_an_app_saves_once_more_are_not_put_back(house: Household) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.DRAFT)
    async with house.running():
        await house.sandbox.say(anna.id, house.owner_id, "lunch was great")
        await house.heard("offered", surface="draft")
        removing = house.sandbox.faults.hold("SaveDraft")
        with house.live() as live:
            silence(live, anna.id, now())
        await removing.reached.wait()
        await house.sandbox.draft(house.owner_id, anna.id, "sounds good")
        removing.release()
        await settle()
    assert anna.id not in house.sandbox.town.boxes[house.owner_id].drafts


async def test_what_cannot_be_put_back_is_told_to_the_owner_word_by_word(house: Household) -> None:
    anna, placing = person(house), house.sandbox.faults.hold("SaveDraft")
    house.allow(anna.id, Mode.DRAFT)
    async with house.running():
        await house.sandbox.say(anna.id, house.owner_id, "lunch was great")
        await placing.reached.wait()
        await house.sandbox.draft(house.owner_id, anna.id, "half a thou")
        house.sandbox.faults.refuse("SaveDraft", 400, "PEER_ID_INVALID")
        placing.release()
        await until(lambda: any("half a thou" in text for text in told(house)))
