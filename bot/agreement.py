"""What the owner agreed to: an option by which words leave this program is off, and asks once for each receiver."""

import json
from pathlib import Path

from bot import ask, show
from bot.desk import Desk
from data.errors import ExitCode, UserError
from data.samples import write_private
from training.server import LOOPBACK, Address


def ask_once(desk: Desk, yes: bool) -> None:
    """With a model server in the settings: ask whether it may get the chats, unless that was answered before.

    `yes` is the answer of a flag. Raises UserError (exit 2) without an answer or with a no.
    """
    if not (receiver := _receiver(desk)) or receiver in _agreed(desk):
        return
    there = "It is on this machine." if _address(desk).host in LOOPBACK else "Whoever runs it can read them."
    show.say(f"For each reply, the end of that chat goes to the model server {receiver}. {there}")
    if not yes and not ask.confirmed("Is that what you want?", "yes"):
        raise UserError(
            f"Nothing was sent: you have not agreed that {receiver} gets the text of your chats.",
            "Add --yes to agree, once; or unset DOPPELGRAM_MODEL__SERVER.",
            ExitCode.USAGE,
        )
    agreed = sorted({*_agreed(desk), receiver})
    write_private(_file(desk), json.dumps({"model_server": agreed}) + "\n")


def address(desk: Desk) -> Address | None:
    """The model server of the settings, None for none. Raises UserError (exit 2) before the owner has agreed to it."""
    if (receiver := _receiver(desk)) and receiver not in _agreed(desk):
        raise UserError(
            f"You have not agreed that the model server {receiver} gets the text of your chats.",
            "Run: doppelgram try CHAT --yes",
            ExitCode.USAGE,
        )
    return _address(desk) if receiver else None


def _receiver(desk: Desk) -> str | None:
    return _address(desk).name if desk.settings.model.server else None


def _address(desk: Desk) -> Address:
    return Address.of(desk.settings.model.server or "")


def _agreed(desk: Desk) -> list[str]:
    """A damaged file is no agreement."""
    try:
        values = json.loads(_file(desk).read_text(encoding="utf-8"))
        return [str(each) for each in values["model_server"]]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _file(desk: Desk) -> Path:
    return desk.home.path / "agreed.json"
