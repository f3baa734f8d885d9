"""The chats, the log and the report over a real socket."""

import re
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime

import pytest

from bot.livedb import LiveDb
from bot.policy import Mode, Policy
from data.archive import Archive
from data.consent import Ledger
from data.message import Dialog, Kind
from data.transcript import Scope
from sandbox.stage import FIRST_CONTACT as JUNO
from tests.page_client import Client, opened
from tests.paper_house import PaperHouse, furnish, paper_house

TEO, MINA = JUNO + 1, JUNO + 2


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> PaperHouse:
    return furnish(paper_house(tmp_path_factory.mktemp("web")))


@pytest.fixture(scope="module")
def client(house: PaperHouse) -> Iterator[Client]:
    with opened(house) as client:
        yield client


def mode(house: PaperHouse, dialog_id: int) -> Mode:
    with closing(LiveDb(house.home.live)) as live:
        return Policy(live, house.settings.live).mode(dialog_id, datetime.now(UTC))


def test_a_mode_is_set_by_the_rules_of_the_command_line(house: PaperHouse, client: Client) -> None:
    assert 'aria-pressed="true">draft' in client.post(f"/chats/{JUNO}/draft").text
    assert mode(house, JUNO) is Mode.DRAFT
    refused = client.post(f"/chats/{JUNO}/auto").text
    assert "has not earned auto" in refused
    assert "Auto all the same" in refused
    assert mode(house, JUNO) is Mode.DRAFT
    client.post(f"/chats/{JUNO}/auto", ("force", "1"))
    assert mode(house, JUNO) is Mode.AUTO


def test_off_ends_what_waits_in_that_chat(house: PaperHouse, client: Client) -> None:
    number = house.offer(MINA, "and the lamp?", "it glows")
    client.post(f"/chats/{MINA}/off")
    assert number not in house.waiting()


def test_a_machine_can_be_put_into_no_mode(house: PaperHouse, client: Client) -> None:
    with closing(Archive(house.home.archive)) as archive:
        archive.save_dialogs([Dialog(99, Kind.BOT, "Weather bot"), Dialog(-5, Kind.GROUP, "Choir")])
    assert "Weather bot" not in client.get("/chats").text
    assert "writes to people only" in client.post("/chats/99/ask").text
    assert mode(house, 99) is Mode.OFF


def test_a_group_is_set_too_once_somebody_there_agreed(house: PaperHouse, client: Client) -> None:
    with closing(Archive(house.home.archive)) as archive:
        archive.save_dialogs([Dialog(-100200, Kind.GROUP, "Rowing club")])
    assert "nobody has agreed yet" in client.post("/chats/-100200/ask").text
    with closing(Archive(house.home.archive)) as archive:
        Ledger(archive).grant_member(-100200, 71, "Noa", "said so", datetime.now(UTC))
    client.post("/chats/-100200/ask")
    assert mode(house, -100200) is Mode.ASK


@pytest.mark.parametrize("path", ["/chats/12345/ask", f"/chats/{JUNO}/loud"])
def test_a_chat_or_a_mode_that_is_not_there_is_not_found(client: Client, path: str) -> None:
    assert client.post(path).status == 404


def test_the_search_finds_by_a_part_of_the_name_and_leaves_no_word_in_the_address(client: Client) -> None:
    found = client.post("/chats/rows", ("search", "TEO"))
    assert "Teo Brandt" in found.text
    assert "Juno" not in found.text
    assert "No chat is called that" in client.post("/chats/rows", ("search", "zzz")).text
    assert client.get("/chats/rows?search=teo").status == 405


def test_a_listed_chat_where_nobody_agreed_says_that_it_is_silent(house: PaperHouse, client: Client) -> None:
    with closing(Archive(house.home.archive)) as archive:
        Ledger(archive).grant(TEO, Scope.OWN, "Noa", "own words", datetime.now(UTC))
    found = client.post("/chats/rows", ("search", "Teo")).text
    assert "silent: nobody there has agreed" in found
    assert "Your own words only" in found


def test_of_many_chats_fifty_are_shown_and_the_search_finds_the_others(house: PaperHouse, client: Client) -> None:
    with closing(Archive(house.home.archive)) as archive:
        archive.save_dialogs(Dialog(1000 + n, Kind.PRIVATE, f"Person {n}") for n in range(200))
    shown = client.get("/chats").text
    assert shown.count('class="row chat"') == 50
    assert "The search finds them" in shown
    assert "Person 199" in client.post("/chats/rows", ("search", "person 199")).text


def test_the_log_shows_every_message_of_the_twins_and_who_let_it_out(house: PaperHouse, client: Client) -> None:
    with closing(LiveDb(house.home.live)) as live:
        texts = [row[0] for row in live.db.execute("SELECT text FROM outbox ORDER BY id DESC")]
    part = client.get("/log").text
    seen, pages = part, 1
    while older := re.search(r'hx-get="(/log/\d+)"', part):
        part = client.get(older[1]).text
        seen, pages = seen + part, pages + 1
    assert pages == -(-len(texts) // 50) > 1
    assert seen.count('class="text"') == len(texts)
    for told in ("sent by itself", "approved on this page", "approved in the terminal"):
        assert told in seen


def test_an_open_log_is_drawn_anew_as_far_as_it_was_unfolded(house: PaperHouse, client: Client) -> None:
    def shown(body: str) -> list[str]:
        return re.findall(r'name="shown" value="(\d+)"', body)

    first = client.get("/log").text
    (last,) = shown(first)
    second = client.get(f"/log/{last}").text
    (oldest,) = shown(second)
    again = client.get(f"/log/again?shown={last}&shown={oldest}").text
    assert again.count('class="text"') == (first + second).count('class="text"') > 50
    assert shown(again) == [oldest]
    assert client.get("/log/again").text.count('class="text"') == 50
    for wrong in ("x", "-1", "9" * 30):
        assert client.get(f"/log/again?shown={wrong}").status == 400


def test_the_report_is_framed_without_a_right_to_anything(client: Client) -> None:
    assert 'src="/report/file" sandbox=""' in client.get("/report").text
    policy = client.get("/report/file").headers["content-security-policy"]
    assert policy.startswith("sandbox; default-src 'none'")
    assert "script-src" not in policy
    assert "allow-" not in policy


def test_without_report_log_and_dataset_each_room_says_what_to_do(tmp_path_factory: pytest.TempPathFactory) -> None:
    empty = paper_house(tmp_path_factory.mktemp("empty"), people=0)
    with opened(empty) as client:
        assert "doppelgram evaluate --quick" in client.get("/report").text, "without it there is no report"
        assert client.get("/report/file").status == 404
        assert "nothing yet" in client.get("/log").text
        assert "doppelgram build" in client.get("/training").text
        assert "doppelgram consent grant" in client.get("/twin").text
        assert "Train one first" in client.get("/game").text
        assert "Nothing waits for you" in client.get("/").text
        assert "doppelgram chats --refresh" in client.get("/chats").text
