"""What stands in the transcript where no text can: `[photo]`, `[voice 0:12]`, `[sticker 😂]`. Pure.

The same attachment reads the same whether it was pulled from Telegram or imported from an export, so that a message
that comes by both roads is one message. The first words say the kind; what may be somebody's own words comes after it.
"""

LONGEST = 60
"""Characters of a title, a question or a file's name that are kept."""

PHOTO = "[photo]"
VIDEO = "[video]"
ROUND_VIDEO = "[round video]"
ANIMATION = "[animation]"
CONTACT = "[contact]"
GIFT = "[gift]"
STORY = "[story]"
GIVEAWAY = "[giveaway]"
INVOICE = "[invoice]"
PAID = "[paid media]"
OTHER = "[attachment]"


def voice(seconds: float) -> str:
    """A voice message."""
    return f"[voice {_clock(seconds)}]"


def sticker(emoji: str | None) -> str:
    """A sticker, by the emoji it stands for."""
    return _about("[sticker", " ", emoji)


def music(performer: str | None, title: str | None) -> str:
    """A piece of music."""
    return _about("[music", ": ", " - ".join(part for part in (performer, title) if part))


def file(name: str | None) -> str:
    """A file, by its name."""
    return _about("[file", ": ", name)


def poll(question: str | None) -> str:
    """A poll, by its question."""
    return _about("[poll", ": ", question)


def checklist(title: str | None) -> str:
    """A list of tasks, by its title."""
    return _about("[checklist", ": ", title)


def place(title: str | None = None) -> str:
    """A place on the map, by its name where it has one. Where it lies is nobody's business."""
    return _about("[place", ": ", title)


def game(title: str | None) -> str:
    """A game, by its title."""
    return _about("[game", ": ", title)


def dice(value: str) -> str:
    """A throw of a die, a dart or a ball, and what it came to."""
    return _about("[dice", " ", value)


def call(seconds: float | None, reason: str | None) -> str:
    """A call: how long it was, or why it was none (`missed`, `busy`)."""
    return f"[call {_clock(seconds)}]" if seconds else _about("[call", " ", reason if reason != "hangup" else None)


def is_call(media: str | None) -> bool:
    """Whether a placeholder is that of a call."""
    return media is not None and media.startswith("[call")


def happened(action: str, about: str | None = None) -> str:
    """Something that happened in a chat, such as `[pin message]` or `[edit group title: Family]`."""
    return _about(f"[{action.replace('_', ' ')}", ": ", about)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}:{rest:02}"


def _about(kind: str, joint: str, words: str | None) -> str:
    plain = " ".join((words or "").replace("[", "(").replace("]", ")").split())
    short = plain if len(plain) <= LONGEST else plain[: LONGEST - 1] + "…"
    return f"{kind}{joint}{short}]" if short else f"{kind}]"


def beside(media: str | None, text: str) -> str:
    """A placeholder, a text, or both."""
    return f"{media} {text}" if media and text else media or text
