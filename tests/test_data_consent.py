"""The ledger keeps every consent ever given, and only the last one that was not taken back counts."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from data.archive import Archive, Cursor
from data.consent import Consent, Ledger
from data.errors import ExitCode, UserError
from data.message import Dialog, Kind, Message
from data.transcript import Scope

MONDAY = datetime(2024, 3, 4, 9, 0, tzinfo=UTC)
TUESDAY, FRIDAY = MONDAY + timedelta(days=1), MONDAY + timedelta(days=4)


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    archive = Archive(tmp_path / "archive.db")
    yield archive
    archive.close()


@pytest.fixture
def ledger(archive: Archive) -> Ledger:
    return Ledger(archive)


def test_nobody_has_agreed_to_anything_at_first(ledger: Ledger) -> None:
    assert (ledger.of(1), ledger.active(), ledger.history()) == (None, {}, [])


def test_a_consent_counts_for_its_chat_with_its_scope(ledger: Ledger) -> None:
    given = ledger.grant(1, Scope.CHAT, "Anna", "she wrote yes", MONDAY)
    assert given == Consent(1, Scope.CHAT, MONDAY, "Anna", "she wrote yes")
    assert ledger.of(1) == given
    assert ledger.of(2) is None


def test_a_consent_that_was_taken_back_no_longer_counts_and_is_not_forgotten(ledger: Ledger) -> None:
    ledger.grant(1, Scope.CHAT, "Anna", "she wrote yes", MONDAY)
    assert ledger.revoke(1, TUESDAY)
    assert ledger.of(1) is None
    assert ledger.history() == [Consent(1, Scope.CHAT, MONDAY, "Anna", "she wrote yes", TUESDAY)]


def test_taking_back_what_was_never_given_changes_nothing(ledger: Ledger) -> None:
    ledger.grant(1, Scope.OWN, "me", "command", MONDAY)
    assert not ledger.revoke(2, TUESDAY)
    ledger.revoke(1, TUESDAY)
    assert not ledger.revoke(1, FRIDAY), "a second time"
    assert [consent.revoked_at for consent in ledger.history()] == [TUESDAY]


def test_a_new_grant_ends_the_old_one_and_both_stay_on_record(ledger: Ledger) -> None:
    ledger.grant(1, Scope.OWN, "me", "command", MONDAY)
    ledger.grant(1, Scope.CHAT, "Anna", "she wrote yes", TUESDAY)
    ledger.revoke(1, FRIDAY)
    ledger.grant(1, Scope.OWN, "me", "command", FRIDAY)
    assert [(c.scope, c.granted_at, c.revoked_at) for c in ledger.history()] == [
        (Scope.OWN, MONDAY, TUESDAY),
        (Scope.CHAT, TUESDAY, FRIDAY),
        (Scope.OWN, FRIDAY, None),
    ]
    assert ledger.of(1) == Consent(1, Scope.OWN, FRIDAY, "me", "command")


def talk(archive: Archive, dialog_id: int = 1) -> None:
    archive.save(
        Message(dialog_id, n, n % 2 == 0, MONDAY, "mine" if n % 2 == 0 else f"zebrawood {n}", reactions="😀1")
        for n in range(1, 300)
    )
    archive.set_cursor(dialog_id, Cursor(299))


@pytest.mark.parametrize("between", ["nothing", "a revocation"])
def test_a_narrower_consent_masks_what_lies_there_and_a_rewrite_leaves_no_trace(
    archive: Archive, ledger: Ledger, tmp_path: Path, between: str
) -> None:
    ledger.grant(1, Scope.CHAT, "Anna", "yes", MONDAY)
    talk(archive)
    talk(archive, 2)
    if between == "a revocation":
        ledger.revoke(1, TUESDAY)
    ledger.grant(1, Scope.OWN, "me", "command", TUESDAY)
    archive.rewrite()
    assert {message.said for message in archive.messages(1)} == {"mine", "[short text]"}
    assert {message.reactions for message in archive.messages(1)} == {None}
    archive.forget(2)  # the other chat was left as it is, so it must go before the bytes are looked at
    assert b"zebrawood" not in b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert archive.cursor(1) == Cursor(299), "and nothing has to be pulled again"


@pytest.mark.parametrize("between", ["nothing", "a revocation"])
def test_a_wider_consent_has_the_history_pulled_again_and_an_equal_one_has_not(
    archive: Archive, ledger: Ledger, between: str
) -> None:
    ledger.grant(1, Scope.OWN, "me", "command", MONDAY)
    talk(archive)
    if between == "a revocation":
        ledger.revoke(1, TUESDAY)
    ledger.grant(1, Scope.CHAT, "Anna", "yes", TUESDAY)
    assert archive.cursor(1) == Cursor()
    archive.set_cursor(1, Cursor(299))
    ledger.grant(1, Scope.CHAT, "Anna", "yes", FRIDAY)
    assert archive.cursor(1) == Cursor(299)


def test_a_demand_is_met_by_a_record_that_counts_and_by_nothing_else(ledger: Ledger) -> None:
    anna = Dialog(1, Kind.PRIVATE, "Anna")
    given = ledger.grant(1, Scope.OWN, "me", "command", MONDAY)
    assert ledger.demand(anna) == given
    ledger.revoke(1, TUESDAY)
    assert ledger.last(1) == Consent(1, Scope.OWN, MONDAY, "me", "command", TUESDAY)
    with pytest.raises(UserError) as refused:
        ledger.demand(anna)
    assert refused.value.code is ExitCode.CONSENT


def test_each_chat_has_its_own_consent(ledger: Ledger) -> None:
    ledger.grant(1, Scope.OWN, "me", "command", MONDAY)
    ledger.grant(-5, Scope.CHAT, "all", "asked", MONDAY)
    ledger.revoke(1, TUESDAY)
    assert {dialog: consent.scope for dialog, consent in ledger.active().items()} == {-5: Scope.CHAT}


def test_a_grant_that_fails_leaves_the_old_consent_as_it_was(archive: Archive, ledger: Ledger) -> None:
    before = ledger.grant(1, Scope.CHAT, "Anna", "she wrote yes", MONDAY)

    def renew() -> None:
        with archive.transaction():
            ledger.grant(1, Scope.OWN, "me", "command", TUESDAY)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        renew()
    assert ledger.history() == [before]


def test_a_consent_taken_back_at_the_beginning_of_time_is_taken_back(ledger: Ledger) -> None:
    ledger.grant(1, Scope.CHAT, "Anna", "yes", MONDAY)
    ledger.revoke(1, datetime.fromtimestamp(0, UTC))
    assert ledger.of(1) is None


def test_forgetting_a_chat_keeps_the_record_that_it_was_allowed(archive: Archive, ledger: Ledger) -> None:
    given = ledger.grant(1, Scope.CHAT, "Anna", "yes", MONDAY)
    archive.forget(1)
    assert ledger.history() == [given]


def test_the_ledger_outlives_the_program(tmp_path: Path) -> None:
    first = Archive(tmp_path / "archive.db")
    given = Ledger(first).grant(1, Scope.CHAT, "Anna", "yes", MONDAY)
    first.close()
    again = Archive(tmp_path / "archive.db")
    assert Ledger(again).of(1) == given
    again.close()
