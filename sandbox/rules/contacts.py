"""The address book, and finding people by name or number."""

from typing import Any

from telethon.tl import functions, types

from sandbox.call import Call
from sandbox.people import Account
from sandbox.refusal import bad


def get_contacts(call: Call, _request: functions.contacts.GetContactsRequest) -> types.contacts.Contacts:
    """Everybody in the address book."""
    contacts = sorted(call.town.accounts[call.me].contacts)
    mutual = [types.Contact(i, mutual=call.me in call.town.accounts[i].contacts) for i in contacts]
    return types.contacts.Contacts(mutual, saved_count=len(contacts), users=call.view.cast(contacts)["users"])


def get_statuses(call: Call, _request: functions.contacts.GetStatusesRequest) -> list[Any]:
    """Who of them is online."""
    contacts = sorted(call.town.accounts[call.me].contacts)
    return [types.ContactStatus(i, call.view.status(call.town.accounts[i])) for i in contacts]


def resolve_username(call: Call, request: functions.contacts.ResolveUsernameRequest) -> types.contacts.ResolvedPeer:
    """Whose @name it is."""
    found = call.town.by_username(request.username)
    if found is None:
        raise bad("USERNAME_NOT_OCCUPIED")
    return types.contacts.ResolvedPeer(call.view.peer(found.id), **call.view.cast([found.id]))


def resolve_phone(call: Call, request: functions.contacts.ResolvePhoneRequest) -> types.contacts.ResolvedPeer:
    """Whose number it is."""
    found = call.town.by_phone(request.phone)
    if found is None:
        raise bad("PHONE_NOT_OCCUPIED")
    return types.contacts.ResolvedPeer(call.view.peer(found.id), **call.view.cast([found.id]))


def search(call: Call, request: functions.contacts.SearchRequest) -> types.contacts.Found:
    """People whose name or @name contains the words."""
    words = request.q.lower().removeprefix("@")
    known = call.town.accounts[call.me].contacts

    def fits(account: Account) -> bool:
        return not account.deleted and (words in account.name.lower() or words in (account.username or "").lower())

    mine = [i for i in sorted(known) if fits(call.town.accounts[i])][: request.limit]
    return types.contacts.Found([call.view.peer(i) for i in mine], [], **call.view.cast(mine))


RULES = {
    functions.contacts.GetContactsRequest: get_contacts,
    functions.contacts.GetStatusesRequest: get_statuses,
    functions.contacts.ResolveUsernameRequest: resolve_username,
    functions.contacts.ResolvePhoneRequest: resolve_phone,
    functions.contacts.SearchRequest: search,
}
