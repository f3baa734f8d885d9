"""What the owner made of a suggestion, and that what was sent from the input box counts as what it is."""

from datetime import UTC, datetime

import pytest

from bot import unlock
from bot.decision import Decision, decision
from bot.policy import Mode
from bot.suggestion import State, Suggestion
from tests.household import Household, person

NOW = datetime(2026, 3, 3, 15, 0, tzinfo=UTC)
SAID = ("sounds good", "see you at eight")


def ended(state: State, final: tuple[str, ...] | None, surface: str) -> Suggestion:
    return Suggestion(1, 1, 7, 0, state, 3, Mode.DRAFT, SAID, 0.5, "pass", (), "a", NOW, {}, final, surface)


@pytest.mark.parametrize(
    ("state", "final", "surface", "decided"),
    [
        (State.SENT, None, "terminal", Decision.ACCEPTED),
        (State.SENT, SAID, "terminal", Decision.ACCEPTED),
        (State.SENT, ("fine",), "terminal", Decision.EDITED),
        (State.SKIPPED, None, "terminal", Decision.SKIPPED),
        (State.OWNER_ANSWERED, ("sounds good\nsee you at eight",), "withdrawn", Decision.ACCEPTED),
        (State.OWNER_ANSWERED, ("sounds good\nsee you at eight ",), "draft", Decision.ACCEPTED),
        (State.OWNER_ANSWERED, ("sounds good\nsee you at nine",), "withdrawn", Decision.EDITED),
        (State.OWNER_ANSWERED, ("Sounds good, see you at eight then",), "withdrawn", Decision.EDITED),
        (
            State.OWNER_ANSWERED,
            ("sounds good\nsee you at eight, and do not forget the blue bag that you left here, it is heavy",),
            "withdrawn",
            Decision.EDITED,
        ),
        (State.OWNER_ANSWERED, ("no way, i am in bed",), "withdrawn", Decision.OWNER_ANSWERED),
        (State.OWNER_ANSWERED, ("",), "withdrawn", Decision.OWNER_ANSWERED),
        (State.OWNER_ANSWERED, ("sounds good\nsee you at eight",), "review", Decision.OWNER_ANSWERED),
        (State.SENT, None, "auto", None),
        (State.OFFERED, None, "draft", None),
        (State.EXPIRED, None, "withdrawn", None),
        (State.SUPERSEDED, None, "withdrawn", None),
    ],
)
def test_each_end_has_its_decision(
    state: State, final: tuple[str, ...] | None, surface: str, decided: Decision | None
) -> None:
    assert decision(ended(state, final, surface)) is decided


@pytest.mark.parametrize(("typed", "accepted"), [("sounds good", 1), ("sounds bad, sorry", 0)])
async def test_a_draft_that_the_owner_sends_counts_towards_auto_if_it_is_unchanged(
    house: Household, typed: str, accepted: int
) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.DRAFT)
    async with house.running():
        await house.sandbox.say(anna.id, house.owner_id, "lunch was great")
        await house.heard("offered", surface="draft")
        await house.sandbox.say(house.owner_id, anna.id, typed)
        await house.heard("owner_answered")
    with house.live() as live:
        record = unlock.record(live, anna.id)
    assert (record.offers, record.accepted) == (1, accepted)
