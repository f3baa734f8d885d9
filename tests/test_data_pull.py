"""Pull: the archive becomes what Telegram shows, in few requests, whatever happens on the way."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from data.archive import Archive, Cursor
from data.consent import Ledger
from data.errors import ExitCode, UserError
from data.message import Dialog, Kind, Message
from data.pull import PAGE, Pace, Puller
from data.telegram import Login, Server, connect, dialogs_of, log_in_by_code
from data.transcript import Scope
from sandbox.box import Post
from sandbox.server import Sandbox
from sandbox.small import ALMA, BRUNO, CARLA, small_town


@dataclass
class Watched:
    """Writes down what it is told; `at_page` may interfere."""

    pages: list[tuple[int, int]] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    stop_after: int | None = None

    def page(self, dialog: Dialog, messages: int) -> None:
        self.pages.append((dialog.id, messages))
        if self.stop_after is not None and len(self.pages) >= self.stop_after:
            raise KeyboardInterrupt

    def waiting(self, seconds: float, until: datetime) -> None:
        self.waits.append(seconds)


@dataclass
class Scene:
    """A town, a client that is logged in, and an archive."""

    sandbox: Sandbox
    client: Any
    archive: Archive
    path: Path
    dialogs: dict[int, Dialog]
    written: int = 0

    async def pull(self, *ids: int, since: datetime | None = None, watcher: Watched | None = None) -> Any:
        puller = Puller(self.client, self.archive, watcher or Watched(), _no_pace(), since)
        for dialog_id in ids:
            await puller.pull(self.dialogs[dialog_id])
        return puller.report

    def allow(self, *ids: int, scope: Scope = Scope.CHAT) -> None:
        """Record a consent."""
        for dialog_id in ids:
            Ledger(self.archive).grant(dialog_id, scope, "test", "test", datetime.now(UTC))

    def agrees(self, dialog_id: int) -> bool:
        """Whether the archive holds what the server shows, text by text, side by side."""
        here = [(m.mine, m.text) for m in self.archive.messages(dialog_id)]
        return here == [(line.mine, line.text) for line in self.sandbox.texts(dialog_id)]

    def write(self, count: int) -> None:
        """Alma writes, and nobody tells the client."""
        town = self.sandbox.town
        start = town.clock.now() + timedelta(seconds=self.written)
        self.written += count
        town.remember(
            Post(ALMA, town.owner_id, start + timedelta(seconds=n), f"line {n} of {count}") for n in range(count)
        )


def _no_pace() -> Pace:
    """No waiting at all: the test counts, it does not sleep."""

    async def at_once(_seconds: float) -> None:
        await asyncio.sleep(0)

    return Pace(per_second=1e9, sleep=at_once, rate=1e9)


@pytest_asyncio.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with Sandbox(small_town()) as sandbox:
        town = sandbox.town
        host, port = sandbox.address.split(":")
        server = Server(host, int(port), sandbox.dc, sandbox.public_key)
        login = Login(town.api_id, town.api_hash, tmp_path / "account.session", server)

        async def code(_question: str, _hidden: bool) -> str:
            return sandbox.code_for(town.owner.phone or "")

        async with connect(login) as client:
            await log_in_by_code(client, f"+{town.owner.phone}", code)
            dialogs = await dialogs_of(client)
            archive_file = tmp_path / "archive.db"
            with contextlib.closing(Archive(archive_file)) as archive:
                archive.save_dialogs(dialogs)
                opened = Scene(sandbox, client, archive, archive_file, {dialog.id: dialog for dialog in dialogs})
                opened.allow(ALMA, BRUNO, CARLA)
                yield opened
        assert not sandbox.failures


async def test_the_first_pull_brings_every_message_once(scene: Scene) -> None:
    report = await scene.pull(ALMA, BRUNO, CARLA)
    assert (report.chats, report.new, report.edited, report.deleted) == (3, 145, 0, 0)
    assert all(scene.agrees(contact) for contact in (ALMA, BRUNO, CARLA))


async def test_a_second_pull_is_one_request_a_chat_and_changes_nothing(scene: Scene) -> None:
    await scene.pull(ALMA, BRUNO, CARLA)
    before = [scene.archive.messages(contact) for contact in (ALMA, BRUNO, CARLA)]
    report = await scene.pull(ALMA, BRUNO, CARLA)
    assert (report.new, report.edited, report.deleted, report.requests) == (0, 0, 0, 3)
    assert [scene.archive.messages(contact) for contact in (ALMA, BRUNO, CARLA)] == before


@pytest.mark.parametrize("count", [1, PAGE - 1, PAGE, PAGE + 1, 2 * PAGE, 3 * PAGE + 7])
async def test_new_messages_are_fetched_down_to_the_known_ones_and_no_further(scene: Scene, count: int) -> None:
    await scene.pull(ALMA)
    scene.write(count)
    report = await scene.pull(ALMA)
    assert report.new == count
    assert report.requests <= 1 + count // PAGE
    assert scene.agrees(ALMA)


async def test_an_edit_and_a_deletion_on_the_first_page_are_noticed(scene: Scene) -> None:
    await scene.pull(BRUNO)
    ids = [message.id for message in scene.archive.messages(BRUNO)]
    await scene.sandbox.edit(ids[3], "what I really meant")
    await scene.sandbox.unsend(ids[5], ids[6])
    report = await scene.pull(BRUNO)
    assert (report.new, report.edited, report.deleted) == (0, 1, 2)
    assert scene.agrees(BRUNO)
    edited = scene.archive.message(BRUNO, ids[3])
    assert edited is not None
    assert edited.edited_at is not None


@pytest.mark.parametrize("pages", [1, 2, 3])
async def test_a_pull_that_stops_after_any_page_goes_on_from_there(scene: Scene, pages: int) -> None:
    scene.write(3 * PAGE)
    with pytest.raises(KeyboardInterrupt):
        await scene.pull(ALMA, watcher=Watched(stop_after=pages))
    # The page that was being saved when it stopped is not half there: it is rolled back, and read again.
    assert scene.archive.count(ALMA) == (pages - 1) * PAGE
    scene.write(5)
    report = await scene.pull(ALMA)
    assert report.new == 435 - (pages - 1) * PAGE
    assert scene.agrees(ALMA)


async def test_an_interrupted_second_pull_leaves_no_hole(scene: Scene) -> None:
    await scene.pull(ALMA)
    scene.write(3 * PAGE)
    with pytest.raises(KeyboardInterrupt):
        await scene.pull(ALMA, watcher=Watched(stop_after=2))
    scene.write(2 * PAGE)
    await scene.pull(ALMA)
    assert scene.agrees(ALMA)


async def test_since_brings_nothing_older_and_a_later_pull_without_it_brings_the_rest(scene: Scene) -> None:
    scene.write(2 * PAGE)
    since = scene.sandbox.town.clock.now() - timedelta(days=2)
    report = await scene.pull(ALMA, since=since)
    assert all(message.sent_at >= since for message in scene.archive.messages(ALMA))
    first = report.new
    assert 2 * PAGE <= first < 330
    again = await scene.pull(ALMA, since=since)
    assert (again.new, again.requests) == (0, 1)
    scene.write(2 * PAGE)
    await scene.pull(ALMA, since=since)
    assert scene.archive.count(ALMA) == first + 2 * PAGE
    await scene.pull(ALMA)
    assert scene.agrees(ALMA)
    assert (await scene.pull(ALMA)).requests == 1


@pytest.mark.parametrize("kind", ["bot", "channel", "service", "deleted"])
async def test_machines_and_channels_are_never_asked_for(scene: Scene, kind: str) -> None:
    dialog = next(each for each in scene.dialogs.values() if each.kind == kind)
    with pytest.raises(UserError, match="not a person"):
        await scene.pull(dialog.id)
    assert scene.sandbox.journal.calls["GetHistoryRequest"] == 0
    assert scene.archive.count() == 0


async def test_the_service_account_is_refused_even_under_a_false_flag(scene: Scene) -> None:
    disguised = Dialog(777000, Kind.PRIVATE, "A friend")
    with pytest.raises(UserError):
        await Puller(scene.client, scene.archive, Watched(), _no_pace()).pull(disguised)


async def test_a_short_flood_wait_is_waited_out_and_told(scene: Scene) -> None:
    scene.sandbox.faults.flood("GetHistory", 7)
    watched = Watched()
    report = await scene.pull(BRUNO, watcher=watched)
    assert (watched.waits, report.flood_waits) == ([7], 1)
    assert scene.agrees(BRUNO)


async def test_a_long_flood_wait_ends_the_pull_with_a_sentence_and_keeps_what_is_there(scene: Scene) -> None:
    await scene.pull(BRUNO)
    scene.sandbox.faults.flood("GetHistory", 3600)
    with pytest.raises(UserError) as caught:
        await scene.pull(ALMA)
    assert caught.value.code is ExitCode.FLOOD
    assert scene.agrees(BRUNO)
    await scene.pull(ALMA)
    assert scene.agrees(ALMA)


async def test_a_connection_that_drops_in_the_middle_costs_nothing(scene: Scene) -> None:
    scene.sandbox.faults.disconnect("GetHistory")
    scene.sandbox.faults.lose_answer("GetHistory")
    with contextlib.suppress(UserError):
        await scene.pull(ALMA)
    await scene.pull(ALMA)
    assert scene.agrees(ALMA)


async def test_what_the_twin_wrote_stays_marked_over_a_pull(scene: Scene) -> None:
    await scene.pull(BRUNO)
    mine = next(message for message in scene.archive.messages(BRUNO) if message.mine)
    scene.archive.mark_by_twin(BRUNO, mine.id)
    await scene.pull(BRUNO)
    kept: Message | None = scene.archive.message(BRUNO, mine.id)
    assert kept is not None
    assert kept.by_twin


async def test_times_are_utc_and_aware(scene: Scene) -> None:
    await scene.pull(CARLA)
    assert {message.sent_at.tzinfo for message in scene.archive.messages(CARLA)} == {UTC}


# --- what the consent allows


async def changed_in_flight(scene: Scene, pages: int, change: Callable[[Ledger], object]) -> UserError:
    """Pull Alma while another process changes the ledger, after so many pages and with the next on its way."""
    scene.write(3 * PAGE)
    for _ in range(pages):
        scene.sandbox.faults.hold_answer("GetHistory").release()
    hold = scene.sandbox.faults.hold_answer("GetHistory")
    pulling = asyncio.create_task(scene.pull(ALMA))
    await hold.reached.wait()
    with contextlib.closing(Archive(scene.path)) as other:
        change(Ledger(other))
    hold.release()
    with pytest.raises(UserError) as refused:
        await pulling
    assert scene.sandbox.journal.calls["GetHistoryRequest"] == pages + 1, "and nothing more is asked for"
    return refused.value


async def test_without_a_consent_nothing_is_asked_for(scene: Scene) -> None:
    Ledger(scene.archive).revoke(ALMA, datetime.now(UTC))
    with pytest.raises(UserError) as refused:
        await scene.pull(ALMA)
    assert refused.value.code is ExitCode.CONSENT
    assert scene.sandbox.journal.calls["GetHistoryRequest"] == 0


@pytest.mark.parametrize("pages", [0, 1, 3])
async def test_a_page_that_is_on_its_way_when_the_consent_ends_is_not_kept(scene: Scene, pages: int) -> None:
    error = await changed_in_flight(scene, pages, lambda ledger: ledger.revoke(ALMA, datetime.now(UTC)))
    assert (error.code, "taken back meanwhile" in error.message) == (ExitCode.CONSENT, True)
    assert scene.archive.count(ALMA) == pages * PAGE


async def test_a_chat_that_is_forgotten_while_it_is_pulled_stays_forgotten(scene: Scene) -> None:
    def forget(ledger: Ledger) -> None:
        ledger.revoke(ALMA, datetime.now(UTC))
        with contextlib.closing(Archive(scene.path)) as other:
            other.forget(ALMA)

    assert (await changed_in_flight(scene, 2, forget)).code is ExitCode.CONSENT
    assert (scene.archive.count(ALMA), scene.archive.cursor(ALMA), scene.archive.dialog(ALMA)) == (0, Cursor(), None)


async def test_a_consent_that_becomes_narrower_during_a_pull_leaves_no_text_of_the_other_side(scene: Scene) -> None:
    def narrow(ledger: Ledger) -> None:
        ledger.grant(ALMA, Scope.OWN, "test", "test", datetime.now(UTC))

    assert "pull the chat again" in (await changed_in_flight(scene, 2, narrow)).hint
    assert scene.archive.count(ALMA) == 2 * PAGE
    await scene.pull(ALMA)
    assert scene.archive.count(ALMA) == 430
    assert not any(message.text for message in scene.archive.messages(ALMA) if not message.mine)


async def test_a_consent_that_becomes_wider_during_a_pull_has_all_of_it_pulled_again(scene: Scene) -> None:
    scene.allow(ALMA, scope=Scope.OWN)

    def widen(ledger: Ledger) -> None:
        ledger.grant(ALMA, Scope.CHAT, "test", "test", datetime.now(UTC))

    assert "pull the chat again" in (await changed_in_flight(scene, 2, widen)).hint
    await scene.pull(ALMA)
    assert scene.agrees(ALMA)


async def test_under_scope_own_the_other_side_is_kept_as_marks_and_an_edit_of_theirs_too(scene: Scene) -> None:
    scene.allow(BRUNO, scope=Scope.OWN)
    await scene.pull(BRUNO)
    theirs = [message for message in scene.archive.messages(BRUNO) if not message.mine]
    await scene.sandbox.edit(theirs[0].id, "what I really meant is a much longer zebrawood")
    await scene.pull(BRUNO)
    kept = scene.archive.messages(BRUNO)
    assert {message.text for message in kept if not message.mine} == {""}
    assert next(message.media for message in kept if message.id == theirs[0].id) == "[middling text]"
    own = [line.text for line in scene.sandbox.texts(BRUNO) if line.mine]
    assert [message.text for message in kept if message.mine] == own
    assert b"zebrawood" not in b"".join(path.read_bytes() for path in scene.path.parent.glob("archive.db*"))


async def test_after_a_wider_consent_the_next_pull_brings_the_texts_over_the_marks(scene: Scene) -> None:
    scene.write(2 * PAGE)
    scene.allow(ALMA, scope=Scope.OWN)
    await scene.pull(ALMA)
    assert not scene.agrees(ALMA)
    scene.allow(ALMA)
    report = await scene.pull(ALMA)
    assert (report.new, report.requests) == (0, 4)
    assert scene.agrees(ALMA)
    assert (await scene.pull(ALMA)).requests == 1
