"""Commands to a running sandbox, as lines of text: one line in, one JSON value out. For people and for tests."""

import json
import shlex
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from functools import partial
from typing import Any

from sandbox.people import Account
from sandbox.server import Sandbox

Command = Callable[[Sandbox, list[str]], Awaitable[Any]]


class Wrong(Exception):
    """A command that cannot be done, and why."""


def greeting(sandbox: Sandbox) -> dict[str, Any]:
    """What a client must know to come in; the first line of output."""
    owner = sandbox.town.owner
    return {
        "address": sandbox.address,
        "dc": sandbox.dc,
        "public_key": sandbox.public_key,
        "api_id": sandbox.town.api_id,
        "api_hash": sandbox.town.api_hash,
        "now": sandbox.town.clock.now().isoformat(),
        "owner": {"id": owner.id, "phone": f"+{owner.phone}", "name": owner.name},
        "contacts": [{"id": a.id, "name": a.name, "username": a.username} for a in sandbox.town.contacts],
    }


async def answer(sandbox: Sandbox, line: str) -> Any:
    """Do one command. Mistakes come back as `{"error": ...}`."""
    name, _, rest = line.strip().partition(" ")
    command = COMMANDS.get(name)
    if command is None:
        return {"error": f"no such command: {name}", "commands": sorted(COMMANDS)}
    try:
        words = rest.split(" ") if name in VERBATIM else shlex.split(rest)
        return await command(sandbox, words)
    except (Wrong, LookupError, ValueError) as error:
        return {"error": str(error)}


def person(sandbox: Sandbox, word: str) -> Account:
    """Somebody by id, @username or first name."""
    town = sandbox.town
    if word.isdigit() and int(word) in town.accounts:
        return town.accounts[int(word)]
    found = town.by_username(word)
    if isinstance(found, Account):
        return found
    named = [a for a in town.contacts if a.first_name.lower() == word.lower()]
    if len(named) != 1:
        raise Wrong(f"{len(named)} contacts are called {word}")
    return named[0]


async def say(sandbox: Sandbox, words: list[str]) -> Any:
    """`say CONTACT text...`: a contact writes to the owner."""
    who, text = person(sandbox, words[0]), _text(words[1:])
    return {"id": await sandbox.say(who.id, sandbox.town.owner_id, text)}


async def own(sandbox: Sandbox, words: list[str]) -> Any:
    """`own CONTACT text...`: the owner writes from another device."""
    who, text = person(sandbox, words[0]), _text(words[1:])
    return {"id": await sandbox.say(sandbox.town.owner_id, who.id, text)}


async def write(sandbox: Sandbox, words: list[str]) -> Any:
    """`write CHAT WHO text...`: somebody writes into a group or channel (by its marked id)."""
    town, who = sandbox.town, words[1]
    if int(words[0]) not in town.chats:
        raise Wrong(f"there is no chat {words[0]}")
    sender = town.owner if who == "me" else person(sandbox, who)
    return {"id": await sandbox.say(sender.id, int(words[0]), _text(words[2:]))}


async def type_(sandbox: Sandbox, words: list[str]) -> Any:
    """`typing CONTACT`: a contact types to the owner."""
    await sandbox.typing(person(sandbox, words[0]).id, sandbox.town.owner_id)
    return {"ok": True}


async def edit(sandbox: Sandbox, words: list[str]) -> Any:
    """`edit ID text...`: the sender of a message (id in the owner's box) changes it."""
    await sandbox.edit(int(words[0]), _text(words[1:]))
    return {"ok": True}


async def unsend(sandbox: Sandbox, words: list[str]) -> Any:
    """`unsend ID...`: the senders delete messages for everybody."""
    await sandbox.unsend(*(int(word) for word in words))
    return {"ok": True}


async def log(sandbox: Sandbox, _words: list[str]) -> Any:
    """`log`: every message accepted since the start."""
    return [{**asdict(row), "at": row.at.isoformat()} for row in sandbox.log]


async def events(sandbox: Sandbox, _words: list[str]) -> Any:
    """`events`: everything else that people did."""
    return [{**asdict(row), "at": row.at.isoformat()} for row in sandbox.events]


async def calls(sandbox: Sandbox, _words: list[str]) -> Any:
    """`calls`: how often each request was made."""
    return dict(sandbox.calls)


async def texts(sandbox: Sandbox, words: list[str]) -> Any:
    """`texts CONTACT`: the chat as it stands, oldest first."""
    lines = sandbox.texts(person(sandbox, words[0]).id)
    return [{"mine": line.mine, "text": line.text, "at": line.at.isoformat()} for line in lines]


async def code(sandbox: Sandbox, words: list[str]) -> Any:
    """`code [PHONE]`: the last login code of a number, by default the owner's."""
    return {"code": sandbox.code_for(words[0] if words else sandbox.town.owner.phone or "")}


async def accept_qr(sandbox: Sandbox, _words: list[str]) -> Any:
    """`accept-qr`: the owner's phone scans the newest QR code."""
    await sandbox.accept_qr()
    return {"ok": True}


async def log_out(sandbox: Sandbox, _words: list[str]) -> Any:
    """`log-out`: the owner ends all logins from the phone."""
    sandbox.log_out(sandbox.town.owner_id)
    return {"ok": True}


async def fault(sandbox: Sandbox, words: list[str]) -> Any:
    """`fault flood|lose|disconnect|slow|refuse|let|log-out|latency|clear ...`, and for updates
    `fault lose-updates|reorder-updates|delay-updates ...`."""
    faults, (kind, *rest) = sandbox.faults, words
    match kind, rest:
        case "flood", [request, seconds, *times]:
            faults.flood(request, int(seconds), _times(times))
        case "lose", [request, *times]:
            faults.lose_answer(request, _times(times))
        case "disconnect", [request, *times]:
            faults.disconnect(request, _times(times))
        case "slow", [request, seconds, *times]:
            faults.slow(request, float(seconds), _times(times))
        case "refuse", [request, number, message, *times]:
            faults.refuse(request, int(number), message, _times(times))
        case "let", [request, times]:
            faults.let(request, int(times))
        case "log-out", [request]:
            faults.meanwhile(request, partial(sandbox.log_out, sandbox.town.owner_id))
        case "latency", [seconds]:
            faults.latency = float(seconds)
        case "lose-updates", [count]:
            faults.lose_updates(int(count))
        case "reorder-updates", [count]:
            faults.reorder_updates(int(count))
        case "delay-updates", [seconds]:
            faults.delay_updates(float(seconds))
        case "clear", []:
            faults.clear()
        case _:
            raise Wrong(fault.__doc__ or "")
    return {"ok": True}


async def limit(sandbox: Sandbox, words: list[str]) -> Any:
    """`limit meter REQUEST RATE BURST WAIT | difference N | channel-difference N | slice N | qr-life SECONDS`."""
    limits = sandbox.limits
    match words:
        case ["meter", request, rate, burst, wait]:
            limits.meter(request, rate=float(rate), burst=int(burst), wait=int(wait))
        case ["difference", count]:
            limits.difference = int(count)
        case ["channel-difference", count]:
            limits.channel_difference = int(count)
        case ["slice", count]:
            limits.slice = int(count)
        case ["qr-life", seconds]:
            limits.qr_life = float(seconds)
        case _:
            raise Wrong(limit.__doc__ or "")
    return {"ok": True}


async def restart(sandbox: Sandbox, words: list[str]) -> Any:
    """`restart [SECONDS]`: all connections drop; the door opens again after so many seconds."""
    await sandbox.restart(float(words[0]) if words else 0.0)
    return {"ok": True}


async def advance(sandbox: Sandbox, words: list[str]) -> Any:
    """`advance SECONDS`: let the town's time pass."""
    sandbox.town.clock.advance(float(words[0]))
    return {"now": sandbox.town.clock.now().isoformat()}


async def info(sandbox: Sandbox, _words: list[str]) -> Any:
    """`info`: the first line again."""
    return greeting(sandbox)


async def help_(_sandbox: Sandbox, _words: list[str]) -> Any:
    """`help`: this."""
    return [command.__doc__ for command in COMMANDS.values()]


COMMANDS: dict[str, Command] = {
    "say": say,
    "own": own,
    "write": write,
    "typing": type_,
    "edit": edit,
    "unsend": unsend,
    "log": log,
    "events": events,
    "calls": calls,
    "texts": texts,
    "code": code,
    "accept-qr": accept_qr,
    "log-out": log_out,
    "fault": fault,
    "limit": limit,
    "restart": restart,
    "advance": advance,
    "info": info,
    "help": help_,
}
VERBATIM = {"say", "own", "write", "edit"}
"""Commands whose text is taken as it stands, quotes and all."""


def render(value: Any) -> str:
    """One line of JSON."""
    return json.dumps(value, ensure_ascii=False)


def _text(words: list[str]) -> str:
    text = " ".join(words).strip()
    if not text:
        raise Wrong("there is no text")
    return text


def _times(words: list[str]) -> int:
    return int(words[0]) if words else 1
