"""Nothing more is said in a chat: its mode off, what waits or is planned there cancelled, in one transaction. Where
that is a pause, the mode it had is noted.

A bubble that is already on the wire cannot be called back; the running client settles that row itself.
"""

from datetime import datetime

from bot.bubbles import Bubbles
from bot.inbox import Outcome
from bot.livedb import LiveDb
from bot.policy import Mode
from bot.suggestion import OPEN, State, Suggestions


def silence(live: LiveDb, dialog_id: int, now: datetime) -> int:
    """Silence a chat; returns how many suggestions were under way. A running client notices within its next look."""
    suggestions = Suggestions(live)
    with live.transaction():
        live.db.execute(  # what waits is not answered if the chat is listed again: it is history then
            "UPDATE inbox SET outcome = ? WHERE dialog_id = ? AND outcome IS NULL", (Outcome.OFF, dialog_id)
        )
        live.db.execute(
            "UPDATE policy SET mode = ?, set_at = ?, before = NULL WHERE dialog_id = ?",
            (Mode.OFF, now.timestamp(), dialog_id),
        )
        waiting = suggestions.in_state(*OPEN, dialog_id=dialog_id)
        for suggestion in waiting:
            suggestions.move(suggestion, State.SUPERSEDED, now)
        decided = suggestions.in_state(State.APPROVED, State.EDITED, dialog_id=dialog_id)
        for suggestion in decided:
            suggestions.move(suggestion, State.CANCELLED, now)
        on_their_way = suggestions.in_state(State.PLANNED, State.SENDING, dialog_id=dialog_id)
        for suggestion in on_their_way:
            Bubbles(live, lambda: now).cancel(suggestion.id)
    return len(waiting) + len(decided) + len(on_their_way)


def pause(live: LiveDb, dialog_id: int, now: datetime) -> int:
    """Silence a chat until `switching.resume` puts it back into its mode; returns how many suggestions were under way.
    One that is off stays as it is."""
    with live.transaction():
        row = live.db.execute("SELECT mode FROM policy WHERE dialog_id = ?", (dialog_id,)).fetchone()
        if row is None or row["mode"] == Mode.OFF:
            return 0
        ended = silence(live, dialog_id, now)
        live.db.execute("UPDATE policy SET before = ? WHERE dialog_id = ?", (row["mode"], dialog_id))
    return ended
