"""What the kept cache of a chat saves: prompt tokens that go through the network as a chat grows, with it and without.

    python -m bench.reply

Counts tokens, not seconds, so the figure is the same on every machine. Both sides write the same replies.
"""

import json
from datetime import UTC, datetime, timedelta

from platformdirs import user_cache_path

from data.message import Message
from data.redact import Surrogates
from data.transcript import Scope, of
from training import model
from training.generate import Generator

EXCHANGES = 12


def main() -> None:
    """Print both counts and their ratio."""
    loaded = model.load("smollm2", user_cache_path("doppelgram"), "none")
    kept = Generator(loaded)
    fresh_tokens = 0
    start = datetime(2026, 3, 3, 15, 0, tzinfo=UTC)
    messages: list[Message] = []
    for number in range(EXCHANGES):
        at = start + timedelta(minutes=number)
        messages.append(Message(1, 2 * number + 1, False, at, f"and what happened then, on day {number} of your trip?"))
        transcript = of(messages, Scope.CHAT, Surrogates(b"0" * 32, 1))
        fresh = Generator(loaded)
        (reply,) = kept.reply(transcript, 1, number, dialog=1, max_tokens=12)
        (same,) = fresh.reply(transcript, 1, number, dialog=1, max_tokens=12)
        if reply.texts != same.texts:
            raise SystemExit("the two sides disagree, so their cost cannot be compared")
        fresh_tokens += fresh.read_tokens
        messages.append(Message(1, 2 * number + 2, True, at + timedelta(seconds=20), reply.texts[0]))
    print(
        json.dumps(
            {
                "exchanges": EXCHANGES,
                "prompt_tokens_fresh": fresh_tokens,
                "prompt_tokens_kept": kept.read_tokens,
                "ratio": round(fresh_tokens / kept.read_tokens, 2),
            }
        )
    )


if __name__ == "__main__":
    main()
