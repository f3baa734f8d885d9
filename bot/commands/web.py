"""web: the page in a browser on this machine."""

import signal
import threading
from typing import TYPE_CHECKING

from bot import show
from bot.commands.options import Json

if TYPE_CHECKING:
    from bot.web.server import Page


def web(as_json: Json = False) -> None:
    """Approve, try, train and look, in a browser on this machine. Works beside `doppelgram run`. Ctrl-C closes it."""
    from bot.desk import Desk
    from bot.web.server import serving

    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())  # what was begun on the page is ended too
    with Desk.open() as desk, serving(desk.settings, desk.home) as page:
        tell(page, as_json)
        stop.wait()


def tell(page: "Page", as_json: bool) -> None:
    """The link, once: whoever has it may do here what the owner may."""
    if as_json:
        show.data({"event": "page", "link": page.link})
    else:
        show.say(f"The page is open to whoever has this link: {page.link}", "green")
    if not page.address.local:
        show.say("It can be reached from other machines, and what it shows travels there without encryption.", "yellow")
