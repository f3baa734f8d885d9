"""Who wrote an outgoing message, the twin or the owner: the answer to the send says it, words only when it is lost."""

from datetime import timedelta

from bot.bubbles import Bubbles
from bot.policy import Mode
from bot.suggestion import State
from tests.fakes import RecordedGenerator
from tests.household import Household, approved_row, now, person, settle, told, until


def by_twin(house: Household, dialog_id: int, text: str) -> dict[int, bool]:
    """The messages with these words, and whether they count as the twin's."""
    with house.archive() as archive:
        return {m.id: m.by_twin for m in archive.recent(dialog_id) if m.mine and m.text == text}


async def test_the_same_words_typed_by_the_owner_during_a_send_stay_the_owners_and_stop_the_rest(
    house: Household,
) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.AUTO)
    house.sandbox.faults.meanwhile("SendMessage", lambda: house.sandbox.say(house.owner_id, anna.id, "one"))
    held = house.sandbox.faults.hold_answer("SendMessage")
    async with house.running(RecordedGenerator([("one", "two")])):
        await house.sandbox.say(anna.id, house.owner_id, "lunch was great")
        await held.reached.wait()
        await settle(0.5)
        held.release()
        sent = (await house.heard("sent"))["message"]
        await house.heard("cancelled", reason="the owner answered")
    typed, ours = by_twin(house, anna.id, "one").items()
    assert (typed[1], ours) == (False, (sent, True))
    assert house.delivered() == ["one"]
    assert [s.state for s in house.suggestions()] == [State.SENT]


async def test_of_two_equal_messages_one_is_the_twins_when_the_answer_is_lost(house: Household) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.AUTO)
    held = house.sandbox.faults.hold_answer("SendMessage")
    async with house.running():
        await house.sandbox.say(anna.id, house.owner_id, "lunch was great")
        await held.reached.wait()
        await house.sandbox.say(house.owner_id, anna.id, "sounds good")
        await settle(0.5)
    held.release()
    async with house.running():
        await until(lambda: [s.state for s in house.suggestions()] == [State.SENT])
        await settle(0.5)
    assert sorted(by_twin(house, anna.id, "sounds good").values()) == [False, True]
    assert house.delivered() == ["sounds good"]


async def test_the_same_words_typed_long_after_a_lost_send_are_the_owners(house: Household) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.ASK)
    async with house.running():
        upto = await house.sandbox.say(anna.id, house.owner_id, "lunch was great")
        await house.heard("offered")
    with house.live() as live:
        bubbles = Bubbles(live, lambda: now() - timedelta(minutes=20))
        row = approved_row(bubbles)
        assert bubbles.attempt(row), "and then the machine lost power"
    typed = await house.sandbox.say(house.owner_id, anna.id, "sounds good")
    assert typed > upto
    async with house.running():
        await until(lambda: [s.state for s in house.suggestions()] == [State.UNKNOWN])
        await settle(0.5)
    assert by_twin(house, anna.id, "sounds good") == {typed: False}
    assert house.delivered() == []
    assert len(told(house)) == 1, "the owner is asked to look"


async def test_a_crash_between_the_row_and_the_archive_leaves_the_message_the_twins(house: Household) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.AUTO)
    async with house.running():
        await house.sandbox.say(anna.id, house.owner_id, "lunch was great")
        sent = (await house.heard("sent"))["message"]
    with house.archive() as archive:
        archive.db.execute("UPDATE messages SET by_twin = 0 WHERE id = ?", (sent,))
    async with house.running():
        await until(lambda: by_twin(house, anna.id, "sounds good") == {sent: True})


async def test_a_random_id_that_telegram_has_seen_is_looked_for_and_never_sent_again(house: Household) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.AUTO)
    house.sandbox.faults.refuse("SendMessage", 500, "RANDOM_ID_DUPLICATE", times=20)
    async with house.running():
        await house.sandbox.say(anna.id, house.owner_id, "lunch was great")
        await house.heard("unknown")
        await settle(0.5)
        assert house.sandbox.journal.calls["SendMessageRequest"] == 1
    assert [s.state for s in house.suggestions()] == [State.UNKNOWN]


async def test_a_message_that_arrived_unanswered_and_was_deleted_is_not_sent_again(house: Household) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.AUTO)
    held = house.sandbox.faults.hold_answer("SendMessage")
    async with house.running():
        await house.sandbox.say(anna.id, house.owner_id, "lunch was great")
        await held.reached.wait()
    held.release()
    (delivery,) = [d for d in house.sandbox.journal.deliveries if d.text == "sounds good"]
    await house.sandbox.unsend(delivery.message_id)
    async with house.running():
        await house.heard("unknown")
    assert house.delivered() == ["sounds good"]
    assert told(house) == [], "it was delivered: there is nothing to look at"
