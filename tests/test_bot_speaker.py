"""Who speaks cuts a chat as the dataset of the adapter was cut."""

from dataclasses import replace
from datetime import UTC, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from bot import speaker
from bot.settings import TranscriptSettings
from data.pauses import FIXED, Pauses
from training.adapter import Adapter, Card

CARD = Card("me", "", "base", "", "", "", "none", "", (), 2400, "UTC")


def test_the_thresholds_are_the_adapters_and_without_one_the_fixed_ones() -> None:
    desk = cast(Any, SimpleNamespace(settings=SimpleNamespace(transcript=TranscriptSettings()), zone=UTC))
    fitted = Adapter(Path(), replace(CARD, pause=240.0, silence=5400.0))
    assert speaker.shape(desk, fitted).pauses == Pauses(timedelta(minutes=4), timedelta(minutes=90))
    assert speaker.shape(desk, None).pauses == speaker.shape(desk, Adapter(Path(), CARD)).pauses == FIXED
