"""The guard: a deterministic last look at what the twin wants to send. A model cannot be trusted to keep a secret.

It reads the proposed reply, the chat's recent history and the message being answered, and passes, holds (the owner
decides) or drops (nothing to decide). Reasons name the rule, never the text. It errs on the side of the owner: a held
reply costs a tap, a wrong one a friend.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from bot.guard import words
from bot.guard.facts import Known, left_over
from data.redact import Surrogates

TOPICS: dict[str, str] = {
    "crisis": "self-harm or an emergency comes up",
    "death": "a death comes up",
    "health": "an illness or an accident comes up",
    "money": "money, a loan or a payment comes up",
    "credentials": "a password, a code or an account comes up",
    "plans": "a time to meet or a promise comes up",
    "commitments": "a commitment at work or in law comes up",
    "sexual": "something sexual comes up",
    "insults": "an insult comes up that you never used here",
    "scam": "a scam or a fake account comes up",
    "human": "whether a person or a machine is writing comes up",
}
"""What is never automatic, each with the sentence the owner reads. The words stand in `<topic>.<language>.txt`."""

RULES: dict[str, str] = {
    "empty": "a message of the reply has no text",
    "placeholder": "the reply is a mark such as a photo's, which cannot be typed",
    "control": "the reply holds a mark of the model's own format",
    "long": "the reply is too long for a chat",
    "loop": "the reply repeats itself",
    "echo": "the reply says again what was just said",
    "secret": "the reply holds what looks like a secret that this chat does not know",
    "address": "the reply holds a link, an e-mail address or a username that this chat does not know",
    "number": "the reply holds a number that this chat does not know",
    "surrogate": "the reply holds a stand-in for a secret that could not be turned back",
    "aftermath": "self-harm or an emergency came up a moment ago",
}

LONGEST, MOST = 1000, 12
"""Characters and messages of a reply from which on nobody believes it was typed."""

NEWEST = 3
"""How many messages of the history count as the ones being answered, when the caller does not say."""

ECHO_WITHIN, ECHO_LENGTH = 12, 15
AFTERMATH = 12
"""For how many messages a crisis keeps everything in the owner's hands."""

_CONTROL = re.compile(
    r"<[|｜][^<>\n]{0,60}[|｜]>|<\+[^<>\n]{0,20}>|</?s>|<(?:bos|eos|pad|unk)>|<(?:start|end)_of_turn>|\[/?INST\]|<</?SYS>>",
    re.IGNORECASE,
)
_PLACEHOLDER = re.compile(
    r"\s*(?:\[[^\[\]\n]{1,60}\]\s*$|\[(?:photo|video|round video|voice|sticker|animation|file|attachment|place|contact"
    r"|poll|dice|message|short|middling|long)\b[^\[\]\n]{0,60}\])",
    re.IGNORECASE,
)


class Outcome(StrEnum):
    """What becomes of a reply."""

    PASS = "pass"
    HOLD = "hold"
    DROP = "drop"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The guard's answer. A reason is `slug: sentence`; the slug is stable, and neither holds a word of the chat."""

    outcome: Outcome
    reasons: tuple[str, ...] = ()
    notify: bool = False
    """Whether the owner must be told at once, because somebody may be in danger."""

    @property
    def slugs(self) -> tuple[str, ...]:
        """The names of the rules that fired."""
        return tuple(reason.split(":")[0] for reason in self.reasons)


Vocabulary = Collection[str] | Callable[[str], bool]
"""The words the owner has used in this chat, normalised by `words.normal`, or a function that knows them."""


class Guard:
    """Judges replies. It keeps nothing between two calls; reading the word lists once is why it is an object."""

    def __init__(self) -> None:
        self._topics = {topic: words.read(topic) for topic in TOPICS}

    def judge(
        self,
        reply: Sequence[str],
        context: Sequence[str],
        surrogates: Surrogates,
        own_vocabulary: Vocabulary = (),
        *,
        incoming: Sequence[str] | None = None,
        own_last: Sequence[str] = (),
    ) -> Verdict:
        """A verdict on `reply`, the texts as they would be sent, after `surrogates.restore`.

        `context` is the chat's recent original texts of both sides, newest last. `incoming` is the messages being
        answered, the newest of `context` when left out. `own_last` is the owner's side's last turn.
        """
        incoming = context[-NEWEST:] if incoming is None else incoming
        notify = self.crisis(incoming) or self.crisis(reply)
        if dropped := tuple(_drops(reply)):
            return Verdict(Outcome.DROP, tuple(f"{slug}: {RULES[slug]}" for slug in dropped), notify)
        reasons = [f"{slug}: {RULES[slug]}" for slug in _holds(reply, (*context, *incoming), surrogates, own_last)]
        reasons += self._touched(incoming, reply, own_vocabulary)
        if not notify and any(self.crisis([text]) for text in context[-AFTERMATH:]):
            reasons.append(f"aftermath: {RULES['aftermath']}")
        return Verdict(Outcome.HOLD if reasons else Outcome.PASS, tuple(reasons), notify)

    def crisis(self, texts: Sequence[str]) -> bool:
        """Whether somebody may be in danger: the owner is to be told, whether or not there is a reply."""
        return bool(self._topics["crisis"].hits("\n".join(texts)))

    def _touched(self, incoming: Sequence[str], reply: Sequence[str], own: Vocabulary) -> Iterator[str]:
        # Messages of a burst are read together, since people break a sentence where they like.
        for topic, sentence in TOPICS.items():
            for where, said in (("their message", incoming), ("the reply", reply)):
                hits = self._topics[topic].hits("\n".join(said))
                if any(topic != "insults" or not _used(hit, own) for hit in hits):
                    yield f"{topic}: {sentence}, in {where}"


def _used(phrase: str, own: Vocabulary) -> bool:
    knows = own if callable(own) else own.__contains__
    return all(knows(word) for word in words.words(phrase))


def _drops(reply: Sequence[str]) -> Iterator[str]:
    if not reply or any(_blank(text) for text in reply):
        yield "empty"
    if any(_CONTROL.search(text) for text in reply):
        yield "control"
    if any(_PLACEHOLDER.match(text) for text in reply):
        yield "placeholder"


def _blank(text: str) -> bool:
    """Nothing that Telegram would show: spaces, controls, invisible characters, or accents without a letter."""
    return all(unicodedata.category(char)[0] in "ZCM" or char == "\u2800" for char in text)


def _holds(
    reply: Sequence[str], known_texts: Sequence[str], surrogates: Surrogates, own_last: Sequence[str]
) -> Iterator[str]:
    known = Known.of(known_texts)
    if len(reply) > MOST or sum(map(len, reply)) > LONGEST:
        yield "long"
    if _loops(reply):
        yield "loop"
    if _echoes(reply, known_texts[-ECHO_WITHIN:], own_last):
        yield "echo"
    if known.lacks_secret(reply):
        yield "secret"
    if known.lacks_address(reply):
        yield "address"
    if known.lacks_number(reply):
        yield "number"
    if left_over(reply, surrogates):
        yield "surrogate"


def _loops(reply: Sequence[str]) -> bool:
    """One message twice, or four words in a row three times: how a small model gets stuck."""
    said = [words.words(text) for text in reply]
    whole = Counter(tuple(each) for each in said if each)
    flat = [word for each in said for word in each]
    grams = Counter(zip(flat, flat[1:], flat[2:], flat[3:], strict=False))
    return max(whole.values(), default=0) > 1 or max(grams.values(), default=0) > 2


def _echoes(reply: Sequence[str], recent: Sequence[str], own_last: Sequence[str]) -> bool:
    """The owner's last turn again, word for word, or a longer message that anybody here has just written."""
    if own_last and [text.strip() for text in reply] == [text.strip() for text in own_last]:
        return True
    heard = {words.normal(text).strip() for text in recent}
    return any(len(text) >= ECHO_LENGTH and words.normal(text).strip() in heard for text in reply)
