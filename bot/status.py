"""Where am I, and which verb comes next? Read from the files alone, so it answers while `run` is at work."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime

from bot import account, botchat, chosen
from bot.control import Control
from bot.desk import Desk
from bot.review import Review
from bot.suggestion import Suggestion
from data import samples
from data.consent import Ledger
from data.errors import UserError
from data.transcript import Scope

RUN = "doppelgram run"


@dataclass(frozen=True, slots=True)
class Status:
    """What `status --json` gives."""

    logged_in: bool
    account: str | None
    messages: int
    chats: int
    consented: int
    samples: int
    adapter: str | None
    mode_counts: dict[str, int]
    paused: bool
    pending: int
    in_boxes: int
    """How many of these lie in input boxes of Telegram, and are decided on there."""
    waiting: list[dict[str, object]]
    """What waits, chat by chat: suggestions for the owner, messages for a reply, bubbles for their delivery."""
    limited_until: datetime | None
    """Until when Telegram limits the account, so that no chat is automatic."""
    companion: str | None
    """How the companion bot stands; None without one."""
    running: bool
    """Whether the twin is at work."""
    busy: str | None
    """What else uses the login now."""
    next: str

    def as_json(self) -> dict[str, object]:
        """Plain values."""
        return asdict(self)


def look(desk: Desk) -> Status:
    """Look at everything once. A home without an archive is not given one."""
    here = desk.home.archive.exists()
    owner = account.owner_of(desk.archive) if here else None
    dialogs = [dialog for dialog in desk.archive.dialogs() if dialog.may_be_kept] if here else []
    consents = Ledger(desk.archive).active() if here else {}
    live = desk.home.live.exists()
    modes = Counter(str(mode) for mode in desk.policy.modes(desk.now).values()) if live else Counter[str]()
    logged_in = account.is_logged_in(desk) and not account.has_ended(desk)
    holder = desk.home.holder()
    pending = Review.of(desk, "terminal").open() if live else []
    found = Status(
        logged_in=logged_in,
        account=owner.name if owner else None,
        messages=sum(map(desk.archive.count, consents)) if here else 0,
        chats=len(dialogs),
        consented=len(consents),
        samples=_samples(desk),
        adapter=chosen.name(desk),
        mode_counts=dict(modes),
        paused=Control(desk.live).paused(desk.now) if live else False,
        pending=len(pending),
        in_boxes=sum(each.surface == "draft" for each in pending),
        waiting=_waiting(desk, pending) if live else [],
        limited_until=until if live and (until := desk.policy.limited_until()) > desk.now else None,
        companion=_companion(desk, live),
        running=holder == RUN,
        busy=None if holder == RUN else holder,
        next="",
    )
    return Status(**(asdict(found) | {"next": _next(found, any(c.scope is Scope.CHAT for c in consents.values()))}))


_INBOX = "SELECT dialog_id FROM inbox WHERE outcome IS NULL"
_OUTBOX = "SELECT dialog_id FROM outbox WHERE state IN ('planned', 'sending')"


def _waiting(desk: Desk, suggestions: Iterable[Suggestion]) -> list[dict[str, object]]:
    offered = Counter(each.dialog_id for each in suggestions)
    messages, bubbles = (Counter(row[0] for row in desk.live.db.execute(query)) for query in (_INBOX, _OUTBOX))
    titles = {dialog.id: dialog.title for dialog in desk.archive.dialogs()}
    return [
        {
            "id": each,
            "suggestions": offered[each],
            "messages": messages[each],
            "bubbles": bubbles[each],
            "title": titles.get(each, str(each)),
        }
        for each in sorted(offered | messages | bubbles)
    ]


def _companion(desk: Desk, live: bool) -> str | None:
    if not desk.settings.companion.token:
        return None
    standing = botchat.noted(desk.live) if live else None
    if standing is None:
        return "not begun yet: doppelgram run"
    return f"{standing.trouble} {standing.fix}" if standing.trouble else standing.name


def _samples(desk: Desk) -> int:
    try:
        return samples.read_card(desk.home.dataset).samples
    except UserError:
        return 0


def _next(status: Status, somebody_agreed: bool) -> str:
    """The first step of the road that is not done."""
    steps = (
        (status.logged_in, "doppelgram login"),
        (status.consented > 0, "doppelgram consent grant CHAT --scope chat"),
        (status.messages > 0, "doppelgram pull --all"),
        (status.samples > 0, "doppelgram build"),
        (status.adapter is not None, "doppelgram train"),
        (somebody_agreed, "doppelgram consent grant CHAT --scope chat"),
        (
            sum(n for mode, n in status.mode_counts.items() if mode != "off") > 0,
            "doppelgram chats set CHAT --mode draft",
        ),
        (not status.paused, "doppelgram resume"),
        (status.pending == status.in_boxes, "doppelgram review"),
    )
    return next((verb for done, verb in steps if not done), "doppelgram run")
