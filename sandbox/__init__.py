"""A Telegram on loopback: a small MTProto 2.0 server with a town of invented people in it.

The demo and the tests talk to it with the real, unpatched Telethon over TCP. It imports nothing from `data`, `training`
or `bot`: whatever it knows about Telegram, it learned from Telegram's schema and documentation, not from our client.

Towns: `small` (tests), `cast` (a real corpus), `stage` (pictures), `life` (one of each kind of chat and message),
`crowd` (any number of messages). What people do is in `host` and `membership`, what goes wrong in `faults`, what is
allowed in `limits`, what happened in `journal`; the answer to each request is in `rules`.
"""
