"""Which adapter speaks: none that holds words which may no longer be used, whenever that became so."""

import json
import threading
from dataclasses import asdict
from pathlib import Path

import pytest

from bot import chosen, speaker
from bot.commands.consent import revoke
from bot.desk import Desk
from bot.home import Home
from bot.policy import Mode
from bot.settings import Settings
from data.consent import Ledger
from data.errors import ExitCode, UserError
from data.message import Dialog, Kind
from data.transcript import Scope
from tests import training_models as models
from tests.fakes import RecordedCandidate, RecordedGenerator, recorded_adapter
from tests.household import Household, now, person, until
from training import adapter as adapters
from training.confidence import Confidence


def two_adapters(tmp_path: Path) -> Desk:
    """A home with consents and two adapters that learned under them."""
    desk = Desk(Settings(home=tmp_path), Home.at(tmp_path))
    for name in ("older", "newer"):
        folder = desk.home.adapters / name
        folder.mkdir(parents=True)
        card = asdict(recorded_adapter(name, _5="chat", **({"_6": "chat"} if name == "newer" else {})).card)
        (folder / adapters.CARD).write_text(json.dumps(card | {"created_at": name[::-1]}))
        (folder / adapters.WEIGHTS).touch()
        (folder / adapters.CONFIG).touch()
    for dialog_id in (5, 6):
        Ledger(desk.archive).grant(dialog_id, Scope.CHAT, "test", "test", now())
    return desk


@pytest.fixture
def desk(tmp_path: Path):
    desk = two_adapters(tmp_path)
    yield desk
    desk.archive.close()


@pytest.mark.parametrize("how", ["revoked", "narrowed"])
def test_an_adapter_whose_card_missed_that_a_consent_ended_does_not_speak(desk: Desk, how: str) -> None:
    assert chosen.name(desk) == "newer"
    if how == "revoked":
        Ledger(desk.archive).revoke(6, now())
    else:
        Ledger(desk.archive).grant(6, Scope.OWN, "test", "test", now())
    assert chosen.name(desk) == "older"
    Ledger(desk.archive).revoke(5, now())
    assert chosen.chosen(desk) is None


def test_an_adapter_that_was_finished_after_a_member_took_their_words_back_does_not_speak(desk: Desk) -> None:
    group, ana, bo = -5, 7, 8
    ledger = Ledger(desk.archive)
    for member in (ana, bo):
        ledger.grant_member(group, member, "test", "test", now())
    newer = adapters.read(desk.home.adapters / "newer")
    adapters.update(newer, chats=(group,), scopes={str(group): "chat"}, built_at=now().isoformat())
    ledger.grant_member(group, ana, "test", "told anew", now())
    assert chosen.name(desk) == "newer"
    ledger.revoke_member(group, ana, now())
    assert chosen.name(desk) == "older"
    adapters.update(newer, built_at=now().isoformat())
    assert chosen.name(desk) == "newer", "made of what was left"
    ledger.revoke_member(group, bo, now())
    adapters.update(newer, scopes={str(group): "own"})
    assert chosen.name(desk) == "newer", "of the owner's words alone"


def test_a_named_one_that_is_stale_is_refused(desk: Desk) -> None:
    desk.settings.model.adapter = "newer"
    assert chosen.chosen(desk)
    Ledger(desk.archive).revoke(6, now())
    with pytest.raises(UserError, match="newer is stale") as refused:
        chosen.chosen(desk)
    assert refused.value.code == ExitCode.CONSENT


@pytest.mark.parametrize("how", ["revoked", "narrowed", "forgotten"])
async def test_a_running_client_stops_when_its_adapter_becomes_stale(house: Household, how: str) -> None:
    """Also in the middle of a reply to somebody else."""
    anna, boris = person(house), person(house, 1)
    house.allow(anna.id, Mode.OFF)
    house.allow(boris.id, Mode.AUTO)
    generator = RecordedGenerator(gate=threading.Event())
    adapter = recorded_adapter(**{f"_{anna.id}": "chat", f"_{boris.id}": "chat"})

    async def run() -> None:
        async with house.running(generator, adapter=adapter):
            await house.sandbox.say(boris.id, house.owner_id, "lunch was great")
            await until(lambda: bool(generator.asked))
            with house.archive() as archive:
                if how == "narrowed":
                    Ledger(archive).grant(anna.id, Scope.OWN, "test", "test", now())
                else:
                    Ledger(archive).revoke(anna.id, now())
                if how == "forgotten":
                    archive.forget(anna.id)
            await house.heard("stopped")

    with pytest.raises(UserError, match="stale") as ended:
        await run()
    assert ended.value.code == ExitCode.CONSENT
    assert generator.stopped == 1
    assert house.delivered() == []
    assert list(house.outcomes().values()) == [None], "what waits is answered by whoever speaks next"


@pytest.mark.parametrize("measured_with", ["none", "nf4"])
def test_a_confidence_measured_with_another_quantization_says_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, measured_with: str
) -> None:
    model = models.tiny()
    monkeypatch.setattr(speaker, "load_model", lambda *_: model)
    table = Confidence((-9.0, -0.1), 30, (0.0, 1.0), 30, measured_with, 1)
    table.save(desk.home.adapters / "newer")
    speaks, adapter = speaker.responder(desk, desk.archive)
    assert adapter
    assert adapter.card.name == "newer"
    candidate = RecordedCandidate(("yep",))
    sure = speaks.confidence(candidate, [candidate, candidate])
    assert (sure is not None) == (measured_with == model.identity.quantization == "none")


def test_a_revocation_that_is_killed_halfway_leaves_no_adapter_that_may_speak(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> bool:
        raise KeyboardInterrupt

    desk.archive.save_dialogs([Dialog(6, Kind.PRIVATE, "Carla")])
    monkeypatch.setenv("DOPPELGRAM_HOME", str(desk.home.path))
    monkeypatch.setattr(Ledger, "revoke", killed)
    with pytest.raises(KeyboardInterrupt):
        revoke("Carla")
    Ledger(desk.archive).grant(6, Scope.CHAT, "test", "test", now())
    assert chosen.name(desk) == "older"


@pytest.mark.parametrize("how", ["stale", "missing"])
def test_a_named_adapter_that_is_missing_or_stale_leaves_the_base_to_ask_and_says_why(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], how: str
) -> None:
    """Without an adapter's name nothing is sent by itself: `test_without_an_adapter_auto_asks`."""
    monkeypatch.setattr(speaker, "load_model", lambda *_: models.tiny())
    desk.settings.model.adapter = "newer" if how == "stale" else "gone"
    Ledger(desk.archive).revoke(6, now())
    speaks, adapter = speaker.responder(desk, desk.archive)
    assert adapter is None
    candidate = RecordedCandidate(("yep",))
    assert speaks.confidence(candidate, [candidate, candidate]) is None
    said = " ".join(capsys.readouterr().err.split())
    assert ("newer is stale" if how == "stale" else "no adapter in") in said
    assert "it asks" in said
