"""Every common kind of service message, as the action that it holds."""

from typing import Any

from telethon.tl import types

CALL = types.InputGroupCall(id=1, access_hash=1)
STICKER = types.DocumentEmpty(0)


def private_deeds() -> list[Any]:
    """What service messages of a private chat are about."""
    hung_up, missed = types.PhoneCallDiscardReasonHangup(), types.PhoneCallDiscardReasonMissed()
    gift = types.StarGift(id=1, sticker=STICKER, stars=50, convert_stars=40)
    return [
        types.MessageActionContactSignUp(),
        types.MessageActionPhoneCall(call_id=1, reason=hung_up, duration=754),
        types.MessageActionPhoneCall(call_id=2, reason=missed),
        types.MessageActionPhoneCall(call_id=3, reason=types.PhoneCallDiscardReasonBusy(), video=True),
        types.MessageActionScreenshotTaken(),
        types.MessageActionPaymentSent("EUR", total_amount=1500),
        types.MessageActionGiftPremium("EUR", amount=1299, days=90),
        types.MessageActionStarGift(gift, message=types.TextWithEntities("for you", [])),
        types.MessageActionSetMessagesTTL(period=86_400),
        types.MessageActionSetChatTheme(types.ChatTheme("🏡")),
        types.MessageActionPinMessage(),
        types.MessageActionNoForwardsToggle(prev_value=False, new_value=True),
        types.MessageActionCustomAction("Something new happened"),
        types.MessageActionHistoryClear(),
    ]


def group_deeds(member: int) -> list[Any]:
    """What service messages of a group are about; `member` is somebody in it."""
    return [
        types.MessageActionChatAddUser([member]),
        types.MessageActionChatJoinedByLink(inviter_id=member),
        types.MessageActionChatEditTitle("Sailing"),
        types.MessageActionChatEditPhoto(types.PhotoEmpty(0)),
        types.MessageActionChatDeletePhoto(),
        types.MessageActionPinMessage(),
        types.MessageActionGroupCall(CALL),
        types.MessageActionInviteToGroupCall(CALL, [member]),
        types.MessageActionGroupCall(CALL, duration=1800),
        types.MessageActionGameScore(game_id=1, score=12),
        types.MessageActionChatDeleteUser(member),
    ]
