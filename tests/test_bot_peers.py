"""Never to machines: whatever the other side is, from Telegram's own flags down to the gate. Only a living person can
be listed at all, and only who is listed, agreed, and stands in the address book is answered by itself."""

import tempfile
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from telethon.tl import types

from bot.bubbles import Bubbles
from bot.clocks import Clocks
from bot.control import Control
from bot.gate import Gate
from bot.listening import Listening
from bot.livedb import LiveDb
from bot.policy import Mode, Policy
from bot.settings import LiveSettings
from bot.suggestion import State
from bot.switching import switch
from data.archive import Archive
from data.consent import Ledger
from data.errors import UserError
from data.message import SERVICE_ACCOUNTS, Message
from data.telegram import to_dialog
from data.transcript import Scope
from sandbox.people import Account, Chat, channel_id
from sandbox.server import Sandbox
from sandbox.small import small_town
from tests.household import household, settle

NOW = datetime(2026, 3, 3, 15, 0, tzinfo=UTC)
FLAGS = ("is_self", "bot", "deleted", "support", "scam", "fake", "verified", "contact", "premium", "min")
MACHINES = {"is_self", "bot", "deleted", "support", "scam", "fake"}


@st.composite
def peers(draw: st.DrawFn) -> Any:
    """A user, a group or a channel as Telegram describes one."""
    if draw(st.integers(0, 4)):
        raised = draw(st.sets(st.sampled_from(FLAGS), max_size=4))
        user_id = draw(st.sampled_from([*SERVICE_ACCOUNTS, 5, 100_900, 2**40]))
        return types.User(user_id, access_hash=1, first_name="Somebody", **dict.fromkeys(raised, True))
    number = draw(st.integers(1, 2**40))
    base: dict[str, Any] = {"title": "Some chat", "photo": types.ChatPhotoEmpty(), "date": NOW}
    if draw(st.booleans()):
        moved = types.InputChannel(7, 1) if draw(st.booleans()) else None
        return types.Chat(number, participants_count=3, version=1, migrated_to=moved, **base)
    broadcast, closed = draw(st.booleans()), draw(st.booleans())
    return types.Channel(number, broadcast=broadcast, megagroup=not broadcast, noforwards=closed, access_hash=1, **base)


def is_a_person(peer: Any) -> bool:
    """What this test takes for a living person, written anew from Telegram's flags."""
    if not isinstance(peer, types.User) or peer.id in (777000, 42777, 333000):
        return False
    return not any(getattr(peer, flag) for flag in MACHINES)


@pytest.fixture(scope="module")
def stores() -> Iterator[tuple[Archive, LiveDb]]:
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(Archive(Path(folder) / "a.db")) as archive,
        closing(LiveDb(Path(folder) / "l.db")) as live,
    ):
        yield archive, live


def machines(test: Any) -> Any:
    """Each flag alone makes a machine, in a chat where all else is as it should be; chance may draw none of these."""
    for flag in sorted(MACHINES):
        peer = types.User(5, access_hash=1, first_name="Somebody", contact=True, **{flag: True})
        test = example(peer=peer, mode=Mode.AUTO, listed=True, agreed=True)(test)
    return test


@machines
@settings(max_examples=200, deadline=None)
@given(peer=peers(), mode=st.sampled_from(list(Mode)), listed=st.booleans(), agreed=st.booleans())
def test_whatever_the_other_side_is_only_a_listed_person_who_agreed_is_written_to(
    stores: tuple[Archive, LiveDb], peer: Any, mode: Mode, listed: bool, agreed: bool
) -> None:
    archive, live = stores
    dialog = to_dialog(peer)
    policy, control = Policy(live, LiveSettings()), Control(live)
    for table in ("outbox", "suggestions", "policy"):
        live.db.execute(f"DELETE FROM {table}")
    archive.save_dialogs([dialog])
    archive.save([Message(dialog.id, 1, False, NOW, "hey")])
    ledger = Ledger(archive)
    if agreed:
        ledger.grant(dialog.id, Scope.CHAT, "test", "test", NOW)
    else:
        ledger.revoke(dialog.id, NOW)
    refused = False
    if listed:
        try:
            switch(archive, policy, str(dialog.id), mode, NOW, force=True)
        except UserError:
            refused = True
        # nor does a row help that was forced into the table past that
        live.db.execute(
            "REPLACE INTO policy (dialog_id, mode, set_at) VALUES (?, ?, ?)", (dialog.id, mode, NOW.timestamp())
        )
    bubbles = Bubbles(live, lambda: NOW)
    made = bubbles.suggestions.add(
        dialog_id=dialog.id, upto_id=1, attempt=0, mode=mode, texts=["hey you"], confidence=1.0, outcome="pass",
        reasons=[], adapter="test", answers=[], now=NOW,
    )  # fmt: skip
    approved = bubbles.suggestions.move(made, State.APPROVED, NOW, surface="auto")
    assert approved
    assert bubbles.plan(approved)
    (bubble,) = [each for each in bubbles.next() if each.dialog_id == dialog.id]
    planned = bubbles.suggestions.get(made.id)
    assert planned
    gate = Gate(archive, policy, control, timedelta(hours=3))
    against = gate.against(bubble, planned, NOW, lambda _: False)
    by_itself = against or gate.against_auto(planned, NOW)
    if is_a_person(peer):
        may = listed and agreed and mode is not Mode.OFF
        assert refused is False
        assert (against is None) == may
        assert (by_itself is None) == (may and mode is Mode.AUTO and bool(peer.contact))
        assert Listening(live, archive, policy, Clocks(lambda: NOW)).to(dialog.id) == may
    else:
        assert against is not None, "in a group too: nobody who agreed has called there"
        people = isinstance(peer, types.Chat | types.Channel) and dialog.may_be_answered
        if not people:
            assert refused == (listed and mode is not Mode.OFF)
            assert not Listening(live, archive, policy, Clocks(lambda: NOW)).to(dialog.id)


async def test_each_class_of_peer_writes_and_only_the_listed_contact_is_answered_by_itself(tmp_path: Path) -> None:
    town = small_town()
    flags = ("verified", "support", "scam", "deleted", "bot")
    peculiar = {flag: town.add(Account(900_000 + n, f"A {flag}", **{flag: True})) for n, flag in enumerate(flags)}
    stranger = town.add(Account(900_100, "Stranger"))
    boss = town.found(
        Chat(channel_id(9), "Office", town.clock.start, 900_000, [town.owner_id, 900_000], megagroup=True)
    )
    async with Sandbox(town) as sandbox:
        everybody = [*peculiar.values(), stranger, town.contacts[0], town.accounts[777000]]
        for each in everybody:
            await sandbox.say(each.id, town.owner_id, "hello")
        async with household(sandbox, tmp_path) as house:
            with house.archive() as archive, house.live() as live:
                for dialog in archive.dialogs():
                    Ledger(archive).grant(dialog.id, Scope.CHAT, "x", "x", datetime.now(UTC))
                    with suppress(UserError):
                        switch(archive, Policy(live, house.settings.live), str(dialog.id), Mode.AUTO, NOW, force=True)
                live.db.execute("UPDATE policy SET set_at = ?", (datetime.now(UTC).timestamp(),))
            async with house.running():
                for each in everybody:
                    await sandbox.say(each.id, town.owner_id, "are you there?")
                await sandbox.say(900_000, boss.id, "are you there?")
                for each in (stranger, peculiar["verified"]):
                    assert (await house.heard("offered", dialog=each.id))["because"] == "not in your contacts"
                await house.heard("sent")
                await settle(0.5)
            assert house.delivered() == house.delivered(town.contacts[0].id) == ["sounds good"]
