"""What the owner agreed to: an option by which words leave this program is off, and asks once for each receiver."""

import json
from dataclasses import dataclass
from pathlib import Path

from bot import ask, show
from bot.desk import Desk
from data.errors import ExitCode, UserError
from data.samples import write_private
from training.server import LOOPBACK, Address

SERVER, COMPANION, DIGEST = "model_server", "companion", "digest"
LIVE = (SERVER, COMPANION, DIGEST)
"""What `run` has to ask about."""


@dataclass(frozen=True, slots=True)
class Option:
    """One option that is on. `goes` says what leaves, `refused` what was not agreed to."""

    name: str
    receiver: str
    goes: str
    refused: str
    setting: str


def ask_once(desk: Desk, yes: bool, *names: str) -> None:
    """For each of these options that the settings switch on (the model server, if none is named): ask whether that is
    wanted, unless that was answered before for the same receiver.

    `yes` is the answer of a flag. Raises UserError (exit 2) without an answer or with a no.
    """
    for option in (_option(desk, name) for name in names or (SERVER,)):
        if option is None or _given(desk, option):
            continue
        show.say(option.goes)
        if not yes and not ask.confirmed("Is that what you want?", "yes"):
            raise UserError(
                f"Nothing was sent: you have not agreed that {option.refused}.",
                f"Add --yes to agree, once; or unset DOPPELGRAM_{option.setting}.",
                ExitCode.USAGE,
            )
        agreed = _agreed(desk)
        agreed[option.name] = sorted({*agreed.get(option.name, []), option.receiver})
        write_private(_file(desk), json.dumps(agreed) + "\n")


def address(desk: Desk) -> Address | None:
    """The model server of the settings, None for none. Raises UserError (exit 2) before the owner has agreed to it."""
    option = _option(desk, SERVER)
    if option and not _given(desk, option):
        raise UserError(f"You have not agreed that {option.refused}.", "Run: doppelgram try CHAT --yes", ExitCode.USAGE)
    return _address(desk) if option else None


def given(desk: Desk, name: str) -> bool:
    """Whether an option is on and the owner agreed to it."""
    option = _option(desk, name)
    return option is not None and _given(desk, option)


def _option(desk: Desk, name: str) -> Option | None:
    """The option of this name; None while it is off."""
    settings = desk.settings
    if name == SERVER and settings.model.server:
        receiver = _address(desk).name
        there = "It is on this machine." if _address(desk).host in LOOPBACK else "Whoever runs it can read them."
        goes = f"For each reply, the end of that chat goes to the model server {receiver}. {there}"
        refused = f"the model server {receiver} gets the text of your chats"
        return Option(SERVER, receiver, goes, refused, "MODEL__SERVER")
    if name == COMPANION and settings.companion.token:
        number = settings.companion.token.get_secret_value().partition(":")[0]
        goes = (
            f"What waits for you goes into your chat with the bot {number}: names, the last messages of a chat, the"
            " suggestion. It lies on Telegram's servers, and whoever has the bot's token can read it."
        )
        return Option(COMPANION, number, goes, f"the bot {number} shows what your chats say", "COMPANION__TOKEN")
    if name == DIGEST and settings.live.digest:
        goes = (
            "Once a day the names of the chats, and how often what happened there, go into your Saved Messages, which"
            " lie on Telegram's servers."
        )
        return Option(DIGEST, "Saved Messages", goes, "a digest goes into Saved Messages", "LIVE__DIGEST")
    return None


def _given(desk: Desk, option: Option) -> bool:
    return option.receiver in _agreed(desk).get(option.name, [])


def _address(desk: Desk) -> Address:
    return Address.of(desk.settings.model.server or "")


def _agreed(desk: Desk) -> dict[str, list[str]]:
    """A damaged file is no agreement."""
    try:
        values = json.loads(_file(desk).read_text(encoding="utf-8"))
        return {str(name): [str(each) for each in receivers] for name, receivers in values.items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


def _file(desk: Desk) -> Path:
    return desk.home.path / "agreed.json"
