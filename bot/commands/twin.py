"""try, run, pause, resume, log: the twin at work."""

import asyncio
import signal
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot import show
from bot.commands.options import Chat, Json, Yes
from data.errors import ExitCode, UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.desk import Desk
    from bot.echoes import Emit
    from bot.respond import Proposal, Responder
    from bot.waking import Waking
    from bot.writing import Writing
    from data.message import Dialog
    from training.adapter import Adapter


def try_out(
    chat: Chat,
    text: Annotated[str | None, typer.Argument(help="What they would write; without it a conversation.")] = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """What would the twin answer here? Nothing is sent, nothing is stored."""
    from bot import ask, consented
    from bot.chats import find
    from bot.desk import Desk

    with Desk.open() as desk:
        dialog = find(desk.archive, chat)
        consented.demand_chat(desk, dialog)
        from bot import agreement, speaker

        agreement.ask_once(desk, yes)
        if not as_json:
            show.say("Loading the model ...")
        responder, adapter = speaker.responder(desk, desk.archive)
        if not adapter:
            show.say("No adapter is there yet: this is the untuned base.")
        if text is None and ask.at_terminal():
            show.say(f"Write as {show.plain(dialog.title)}; an empty line ends it.")
        rows: list[dict[str, Any]] = []
        seconds = 0.0
        for asked in (text,) if text is not None else ask.lines(show.plain(dialog.title), "as TEXT"):
            began = time.perf_counter()
            proposals = _proposals(desk, responder, dialog, asked)
            took = time.perf_counter() - began
            seconds += took
            rows += [_row(asked, each) for each in proposals]
            if not as_json:
                _show(proposals, took)
    if as_json:
        show.data({"suggestions": rows, "seconds": round(seconds, 3)})


def _proposals(desk: "Desk", responder: "Responder", dialog: "Dialog", text: str) -> "Sequence[Proposal]":
    from data.message import Message

    newest = max((message.id for message in desk.archive.recent(dialog.id, 1)), default=0)
    asked = Message(dialog.id, newest + 1, False, desk.now, text)
    context = responder.context(dialog.id, [asked])
    return responder.propose(context, desk.settings.train.seed) if context else []


def _show(proposals: "Sequence[Proposal]", seconds: float) -> None:
    for each in proposals:
        sure = "no confidence" if each.confidence is None else f"confidence {each.confidence:.2f}, uncalibrated"
        for said in each.texts:
            show.line(show.plain(said))
        show.say(f"  {each.verdict.outcome}, {sure}{''.join(f'; {reason}' for reason in each.verdict.reasons)}")
    show.say(f"  {seconds:.1f} s")


def _row(asked: str, proposal: "Proposal") -> dict[str, Any]:
    return {
        "asked": asked,
        "texts": proposal.texts,
        "confidence": proposal.confidence,
        "verdict": proposal.verdict.outcome,
        "reasons": proposal.verdict.reasons,
    }


def run(
    web: Annotated[bool, typer.Option("--web", help="Open the page too, in the same process.")] = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Be there: draft, ask or answer in the chats you listed. With --json one event a line. Ctrl-C stops it."""
    from contextlib import ExitStack

    from bot import account, agreement, connection
    from bot.desk import Desk

    with Desk.open() as desk:
        agreement.ask_once(desk, yes, *agreement.LIVE)
        connection.login_of(desk.settings, desk.home.session)
        if not account.is_logged_in(desk):
            raise UserError("You are not logged in.", "Run: doppelgram login", ExitCode.NOT_LOGGED_IN)
        with desk.home.holding_login("run"):
            # The live client tries for ever to connect; whether it can at all is found out before it begins.
            asyncio.run(_look_in(desk))
            _warn_of_silence(desk)
            from bot import speaker
            from bot.policy import Mode
            from bot.writing import Writing

            responder, adapter, model = speaker.waking(desk, desk.archive)
            name = adapter.card.name if adapter else "the untuned base"
            if not adapter and Mode.AUTO in desk.policy.modes(desk.now).values():
                show.say("Without an adapter it asks where the mode is auto: doppelgram train", "yellow")
            show.say(f"Running with {name}. Ctrl-C stops it; from elsewhere, this silences it: doppelgram pause")
            writing = Writing()
            with ExitStack() as opened:
                if web:
                    from bot.commands.web import tell
                    from bot.web.model import Lent
                    from bot.web.server import serving

                    lent = Lent(responder, adapter.card.name if adapter else None, writing)
                    tell(opened.enter_context(serving(desk.settings, desk.home, lent)), as_json)
                asyncio.run(_run(desk, responder, adapter, writing, model, as_json))


async def _look_in(desk: "Desk") -> None:
    from bot import connection

    async with connection.logged_in(desk) as (client, _):
        await connection.refresh(desk, client)


def _warn_of_silence(desk: "Desk") -> None:
    """What keeps the twin from speaking: a pause, no chat that is listed, or none of both sides' consent there."""
    from bot.control import Control
    from bot.policy import Mode
    from data.consent import Ledger
    from data.transcript import Scope

    consents, modes = Ledger(desk.archive).active(), desk.policy.modes(desk.now)
    if Control(desk.live).paused(desk.now):
        show.say("It is paused, and says nothing until: doppelgram resume", "yellow")
    if all(mode is Mode.OFF for mode in modes.values()):
        show.say("No chat is listed, so it has nothing to do: doppelgram chats set CHAT --mode draft", "yellow")
    for dialog_id, mode in modes.items():
        if mode is not Mode.OFF and (dialog_id not in consents or consents[dialog_id].scope is not Scope.CHAT):
            dialog = desk.archive.dialog(dialog_id)
            name = show.plain(dialog.title) if dialog else str(dialog_id)
            show.say(f"{name} is {mode}, but stays silent: doppelgram consent grant {dialog_id} --scope chat")


async def _run(
    desk: "Desk",
    responder: "Responder",
    adapter: "Adapter | None",
    writing: "Writing",
    model: "Waking",
    as_json: bool,
) -> None:
    from bot import connection
    from bot.control import Control
    from bot.run import run as live
    from bot.settings import supervisor
    from bot.watchdog import Watchdog

    watchdog = Watchdog(*supervisor())

    def emit(event: str, **fields: Any) -> None:
        if event == "started":
            watchdog.tell("READY=1")
        if event == "ready":
            model.begin()
        if as_json:
            show.data({"event": event, **fields})
        else:
            show.say(f"{time.strftime('%H:%M:%S')} {event} {' '.join(f'{k}={v}' for k, v in fields.items())}")

    stop = asyncio.Event()
    received: list[signal.Signals] = []

    def on_signal(number: signal.Signals) -> None:
        received.append(number)
        stop.set()

    def on_pause() -> None:
        Control(desk.live).pause()
        emit("paused")

    loop = asyncio.get_running_loop()
    model.told = lambda failed: _woken(loop, emit, failed)
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_signal, number)
    loop.add_signal_handler(signal.SIGUSR1, on_pause)
    login = connection.login_of(desk.settings, desk.home.session)
    async with watchdog.watching():
        await live(desk.home, desk.settings, login, responder, adapter, emit, stop, writing=writing)
    if signal.SIGINT in received:
        raise KeyboardInterrupt


def _woken(loop: asyncio.AbstractEventLoop, emit: "Emit", failed: Exception | None) -> None:
    """From the model's thread: tell how its loading ended, if there is still anybody to tell."""
    from functools import partial

    why = {"because": f"{failed} {failed.hint}"} if isinstance(failed, UserError) else {}
    told = partial(emit, "trouble", error=type(failed).__name__, **why) if failed else partial(emit, "model_loaded")
    with suppress(RuntimeError):  # the loop is closed
        loop.call_soon_threadsafe(told)


def pause(as_json: Json = False) -> None:
    """Stop everything at once, from any terminal. It stays stopped until `resume`."""
    _switch(True, as_json)


def resume(as_json: Json = False) -> None:
    """Go on after a pause."""
    _switch(False, as_json)


def _switch(paused: bool, as_json: bool) -> None:
    from bot.control import Control
    from bot.desk import Desk

    with Desk.open() as desk:
        control = Control(desk.live)
        control.pause() if paused else control.resume(desk.now)
    if as_json:
        show.data({"paused": paused})
    else:
        show.say("Paused: nothing is written and nothing is sent." if paused else "Going on.", "green")


def log(chat: Chat, as_json: Json = False) -> None:
    """Every message the twin wrote in a chat."""
    from dataclasses import asdict

    from bot.chats import find
    from bot.desk import Desk
    from bot.written import written

    with Desk.open() as desk:
        dialog = find(desk.archive, chat)
        rows = [asdict(each) for each in written(desk.live, dialog.id)]
        zone = desk.zone
    if as_json:
        show.data(rows)
    elif rows:
        columns = ("sent_at", "surface", "state", "text")
        show.table(columns, [[row[column] for column in columns] for row in rows], zone)
    else:
        show.say(f"The twin has written nothing to {show.plain(dialog.title)}.")
