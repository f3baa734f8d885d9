"""Whose account it is."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Owner:
    """Who is logged in, and whose messages the archive holds."""

    user_id: int
    name: str
