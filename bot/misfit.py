"""A value or a name that does not fit, in words for people: pydantic's own are for programmers."""

import difflib
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from data.errors import ExitCode, UserError

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

EVERY_NAME = "See .env.example for every name."
_KINDS = {
    "int": "a whole number",
    "float": "a number",
    "finite": "a number",
    "bool": "true or false",
    "string": "text, in quotes",
    "path": "a path, in quotes",
}
"""What a value must be, by the first word of pydantic's name of the error."""
_BOUNDS = {"gt": "more than", "ge": "at least", "lt": "less than", "le": "at most"}


def first(error: "ValidationError") -> "ErrorDetails":
    """What is wrong first. The value is left out of it: it may be a secret in the wrong line."""
    return error.errors(include_input=False, include_url=False)[0]


def sentence(wrong: "ErrorDetails", name: str = "") -> str:
    """What is wrong with a value. What a check of ours says is a sentence already."""
    given: dict[str, Any] = wrong.get("ctx", {})
    if "error" in given:
        said = f"{str(given['error']).rstrip('.')}."
        return f"{name}: {said}" if name else said
    bound = next((f"{words} {given[which]:g}" for which, words in _BOUNDS.items() if which in given), None)
    fitting = given.get("expected") or bound or _KINDS.get(wrong["type"].partition("_")[0])
    return f"{name or 'it'} must be {fitting}." if fitting else f"{name or 'it'}: {wrong['msg']}."


def setting(name: str, wrong: "ErrorDetails", prefix: str, known: Collection[str]) -> UserError:
    """The refusal of a setting, by its full name: `wrong` as pydantic found it."""
    if wrong["type"] in ("extra_forbidden", "model_type"):
        return unknown(name, prefix, known)
    return UserError(sentence(wrong, name), EVERY_NAME, ExitCode.CONFIGURATION)


def unknown(name: str, prefix: str, known: Collection[str]) -> UserError:
    """The refusal of a name that no setting has, with the nearest that one has. All begin with the prefix, so that
    tells nothing."""
    inside = next((each for each in known if each.startswith(f"{name.upper()}__")), None)
    if inside:
        return UserError(f"{name} is a group of settings, such as {inside}.", EVERY_NAME, ExitCode.CONFIGURATION)
    bare = [each.removeprefix(prefix) for each in known]
    near = difflib.get_close_matches(name.upper().removeprefix(prefix), bare, n=1)
    hint = f"Did you mean {prefix}{near[0]}?" if near else EVERY_NAME
    return UserError(f"There is no setting {name}.", hint, ExitCode.CONFIGURATION)
