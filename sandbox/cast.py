"""A town cast from a real corpus: PyPI's `chitchat-dataset`, two-person chats of 2018 with bursts and timestamps.

The owner is one of the corpus's most talkative people; each partner becomes one contact, and all that the two ever
wrote to each other becomes their private chat. Times are moved by whole weeks, so weekdays and hours stay true. The
last tenth of the conversations stays off the town: it is how things really went on. Texts are read from the installed
package and never stored anywhere else.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sandbox.box import Post
from sandbox.clock import Clock
from sandbox.furniture import furnish
from sandbox.names import invent
from sandbox.people import Account
from sandbox.town import Continuation, Line, Town

OWNER_UUID = "549cc1d1"
CONTROLS = ("720840be", "0f9fe1f8", "912875dc", "e33f6772", "a54af4d5", "60576dcf")
"""Other people of the corpus with much to say: measured against the owner, they show what is personal."""

PARTNERS = 40
LEAST = 10_000
"""Messages that the town must hold; more partners move in until it does."""
HELD_OUT = 0.1
OWNER, FIRST_CONTACT = 200_001, 200_101
LONGEST = 4096
WEEK = timedelta(weeks=1)


@dataclass(frozen=True, slots=True)
class Conversation:
    """One conversation of the corpus in the eyes of one of its two people, oldest message first, in corpus time."""

    partner: str
    messages: list[Line]

    @property
    def start(self) -> datetime:
        """When it began."""
        return self.messages[0].at


def conversations_of(prefix: str) -> list[Conversation]:
    """All two-sided conversations of the person whose uuid begins so, by time. Raises RuntimeError without the corpus,
    LookupError when nobody or several people are meant."""
    found: list[tuple[str, Conversation]] = []
    for record in _corpus().values():
        messages = [message for turn in record["messages"] for message in turn]
        senders = {message["sender"] for message in messages}
        me = next((sender for sender in senders if sender.startswith(prefix)), None)
        if me is None or len(senders) != 2:
            continue
        (partner,) = senders - {me}
        lines = [_line(message, me) for message in messages if message["text"].strip()]
        if {line.mine for line in lines} == {True, False}:
            found.append((me, Conversation(partner, sorted(lines, key=lambda line: line.at))))
    if len({me for me, _ in found}) != 1:
        raise LookupError(f"{prefix} does not name one person of the corpus")
    return sorted((conversation for _, conversation in found), key=lambda c: (c.start, c.partner))


def corpus_lines() -> list[str]:
    """Every line of the corpus, in its order. Raises RuntimeError without the corpus."""
    return [message["text"] for r in _corpus().values() for turn in r["messages"] for message in turn]


def corpus_town(clock: Clock | None = None, *, seed: int = 0, partners: int = PARTNERS) -> Town:
    """The town of the demo. Raises RuntimeError when the corpus is not installed."""
    everything = conversations_of(OWNER_UUID)
    chosen = _choose(everything, partners)
    conversations = [c for c in everything if c.partner in chosen]
    cut = len(conversations) - max(1, round(len(conversations) * HELD_OUT))
    told, later = conversations[:cut], conversations[cut:]

    town = Town(clock=clock or Clock(), seed=seed, owner_id=OWNER)
    town.add(Account(OWNER, "Sol", "Maren", "sol_maren", "15550200999"))
    people = invent(len(chosen), seed, FIRST_CONTACT)
    contact_of = {uuid: town.add(person).id for uuid, person in zip(chosen, people, strict=True)}
    for contact in contact_of.values():
        town.befriend(OWNER, contact)

    last = max(message.at for conversation in told for message in conversation.messages)
    shift = (town.clock.start - last) // WEEK * WEEK
    posts = furnish(town)
    for conversation in told:
        contact = contact_of[conversation.partner]
        for line in conversation.messages:
            sender, peer = (OWNER, contact) if line.mine else (contact, OWNER)
            posts.append(Post(sender, peer, line.at + shift, line.text))
    town.remember(posts)
    town.continuations = [_continuation(contact_of[c.partner], c, shift) for c in later]
    return town


def _choose(conversations: list[Conversation], partners: int) -> list[str]:
    talked: dict[str, int] = defaultdict(int)
    for conversation in conversations:
        talked[conversation.partner] += len(conversation.messages)
    ranked = sorted(talked, key=lambda uuid: (-talked[uuid], uuid))
    enough = partners
    while enough < len(ranked) and sum(talked[u] for u in ranked[:enough]) * (1 - 2 * HELD_OUT) < LEAST:
        enough += 1
    return ranked[:enough]


def _continuation(contact: int, conversation: Conversation, shift: timedelta) -> Continuation:
    lines = [Line(line.mine, line.text, line.at + shift) for line in conversation.messages]
    return Continuation(contact, lines)


def _line(message: dict[str, Any], me: str) -> Line:
    at = datetime.fromisoformat(message["timestamp"].removesuffix("Z")).replace(tzinfo=UTC)
    return Line(message["sender"] == me, message["text"].strip()[:LONGEST], at)


def _corpus() -> dict[str, Any]:
    try:
        import json
        from pathlib import Path

        import chitchat_dataset
    except ImportError as error:
        raise RuntimeError("the corpus is not installed: pip install 'doppelgram[demo]'") from error
    # its own loader leaves the file open, which is a warning, and our warnings are errors
    return dict(json.loads(Path(chitchat_dataset._PATH).read_text("utf-8")))
