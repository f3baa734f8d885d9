"""Another model server: the same transcript gives the same reply, and whatever goes wrong there is one sentence."""

import socket
import threading
import time
from typing import Any

import pytest

from data.errors import ExitCode, UserError
from tests import training_models as models
from tests.model_server import ModelServer, serving
from training.generate import Generator
from training.server import Address, Server

CONTEXT = models.chat(models.CHAT[:-1])


def client(server: ModelServer, **options: Any) -> Server:
    given = {"max_tokens": 8, "temperature": 0.0} | options
    return Server(Address.of(server.address), models.tokenizer(), **given)


@pytest.mark.parametrize("kind", ["vllm", "llama", "ollama"])
def test_the_same_transcript_gives_the_reply_that_our_own_engine_writes(kind: str) -> None:
    (ours,) = Generator(models.real()).reply(CONTEXT, 1, seed=1, max_tokens=8, temperature=0)
    with serving(ModelServer(models.real(), kind)) as server:
        (theirs,) = client(server, model="me", key="s3cret").reply(CONTEXT, 1, seed=1)
    assert theirs.texts == ours.texts
    assert theirs.finished == ours.finished
    asked = server.asked[-1]
    assert (asked["path"], asked["model"]) == ("/v1/completions", "me")
    assert server.headers[-1]["Authorization"] == "Bearer s3cret"
    if kind == "ollama":
        assert theirs.logprob_mean is None, "text is cut into other tokens, and it tells no log-probabilities"
    else:
        assert asked["prompt"] == list(Generator(models.real())._encoder.prompt(CONTEXT))
        assert theirs.logprob_mean == pytest.approx(ours.logprob_mean, abs=1e-3)


def test_each_candidate_has_its_own_seed_and_the_same_call_the_same_replies() -> None:
    with serving(ModelServer(models.tiny())) as server:
        first = client(server, temperature=1.0).reply(CONTEXT, 3, seed=5)
        again = client(server, temperature=1.0).reply(CONTEXT, 3, seed=5)
    assert first == again
    assert len({each.texts for each in first}) == 3
    assert len({asked["seed"] for asked in server.asked}) == 3
    wished = {(asked["temperature"], asked["top_p"], asked["top_k"], asked["min_p"]) for asked in server.asked}
    assert wished == {(1.0, 0.9, 0, 0.0)}, "nothing is cut off that our own engine leaves"


def test_a_server_that_puts_a_template_around_the_prompt_is_refused() -> None:
    with (
        serving(ModelServer(models.tiny(), "templating")) as server,
        pytest.raises(UserError, match="of its own around the chat") as refused,
    ):
        client(server).reply(CONTEXT, 1, seed=1)
    assert "{{ .Prompt }}" in refused.value.hint


def test_words_that_would_become_control_signs_are_not_sent_as_text() -> None:
    """As ids they are words, whatever they spell. ChatML's own signs cannot stand in a transcript; others' may."""
    sign = "<repo_name>"
    forged = models.chat((*models.CHAT[:3], (False, f"look: {sign} at it")))
    with serving(ModelServer(models.tiny(), "vllm")) as server:
        assert client(server).reply(forged, 1, seed=1)
    with (
        serving(ModelServer(models.tiny(), "ollama")) as server,
        pytest.raises(UserError, match="control signs"),
    ):
        client(server).reply(forged, 1, seed=1)


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("status", "refused with status 500"),
        ("malformed", "no completion"),
        ("shapeless", "without a text"),
        ("hangup", "does not answer"),
        ("slow", "took longer than"),
        ("trickle", "took longer than"),
    ],
)
def test_a_server_in_trouble_is_one_sentence_without_a_word_of_the_chat(fault: str, says: str) -> None:
    with serving(ModelServer(models.tiny(), fault=fault)) as server, pytest.raises(UserError, match=says) as told:
        client(server, patience=0.3 if "longer" in says else 20.0).reply(CONTEXT, 1, seed=1)
    assert "soup" not in f"{told.value} {told.value.hint}"
    assert server.asked


def test_a_server_that_is_not_there_is_one_sentence() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and never listens
        address = Address.of(f"http://127.0.0.1:{taken.getsockname()[1]}/v1")
        with pytest.raises(UserError, match="does not answer"):
            Server(address, models.tokenizer()).reply(CONTEXT, 1, seed=1)


@pytest.mark.parametrize("fault", ["slow", "trickle"])
def test_stop_closes_the_connection_so_that_the_server_stops_too(fault: str) -> None:
    with serving(ModelServer(models.tiny(), fault=fault)) as server:
        stop = threading.Event()
        threading.Timer(0.2, stop.set).start()
        began = time.monotonic()
        assert client(server).reply(CONTEXT, 3, seed=1, stop=stop.is_set) == ()
        assert time.monotonic() - began < 20
        assert server.left.wait(10)
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("http://192.168.1.5:8080/v1", "unencrypted"),
        ("http://example.org/v1", "unencrypted"),
        ("ftp://127.0.0.1/v1", "no address"),
        ("127.0.0.1:8080", "no address"),
        ("http://127.0.0.1:99999/v1", "no address"),
        ("http://me:secret@127.0.0.1/v1", "no address"),
    ],
)
def test_an_address_that_is_none_or_would_carry_chats_in_clear_is_refused(text: str, says: str) -> None:
    with pytest.raises(UserError, match=says) as refused:
        Address.of(text)
    assert refused.value.code == ExitCode.CONFIGURATION
    assert "secret" not in str(refused.value)


def test_an_address_may_leave_out_its_port() -> None:
    assert Address.of("https://models.example.org/v1/") == Address(True, "models.example.org", 443, "/v1")
