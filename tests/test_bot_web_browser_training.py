"""A training that is started, watched and stopped by hand in a real browser: the real small model, in a process of its
own."""

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from bot.home import Home
from bot.settings import ModelSettings, Settings, WebSettings
from bot.web.server import serving
from data.consent import Ledger
from data.transcript import Scope
from tests import training_models as models
from tests.chromium import CHROMIUM, INSTALL, PHONE, window
from tests.terminal import PATIENCE
from training import base

pytestmark = [pytest.mark.system, pytest.mark.skipif(not CHROMIUM.exists(), reason=INSTALL)]
CHATS = 8
SOON = 1000 * PATIENCE
"""Milliseconds."""


def test_a_training_is_started_watched_and_stopped_by_hand(chromium: Browser, tmp_path: Path) -> None:
    base.find("smollm2", models.MODELS)
    home = Home.at(tmp_path / "home")
    models.dataset(home.dataset, models.windows(CHATS))
    with closing(home.open_archive()) as archive:
        for dialog_id in range(CHATS):
            Ledger(archive).grant(dialog_id, Scope.CHAT, "test", "test", datetime.now(UTC))
    settings = Settings(
        home=home.path,
        model=ModelSettings(base="smollm2", cache=models.MODELS, threads=1),
        web=WebSettings(port=0),
    )
    with serving(settings, home) as page, window(chromium, page.link, PHONE) as seen:
        seen.go("/training")
        room = seen.page.locator("#curve")
        expect(room).to_contain_text("No training yet")
        room.get_by_label("minutes").fill("60")
        room.get_by_role("button", name="Train").click()
        expect(room).to_contain_text("Beginning")
        expect(room.locator(".curve polyline")).to_have_count(2, timeout=SOON)
        room.get_by_role("button", name="Stop").click()
        expect(room.get_by_role("button", name="Go on")).to_be_visible(timeout=SOON)
        expect(room).to_contain_text("Stopped; it goes on where it was")
        assert seen.findings() == []
    assert list((home.adapters).glob("*/checkpoint-*/position.json")), "what was learned is kept"
    assert home.trainer() is None
    assert (seen.complaints, seen.strangers) == ([], [])
