"""A Telegram on loopback: a small MTProto 2.0 server with a town of invented people in it.

The demo and the tests talk to it with the real, unpatched Telethon over TCP. It imports nothing from `data`, `training`
or `bot`: whatever it knows about Telegram, it learned from Telegram's schema and documentation, not from our client.
"""
