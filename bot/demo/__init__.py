"""`doppelgram demo`: all eleven steps on this machine, with no account and no GPU.

The demo types what a person would type. Every verb runs in a process of its own, on a throwaway home folder, against
a Telegram server on loopback whose chats are a real person's, and with a real small language model. Nothing in the
verbs knows that it is a demo.
"""

import tempfile
import time
from pathlib import Path
from typing import Any

from bot import settings, show
from bot.demo.evening import Evening, Person
from bot.demo.promises import gather, kept, learned
from bot.demo.town import TownHall
from bot.demo.verbs import Verbs, step
from bot.home import Home
from data.errors import ExitCode, UserError

KNOBS = {
    "MODEL__BASE": "smollm2",
    "MODEL__CANDIDATES": 3,
    "MODEL__MAX_TOKENS": 32,
    "TRAIN__LEARNING_RATE": 1e-3,
    "TRANSCRIPT__WINDOW": 800,
    "PULL__REQUESTS_PER_SECOND": 200,  # loopback bears it; the default is for Telegram
    "LIVE__DEBOUNCE_SECONDS": 2,
    "LIVE__CHAT_SECONDS": 0,
    "LIVE__EXPIRE_MINUTES": 60 * 24 * 30,  # it is always a Tuesday, 15:00, in the town
}


def run(*, hands_off: bool, minutes: float, as_json: bool, invented: bool = False) -> int:
    """Walk the steps. Returns the exit code: 0 only if every promise held. `invented` plays with an invented cast, for
    pictures. Raises UserError."""
    began = time.monotonic()
    show.say("This is doppelgram, from the first step to the last, on this machine alone.", "bold")
    whose = "invented" if invented else "a real person's (chitchat-dataset, names invented)"
    show.say(f"The chats are {whose}; the model is SmolLM2-135M.")
    with TownHall(invented=invented) as town, tempfile.TemporaryDirectory(prefix="doppelgram-demo-") as folder:
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
        evening = Evening(town, verbs, home, None if hands_off else Person())
        report |= evening.spend()
        promises = kept(gather(town, home, evening))
    if not invented:
        promises += learned(report, minutes)
    for promise in promises:
        show.say(f"    {'held' if promise.held else 'BROKEN'}: {promise.sentence}", "green" if promise.held else "red")
    report["seconds"] = round(time.monotonic() - began, 1)
    report["promises"] = {promise.sentence: promise.held for promise in promises}
    if as_json:
        show.data(report)
    held = all(promise.held for promise in promises)
    show.say("")
    if held:
        show.say(
            f"That was all of it, in {report['seconds'] / 60:.0f} minutes. With your own account: README.md", "bold"
        )
    return ExitCode.OK if held else ExitCode.ERROR


def _learn(town: TownHall, verbs: Verbs, minutes: float) -> dict[str, Any]:
    """Steps 1 to 9: everything up to the first suggestion."""
    step(1, "doppelgram doctor", "Is this machine ready? (There is no login yet: that is the next step.)")
    for each in verbs.run("doctor", fails_with=ExitCode.PREFLIGHT)["checks"]:
        show.say(f"    {'ok  ' if each['ok'] else 'next'} {each['name']}: {each['detail']}")

    step(2, "doppelgram login --phone", "With the owner's own account; the code comes to the owner's other devices.")
    phone = town.town.owner.phone or ""
    owner = verbs.run_answering("login", "--phone", f"+{phone}", answers=lambda: [_code(town, phone)])
    show.say(f"    Logged in as {owner['name']}.")

    step(3, "doppelgram chats", "Who is there. Bots, groups, channels and the service account can never be chosen.")
    chats = verbs.run("chats")
    people = [chat for chat in chats if chat["kind"] == "private"]
    show.say(f"    {len(chats)} chats, {len(people)} of them with people.")

    step(4, "doppelgram consent grant CHAT ... --scope chat", "Who agreed: without a record nothing is pulled.")
    names = [f"@{chat['username']}" if chat["username"] else str(chat["id"]) for chat in people]
    granted = verbs.run("consent", "grant", *names, "--scope", "chat", "--how", "agreed to be in the demo")["granted"]
    show.say(f"    {len(granted)} consents are on record.")

    step(5, "doppelgram pull --all", "Their history, straight from the server, page by page.")
    pulled = verbs.run("pull", "--all")
    show.say(
        f"    {pulled['new']} messages in {pulled['requests']} requests, {pulled['messages_per_second']:.0f} a second."
    )
    step(6, "doppelgram build", "The dataset: split by time, secrets replaced, every message accounted for.")
    built = verbs.run("build")
    show.say(f"    {built['samples']} samples with {built['turns']} turns of the owner.")

    step(7, f"doppelgram train --minutes {minutes:g}", "A LoRA adapter learns how the owner writes. fp32, on the CPU.")
    trained = verbs.run("train", "--minutes", f"{minutes:g}")
    _show_training(trained)

    step(8, "doppelgram evaluate --samples 12 --examples 3", "The adapter on the 4-bit base, as it will speak.")
    evaluated = verbs.run("evaluate", "--samples", "12", "--examples", "3", MODEL__QUANTIZATION="nf4")
    _show_examples(evaluated)
    gain = trained["own_gain"]
    return {
        "pulled": pulled["new"],
        "samples": built["samples"],
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
    for _ in range(300):
        try:
            return town.sandbox.code_for(phone)
        except KeyError:
            time.sleep(0.1)
    raise UserError("No login code was asked for within 30 s.", "Run the demo again.")


def _show_training(trained: dict[str, Any]) -> None:
    fallen = 1 - trained["loss_adapter"] / trained["loss_base"]
    show.say(f"    {trained['tokens']} tokens at {trained['tokens_per_second']:.0f} a second.")
    show.say(
        f"    Held-out own words, loss per token: {trained['loss_base']:.3f} untuned, {trained['loss_adapter']:.3f} now"
        f" ({fallen:.1%} lower, n={trained['n']} windows)."
    )
    gain = trained["own_gain"]
    if gain["own_gain"]:
        others = sum(control["drop"] for control in gain["controls"]) / len(gain["controls"])
        show.say(
            f"    The same for {len(gain['controls'])} other persons: {others:+.1%} lower. Own gain"
            f" {gain['own_gain']['value']:+.1%}, 95 % interval [{gain['own_gain']['low']:+.1%},"
            f" {gain['own_gain']['high']:+.1%}], {gain['own_gain']['high'] - gain['own_gain']['low']:.1%} wide."
        )


def _show_examples(evaluated: dict[str, Any]) -> None:
    show.say(
        f"    {evaluated['quantization']}: loss {evaluated['loss_base']:.3f} untuned, {evaluated['loss_adapter']:.3f}"
        f" with the adapter (n={evaluated['n']})."
    )
    for example in evaluated["examples"]:
        show.say("")
        for name in ("they", "real", "base", "twin"):
            for text in example[name] or ["(no words)"]:
                show.say(f"    {name:>5}  {show.plain(text)}", "bold" if name == "twin" else "")
