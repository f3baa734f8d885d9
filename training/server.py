"""Another model server: the same transcript, continued by llama-server, vLLM, Ollama or whatever speaks OpenAI's API.

It is the completions endpoint, not the chat one, because the prompt is ours: the very token ids that training uses.
llama-server and vLLM take ids. Ollama takes text alone and puts a template of its own around it unless the model is
made without one; so text is sent only if a tokenizer finds the same control tokens in it, and every answer's count of
prompt tokens must fit what was sent.

No torch here. Nothing is kept: servers keep what they have read themselves.
"""

import contextlib
import http.client
import json
import math
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from data.errors import ExitCode, UserError
from data.transcript import Transcript
from training.candidate import Candidate, candidate
from training.encode import CONTEXT_TOKENS, Encoder

LOOPBACK = ("127.0.0.1", "::1", "localhost")
LARGEST = 1 << 20
"""Bytes of an answer that are read: a reply has a few thousand."""
DRIFT = 3
"""By how many tokens two tokenizers may count one text differently; a template adds more."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens. `of` raises `UserError` (exit 3) for no address, or one that carries chats in clear."""

    secure: bool
    host: str
    port: int
    path: str

    @classmethod
    def of(cls, text: str) -> "Address":
        """From `http://127.0.0.1:8080/v1` or the like."""
        try:
            parts = urlsplit(text)
            port = parts.port
        except ValueError:
            parts, port = urlsplit(""), None
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.username:
            raise UserError(
                "MODEL__SERVER is no address of a model server.",
                "Write it as http://127.0.0.1:8080/v1",
                ExitCode.CONFIGURATION,
            )
        if parts.scheme == "http" and parts.hostname not in LOOPBACK:
            raise UserError(
                f"{parts.hostname} would get the chats unencrypted.",
                "Use https://, or a tunnel: ssh -L 8080:127.0.0.1:8080 HOST, and http://127.0.0.1:8080/v1",
                ExitCode.CONFIGURATION,
            )
        secure = parts.scheme == "https"
        return cls(secure, parts.hostname, port or (443 if secure else 80), parts.path.rstrip("/"))

    @property
    def name(self) -> str:
        """`host:port`, for people."""
        return f"{self.host}:{self.port}"


class Server:
    """Writes replies through one server. Raises `UserError` where it does not answer as it should."""

    def __init__(
        self,
        address: Address,
        tokenizer: Any,
        *,
        model: str = "",
        key: str = "",
        max_tokens: int = 96,
        temperature: float = 0.8,
        top_p: float = 0.9,
        patience: float = 120.0,
    ) -> None:
        """`model` is what the server calls the adapter, `patience` the seconds that one candidate may take."""
        self._address, self._key, self._patience = address, key, patience
        self._tokenizer = tokenizer
        self._encoder = Encoder(tokenizer)
        self._control = sorted(str(tokenizer.convert_ids_to_tokens(i)) for i in self._encoder.special)
        self._end = str(tokenizer.convert_ids_to_tokens(self._encoder.end))
        self._wish: dict[str, Any] = {"max_tokens": max_tokens, "temperature": temperature, "top_p": top_p}
        self._wish |= {"stop": [self._end], "logprobs": 1, "n_probs": 1}  # the latter is llama-server's own word for it
        self._wish |= {"top_k": 0, "min_p": 0.0}  # else some servers cut more off than we do
        self._wish |= {"model": model} if model else {}
        self._takes_ids = True

    def reply(
        self, transcript: Transcript, n: int, seed: int, *, dialog: int = 0, stop: Callable[[], bool] | None = None
    ) -> tuple[Candidate, ...]:
        """Up to `n` candidates, one request each, so that each has its seed and the server its prompt in memory. Once
        `stop` says yes, the connection is closed, at which servers stop computing, and the result is empty."""
        asked = stop or (lambda: False)
        prompt = self._encoder.prompt(transcript, CONTEXT_TOKENS)
        found: list[Candidate] = []
        for index in range(n):
            answer = self._ask(prompt, (seed * 1_000_003 + index) % 2**31, asked)
            if answer is None:
                return ()
            if made := self._candidate(answer):
                found.append(made)
        return tuple(found)

    def forget(self, dialog: int) -> None:
        """Nothing of a chat is kept here."""

    def restart(self) -> None:
        """Nothing here can be damaged."""

    def _ask(self, prompt: Sequence[int], seed: int, stop: Callable[[], bool]) -> dict[str, Any] | None:
        """The server's answer, None when stopped."""
        if self._takes_ids:
            status, answer = self._post({"prompt": list(prompt), "seed": seed}, stop)
            if status not in (400, 422):
                return self._checked(status, answer, len(prompt), 0)
            self._takes_ids = False
        text, count = self._text(prompt)
        status, answer = self._post({"prompt": text, "seed": seed}, stop)
        if status in (400, 422):
            self._takes_ids = True  # it was not the ids that it did not like
        return self._checked(status, answer, count, DRIFT)

    def _text(self, prompt: Sequence[int]) -> tuple[str, int]:
        """The prompt as text, and its number of tokens as text."""
        text = str(self._tokenizer.decode(list(prompt), skip_special_tokens=False, clean_up_tokenization_spaces=False))
        again = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        special = self._encoder.special
        if [i for i in again if i in special] != [i for i in prompt if i in special]:
            raise UserError(
                "This chat holds words that the model server would take for control signs.",
                "Use a server that takes token ids, such as llama-server or vLLM.",
            )
        return text, len(again)

    def _post(self, body: dict[str, Any], stop: Callable[[], bool]) -> tuple[int, dict[str, Any] | None]:
        """Status and answer; status 0 when stopped."""
        call = _Call(self._address, self._key, self._wish | body)
        deadline = time.monotonic() + self._patience
        while not call.done.wait(0.02):
            if stop():
                call.cancel()
                return 0, None
            if time.monotonic() > deadline:
                call.cancel()
                raise _trouble(self._address, f"took longer than {self._patience:.0f} s")
        if call.failed:
            raise _trouble(self._address, f"does not answer ({type(call.failed).__name__})") from call.failed
        return call.status, call.answer

    def _checked(self, status: int, answer: dict[str, Any] | None, sent: int, drift: int) -> dict[str, Any] | None:
        if status == 0:
            return None
        if status != 200:  # what it says may repeat the chat, so only the number is told
            raise _trouble(self._address, f"refused with status {status}")
        choices = answer.get("choices") if answer else None
        if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
            raise _trouble(self._address, "answered with something that is no completion")
        if not isinstance(choices[0].get("text"), str):
            raise _trouble(self._address, "answered without a text")
        usage = answer.get("usage") if answer else None
        counted = usage.get("prompt_tokens") if isinstance(usage, dict) else None
        if isinstance(counted, int) and (counted > sent + drift or (not drift and counted != sent)):
            raise UserError(
                f"The model server {self._address.name} read {counted} tokens where {sent} were sent:"
                " it puts something of its own around the chat.",
                'With Ollama, make the model with TEMPLATE "{{ .Prompt }}".',
                ExitCode.CONFIGURATION,
            )
        return choices[0]

    def _candidate(self, choice: dict[str, Any]) -> Candidate | None:
        written, ended, _ = str(choice["text"]).partition(self._end)
        if any(token in written for token in self._control):
            return None
        finished = bool(ended) or choice.get("finish_reason") == "stop"
        # Text is cut into tokens otherwise than in training, so its log-probabilities are on no known scale.
        logprob = _mean_logprob(choice.get("logprobs")) if self._takes_ids else None
        return candidate(written, finished, logprob, len(self._tokenizer(written)["input_ids"]))


class _Call:
    """One request, in a thread that may be left behind: a socket that hangs must not hold up a stop."""

    def __init__(self, address: Address, key: str, body: dict[str, Any]) -> None:
        kind = http.client.HTTPSConnection if address.secure else http.client.HTTPConnection
        self._connection = kind(address.host, address.port, timeout=600)
        self._sock: socket.socket | None = None
        self._cancelled = False
        self._request = (address, key, body)
        self.done = threading.Event()
        self.status = 0
        self.answer: dict[str, Any] | None = None
        self.failed: Exception | None = None
        threading.Thread(target=self._run, name="model server", daemon=True).start()

    def _run(self) -> None:
        address, key, body = self._request
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
        try:
            # http.client follows no redirect and asks no proxy: the chat goes where the settings say.
            self._connection.connect()
            self._sock = self._connection.sock  # while an answer is read, `http.client` hands it away
            if self._cancelled:
                raise ConnectionAbortedError
            self._connection.request("POST", f"{address.path}/completions", json.dumps(body), headers)
            with self._connection.getresponse() as response:
                self.status = response.status
                answer = json.loads(response.read(LARGEST)) if response.status == 200 else None
            self.answer = answer if isinstance(answer, dict) else {}
        except (ValueError, RecursionError):  # not JSON, or not text, or a trap
            self.answer = {}
        except (OSError, http.client.HTTPException) as error:
            self.failed = error
        finally:
            self._connection.close()
            self.done.set()

    def cancel(self) -> None:
        """Close the connection under the thread's hands; one that is not open yet carries nothing."""
        self._cancelled = True
        if self._sock:
            with contextlib.suppress(OSError):
                self._sock.shutdown(socket.SHUT_RDWR)


def _mean_logprob(told: Any) -> float | None:
    """From vLLM's form (a list of numbers) or llama-server's (a list of objects); None for anything else."""
    if not isinstance(told, dict):
        return None
    each = told.get("token_logprobs")
    if each is None and isinstance(told.get("content"), list):
        each = [entry.get("logprob") if isinstance(entry, dict) else None for entry in told["content"]]
    if not isinstance(each, list) or not each:
        return None
    if not all(isinstance(value, int | float) and math.isfinite(value) and value <= 0 for value in each):
        return None
    return sum(each) / len(each)


def _trouble(address: Address, what: str) -> UserError:
    return UserError(
        f"The model server {address.name} {what}.",
        "See whether it runs, and whether DOPPELGRAM_MODEL__SERVER is right.",
    )
