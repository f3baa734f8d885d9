"""Errands: work on the login that one process asks another to do.

One account has one login file, and two processes on it lose updates. So while `run` holds it, a verb that needs it
leaves a row; `run` takes the row, works with its own connection, and writes down what came of it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.livedb import LiveDb
from data.errors import ExitCode, UserError


@dataclass(frozen=True, slots=True)
class Errand:
    """One piece of work: the words of the verb, and its arguments as JSON knows them."""

    id: int
    verb: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Errands:
    """The rows: `asked -> taken -> done`. Whoever asked removes its row, at the end or when it no longer wants it."""

    live: LiveDb

    def ask(self, verb: str, arguments: Mapping[str, Any]) -> int:
        """Leave an errand; returns its number."""
        with self.live.transaction():
            cursor = self.live.db.execute(
                "INSERT INTO errands (verb, arguments, state) VALUES (?, ?, 'asked')", (verb, json.dumps(arguments))
            )
        return int(cursor.lastrowid or 0)

    def take(self) -> Errand | None:
        """The oldest that nobody has begun; now it is ours."""
        with self.live.transaction():
            row = self.live.db.execute(
                "UPDATE errands SET state = 'taken' WHERE id = (SELECT min(id) FROM errands WHERE state = 'asked')"
                " RETURNING id, verb, arguments"
            ).fetchone()
        return Errand(row["id"], row["verb"], json.loads(row["arguments"])) if row else None

    def wanted(self, errand: Errand) -> bool:
        """Whether somebody still waits for it."""
        return self.live.db.execute("SELECT 1 FROM errands WHERE id = ?", (errand.id,)).fetchone() is not None

    def done(self, errand: Errand, answer: Mapping[str, Any]) -> None:
        """It is done, and this is what the verb reports."""
        self._finish(errand, {"answer": answer})

    def failed(self, errand: Errand, error: UserError) -> None:
        """It could not be done, for this reason."""
        self._finish(errand, {"message": str(error), "hint": error.hint, "code": int(error.code)})

    def _finish(self, errand: Errand, result: Mapping[str, Any]) -> None:
        with self.live.transaction():
            self.live.db.execute(
                "UPDATE errands SET state = 'done', result = ? WHERE id = ?", (json.dumps(result), errand.id)
            )

    def withdraw(self, number: int, *states: str) -> bool:
        """Remove a row if it is in one of these states, in any if none is named. False if it was not."""
        marks = ",".join("?" * len(states))
        condition = f" AND state IN ({marks})" if states else ""
        with self.live.transaction():
            cursor = self.live.db.execute(f"DELETE FROM errands WHERE id = ?{condition}", (number, *states))
        return cursor.rowcount > 0

    def result(self, number: int) -> dict[str, Any] | None:
        """What the verb reports, or None before it is done. Raises the UserError that ended it, also when the client
        that was asked is gone."""
        row = self.live.db.execute("SELECT state, result FROM errands WHERE id = ?", (number,)).fetchone()
        if row is None:
            raise ended()
        if row["state"] != "done":
            return None
        result = json.loads(row["result"])
        if "answer" in result:
            return dict(result["answer"])
        raise UserError(result["message"], result["hint"], ExitCode(result["code"]))

    def clear(self) -> None:
        """Forget what was asked of a client that has ended: whoever asked is told so."""
        with self.live.transaction():
            self.live.db.execute("DELETE FROM errands")


def ended() -> UserError:
    """What whoever asked is told when the client went away."""
    return UserError("`doppelgram run` ended before this was done.", "Run it again: nothing is lost.")
