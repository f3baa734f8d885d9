"""Each check before a send stops it alone: everything else is as it should be. Rows only; what arrives is tested over a
connection elsewhere."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.bubbles import Bubble, Bubbles
from bot.control import Control
from bot.gate import Gate
from bot.livedb import LiveDb
from bot.policy import Mode, Policy
from bot.settings import LiveSettings
from bot.suggestion import State, Suggestion
from data.archive import Archive
from data.consent import Ledger
from data.message import Dialog, Kind, Message, Person
from data.transcript import Scope

NOW = datetime(2026, 3, 3, 15, 0, tzinfo=UTC)
ANNA = Dialog(5, Kind.PRIVATE, "Anna", contact=True)
CLUB = Dialog(-1000000000007, Kind.GROUP, "Club")
BEFORE = NOW - timedelta(minutes=1)


@dataclass
class Scene:
    """One reply that may go out, in a private chat or in a group."""

    archive: Archive
    live: LiveDb
    dialog: Dialog
    limits: LiveSettings

    def __post_init__(self) -> None:
        self.archive.save_dialogs([self.dialog])
        self.archive.save_people([Person(5, Kind.PRIVATE, "Anna")])
        ledger = Ledger(self.archive)
        ledger.grant(self.dialog.id, Scope.CHAT, "test", "test", BEFORE)
        self.asked = Message(self.dialog.id, 10, False, BEFORE, "lunch?", sender_id=self.of(5), mentioned=True)
        if self.dialog.id < 0:
            ledger.grant_member(self.dialog.id, 5, "test", "test", BEFORE)
        self.archive.save([self.asked])
        self.control, self.policy = Control(self.live), Policy(self.live, self.limits)
        self.policy.set_mode(self.dialog, Mode.AUTO, NOW)
        self.bubbles = Bubbles(self.live, lambda: NOW)
        made = self.bubbles.suggestions.add(
            dialog_id=self.dialog.id,
            upto_id=10,
            attempt=0,
            mode=Mode.AUTO,
            texts=["yes", "at one"],
            confidence=1.0,
            outcome="pass",
            reasons=[],
            adapter="test",
            answers=[self.asked],
            now=NOW,
        )
        approved = self.bubbles.suggestions.move(made, State.APPROVED, NOW, surface="auto")
        assert approved
        assert self.bubbles.plan(approved)

    def of(self, person: int) -> int | None:
        """How a message names its writer: in a private chat not at all."""
        return person if self.dialog.id < 0 else None

    @property
    def bubble(self) -> Bubble:
        return self.bubbles.next()[0]

    @property
    def suggestion(self) -> Suggestion:
        found = self.bubbles.suggestions.get(self.bubble.suggestion_id)
        assert found
        return found

    def say(self, text: str, **more: object) -> None:
        """Something more is written in the chat."""
        self.archive.save([replace(self.asked, id=11, text=text, mentioned=False, **more)])  # type: ignore[arg-type]

    def against(self, now: datetime = NOW) -> str | None:
        gate = Gate(self.archive, self.policy, self.control, timedelta(hours=3))
        suggestion = self.suggestion
        return gate.against(self.bubble, suggestion, now, lambda _: False) or gate.against_auto(suggestion, now)


@pytest.fixture(params=[ANNA, CLUB], ids=["private", "group"])
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scene]:
    with closing(Archive(tmp_path / "archive.db")) as archive, closing(LiveDb(tmp_path / "live.db")) as live:
        yield Scene(archive, live, request.param, LiveSettings(chat_seconds=0))


def begin(scene: Scene) -> None:
    """Its first bubble has gone out."""
    marked = scene.bubbles.attempt(scene.bubble)
    assert marked
    scene.bubbles.sent(marked.id, 20)


def ask_instead(scene: Scene) -> None:
    begin(scene)
    scene.policy.set_mode(scene.dialog, Mode.ASK, NOW)


def put_off(scene: Scene) -> None:
    """Its first bubble was tried, and Telegram wants it later; by then it is quiet."""
    marked = scene.bubbles.attempt(scene.bubble)
    assert marked
    scene.bubbles.postpone(marked, NOW)
    scene.limits.quiet_hours = "14:00-16:00"


def used_up(scene: Scene) -> None:
    scene.live.db.execute("UPDATE suggestions SET surface = 'auto'")
    scene.policy.limits.chat_hour = 0


def another_chats(scene: Scene) -> None:
    """A damaged row, say: the words of one chat planned for another in which everything is allowed."""
    boris = Dialog(6, Kind.PRIVATE, "Boris", contact=True)
    scene.archive.save_dialogs([boris])
    Ledger(scene.archive).grant(6, Scope.CHAT, "test", "test", BEFORE)
    scene.policy.set_mode(boris, Mode.AUTO, NOW)
    scene.live.db.execute("UPDATE outbox SET dialog_id = 6")


ALONE: list[tuple[str, Callable[[Scene], object], str]] = [
    ("paused", lambda s: s.control.pause(), "paused"),
    ("planned for another chat", another_chats, "no such suggestion"),
    ("revoked", lambda s: Ledger(s.archive).revoke(s.dialog.id, NOW), "no consent for this chat"),
    ("narrowed", lambda s: _narrowed(s), "no consent for this chat"),
    ("deleted", lambda s: s.archive.delete(s.dialog.id, [10]), "what it answers was deleted"),
    ("edited", lambda s: s.archive.save([replace(s.asked, text="dinner?")]), "what it answers was edited"),
    ("the owner wrote", lambda s: s.say("yes!", mine=True, sender_id=s.of(1)), "the owner answered"),
    ("they went on", lambda s: s.say("or dinner?"), "a newer message"),
    ("off", lambda s: s.policy.set_mode(s.dialog, Mode.OFF, NOW), "switched off"),
    ("asks once it has begun", ask_instead, "switched off"),
    ("asks", lambda s: s.policy.set_mode(s.dialog, Mode.ASK, NOW), "no longer automatic"),
    ("limited by Telegram", lambda s: s.policy.limit(NOW + timedelta(hours=1)), "no longer automatic"),
    ("quiet hours", lambda s: setattr(s.limits, "quiet_hours", "14:00-16:00"), "quiet hours"),
    ("quiet hours after a FLOOD_WAIT", put_off, "quiet hours"),
    ("the hour's cap", used_up, "the hour's replies in this chat are used up"),
    ("the day's cap", lambda s: setattr(s.limits, "chat_day", 0), "the day's replies in this chat are used up"),
    ("the cap of all", lambda s: setattr(s.limits, "all_day", 0), "the day's replies are used up"),
    ("no person", lambda s: s.archive.save_dialogs([replace(s.dialog, kind=Kind.BOT)]), "not a person"),
]


def _narrowed(scene: Scene) -> None:
    """The consent alone: granting it anew would mask what is answered, which is noticed by itself."""
    scene.archive.db.execute("UPDATE consents SET scope = 'own' WHERE member_id IS NULL")


def test_a_reply_with_nothing_against_it_may_go_out(scene: Scene) -> None:
    assert scene.against() is None
    scene.say("[call]", service=True)
    assert scene.against() is None, "what merely happens is neither an answer nor a question"


@pytest.mark.parametrize(("happens", "why"), [row[1:] for row in ALONE], ids=[row[0] for row in ALONE])
def test_each_check_alone_stops_it(scene: Scene, happens: Callable[[Scene], object], why: str) -> None:
    happens(scene)
    assert scene.against() == why


def test_a_reply_that_is_too_old_is_not_sent(scene: Scene) -> None:
    assert scene.against(NOW + timedelta(hours=2.9)) is None
    assert scene.against(NOW + timedelta(hours=3.1)) == "expired"


def test_in_a_private_chat_who_is_no_contact_gets_nothing_automatic(tmp_path: Path) -> None:
    with closing(Archive(tmp_path / "archive.db")) as archive, closing(LiveDb(tmp_path / "live.db")) as live:
        scene = Scene(archive, live, replace(ANNA, contact=False), LiveSettings(chat_seconds=0))
        assert scene.against() == "not in your contacts"


GROUP: list[tuple[str, Callable[[Scene], object]]] = [
    ("took it back", lambda s: s.archive.db.execute("UPDATE consents SET revoked_at = 1 WHERE member_id = 5")),
    ("is a bot", lambda s: s.archive.save_people([Person(5, Kind.BOT, "Anna")])),
    ("was deleted", lambda s: s.archive.save_people([Person(5, Kind.DELETED, "")])),
    ("is not known", lambda s: s.archive.db.execute("DELETE FROM people")),
    ("forwarded it", lambda s: s.archive.db.execute("UPDATE messages SET forwarded = 1")),
    ("did not call", lambda s: s.archive.db.execute("UPDATE messages SET mentioned = 0")),
    ("hides", lambda s: s.archive.db.execute("UPDATE messages SET sender_id = NULL")),
]


@pytest.mark.parametrize("who", [row[1] for row in GROUP], ids=[row[0] for row in GROUP])
@pytest.mark.parametrize("scene", [CLUB], ids=["group"], indirect=True)
def test_in_a_group_it_stops_where_who_called_may_not_be_answered(scene: Scene, who: Callable[[Scene], object]) -> None:
    who(scene)
    assert scene.against() == "nobody who agreed has called"


@pytest.mark.parametrize("scene", [CLUB], ids=["group"], indirect=True)
def test_in_a_group_the_talk_of_others_and_of_other_topics_stops_nothing(scene: Scene) -> None:
    scene.say("the tide is low", sender_id=6)
    assert scene.against() is None
    scene.archive.save([replace(scene.asked, id=12, text="which cake?", topic_id=3)])
    assert scene.against() is None
    scene.archive.save([replace(scene.asked, id=13, text="hello?")])
    assert scene.against() == "a newer message"
