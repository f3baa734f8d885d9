"""`doppelgram run`: put the live client together from the settings, and keep it running until it is stopped."""

import asyncio
from collections.abc import Coroutine, Iterator
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from bot import account, agreement, chosen
from bot.answers import Answers
from bot.cards import Cards
from bot.caution import Caution
from bot.clocks import Clocks
from bot.companion import Companion
from bot.control import Control, Orders, SavedMessages
from bot.desk import Desk
from bot.digest import Digest
from bot.drafts import Drafts
from bot.echoes import Emit
from bot.gate import Gate
from bot.hearing import Hearing
from bot.home import Home
from bot.inbox import Inbox
from bot.lapses import Lapses
from bot.listening import Listening
from bot.live import LOOK, Live, end
from bot.livedb import LiveDb
from bot.notices import Notices
from bot.online import Clerk
from bot.outbox import Outbox
from bot.policy import Policy
from bot.reconciler import Reconciler
from bot.respond import Responder
from bot.review import Review
from bot.settings import Settings
from bot.suggestion import Suggestions
from bot.taps import Taps
from bot.twin import Twin
from bot.writing import Writing
from data.errors import UserError
from data.owner import Owner
from data.pull import Pace
from data.rhythm import Gaps
from data.telegram import Login, connect, owner_of, readable_errors
from training.adapter import Adapter


async def run(
    home: Home,
    settings: Settings,
    login: Login,
    responder: Responder,
    adapter: Adapter | None,
    emit: Emit,
    stop: asyncio.Event,
    clocks: Clocks | None = None,
    writing: Writing | None = None,
    look: float = LOOK,
) -> None:
    """Run until `stop` is set. The caller holds the login, and `responder` speaks with `adapter`; without one nothing
    is ever sent by itself. `writing` is the model's worker, where others use it too; `look` is the seconds between two
    looks at the rows. Raises UserError when nobody is logged in, or the adapter becomes stale."""
    live = LiveDb(home.live)
    clocks = clocks or Clocks(partial(datetime.now, UTC))
    now, limits, archive = clocks.now, settings.live, responder.archive
    policy = Policy(live, limits, ZoneInfo(settings.transcript.zone))
    listening = Listening(live, archive, policy, clocks)
    watching = asyncio.ensure_future(listening.watch(look))  # before there is a connection, which may take hours
    try:
        async with connect(login, updates=True) as client:
            owner = await owner_of(client)
            control = Control(live, clocks)
            expire = timedelta(minutes=limits.expire_minutes)
            gate = Gate(archive, policy, control, expire)
            gaps = Gaps.of(home.dataset)
            outbox = Outbox(client, live, archive, gate, emit, clocks, limits.bubble_seconds, gaps=gaps)
            with readable_errors():
                await outbox.tell_time()
            inbox, suggestions = Inbox(live, timedelta(seconds=limits.debounce_seconds)), Suggestions(live)
            notices = Notices(live, archive, responder.guard.crisis, now)
            writing = writing or Writing()
            twin = Twin(
                archive=archive,
                listening=listening,
                hearing=Hearing(archive, inbox, notices, suggestions, outbox, writing, emit, now, expire),
                writing=writing,
                inbox=inbox,
                notices=notices,
                suggestions=suggestions,
                policy=policy,
                control=control,
                outbox=outbox,
                drafts=Drafts(client, archive),
                responder=responder,
                adapter=adapter.card.name if adapter else "",
                emit=emit,
                now=now,
                auto_confidence=limits.auto_confidence,
                expire=expire,
                caution=Caution(
                    in_a_row=limits.in_a_row,
                    quick_answers=limits.quick_answers,
                    owner=timedelta(seconds=limits.owner_seconds),
                    hold_media=limits.hold_media,
                    pauses=responder.shape.pauses,
                ),
                seed=settings.train.seed,
            )
            orders = Orders(control, Answers(twin), clocks)
            commands = SavedMessages(client, orders)
            pace = Pace(settings.pull.requests_per_second)
            fit = partial(chosen.demand_fit, adapter, archive)
            with Desk.at(settings, home) as desk:
                clerk = Clerk(desk, client, stop)
                clerk.errands.clear()
                beside = [asyncio.ensure_future(each) for each in _beside(desk, login, owner, twin, orders)]
                try:
                    lapses = Lapses(policy, notices)
                    reconciler = Reconciler(client, twin, pace, commands, lapses, look)
                    await Live(client, twin, owner, reconciler, commands, fit, clerk.step, lapses, look).run(stop)
                finally:
                    await end(beside)
                await clerk.leave()
    except UserError as error:
        account.remember_end(archive, error)
        raise
    finally:
        await end([watching])
        live.close()


def _beside(desk: Desk, login: Login, owner: Owner, twin: Twin, orders: Orders) -> Iterator[Coroutine[Any, Any, None]]:
    """What runs beside the live client, if the owner has agreed to it, and never stops it."""
    token, at = desk.settings.companion.token, desk.settings.live.digest
    if token and agreement.given(desk, agreement.COMPANION):
        review = Review(twin.archive, twin.suggestions, twin.inbox, twin.now, "companion")
        taps = Taps(review, Cards(twin.outbox.live), twin.control, twin.emit)
        session = replace(login, session=desk.home.companion)
        yield Companion(session, token.get_secret_value(), owner.user_id, twin.outbox, taps, orders).run()
    if at and agreement.given(desk, agreement.DIGEST):
        yield Digest(time.fromisoformat(at), twin.outbox.live, twin.outbox, twin.policy, twin.control).run()
