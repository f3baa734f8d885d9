"""A model hub on loopback, as far as huggingface_hub asks one: which files a revision has, and their content."""

import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Revisions = Mapping[str, Mapping[str, bytes]]
"""The files of each revision by their names."""


class Hub(ThreadingHTTPServer):
    """It has one model, whatever it is called. `asked` are the paths of all requests."""

    def __init__(self, revisions: Revisions) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.revisions = revisions
        self.asked: list[str] = []

    @property
    def address(self) -> str:
        """Where it is, for HF_ENDPOINT."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def files(self, revision: str) -> Mapping[str, bytes] | None:
        """Those of a revision, by its name or its commit."""
        return next((f for name, f in self.revisions.items() if revision in (name, commit(name))), None)


def commit(revision: str) -> str:
    """What stands for a revision's content."""
    return hashlib.sha1(revision.encode()).hexdigest()


@contextmanager
def hub(revisions: Revisions) -> Iterator[Hub]:
    """A hub for as long as the context lasts."""
    with Hub(revisions) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Hub

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        path = self.path.partition("?")[0]
        if "/tree/" in path:
            self._tree(path.partition("/tree/")[2])
        elif path.startswith("/api/models/"):
            self._info(path.partition("/revision/")[2] or "main")
        else:
            _, _, rest = path.partition("/resolve/")
            revision, _, name = rest.partition("/")
            self._file(revision, name)

    do_HEAD = do_GET

    def _info(self, revision: str) -> None:
        files = self.server.files(revision)
        if files is None:
            self._answer(404, b"{}", {"X-Error-Code": "RevisionNotFound"})
            return
        name = next(name for name, each in self.server.revisions.items() if each is files)
        told = {"id": "some/model", "sha": commit(name), "siblings": [{"rfilename": each} for each in files]}
        self._answer(200, json.dumps(told).encode(), {"Content-Type": "application/json"})

    def _tree(self, revision: str) -> None:
        files = self.server.files(revision) or {}
        told = [
            {"type": "file", "path": name, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}
            for name, content in files.items()
        ]
        self._answer(200, json.dumps(told).encode(), {"Content-Type": "application/json"})

    def _file(self, revision: str, name: str) -> None:
        files = self.server.files(revision)
        if files is None or name not in files:
            self._answer(404, b"", {"X-Error-Code": "EntryNotFound"})
            return
        etag = hashlib.sha1(files[name]).hexdigest()
        self._answer(200, files[name], {"ETag": f'"{etag}"', "X-Repo-Commit": revision})

    def _answer(self, status: int, content: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Quiet."""
