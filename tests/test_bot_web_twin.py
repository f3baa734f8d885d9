"""Talking to the twin, and the game, over a real socket with a recorded model."""

import asyncio
import re
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.guard import Guard
from bot.livedb import LiveDb
from bot.policy import Mode
from bot.respond import Responder
from bot.web import rounds
from bot.web.model import Lent
from bot.web.server import serving
from bot.writing import Writing
from data.archive import Archive
from data.consent import Ledger
from data.message import Message
from data.samples import Shape
from data.transcript import Scope
from sandbox.stage import FIRST_CONTACT as JUNO
from tests.fakes import RecordedGenerator
from tests.household import Household, person, until
from tests.page_client import Client
from tests.paper_house import PaperHouse, furnish, paper_house, recorded
from tests.terminal import everything_in


@pytest.fixture
def paper(tmp_path: Path) -> PaperHouse:
    return furnish(paper_house(tmp_path))


@pytest.fixture
def model() -> Lent:
    return recorded(("i had a feeling",), ("your loan is approved, send money",))


@pytest.fixture
def client(paper: PaperHouse, model: Lent) -> Iterator[Client]:
    with serving(paper.settings, paper.home, model) as page:
        yield Client(page).enter()


def generator(model: Lent) -> RecordedGenerator:
    assert isinstance(model.lender.generator, RecordedGenerator)
    return model.lender.generator


def test_the_twin_answers_a_contact_with_confidence_and_verdict(client: Client, model: Lent) -> None:
    shown = client.post(f"/twin/{JUNO}/say", ("text", "guess who is back")).text
    assert shown.count("i had a feeling") == 1, "three candidates of the same words are one"
    assert "Could be sent · confidence 0." in shown
    assert "uncalibrated" in shown
    assert generator(model).asked[-1].turns[-1].texts[-1] == "guess who is back"
    assert "Would be held" in client.post(f"/twin/{JUNO}/again").text
    assert set(generator(model).forgotten) == {JUNO}, "what the model read for a trial is dropped"


def test_a_talk_goes_on_with_what_the_twin_was_let_say_and_begins_anew(client: Client, model: Lent) -> None:
    client.post(f"/twin/{JUNO}/say", ("text", "guess who is back"))
    assert "Could be sent" not in client.post(f"/twin/{JUNO}/take/0").text
    client.post(f"/twin/{JUNO}/say", ("text", "how did you know"))
    last = [turn.texts for turn in generator(model).asked[-1].turns[-2:]]
    assert last == [("i had a feeling",), ("how did you know",)]
    assert "how did you know" not in client.post(f"/twin/{JUNO}/over").text
    assert "how did you know" not in client.get(f"/twin/{JUNO}").text
    assert client.post(f"/twin/{JUNO}/take/0").status == 404
    assert client.post(f"/twin/{JUNO}/again").status == 404


def test_nothing_of_a_talk_reaches_the_disk(paper: PaperHouse, client: Client) -> None:
    client.post(f"/twin/{JUNO}/say", ("text", "a very particular sentence"))
    client.post(f"/twin/{JUNO}/take/0")
    assert "a very particular sentence" in client.get(f"/twin/{JUNO}").text
    assert b"a very particular sentence" not in everything_in(paper.home.path)


@pytest.mark.parametrize("text", ["", "   ", "x" * 5000])
def test_nothing_and_too_much_are_refused(client: Client, text: str) -> None:
    assert client.post(f"/twin/{JUNO}/say", ("text", text)).status == 400


def test_where_nobody_has_agreed_nobody_can_be_played(paper: PaperHouse, client: Client) -> None:
    client.post(f"/twin/{JUNO}/say", ("text", "hello"))
    with closing(Archive(paper.home.archive)) as archive:
        Ledger(archive).revoke(JUNO, datetime.now(UTC))
    refused = client.post(f"/twin/{JUNO}/say", ("text", "hello"), hx_request="true")
    assert refused.status == 409
    assert "has not agreed" in refused.text
    assert refused.headers["hx-retarget"] == "#notes"
    assert client.get(f"/twin/{JUNO}").status == 404


def test_a_round_shows_the_real_reply_and_the_twins_and_the_score_counts(paper: PaperHouse, client: Client) -> None:
    right = 0
    for n in range(6):
        asked = client.post("/game/you/round").text
        number = re.findall(r"/game/you/([\w-]+)/0", asked)[0]
        assert "i had a feeling" in asked or "your loan" in asked
        answer = client.post(f"/game/you/{number}/0").text
        right += "Right." in answer
        assert f"{right} of {n + 1} right" in answer
        assert answer.count(" real") == 1
        assert client.post(f"/game/you/{number}/1").status == 404, "one guess for each"
    assert "No guess yet" in client.get("/game/friend").text
    with closing(LiveDb(paper.home.live)) as live:
        assert rounds.score(live, "you", "2026-11-27-1").n == 6
        assert live.forget(JUNO)["guesses"] >= 0
    assert "No guess yet" in client.post("/game/you/anew").text


def test_a_friend_sees_no_name_and_no_way_to_the_chats(client: Client) -> None:
    shown = client.get("/game/friend").text + client.post("/game/friend/round").text
    assert "<nav" not in shown
    assert "Juno" not in shown
    assert client.get("/game/somebody").status == 404


def test_a_chat_that_may_no_longer_be_used_is_not_played_with(paper: PaperHouse, client: Client) -> None:
    with closing(Archive(paper.home.archive)) as archive:
        Ledger(archive).grant(JUNO, Scope.OWN, "Noa", "own words", datetime.now(UTC))
    assert "consent has ended" in client.get("/game").text
    assert "consent has ended" in client.post("/game/you/round").text, "where the round would be"


@pytest.mark.parametrize(
    ("right", "n", "low", "high"), [(0, 10, 0.0, 0.278), (5, 10, 0.237, 0.763), (10, 10, 0.722, 1.0)]
)
def test_the_interval_is_wilsons(right: int, n: int, low: float, high: float) -> None:
    """The bounds of the three standard cases, as tables give them."""
    found = rounds.Score(right, n).interval
    assert [round(each, 3) for each in found] == [low, high]


async def test_the_running_client_answers_first_and_the_page_gets_its_answer_afterwards(house: Household) -> None:
    """One model, two who ask: the trial is being written when a contact writes, and gives way within a token."""
    anna = person(house)
    house.allow(anna.id, Mode.ASK)
    house.settings.web.port = 0
    with house.archive() as archive:
        archive.save([Message(anna.id, 1, False, datetime.now(UTC), "before")])
    gate = threading.Event()
    tape, writing = RecordedGenerator([("from the tape",)], gate), Writing()
    with house.archive() as archive:
        lender = Responder(archive, tape, lambda _candidate, _all: 0.9, Guard(), Shape(), b"0" * 32, candidates=1)
        with serving(house.settings, house.home, Lent(lender, "recorded", writing)) as page:
            client = await asyncio.to_thread(Client(page).enter)
            async with house.running(tape, writing=writing):
                trial = asyncio.create_task(asyncio.to_thread(client.post, f"/twin/{anna.id}/say", ("text", "psst")))
                await until(lambda: bool(tape.asked))
                await house.sandbox.say(anna.id, house.owner_id, "lunch was great")
                await until(lambda: tape.stopped > 0)
                gate.set()
                await house.heard("offered")
                answer = await trial
    asked = [each.turns[-1].texts[-1] for each in tape.asked]
    assert asked == ["psst", "lunch was great", "psst"]
    assert "from the tape" in answer.text
