"""A small model server of OpenAI's kind for tests: real HTTP, the real small model behind it, and faults on demand."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import torch

from training.model import LanguageModel


@dataclass
class ModelServer:
    """What it is like, and what it was asked. `kind`: vllm, llama (llama-server), ollama, or templating (Ollama with a
    template of its own)."""

    model: LanguageModel
    kind: str = "vllm"
    fault: str = ""
    """status, malformed, shapeless, slow, trickle, or hangup."""
    asked: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    left: threading.Event = field(default_factory=threading.Event)
    """The client closed the connection before it was answered."""
    port: int = 0

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def ids(self, prompt: Any) -> list[int] | None:
        """The prompt's token ids, None for one that this kind refuses."""
        if self.kind in ("vllm", "llama"):
            return list(prompt) if isinstance(prompt, list) else None
        if not isinstance(prompt, str):
            return None
        if self.kind == "templating":
            turn = [{"role": "user", "content": prompt}]
            prompt = self.model.tokenizer.apply_chat_template(turn, tokenize=False, add_generation_prompt=True)
        return list(self.model.tokenizer(prompt, add_special_tokens=False)["input_ids"])

    def complete(self, asked: dict[str, Any], ids: list[int]) -> dict[str, Any]:
        """A completion by transformers' own `generate`, greedy at temperature 0."""
        inputs = torch.tensor([ids])
        torch.manual_seed(asked["seed"])
        sampling = {"do_sample": True, "temperature": asked["temperature"], "top_p": asked["top_p"], "top_k": 0}
        greedy = {"do_sample": False, "temperature": None, "top_p": None, "top_k": None}
        end = self.model.tokenizer.convert_tokens_to_ids(asked["stop"][0])
        with torch.inference_mode(), torch.random.fork_rng(devices=[]):
            made = self.model.causal.generate(
                inputs,
                attention_mask=torch.ones_like(inputs),
                max_new_tokens=asked["max_tokens"],
                eos_token_id=end,
                pad_token_id=end,
                output_logits=True,
                return_dict_in_generate=True,
                **(sampling if asked["temperature"] else greedy),
            )
        new = made.sequences[0, len(ids) :].tolist()
        told = [float(step[0].log_softmax(-1)[i]) for step, i in zip(made.logits, new, strict=True)]
        logprobs = {
            "vllm": {"token_logprobs": told},
            "llama": {"content": [{"id": i, "logprob": each} for i, each in zip(new, told, strict=True)]},
        }
        return {
            "choices": [
                {
                    "text": self.model.tokenizer.decode([i for i in new if i != end]),
                    "finish_reason": "stop" if new[-1] == end else "length",
                    "logprobs": logprobs.get(self.kind),
                }
            ],
            "usage": {"prompt_tokens": len(ids), "completion_tokens": len(new)},
        }


@contextmanager
def serving(server: ModelServer) -> Iterator[ModelServer]:
    """The server on a port of its own."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            server.asked.append(asked | {"path": self.path})
            server.headers.append(dict(self.headers))
            if server.fault == "slow":
                self.connection.settimeout(30)
                if not self.connection.recv(1):  # the client went away
                    server.left.set()
                return
            if server.fault == "hangup":
                return
            if server.fault == "trickle":
                self.send_response(200)
                self.send_header("Content-Length", "1000000")
                self.end_headers()
                try:
                    while True:
                        self.wfile.write(b" ")
                        time.sleep(0.05)
                except OSError:
                    server.left.set()
                return
            ids = server.ids(asked["prompt"])
            status = 500 if server.fault == "status" else 400 if ids is None else 200
            faulty = {"malformed": b'{"choices": [', "shapeless": b'{"choices": [{"text": 7}]}'}.get(server.fault)
            answer = {"error": "no"} if status != 200 or ids is None else {} if faulty else server.complete(asked, ids)
            body = faulty or json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.daemon_threads = True
        server.port = http.server_address[1]
        thread = threading.Thread(target=http.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            http.shutdown()
            thread.join()
