"""The inbox over a real socket: what waits is shown, decisions go the way of every surface, and whoever is late is
told."""

import re
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from threading import Barrier, Thread

import pytest

from bot.livedb import LiveDb
from bot.suggestion import State, Suggestions
from sandbox.stage import FIRST_CONTACT as JUNO
from tests.page_client import Client, opened
from tests.paper_house import PaperHouse, paper_house


@pytest.fixture
def house(tmp_path: Path) -> PaperHouse:
    return paper_house(tmp_path, people=2)


@pytest.fixture
def client(house: PaperHouse) -> Iterator[Client]:
    with opened(house) as client:
        yield client


def shown(body: str) -> list[str]:
    return re.findall(r'name="shown" value="([\d.]+)"', body)


def test_a_waiting_suggestion_is_shown_with_its_chat_confidence_and_reasons(house: PaperHouse, client: Client) -> None:
    number = house.offer(JUNO, "can you lend me a ladder", "sure", "which one", confidence=0.42, why=("money: lend",))
    body = client.get("/").text
    card = body[body.index(f'id="s{number}"') :]
    for there in (
        "Juno Castellan",
        "can you lend me a ladder",
        "sure",
        "which one",
        "0.42",
        "uncalibrated",
        "money: lend",
    ):
        assert there in card


@pytest.mark.parametrize(
    ("choice", "state"), [("approve", State.APPROVED), ("another", State.SUPERSEDED), ("skip", State.SKIPPED)]
)
def test_a_decision_is_the_one_that_the_terminal_makes(
    house: PaperHouse, client: Client, choice: str, state: State
) -> None:
    number = house.waiting()[0]
    answer = client.post(f"/inbox/{number}/2/{choice}")
    assert answer.status == 200
    assert 'class="line"' in answer.text
    made = house.suggestion(number)
    assert (made.state, made.surface) == (state, "page")
    assert number not in house.waiting()


def test_an_edit_keeps_its_messages_and_leaves_out_empty_ones(house: PaperHouse, client: Client) -> None:
    number = house.waiting()[0]
    assert "<textarea" in client.get(f"/inbox/{number}/edit").text
    client.post(f"/inbox/{number}/2/edit", ("text", "first\r\nand more"), ("text", "  "), ("text", "second"))
    made = house.suggestion(number)
    assert (made.state, made.final) == (State.EDITED, ("first\nand more", "second"))


def test_an_edit_that_changes_nothing_is_an_approval(house: PaperHouse, client: Client) -> None:
    number = house.waiting()[0]
    client.post(f"/inbox/{number}/2/edit", *(("text", text) for text in house.suggestion(number).texts))
    assert house.suggestion(number).state is State.APPROVED


@pytest.mark.parametrize(
    ("text", "status", "told"),
    [("", 409, "nothing to send"), ("  ", 409, "nothing to send"), ("x" * 5000, 400, "could not be read")],
)
def test_an_edit_that_could_not_be_sent_is_refused_and_nothing_is_lost(
    house: PaperHouse, client: Client, text: str, status: int, told: str
) -> None:
    number = house.waiting()[0]
    refused = client.post(f"/inbox/{number}/2/edit", ("text", text), hx_request="true")
    assert refused.status == status
    assert told in refused.text
    assert number in house.waiting()


def test_whoever_is_late_is_told_where_it_was_decided(house: PaperHouse, client: Client) -> None:
    number = house.waiting()[0]
    house.decide(number, State.SKIPPED, "terminal")
    answer = client.post(f"/inbox/{number}/2/approve")
    assert "Too late: Skipped in the terminal" in answer.text
    assert house.suggestion(number).state is State.SKIPPED


def test_an_approval_of_another_revision_than_the_one_shown_sends_nothing(house: PaperHouse, client: Client) -> None:
    number = house.waiting()[0]
    answer = client.post(f"/inbox/{number}/1/approve")
    assert number in house.waiting()
    assert shown(answer.text) == [f"{number}.2"]


def test_what_is_too_old_is_neither_shown_nor_sent_though_no_client_has_ended_it(
    house: PaperHouse, client: Client
) -> None:
    old, other = house.waiting()
    before = house.status()
    house.age(old, hours=4)
    body = client.get("/").text
    assert (f'id="s{old}"' in body, f'id="s{other}"' in body) == (False, True)
    assert "Too late: Expired." in client.post(f"/inbox/{old}/2/approve").text
    assert house.suggestion(old).state is State.OFFERED
    after = house.status()
    assert [(each.pending, len(each.waiting)) for each in (before, after)] == [(2, 2), (1, 1)]


def test_what_lies_in_an_input_box_is_not_decided_on_here(house: PaperHouse, client: Client) -> None:
    number = house.waiting()[0]
    with closing(LiveDb(house.home.live)) as live:
        Suggestions(live).shown_on(house.suggestion(number), "draft")
    assert "Too late: Waits in the input box" in client.post(f"/inbox/{number}/3/skip").text
    assert "Waits in the input box" in client.get(f"/inbox/changes?shown={number}.1").text
    assert house.suggestion(number).state is State.OFFERED


def test_what_something_newer_has_made_outdated_is_not_sent(house: PaperHouse, client: Client) -> None:
    number = house.waiting()[0]
    house.offer(JUNO, "wait, no", "no what")
    answer = client.post(f"/inbox/{number}/2/approve")
    assert "Too late: Outdated" in answer.text
    assert house.suggestion(number).state is State.OFFERED


def test_of_two_that_approve_at_the_same_moment_one_wins_and_the_other_is_told(
    house: PaperHouse, client: Client
) -> None:
    for _ in range(10):
        number = house.offer(JUNO, "are you there", "yes")
        start, told = Barrier(2), list[str]()

        def approve(choice: str, number: int = number, start: Barrier = start, told: list[str] = told) -> None:
            start.wait()
            told.append(client.post(f"/inbox/{number}/2/{choice}").text)

        both = [Thread(target=approve, args=[choice]) for choice in ("approve", "skip")]
        for each in both:
            each.start()
        for each in both:
            each.join()
        assert sorted("Too late" in each for each in told) == [False, True]
        assert house.suggestion(number).revision == 3


def test_an_open_page_gets_what_is_new_and_what_became_of_what_it_shows(house: PaperHouse, client: Client) -> None:
    first, second = house.waiting()
    assert shown(client.get("/").text) == [f"{first}.2", f"{second}.2"]
    house.decide(first, State.APPROVED, "companion")
    third = house.offer(JUNO, "one thing more", "go on")
    body = client.get(f"/inbox/changes?shown={first}.2&shown={second}.2").text
    assert shown(body) == [f"{first}.3", f"{third}.2"]
    assert "Approved in the companion bot" in body
    assert shown(client.get(f"/inbox/changes?shown={first}.3&shown={second}.2&shown={third}.2").text) == []


def test_what_was_decided_on_makes_room_and_of_the_past_three_lines_stay(house: PaperHouse, client: Client) -> None:
    numbers = house.waiting() + [house.offer(JUNO, f"number {n}", "ok") for n in range(5)]
    for number in numbers:
        house.decide(number, State.SKIPPED)
    query = "&".join(f"shown={number}.3" for number in numbers)
    gone = re.findall(r'id="s(\d+)" hx-swap-oob="delete"', client.get(f"/inbox/changes?{query}").text)
    assert list(map(int, gone)) == numbers[:-3]


@pytest.mark.parametrize("query", ["shown=x", "shown=1", "shown=1.2.3", "shown=%00"])
def test_a_list_that_no_page_would_send_is_refused(client: Client, query: str) -> None:
    assert client.get(f"/inbox/changes?{query}").status == 400


@pytest.mark.parametrize(
    "path", ["/inbox/999999", "/inbox/999999/edit", "/nowhere", "/static/none.js", "/static/../app.py"]
)
def test_what_is_not_there_is_not_found(client: Client, path: str) -> None:
    assert client.get(path).status == 404


def test_a_draft_in_the_input_box_is_decided_there_and_not_here(house: PaperHouse, client: Client) -> None:
    from contextlib import closing

    from bot.livedb import LiveDb
    from bot.suggestion import Suggestions

    number = house.waiting()[0]
    with closing(LiveDb(house.home.live)) as live:
        Suggestions(live).shown_on(house.suggestion(number), "draft")
    assert f'id="s{number}"' not in client.get("/").text
    client.post(f"/inbox/{number}/2/approve")
    assert house.suggestion(number).state is State.OFFERED


def test_a_thousand_waiting_are_fifty_rows_and_less_than_100_kb(house: PaperHouse, client: Client) -> None:
    house.offer_many(JUNO, 1000)
    answer = client.get("/")
    assert len(shown(answer.text)) == 50
    sys.stdout.write(f"first page of 1,000 waiting: {len(answer.body):,} bytes\n")
    assert len(answer.body) < 100_000
    assert "952 more wait" in answer.text
    query = "&".join(f"shown={each}" for each in shown(answer.text))
    assert shown(client.get(f"/inbox/changes?{query}").text) == []
    number = int(shown(answer.text)[0].partition(".")[0])
    client.post(f"/inbox/{number}/2/skip")
    more = client.get("/inbox/changes?" + query.replace(f"shown={number}.2&", "")).text
    assert len(shown(more)) == 1


def test_pause_and_resume_are_the_switch_of_every_surface(house: PaperHouse, client: Client) -> None:
    from contextlib import closing
    from datetime import UTC, datetime

    from bot.control import Control
    from bot.livedb import LiveDb

    with closing(LiveDb(house.home.live)) as live:
        assert "Paused" in client.post("/state/pause").text
        assert Control(live).paused(datetime.now(UTC))
        assert "Paused" not in client.post("/state/resume").text
        assert not Control(live).paused(datetime.now(UTC))
    assert client.post("/state/other").status == 404
