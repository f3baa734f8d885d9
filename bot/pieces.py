"""A text that is too long for one message -> messages, cut between lines or words. Pure."""

import re

LONGEST = 4096
"""UTF-16 code units, as Telegram counts offsets in a text: never more than it counts for the length of one."""
_BREAKS = (re.compile(r"\s*\n\s*"), re.compile(r"\s+"))
"""Where a text may be cut, the best first."""


def pieces(text: str, longest: int = LONGEST) -> list[str]:
    """The messages that together say this. Words stay whole; only one that no message can hold is cut."""
    text = text.strip()
    if units(text) <= longest:
        return [text]
    end, begin = _cut(text, longest)
    return [text[:end], *pieces(text[begin:], longest)]


def units(text: str) -> int:
    """Its length in UTF-16 code units: most emoji have two."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _cut(text: str, longest: int) -> tuple[int, int]:
    """Where the first piece ends, and where the next begins."""
    fits = len(text.encode("utf-16-le", "surrogatepass")[: 2 * longest].decode("utf-16-le", "ignore"))
    for breaks in _BREAKS:
        found = [each for each in breaks.finditer(text, 0, fits + 1) if each.start() > 0]
        if found:
            # what follows the blanks that end here may lie beyond what fits, and is stripped when its turn comes
            return found[-1].start(), found[-1].end()
    return fits, fits
