"""The home folder: where everything private lies, with which mode, and who may use it now.

The folder is 0700 and every file in it 0600. It may not lie inside the project's own checkout, where a careless commit
could publish it.
"""

import fcntl
import os
import secrets
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from data.archive import Archive
from data.errors import ExitCode, UserError

_CHECKOUT = Path(__file__).resolve().parents[1]
KEY_BYTES = 32
LOOKS = 6
"""How often a lock is tried before it counts as held, a twentieth of a second apart."""
LOCKS = ("login.lock", "train.lock", "measure.lock")
FILES = (
    "account.session*",
    "login.session*",
    "companion.session*",
    "archive.db*",
    "live.db*",
    "surrogates.key*",
    "config.toml",
    "agreed.json",
    "rented.json",
    "training.jsonl",
    "PAUSE",
    *LOCKS,
)
"""What doppelgram itself puts into a home: by these a home is told from any other folder, and `wipe` removes them."""
FOLDERS = ("dataset", "adapters", "reports")


@dataclass(frozen=True, slots=True)
class Home:
    """The paths inside one home folder."""

    path: Path

    @classmethod
    def at(cls, path: Path) -> "Home":
        """The home folder at this path, made if missing and closed to others. Raises UserError (exit 3)."""
        path = path.expanduser().resolve()
        if path.is_relative_to(_CHECKOUT) and (_CHECKOUT / "pyproject.toml").exists():
            raise UserError(
                "The home folder may not lie inside the project's checkout: private chats could be committed.",
                "Set DOPPELGRAM_HOME to a folder elsewhere.",
                ExitCode.CONFIGURATION,
            )
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            if any(path.iterdir()) and not any(_matching(path, FILES)):
                raise UserError(
                    f"{path} holds other files and is no home folder of doppelgram's: it is left as it is.",
                    "Set DOPPELGRAM_HOME to a new folder.",
                    ExitCode.CONFIGURATION,
                )
            path.chmod(0o700)
        except OSError as error:
            raise UserError(
                f"The home folder cannot be used: {error.strerror}.",
                "Set DOPPELGRAM_HOME to a folder of yours.",
                ExitCode.CONFIGURATION,
            ) from error
        return cls(path)

    @property
    def session(self) -> Path:
        """Telethon's login file: whoever holds it is logged in."""
        return self.path / "account.session"

    @property
    def companion(self) -> Path:
        """The companion bot's login file."""
        return self.path / "companion.session"

    @property
    def archive(self) -> Path:
        """The messages and the consent ledger."""
        return self.path / "archive.db"

    @property
    def live(self) -> Path:
        """Inbox, suggestions and outbox."""
        return self.path / "live.db"

    @property
    def dataset(self) -> Path:
        """The built dataset."""
        return self.path / "dataset"

    @property
    def adapters(self) -> Path:
        """One folder per adapter."""
        return self.path / "adapters"

    @property
    def reports(self) -> Path:
        """Evaluation reports."""
        return self.path / "reports"

    def open_archive(self) -> Archive:
        """The archive of this home."""
        return Archive(self.archive)

    def key(self) -> bytes:
        """The bytes that surrogates are drawn with; made at the first call, whole or not at all."""
        path = self.path / "surrogates.key"
        if not path.exists():
            handle, fresh = tempfile.mkstemp(dir=self.path, prefix="surrogates.key.")  # 0600 by itself
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(secrets.token_bytes(KEY_BYTES))
                with suppress(FileExistsError):  # another process was faster: its key is the key
                    os.link(fresh, path)
            finally:
                Path(fresh).unlink()
        key = path.read_bytes()
        if len(key) != KEY_BYTES:
            raise UserError(
                "The file surrogates.key is damaged.", "Delete it, then run: doppelgram build, doppelgram train."
            )
        return key

    def holding_login(self, what: str) -> AbstractContextManager[None]:
        """Hold the login for this process: two on one login lose updates. Raises UserError when another has it."""
        return _holding(self.path / "login.lock", what, "using this login")

    def holding_training(self, what: str) -> AbstractContextManager[None]:
        """Hold dataset and unfinished adapter for this process: two would write into one another's. Raises UserError
        when another has them."""
        return _holding(self.path / "train.lock", what, "at work on the dataset and the adapters here")

    def holding_measuring(self, what: str) -> AbstractContextManager[None]:
        """Hold the reports for this process: two would write into one another's. Raises UserError when another has
        them."""
        return _holding(self.path / "measure.lock", what, "measuring an adapter here")

    def ours(self) -> list[Path]:
        """The files, folders apart, that doppelgram itself put here; the locks come last."""
        return sorted(_matching(self.path, FILES), key=lambda path: path.name in LOCKS)

    def is_held(self) -> bool:
        """Whether some process is using the login now."""
        return self.holder() is not None

    def holder(self) -> str | None:
        """The command that is using the login now, such as `doppelgram run`; None if nobody is."""
        return self._holder("login.lock")

    def trainer(self) -> str | None:
        """The command that is at work on dataset and adapters now, such as `doppelgram train`; None if nobody is."""
        return self._holder("train.lock")

    def measurer(self) -> str | None:
        """The command that is measuring an adapter now, such as `doppelgram evaluate`; None if nobody is."""
        return self._holder("measure.lock")

    def _holder(self, lock: str) -> str | None:
        try:
            with (self.path / lock).open(encoding="utf-8") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except BlockingIOError:
                    return file.read().strip() or "another command"
        except FileNotFoundError:
            pass
        return None


def _matching(folder: Path, patterns: Iterable[str]) -> Iterator[Path]:
    return (path for pattern in patterns for path in folder.glob(pattern))


@contextmanager
def _holding(lock: Path, what: str, doing: str) -> Iterator[None]:
    with lock.open("a+", encoding="utf-8") as file:
        os.fchmod(file.fileno(), 0o600)
        if not _locked(file):
            file.seek(0)
            other = file.read().strip() or "another command"
            raise UserError(f"`{other}` is {doing}.", "Wait for it, or stop it first (Ctrl-C there).")
        file.truncate(0)
        file.write(f"doppelgram {what}")
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)


def _locked(file: IO[str]) -> bool:
    """Take the lock. Somebody who only looks has it for a moment, so one refusal is not yet an answer."""
    for _ in range(LOOKS):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.05)
        else:
            return os.fstat(file.fileno()).st_nlink > 0  # else `wipe` held it, and has deleted it meanwhile
    return False
