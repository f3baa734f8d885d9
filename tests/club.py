"""A household whose owner is in groups of every kind, with people, a bot, an unnamed administrator and a channel."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.policy import Mode
from sandbox.box import Post
from sandbox.furniture import BOT, CHANNEL, GROUP
from sandbox.people import Chat, channel_id
from sandbox.server import Sandbox
from sandbox.small import ALMA, BRUNO, CARLA, OWNER, small_town
from sandbox.town import Town
from tests.household import Household, household

CLUB, FORUM = channel_id(700_100), channel_id(700_200)
ME = "@robin_vale"
EVERYBODY = [OWNER, ALMA, BRUNO, CARLA, BOT]
KINDS = {"basic group": GROUP, "supergroup": CLUB, "forum": FORUM}


def club_town() -> Town:
    """The small town with everybody in its basic group, a supergroup, and a forum with two topics."""
    town = small_town()
    start = town.clock.start
    town.chats[GROUP].members = list(EVERYBODY)
    town.found(Chat(CLUB, "Boat club", start, CARLA, list(EVERYBODY), megagroup=True, admins={ALMA}))
    forum = town.found(Chat(FORUM, "Street party", start, CARLA, list(EVERYBODY), megagroup=True, forum=True))
    cake, music = (forum.begin_topic(title, CARLA, start) for title in ("Cake", "Music"))
    said = [Post(OWNER, group, start, "i am in") for group in (CLUB, GROUP)]
    town.remember([cake, music, *said, Post(OWNER, FORUM, start, "me!", topic=cake)])
    return town


@dataclass
class Club(Household):
    """What is said in groups, and what the twin answered there."""

    def listed(self, group: int, mode: Mode = Mode.AUTO, *, agreed: tuple[int, ...] = (ALMA,)) -> None:
        """List a group in which these members agreed."""
        self.allow(group, mode, members=agreed)

    async def say(self, who: int, group: int, text: str, **more: Any) -> int:
        """Let a member write."""
        return await self.sandbox.say(who, group, text, **more)

    def post(self, who: int, group: int, text: str, **more: Any) -> int:
        """The same with anything that a message can have."""
        return self.sandbox.deliver(Post(who, group, self.sandbox.town.clock.now(), text, **more))

    def answers(self, group: int) -> list[tuple[str, int | None, Post | None]]:
        """Each message that the twin sent there: its text, the id of what it replies to, and its topic."""
        box = self.sandbox.town.box_of(OWNER, group)
        numbers = [(row.message_id) for row in self.sandbox.log if row.peer_id == group and row.via_session is not None]
        posts = [box.posts[number] for number in numbers]
        return [(post.text, box.id_of(post.reply_to) if post.reply_to else None, post.topic) for post in posts]


@asynccontextmanager
async def club(path: Path, **live: Any) -> AsyncIterator[Club]:
    """That household."""
    async with Sandbox(club_town()) as sandbox, household(sandbox, path, **live) as house:
        yield Club(house.sandbox, house.home, house.settings, house.login)


NEWS = CHANNEL
"""A channel that posts as a sender."""
