"""A home folder of the invented cast as if its twin had been at work: chats, consents, modes, and suggestions that
wait. What the tests of the page and the pictures of it start from; nothing runs, and no line is anybody's."""

import json
import math
import random
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

from bot.curve import Curve, Point
from bot.desk import Desk
from bot.guard import Guard
from bot.home import Home
from bot.inbox import Inbox, Outcome
from bot.livedb import LiveDb
from bot.policy import Mode, Policy
from bot.respond import Responder
from bot.settings import Settings, WebSettings
from bot.status import Status, look
from bot.suggestion import State, Suggestion, Suggestions
from bot.web.model import Lent
from bot.writing import Writing
from data import dataset, samples
from data.archive import Archive
from data.consent import Ledger
from data.message import Dialog, Kind, Message
from data.samples import Shape
from data.transcript import Scope
from sandbox.script import SCRIPT
from sandbox.stage import FIRST_CONTACT
from tests.fakes import RecordedGenerator, recorded_adapter

ADAPTER = "2026-11-27-1"
REPORT = (
    '<!doctype html><html lang="en"><title>Report</title><style>body{font:16px sans-serif;margin:2rem}</style>'
    '<h1>A report</h1><p style="color:#1d6a57">It writes much like you.</p>'
)
MODES = (Mode.ASK, Mode.DRAFT, Mode.AUTO, Mode.ASK, Mode.ASK, Mode.OFF)
SURE = (0.81, 0.64, 0.37, 0.72, 0.55, None)
WHY = ((), (), ("plans: names a day or a time",), (), (), ())


@dataclass(frozen=True)
class PaperHouse:
    """The home, and how to change it as another process would."""

    home: Home
    settings: Settings

    @property
    def now(self) -> datetime:
        return datetime.now(UTC)

    def offer(
        self, dialog_id: int, asked: str, *texts: str, confidence: float | None = 0.5, why: tuple[str, ...] = ()
    ) -> int:
        """Somebody writes, and a suggestion waits for the owner. Returns its number."""
        with closing(Archive(self.home.archive)) as archive, closing(LiveDb(self.home.live)) as live:
            newest = max((message.id for message in archive.recent(dialog_id, 1)), default=0)
            message = Message(dialog_id, newest + 1, False, datetime.now(UTC), asked)
            archive.save([message])
            return suggest(live, message, texts, confidence, why).id

    def offer_many(self, dialog_id: int, n: int) -> None:
        """So many wait, in one chat."""
        with closing(Archive(self.home.archive)) as archive, closing(LiveDb(self.home.live)) as live:
            newest = max((message.id for message in archive.recent(dialog_id, 1)), default=0)
            now = datetime.now(UTC)
            asked = [
                Message(dialog_id, newest + 1 + each, False, now, f"question {each} about the garden and the weather")
                for each in range(n)
            ]
            archive.save(asked)
            with live.transaction():
                for message in asked:
                    suggest(live, message, ("yes", f"and here is an answer to {message.text}"), 0.5, ())

    def changed_at(self, number: int) -> float:
        """When a suggestion came into its state, in seconds."""
        with closing(LiveDb(self.home.live)) as live:
            (at,) = live.db.execute("SELECT changed_at FROM suggestions WHERE id = ?", (number,)).fetchone()
            return float(at)

    def suggestion(self, number: int) -> Suggestion:
        """One as it is now."""
        with closing(LiveDb(self.home.live)) as live:
            found = Suggestions(live).get(number)
            assert found
            return found

    def age(self, number: int, hours: float) -> None:
        """It was offered so much earlier."""
        with closing(LiveDb(self.home.live)) as live:
            live.db.execute("UPDATE suggestions SET created_at = created_at - ? WHERE id = ?", (hours * 3600, number))

    def waiting(self) -> list[int]:
        """The numbers of those that wait."""
        with closing(LiveDb(self.home.live)) as live:
            return [each.id for each in Suggestions(live).in_state(State.HELD, State.OFFERED)]

    def status(self) -> Status:
        """What `doppelgram status` finds."""
        with Desk.at(self.settings, self.home) as desk:
            return look(desk)

    def decide(self, number: int, state: State, surface: str = "terminal") -> None:
        """Another surface decides."""
        with closing(LiveDb(self.home.live)) as live:
            assert Suggestions(live).move(self.suggestion(number), state, datetime.now(UTC), surface=surface)


def paper_house(path: Path, *, port: int = 0, people: int = len(SCRIPT)) -> PaperHouse:
    """Build it."""
    home = Home.at(path / "home")
    settings = Settings(home=home.path, web=WebSettings(port=port))
    with closing(Archive(home.archive)) as archive, closing(LiveDb(home.live)) as live:
        for number, (name, script) in enumerate(list(SCRIPT.items())[:people]):
            _chat(archive, live, settings, number, name, script)
        archive.set_fact("account", '{"user_id": 300001, "name": "Noa Lindqvist"}')
    return PaperHouse(home, settings)


def furnish(house: PaperHouse) -> PaperHouse:
    """What a training, an evaluation and some evenings leave behind: dataset, adapter, curve, report, log."""
    with closing(Archive(house.home.archive)) as archive, closing(LiveDb(house.home.live)) as live:
        made = dataset.build(archive, house.home.key(), house.home.dataset, Shape(), datetime.now(UTC))
        _log(live, archive)
    leave_adapter(house, made.hash, made.chats)
    with Curve.of(house.home).drawing(ADAPTER) as draw:
        chance = random.Random(1)
        for step in range(1, 321):
            loss = 3.3 + 0.95 * math.exp(-step / 60) + chance.gauss(0, 0.12)
            draw(Point(step, loss, step / 320, 171 + chance.gauss(0, 4), step * 0.94))
    house.home.reports.mkdir(mode=0o700)
    samples.write_private(house.home.reports / "report.html", REPORT)
    return house


def leave_adapter(house: PaperHouse, dataset: str = "", chats: Sequence[int] = ()) -> None:
    """An adapter lies there, without its weights."""
    card = replace(
        recorded_adapter(ADAPTER, **{f"_{chat}": "chat" for chat in chats}).card,
        base="smollm2",
        dataset=dataset,
        losses={"base": 4.207, "adapter": 3.318},
    )
    folder = house.home.adapters / ADAPTER
    folder.mkdir(mode=0o700, parents=True)
    samples.write_private(folder / "card.json", json.dumps(asdict(card)))
    for part in ("adapter_model.safetensors", "adapter_config.json"):
        samples.write_private(folder / part, "")


def _log(live: LiveDb, archive: Archive) -> None:
    """What the twin sent on the last days: the owner's own lines of the script, as if they had been suggested."""
    suggestions = Suggestions(live)
    own = [message for dialog in archive.dialogs() for message in archive.messages(dialog.id) if message.mine]
    for sent, message in enumerate(sorted(own, key=lambda each: each.sent_at)):
        made = suggestions.add(
            dialog_id=message.dialog_id,
            upto_id=message.id,
            attempt=0,
            mode=Mode.ASK,
            texts=[message.text],
            confidence=0.6,
            outcome="pass",
            reasons=[],
            adapter=ADAPTER,
            answers=[],
            now=message.sent_at,
        )
        surface = ("page", "auto", "terminal")[sent % 3]
        live.db.execute("UPDATE suggestions SET state = 'sent', surface = ? WHERE id = ?", (surface, made.id))
        live.db.execute(
            "INSERT INTO outbox (suggestion_id, position, dialog_id, random_id, text, state, due_at, sent_at)"
            " VALUES (?, 0, ?, ?, ?, 'sent', 0, ?)",
            (made.id, message.dialog_id, made.id, message.text, message.sent_at.timestamp()),
        )


def recorded(*replies: tuple[str, ...]) -> Lent:
    """A model that has these replies on tape, as a running client would lend it. The page gives it an archive."""
    generator = RecordedGenerator(replies or (("i had a feeling",), ("tell me everything", "slowly"), ("no way",)))
    speaks = Responder(cast("Archive", None), generator, _by_length, Guard(), Shape(), b"0" * 32)
    return Lent(speaks, ADAPTER, Writing())


def _by_length(candidate: object, _siblings: object) -> float:
    return 0.45 + len(" ".join(getattr(candidate, "texts", ()))) % 40 / 100


def _chat(archive: Archive, live: LiveDb, settings: Settings, number: int, name: str, script: str) -> None:
    now = datetime.now(UTC) - timedelta(minutes=4 + 11 * number)
    past, later = (part.strip() for part in script.split("=="))
    asked, answered = _exchange(later.splitlines())
    dialog = Dialog(FIRST_CONTACT + number, Kind.PRIVATE, name, name.lower().replace(" ", "_"), last_at=now)
    archive.save_dialogs([dialog])
    days = [day.strip().splitlines() for day in past.split("--")]
    lines = [
        (line.strip(), now - timedelta(days=2 * (len(days) - place), minutes=3 * (len(day) - at)))
        for place, day in enumerate(days)
        for at, line in enumerate(day)
    ]
    lines += [(line, now - timedelta(minutes=len(asked) - at)) for at, line in enumerate(asked)]
    messages = [
        Message(dialog.id, 1 + 100 * number + place, line.startswith(">"), at, line[2:])
        for place, (line, at) in enumerate(lines)
    ]
    Ledger(archive).grant(dialog.id, Scope.CHAT, "Noa Lindqvist", "asked in person", now - timedelta(days=20))
    archive.save(messages)
    Policy(live, settings.live).set_mode(dialog, MODES[number], now - timedelta(days=2), messages[0].id)
    if MODES[number] is not Mode.OFF:
        suggest(live, messages[-1], answered, SURE[number], WHY[number], now)


def _exchange(lines: Iterable[str]) -> tuple[list[str], list[str]]:
    """What the contact writes next, and what the owner answers."""
    asked: list[str] = []
    answered: list[str] = []
    for line in map(str.strip, lines):
        if line.startswith("<") and not answered:
            asked.append(line)
        elif line.startswith(">"):
            answered.append(line[2:])
        else:
            break
    return asked, answered


def suggest(
    live: LiveDb,
    message: Message,
    texts: Iterable[str],
    confidence: float | None,
    why: tuple[str, ...],
    now: datetime | None = None,
) -> Suggestion:
    """A suggestion for a message that was not answered yet."""
    now = now or datetime.now(UTC)
    inbox, suggestions = Inbox(live, timedelta(0)), Suggestions(live)
    with live.transaction():
        inbox.add(message.dialog_id, message.id, message.said, now)
        made = suggestions.add(
            dialog_id=message.dialog_id,
            upto_id=message.id,
            attempt=0,
            mode=Mode.ASK,
            texts=texts,
            confidence=confidence,
            outcome="hold" if why else "pass",
            reasons=why,
            adapter=ADAPTER,
            answers=[message],
            now=now,
        )
        inbox.settle(message.dialog_id, message.id, Outcome.SUGGESTED, made.id)
        moved = suggestions.move(made, State.HELD if why else State.OFFERED, now, surface="review")
    assert moved
    return moved
