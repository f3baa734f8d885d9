"""A training on another machine, over plain `ssh`: what it needs goes there, the adapter comes back, nothing stays.

The training runs on by itself when the connection is lost. A machine that is rented by the hour is somebody else's, so
what comes back from it is not trusted either.
"""

import io
import json
import secrets
import shlex
import subprocess
import tarfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import IO, Any

from data.errors import ExitCode, UserError
from data.samples import open_private
from training import adapter, network, position

FOLDER = ".doppelgram-rented"
"""In the home folder there, followed by a random token."""
OPTIONS = (
    *("BatchMode=yes", "ConnectTimeout=20", "ServerAliveInterval=15", "ServerAliveCountMax=4", "ForwardAgent=no"),
    "Compression=yes",
)
LOST = 255
"""The exit status by which ssh says that the connection, not the command, has failed."""
PAUSES = (1, 2, 5, 10, 30)
"""Seconds between attempts to reach the machine again; the last for all further ones."""
GRACE = 3600
"""Seconds for which a finished training lies there before it deletes itself, should nobody come for it."""
FETCHED = ("adapter_config.json", adapter.WEIGHTS, "card.json", "confidence.json", *network.FILES)
_MOST = 16 * 2**30
"""Bytes of one file that are taken back."""
_MOST_ENTRIES = 100
"""Of what lies there, folders too, so many are looked at."""
_LOOK = """
for python in "$HOME/doppelgram/.venv/bin/python" python3; do
  "$python" -c 'import bot.rented' 2>/dev/null && exec "$python" -m bot.rented --look
done
exit 3
"""
_WORK = """
cd "$HOME/{folder}" || exit 1
for python in "$HOME/doppelgram/.venv/bin/python" python3; do
  "$python" -c 'import bot.rented' 2>/dev/null && break
done
DOPPELGRAM_HOME="$PWD/home" timeout --foreground -k 60 -s INT {seconds} "$python" -m bot.rented >report 2>log
echo $? >ended
sleep {grace}
cd / && rm -rf "$HOME/{folder}"
"""
_FOLLOW = """
cd "$HOME/{folder}" 2>/dev/null || exit 4
touch log
tail -n +{line} -f log & tail=$!
while [ ! -e ended ]; do kill -0 "$(cat pid)" 2>/dev/null || break; sleep 1; done
sleep 1; kill $tail; [ -e ended ]
"""
_WIPE = """
cd "$HOME" || exit 1
kill -- -"$(cat {folder}/pid)" 2>/dev/null; sleep 1
rm -rf {folder} && ls -d {folder} 2>/dev/null | wc -l
"""


@dataclass(frozen=True, slots=True)
class Rented:
    """A training that lies on a machine: ssh's name of it, and the folder there."""

    host: str
    folder: str
    until: float = 0.0
    """Seconds since 1970: by then it has deleted itself there."""
    unfinished: str = ""
    """The name of the unfinished training, of those at home, that it goes on with."""
    dataset: str = ""
    """The hash of the dataset that went there."""
    built_at: str = ""
    """When its chats were read."""
    scopes: Mapping[str, str] = field(default_factory=dict)
    """The chats in it, by id, and how much of each may be used."""

    @classmethod
    def new(cls, host: str) -> "Rented":
        """A folder of its own there. Raises `UserError` where ssh would take the host for an option."""
        if not host or host.startswith("-") or any(char.isspace() for char in host):
            raise UserError(
                "That is no machine that ssh could reach.", "Give it as user@host, or by its name in ~/.ssh/config."
            )
        return cls(host, f"{FOLDER}-{secrets.token_hex(8)}")

    @classmethod
    def read(cls, file: Path) -> "Rented | None":
        """The one that a file tells of; None without a file."""
        try:
            values = json.loads(file.read_text(encoding="utf-8"))
            rented = cls(values["host"], values["folder"], float(values["until"]), str(values.get("unfinished", "")))
            dataset, built_at = values.get("dataset", ""), str(values.get("built_at", ""))
            return replace(rented, dataset=dataset, built_at=built_at, scopes=values.get("scopes", {}))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def as_json(self) -> str:
        """What `read` reads."""
        return json.dumps(asdict(self)) + "\n"

    def look(self) -> dict[str, Any]:
        """What the machine is: `version` of the program there, `gpu` (its name or None), `free_bytes` of its disk."""
        done = self._run(_LOOK, refused=False)
        if done.returncode == LOST:
            raise self._unreachable(done.stderr)
        if done.returncode:
            raise UserError(
                f"There is no doppelgram on {self.host}.",
                "Install it there as docs/rented-gpu.md says, in ~/doppelgram.",
                ExitCode.CONFIGURATION,
            )
        try:
            found = json.loads(done.stdout.splitlines()[-1])
            gpu, free = found["gpu"], int(found["free_bytes"])
            return {"version": str(found["version"]), "gpu": None if gpu is None else str(gpu), "free_bytes": free}
        except (IndexError, KeyError, OverflowError, TypeError, ValueError) as error:
            raise UserError(
                f"{self.host} does not tell what it is.", "Install doppelgram anew there, or rent another machine."
            ) from error

    def send(self, dataset: Path, settings: str, unfinished: Path | None = None) -> int:
        """Copy a dataset and the settings there, and a training to go on with, readable by that account alone. Returns
        the bytes."""
        script = f'umask 077; mkdir -p "$HOME/{self.folder}" && tar -xf - -C "$HOME/{self.folder}"'
        with subprocess.Popen(self._command(script), stdin=subprocess.PIPE, stderr=subprocess.PIPE) as ssh:
            with suppress(BrokenPipeError), tarfile.open(fileobj=ssh.stdin, mode="w|") as tar:
                for path in sorted(dataset.glob("*.json*")):
                    tar.add(path, f"home/dataset/{path.name}", filter=_anonymous)
                if unfinished:
                    for path in position.parts(unfinished):
                        tar.add(path, f"home/adapters/{path.relative_to(unfinished.parent)}", filter=_anonymous)
                entry = tarfile.TarInfo("home/config.toml")
                entry.size, entry.mode = len(settings.encode()), 0o600
                tar.addfile(entry, io.BytesIO(settings.encode()))
            _, said = ssh.communicate()
        if ssh.returncode:
            raise self._unreachable(said.decode(errors="replace"))
        return tar.offset

    def start(self, seconds: int) -> None:
        """Begin the training there, in a session of its own, to be stopped after so long whatever happens."""
        work = shlex.quote(_WORK.format(folder=self.folder, seconds=seconds, grace=GRACE))
        self._run(
            f'umask 077; cd "$HOME/{self.folder}" && '
            f"{{ setsid sh -c {work} </dev/null >/dev/null 2>&1 & echo $! >pid; }}"
        )

    def follow(self, lost: Callable[[int], None], sleep: Callable[[float], None] = time.sleep) -> Iterator[str]:
        """Each line that the training says, to its end, over as many connections as that takes.

        `lost(seconds)` is told before each pause. Raises `UserError` when nothing of it is there any more.
        """
        lines, failures = 0, 0
        while True:
            command = self._command(_FOLLOW.format(folder=self.folder, line=lines + 1))
            with subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            ) as ssh:
                assert ssh.stdout
                for line in ssh.stdout:
                    if not line.endswith(b"\n"):  # cut off in its middle: it comes again
                        break
                    lines, failures = lines + 1, 0
                    yield line.decode(errors="replace").rstrip()
            if ssh.returncode == 0:
                return
            if ssh.returncode != LOST:
                raise UserError(
                    f"The training on {self.host} is gone: it was stopped there, or its time there is over.",
                    "Run the same command to begin anew.",
                )
            pause = PAUSES[min(failures, len(PAUSES) - 1)]
            failures += 1
            lost(pause)
            sleep(pause)

    def report(self) -> Mapping[str, Any]:
        """What the training told at its end: its figures, or `error` and `hint`."""
        told = self._run(f'cat "$HOME/{self.folder}/report"').stdout.splitlines()
        try:
            found = json.loads(told[-1])
        except (IndexError, ValueError):
            found = None
        if not isinstance(found, dict):
            return {"error": "The training there ended without a report.", "hint": "Its time may have been too short."}
        return found

    def fetch(self, place: Path) -> None:
        """Copy the adapter into `place`, which must exist: the files of an adapter and nothing else.

        Raises `UserError` unless all of it came, weights among it.
        """
        self._copy(place, _of_an_adapter)
        if not any((place / weights).exists() for weights in (adapter.WEIGHTS, network.WEIGHTS)):
            raise self._by_hand("The adapter there has no weights")

    def fetch_unfinished(self, place: Path) -> None:
        """Copy the unfinished training, if there is one, into `place`, which must exist. Raises `UserError` unless all
        of it came."""
        self._copy(place, _of_a_training)

    def _copy(self, place: Path, where: Callable[[str], str | None]) -> None:
        """What `where` has a place for."""
        command = self._command(f'cd "$HOME/{self.folder}/home" && mkdir -p adapters && tar -cf - -C adapters .')
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as ssh:
            assert ssh.stdout
            try:
                with tarfile.open(fileobj=ssh.stdout, mode="r|") as tar:
                    for entry in islice(tar, _MOST_ENTRIES):
                        if entry.isfile() and (name := where(entry.name)):
                            self._take(tar, entry, place / name)
            except (tarfile.TarError, EOFError) as error:  # cut off in its middle
                raise self._unreachable("") from error
        if ssh.returncode:
            raise self._unreachable("")

    def _take(self, tar: tarfile.TarFile, entry: tarfile.TarInfo, path: Path) -> None:
        if entry.size > _MOST:
            raise self._by_hand(f"{path.name} there is larger than {_MOST / 2**30:.0f} GiB")
        if content := tar.extractfile(entry):
            path.parent.mkdir(mode=0o700, exist_ok=True)
            _write(path, content)

    def _by_hand(self, why: str) -> UserError:
        return UserError(
            f"{why}, so it was not fetched, and nothing was deleted there.",
            f"Look into ~/{self.folder}/home/adapters on {self.host}, then destroy that machine at its provider.",
        )

    def wipe(self) -> None:
        """Stop what runs there and delete all of it. Raises `UserError` unless the machine shows that it is gone."""
        done = self._run(_WIPE.format(folder=self.folder), refused=False)
        if done.returncode == LOST:
            raise self._unreachable(done.stderr)
        if done.stdout.strip() != "0":
            raise UserError(f"{self.host} still holds ~/{self.folder}.", "Destroy that machine at its provider.")

    def _command(self, script: str) -> list[str]:
        options = [word for option in OPTIONS for word in ("-o", option)]
        return ["ssh", "-T", *options, "--", self.host, f"sh -c {shlex.quote(script)}"]

    def _run(self, script: str, given: bytes = b"", *, refused: bool = True) -> "subprocess.CompletedProcess[str]":
        try:
            raw = subprocess.run(self._command(script), input=given, capture_output=True)
        except FileNotFoundError as error:
            raise UserError("There is no ssh on this machine.", "Install OpenSSH's client.") from error
        out, err = (each.decode(errors="replace") for each in (raw.stdout, raw.stderr))
        if refused and raw.returncode:
            raise self._unreachable(err)
        return subprocess.CompletedProcess(raw.args, raw.returncode, out, err)

    def _unreachable(self, said: str) -> UserError:
        last = (said.strip().splitlines() or ["the connection was lost"])[-1]
        return UserError(
            f"ssh {self.host} failed: {last[:200]}",
            f"Try `ssh {self.host}` by hand: its host key and your login must be known. Then run the same command.",
        )


def _of_an_adapter(name: str) -> str | None:
    last = name.rpartition("/")[2]
    return last if last in FETCHED else None


def _of_a_training(name: str) -> str | None:
    inside = "/".join(name.split("/")[-2:])
    return inside if position.PARTS.fullmatch(inside) else None


def _anonymous(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """Without the name of the account here."""
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    entry.mode = 0o600
    return entry


def _write(path: Path, content: IO[bytes]) -> None:
    with open_private(path) as file:
        while part := content.read(2**20):
            file.write(part)
