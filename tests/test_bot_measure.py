"""How much is measured after how long a training."""

import pytest

from bot.measure import worth


@pytest.mark.parametrize(
    ("minutes", "windows"), [(0.05, 40), (0.5, 40), (2.5, 40), (4.0, 64), (5.0, 80), (90.0, 80), (None, 80)]
)
def test_a_training_of_less_than_five_minutes_is_measured_on_fewer_windows_but_never_on_less_than_half(
    minutes: float | None, windows: int
) -> None:
    assert worth(minutes, 80) == windows
    assert worth(minutes, 1) == 1
