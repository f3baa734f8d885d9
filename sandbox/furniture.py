"""What stands in every town besides people: the service account's word, a bot, a group, a channel, a deleted account.

The owner has a dialog with each of them. They are there to be refused: none may ever be answered or learnt from.
"""

from datetime import timedelta

from telethon.tl import types

from sandbox.box import Post
from sandbox.people import SERVICE, Account, Chat, channel_id
from sandbox.town import Town

BOT, GONE = 100_900, 100_901
GROUP, CHANNEL = -500_100, channel_id(600_100)


def furnish(town: Town, *, months_ago: int = 2) -> list[Post]:
    """Move it all in; returns what was said there, for `Town.remember`. Needs the owner and two contacts."""
    owner, start = town.owner_id, town.clock.start - timedelta(days=30 * months_ago)
    friends = sorted(town.owner.contacts)[:2]
    town.add(Account(BOT, "Weather", username="sandbox_weather_bot", bot=True))
    town.add(Account(GONE, deleted=True))
    town.found(Chat(GROUP, "Sunday hike", start, friends[0], members=[owner, *friends]))
    news = Chat(CHANNEL, "Harbour news", start, SERVICE, members=[owner], broadcast=True, username="harbour_news")
    town.found(news)
    said: list[tuple[int, int, str]] = [
        (
            SERVICE,
            owner,
            "Login code: 00000. Do not give this code to anyone!",
        ),
        (owner, BOT, "/start"),
        (BOT, owner, "Tell me a town and I tell you whether to take an umbrella."),
        (owner, GONE, "are you still around?"),
        (GONE, owner, "for a while"),
        (SERVICE, CHANNEL, "The ferry runs every hour on weekends."),
        (SERVICE, CHANNEL, "The swimming pool opens again on Monday."),
    ]
    posts = [Post(sender, peer, start + timedelta(minutes=i), text) for i, (sender, peer, text) in enumerate(said)]
    founded = start + timedelta(hours=1)
    founding = types.MessageActionChatCreate("Sunday hike", [owner, *friends])
    posts.append(Post(friends[0], GROUP, founded, "", action=founding))
    walk = [(friends[0], "who is coming on sunday?"), (friends[1], "me!"), (owner, "count me in")]
    posts += [Post(sender, GROUP, founded + timedelta(minutes=i), text) for i, (sender, text) in enumerate(walk, 1)]
    return posts
