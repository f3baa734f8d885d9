"""adapters: what was trained, which one speaks, and how one leaves this house."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot import ask, show
from bot.commands.options import Json, Yes
from data.errors import ExitCode, UserError

if TYPE_CHECKING:
    from bot.desk import Desk
    from training.adapter import Adapter

app = typer.Typer(help="The adapters on this machine.", no_args_is_help=True)
WARNING = (
    "An adapter remembers what the chats said, and whoever has it can make it tell. Keep this copy as you keep the "
    "chats: `forget`, `consent revoke` and `wipe` do not reach it."
)


def _known_adapters(incomplete: str) -> list[str]:
    """Completion of NAME. Never an error, whatever is wrong there."""
    try:
        from bot.desk import Desk

        with Desk.open() as desk:
            folders = sorted(path.name for path in desk.home.adapters.glob("*") if path.is_dir())
    except Exception:
        return []
    return [name for name in folders if name.startswith(incomplete)]


Name = Annotated[
    str,
    typer.Argument(metavar="NAME", help="As `list` shows it.", autocompletion=_known_adapters, show_default=False),
]


@app.command("list")
def list_adapters(as_json: Json = False) -> None:
    """Every adapter, the oldest first, and which one speaks."""
    from bot import chosen
    from bot.desk import Desk
    from training import adapter as adapters

    with Desk.open() as desk:
        speaks = chosen.name(desk)
        rows: list[dict[str, object]] = [
            {
                "name": each.card.name,
                "speaks": each.card.name == speaks,
                "stale": chosen.is_stale(each, desk.archive),
                "base": each.card.base,
                "method": each.card.method,
                "created_at": each.card.created_at,
                "chats": len(each.card.chats),
                "losses": dict(each.card.losses),
            }
            for each in adapters.every(desk.home.adapters)
        ]
    if as_json:
        show.data(rows)
    elif rows:
        shown = [
            [_state(row), *(row[key] for key in ("name", "base", "created_at", "chats")), _loss(row)] for row in rows
        ]
        show.table(("", "name", "base", "made", "chats", "loss"), shown)
    else:
        show.say("There is no adapter yet. Next: doppelgram train")


def _state(row: dict[str, object]) -> str:
    return "stale" if row["stale"] else "speaks" if row["speaks"] else ""


def _loss(row: dict[str, object]) -> str:
    losses = row["losses"]
    assert isinstance(losses, dict)
    return " -> ".join(f"{losses[side]:.3f}" for side in ("base", "adapter") if side in losses)


@app.command("use")
def use(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME]",
            help="As `list` shows it; none: the newest that is not stale.",
            autocompletion=_known_adapters,
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Choose which adapter speaks, from the next start of `run` on."""
    from bot import chosen
    from bot.desk import Desk

    with Desk.open() as desk:
        if (fixed := desk.settings.model.adapter) and fixed != name:
            raise UserError(
                f"The settings name the adapter {fixed}, and they go before this choice.",
                "Take DOPPELGRAM_MODEL__ADAPTER out of the environment, .env or config.toml.",
                ExitCode.CONFIGURATION,
            )
        if name is not None:
            found = _find(desk, name)
            chosen.demand_fit(found, desk.archive)
            _demand_base(desk, found)
        chosen.choose(desk, name)
        speaks = chosen.name(desk)
        running = desk.home.is_held()
    if as_json:
        show.data({"speaks": speaks, "chosen": name is not None})
        return
    show.say(f"{speaks or 'The untuned base'} speaks.", "green")
    if running:
        show.say("What runs now goes on with its adapter until it is started again.")


@app.command("remove")
def remove(name: Name, yes: Yes = False, as_json: Json = False) -> None:
    """Delete an adapter, or a training that was not finished."""
    from bot import chosen
    from bot.desk import Desk
    from training import adapter as adapters

    with Desk.open() as desk, desk.home.holding_training("adapters remove"):
        folder = _folder(desk, name)
        speaks = chosen.name(desk) == name
        if speaks and desk.home.is_held():
            raise UserError(f"The adapter {name} may be speaking right now.", "Stop `doppelgram run` first.")
        which = f"The adapter {name}, which speaks," if speaks else f"The adapter {name}"
        if not yes and not ask.confirmed(f"{which} is deleted for good.", "remove"):
            raise UserError("Nothing was deleted.", "To delete it, confirm, or give --yes.", ExitCode.USAGE)
        adapters.remove(folder)
        if chosen.choice(desk) == name:
            chosen.choose(desk, None)
        now = chosen.name(desk)
    if as_json:
        show.data({"removed": name, "speaks": now})
        return
    show.say(f"{name} is deleted. {now or 'The untuned base'} speaks.", "green")


@app.command("export")
def export(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new or empty folder.", show_default=False)],
    name: Annotated[
        str | None, typer.Option("--name", help="Which adapter; none: the one that speaks.", show_default=False)
    ] = None,
    merged: Annotated[bool, typer.Option("--merged", help="The whole model with the adapter worked in.")] = False,
    as_json: Json = False,
) -> None:
    """Copy an adapter out for other programs: as a peft folder, or merged into its base. See docs/adapters.md."""
    from bot import chosen
    from bot.desk import Desk

    with Desk.open() as desk:
        adapter = _find(desk, name) if name else chosen.chosen(desk)
        if adapter is None:
            raise UserError("There is no adapter to export.", "Run: doppelgram train")
        chosen.demand_fit(adapter, desk.archive)
        from training import export as exports

        show.say(WARNING, "yellow")
        if merged:
            show.say("Loading the base model ...")
            wanted = desk.settings.model
            written = exports.merged(adapter, folder, wanted.base, wanted.cache, wanted.threads)
        else:
            written = exports.plain(adapter, folder)
    report = {"adapter": adapter.card.name, "folder": str(folder), "merged": merged, "bytes": written}
    if as_json:
        show.data(report | {"base": adapter.card.base})
        return
    show.say(f"{adapter.card.name} is in {folder} ({written / 1e6:.0f} MB).", "green")
    show.say("How vLLM, llama.cpp and Ollama read it: docs/adapters.md")


def _folder(desk: "Desk", name: str) -> Path:
    folders = {path.name: path for path in desk.home.adapters.glob("*") if path.is_dir()}
    if name not in folders:
        raise UserError(f"There is no adapter {name}.", "Run: doppelgram adapters list")
    return folders[name]


def _find(desk: "Desk", name: str) -> "Adapter":
    from training import adapter as adapters

    return adapters.read(_folder(desk, name))


def _demand_base(desk: "Desk", adapter: "Adapter") -> None:
    """Raise UserError (exit 3) for an adapter of another base than the settings', as far as this disk can tell: the
    base may have yet to be downloaded, and loading compares again."""
    from training import adapter as adapters
    from training import model

    wanted = desk.settings.model
    adapters.check(adapter, model.identity_on_disk(wanted.base, wanted.cache, adapter.card))
