"""A street full of mix-ups: contacts who share their names, and beside each one a group and a channel whose numbers are
the contact's own. Among them whatever must never be answered: the service account, a bot, a deleted account.
"""

from datetime import timedelta

from telethon.tl import types

from sandbox.box import Post
from sandbox.clock import Clock
from sandbox.people import SERVICE, Account, Chat, channel_id
from sandbox.server import Sandbox
from sandbox.town import Town

OWNER, FIRST, BOT, GONE = 800_001, 800_101, 800_901, 800_902
NAMES = (("Kim", "Lund"), ("Sasha", "Moor"), ("Kim", "Lund"))
NO_PEOPLE = (SERVICE, BOT, GONE, OWNER)


def street(clock: Clock, contacts: int, history: int = 2) -> Town:
    """So many contacts, with so many messages of each side from yesterday."""
    town = Town(clock=clock, owner_id=OWNER)
    town.add(Account(OWNER, "Robin", "Vale", "robin_vale", "15550800001"))
    town.add(Account(BOT, "Kim", "Lund", username="kim_lund_bot", bot=True))
    town.add(Account(GONE, deleted=True))
    yesterday = clock.start - timedelta(days=1)
    posts = [Post(BOT, OWNER, yesterday, "Welcome."), Post(GONE, OWNER, yesterday, "See you.")]
    for number in range(contacts):
        contact, (first, last) = FIRST + number, NAMES[number % len(NAMES)]
        town.add(Account(contact, first, last, phone=f"1555081{number:04d}"))
        town.befriend(OWNER, contact)
        for line in range(history):
            at = yesterday + timedelta(minutes=line, seconds=number % 60)
            posts.append(Post(contact, OWNER, at, f"hello {line} from {number}"))
            posts.append(Post(OWNER, contact, at + timedelta(seconds=20), f"hi {line} to {number}"))
        if number < 3:
            town.found(Chat(-contact, f"{first} {last}", yesterday, contact, members=[OWNER, contact]))
            town.found(Chat(channel_id(contact), f"{first} {last}", yesterday, SERVICE, [OWNER], broadcast=True))
            founding = types.MessageActionChatCreate(f"{first} {last}", [OWNER, contact])
            posts.append(Post(contact, -contact, yesterday, "", action=founding))
            posts.append(Post(SERVICE, channel_id(contact), yesterday, "News."))
    town.remember(posts)
    return town


async def strangers_write(sandbox: Sandbox, text: str) -> None:
    """Everything that is no person's chat says something to the owner."""
    for sender in (SERVICE, BOT, GONE):
        await sandbox.say(sender, OWNER, text)
    for chat in sandbox.town.chats.values():
        await sandbox.say(chat.creator, chat.id, text)
    await sandbox.say(OWNER, OWNER, text)
