"""Many chats at once: every kind that a person has, what changed in any of them, and in how few requests."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from data.consent import Ledger
from data.errors import ExitCode, UserError
from data.message import Dialog, Kind
from sandbox.box import Post
from sandbox.crowd import FIRST, crowd_town
from sandbox.life import CLUB, FAMILY, FORUM, MOVED, NINA, OLD_FRIEND, OTTO, OWNER, PIA, SECRETIVE, VAULT, life_town
from sandbox.server import Sandbox
from tests.pulled import Told, scene

GONE = 555002


async def test_every_kind_of_chat_a_person_has_is_pulled_and_everything_else_is_counted(tmp_path: Path) -> None:
    async with scene(life_town(), tmp_path) as it:
        new = it.sandbox.town.chats[MOVED].migrated_to or 0
        every = (NINA, OWNER, FAMILY, MOVED, new, CLUB, FORUM, OLD_FRIEND)
        it.allow(*every, VAULT, SECRETIVE)
        told = Told()
        report = await it.pull(told=told)
        assert report.chats == len(every)
        assert set(told.finished) == {*every, SECRETIVE}
        assert it.agrees(OWNER, OLD_FRIEND)
        assert [m.text for m in it.archive.messages(MOVED) if m.mine] == ["who is here?"]
        assert it.archive.dialog(MOVED).migrated_to == new  # type: ignore[union-attr]
        assert report.excluded == {
            "self-destructing": 3,
            "protected": 1,
            "protected chats": 2,
            "bot chats": 1,
            "channel chats": 3,
            "deleted chats": 1,
            "scam chats": 1,
            "service chats": 1,
        }
        assert report.skipped_without_consent == 4
        assert it.archive.count(VAULT) == it.archive.count(SECRETIVE) == 0
        with pytest.raises(UserError, match="does not allow its content to be saved"):
            await it.pull(SECRETIVE)


async def test_in_a_group_only_the_words_of_members_who_agreed_are_kept(tmp_path: Path) -> None:
    async with scene(life_town(), tmp_path) as it:
        ledger, now = Ledger(it.archive), datetime.now(UTC)
        it.allow(CLUB)
        await it.pull(CLUB)
        assert it.here(CLUB) == ["I am in"]
        ledger.grant_member(CLUB, OTTO, "test", "test", now)
        await it.pull(CLUB)
        assert it.here(CLUB) == ["regatta on saturday", "I am in"]
        assert it.archive.people()[OTTO].name == "Otto Brand"
        ledger.revoke_member(CLUB, OTTO, now)
        assert it.here(CLUB) == ["I am in"]
        await it.pull(CLUB)
        assert it.here(CLUB) == ["I am in"]


async def test_an_unchanged_account_of_200_chats_costs_at_most_5_requests_and_deep_changes_no_more(
    tmp_path: Path,
) -> None:
    async with scene(crowd_town(dialogs=200, messages=3), tmp_path) as it:
        it.allow(*range(FIRST, FIRST + 200))
        first = await it.pull()
        assert first.new == 600
        town = it.sandbox.town
        again = await it.pull()
        assert (again.new, again.edited, again.deleted, again.chats) == (0, 0, 0, 200)
        assert again.requests <= 5
        oldest = [town.boxes[town.owner_id].by_peer[FIRST + n][0] for n in range(6)]
        for message_id in oldest[:3]:
            await it.sandbox.edit(message_id, f"mended {message_id}")
        await it.sandbox.unsend(*oldest[3:])
        await it.sandbox.say(FIRST + 9, town.owner_id, "and something new")
        found = await it.pull()
        assert (found.new, found.edited, found.deleted) == (1, 3, 3)
        assert found.requests <= 5
        assert it.agrees(*range(FIRST, FIRST + 200))


async def test_a_supergroup_is_asked_only_when_it_moved_and_its_deep_changes_are_found(tmp_path: Path) -> None:
    async with scene(life_town(), tmp_path) as it:
        town = it.sandbox.town
        for group in (CLUB, FORUM):
            for number in range(250):
                town.remember([Post(OTTO, group, town.clock.now(), f"line {number}")])
            it.allow(group)
            for member in (NINA, OTTO, PIA):
                Ledger(it.archive).grant_member(group, member, "test", "test", datetime.now(UTC))
        await it.pull(CLUB, FORUM)
        assert (await it.pull(CLUB, FORUM)).requests <= 3
        ids = town.boxes[CLUB].by_peer[CLUB]
        first = next(i for i in ids if town.boxes[CLUB].posts[i].text == "regatta on saturday")
        await it.sandbox.edit(first, "regatta on sunday", CLUB)
        gone = next(i for i in ids if town.boxes[CLUB].posts[i].text == "line 1")
        await it.sandbox.unsend(gone, peer_id=CLUB)
        await it.sandbox.say(NINA, CLUB, "and a new line")
        found = await it.pull(CLUB, FORUM)
        assert (found.new, found.edited, found.deleted) == (1, 1, 1)
        assert found.requests <= 4
        here = it.here(CLUB)
        assert "regatta on sunday" in here
        assert "line 1" not in here
        assert here[-1] == "and a new line"


@pytest.mark.parametrize("peer", [NINA, CLUB])
async def test_when_too_much_was_missed_the_newest_messages_are_read_again_and_it_is_said(
    peer: int, tmp_path: Path
) -> None:
    async with scene(life_town(), tmp_path) as it:
        town, sender = it.sandbox.town, OTTO if peer < 0 else peer
        to = peer if peer < 0 else OWNER
        for number in range(1_150):
            town.remember([Post(sender, to, town.clock.now(), f"line {number}")])
        it.allow(peer)
        if peer < 0:
            Ledger(it.archive).grant_member(peer, OTTO, "test", "test", datetime.now(UTC))
        await it.pull(peer)
        box = town.boxes[peer if peer < 0 else OWNER]
        ids = {post.text: i for i, post in box.posts.items() if post.text.startswith("line ")}
        it.sandbox.limits.difference = it.sandbox.limits.channel_difference = 2
        for text in ("line 3", "line 1000"):
            await it.sandbox.edit(ids[text], f"{text}, mended", peer if peer < 0 else 0)
        await it.sandbox.unsend(ids["line 1010"], peer_id=peer if peer < 0 else 0)
        await it.sandbox.say(sender, to, "new")
        report = await it.pull(peer)
        assert len(report.older_edits_not_checked) == 1
        assert (report.new, report.edited, report.deleted) == (1, 1, 1)
        here = it.here(peer)
        assert "line 1000, mended" in here
        assert "line 3" in here, "an older edit, which the report says was not looked for"
        assert "line 1010" not in here
        assert (await it.pull(peer)).older_edits_not_checked == []


async def test_what_is_deleted_while_a_consent_does_not_count_is_forgotten_too_and_edits_come_later(
    tmp_path: Path,
) -> None:
    async with scene(life_town(), tmp_path) as it:
        it.allow(OTTO)
        await it.pull(OTTO)
        first, second = [message.id for message in it.archive.messages(OTTO)][:2]
        Ledger(it.archive).revoke(OTTO, datetime.now(UTC))
        await it.sandbox.edit(second, "mended meanwhile")
        await it.sandbox.unsend(first)
        await it.sandbox.say(OTTO, OWNER, "said meanwhile")
        await it.pull()
        assert "said meanwhile" not in it.here(OTTO)
        assert it.archive.message(OTTO, first) is None
        it.allow(OTTO)
        await it.pull(OTTO)
        assert it.agrees(OTTO)


async def test_a_flood_wait_of_a_day_says_when_to_come_back(tmp_path: Path) -> None:
    async with scene(life_town(), tmp_path) as it:
        it.allow(NINA)
        it.sandbox.faults.flood("GetHistory", 86_400)
        with pytest.raises(UserError, match="asks us to wait until") as ended:
            await it.pull(NINA)
        assert ended.value.code is ExitCode.FLOOD


async def test_a_login_that_ends_on_the_phone_in_the_middle_of_a_pull_is_said(tmp_path: Path) -> None:
    async with scene(crowd_town(dialogs=6, messages=250), tmp_path) as it:
        it.allow(*range(FIRST, FIRST + 6))
        it.sandbox.faults.let("GetHistory", 5)
        it.sandbox.faults.meanwhile("GetHistory", lambda: it.sandbox.log_out(it.sandbox.town.owner_id))
        with pytest.raises(UserError) as ended:
            await it.pull()
        assert ended.value.code is ExitCode.NOT_LOGGED_IN
        assert it.archive.count() >= 300, "what had come is kept"


def _refused(sandbox: Sandbox) -> None:
    sandbox.faults.refuse("InitTakeoutSession", 420, "TAKEOUT_INIT_DELAY_86400")


@pytest.mark.parametrize(("prepare", "inside", "said"), [(lambda _: None, True, ""), (_refused, False, "in 25 h")])
async def test_a_takeout_is_used_where_it_is_granted_and_a_sentence_where_not(
    prepare: Callable[[Sandbox], None], inside: bool, said: str, tmp_path: Path
) -> None:
    async with scene(life_town(), tmp_path) as it:
        it.allow(OTTO)
        prepare(it.sandbox)
        told = Told()
        await it.pull(OTTO, told=told, takeout=True)
        assert it.agrees(OTTO)
        asked = [each for each in it.sandbox.journal.requests if each.name == "GetHistoryRequest"]
        assert {each.takeout for each in asked} == {inside}
        assert said in "".join(told.notes)


async def test_a_protected_and_a_closed_chat_among_named_ones_are_said_when_the_others_are_done(tmp_path: Path) -> None:
    async with scene(life_town(), tmp_path) as it:
        it.allow(SECRETIVE, CLUB, OTTO, OLD_FRIEND)
        told = Told()
        with pytest.raises(UserError, match="does not allow its content to be saved"):
            await it.pull(SECRETIVE, OTTO, OLD_FRIEND, told=told)
        assert it.agrees(OTTO, OLD_FRIEND)
        assert set(told.finished) == {SECRETIVE, OTTO, OLD_FRIEND}
        it.sandbox.faults.refuse("GetHistory", 400, "CHANNEL_PRIVATE")
        with pytest.raises(UserError, match="can no longer be read"):
            await it.pull(CLUB)


async def test_a_takeout_is_ended_on_the_server_when_the_pull_inside_it_fails(tmp_path: Path) -> None:
    async with scene(life_town(), tmp_path) as it:
        it.allow(NINA)
        it.sandbox.faults.flood("GetHistory", 86_400)
        with pytest.raises(UserError, match="asks us to wait until"):
            await it.pull(NINA, takeout=True)
        assert [asked.name for asked in it.sandbox.journal.requests][-1] == "FinishTakeoutSessionRequest"
        assert all(login.takeout is None for login in it.sandbox.logins.values())


async def test_a_closed_group_among_many_is_counted_and_the_others_go_on(tmp_path: Path) -> None:
    async with scene(life_town(), tmp_path) as it:
        it.allow(CLUB, OTTO)
        it.sandbox.faults.refuse("GetHistory", 400, "CHANNEL_PRIVATE")
        told = Told()
        report = await it.pull(told=told)
        assert report.excluded["chats closed to you"] == 1
        assert report.chats == 1
        assert "can no longer be read" in told.notes[0]


async def test_a_chat_that_is_not_on_telegram_any_more_is_counted_and_the_others_go_on(tmp_path: Path) -> None:
    async with scene(life_town(), tmp_path) as it:
        it.archive.save_dialogs([Dialog(GONE, Kind.PRIVATE, "Somebody From an Export")])
        it.allow(GONE, OTTO)
        told = Told()
        report = await it.pull(told=told)
        assert (report.chats, report.excluded["chats that Telegram does not list"]) == (1, 1)
        assert it.agrees(OTTO)
        assert told.notes == ["Somebody From an Export is not among your chats on Telegram."]
        with pytest.raises(UserError, match="is not among your chats on Telegram"):
            await it.pull(GONE)


async def test_a_folder_by_name_is_found_and_an_unknown_one_is_a_sentence(tmp_path: Path) -> None:
    async with scene(life_town(), tmp_path) as it:
        account = it.account()
        await account.look()
        assert {dialog.id for dialog in await account.folder("chosen")} == {NINA, FORUM, PIA}
        with pytest.raises(UserError, match="no folder called Work") as unknown:
            await account.folder("Work")
        assert unknown.value.hint == "There are: Friends, Groups, Chosen, Shared."
