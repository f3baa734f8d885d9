"""The live part of the demo: contacts write what they really wrote next, and the twin drafts, asks, and sends.

One chat is in `draft`, one in `ask`, one in `auto` (with --force: nobody has earned it in an evening). A person at the
terminal decides on each suggestion; hands off, the demo decides by itself, so that every surface is used.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import cycle
from typing import Any, Protocol

from bot import ask, show
from bot.demo.town import TownHall
from bot.demo.verbs import Events, Verbs, step
from bot.home import Home
from bot.inbox import Inbox
from bot.livedb import LiveDb
from bot.review import Card, Review
from bot.suggestion import State, Suggestions
from data.archive import Archive
from data.message import Dialog

MODES = ("draft", "ask", "auto")
ROUNDS = 24
"""At most this many times a contact writes; three or four are usually enough."""
ENOUGH_SENT = 2
QUIET = 6.0
"""Seconds in which a twin that is not paused would have answered: the debounce is two."""
UNDER_WAY = (State.APPROVED, State.EDITED, State.PLANNED, State.SENDING)
DECIDED = ("offered", "held", "dropped", "approved")


@dataclass(frozen=True, slots=True)
class Scene:
    """What a contact really wrote next, and what the owner really answered."""

    contact_id: int
    theirs: tuple[str, ...]
    real: tuple[str, ...]


class Decider(Protocol):
    """Who decides on a suggestion."""

    def decide(self, card: Card, real: tuple[str, ...]) -> tuple[str, list[str]]:
        """`approve`, `edit` (with texts), `another` or `skip`. `real` is what the owner once answered."""

    def writes(self) -> str | None:
        """What this person types as a contact; None to let the contact write what they really wrote."""


class Person:
    """Somebody at the terminal."""

    def decide(self, card: Card, real: tuple[str, ...]) -> tuple[str, list[str]]:
        """Ask."""
        while True:
            answer = ask.line("    [s]end  [e]dit  [a]nother  s[k]ip", "at a terminal").casefold()
            match answer[:1]:
                case "s" | "":
                    return "approve", []
                case "e":
                    return "edit", [ask.line("    Your words", "at a terminal")]
                case "a":
                    return "another", []
                case "k":
                    return "skip", []

    def writes(self) -> str | None:
        """Ask."""
        return ask.line("    Type as this contact, or just press Enter for their real words", "at a terminal") or None


class HandsOff:
    """Nobody: uses each choice in turn, and writes the real words itself where the guard holds the twin's."""

    def __init__(self) -> None:
        self._choices = cycle(("approve", "another", "edit", "skip"))

    def decide(self, card: Card, real: tuple[str, ...]) -> tuple[str, list[str]]:
        """The next choice; a held suggestion is edited, as an honest person would."""
        choice = "edit" if card.suggestion.outcome == "hold" else next(self._choices)
        return choice, list(real) if choice == "edit" else []

    def writes(self) -> str | None:
        """Their real words."""
        return None


@dataclass(slots=True)
class Evening:
    """One evening of chats."""

    town: TownHall
    verbs: Verbs
    home: Home
    person: Person | None
    modes: dict[int, str] = field(default_factory=dict)
    tally: dict[str, int] = field(default_factory=lambda: {"suggestions": 0, "drafted": 0})
    heard: list[tuple[int, int]] = field(default_factory=list)
    """Every message, by chat and id, that the twin had to deal with."""
    unanswered: list[tuple[int, int]] = field(default_factory=list)
    """Every message that came while the twin was paused."""
    silent: list[int] = field(default_factory=list)
    """Who wrote without being listed."""
    sent_while_paused: int = 0

    def spend(self) -> dict[str, Any]:
        """Steps 9 to 11."""
        scenes = scenes_of(self.town)
        self._try(scenes[0])
        archive, live = self.home.open_archive(), LiveDb(self.home.live)
        try:
            self._choose(scenes, archive)
            step(10, "doppelgram run", "The twin is there. Contacts write what they really wrote next.")
            with self._running() as events:
                for _ in self.modes:
                    events.wait("watching")
                self._play(scenes, events, archive, live)
                step(11, "doppelgram review, pause", "A chat that is off writes, a bot writes, and the twin is paused.")
                self._write_unlisted(scenes)
                self.verbs.run("pause")
                self._write_while_paused(events, "Paused")
            with self._running() as events:
                self._write_while_paused(events, "Started anew, and still paused")
        finally:
            archive.close()
            live.close()
        self._tell()
        return self.tally | {"sent": len(self.town.delivered), "duplicates": self._duplicates()}

    @contextmanager
    def _running(self) -> Iterator[Events]:
        """A live client, from its start to a polite end."""
        with self.verbs.started("run", MODEL__QUANTIZATION="nf4") as process:
            events = Events(process)
            events.wait("started")
            yield events

    def _try(self, scene: Scene) -> None:
        step(9, "doppelgram try CHAT TEXT", "What would I answer here? Nothing is sent.")
        tried = self.verbs.run("try", str(scene.contact_id), scene.theirs[-1], MODEL__QUANTIZATION="nf4")
        show.say(f"     they  {show.plain(scene.theirs[-1])}")
        for suggestion in tried["suggestions"][:1]:
            for text in suggestion["texts"]:
                show.say(f"     twin  {show.plain(text)}", "bold")
        show.say(f"    {tried['seconds']:.0f} s, on the 4-bit model and a CPU.")

    def _choose(self, scenes: list[Scene], archive: Archive) -> None:
        """A mode for each of the three contacts who have most to say."""
        ids = list(dict.fromkeys(scene.contact_id for scene in scenes))[: len(MODES)]
        for contact_id, mode in zip(ids, MODES, strict=True):
            self.verbs.run("chats", "set", str(contact_id), "--mode", mode, *(["--force"] if mode == "auto" else []))
            self.modes[contact_id] = mode
            show.say(f"    {_title(archive.dialog(contact_id))}: {mode}")

    def _play(self, scenes: list[Scene], events: Events, archive: Archive, live: LiveDb) -> None:
        """Let them write in turn, until every mode has had its turn and enough was sent."""
        decider: Decider = self.person or HandsOff()
        queues = {
            contact_id: [scene for scene in scenes if scene.contact_id == contact_id] for contact_id in self.modes
        }
        for number, contact_id in enumerate(cycle(self.modes)):
            enough = self.tally["drafted"] >= 1 and len(self.town.delivered) >= ENOUGH_SENT
            if number >= ROUNDS or not any(queues.values()) or (number >= len(self.modes) and enough):
                return
            if queues[contact_id]:
                self._scene(queues[contact_id].pop(0), decider, events, archive, live)

    def _scene(self, scene: Scene, decider: Decider, events: Events, archive: Archive, live: LiveDb) -> None:
        title, mode = _title(archive.dialog(scene.contact_id)), self.modes[scene.contact_id]
        show.say("")
        show.say(f"    {title} ({mode})", "cyan")
        typed = decider.writes()
        for text in [typed] if typed else scene.theirs:
            show.say(f"     they  {show.plain(text)}")
            self.heard.append((scene.contact_id, self.town.say(scene.contact_id, text)))
        while event := events.wait(*DECIDED, dialog=scene.contact_id):
            if event["event"] == "dropped":
                show.say("    The guard dropped what the model said.")
                break
            self.tally["suggestions"] += 1
            if not self._decide(event, scene, decider, events, archive, live):
                break
        if not typed:
            for text in scene.real:
                show.say(f"     real  {show.plain(text)}", "dim")

    def _decide(
        self, event: dict[str, Any], scene: Scene, decider: Decider, events: Events, archive: Archive, live: LiveDb
    ) -> bool:
        """Let a suggestion be decided on. Returns whether another one comes."""
        suggestion = Suggestions(live).get(event["suggestion"])
        assert suggestion is not None
        for text in suggestion.texts:
            show.say(f"     twin  {show.plain(text)}", "bold")
        sure = "no confidence" if suggestion.confidence is None else f"confidence {suggestion.confidence:.2f}"
        if event.get("surface") == "draft":
            self.tally["drafted"] += 1
            show.say(f"    {sure}. It waits in the owner's input box, in every Telegram app.")
            return False
        if event["event"] == "approved":
            self._until_out(suggestion.id, events, live)
            show.say(f"    {sure}: sent by itself.", "green")
            return False
        why = "; ".join(suggestion.reasons) or event.get("because", "")
        held = "Held: " if event["event"] == "held" else ""
        show.say(f"    {sure}. {held}{why}" if held or why != sure else f"    {sure}.")
        return self._review(suggestion.id, scene, decider, events, archive, live)

    def _review(
        self, number: int, scene: Scene, decider: Decider, events: Events, archive: Archive, live: LiveDb
    ) -> bool:
        """Step 11, which may happen at any time beside step 10."""
        review = Review(archive, Suggestions(live), Inbox(live, timedelta(0)), lambda: datetime.now(UTC))
        card = review.card(number)
        if card is None:
            show.say("    It is outdated.")
            return False
        choice, texts = decider.decide(card, scene.real)
        show.say(f"    doppelgram review --{choice} {number}", "green")
        done = review.edit(card, texts) if choice == "edit" else getattr(review, choice)(card)
        if done and choice in ("approve", "edit"):
            self._until_out(number, events, live)
        return bool(done) and choice == "another"

    def _until_out(self, number: int, events: Events, live: LiveDb) -> None:
        """Wait for the last bubble of a reply."""
        while (found := Suggestions(live).get(number)) and found.state in UNDER_WAY:
            events.wait("sent", "cancelled", "unknown", suggestion=number, seconds=2)

    def _write_unlisted(self, scenes: list[Scene]) -> None:
        """A chat that is off, and a machine: they write, and nothing happens."""
        off = next(scene.contact_id for scene in reversed(scenes) if scene.contact_id not in self.modes)
        bot = next(account.id for account in self.town.town.accounts.values() if account.bot)
        for contact_id in (off, bot):
            self.town.say(contact_id, "are you there?")
            self.silent.append(contact_id)

    def _write_while_paused(self, events: Events, how: str) -> None:
        """Somebody writes to the chat that may answer by itself; the message is taken in, and nothing goes out."""
        contact_id = next(contact_id for contact_id, mode in self.modes.items() if mode == "auto")
        before = len(self.town.delivered)
        message_id = self.town.say(contact_id, "hello?")
        self.unanswered.append((contact_id, message_id))
        events.wait("incoming", message=message_id)
        events.wait("sent", seconds=QUIET)
        sent = len(self.town.delivered) - before
        self.sent_while_paused += sent
        show.say(f"    {how}: {sent} messages sent.")

    def _tell(self) -> None:
        """The delivery log, in words."""
        show.say("")
        show.say("What the server delivered, from its own log:", "bold")
        names = self.town.town.accounts
        for each in self.town.delivered:
            show.say(f"    {each.at:%H:%M:%S}  to {names[each.peer_id].name}: {show.plain(each.text)}")

    def _duplicates(self) -> int:
        seen = [each.random_id for each in self.town.delivered]
        return len(seen) - len(set(seen))


def scenes_of(town: TownHall) -> list[Scene]:
    """Every place in the held-out conversations where a contact wrote and the owner answered; the contacts who began
    most of them first, since a message out of the blue is what a draft is for."""
    scenes = [
        scene for continuation in town.town.continuations for scene in _scenes(continuation.contact_id, continuation)
    ]
    count = {scene.contact_id: sum(s.contact_id == scene.contact_id for s in scenes) for scene in scenes}
    return sorted(scenes, key=lambda scene: -count[scene.contact_id])


def _scenes(contact_id: int, continuation: Any) -> Iterator[Scene]:
    theirs: list[str] = []
    mine: list[str] = []
    for line in (*continuation.messages, None):
        if line is None or (not line.mine and mine):
            if theirs and mine:
                yield Scene(contact_id, tuple(theirs), tuple(mine))
            theirs, mine = [], []
        if line is not None:
            (mine if line.mine else theirs).append(line.text)
            if line.mine and not theirs:
                mine = []


def _title(dialog: Dialog | None) -> str:
    return show.plain(dialog.title) if dialog else "?"
