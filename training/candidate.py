"""One reply that a model wrote, by whatever way it came: split into messages, and how sure the model was."""

from dataclasses import dataclass

from data.transcript import split_reply


@dataclass(frozen=True, slots=True)
class Candidate:
    """One reply: at least one message, none of them empty."""

    texts: tuple[str, ...]
    logprob_mean: float | None
    """Mean log-probability per token in nats, turn end included, at temperature 1; None where it is not known."""
    finished: bool
    """Whether its last message is whole. If not, it is the only one and was cut at the limit of tokens; of several, the
    one that was cut has been left out."""
    tokens: int
    ids: tuple[int, ...] = ()
    """What the network wrote, the turn's end included, where it was ours."""


def candidate(
    written: str, ended: bool, logprob_mean: float | None, tokens: int, ids: tuple[int, ...] = ()
) -> Candidate | None:
    """The reply in a text as the model writes it; None for one that says nothing. `ended`: it came to its own end."""
    lines = written.rstrip("\ufffd").split("\n")
    whole = _messages(lines if ended else lines[:-1])
    texts = whole or _messages(lines)
    return Candidate(texts, logprob_mean, bool(whole), tokens, ids) if texts else None


def _messages(lines: list[str]) -> tuple[str, ...]:
    """The messages that these lines of a reply say, without empty ones."""
    return tuple(text.strip() for line in lines for text in split_reply(line) if text.strip())
