"""The edge to Telegram: connect, log in, and turn Telethon's objects into our values. No other module knows its types.

The server is a value (`Server`): Telegram itself, its test data centres, or any MTProto server of the same schema.
"""

from data.telegram.client import TEST_SERVERS, Client, Login, Server, clock_ahead, connect
from data.telegram.failure import PASSING, TROUBLE, ends_login, explain, readable_errors, refusal
from data.telegram.listing import Ask, Listed, dialogs_of, folders, listing, within
from data.telegram.login import log_in_by_code, log_in_by_qr, log_out, owner_of
from data.telegram.values import Heard, Withheld, hear, is_withheld, itself, left_out_because, to_dialog, to_message

__all__ = [
    "PASSING",
    "TEST_SERVERS",
    "TROUBLE",
    "Ask",
    "Client",
    "Heard",
    "Listed",
    "Login",
    "Server",
    "Withheld",
    "clock_ahead",
    "connect",
    "dialogs_of",
    "ends_login",
    "explain",
    "folders",
    "hear",
    "is_withheld",
    "itself",
    "left_out_because",
    "listing",
    "log_in_by_code",
    "log_in_by_qr",
    "log_out",
    "owner_of",
    "readable_errors",
    "refusal",
    "to_dialog",
    "to_message",
    "within",
]
