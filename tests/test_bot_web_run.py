"""The page beside a running client: what is approved there goes out, and the terminal has the link once."""

import asyncio
import json
import signal
import socket
from pathlib import Path

from bot.policy import Mode
from bot.web.access import Address
from bot.web.server import Page, serving
from sandbox.server import Sandbox
from sandbox.small import ALMA, small_town
from tests import training_models as models
from tests.household import Household, person
from tests.page_client import Client
from tests.paper_house import paper_house
from tests.terminal import PATIENCE, Terminal, ended
from training import base


async def test_what_is_approved_on_the_page_is_sent_and_the_line_says_so(house: Household) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.ASK)
    house.settings.web.port = 0
    with serving(house.settings, house.home) as page:
        client = await asyncio.to_thread(Client(page).enter)
        async with house.running():
            await house.sandbox.say(anna.id, house.owner_id, "lunch was great")
            offered = await house.heard("offered")
            number = offered["suggestion"]
            assert "sounds good" in (await asyncio.to_thread(client.get, "/")).text
            await asyncio.to_thread(client.post, f"/inbox/{number}/2/approve")
            await house.heard("sent")
            told = await asyncio.to_thread(client.get, f"/inbox/changes?shown={number}.3")
    assert house.delivered() == ["sounds good"]
    assert "Sent on this page" in told.text


async def test_another_one_is_asked_for_on_the_page_and_comes_to_it(house: Household) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.ASK)
    house.settings.web.port = 0
    with serving(house.settings, house.home) as page:
        client = await asyncio.to_thread(Client(page).enter)
        async with house.running():
            await house.sandbox.say(anna.id, house.owner_id, "lunch was great")
            first = (await house.heard("offered"))["suggestion"]
            await asyncio.to_thread(client.post, f"/inbox/{first}/2/another")
            second = (await house.heard("offered", times=2))["suggestion"]
            told = await asyncio.to_thread(client.get, f"/inbox/changes?shown={first}.3")
    assert second != first
    assert f'id="s{second}"' in told.text
    assert house.delivered() == []


async def test_run_opens_the_page_in_its_own_process_and_lends_it_its_model(tmp_path: Path) -> None:
    base.find("smollm2", models.MODELS)
    async with Sandbox(small_town()) as sandbox:
        shell = Terminal(
            tmp_path,
            sandbox,
            {
                "DOPPELGRAM_WEB__PORT": "0",
                "DOPPELGRAM_MODEL__BASE": "smollm2",
                "DOPPELGRAM_MODEL__CACHE": str(models.MODELS),
                "DOPPELGRAM_MODEL__MAX_TOKENS": "8",
                "DOPPELGRAM_MODEL__CANDIDATES": "1",
            },
        )
        await shell.enter()
        (await shell("chats", "--json")).ok()
        (await shell("consent", "grant", str(ALMA), "--scope", "chat")).ok()
        (await shell("pull", "--all")).ok()
        process = await shell.start("run", "--web", "--json")
        assert process.stdout
        told = json.loads(await asyncio.wait_for(process.stdout.readline(), PATIENCE))
        assert told["event"] == "page"
        port = int(told["link"].split(":")[2].split("/")[0])
        client = await asyncio.to_thread(Client(Page(Address("127.0.0.1", port), told["link"])).enter)
        assert "The twin is at work" in (await asyncio.to_thread(client.get, "/")).text
        answer = await asyncio.to_thread(client.post, f"/twin/{ALMA}/say", ("text", "how was the lake?"))
        assert answer.status == 200
        assert "uncalibrated" in answer.text or "no confidence known" in answer.text
        process.send_signal(signal.SIGTERM)
        assert (await ended(process)).code == 0


async def test_the_link_is_printed_once_and_ctrl_c_closes_the_page(tmp_path: Path) -> None:
    house = paper_house(tmp_path, people=1)
    for as_json in (True, False):
        shell = Terminal(tmp_path, settings={"DOPPELGRAM_WEB__PORT": "0"})
        process = await shell.start("web", *(["--json"] if as_json else []))
        assert process.stdout
        assert process.stderr
        line = (await (process.stdout if as_json else process.stderr).readline()).decode()
        link = json.loads(line)["link"] if as_json else line.split()[-1]
        with socket.create_connection(("127.0.0.1", int(link.split(":")[2].split("/")[0])), timeout=20):
            pass
        process.send_signal(signal.SIGINT)
        closed = await ended(process)
        assert closed.code == 130
        assert "token" not in closed.out + closed.err
    assert house.home.path.stat().st_mode & 0o777 == 0o700
