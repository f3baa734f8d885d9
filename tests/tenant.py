"""Whoever has rented a machine: a home with a dataset, and what lies in it and there."""

import json
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

from bot.desk import Desk
from bot.home import Home
from bot.settings import CompanionSettings, ModelSettings, Settings, TelegramSettings, TrainSettings
from data import samples
from data.consent import Ledger
from data.samples import DatasetCard, write_private
from data.transcript import Scope
from tests import training_models as models
from tests.sshd import Machine
from training import adapter, position
from training.adapter import Adapter, Card
from training.remote import FOLDER, Rented

SECRETS = ("0123456789abcdef0123456789abcdef", "12345678:AAFthisisnotoneofabot", "31337133", "key-of-a-model-server")
CHECKPOINT = "checkpoint-000000003"


@contextmanager
def tenant(path: Path) -> Iterator[Desk]:
    """A home as one who is logged in has it, with a dataset."""
    home = Home.at(path)
    models.dataset(home.dataset, models.windows(2))
    with closing(home.open_archive()) as archive:
        for dialog_id in range(2):
            Ledger(archive).grant(dialog_id, Scope.CHAT, "test", "test", datetime.now(UTC))
    api_hash, token, api_id, server_key = SECRETS
    settings = Settings(
        home=home.path,
        api_id=int(api_id),
        api_hash=api_hash,
        telegram=TelegramSettings(server="127.0.0.1:1"),
        model=ModelSettings(base="smollm2", threads=1, max_tokens=8, server_key=server_key),
        train=TrainSettings(minutes=1, learning_rate=0.001, micro_batch_tokens=64),
        companion=CompanionSettings(token=token),
    )
    with Desk.at(settings, home) as desk:
        yield desk


def left(machine: Machine) -> list[Path]:
    return [path for path in machine.home.iterdir() if path.name.startswith(FOLDER)]


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}


def a_training(home: Home) -> Path:
    """One at home that was interrupted, with more beside it than one needs to go on."""
    folder = adapter.fresh(home.adapters)
    (folder / CHECKPOINT).mkdir(parents=True)
    for name in (position.WEIGHTS, position.OPTIMIZER, "more.json"):
        (folder / CHECKPOINT / name).write_bytes(b"")
    further(folder, samples.read_card(home.dataset), 3)
    (folder / adapter.WEIGHTS).write_bytes(b"")
    return folder


def further(folder: Path, card: DatasetCard, step: int, of: str = "k") -> None:
    """The training that lies there comes to this step."""
    place = {"key": f"{card.hash}-{of}", "step": step}
    (folder / CHECKPOINT / position.POSITION).write_text(json.dumps(place))


def an_adapter(folder: Path, card: DatasetCard) -> Adapter:
    """One that was made from this dataset, as far as its card tells."""
    folder.mkdir(parents=True)
    for name in (adapter.WEIGHTS, adapter.CONFIG):
        (folder / name).write_bytes(name.encode())
    about = Card(
        *("a-finished-one", models.NOON.isoformat(), "smollm2", "r", "t", "k", "none", card.hash, card.chats),
        window=card.window,
        zone=card.zone,
        scopes=card.scopes,
    )
    write_private(folder / adapter.CARD, json.dumps(asdict(about)))
    return adapter.read(folder)


def failed_there(machine: Machine, desk: Desk) -> Rented:
    """A training that has failed there, which home knows of."""
    card = samples.read_card(desk.home.dataset)
    rented = replace(Rented.new("rented"), until=time.time() + 1000, dataset=card.hash, scopes=card.scopes)
    rented = replace(rented, built_at=card.built_at)
    there = machine.home / rented.folder
    models.dataset(there / "home" / "dataset", models.windows(2))
    for name, said in (("log", "It begins.\n"), ("ended", "1"), ("report", '{"error": "It broke.", "hint": ""}')):
        write_private(there / name, said)
    write_private(desk.home.path / "rented.json", rented.as_json())
    return rented
