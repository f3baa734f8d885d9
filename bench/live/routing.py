"""Check 4: turns of many chats at once, whose people share their names, and their numbers with groups and channels.
Every reply arrives where it was written for, is written from that chat alone, and nothing goes to whoever is no person.
"""

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.live.house import UNCAPPED, house
from bench.live.mould import Mould
from bench.live.recording import Candidate, Recording, words
from bench.live.street import FIRST, NO_PEOPLE, OWNER, strangers_write
from bot.policy import Mode
from data.consent import Ledger
from data.transcript import Scope, Transcript

AT_ONCE = 40
EVERY = 10
"""Once in so many rounds the machines write too."""


@dataclass(slots=True)
class Listening(Recording):
    """A recording that also looks whether what it reads was said in that chat."""

    heard: dict[str, int] = field(default_factory=dict)
    """Where each of the texts was said."""
    foreign: int = 0

    def reply(
        self, transcript: Transcript, n: int, seed: int, *, dialog: int, stop: Callable[[], bool] | None = None
    ) -> Sequence[Candidate]:
        """A reply, as ever."""
        texts = [text for turn in transcript.turns for text in turn.texts]
        self.foreign += sum(self.heard.get(text, self.said.get(text, dialog)) != dialog for text in texts)
        return super(Listening, self).reply(transcript, n, seed, dialog=dialog, stop=stop)


async def check(mould: Mould, folder: Path, turns: int) -> dict[str, Any]:
    """So many turns over all contacts of the mould."""
    chance, recording = random.Random(turns), Listening(bubbles=2)
    async with house(mould, folder / "routing", look=0.5, **UNCAPPED) as here:
        here.recording = recording
        forced = _list_machines(here.rows, here.archive, here.clock.now())
        async with here.at_work():
            for done in range(0, turns, AT_ONCE):
                for number in range(done, min(turns, done + AT_ONCE)):
                    chat = FIRST + chance.randrange(mould.contacts)
                    text = words(100_000 + number)
                    recording.heard[text] = chat
                    await here.sandbox.say(chat, OWNER, text)
                    if chance.random() < 0.3:
                        await asyncio.sleep(chance.uniform(0, 0.3))
                if done // AT_ONCE % EVERY == 0:
                    await strangers_write(here.sandbox, "hello there")
                await here.until(lambda: not _waiting(here.rows), 60)
    return {
        "turns": turns,
        "chats": mould.contacts,
        "replies": len(here.delivered()),
        "misrouted": here.misrouted() + recording.foreign,
        "duplicates": here.doubled(),
        "to_machines": here.to_machines(),
        "machines": forced,
    }


def _list_machines(rows: Any, archive: Any, now: Any) -> int:
    """Put whatever is no person on the list by force, past the command that refuses it; how many there are."""
    machines = [d for d in archive.dialogs() if not d.with_a_person and (d.id in NO_PEOPLE or not d.may_be_kept)]
    for dialog in machines:
        Ledger(archive).grant(dialog.id, Scope.CHAT, "bench", "bench", now)
        rows.db.execute(
            "REPLACE INTO policy (dialog_id, mode, set_at, listed_at, listed_after) VALUES (?, ?, ?, ?, 0)",
            (dialog.id, Mode.AUTO, now.timestamp(), now.timestamp()),
        )
    return len(machines)


def _waiting(rows: Any) -> bool:
    open_, under_way = rows.db.execute(
        "SELECT (SELECT count(*) FROM inbox WHERE outcome IS NULL),"
        " (SELECT count(*) FROM outbox WHERE state IN ('planned', 'sending'))"
    ).fetchone()
    return bool(open_ or under_way)
