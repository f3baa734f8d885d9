"""The demo on the page: whoever chooses it decides in the browser, and the demo goes on from there."""

import io
import os
import threading
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from bot.demo.evening import Evening, Pause, Table
from bot.demo.person import AtTerminal
from bot.demo.town import TownHall
from bot.demo.verbs import Events, Verbs
from bot.livedb import LiveDb
from bot.suggestion import State
from data.archive import Archive
from tests.paper_house import paper_house


def typing(monkeypatch: pytest.MonkeyPatch, line: str) -> AtTerminal:
    monkeypatch.setattr("sys.stdin", io.StringIO(line + os.linesep))
    return AtTerminal()


def test_a_person_may_decide_on_the_page_and_then_the_contacts_write_by_themselves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    here = typing(monkeypatch, "")
    here.learn_the_part()
    assert not here.on_page
    there = typing(monkeypatch, "p")
    there.learn_the_part()
    assert there.on_page
    assert there.writes("Anna", "ask") == "", "nothing more is asked in the terminal"
    assert there.satisfied(drafted=1, sent=3)
    assert not there.satisfied(drafted=1, sent=2)


@pytest.mark.parametrize(
    ("state", "another", "decided"), [("sent", False, 2), ("skipped", False, 0), ("superseded", True, 0)]
)
def test_what_is_decided_on_the_page_goes_on_in_the_demo(
    tmp_path: Path, state: str, another: bool, decided: int
) -> None:
    house = paper_house(tmp_path, people=1)
    evening = Evening(cast("TownHall", None), cast("Verbs", None), house.home, AtTerminal())
    with closing(Archive(house.home.archive)) as archive, closing(LiveDb(house.home.live)) as live:
        table = Table(cast("Events", None), archive, live)
        card = table.review.waiting()[0]

        def decide() -> None:
            with closing(LiveDb(house.home.live)) as there:
                there.db.execute("UPDATE suggestions SET state = ?, surface = 'page'", (state,))

        later = threading.Timer(0.3, decide)
        later.start()
        assert evening._wait_for_the_page(card, table) is another
        later.join()
    assert len(evening.decided) == decided


def test_what_comes_after_the_page_has_gone_with_its_client_is_decided_in_the_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = paper_house(tmp_path, people=1)
    (number,) = house.waiting()
    nobody = SimpleNamespace(run_quietly=lambda *_: None, delivered=[], say=lambda *_: None)
    nobody.town = SimpleNamespace(accounts={1: SimpleNamespace(name="Juno")})
    events = SimpleNamespace(wait=lambda *names, **_: {"event": names[0], "suggestion": number})
    person = typing(monkeypatch, "s")
    person.on_page = True
    modes = {1: "auto"}
    evening = Evening(
        cast("TownHall", nobody), cast("Verbs", nobody), house.home, person, modes, pause=Pause(0, 0, True)
    )
    never = threading.Timer(20, lambda: house.decide(number, State.EXPIRED))  # a page that nobody has open waits on
    never.start()
    with closing(Archive(house.home.archive)) as archive, closing(LiveDb(house.home.live)) as live:
        evening._resume(Table(cast("Events", events), archive, live))
    never.cancel()
    assert house.suggestion(number).state is State.SKIPPED
