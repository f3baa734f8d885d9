"""The demo: the whole road as a process, what it says when it is stopped, and that its promises can be broken."""

import asyncio
import io
import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bot.demo.evening import Pause
from bot.demo.person import AtTerminal, HandsOff
from bot.demo.promises import LEARNED, MINUTES, Evidence, evidence, figures, promises
from bot.demo.scenes import Scene, scenes_of
from bot.demo.town import Sent, TownHall
from bot.home import Home
from bot.inbox import Inbox
from bot.livedb import LiveDb
from bot.policy import Mode
from bot.review import Card
from bot.suggestion import State, Suggestion
from sandbox.town import Continuation, Line
from tests.terminal import Ended, Terminal
from tests.test_bot_ask import Screen

NOON = datetime(2026, 11, 17, 12, tzinfo=UTC)
KEYS = {
    *("pulled", "samples", "loss_base", "loss_adapter", "loss_adapter_nf4", "controls", "own_gain"),
    *("own_gain_interval", "quantization", "suggestions", "drafted", "sent", "duplicates", "seconds"),
}
"""What DESIGN promises of `demo --json`."""
A_WHOLE_DEMO = 3000.0


# --- the whole road


@pytest.fixture
def shell(tmp_path: Path) -> Terminal:
    """A shell whose temporary files lie apart, so that what a demo leaves behind can be seen."""
    apart = tmp_path / "apart"
    apart.mkdir()
    return Terminal(tmp_path, settings={"TMPDIR": str(apart)})


def left_behind(shell: Terminal) -> list[str]:
    return [path.name for path in (shell.path / "apart").glob("doppelgram*")]


def processes_of(shell: Terminal) -> list[str]:
    """The processes that work on a home folder of this shell's demo."""
    mark = f"DOPPELGRAM_HOME={shell.path / 'apart'}".encode()
    found = []
    for each in Path("/proc").glob("[0-9]*/environ"):
        try:
            if mark in each.read_bytes():
                found.append(each.parent.name)
        except OSError:  # it has ended meanwhile, or is somebody else's
            continue
    return found


async def test_the_whole_road_hands_off_keeps_every_promise_after_a_few_steps_of_training(shell: Terminal) -> None:
    pytest.importorskip("chitchat_dataset", reason="pip install 'doppelgram[demo]'")
    process = await shell.start("demo", "--hands-off", "--json", "--minutes", "0.2")
    async with asyncio.timeout(A_WHOLE_DEMO):
        out, err = await process.communicate()
    report = Ended(process.returncode or 0, out.decode(), err.decode()).ok().json
    assert report.keys() >= KEYS
    assert len(report["promises"]) == 7
    assert all(report["promises"].values()), report["promises"]
    assert [sentence for sentence, held in report["figures"].items() if not held and "learned" not in sentence] == []
    assert report["quantization"] == "nf4"
    assert report["pulled"] >= 10_000
    assert len(report["controls"]) >= 4
    assert max(control["n"] for control in report["controls"]) == 4, "half as many as after five minutes"
    low, high = report["own_gain_interval"]
    assert low <= report["own_gain"] <= high
    assert report["loss_adapter_nf4"] > 0
    assert (report["drafted"] >= 1, report["sent"] >= 2, report["duplicates"]) == (True, True, 0)
    assert "What the server delivered" in err.decode(), "it ends with the log in words"
    assert left_behind(shell) == []


async def test_ctrl_c_says_truthfully_that_nothing_is_left_and_leaves_nothing(shell: Terminal) -> None:
    screen = await Screen.of(shell, "demo")
    await screen.sees(" 2. doppelgram login")
    assert len(left_behind(shell)) == 1
    screen.types("\x03")
    assert await screen.ends() == 130
    assert "keeps nothing" in screen.shown
    assert "begins anew" in screen.shown
    assert "Run the same command to go on" not in screen.shown
    assert "Traceback" not in screen.shown
    assert left_behind(shell) == processes_of(shell) == []


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGHUP])
async def test_a_demo_that_is_told_to_end_leaves_nothing_either(shell: Terminal, how: signal.Signals) -> None:
    process = await shell.start("demo", "--hands-off")
    assert process.stderr
    async with asyncio.timeout(120):
        while b" 2. " not in await process.stderr.readline():
            pass
    assert len(left_behind(shell)) == 1
    process.send_signal(how)
    async with asyncio.timeout(120):
        _, err = await process.communicate()
    assert process.returncode == 130
    assert b"keeps nothing" in err
    assert b"Traceback" not in err
    assert left_behind(shell) == processes_of(shell) == []


async def test_without_a_terminal_it_is_said_at_once_that_nobody_can_answer(shell: Terminal) -> None:
    assert "--hands-off" in (await shell("demo")).failed(2).err
    assert left_behind(shell) == []


# --- the promises can be broken

DRAFT, ASK, AUTO, OFF, BOT = 1, 2, 3, 4, 5
FIRST, SECOND, THIRD = Sent(ASK, 11, "hi"), Sent(ASK, 12, "there"), Sent(AUTO, 13, "yes")
KEPT = Evidence(
    modes={DRAFT: "draft", ASK: "ask", AUTO: "auto"},
    machines=frozenset({BOT}),
    delivered=[FIRST, SECOND, THIRD],
    incoming=frozenset({(DRAFT, 101), (ASK, 102), (AUTO, 103)}),
    decided=[(ASK, "hi"), (ASK, "there")],
    outbox=[THIRD, FIRST, SECOND],
    outcomes={(DRAFT, 101): "suggested", (ASK, 102): "suggested", (AUTO, 103): "dropped"},
    by_itself=[(0.8, "pass")],
    pause=Pause(3, 3, heard_after_restart=True),
)


def also(sent: Sent) -> Evidence:
    """The same evening with one more message, of which server and twin know alike."""
    return replace(KEPT, delivered=[*KEPT.delivered, sent], outbox=[*KEPT.outbox, sent])


def broken(found: Evidence) -> list[str]:
    return [each.sentence for each in promises(found) if not each.held]


def test_an_honest_evening_keeps_every_promise() -> None:
    assert broken(KEPT) == []
    assert len(list(promises(KEPT))) == 7
    assert all(each.judged for each in promises(KEPT))


BREACHES = {
    "a duplicate": (replace(KEPT, delivered=[*KEPT.delivered, FIRST]), "delivered once"),
    "a duplicate that the twin takes for two": (also(FIRST), "delivered once"),
    "the right words in the wrong chat": (replace(KEPT, delivered=[FIRST, SECOND, Sent(ASK, 13, "yes")]), "once"),
    "a message that the twin did not send": (replace(KEPT, outbox=[FIRST, SECOND]), "delivered once"),
    "a message that never arrived": (replace(KEPT, delivered=[FIRST, SECOND]), "delivered once"),
    "a message in a chat that is off": (also(Sent(OFF, 14, "hey")), "chat that is off"),
    "a message to a bot": (also(Sent(BOT, 14, "hey")), "to a machine"),
    "a message from the chat in draft": (also(Sent(DRAFT, 14, "hey")), "outside auto"),
    "an approved message once more": (also(Sent(ASK, 14, "hi")), "outside auto"),
    "an unsure reply sent by itself": (replace(KEPT, by_itself=[(0.49, "pass")]), "by itself"),
    "a reply of unknown confidence": (replace(KEPT, by_itself=[(None, "pass")]), "by itself"),
    "a reply that the guard held": (replace(KEPT, by_itself=[(0.9, "hold")]), "by itself"),
    "an incoming message that the inbox does not know": (
        replace(KEPT, incoming=KEPT.incoming | {(ASK, 104)}),
        "one outcome",
    ),
    "an incoming message without an outcome": (
        replace(KEPT, outcomes={**KEPT.outcomes, (ASK, 102): None}),
        "one outcome",
    ),
    "a chat that is off but listened to": (
        replace(KEPT, outcomes={**KEPT.outcomes, (OFF, 104): "dropped"}),
        "one outcome",
    ),
    "a reply after pause": (replace(KEPT, pause=Pause(2, 3, heard_after_restart=True)), "pause"),
    "a restarted client that heard nothing": (replace(KEPT, pause=Pause(3, 3, heard_after_restart=False)), "pause"),
    "no pause at all": (replace(KEPT, pause=None), "pause"),
}


@pytest.mark.parametrize("name", BREACHES)
def test_a_breach_breaks_its_promise(name: str) -> None:
    found, words = BREACHES[name]
    assert any(words in sentence for sentence in broken(found)), broken(found)


# --- the evidence comes from the server


@pytest.fixture
def town() -> Iterator[TownHall]:
    with TownHall(invented=True) as hall:
        yield hall


def test_what_came_in_is_read_from_the_servers_log_and_compared_with_the_inbox(town: TownHall, tmp_path: Path) -> None:
    home = Home.at(tmp_path / "home")
    listed, off = sorted(town.town.owner.contacts)[:2]
    bot = next(account.id for account in town.town.accounts.values() if account.bot)
    first, second = town.say(listed, "hi"), town.say(listed, "are you there?")
    town.say(off, "hello")
    town.say(bot, "rain")
    evening: Any = SimpleNamespace(modes={listed: "ask"}, decided=[], pause=None)

    def outcomes_kept() -> bool:
        return not any("one outcome" in sentence for sentence in broken(evidence(town, home, evening)))

    with closing(LiveDb(home.live)) as live:
        inbox = Inbox(live, debounce=None)  # type: ignore[arg-type]
        assert evidence(town, home, evening).incoming == {(listed, first), (listed, second)}
        inbox.add(listed, first, "hi", NOON)
        inbox.settle(listed, first, "suggested")  # type: ignore[arg-type]
        assert not outcomes_kept(), "the second one never reached the inbox"
        inbox.add(listed, second, "are you there?", NOON)
        assert not outcomes_kept(), "it waits"
        inbox.settle(listed, second, "suggested")  # type: ignore[arg-type]
        assert outcomes_kept()
    assert bot in town.machines
    assert not town.machines & town.town.owner.contacts


# --- the figures


REPORT = {
    "pulled": 26_000,
    "loss_base": 1.0,
    "loss_adapter": LEARNED,
    "controls": [{}] * 4,
    "own_gain_interval": [0.1, 0.2],
    "quantization": "nf4",
    "drafted": 1,
    "sent": 2,
}


def missed(report: dict[str, Any], *, hands_off: bool = True, minutes: float = MINUTES) -> list[str]:
    found = figures(report, hands_off=hands_off, minutes=minutes, invented=False)
    return [each.sentence for each in found if each.judged and not each.held]


@pytest.mark.parametrize(
    "worse",
    [
        {"pulled": 9_999},
        {"loss_adapter": LEARNED + 0.001},
        {"controls": [{}] * 3},
        {"own_gain_interval": None},
        {"quantization": "none"},
        {"drafted": 0},
        {"sent": 1},
    ],
    ids=str,
)
def test_hands_off_demands_every_figure(worse: dict[str, Any]) -> None:
    assert missed(REPORT) == []
    assert len(missed(REPORT | worse)) == 1
    assert missed(REPORT | worse, hands_off=False) == [], "a person may skip everything, and the machine may be slow"


def test_that_the_twin_learned_is_demanded_of_the_default_minutes_alone() -> None:
    too_little = REPORT | {"loss_adapter": 0.99}
    assert missed(too_little, minutes=MINUTES - 1) == []
    assert len(missed(too_little)) == 1


# --- who decides


def card(outcome: str, confidence: float | None) -> Card:
    suggestion = Suggestion(
        *(1, ASK, 101, 0, State.OFFERED, 1, Mode.ASK, ("hm",), confidence, outcome, (), "a", NOON, {}),
    )
    return Card(suggestion, "Alma", ())


@pytest.mark.parametrize(
    ("outcome", "confidence", "choice"),
    [
        ("pass", 0.5, ("approve", [])),
        ("pass", 0.49, ("edit", ["on", "my way"])),
        ("pass", None, ("edit", ["on", "my way"])),
        ("hold", 0.9, ("edit", ["on", "my way"])),
    ],
)
def test_hands_off_each_suggestion_in_ask_ends_in_something_sent(
    outcome: str, confidence: float | None, choice: object
) -> None:
    nobody = HandsOff()
    assert nobody.decide(card(outcome, confidence), ["on", "my way"]) == ("another", []), "once"
    for _ in range(3):
        assert nobody.decide(card(outcome, confidence), ["on", "my way"]) == choice
    assert nobody.decide(card(outcome, confidence), []) == ("skip", []), "there is no real answer to send"


def test_hands_off_goes_on_until_the_counts_are_there() -> None:
    nobody = HandsOff()
    assert [nobody.satisfied(*counts) for counts in ((0, 5), (1, 1), (1, 2))] == [False, False, True]
    assert nobody.writes("Alma", "ask") == ""


def typing(monkeypatch: pytest.MonkeyPatch, lines: Sequence[str]) -> AtTerminal:
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(line + os.linesep for line in lines)))
    return AtTerminal()


def test_a_wrong_key_is_answered_with_what_the_keys_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    person = typing(monkeypatch, ["", "x", "a"])
    assert person.decide(card("pass", 0.9), []) == ("approve", [])
    assert capsys.readouterr().err.count("a sends it as it is") == 2


def test_the_letters_are_those_of_review(monkeypatch: pytest.MonkeyPatch) -> None:
    person = typing(monkeypatch, ["A", "e", "", "e", "one", "two", "", "n", "s"])
    chosen = [person.decide(card("pass", 0.9), ["real"]) for _ in range(4)]
    assert chosen == [("approve", []), ("edit", ["one", "two"]), ("another", []), ("skip", [])]


def test_a_person_types_as_a_contact_or_lets_them_write_or_has_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    person = typing(monkeypatch, ["", "hi there", "q"])
    assert [person.writes("Alma", "ask") for _ in range(3)] == ["", "hi there", None]


# --- what really came next


def test_a_scene_is_what_they_wrote_and_what_the_owner_answered_the_most_talkative_first() -> None:
    def lines(script: str) -> list[Line]:
        return [Line(part[0] == ">", part[1:], NOON) for part in script.split()]

    told = [Continuation(7, lines(">x <a <b >c >d")), Continuation(8, lines("<e >f <g >h <i"))]
    assert scenes_of(told) == [
        Scene(8, ("e",), ("f",)),
        Scene(8, ("g",), ("h",)),
        Scene(7, ("a", "b"), ("c", "d")),
    ]
