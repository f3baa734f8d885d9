"""The live part of the demo: contacts write what they really wrote next, and the twin drafts, asks, and sends.

One chat is in `draft`, one in `ask`, one in `auto` (with --force: nobody has earned it in an evening). A `Person`
decides on each suggestion. At the end the twin is paused, stopped and started again while contacts go on writing.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import cycle
from typing import Any

from bot import show
from bot.demo.person import Person
from bot.demo.scenes import Scene, scenes_of
from bot.demo.town import TownHall
from bot.demo.verbs import Events, Verbs, step
from bot.home import Home
from bot.inbox import Inbox
from bot.livedb import LiveDb
from bot.review import Card, Review
from bot.suggestion import State, Suggestion, Suggestions
from data.archive import Archive

MODES = ("draft", "ask", "auto")
MEANS = {
    "draft": "the twin puts its words into the owner's own input box",
    "ask": "it waits for the owner's yes",
    "auto": "it sends by itself when it is sure, else it asks",
}
UNDER_WAY = (State.APPROVED, State.EDITED, State.PLANNED, State.SENDING)
DECIDED = ("offered", "held", "dropped", "approved")
A_MOMENT = 4.0
"""Seconds that a paused client gets to do what it must not do."""


@dataclass(frozen=True, slots=True)
class Pause:
    """What happened while the twin was paused."""

    sent_before: int
    sent_after: int
    """How many messages the server had delivered when it began, and when it ended."""
    heard_after_restart: bool
    """Whether the client that was started in it took note of a message."""


@dataclass(slots=True)
class Evening:
    """One evening of chats."""

    town: TownHall
    verbs: Verbs
    home: Home
    person: Person
    modes: dict[int, str] = field(default_factory=dict)
    suggestions: int = 0
    drafted: int = 0
    decided: list[tuple[int, str]] = field(default_factory=list)
    """What the person let out: chat and text."""
    pause: Pause | None = None
    _later: dict[int, list[Scene]] = field(default_factory=dict)
    """What each contact has still to write."""

    def spend(self) -> dict[str, Any]:
        """Steps 9 to 11."""
        for scene in scenes_of(self.town.town.continuations):
            self._later.setdefault(scene.contact_id, []).append(scene)
        listed, off = list(self._later)[: len(MODES)], list(self._later)[len(MODES)]
        self._try(off)
        step(10, "doppelgram run", "The twin is there. Contacts write what they really wrote next.")
        self._choose(listed)
        self.person.learn_the_part()
        with closing(self.home.open_archive()) as archive, closing(LiveDb(self.home.live)) as live:
            with self._client(page=self.person.on_page) as events:
                self._play(Table(events, archive, live))
                self._pause(off, events)
            with self._client() as events:
                self._resume(Table(events, archive, live))
        return {
            "suggestions": self.suggestions,
            "drafted": self.drafted,
            "sent": len(self.town.delivered),
            "duplicates": self._duplicates(),
        }

    def _try(self, contact_id: int) -> None:
        scene = self._later[contact_id].pop(0)
        step(9, "doppelgram try CHAT TEXT", "What would the owner answer here? Nothing is sent, nothing is kept.")
        tried = self.verbs.run_quietly("try", str(contact_id), scene.theirs[-1], nf4=True)
        show.spoken("they", scene.theirs[-1])
        for text in [text for best in tried["suggestions"][:1] for text in best["texts"]]:
            show.spoken("twin", text, "bold")
        show.say(f"{tried['seconds']:.0f} s, on the 4-bit model and a CPU.", indent=4)

    def _choose(self, listed: Sequence[int]) -> None:
        """A mode for each of the contacts who have most to say."""
        for contact_id, mode in zip(listed, MODES, strict=True):
            force = ["--force"] if mode == "auto" else []
            self.verbs.run_quietly("chats", "set", str(contact_id), "--mode", mode, *force)
            self.modes[contact_id] = mode
            show.say(f"{self._name(contact_id)}: {mode}, {MEANS[mode]}.", indent=4)

    @contextmanager
    def _client(self, page: bool = False) -> Iterator[Events]:
        """A running client that watches the listed chats, with the page or without."""
        words = ("run", "--web") if page else ("run",)
        with self.verbs.started(*words, aloud=False, nf4=True) as process:
            events = Events(process)
            with show.busy(f"doppelgram {' '.join(words)}: loading the 4-bit model, connecting ..."):
                opened = events.wait("page") if page else None
                for event in ("started", *("watching" for _ in self.modes)):
                    events.wait(event)
            if opened:
                show.say(f"Open this in your browser, and decide there: {opened['link']}", "bold green")
            yield events

    # --- the evening itself

    def _play(self, table: "Table") -> None:
        """Let them write in turn, until it is enough for the person, or until nobody has anything left to write."""
        modes = list(self.modes.items())
        if self.person.on_page:  # it begins with what is decided there
            modes = modes[1:] + modes[:1]
        for number, (contact_id, mode) in enumerate(cycle(modes)):
            if number >= self.person.rounds or not any(self._later[each] for each in self.modes):
                return
            if number >= len(self.modes) and self.person.satisfied(self.drafted, len(self.town.delivered)):
                return
            if self._later[contact_id] and not self._scene(contact_id, mode, table):
                return

    def _scene(self, contact_id: int, mode: str, table: "Table") -> bool:
        """One contact writes, and the twin does what its mode allows. False when the person has had enough."""
        name = self._name(contact_id)
        show.say("")
        show.say(f"{name} ({mode})", "cyan", indent=4)
        typed = self.person.writes(name, mode)
        if typed is None:
            return False
        scene = Scene(contact_id, (typed,), ()) if typed else self._later[contact_id].pop(0)
        self._write(scene)
        self._answer(scene, table)
        if [text for _, text in self.decided[-len(scene.real) :]] != list(scene.real):
            for text in scene.real:
                show.spoken("really", text, "dim")
        return True

    def _write(self, scene: Scene) -> None:
        for text in scene.theirs:
            show.spoken("they", text)
            self.town.say(scene.contact_id, text)

    def _answer(self, scene: Scene, table: "Table") -> None:
        """See what the twin makes of it, again and again while another one is wanted."""
        while True:
            with show.busy("The twin reads, thinks and writes: some 10 s on a CPU ..."):
                event = table.events.wait(*DECIDED, dialog=scene.contact_id)
            if event is None:
                show.say("Nothing came of it within four minutes: this machine is very busy.", indent=4)
                return
            if event["event"] == "dropped":
                show.say("The guard dropped what the model said: there was nothing in it to decide on.", indent=4)
                return
            self.suggestions += 1
            if not self._decide(event, scene, table):
                return

    def _decide(self, event: dict[str, Any], scene: Scene, table: "Table") -> bool:
        """What becomes of one suggestion. True when another one is on its way."""
        suggestion = Suggestions(table.live).get(event["suggestion"])
        assert suggestion is not None
        for text in suggestion.texts:
            show.spoken("twin", text, "bold")
        sure = "No confidence" if suggestion.confidence is None else f"Confidence {suggestion.confidence:.2f}"
        if event.get("surface") == "draft":
            self.drafted += 1
            show.say(f"{sure}. It waits in the owner's input box, in every Telegram app.", "green", indent=4)
            return False
        if event["event"] == "approved":
            self._until_out(suggestion, table)
            show.say(f"{sure}: it was sent by itself.", "green", indent=4)
            return False
        why = "; ".join(suggestion.reasons) or event.get("because", "")
        held = "Held for the owner: " if event["event"] == "held" else "It asks: " if why else ""
        show.say(f"{sure}. {held}{why}", indent=4)
        return self._review(suggestion.id, scene, table)

    def _review(self, number: int, scene: Scene, table: "Table") -> bool:
        """Step 11, which may happen at any time beside step 10."""
        review = table.review
        card = review.card(number)
        if card is None:
            show.say("Something newer happened there, so it is outdated.", indent=4)
            return False
        if self.person.on_page:
            return self._wait_for_the_page(card, table)
        choice, texts = self.person.decide(card, scene.real)
        show.say(f"doppelgram review --{choice} {number}", "green", indent=4)
        for text in texts:
            show.spoken("owner", text, "bold")
        done = review.edit(card, texts) if choice == "edit" else getattr(review, choice)(card)
        if done and choice in ("approve", "edit"):
            self.decided += [(card.suggestion.dialog_id, text) for text in texts or card.suggestion.texts]
            self._until_out(card.suggestion, table)
        return bool(done) and choice == "another"

    def _wait_for_the_page(self, card: Card, table: "Table") -> bool:
        """See what is decided there. True when another one was asked for."""
        with show.busy("It waits for you on the page ..."):
            while table.review.card(card.suggestion.id):
                time.sleep(0.2)
        made = Suggestions(table.live).get(card.suggestion.id)
        assert made is not None
        show.say(f"On the page: {'another' if made.state is State.SUPERSEDED else made.state}.", "green", indent=4)
        if made.state in (*UNDER_WAY, State.SENT):
            self.decided += [(made.dialog_id, text) for text in made.final or made.texts]
            self._until_out(made, table)
        return made.state is State.SUPERSEDED

    def _until_out(self, suggestion: Suggestion, table: "Table") -> None:
        """Wait for the last bubble of a reply, which takes as long as typing it would."""
        with show.busy("On its way, at the pace of somebody who types ..."):
            for _ in range(60):
                found = Suggestions(table.live).get(suggestion.id)
                if found is None or found.state not in UNDER_WAY:
                    return
                table.events.wait("sent", "cancelled", "unknown", suggestion=suggestion.id, seconds=2)

    # --- the switches

    def _pause(self, off: int, events: Events) -> None:
        """A chat that is off and a bot write; then the twin is paused, and a contact writes."""
        step(11, "doppelgram review, pause, resume", "A chat that is off writes, and a bot. Then the twin is paused.")
        bot = next(account for account in self.town.town.accounts.values() if account.bot)
        for contact_id in (off, bot.id):
            show.say(f"{self._name(contact_id)} ({'a bot' if contact_id == bot.id else 'off'})", "cyan", indent=4)
            self._write(self._next(contact_id))
        self.person.begin("pauses the twin")
        self.verbs.run_quietly("pause")
        self.pause = Pause(len(self.town.delivered), len(self.town.delivered), heard_after_restart=False)
        show.say("doppelgram pause", "green", indent=4)
        self._write_to_nobody(events)
        page = ", and its page with it" if self.person.on_page else ""
        show.say(f"Now the client is stopped{page}, and started again: the pause must outlive it.", indent=4)

    def _resume(self, table: "Table") -> None:
        """The client that has just been started hears a message, and stays silent until the owner resumes. It has no
        page: that went with the first one, and what is left is decided in the terminal."""
        assert self.pause is not None
        self.person.on_page = False
        heard = self._write_to_nobody(table.events)
        self.pause = Pause(self.pause.sent_before, len(self.town.delivered), heard)
        show.say(f"Paused: {self.pause.sent_after - self.pause.sent_before} messages were sent.", "green", indent=4)
        self.verbs.run_quietly("resume")
        show.say("doppelgram resume", "green", indent=4)
        show.say("What came meanwhile was not lost:", indent=4)
        self._answer(Scene(self._automatic, (), ()), table)

    @property
    def _automatic(self) -> int:
        return next(contact_id for contact_id, mode in self.modes.items() if mode == "auto")

    def _write_to_nobody(self, events: Events) -> bool:
        """The contact in `auto` writes to a paused twin. Returns whether the client took note of it."""
        show.say(f"{self._name(self._automatic)} (auto, but paused)", "cyan", indent=4)
        self._write(self._next(self._automatic))
        with show.busy("Nothing may happen now ..."):
            heard = events.wait("incoming", dialog=self._automatic, seconds=60) is not None
            events.wait("sent", seconds=A_MOMENT)
        return heard

    def _next(self, contact_id: int) -> Scene:
        """What a contact really wrote next; bots and whoever has no words left greet."""
        later = self._later.get(contact_id)
        return later.pop(0) if later else Scene(contact_id, ("are you there?",), ())

    def _name(self, contact_id: int) -> str:
        return show.plain(self.town.town.accounts[contact_id].name)

    def _duplicates(self) -> int:
        seen = [each.random_id for each in self.town.delivered]
        return len(seen) - len(set(seen))


@dataclass(frozen=True, slots=True)
class Table:
    """What lies before the person: the running client's events, and the two stores that it works on."""

    events: Events
    archive: Archive
    live: LiveDb

    @property
    def review(self) -> Review:
        """`doppelgram review`."""
        inbox = Inbox(self.live, timedelta(0))
        return Review(self.archive, Suggestions(self.live), inbox, lambda: datetime.now(UTC))
