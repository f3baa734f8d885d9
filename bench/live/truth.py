"""What must be true after each step of the state machine, and at its end: rows and deliveries against what was done."""

import asyncio
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Any

from bench.live.boxes import Boxes
from bench.live.house import House
from bench.live.recording import words
from bench.live.street import OWNER
from bot.suggestion import NOT_BEGUN, State, Suggestions

AFTER_PAUSE = 1.0
"""Virtual seconds after which nothing may arrive any more."""
JUST = 2.0
"""What comes within this after a chat was listed may be taken for history: Telegram's times are whole seconds."""
UNDER_WAY = (State.PENDING, *NOT_BEGUN, State.SENDING)


@dataclass
class Truth:
    """One house, and what was done to it."""

    house: House
    broken: Counter[str] = field(default_factory=Counter)
    why: list[str] = field(default_factory=list)
    paused_at: float | None = None
    _said: int = 10_000
    _attempts: int = 0
    _delivered: int = 0
    _events: int = 0
    _listed_at: dict[int, float] = field(default_factory=dict)
    _expected: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    _owner: dict[int, int] = field(default_factory=dict)
    """The newest message of the owner's that the client knew of when this step began, by chat."""
    _boxes: Boxes = field(default_factory=Boxes)

    def note(self, kind: str, why: str) -> None:
        """Something is broken."""
        self.broken[kind] += 1
        self.why.append(f"{kind}: {why}")

    def now(self) -> datetime:
        """The time by the client's clock."""
        return self.house.clock.now()

    # --- what is done

    def fresh(self) -> str:
        """Something nobody has said before."""
        self._said += 1
        return words(self._said)

    async def said(self, chat: int) -> None:
        """The other side writes."""
        message_id = await self.house.sandbox.say(chat, OWNER, self.fresh())
        if asyncio.get_running_loop().time() > self._listed_at.get(chat, -JUST) + JUST:
            self._expected[chat].add(message_id)

    def newest(self, chat: int) -> int | None:
        """The newest message of the other side that is still there."""
        box = self.house.sandbox.town.boxes[OWNER]
        theirs = [i for i in box.by_peer.get(chat, []) if box.posts[i].sender == chat]
        return theirs[-1] if theirs else None

    def vanished(self, chat: int, message_id: int) -> None:
        """The other side deletes a message."""
        self._expected[chat].discard(message_id)

    def listed(self, chat: int, here: bool) -> None:
        """The owner lists a chat, or takes it off the list: what waited there is history then."""
        if not here:
            self._listed_at[chat] = float("inf")
            self._expected[chat].clear()
        elif self._listed_at.get(chat) == float("inf"):
            self._listed_at[chat] = asyncio.get_running_loop().time()

    async def owner_writes(self, chat: int, text: str | None) -> None:
        """The owner writes from another device; sending empties the input box."""
        await self.house.sandbox.say(OWNER, chat, text or self.fresh())

    async def owner_drafts(self, chat: int, text: str) -> None:
        """The owner begins a text on another device, or empties the box."""
        await self.house.sandbox.draft(OWNER, chat, text)

    def proposed(self, chat: int) -> str | None:
        """The next words that the twin may send here."""
        rows = self.house.rows.db.execute("SELECT text FROM outbox WHERE dialog_id = ? AND state = 'planned'", (chat,))
        row = rows.fetchone()
        return str(row[0]) if row else None

    def switched(self, paused: bool) -> None:
        """Paused, or resumed, in this moment."""
        clock = asyncio.get_running_loop().time()
        self.paused_at = (clock if self.paused_at is None else self.paused_at) if paused else None
        self._attempts = self._tried()[0]

    # --- after each step

    def begin(self) -> None:
        """A step begins: what was tried before it is judged no more."""
        self._attempts = self._tried()[0]
        self._delivered = len(self.house.sandbox.journal.deliveries)
        rows = self.house.archive.db.execute(
            "SELECT dialog_id, max(id) FROM messages WHERE mine AND NOT by_twin GROUP BY dialog_id"
        )
        self._owner = {row[0]: row[1] for row in rows}

    def _tried(self) -> tuple[int, list[Any]]:
        rows = self.house.rows.db.execute(
            "SELECT outbox.id, outbox.dialog_id, outbox.text, upto_id FROM outbox"
            " JOIN suggestions ON suggestions.id = suggestion_id WHERE attempted_at NOT NULL ORDER BY attempted_at, 1"
        ).fetchall()
        return len(rows), [tuple(row) for row in rows]

    def check(self) -> None:
        """A step is over."""
        count, rows = self._tried()
        if self.paused_at is not None and count > self._attempts:
            self.note("sent_after_pause", f"{count - self._attempts} begun")
        for _, dialog, text, upto in rows[self._attempts :] if count > self._attempts else []:
            if self._owner.get(dialog, 0) > upto:
                self.note("after_owner", f"{text!r} answers {upto}, the owner wrote {self._owner[dialog]}")
        if self.paused_at is not None:
            for each, at in self.house.arrivals(self._delivered):
                if at - self.paused_at > AFTER_PAUSE:
                    self.note("sent_after_pause", f"{each.text!r} arrived {at - self.paused_at:.1f} s after it")
        self._check_drafts()

    def _check_drafts(self) -> None:
        events = self.house.sandbox.journal.events
        self._boxes.read(events[self._events :])
        self._events = len(events)
        for each in self._boxes.replaced[self.broken["overwrites"] :]:
            self.note("overwrites", each)

    # --- at the end

    def settled(self) -> bool:
        """Whether nothing is under way, and everything that came has its outcome."""
        waiting = Suggestions(self.house.rows).in_state(*UNDER_WAY)
        (opened,) = self.house.rows.db.execute("SELECT count(*) FROM inbox WHERE outcome IS NULL").fetchone()
        return not waiting and not opened and not self._missing()

    def _missing(self) -> set[tuple[int, int]]:
        noted = {(row[0], row[1]) for row in self.house.rows.db.execute("SELECT dialog_id, message_id FROM inbox")}
        expected = {(chat, message_id) for chat, ids in self._expected.items() for message_id in ids}
        return expected - noted

    def finish(self, settled: bool) -> None:
        """Nothing may be left over, doubled, or out of order."""
        here = self.house
        self._check_drafts()
        here.counts["drafts_given_back"] += self._boxes.counts["drafts_given_back"]
        here.counts["drafts_gone"] += self._boxes.gone
        if not settled:
            rows = [tuple(row) for row in here.rows.db.execute("SELECT * FROM inbox WHERE outcome IS NULL")]
            under_way = [(each.id, str(each.state)) for each in Suggestions(here.rows).in_state(*UNDER_WAY)]
            self.note("unsettled", f"inbox {rows}, suggestions {under_way}, missing {self._missing()}")
        for kind, times in (
            ("misrouted", here.misrouted()),
            ("to_machines", here.to_machines()),
            ("duplicates", here.doubled() + self._answered_twice()),
            ("out_of_order", self._out_of_order()),
            ("sandbox_failures", len(here.sandbox.failures)),
        ):
            for _ in range(times):
                self.note(kind, kind)

    def _sent(self) -> dict[int, list[tuple[int, int]]]:
        """Position and message id of the rows that left, by suggestion."""
        found: dict[int, list[tuple[int, int]]] = defaultdict(list)
        for row in self.house.rows.db.execute(
            "SELECT suggestion_id, position, message_id FROM outbox WHERE state = 'sent' ORDER BY position"
        ):
            found[row["suggestion_id"]].append((row["position"], row["message_id"]))
        return found

    def _answered_twice(self) -> int:
        """Turns to which two suggestions were sent."""
        suggestions = Suggestions(self.house.rows)
        sent = [each for number in self._sent() if (each := suggestions.get(number))]
        return sum(times - 1 for times in Counter((each.dialog_id, each.upto_id) for each in sent).values())

    def _out_of_order(self) -> int:
        """Suggestions whose messages stand in another order than they were written in, or with a gap."""
        wrong = 0
        for rows in self._sent().values():
            in_order = all(one[1] < other[1] for one, other in pairwise(rows))
            wrong += not in_order or [row[0] for row in rows] != list(range(len(rows)))
        return wrong
