"""A real OpenSSH server on loopback with an account's home of its own, and an `ssh` that knows it as `rented`."""

import getpass
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests import training_models as models

ROOT = Path(__file__).resolve().parents[1]
SSHD = Path("/usr/sbin/sshd")
SERVER = """
Port {port}
ListenAddress 127.0.0.1
HostKey {path}/host
PidFile none
AuthorizedKeysFile {path}/login.pub
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin yes
SetEnv HOME={home} PATH={path}/first:{python}:/usr/bin:/bin PYTHONPATH={root} DOPPELGRAM_MODEL__CACHE={cache} {more}
"""
CLIENT = """
Host rented
  HostName 127.0.0.1
  Port {port}
  User {user}
  IdentityFile {path}/login
  IdentitiesOnly yes
  UserKnownHostsFile {path}/known
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking yes
"""


@dataclass(frozen=True)
class Machine:
    """The machine that is rented."""

    path: Path
    server: "subprocess.Popen[bytes]"

    @property
    def home(self) -> Path:
        """The account's home there."""
        return self.path / "there"

    @property
    def bin(self) -> Path:
        """Where its `ssh` lies."""
        return self.path / "bin"

    def puts(self, name: str, script: str) -> None:
        """Put a program there that is found before the machine's own of this name: a machine with something wrong."""
        program = self.path / "first" / name
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)

    def cut(self) -> int:
        """End every connection to it, as a network that fails does. Returns how many processes served them."""
        found = [pid for pid in _children(self.server.pid) if _name(pid).startswith("sshd")]
        for pid in found:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return len(found)


def _children(pid: int) -> list[int]:
    try:
        direct = [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []
    return [each for child in direct for each in (child, *_children(child))]


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


@contextmanager
def machine(path: Path) -> Iterator[Machine]:
    """A machine that answers."""
    path.mkdir()
    for name in ("host", "login"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path / name)], check=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    values = {"path": path, "port": port, "user": getpass.getuser(), "home": path / "there", "root": ROOT}
    values |= {"python": Path(sys.executable).parent, "cache": models.MODELS, "more": "DOPPELGRAM_MODEL__THREADS=1"}
    (path / "sshd_config").write_text(SERVER.format(**values))
    (path / "ssh_config").write_text(CLIENT.format(**values))
    key = " ".join((path / "host.pub").read_text().split()[:2])
    (path / "known").write_text(f"[127.0.0.1]:{port} {key}\n")
    for name in ("there", "first", "bin"):
        (path / name).mkdir()
    (path / "bin" / "ssh").write_text(f'#!/bin/sh\nexec /usr/bin/ssh -F {path}/ssh_config "$@"\n')
    (path / "bin" / "ssh").chmod(0o755)
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # a service makes it; a container has none
    server = subprocess.Popen([str(SSHD), "-D", "-e", "-f", str(path / "sshd_config")], stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            time.sleep(0.05)
        yield Machine(path, server)
    finally:
        server.terminate()
        server.wait()
