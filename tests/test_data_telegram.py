"""The edge to Telegram: what becomes a value, what is never kept, and what a person is told of an error."""

import asyncio
import stat
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from telethon import errors
from telethon.tl import functions, types

from data.errors import ExitCode, UserError
from data.message import Kind
from data.telegram import (
    Login,
    Server,
    connect,
    dialogs_of,
    explain,
    log_in_by_code,
    log_in_by_qr,
    log_out,
    owner_of,
    to_dialog,
    to_message,
)
from sandbox.server import Sandbox
from sandbox.small import ALMA, small_town

AT = datetime(2026, 3, 3, 15, 0, tzinfo=timezone(timedelta(hours=2)))
PASSWORD = "correct horse"


def user(id: int = 5, **flags: Any) -> types.User:
    return types.User(id, first_name="Ann", last_name="Lee", **flags)


def message(text: str = "hi", media: Any = None, **more: Any) -> types.Message:
    return types.Message(id=7, peer_id=types.PeerUser(5), date=AT, message=text, media=media, **more)


def document(*attributes: Any) -> types.MessageMediaDocument:
    inner = types.Document(1, 1, b"", AT, "x/y", 1, 1, list(attributes))
    return types.MessageMediaDocument(document=inner)


# --- who is on the other side


@pytest.mark.parametrize(
    ("entity", "kind"),
    [
        (user(), Kind.PRIVATE),
        (user(is_self=True), Kind.SELF),
        (user(bot=True), Kind.BOT),
        (user(deleted=True), Kind.DELETED),
        (user(scam=True), Kind.SCAM),
        (user(fake=True), Kind.SCAM),
        (user(777000), Kind.SERVICE),
        (user(42777), Kind.SERVICE),
        (user(support=True), Kind.SERVICE),
        (types.Chat(9, "Hike", types.ChatPhotoEmpty(), 3, AT, 1), Kind.GROUP),
        (types.ChatForbidden(9, "Hike"), Kind.GROUP),
        (types.Channel(9, "News", types.ChatPhotoEmpty(), AT, broadcast=True), Kind.CHANNEL),
        (types.Channel(9, "Crowd", types.ChatPhotoEmpty(), AT, megagroup=True), Kind.GROUP),
    ],
)
def test_only_a_living_person_is_private(entity: Any, kind: Kind) -> None:
    dialog = to_dialog(entity)
    assert dialog.kind is kind
    assert dialog.with_a_person == (kind is Kind.PRIVATE)


def test_ids_of_people_groups_and_channels_never_collide() -> None:
    group = types.Chat(5, "Hike", types.ChatPhotoEmpty(), 3, AT, 1)
    channel = types.Channel(5, "News", types.ChatPhotoEmpty(), AT, broadcast=True)
    assert len({to_dialog(each).id for each in (user(5), group, channel)}) == 3


def test_a_dialog_has_its_active_username_and_a_name_even_without_an_account() -> None:
    several = [types.Username("old", active=False), types.Username("ann", active=True)]
    assert to_dialog(user(usernames=several)).username == "ann"
    assert to_dialog(types.User(5, deleted=True)).title


# --- what was said


def test_a_message_keeps_its_text_time_side_and_reply() -> None:
    reply = types.MessageReplyHeader(reply_to_msg_id=3)
    value = to_message(5, message("hi", out=True, reply_to=reply))
    assert value is not None
    assert (value.dialog_id, value.id, value.mine, value.text, value.reply_to) == (5, 7, True, "hi", 3)
    assert value.sent_at == AT
    assert value.sent_at.tzinfo is UTC
    assert (value.media, value.forwarded, value.edited_at, value.by_twin) == (None, False, None, False)


def test_a_reaction_is_no_edit_and_an_edit_is_one() -> None:
    hidden = to_message(5, message(edit_date=AT, edit_hide=True))
    shown = to_message(5, message(edit_date=AT))
    assert hidden is not None
    assert shown is not None
    assert (hidden.edited_at, shown.edited_at) == (None, AT)


def test_a_forward_is_marked() -> None:
    value = to_message(5, message(fwd_from=types.MessageFwdHeader(AT)))
    assert value is not None
    assert value.forwarded


@pytest.mark.parametrize(
    "never",
    [
        message(noforwards=True),
        message(media=types.MessageMediaPhoto(photo=types.PhotoEmpty(1), ttl_seconds=10)),
        types.MessageEmpty(id=7, peer_id=None),
    ],
)
def test_protected_self_destructing_and_empty_messages_are_never_kept(never: Any) -> None:
    assert to_message(5, never) is None


@pytest.mark.parametrize(
    ("media", "mark"),
    [
        (None, None),
        (types.MessageMediaWebPage(types.WebPageEmpty(1)), None),
        (types.MessageMediaPhoto(photo=types.PhotoEmpty(1)), "[photo]"),
        (types.MessageMediaGeo(types.GeoPointEmpty()), "[place]"),
        (types.MessageMediaContact("1", "A", "B", "", 1), "[contact]"),
        (types.MessageMediaDice(4, "🎲"), "[dice 4]"),
        (types.MessageMediaUnsupported(), "[attachment]"),
        (document(), "[file]"),
        (document(types.DocumentAttributeVideo(9, 1, 1)), "[video]"),
        (document(types.DocumentAttributeVideo(9, 1, 1, round_message=True)), "[round video]"),
        (document(types.DocumentAttributeVideo(9, 1, 1), types.DocumentAttributeAnimated()), "[animation]"),
        (document(types.DocumentAttributeAudio(65, voice=True)), "[voice 1:05]"),
        (document(types.DocumentAttributeAudio(65)), "[music]"),
        (document(types.DocumentAttributeSticker("😀", types.InputStickerSetEmpty())), "[sticker 😀]"),
        (document(types.DocumentAttributeSticker("", types.InputStickerSetEmpty())), "[sticker]"),
    ],
)
def test_an_attachment_becomes_a_mark_of_its_kind(media: Any, mark: str | None) -> None:
    value = to_message(5, message("look", media))
    assert value is not None
    assert (value.media, value.text) == (mark, "look")


# --- what goes wrong


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.FloodWaitError(None, 30), ExitCode.FLOOD),
        (errors.ApiIdInvalidError(None), ExitCode.CONFIGURATION),
        (errors.AuthKeyUnregisteredError(None), ExitCode.NOT_LOGGED_IN),
        (errors.SessionRevokedError(None), ExitCode.NOT_LOGGED_IN),
        (errors.AuthKeyDuplicatedError(None), ExitCode.NOT_LOGGED_IN),
        (errors.PhoneNumberInvalidError(None), ExitCode.NOT_LOGGED_IN),
        (ConnectionError(), ExitCode.ERROR),
        (TimeoutError(), ExitCode.ERROR),
        (asyncio.IncompleteReadError(b"", 4), ExitCode.ERROR),
        (errors.ChatWriteForbiddenError(None), ExitCode.ERROR),
    ],
)
def test_an_error_of_telegram_is_a_sentence_with_its_exit_code(error: Exception, code: ExitCode) -> None:
    told = explain(error)
    assert told is not None
    assert told.code is code
    assert told.message
    assert told.hint


@pytest.mark.parametrize("bug", [ValueError("x"), KeyError("y"), KeyboardInterrupt()])
def test_a_bug_keeps_its_traceback(bug: BaseException) -> None:
    assert explain(bug) is None


# --- connecting and logging in


@pytest_asyncio.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(small_town()) as running:
        yield running
    assert not running.failures


def login(sandbox: Sandbox, session: Path) -> Login:
    host, port = sandbox.address.split(":")
    return Login(
        sandbox.town.api_id, sandbox.town.api_hash, session, Server(host, int(port), sandbox.dc, sandbox.public_key)
    )


async def _no(_question: str, _hidden: bool) -> str:
    raise AssertionError("nothing was to be asked")


async def test_a_login_lasts_over_connections_and_ends_on_the_server_too(sandbox: Sandbox, tmp_path: Path) -> None:
    place = login(sandbox, tmp_path / "account.session")
    phone = sandbox.town.owner.phone or ""
    asked: list[tuple[str, bool]] = []

    async def answer(question: str, hidden: bool) -> str:
        asked.append((question, hidden))
        return sandbox.code_for(phone) if len(asked) == 2 else "00000"

    async with connect(place) as client:
        with pytest.raises(UserError) as nobody:
            await owner_of(client)
        assert nobody.value.code is ExitCode.NOT_LOGGED_IN
        owner = await log_in_by_code(client, f"+{phone}", answer)
        assert (owner.user_id, owner.name) == (sandbox.town.owner_id, "Robin Vale")
    assert [hidden for _, hidden in asked] == [False, False], "a wrong code is asked for again"
    assert stat.S_IMODE(place.session.stat().st_mode) == 0o600
    async with connect(place) as client:
        assert await owner_of(client) == owner
        dialogs = {dialog.id: dialog for dialog in await dialogs_of(client)}
        assert dialogs[ALMA].with_a_person
        assert dialogs[ALMA].last_at
        await log_out(client)
    async with connect(place) as client:
        with pytest.raises(UserError):
            await owner_of(client)


async def nobody_answers(question: str, _hidden: bool) -> str:
    raise AssertionError(question)


async def test_a_wrong_password_is_asked_for_again_hidden(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.town.owner.password = PASSWORD
    phone = sandbox.town.owner.phone or ""
    hidden_ones: list[str] = []

    async def answer(question: str, hidden: bool) -> str:
        if not hidden:
            return sandbox.code_for(phone)
        hidden_ones.append(question)
        return PASSWORD if len(hidden_ones) == 2 else "wrong"

    async with connect(login(sandbox, tmp_path / "account.session")) as client:
        assert (await log_in_by_code(client, f"+{phone}", answer)).user_id == sandbox.town.owner_id
    assert len(hidden_ones) == 2


async def test_a_qr_code_is_followed_by_the_password(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.town.owner.password = PASSWORD
    shown: list[str] = []

    async def answer(_question: str, hidden: bool) -> str:
        assert hidden
        return PASSWORD

    async def scan() -> None:
        while not shown:  # noqa: ASYNC110 -- shown by a callback
            await asyncio.sleep(0.02)
        await sandbox.accept_qr()

    async with connect(login(sandbox, tmp_path / "a.session"), updates=True, patient=False) as client:
        scanning = asyncio.create_task(scan())
        owner = await log_in_by_qr(client, shown.append, answer)
        await scanning
    assert owner.user_id == sandbox.town.owner_id
    assert shown[0].startswith("tg://login?token=")


async def test_a_qr_code_that_expires_is_renewed_and_the_new_one_lets_in(sandbox: Sandbox, tmp_path: Path) -> None:
    shown: list[str] = []

    async def scan() -> None:
        while len(shown) < 3:  # noqa: ASYNC110 -- shown by a callback
            await asyncio.sleep(0.01)
        await sandbox.accept_qr()

    async with connect(login(sandbox, tmp_path / "a.session"), updates=True, patient=False) as client:
        scanning = asyncio.create_task(scan())
        owner = await log_in_by_qr(client, shown.append, nobody_answers, life=1.0)
        await scanning
    assert owner.user_id == sandbox.town.owner_id
    assert len(set(shown)) == len(shown) >= 3


async def test_qr_codes_that_nobody_scans_come_to_an_end(sandbox: Sandbox, tmp_path: Path) -> None:
    shown: list[str] = []
    async with connect(login(sandbox, tmp_path / "a.session"), updates=True, patient=False) as client:
        with pytest.raises(UserError, match="Nobody scanned") as ended:
            await log_in_by_qr(client, shown.append, nobody_answers, life=0.1, codes=3)
    assert (len(shown), ended.value.code) == (3, ExitCode.NOT_LOGGED_IN)


async def test_a_scan_that_nobody_told_us_of_is_found_when_the_code_is_renewed(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    shown: list[str] = []

    def show(url: str) -> None:
        shown.append(url)
        (waiting,) = [each for each in sandbox.logins.values() if each.token]
        waiting.accepted = sandbox.town.owner_id  # as `accept_qr`, without the update

    async with connect(login(sandbox, tmp_path / "a.session"), updates=True, patient=False) as client:
        owner = await log_in_by_qr(client, show, nobody_answers, life=0.2)
        assert (owner.user_id, len(shown)) == (sandbox.town.owner_id, 1)
    async with connect(login(sandbox, tmp_path / "a.session")) as client:
        assert (await owner_of(client)).user_id == sandbox.town.owner_id


async def test_a_clock_that_is_ahead_does_not_ask_for_one_qr_code_after_the_other(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    sandbox.limits.qr_life = -60.0  # by this machine's clock each is over before it comes
    shown: list[str] = []

    async with connect(login(sandbox, tmp_path / "a.session"), updates=True, patient=False) as client:
        waiting = asyncio.create_task(log_in_by_qr(client, shown.append, nobody_answers))
        while not shown:  # noqa: ASYNC110 -- shown by a callback
            await asyncio.sleep(0.02)
        for _ in range(20):  # as many round trips, each of which could have brought another code
            await client(functions.help.GetConfigRequest())
        sandbox.limits.qr_life = 30.0
        await sandbox.accept_qr()
        assert (await waiting).user_id == sandbox.town.owner_id
    assert len(shown) == 1
    assert sandbox.journal.calls["ExportLoginTokenRequest"] == 2, "the first, and the one after the scan"


async def test_an_expired_code_and_a_flood_are_sentences(sandbox: Sandbox, tmp_path: Path) -> None:
    phone = f"+{sandbox.town.owner.phone}"
    async with connect(login(sandbox, tmp_path / "account.session")) as client:
        sandbox.faults.flood("SendCode", 77)
        with pytest.raises(UserError, match="77 s") as flood:
            await log_in_by_code(client, phone, _no)
        assert flood.value.code is ExitCode.FLOOD

        async def late(_question: str, _hidden: bool) -> str:
            sandbox.faults.refuse("SignIn", 400, "PHONE_CODE_EXPIRED")
            return "00000"

        with pytest.raises(UserError, match="expired") as expired:
            await log_in_by_code(client, phone, late)
        assert expired.value.code is ExitCode.NOT_LOGGED_IN


@pytest.mark.parametrize("updates", [False, True])
async def test_a_server_that_is_not_there_is_said_within_seconds(
    sandbox: Sandbox, tmp_path: Path, updates: bool
) -> None:
    place = login(sandbox, tmp_path / "account.session")
    await sandbox.stop()
    async with asyncio.timeout(120):
        with pytest.raises(UserError, match="cannot be reached"):
            async with connect(place, updates=updates, patient=False):
                pass


async def test_a_server_with_another_key_is_not_trusted(sandbox: Sandbox, tmp_path: Path) -> None:
    host, port = sandbox.address.split(":")
    place = Login(1, "x", tmp_path / "account.session", Server(host, int(port), sandbox.dc, None))
    import telethon.crypto.rsa as known

    before = dict(known._server_keys)
    known._server_keys.clear()
    try:
        with pytest.raises(UserError):
            async with connect(place):
                pass
    finally:
        known._server_keys.update(before)
