"""What every client asks first: the configuration, the nearest data centre."""

from datetime import UTC, datetime, timedelta
from typing import Any

from telethon.tl import functions, types

from sandbox.call import MESSAGE_LIMIT, Call

NUMBERS = {
    "chat_size_max": 200,
    "megagroup_size_max": 200_000,
    "forwarded_count_max": 100,
    "online_update_period_ms": 210_000,
    "offline_blur_timeout_ms": 5_000,
    "offline_idle_timeout_ms": 30_000,
    "online_cloud_timeout_ms": 300_000,
    "notify_cloud_delay_ms": 30_000,
    "notify_default_delay_ms": 1_500,
    "push_chat_period_ms": 60_000,
    "push_chat_limit": 2,
    "edit_time_limit": 172_800,
    "revoke_time_limit": 2_147_483_647,
    "revoke_pm_time_limit": 2_147_483_647,
    "rating_e_decay": 2_419_200,
    "stickers_recent_limit": 200,
    "channels_read_media_period": 604_800,
    "call_receive_timeout_ms": 20_000,
    "call_ring_timeout_ms": 90_000,
    "call_connect_timeout_ms": 30_000,
    "call_packet_timeout_ms": 10_000,
    "caption_length_max": 1_024,
    "message_length_max": MESSAGE_LIMIT,
}


def get_config(call: Call, _request: functions.help.GetConfigRequest) -> types.Config:
    """Limits as Telegram gives them; one data centre, this one."""
    host, _, port = call.sandbox.address.partition(":")
    now = datetime.now(UTC)
    dc = call.sandbox.dc
    return types.Config(
        date=now,
        expires=now + timedelta(hours=1),
        test_mode=False,
        this_dc=dc,
        dc_options=[types.DcOption(dc, host, int(port), static=True)],
        dc_txt_domain_name="",
        me_url_prefix="https://t.me/",
        webfile_dc_id=dc,
        **NUMBERS,
    )


def get_nearest_dc(call: Call, _request: functions.help.GetNearestDcRequest) -> types.NearestDc:
    """Here."""
    return types.NearestDc(country="", this_dc=call.sandbox.dc, nearest_dc=call.sandbox.dc)


def get_app_config(_call: Call, _request: functions.help.GetAppConfigRequest) -> types.help.AppConfig:
    """Nothing special."""
    return types.help.AppConfig(hash=0, config=types.JsonObject([]))


def get_terms(call: Call, _request: functions.help.GetTermsOfServiceUpdateRequest) -> Any:
    """No new terms."""
    return types.help.TermsOfServiceUpdateEmpty(call.town.clock.now() + timedelta(days=1))


RULES = {
    functions.help.GetConfigRequest: get_config,
    functions.help.GetNearestDcRequest: get_nearest_dc,
    functions.help.GetAppConfigRequest: get_app_config,
    functions.help.GetTermsOfServiceUpdateRequest: get_terms,
}

OPEN = frozenset(RULES)
"""All of it may be asked without being logged in."""
