"""The command line: the list of verbs, and how each of them ends.

Standard output is data, standard error is talk. An expected failure is one sentence, one hint and an exit code
(`data.errors.ExitCode`), never a traceback. This file and the verbs' files import next to nothing, so that `--help`
answers at once; a verb imports what it needs when it runs.
"""

import os
import re
import sqlite3
import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from bot import disk, show
from bot.commands import (
    account,
    adapters,
    chats,
    check,
    consent,
    evaluation,
    history,
    importing,
    learning,
    plan,
    privacy,
    review,
    twin,
    web,
)
from bot.commands.options import Json
from data.errors import ExitCode, UserError
from data.uncollected import put_off

STOPPED = "Stopped. Run the same command to go on."

VERBS = (
    *("status", "demo"),
    *("doctor", "login", "chats", "consent", "pull", "import", "build", "plan", "train", "evaluate", "try"),
    *("run", "review", "web", "pause", "resume", "log", "adapters"),
    *("forget", "logout", "wipe"),
)
"""In the order in which a person meets them."""


class Road(TyperGroup):
    """Lists the verbs in that order; Typer would put groups of verbs last."""

    def list_commands(self, _context: object) -> list[str]:
        """Their names."""
        return list(VERBS)

    def invoke(self, context: Any) -> Any:
        """Run the verb. What is wrong with an option's value is said in words for people."""
        try:
            return super().invoke(context)
        except typer.BadParameter as refusal:
            from pydantic import ValidationError

            from bot import misfit

            if isinstance(refusal.__cause__, ValidationError):
                refusal.message = misfit.sentence(misfit.first(refusal.__cause__))
            raise


class Verb(TyperCommand):
    """Takes the id of a group, which begins with a minus, for what it is: no option is a number."""

    def make_parser(self, ctx: Any) -> Any:
        """That of click, which would have the id after a `--`."""
        parser = super().make_parser(ctx)
        take_option = parser._process_opts

        def take(word: str, state: Any) -> None:
            if re.fullmatch("-[0-9]+", word):
                state.largs.append(word)
            else:
                take_option(word, state)

        parser._process_opts = take  # type: ignore[method-assign, assignment]
        return parser


app = typer.Typer(
    name="doppelgram",
    help="An unofficial Telegram userbot that replies as you. On this machine, with your own account.",
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    cls=Road,
)

START, ROAD, LIVE, YOURS = "Look around", "The road, step by step", "The twin at work", "What stays yours"
app.command(rich_help_panel=START)(check.status)
app.command(rich_help_panel=START)(check.demo)
app.command(rich_help_panel=ROAD)(check.doctor)
app.command(rich_help_panel=ROAD)(account.login)
app.add_typer(chats.app, name="chats", rich_help_panel=ROAD)
app.add_typer(consent.app, name="consent", rich_help_panel=ROAD)
app.command(rich_help_panel=ROAD)(history.pull)
app.command("import", rich_help_panel=ROAD)(importing.import_file)
app.command(rich_help_panel=ROAD)(history.build)
app.command(rich_help_panel=ROAD)(plan.plan)
app.command(rich_help_panel=ROAD)(learning.train)
app.command(rich_help_panel=ROAD)(evaluation.evaluate)
app.command("try", rich_help_panel=ROAD)(twin.try_out)
app.command(rich_help_panel=LIVE)(twin.run)
app.command(rich_help_panel=LIVE)(review.review)
app.command(rich_help_panel=LIVE)(web.web)
app.command(rich_help_panel=LIVE)(twin.pause)
app.command(rich_help_panel=LIVE)(twin.resume)
app.command(rich_help_panel=LIVE)(twin.log)
app.add_typer(adapters.app, name="adapters", rich_help_panel=LIVE)
app.command(rich_help_panel=YOURS)(privacy.forget)
app.command(rich_help_panel=YOURS)(account.logout)
app.command(rich_help_panel=YOURS)(privacy.wipe)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        show.line(f"doppelgram {version('doppelgram')}")
        raise typer.Exit


for _each in (app, chats.app, consent.app, adapters.app):
    for _registered in _each.registered_commands:
        _registered.cls = Verb


@app.callback()
def alone(
    context: typer.Context,
    as_json: Json = False,
    _show_version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Which version this is.")
    ] = False,
) -> None:
    """Without a verb: where you are, and which verb comes next."""
    if context.invoked_subcommand is None:
        check.status(as_json)


def main() -> None:
    """The `doppelgram` command. Every file it makes is the owner's alone, whatever the shell's umask is."""
    os.umask(0o077)
    put_off()
    ending(lambda: app(prog_name="doppelgram"))


def ending(work: Callable[[], object]) -> None:
    """Do this, and end the process as every verb ends."""
    as_json = "--json" in sys.argv[1:]
    try:
        work()
    except UserError as error:
        sys.exit(_fail(error, as_json))
    except KeyboardInterrupt:
        sys.exit(_stopped())
    except SystemExit as end:  # Typer turns Ctrl-C into this
        if end.code == ExitCode.INTERRUPTED:
            _stopped()
        raise
    except (OSError, sqlite3.Error) as error:
        told = disk.explain(error)
        if told is None:
            raise
        sys.exit(_fail(told, as_json))


def _fail(error: UserError, as_json: bool) -> int:
    show.failure(error, as_json)
    return error.code


def _stopped() -> int:
    show.say(STOPPED)
    # Python remembers a Ctrl-C that ended an `exec` of text, as making a dataclass is one, until the next such text has
    # run: else it would end this process by the signal, though nothing is unhandled.
    exec("")
    return ExitCode.INTERRUPTED
