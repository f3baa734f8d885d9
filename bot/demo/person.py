"""Who decides in the demo: somebody at the terminal, or nobody."""

from collections.abc import Sequence
from typing import Protocol

from bot import ask, show
from bot.review import Card

Choice = tuple[str, list[str]]
"""`approve`, `edit` (with texts), `another` or `skip`."""

ROUNDS, ROUNDS_ON_PAGE = 12, 6
"""At most this many times a contact writes for a person, who may stop at any time."""
PATIENCE = 40
"""At most this many times when nobody is there: the guard may hold, or drop, one reply after the other."""
ENOUGH_ON_PAGE = 3
"""Messages sent, after which the demo goes on in the terminal."""
SURE = 0.5
SKIP: Choice = ("skip", [])
HELP = "a sends it as it is, e sends your own words instead, n asks for another one, s sends nothing."


class Person(Protocol):
    """What the evening asks of whoever decides."""

    rounds: int
    """How often a contact may write."""
    on_page: bool
    """Whether decisions are made on the page, in a browser."""

    def writes(self, name: str, mode: str) -> str | None:
        """What this person types as a contact; empty for what that one really wrote, None when it is enough."""

    def decide(self, card: Card, real: Sequence[str]) -> Choice:
        """What becomes of a suggestion. `real` is what the owner really answered, if there is such an answer."""

    def satisfied(self, drafted: int, sent: int) -> bool:
        """Whether that is enough, once every mode has had its turn."""

    def begin(self, what: str) -> None:
        """Wait until this person wants to see it."""

    def learn_the_part(self) -> None:
        """Be told what there is to do."""


class AtTerminal:
    """Somebody, who may decide on the page instead: then the contacts write by themselves."""

    rounds = ROUNDS
    on_page = False

    def learn_the_part(self) -> None:
        """In a few sentences."""
        show.say(
            "You are the owner now, and you may lend the contacts your hands too. Three chats take turns.", indent=4
        )
        show.say("What the owner really answered is shown after each.", indent=4)
        where = ask.line("    Enter: decide in this terminal; p: on a page, in your browser", TERMINAL)
        if where.casefold() == "p":
            self.on_page, self.rounds = True, ROUNDS_ON_PAGE

    def writes(self, name: str, mode: str) -> str | None:
        """Ask."""
        if self.on_page:
            return ""
        answer = ask.line("    Enter: their real words, or type your own; q: enough", TERMINAL)
        return None if answer.casefold() == "q" else answer

    def decide(self, card: Card, real: Sequence[str]) -> Choice:
        """Ask, with the letters of `doppelgram review`."""
        while True:
            match ask.line("    [a]pprove  [e]dit  a[n]other  [s]kip", TERMINAL).casefold():
                case "a" | "approve":
                    return "approve", []
                case "e" | "edit":
                    if texts := _texts():
                        return "edit", texts
                case "n" | "another":
                    return "another", []
                case "s" | "skip":
                    return SKIP
                case _:
                    show.say(HELP, indent=4)

    def satisfied(self, drafted: int, sent: int) -> bool:
        """They will say so, if they are here."""
        return self.on_page and drafted >= 1 and sent >= ENOUGH_ON_PAGE

    def begin(self, what: str) -> None:
        """Ask."""
        ask.line(f"    Enter {what}", TERMINAL)


TERMINAL = "at a terminal"


def _texts() -> list[str]:
    show.say("Your words, one message a line; an empty line ends it.", indent=4)
    texts: list[str] = []
    while said := ask.line(f"    message {len(texts) + 1}", TERMINAL):
        texts.append(said)
    return texts


class HandsOff:
    """Nobody, who behaves as an honest person would: asks for another once, sends what the twin is sure of and the
    guard lets pass, else what the owner really answered. So each suggestion in `ask` ends in something sent."""

    rounds = PATIENCE
    on_page = False

    def __init__(self) -> None:
        self._asked = False

    def writes(self, name: str, mode: str) -> str | None:
        """Their real words."""
        return ""

    def decide(self, card: Card, real: Sequence[str]) -> Choice:
        """As above; what has no real answer is skipped."""
        if not real:
            return SKIP
        if not self._asked:
            self._asked = True
            return "another", []
        suggestion = card.suggestion
        if suggestion.outcome == "pass" and (suggestion.confidence or 0) >= SURE:
            return "approve", []
        return "edit", list(real)

    def satisfied(self, drafted: int, sent: int) -> bool:
        """What the demo promises."""
        return drafted >= 1 and sent >= 2

    def begin(self, what: str) -> None:
        """At once."""

    def learn_the_part(self) -> None:
        """There is nobody to tell."""
