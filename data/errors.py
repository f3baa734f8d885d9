"""The errors a person is meant to read: one sentence, one hint, one exit code.

Anything else that is raised is a bug and keeps its traceback.
"""

from enum import IntEnum


class ExitCode(IntEnum):
    """What the process tells the shell."""

    OK = 0
    ERROR = 1
    USAGE = 2
    CONFIGURATION = 3
    NOT_LOGGED_IN = 4
    PREFLIGHT = 5
    FLOOD = 6
    CONSENT = 7
    INTERRUPTED = 130


class UserError(Exception):
    """An expected failure. The command line prints `message` and `hint` and exits with `code`, without a traceback."""

    def __init__(self, message: str, hint: str, code: ExitCode = ExitCode.ERROR) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = code
