"""What ends by itself while the twin runs for weeks: people become others, and `auto` is not renewed."""

from pathlib import Path

from bot.policy import Mode
from data.message import Kind
from sandbox import membership
from sandbox.small import ALMA
from tests.club import GROUP, ME, club
from tests.household import Household, now, person, settle, told, until


async def test_a_running_client_learns_what_a_chat_has_become(house: Household) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.AUTO)
    accounts = house.sandbox.town.accounts
    async with house.running():
        accounts[anna.id].first_name = "Annette"
        accounts[house.owner_id].contacts.discard(anna.id)
        await house.sandbox.restart()
        await house.heard("watching", times=2, dialog=anna.id)
        await house.sandbox.say(anna.id, house.owner_id, "lunch was great")
        await house.heard("offered", because="not in your contacts")
    with house.archive() as archive:
        dialog = archive.dialog(anna.id)
    assert (dialog.title, dialog.contact, dialog.last_at) == ("Annette Reyes", False, anna.last_at)
    assert house.delivered() == []


async def test_who_can_be_answered_no_more_is_not_listened_to_and_told_of_once(house: Household) -> None:
    anna = person(house)
    house.allow(anna.id, Mode.ASK)
    async with house.running():
        await house.sandbox.say(anna.id, house.owner_id, "lunch was great")
        await house.heard("offered")
        house.sandbox.town.accounts[anna.id].deleted = True
        await house.sandbox.restart()
        await house.heard("superseded")
        await until(lambda: bool(told(house)))
    async with house.running():
        await settle(1.5)
    assert told(house) == [f"{anna.title} is a deleted account now: your twin is silent there."]
    with house.archive() as archive:
        assert archive.dialog(anna.id).kind is Kind.DELETED


async def test_a_group_that_becomes_a_supergroup_while_it_is_listed_falls_silent_with_a_word(tmp_path: Path) -> None:
    async with club(tmp_path) as house:
        house.listed(GROUP)
        async with house.running():
            new = membership.migrate(house.sandbox, house.sandbox.town.chats[GROUP])
            await house.sandbox.restart()
            await until(lambda: bool(told(house)))
            await house.say(ALMA, new.id, f"{ME} are you here too?")
            await settle(0.5)
        (notice,) = told(house)
        assert "has become a supergroup" in notice
        assert "chats --refresh" in notice
        assert (house.answers(new.id), house.outcomes()) == ([], {})


async def test_that_auto_was_not_renewed_is_told_once_each_time(house: Household) -> None:
    anna = person(house)

    async def lapse(days: int) -> list[str]:
        house.allow(anna.id, Mode.AUTO)
        with house.live() as live:
            live.db.execute("UPDATE policy SET set_at = ?", (now().timestamp() - days * 86400,))
        async with house.running():
            await settle(1.5)
        return told(house)

    assert await lapse(6) == []
    (notice,) = await lapse(8)
    assert notice.startswith(f"Auto was not renewed in {anna.title} for 7 days: your twin asks there now.")
    assert notice.endswith(f"doppelgram chats set {anna.id} --mode auto --force")
    assert len(await lapse(9)) == 2
