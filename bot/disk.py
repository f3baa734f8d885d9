"""What a disk does to a store, in a sentence."""

import errno
import sqlite3

from data.errors import UserError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def explain(error: OSError | sqlite3.Error) -> UserError | None:
    """A full disk, and a store that is damaged or held; None for what is a bug."""
    full = isinstance(error, OSError) and error.errno in FULL
    said = str(error)
    if full or "disk is full" in said or "disk I/O error" in said:
        return UserError("The disk is full.", "Free some space and run the same command again: nothing is lost.")
    if isinstance(error, sqlite3.OperationalError) and "locked" in said:
        return UserError("Another command is writing to the same file.", "Run it again in a moment.")
    if isinstance(error, sqlite3.DatabaseError) and ("malformed" in said or "not a database" in said):
        return UserError("A file in the home folder is damaged.", "Run: doppelgram doctor")
    return None
