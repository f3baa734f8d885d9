"""A model server in the settings: nothing goes there before the owner agreed, once; and what it says is confidence."""

import json
from pathlib import Path

import pytest

from bot import agreement, speaker
from bot.desk import Desk
from bot.home import Home
from bot.settings import ModelSettings, Settings
from data.errors import ExitCode, UserError
from tests import training_models as models
from tests.fakes import RecordedCandidate
from tests.model_server import ModelServer, serving
from tests.test_bot_chosen import two_adapters
from training import model
from training.confidence import Confidence
from training.server import Server


def at(path: Path, server: str, **settings: object) -> Desk:
    wanted = ModelSettings(server=server, base="smollm2", cache=models.MODELS, **settings)  # type: ignore[arg-type]
    return Desk(Settings(home=path, model=wanted), Home.at(path))


def test_nothing_is_sent_before_the_owner_agrees_and_then_it_never_asks_again(tmp_path: Path) -> None:
    with serving(ModelServer(models.tiny())) as server:
        desk = at(tmp_path, server.address)
        with pytest.raises(UserError, match="have not agreed") as refused:
            speaker.responder(desk, desk.archive)
        assert refused.value.code == ExitCode.USAGE
        with pytest.raises(UserError, match="Nothing was sent") as refused:
            agreement.ask_once(desk, yes=False)  # no terminal here
        assert "--yes" in refused.value.hint
        agreement.ask_once(desk, yes=True)
        agreement.ask_once(at(tmp_path, server.address), yes=False)
        speaks, adapter = speaker.responder(desk, desk.archive)
        assert isinstance(speaks.generator, Server)
        assert adapter is None
        made = speaks.generator.reply(models.chat(models.CHAT[:-1]), 1, 1)
        assert made
        assert speaks.confidence(made[0], made) is None
        desk.archive.close()


def test_another_receiver_is_asked_about_anew_and_a_damaged_answer_is_none(tmp_path: Path) -> None:
    agreement.ask_once(at(tmp_path, "http://127.0.0.1:8080/v1"), yes=True)
    for other in ("http://127.0.0.1:8081/v1", "https://models.example.org/v1"):
        with pytest.raises(UserError):
            agreement.ask_once(at(tmp_path, other), yes=False)
    (tmp_path / "agreed.json").write_text('{"model_server": ')
    with pytest.raises(UserError):
        agreement.ask_once(at(tmp_path, "http://127.0.0.1:8080/v1"), yes=False)


def test_without_a_server_there_is_nothing_to_agree_to(tmp_path: Path) -> None:
    desk = Desk(Settings(home=tmp_path), Home.at(tmp_path))
    agreement.ask_once(desk, yes=False)
    assert agreement.address(desk) is None
    assert not (tmp_path / "agreed.json").exists()


@pytest.mark.parametrize(
    ("runs", "logprob", "sure"), [("none", -1.0, True), ("auto", -1.0, False), ("none", None, False)]
)
def test_a_servers_log_probabilities_count_only_where_the_owner_says_what_it_runs(
    tmp_path: Path,
    runs: str,
    logprob: float | None,
    sure: bool,
) -> None:
    desk = two_adapters(tmp_path)
    known = model.identify("smollm2", "", models.tokenizer(), models.tiny().causal)
    for card in desk.home.adapters.glob("*/card.json"):
        same = {"template": known.template, "tokenizer": known.tokenizer}
        card.write_text(json.dumps(json.loads(card.read_text()) | same))
    Confidence((-9.0, -0.1), 30, (0.0, 1.0), 30, "none", 1).save(desk.home.adapters / "newer")
    ours = at(desk.home.path, "http://127.0.0.1:9/v1", quantization=runs)
    agreement.ask_once(ours, yes=True)
    speaks, adapter = speaker.responder(ours, desk.archive)
    assert adapter
    candidate = RecordedCandidate(("yep",), logprob)
    assert (speaks.confidence(candidate, [candidate, candidate]) is not None) == sure
    desk.archive.close()


def test_an_adapter_of_another_tokenizer_does_not_speak_through_a_server(tmp_path: Path) -> None:
    desk = two_adapters(tmp_path)
    ours = at(desk.home.path, "http://127.0.0.1:9/v1")
    agreement.ask_once(ours, yes=True)
    with pytest.raises(UserError, match="does not fit this model"):
        speaker.responder(ours, desk.archive)
    desk.archive.close()
