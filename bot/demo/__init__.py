"""`doppelgram demo`: all eleven steps on this machine, with no account and no GPU.

The demo types what a person would type. Every verb runs in a process of its own, on a throwaway home folder, against
a Telegram server on loopback whose chats are a real person's, and with a real small language model. Nothing in the
verbs knows that it is a demo.
"""

import signal
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bot import ask, settings, show
from bot.demo.evening import Evening
from bot.demo.log import tell
from bot.demo.person import AtTerminal, HandsOff
from bot.demo.promises import MINUTES, Promise, evidence, figures, promises
from bot.demo.town import TownHall
from bot.demo.verbs import ENDINGS, Verbs, step
from bot.home import Home
from data.errors import ExitCode, UserError

ENOUGH_TOKENS = 40_000
"""After so many trained tokens the held-out loss has fallen far enough: 34,000 gave 0.926, 44,000 gave 0.924, 53,000
gave 0.917."""
KNOBS = {
    "MODEL__BASE": "smollm2",
    "MODEL__CANDIDATES": 3,
    "MODEL__MAX_TOKENS": 32,
    "TRAIN__LEARNING_RATE": 1e-3,
    "TRANSCRIPT__WINDOW": 800,
    "PULL__REQUESTS_PER_SECOND": 200,  # loopback bears it; the default is for Telegram
    "WEB__PORT": 0,
    "LIVE__DEBOUNCE_SECONDS": 2,
    "LIVE__CHAT_SECONDS": 0,
    "LIVE__EXPIRE_MINUTES": 60 * 24 * 36500,  # it is always the same Tuesday, 15:00, in the town
}


def run(*, hands_off: bool, minutes: float, as_json: bool, invented: bool = False) -> int:
    """Walk the steps. Returns the exit code: 0 only if every promise held, and hands off every figure was reached.
    `invented` plays with an invented cast, for pictures. Raises UserError."""
    if not hands_off and not ask.at_terminal():
        raise UserError(
            "The demo asks you things, and this is no terminal.", "Run it with --hands-off.", ExitCode.USAGE
        )
    for ending in ENDINGS:  # then too the home folder and the processes must go
        signal.signal(ending, signal.default_int_handler)
    try:
        report, kept, reached = _walk(hands_off, minutes, invented)
    except KeyboardInterrupt:
        raise UserError(
            "Stopped. The demo's Telegram, its login, its chats and what was learned are gone: it keeps nothing.",
            "It begins anew with: doppelgram demo",
            ExitCode.INTERRUPTED,
        ) from None
    if as_json:
        show.data(report)
    failed = [each for each in (*kept, *reached) if each.judged and not each.held]
    show.say("")
    if failed:
        show.say(f"{len(failed)} of these did not hold, so this ends with exit code 1.", "bold red")
        return ExitCode.ERROR
    show.say(f"That was all of it, in {report['seconds'] / 60:.0f} minutes. With your own account: README.md", "bold")
    return ExitCode.OK


def _walk(hands_off: bool, minutes: float, invented: bool) -> tuple[dict[str, Any], list[Promise], list[Promise]]:
    """From the first step to the last, on a Telegram and in a home folder that vanish afterwards."""
    began = time.monotonic()
    show.say("This is doppelgram, from the first step to the last, on this machine alone.", "bold")
    whose = "invented" if invented else "a real person's (chitchat-dataset, names invented)"
    show.say(
        f"The chats are {whose}. The model is SmolLM2-135M: expect a way of writing from it, and little sense."
        " Nothing is kept afterwards; Ctrl-C ends it at any time.",
        indent=4,
    )
    with show.busy("Opening a Telegram on loopback ..."):
        town_hall = TownHall(invented=invented)
    with town_hall as town, tempfile.TemporaryDirectory(prefix="doppelgram-demo-") as folder:
        home = Home.at(Path(folder) / "home")
        verbs = Verbs(
            settings.environment(
                home.path,
                API_ID=town.town.api_id,
                API_HASH=town.town.api_hash,
                TELEGRAM__SERVER=town.sandbox.address,
                TELEGRAM__SERVER_DC=town.sandbox.dc,
                TELEGRAM__SERVER_KEY=town.sandbox.public_key,
                **KNOBS,
            )
        )
        report = _learn(town, verbs, minutes)
        evening = Evening(town, verbs, home, HandsOff() if hands_off else AtTerminal())
        report |= evening.spend()
        tell(town, home)
        kept = list(promises(evidence(town, home, evening)))
    reached = list(figures(report, hands_off=hands_off, minutes=minutes, invented=invented))
    _show("What was promised:", kept)
    _show("What this run reached:", reached)
    if not invented and not reached[-1].held:
        _why_so_little(report["tokens"], minutes)
    report["seconds"] = round(time.monotonic() - began, 1)
    report["promises"] = {each.sentence: each.held for each in kept}
    report["figures"] = {each.sentence: each.held for each in reached}
    return report, kept, reached


def _show(heading: str, promised: Sequence[Promise]) -> None:
    show.say("")
    show.say(heading, "bold")
    for each in promised:
        word, style = ("yes", "green") if each.held else ("NO", "bold red") if each.judged else ("no", "yellow")
        show.spoken(word, each.sentence, style)


def _why_so_little(tokens: int, minutes: float) -> None:
    """A slow or busy machine, or a short training: how long would have been enough."""
    enough = max(MINUTES, minutes * ENOUGH_TOKENS / max(1, tokens))
    show.say(
        f"It learned from {tokens:,} tokens in {minutes:g} minutes; some {ENOUGH_TOKENS:,} are enough. On this machine,"
        f" as busy as it is now: doppelgram demo --minutes {enough:.0f}",
        indent=4,
    )


def _learn(town: TownHall, verbs: Verbs, minutes: float) -> dict[str, Any]:
    """Steps 1 to 9: everything up to the first suggestion."""
    step(1, "doppelgram doctor", "Is this machine ready? (There is no login yet: that is the next step.)")
    for each in verbs.run_quietly("doctor", fails_with=ExitCode.PREFLIGHT)["checks"]:
        show.say(f"{'ok  ' if each['ok'] else 'next'} {each['name']}: {each['detail']}", indent=4)

    step(2, "doppelgram login --phone", "With the owner's own account; the code comes to the owner's other devices.")
    phone = town.town.owner.phone or ""
    owner = verbs.run_quietly("login", "--phone", f"+{phone}", answers=lambda: [_code(town, phone)])
    show.say(f"Logged in as {owner['name']}.", indent=4)

    step(3, "doppelgram chats", "Who is there. Bots, groups, channels and the service account can never be chosen.")
    chats = verbs.run_quietly("chats")
    people = [chat for chat in chats if chat["kind"] == "private"]
    show.say(f"{len(chats)} chats, {len(people)} of them with people.", indent=4)

    step(4, "doppelgram consent grant CHAT ... --scope chat", "Who agreed: without a record nothing is pulled.")
    names = [f"@{chat['username']}" if chat["username"] else str(chat["id"]) for chat in people]
    how = ("--scope", "chat", "--how", "agreed to be in the demo")
    granted = verbs.run_quietly("consent", "grant", *names, *how)["granted"]
    show.say(f"{len(granted)} consents are on record.", indent=4)

    step(5, "doppelgram pull --all", "Their history, straight from the server, page by page.")
    pulled = verbs.run("pull", "--all")
    show.say(
        f"{pulled['new']:,} messages in {pulled['requests']} requests, {pulled['messages_per_second']:.0f} a second.",
        indent=4,
    )
    step(6, "doppelgram build", "The dataset: split by time, secrets replaced, every message accounted for.")
    built = verbs.run("build")
    show.say(f"{built['samples']} samples with {built['turns']} turns of the owner.", indent=4)

    step(7, f"doppelgram train --minutes {minutes:g}", "A LoRA adapter learns how the owner writes, on the CPU.")
    trained = verbs.run("train", "--minutes", f"{minutes:g}")
    _show_training(trained)

    step(8, "doppelgram evaluate --samples 12 --examples 3", "The adapter on the 4-bit base, as it will speak.")
    evaluated = verbs.run("evaluate", "--samples", "12", "--examples", "3", nf4=True)
    _show_examples(evaluated)
    gain = trained["own_gain"]
    return {
        "pulled": pulled["new"],
        "samples": built["samples"],
        "tokens": trained["tokens"],
        "loss_base": trained["loss_base"],
        "loss_adapter": trained["loss_adapter"],
        "loss_base_nf4": evaluated["loss_base"],
        "loss_adapter_nf4": evaluated["loss_adapter"],
        "controls": gain["controls"],
        "own_gain": gain["own_gain"]["value"] if gain["own_gain"] else None,
        "own_gain_interval": [gain["own_gain"]["low"], gain["own_gain"]["high"]] if gain["own_gain"] else None,
        "quantization": evaluated["quantization"],
    }


def _code(town: TownHall, phone: str) -> str:
    """The login code, as it appears on the owner's phone a moment after it was asked for."""
    for _ in range(1200):
        try:
            return town.sandbox.code_for(phone)
        except KeyError:
            time.sleep(0.1)
    raise UserError("No login code was asked for within two minutes.", "Run the demo again.")


def _show_training(trained: dict[str, Any]) -> None:
    show.say(f"{trained['tokens']:,} tokens at {trained['tokens_per_second']:.0f} a second.", indent=4)
    if not trained["loss_base"]:  # nothing was held out to measure on, which is said elsewhere
        return
    fallen = 1 - trained["loss_adapter"] / trained["loss_base"]
    show.say(
        f"Held-out own words, loss per token: {trained['loss_base']:.3f} untuned, {trained['loss_adapter']:.3f} now"
        f" ({fallen:.1%} lower, n={trained['n']} windows).",
        indent=4,
    )
    gain = trained["own_gain"]
    if gain["own_gain"]:
        others = sum(control["drop"] for control in gain["controls"]) / len(gain["controls"])
        show.say(
            f"The same for {len(gain['controls'])} other persons: {others:.1%} lower. Own gain"
            f" {gain['own_gain']['value']:+.1%}, 95 % interval [{gain['own_gain']['low']:+.1%},"
            f" {gain['own_gain']['high']:+.1%}], {gain['own_gain']['high'] - gain['own_gain']['low']:.1%} wide.",
            indent=4,
        )


def _show_examples(evaluated: dict[str, Any]) -> None:
    show.say(
        f"{evaluated['quantization']}: loss {evaluated['loss_base']:.3f} untuned, {evaluated['loss_adapter']:.3f}"
        f" with the adapter (n={evaluated['n']}).",
        indent=4,
    )
    for example in evaluated["examples"]:
        show.say("")
        for name in ("they", "real", "base", "twin"):
            for text in example[name] or ["(no words)"]:
                show.spoken("really" if name == "real" else name, text, "bold" if name == "twin" else "")
