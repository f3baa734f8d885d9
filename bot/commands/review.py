"""review: decide on what the twin suggests, at a terminal one after the other, elsewhere by flags."""

import contextlib
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot import ask, show
from bot.commands.options import Json
from data.errors import ExitCode, UserError

if TYPE_CHECKING:
    from bot.desk import Desk
    from bot.review import Card, Review

KEYS = "[a]pprove  [e]dit  a[n]other  [s]kip  [l]ater  [q]uit"
OUTDATED = "Outdated: it was decided elsewhere, or something newer happened there."


def review(
    approve: Annotated[int | None, typer.Option(metavar="ID", help="Send it as it is.")] = None,
    edit: Annotated[int | None, typer.Option(metavar="ID", help="Send --text instead.")] = None,
    text: Annotated[list[str] | None, typer.Option(help="Your version; once for each message.")] = None,
    another: Annotated[int | None, typer.Option(metavar="ID", help="Ask for a different one.")] = None,
    skip: Annotated[int | None, typer.Option(metavar="ID", help="Send nothing.")] = None,
    as_json: Json = False,
) -> None:
    """Approve, edit, ask for another, or skip. `doppelgram run` sends what you approve."""
    from bot.desk import Desk
    from bot.review import Review

    given = [name for name, value in _named(approve, edit, another, skip) if value is not None]
    if len(given) > 1:
        raise UserError(f"One decision at a time, not {' and '.join(given)}.", "Run it once for each.", ExitCode.USAGE)
    if bool(text) != (edit is not None):
        raise UserError("--edit ID and --text TEXT belong together.", "Give both.", ExitCode.USAGE)
    with Desk.open() as desk:
        room = Review.of(desk, "terminal")
        if given:
            _by_flag(room, approve, edit, _said(text or []), another, skip, as_json)
        elif as_json:
            show.data([_row(card) for card in room.waiting()])
        elif ask.at_terminal():
            _one_by_one(room, desk)
        else:
            _list(room)
        if not as_json:
            _then(desk)


def _then(desk: "Desk") -> None:
    """What keeps an approved reply from leaving."""
    from bot.control import Control

    if desk.home.holder() != "doppelgram run":
        show.say("What is approved is sent when this runs: doppelgram run")
    if Control(desk.live).paused(desk.now):
        show.say("The twin is paused: what is approved is sent after doppelgram resume.")


def _said(texts: list[str]) -> list[str]:
    """Messages with something in them. Raises UserError when there is none, as there was an option for it."""
    said = [stripped for text in texts if (stripped := text.strip())]
    if texts and not said:
        raise UserError("An empty text is no message.", "To send nothing: --skip ID.", ExitCode.USAGE)
    return said


def _named(
    approve: int | None, edit: int | None, another: int | None, skip: int | None
) -> list[tuple[str, int | None]]:
    return [("--approve", approve), ("--edit", edit), ("--another", another), ("--skip", skip)]


def _by_flag(
    room: "Review",
    approve: int | None,
    edit: int | None,
    texts: list[str],
    another: int | None,
    skip: int | None,
    as_json: bool,
) -> None:
    number = next(value for _, value in _named(approve, edit, another, skip) if value is not None)
    card = room.card(number)
    if card is None:
        box = next((each for each in room.in_boxes() if each.id == number), None)
        if box:
            title = room.card_of(box).title
            raise UserError(f"Suggestion {number} lies in the input box of {title}.", "Send or clear it in Telegram.")
        raise UserError(f"No suggestion {number} waits.", "See them with: doppelgram review --json")
    if approve is not None:
        done, state = room.approve(card), "approved"
    elif edit is not None:
        done, state = room.edit(card, texts), "edited"
    elif another is not None:
        done, state = room.another(card), "another"
    else:
        done, state = room.skip(card), "skipped"
    if not done:
        raise UserError(f"Suggestion {number} is outdated: something newer happened there.", "Look again.")
    if as_json:
        show.data({"id": number, "decision": state})
    else:
        show.say(f"Suggestion {number}: {state}.", "green")


def _row(card: "Card") -> dict[str, Any]:
    each = card.suggestion
    return {
        "id": each.id,
        "chat": card.title,
        "chat_id": each.dialog_id,
        "texts": each.texts,
        "state": each.state,
        "mode": each.mode,
        "confidence": each.confidence,
        "reasons": each.reasons,
        "adapter": each.adapter,
        "created_at": each.created_at,
    }


def _list(room: "Review") -> None:
    cards = room.waiting()
    if cards:
        show.table(
            ("id", "chat", "state", "texts"),
            [(c.suggestion.id, c.title, c.suggestion.state, " / ".join(c.suggestion.texts)) for c in cards],
        )
    else:
        show.say("Nothing waits for you here.")
    _elsewhere(room)


def _elsewhere(room: "Review") -> None:
    """What is decided on in Telegram."""
    if boxes := room.in_boxes():
        there = show.count(len(boxes), "suggestion")
        show.say(f"{there} in your input boxes in Telegram: send or clear {'it' if len(boxes) == 1 else 'them'} there.")


def _one_by_one(room: "Review", desk: "Desk") -> None:
    """Each waiting suggestion once, until the person stops. While the twin runs, new ones are waited for."""
    seen: set[int] = set()
    while card := _next(room, seen, desk):
        seen.add(card.suggestion.id)
        ask.drop_typed()
        _show(card)
        key = _key(room, card)
        if key == "q":
            return
        if key is None:
            show.say(OUTDATED)
            ask.line("[Enter] goes on", "by flags")  # a key that was meant for this one must not decide on the next
            continue
        texts = _version() if key == "e" else []
        if key == "l" or (key == "e" and not texts):
            show.say("It goes on waiting.")
        else:
            show.say("Done." if _decide(room, card, key, texts) else OUTDATED)
    show.say("Nothing waits for you here." if not seen else "That was all.")
    _elsewhere(room)


def _next(room: "Review", seen: set[int], desk: "Desk") -> "Card | None":
    """The next that was not shown yet; None where none is there and nobody writes more, or after Ctrl-C."""
    waits = False
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            row = next((each for each in room.rows() if each.id not in seen), None)
            if row or desk.home.holder() != "doppelgram run":
                return room.card_of(row) if row else None
            if not waits:
                show.say("What your twin suggests next is shown here. Ctrl-C ends this.")
                waits = True
            time.sleep(ask.LOOK)
    return None


def _key(room: "Review", card: "Card") -> str | None:
    """What the person presses; None where there is nothing left to decide."""
    while (said := ask.line_while(lambda: room.card(card.suggestion.id) is not None, KEYS, "by flags")) is not None:
        if (key := said.casefold()[:1]) in tuple("aensql"):
            return key
    return None


def _version() -> list[str]:
    show.say("Your version, one message a line; an empty line ends it.")
    texts: list[str] = []
    while said := ask.line(f"message {len(texts) + 1}", "--text"):
        texts.append(said)
    return texts


def _decide(room: "Review", card: "Card", key: str, texts: list[str]) -> bool:
    if key == "e":
        return room.edit(card, texts)
    return {"a": room.approve, "n": room.another, "s": room.skip}[key](card)


def _show(card: "Card") -> None:
    each = card.suggestion
    show.say(f"\n{show.plain(card.title)}", "bold")
    for message in card.context:
        show.say(f"  {'you' if message.mine else 'they'}: {show.plain(message.said)}", "dim")
    for text in each.texts:
        show.say(f"  > {show.plain(text)}", "green")
    sure = "no confidence" if each.confidence is None else f"confidence {each.confidence:.2f}, uncalibrated"
    held = f"; held: {'; '.join(each.reasons)}" if each.reasons else ""
    show.say(f"  suggestion {each.id}, {sure}{held}")
