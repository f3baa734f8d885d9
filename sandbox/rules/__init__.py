"""The rules: for each request that the sandbox understands, the function that answers it. One subject a file.

A new need is a new file with its own `RULES`, named here.
"""

from collections.abc import Callable
from typing import Any

from sandbox.call import Call
from sandbox.rules import (
    account,
    auth,
    blocking,
    bots,
    callbacks,
    channels,
    contacts,
    deleting,
    dialogs,
    drafts,
    editing,
    files,
    folders,
    forwarding,
    groups,
    help,
    history,
    reactions,
    reading,
    restricting,
    search,
    sending,
    slowing,
    takeout,
    topics,
    typing,
    updates,
    users,
)

Rule = Callable[[Call, Any], Any]

RULES: dict[type, Rule] = {
    **help.RULES,
    **auth.RULES,
    **bots.RULES,
    **callbacks.RULES,
    **account.RULES,
    **users.RULES,
    **contacts.RULES,
    **blocking.RULES,
    **dialogs.RULES,
    **history.RULES,
    **search.RULES,
    **sending.RULES,
    **editing.RULES,
    **deleting.RULES,
    **reading.RULES,
    **typing.RULES,
    **drafts.RULES,
    **reactions.RULES,
    **updates.RULES,
    **groups.RULES,
    **channels.RULES,
    **slowing.RULES,
    **restricting.RULES,
    **topics.RULES,
    **takeout.RULES,
    **folders.RULES,
    **forwarding.RULES,
    **files.RULES,
}

OPEN = auth.OPEN | bots.OPEN | help.OPEN
"""What may be asked without being logged in."""

FOR_PEOPLE = bots.FOR_PEOPLE
"""What a bot is refused."""
