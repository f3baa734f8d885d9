"""In a group the twin speaks only to who agreed and called for its owner, as a reply to that; never to a machine."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from telethon.tl import types

from bot.policy import Mode, Policy
from bot.suggestion import State
from bot.switching import switch
from data.consent import Ledger
from data.errors import ExitCode, UserError
from data.transcript import Scope
from sandbox import membership
from sandbox.small import ALMA, BRUNO, CARLA
from tests.club import BOT, CLUB, FORUM, GROUP, KINDS, ME, NEWS, Club, club
from tests.fakes import HandClock, RecordedGenerator
from tests.household import now, settle, told, until


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[Club]:
    async with club(tmp_path) as house:
        yield house


@pytest.mark.parametrize("group", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("how", ["by name", "as an answer"])
async def test_who_calls_for_the_owner_is_answered_once_as_a_reply_to_that_message(
    house: Club, group: int, how: str
) -> None:
    house.listed(group)
    topic = house.sandbox.town.chats[group].topics[0].start if group == FORUM else None
    generator = RecordedGenerator([("oh nice", "tell me more")])
    async with house.running(generator):
        await house.say(ALMA, group, "who is coming?", topic=topic)
        mine = await house.say(house.owner_id, group, "i am", topic=topic)
        await house.say(ALMA, group, "good to know", topic=topic)
        if how == "by name":
            asked = await house.say(ALMA, group, f"{ME} and who drives?", topic=topic)
        else:
            asked = await house.say(ALMA, group, "and who drives?", reply_to=mine)
        await house.say(ALMA, group, "the van is free", topic=topic)
        await house.heard("sent", times=2)
        await house.say(ALMA, group, "great", topic=topic)
        await settle(0.5)
    first, second = house.answers(group)
    assert (first[0], second[0]) == ("oh nice", "tell me more")
    assert first[1] == asked
    assert second[1] is None
    assert first[2] is second[2] is topic
    assert len(generator.asked) == 1
    assert generator.asked[0].turns[-1].texts[-1] == "the van is free", "what follows on belongs to it"
    assert set(house.outcomes().values()) == {"suggested"}
    assert len(house.outcomes()) == 2


async def test_bots_unnamed_administrators_channels_forwards_and_who_has_not_agreed_are_never_answered(
    house: Club,
) -> None:
    house.listed(CLUB)
    with house.archive() as archive:
        for machine in (BOT, NEWS, CLUB):  # even with a record that should not exist
            Ledger(archive).grant_member(CLUB, machine, "x", "x", now())
    forward = types.MessageFwdHeader(date=now(), from_name="somebody")
    async with house.running():
        house.post(BOT, CLUB, f"{ME} press a button")
        house.post(ALMA, CLUB, f"{ME} as the group", unsigned=True)
        house.post(CLUB, CLUB, f"{ME} as the group too")
        house.post(NEWS, CLUB, f"{ME} read our news")
        house.post(ALMA, CLUB, f"{ME} look at this", forward=forward)
        house.post(BRUNO, CLUB, f"{ME} i never agreed")
        house.post(ALMA, CLUB, "", action=types.MessageActionPinMessage())
        house.post(ALMA, CLUB, "not to you")
        await settle(0.7)
        assert (house.outcomes(), house.suggestions()) == ({}, [])
        asked = await house.say(ALMA, CLUB, f"{ME} you there?")
        await house.heard("sent")
        await settle(0.5)
    async with house.running():  # nor when a reading of the history brings all of it again
        await settle(0.5)
    assert [(text, replied) for text, replied, _ in house.answers(CLUB)] == [("sounds good", asked)]
    assert list(house.outcomes()) == [(CLUB, asked)]


async def test_a_member_without_a_consent_is_a_mark_live_too(house: Club) -> None:
    house.listed(CLUB, Mode.ASK)
    generator = RecordedGenerator()
    async with house.running(generator):
        other = await house.say(BRUNO, CLUB, "the zebrawood is mine")
        await house.say(ALMA, CLUB, f"{ME} what about the boat?", reply_to=other)
        await house.heard("offered")
        await house.sandbox.edit(other, "the zebrawood is yours", peer_id=CLUB)
        await settle(0.5)
    with house.archive() as archive:
        kept = archive.message(CLUB, other)
        assert (kept.text, kept.media) == ("", "[middling text]")
        assert not any("zebrawood" in message.said for message in archive.messages(CLUB))
    assert "zebrawood" not in str(generator.asked)


async def test_what_was_written_before_its_writer_agreed_is_history(house: Club) -> None:
    house.listed(CLUB, Mode.ASK)
    async with house.running():
        await house.say(BRUNO, CLUB, f"{ME} before")
        await settle(0.5)
    house.sandbox.town.clock.advance(3)
    with house.archive() as archive:
        Ledger(archive).grant_member(CLUB, BRUNO, "test", "test", now() + timedelta(seconds=2))
    async with house.running():
        await settle(0.5)
        assert house.outcomes() == {}
        later = await house.say(BRUNO, CLUB, f"{ME} after")
        await house.heard("offered")
    assert list(house.outcomes()) == [(CLUB, later)]


async def test_two_topics_are_two_talks(house: Club) -> None:
    house.listed(FORUM)
    cake, music = (topic.start for topic in house.sandbox.town.chats[FORUM].topics)
    generator = RecordedGenerator([("lemon",), ("no drums",)])
    async with house.running(generator):
        one = await house.say(ALMA, FORUM, f"{ME} which cake?", topic=cake)
        two = await house.say(ALMA, FORUM, f"{ME} which music?", topic=music)
        await house.heard("sent", times=2)
    assert {(replied, topic) for _, replied, topic in house.answers(FORUM)} == {(one, cake), (two, music)}
    for asked in generator.asked:
        assert len({text for turn in asked.turns for text in turn.texts if text.startswith(f"{ME} which")}) == 1


async def test_the_owner_writing_anywhere_in_the_group_takes_what_waits_there(house: Club) -> None:
    house.listed(CLUB, Mode.ASK)
    async with house.running():
        await house.say(ALMA, CLUB, f"{ME} you there?")
        await house.heard("offered")
        await house.say(BRUNO, CLUB, "i saw him")
        await house.say(house.owner_id, CLUB, "here i am")
        await house.heard("owner_answered")
    assert [each.state for each in house.suggestions()] == [State.OWNER_ANSWERED]


async def test_talk_of_others_stops_nothing_but_a_newer_call_and_more_of_the_same_person_do(house: Club) -> None:
    house.listed(CLUB, Mode.ASK, agreed=(ALMA, BRUNO))
    async with house.running():
        await house.say(ALMA, CLUB, f"{ME} you there?")
        await house.heard("offered")
        await house.say(BRUNO, CLUB, "the tide is low")
        await settle(0.5)
        assert [each.state for each in house.suggestions()] == [State.OFFERED]
        await house.say(ALMA, CLUB, "i mean tonight")
        await house.heard("superseded")
        await house.heard("offered", times=2)
        await house.say(BRUNO, CLUB, f"{ME} me too")
        await house.heard("superseded", times=2)
        await house.heard("offered", times=3)


async def test_a_deletion_in_a_supergroup_touches_that_group_alone(house: Club) -> None:
    """Its messages are numbered by themselves, so that the same number stands in other chats too."""
    house.listed(CLUB, Mode.ASK)
    house.allow(BRUNO, Mode.ASK)
    async with house.running():
        asked = await house.say(ALMA, CLUB, f"{ME} you there?")
        await house.heard("offered", dialog=CLUB)
        private = await house.sandbox.say(BRUNO, house.owner_id, "hello")
        await house.heard("offered", dialog=BRUNO)
        with house.archive() as archive:
            assert archive.message(BRUNO, private)
            while house.sandbox.town.boxes[CLUB].top < private:
                await house.say(CARLA, CLUB, "filling")
        same = house.sandbox.town.boxes[CLUB].top
        assert same == private
        await house.sandbox.unsend(same, peer_id=CLUB)
        await settle(0.5)
        assert [each.state for each in house.suggestions()] == [State.OFFERED, State.OFFERED]
        await house.sandbox.unsend(asked, peer_id=CLUB)
        await house.heard("superseded", dialog=CLUB)
        await settle(0.3)
    with house.archive() as archive:
        assert archive.message(BRUNO, private)
        assert archive.message(CLUB, asked) is None
    assert house.outcomes() == {(CLUB, asked): "deleted", (BRUNO, private): "suggested"}


async def test_an_edit_of_what_called_makes_the_suggestion_anew(house: Club) -> None:
    house.listed(CLUB, Mode.ASK)
    generator = RecordedGenerator([("one",), ("two",)])
    async with house.running(generator):
        asked = await house.say(ALMA, CLUB, f"{ME} lunch?")
        await house.heard("offered")
        await house.sandbox.edit(asked, f"{ME} dinner?", peer_id=CLUB)
        await house.heard("offered", times=2)
    assert generator.asked[-1].turns[-1].texts[-1] == f"{ME} dinner?"


async def test_caps_and_the_loop_breaker_hold_in_a_group(tmp_path: Path) -> None:
    async with club(tmp_path, chat_hour=1) as house:
        house.listed(CLUB)
        async with house.running(RecordedGenerator([("one",), ("two",)])):
            await house.say(ALMA, CLUB, f"{ME} lunch?")
            await house.heard("sent")
            await house.say(ALMA, CLUB, f"{ME} and dinner?")
            assert (await house.heard("offered"))["because"] == "the hour's replies in this chat are used up"
    async with club(tmp_path / "loop", in_a_row=1) as house:
        house.listed(CLUB)
        async with house.running(RecordedGenerator([("one",), ("two",)])):
            await house.say(ALMA, CLUB, f"{ME} lunch?")
            await house.heard("sent")
            await house.say(ALMA, CLUB, f"{ME} and dinner?")
            assert (await house.heard("offered"))["because"] == "many replies without the owner"
        assert "Boat club" in told(house)[0]


async def test_a_draft_in_a_group_answers_the_message_that_called(house: Club) -> None:
    house.listed(GROUP, Mode.DRAFT)
    drafts = house.sandbox.town.boxes[house.owner_id].drafts
    async with house.running():
        asked = await house.say(ALMA, GROUP, f"{ME} lunch?")
        await house.heard("offered", surface="draft")
        assert (drafts[GROUP].text, drafts[GROUP].reply_to) == ("sounds good", asked)


async def test_a_group_is_listed_only_where_somebody_agreed(house: Club) -> None:
    with house.archive() as archive, house.live() as live:
        policy = Policy(live, house.settings.live)
        for scope in (None, Scope.OWN):
            if scope:
                Ledger(archive).grant(CLUB, scope, "test", "test", now())
            with pytest.raises(UserError, match="nobody has agreed") as refused:
                switch(archive, policy, str(CLUB), Mode.ASK, now())
            assert refused.value.code == ExitCode.CONSENT
        assert not switch(archive, policy, str(CLUB), Mode.OFF, now()).silent
        Ledger(archive).grant_member(CLUB, ALMA, "test", "test", now())
        assert not switch(archive, policy, str(CLUB), Mode.ASK, now()).silent


# --- what Telegram does not allow there


async def test_in_slow_mode_a_reply_waits_and_everything_is_checked_again_then(house: Club) -> None:
    house.listed(CLUB)
    house.sandbox.town.chats[CLUB].slow_seconds = 30
    clock = HandClock()
    async with house.running(RecordedGenerator([("one",), ("two",), ("three",)]), now=clock):

        async def ask(text: str, n: int) -> None:
            await house.say(ALMA, CLUB, f"{ME} {text}?")
            await house.heard("incoming", times=n)
            clock.forward(1)

        await ask("lunch", 1)
        await house.heard("sent")
        await ask("dinner", 2)
        await house.heard("flood_wait")
        house.sandbox.town.clock.advance(31)
        clock.forward(31)
        await house.heard("sent", times=2)
        await ask("supper", 3)
        await house.heard("flood_wait", times=2)
        await house.say(house.owner_id, CLUB, "let me think")
        await house.heard("cancelled", reason="the owner answered")
        house.sandbox.town.clock.advance(31)
        clock.forward(31)
        await settle(0.5)
    assert [text for text, *_ in house.answers(CLUB)] == ["one", "two"]


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ("silenced", "you may not write there for the time being"),
        ("read only", "Telegram does not let you write there"),
        ("thrown out", "you are no longer in this chat"),
    ],
)
async def test_where_one_may_not_write_any_more_the_reply_is_cancelled_and_told_once(
    house: Club, how: str, why: str
) -> None:
    house.listed(CLUB)
    group = house.sandbox.town.chats[CLUB]
    hold = house.sandbox.faults.hold("SendMessage")
    async with house.running():
        await house.say(ALMA, CLUB, f"{ME} lunch?")
        await hold.reached.wait()
        if how == "silenced":
            group.silenced.add(house.owner_id)
        elif how == "read only":
            group.read_only = True
        else:
            membership.remove(house.sandbox, group, house.owner_id, CARLA)
        hold.release()
        await until(lambda: bool(told(house)))
        await settle(0.5)
    assert [each.state for each in house.suggestions()] == [State.CANCELLED]
    assert len(told(house)) == 1
    assert why in told(house)[0]
    assert house.answers(CLUB) == []
