"""The companion bot over TCP: two real clients besides the twin's own, the bot and the owner's phone. Cards show what
waits, buttons decide, one surface wins, and nobody but the owner is served."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.policy import Mode
from bot.suggestion import State
from sandbox.small import ALMA
from tests.companion_house import Phone, alma_says, companion_house
from tests.household import Household

Pair = tuple[Household, Phone]


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Pair]:
    async with companion_house(tmp_path) as pair:
        pair[0].allow(ALMA, Mode.ASK)
        yield pair


async def test_a_card_shows_what_waits_and_send_sends_it_once_however_often_it_is_tapped(pair: Pair) -> None:
    house, phone = pair
    async with house.running():
        await alma_says(house)
        card = await phone.card()
        assert "Alma Reyes" in card.text
        assert "they: lunch was great" in card.text
        assert "» sounds good" in card.text
        assert "confidence 0.99, uncalibrated" in card.text
        datas = [button.data for row in card.buttons for button in row]
        assert max(map(len, datas)) <= 64
        assert await phone.tap(card, "send") == "On its way."
        assert (await phone.tap(card, "send")).startswith("Outdated.")
        await phone.outcome(card, "Sent, decided here.")
        assert (await phone.tap(card, "skip")).startswith("Outdated. Sent")
    assert house.delivered(ALMA) == ["sounds good"]
    assert [(s.state, s.surface) for s in house.suggestions()] == [(State.SENT, "bot")]
