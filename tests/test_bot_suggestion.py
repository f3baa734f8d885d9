"""Every arrow between the states of a suggestion, and that the first surface wins."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.livedb import LiveDb
from bot.policy import Mode
from bot.suggestion import ARROWS, State, Suggestion, Suggestions

NOW = datetime(2026, 3, 3, 15, 0, tzinfo=UTC)
ENDS = {State.SKIPPED, State.EXPIRED, State.SUPERSEDED, State.OWNER_ANSWERED, State.SENT, State.CANCELLED}


@pytest.fixture
def suggestions(tmp_path: Path):
    live = LiveDb(tmp_path / "live.db")
    yield Suggestions(live)
    live.close()


def added(suggestions: Suggestions, upto_id: int = 7) -> Suggestion:
    return suggestions.add(
        dialog_id=1,
        upto_id=upto_id,
        attempt=0,
        mode=Mode.ASK,
        texts=["hey", "there"],
        confidence=0.5,
        outcome="pass",
        reasons=[],
        adapter="a",
        answers=[],
        now=NOW,
    )


def walk(suggestions: Suggestions, to: State, upto_id: int = 7) -> Suggestion:
    """A suggestion brought into a state along the shortest road of arrows."""
    roads: dict[State, list[State]] = {State.PENDING: []}
    queue = [State.PENDING]
    while queue:
        here = queue.pop(0)
        for there in ARROWS.get(here, ()):
            if there not in roads:
                roads[there] = [*roads[here], there]
                queue.append(there)
    suggestion = added(suggestions, upto_id)
    for state in roads[to]:
        moved = suggestions.move(suggestion, state, NOW)
        assert moved is not None
        suggestion = moved
    return suggestion


@pytest.mark.parametrize("start", list(State))
def test_a_suggestion_moves_along_arrows_and_nowhere_else(suggestions: Suggestions, start: State) -> None:
    for number, end in enumerate(State):
        suggestion = walk(suggestions, start, upto_id=number)
        if end in ARROWS.get(start, ()):
            moved = suggestions.move(suggestion, end, NOW)
            assert moved is not None
            assert moved.state is end
            assert moved.revision == suggestion.revision + 1
        else:
            with pytest.raises(ValueError, match="no arrow"):
                suggestions.move(suggestion, end, NOW)
            assert suggestions.get(suggestion.id) == suggestion


def test_the_ends_have_no_arrow_out() -> None:
    assert {state for state in State if not ARROWS.get(state)} == ENDS


def test_nothing_reaches_the_network_without_being_approved_or_edited_first() -> None:
    reached, queue = {State.APPROVED, State.EDITED}, [State.PENDING]
    while queue:
        reached.add(here := queue.pop())
        queue += set(ARROWS.get(here, ())) - reached
    assert not reached & {State.PLANNED, State.SENDING, State.SENT, State.UNKNOWN}
    assert [state for state, ends in ARROWS.items() if State.SENDING in ends] == [State.PLANNED]


def test_of_two_surfaces_the_first_wins_and_the_second_learns_it(suggestions: Suggestions) -> None:
    seen_by_both = walk(suggestions, State.OFFERED)
    assert suggestions.move(seen_by_both, State.APPROVED, NOW, surface="terminal") is not None
    assert suggestions.move(seen_by_both, State.SKIPPED, NOW, surface="draft") is None
    final = suggestions.get(seen_by_both.id)
    assert final is not None
    assert (final.state, final.surface) == (State.APPROVED, "terminal")


def test_what_the_owner_made_of_it_is_kept_beside_what_was_proposed(suggestions: Suggestions) -> None:
    offered = walk(suggestions, State.OFFERED)
    suggestions.move(offered, State.EDITED, NOW, final=["hey you"])
    kept = suggestions.get(offered.id)
    assert kept is not None
    assert (kept.texts, kept.final) == (("hey", "there"), ("hey you",))
