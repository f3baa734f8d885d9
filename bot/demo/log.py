"""The end of the demo: the server's delivery log, in words."""

from contextlib import closing

from bot import show
from bot.demo.town import TownHall
from bot.home import Home
from bot.livedb import LiveDb

HOW = {"auto": "sent by itself", "approved": "approved by the owner", "edited": "in the owner's own words"}


def tell(town: TownHall, home: Home) -> None:
    """Who got what, when and how; what lies in an input box; and what became of what came in."""
    names = {account.id: show.plain(account.name) for account in town.town.accounts.values()}
    with closing(LiveDb(home.live)) as live:
        how = {
            row["random_id"]: "auto" if row["surface"] == "auto" else "edited" if row["final"] else "approved"
            for row in live.db.execute(
                "SELECT random_id, surface, final FROM outbox JOIN suggestions ON suggestions.id = suggestion_id"
            )
        }
        outcomes = live.db.execute("SELECT outcome, count(*) FROM inbox GROUP BY outcome").fetchall()
    show.say("")
    show.say("What the server delivered, from its own log:", "bold")
    for each in town.log:
        how_sent = HOW[how[each.random_id]] if each.random_id in how else "unknown to the twin"
        show.say(f"{each.at:%H:%M:%S}  to {names[each.peer_id]}, {how_sent}:", indent=4)
        show.spoken("", each.text, "bold")
    for peer, draft in town.town.boxes[town.town.owner_id].drafts.items():
        show.say(f"Not sent, in the input box to {names[peer]}:", indent=4)
        show.spoken("", draft.text, "bold")
    became = ", ".join(f"{n} {outcome or 'without an outcome'}" for outcome, n in outcomes)
    show.say(f"What became of the messages that came in: {became}.", indent=4)
