"""Which of the owner's messages the twin may learn to write. What it may not is still shown, as context. Pure.

It depends on the message alone, so that the live client, which knows no dataset, cuts turns where training does.
"""

import re

from data.message import Message

LONGEST = 800
"""Characters of an own message beyond which it is no chat: an essay, a letter, a log."""
ATTACHED = "with an attachment"
"""The twin can send words alone, so it must not learn to write `[photo]`."""
_COMMAND = re.compile(r"/[A-Za-z]\w*(?:@\w+)?(?:\s|$)")
_FENCE = "```"
_CODE_LINE = re.compile(
    r"\s*(?:(?:def|class|import|from|return|function|const|let|var|public|private|SELECT|INSERT|UPDATE)\b.*[\w)\]};:\"'*]"
    r"|#include\b.*|[\w.\]\[]+\s*[+*/-]?=[^=].*|.*[;{}]|</?\w[^>]*>.*|[$>]\s\S.*|Traceback .*|File \".*)\s*"
)
_FEWEST_CODE_LINES = 3


def against(message: Message) -> str | None:
    """Why this own message is context only; None when it is to be learned. The words stand in the report of `build`."""
    if message.by_twin:
        return "written by the twin"
    if message.forwarded:
        return "forwarded"
    if message.via_bot:
        return "made by a bot"
    if message.media:
        return ATTACHED
    return against_text(message.text)


def against_text(text: str) -> str | None:
    """The same for a message of nothing but text."""
    if len(text) > LONGEST:
        return "very long"
    if text.startswith("/") and _COMMAND.match(text):
        return "a command"
    if ("\n" in text or "`" in text) and _is_code(text):
        return "pasted code"
    return None


def _is_code(text: str) -> bool:
    if _FENCE in text:
        return True
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) < _FEWEST_CODE_LINES:
        return False
    return 2 * sum(bool(_CODE_LINE.fullmatch(line)) for line in lines) >= len(lines)
