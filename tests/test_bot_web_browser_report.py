"""A report that is made, watched and looked at by hand in a real browser, by the real `evaluate` in a process of its
own. The model is a random one: with the real small one it takes minutes however little there is."""

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
from training import model, train
from training.schedule import TrainOptions

pytestmark = [pytest.mark.system, pytest.mark.skipif(not CHROMIUM.exists(), reason=INSTALL)]
CHATS = 8
SOON = 1000 * PATIENCE
"""Milliseconds."""


def test_a_report_is_begun_stopped_gone_on_with_and_appears_by_itself(chromium: Browser, tmp_path: Path) -> None:
    home = Home.at(tmp_path / "home")
    models.dataset(home.dataset, models.windows(CHATS))
    with closing(home.open_archive()) as archive:
        for dialog_id in range(CHATS):
            Ledger(archive).grant(dialog_id, Scope.CHAT, "test", "test", datetime.now(UTC))
    stored = tmp_path / "tiny"
    models.tiny().causal.save_pretrained(stored)
    models.tokenizer().save_pretrained(stored)
    learner = model.load(str(stored), models.MODELS, "none", threads=1)
    train.train(learner, home.dataset, home.adapters / "me", TrainOptions(max_steps=1))
    settings = Settings(
        home=home.path,
        model=ModelSettings(base=str(stored), cache=models.MODELS, threads=1, quantization="none"),
        web=WebSettings(port=0),
    )
    with serving(settings, home) as page, window(chromium, page.link, PHONE) as seen:
        seen.go("/report")
        room, report = seen.page.locator("#measuring"), seen.page.frame_locator(".report")
        expect(seen.page.locator("#framed")).to_contain_text("There is no report yet")
        room.get_by_role("button", name="Measure").click()
        expect(room).to_contain_text("Beginning")
        expect(room.get_by_role("button", name="Stop")).to_be_focused()
        room.get_by_role("button", name="Stop").click()
        room.get_by_role("button", name="Go on").click(timeout=SOON)
        expect(room).to_contain_text("Beginning")
        assert seen.findings() == []
        expect(report.locator("h1")).to_be_visible(timeout=SOON)
        expect(room.get_by_role("button", name="Measure")).to_be_visible(timeout=SOON)
        expect(seen.page.locator("#framed")).to_contain_text("Made")
        assert seen.findings() == []
    assert (home.reports / "me" / "report.html").exists()
    assert (seen.complaints, seen.strangers) == ([], [])
