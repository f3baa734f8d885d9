"""Which is me? Blind pairs, for the owner or for a friend who is shown this page alone: without names, without the way
to the other rooms, and with a score of their own.
"""

import asyncio
import contextlib
from collections.abc import Callable

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot import consented
from bot.respond import Responder
from bot.web import rounds
from bot.web.model import Stop
from bot.web.office import Office, of
from bot.web.rounds import Round
from data import samples
from data.errors import UserError
from data.transcript import Transcript

PLAYERS = {"you": "You", "friend": "Your friend"}
TRIES = 8
"""So many contexts are tried until the twin says something else than the owner did."""


async def page(request: Request) -> Response:
    """The page: the score, and a place for the first round."""
    office, player = of(request), _player(request)
    adapter, problem = _adapter(office), ""
    if adapter is None:
        problem = "There is no adapter yet, so there is nobody to compare with. Train one first."
    else:
        try:
            consented.demand_dataset(office.desk)
        except UserError as error:
            problem = f"{error.message} {error.hint}"
    made = rounds.score(office.desk.live, player, adapter or "")
    return office.show(
        "game.html",
        room="game" if player == "you" else "",
        player=player,
        who=PLAYERS[player],
        score=made,
        problem=problem,
        bare=player != "you",
    )


async def deal(request: Request) -> Response:
    """The next round."""
    office, player = of(request), _player(request)
    table = office.table
    if table.next is None:
        table.next = asyncio.create_task(_prepare(office))
    prepared = table.next
    try:
        dealt = await asyncio.shield(prepared)
    except UserError as error:
        return office.show("no_round.html", problem=f"{error.message} {error.hint}")
    finally:
        if table.next is prepared and prepared.done():
            table.next = None
    table.deal(dealt)
    return office.show("round.html", player=player, round=dealt)


async def guess(request: Request) -> Response:
    """Which one it was."""
    office, player = of(request), _player(request)
    played = office.table.asked.pop(request.path_params["number"], None)
    which = request.path_params["which"]
    if played is None or which not in (0, 1):
        raise HTTPException(404)
    right = which == played.real
    rounds.keep(office.desk.live, played, player, right, office.desk.now)
    if office.table.next is None:  # written while the answer is being read
        office.table.next = asyncio.create_task(_prepare(office))
        office.table.next.add_done_callback(_seen)
    made = rounds.score(office.desk.live, player, played.adapter)
    return office.show(
        "guessed.html", player=player, who=PLAYERS[player], round=played, which=which, right=right, score=made
    )


async def anew(request: Request) -> Response:
    """Count from nought."""
    office, player = of(request), _player(request)
    rounds.clear(office.desk.live, player)
    made = rounds.score(office.desk.live, player, _adapter(office) or "")
    return office.show("score.html", player=player, who=PLAYERS[player], score=made)


def _player(request: Request) -> str:
    player = request.path_params.get("player", "you")
    if player not in PLAYERS:
        raise HTTPException(404)
    return str(player)


def _adapter(office: Office) -> str | None:
    return office.model.name(office.desk)


async def _prepare(office: Office) -> Round:
    """Have the twin answer a held-out context, with another seed each time."""
    desk, table, adapter = office.desk, office.table, _adapter(office)
    consented.demand_dataset(desk)
    if adapter is None:
        raise UserError("There is no adapter to compare with.", "Run: doppelgram train")
    held_out = samples.read(desk.home.dataset, "test")
    for _ in range(TRIES):
        try:
            sample, before, real = rounds.pick(held_out, table.chance)
        except IndexError:
            break
        twin = await office.model.ask(
            desk, _writing(Transcript(before), table.chance.getrandbits(31), sample.dialog_id)
        )
        if twin and _plain(twin) != _plain(real.texts):
            return rounds.round_of(sample, real, twin, adapter, table.chance)
    raise UserError("The dataset holds nothing out that could be asked about.", "Pull more, then: doppelgram build")


def _writing(before: Transcript, seed: int, dialog_id: int) -> Callable[[Responder, Stop], tuple[str, ...]]:
    """The work of one reply, after which nothing of the chat stays in the model's memory."""

    def write(speaks: Responder, stop: Stop) -> tuple[str, ...]:
        try:
            found = speaks.generator.reply(before, 1, seed, dialog=dialog_id, stop=stop)
        finally:
            speaks.generator.forget(dialog_id)
        return found[0].texts if found else ()

    return write


def _plain(texts: tuple[str, ...]) -> list[str]:
    return [text.casefold().strip() for text in texts]


def _seen(task: "asyncio.Task[Round]") -> None:
    """Whoever asks for the round gets its failure; where nobody does, nobody needs to be told."""
    with contextlib.suppress(asyncio.CancelledError):
        task.exception()


ROUTES = [
    Route("/game", page),
    Route("/game/{player}", page),
    Route("/game/{player}/round", deal, methods=["POST"]),
    Route("/game/{player}/anew", anew, methods=["POST"]),
    Route("/game/{player}/{number}/{which:int}", guess, methods=["POST"]),
]
