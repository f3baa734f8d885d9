"""`consent ask`: a request for consent in the input box of a chat, in the language that the owner writes there."""

from collections.abc import Mapping
from typing import Any

from bot import connection, request
from bot.chats import find
from bot.desk import Desk
from bot.progress import Shown
from data.errors import UserError
from data.pull import unlisted
from data.telegram import Client, readable_errors

LOOKED_AT = 100
"""Messages of a chat that tell which language the owner writes there."""


async def ask(desk: Desk, client: Client, arguments: Mapping[str, Any], shown: Shown) -> dict[str, Any]:
    """Put it there. `arguments`: `chat`, and `language` or None for the one that is spoken there."""
    await connection.refresh(desk, client)
    dialog = find(desk.archive, arguments["chat"])
    if not dialog.with_a_person:
        raise UserError(f"{dialog.title} is {dialog.kind.noun}, not a person.", "Only people can be asked.")
    if not client.knows(dialog.id):
        raise unlisted(dialog)
    with readable_errors():
        box = await client.get_drafts(dialog.id)
        if not box.is_empty:
            raise UserError(
                f"Something is already written in the input box of {dialog.title}.", "Send or clear it first."
            )
        # Only to tell the language: nothing of a chat without a consent is kept.
        own = [each.message or "" async for each in client.iter_messages(dialog.id, LOOKED_AT) if each.out]
        spoken = arguments["language"] or request.language_of(own)
        await box.set_message(request.text_in(spoken))
    return {"id": dialog.id, "title": dialog.title, "language": spoken, "text": request.text_in(spoken)}
