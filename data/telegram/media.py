"""Telethon's attachments and service actions -> the one grammar of placeholders.

A service action bears the name that Telegram Desktop gives it in an export, so that both roads end in one message.
"""

import re
from typing import Any

from telethon.tl import types

from data import placeholder

_CALLS = (types.MessageActionPhoneCall, types.MessageActionConferenceCall)
_GIFTS = (
    types.MessageActionGiftPremium,
    types.MessageActionGiftStars,
    types.MessageActionGiftTon,
    types.MessageActionGiftCode,
    types.MessageActionStarGift,
    types.MessageActionStarGiftUnique,
)
_NAMES = {
    types.MessageActionChatCreate: "create group",
    types.MessageActionChatEditTitle: "edit group title",
    types.MessageActionChatEditPhoto: "edit group photo",
    types.MessageActionChatDeletePhoto: "delete group photo",
    types.MessageActionChatAddUser: "invite members",
    types.MessageActionChatDeleteUser: "remove members",
    types.MessageActionChatJoinedByLink: "join group by link",
    types.MessageActionChatJoinedByRequest: "join group by request",
    types.MessageActionChannelCreate: "create channel",
    types.MessageActionChatMigrateTo: "migrate to supergroup",
    types.MessageActionChannelMigrateFrom: "migrate from group",
    types.MessageActionHistoryClear: "clear history",
    types.MessageActionGameScore: "score in game",
    types.MessageActionPaymentSent: "send payment",
    types.MessageActionPaymentRefunded: "refunded payment",
    types.MessageActionScreenshotTaken: "take screenshot",
    types.MessageActionBotAllowed: "allow sending messages",
    types.MessageActionSecureValuesSent: "send passport values",
    types.MessageActionContactSignUp: "joined telegram",
    types.MessageActionGeoProximityReached: "proximity reached",
    types.MessageActionSetChatTheme: "edit chat theme",
    types.MessageActionWebViewDataSent: "send webview data",
    types.MessageActionTopicCreate: "topic created",
    types.MessageActionSetChatWallPaper: "set chat wallpaper",
    types.MessageActionPrizeStars: "stars prize",
}
"""Where Telegram Desktop's name is not that of Telethon's class in words."""


def media_of(media: Any) -> str | None:
    """The placeholder of an attachment; a link preview is none, its link stands in the text."""
    match media:
        case None | types.MessageMediaEmpty() | types.MessageMediaWebPage():
            return None
        case types.MessageMediaPhoto():
            return placeholder.PHOTO
        case types.MessageMediaDocument(document=types.Document() as document):
            return _document(document)
        case types.MessageMediaVenue(title=title):
            return placeholder.place(title)
        case types.MessageMediaGeo() | types.MessageMediaGeoLive():
            return placeholder.place()
        case types.MessageMediaContact():
            return placeholder.CONTACT
        case types.MessageMediaPoll(poll=poll):
            return placeholder.poll(poll.question.text)
        case types.MessageMediaToDo(todo=tasks):
            return placeholder.checklist(tasks.title.text)
        case types.MessageMediaDice(value=value):
            return placeholder.dice(str(value))
        case types.MessageMediaGame(game=game):
            return placeholder.game(game.title)
        case types.MessageMediaInvoice():
            return placeholder.INVOICE
        case types.MessageMediaPaidMedia():
            return placeholder.PAID
        case types.MessageMediaStory():
            return placeholder.STORY
        case types.MessageMediaGiveaway() | types.MessageMediaGiveawayResults():
            return placeholder.GIVEAWAY
    return placeholder.OTHER


def _document(document: types.Document) -> str:
    has = {type(each): each for each in document.attributes}
    sound, moving = has.get(types.DocumentAttributeAudio), has.get(types.DocumentAttributeVideo)
    if sticker := has.get(types.DocumentAttributeSticker) or has.get(types.DocumentAttributeCustomEmoji):
        return placeholder.sticker(sticker.alt)
    if sound and sound.voice:
        return placeholder.voice(sound.duration)
    if sound:
        return placeholder.music(sound.performer, sound.title)
    if moving and moving.round_message:
        return placeholder.ROUND_VIDEO
    if types.DocumentAttributeAnimated in has:
        return placeholder.ANIMATION
    if moving:
        return placeholder.VIDEO
    name = has.get(types.DocumentAttributeFilename)
    return placeholder.file(name.file_name if name else None)


def action_of(action: Any) -> str:
    """The placeholder of what happened in a service message."""
    if isinstance(action, _CALLS):
        return placeholder.call(action.duration, _why_none(action))
    if isinstance(action, _GIFTS):
        return placeholder.GIFT
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(action).__name__.removeprefix("MessageAction")).lower()
    return placeholder.happened(_NAMES.get(type(action), words), getattr(action, "title", None))


def is_talk(action: Any) -> bool:
    """Whether a service message is part of the talk: a call, or a present."""
    return isinstance(action, _CALLS + _GIFTS)


def _why_none(action: Any) -> str | None:
    """Why a call came to nothing, in Telegram Desktop's word."""
    if isinstance(action, types.MessageActionConferenceCall):
        return "missed" if action.missed else None
    reason = type(action.reason).__name__.removeprefix("PhoneCallDiscardReason").lower()
    return None if action.reason is None else reason
