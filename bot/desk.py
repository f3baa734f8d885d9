"""What a verb works on: settings, home folder, and its two stores, opened when first used, closed at the end."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

from bot import settings as knobs
from bot.home import Home
from bot.livedb import LiveDb
from bot.policy import Policy
from data.archive import Archive


@dataclass(slots=True)
class Desk:
    """Everything within reach of one verb."""

    settings: knobs.Settings
    home: Home
    _archive: Archive | None = field(default=None, init=False)
    _live: LiveDb | None = field(default=None, init=False)

    @classmethod
    @contextmanager
    def open(cls) -> "Iterator[Desk]":
        """Read the settings and find the home folder. Raises UserError (exit 3)."""
        settings = knobs.read()
        with cls.at(settings, Home.at(settings.home)) as desk:
            yield desk

    @classmethod
    @contextmanager
    def at(cls, settings: knobs.Settings, home: Home) -> "Iterator[Desk]":
        """A desk with stores of its own over a home folder."""
        desk = cls(settings, home)
        try:
            yield desk
        finally:
            for store in (desk._archive, desk._live):
                if store is not None:
                    store.close()

    @property
    def archive(self) -> Archive:
        """The messages and the consent ledger."""
        if self._archive is None:
            self._archive = self.home.open_archive()
        return self._archive

    @property
    def live(self) -> LiveDb:
        """Inbox, suggestions and outbox."""
        if self._live is None:
            self._live = LiveDb(self.home.live)
        return self._live

    @property
    def policy(self) -> Policy:
        """The modes of the chats."""
        return Policy(self.live, self.settings.live, self.zone)

    @property
    def zone(self) -> tzinfo:
        """The owner's time zone."""
        return ZoneInfo(self.settings.transcript.zone)

    @property
    def now(self) -> datetime:
        """This moment."""
        return datetime.now(UTC)
