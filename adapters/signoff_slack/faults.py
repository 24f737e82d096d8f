"""Slack's refusals → our errors, each with what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError

from signoff.errors import ChatBusy, ChatError, Undeliverable

FAILURES = (SlackClientError, aiohttp.ClientError, TimeoutError, OSError, ValueError, RecursionError)
"""What a call through slack_sdk raises: API errors, the network, and answers that are no JSON (ValueError) or nested
too deeply (RecursionError).
"""
DEFAULT_RETRY = 5.0
"""Seconds to wait when a 429 does not say."""

_GONE = {
    "channel_not_found": "Slack has no such channel, or the app is not in it; check the name and invite the app there.",
    "not_in_channel": "the app is not in this channel; write `/invite @Signoff` there.",
    "is_archived": "the channel is archived; unarchive it or name another place.",
    "user_not_found": "Slack has no such user; check the identity in the policy.",
    "users_not_found": "Slack has no such user; check the identity in the policy.",
    "user_disabled": "this user is deactivated; name somebody else.",
    "user_not_visible": "the app cannot see this user; name somebody else.",
    "cannot_dm_bot": "this user is a bot; name a person.",
    "messages_tab_disabled": "the app's Messages tab is off; turn it on under App Home.",
    "restricted_action": "the workspace's rules forbid posting there; ask its admins or name another place.",
    "restricted_action_thread_locked": "the thread is locked; name another place.",
    "restricted_action_read_only_channel": "the channel is read-only; allow the app to post or name another place.",
    "restricted_action_non_threadable_channel": "the channel takes no threads; name the channel itself.",
    "restricted_action_thread_only_channel": "the channel takes only thread messages; name a thread.",
    "cannot_reply_to_message": "this message takes no replies.",
    "message_not_found": "the message was deleted.",
    "thread_not_found": "the thread was deleted; name another place.",
    "cant_update_message": "the message belongs to another app.",
    "edit_window_closed": "the workspace does not let this message be changed any more.",
    "invalid_blocks": "Slack refuses the card's layout; please report this as a bug.",
    "invalid_blocks_format": "Slack refuses the card's layout; please report this as a bug.",
    "msg_too_long": "Slack finds the card too long; please report this as a bug.",
    "msg_blocks_too_long": "Slack finds the card too long; please report this as a bug.",
}
_MENDS = {
    "invalid_auth": "set SLACK_BOT_TOKEN to the app's bot token and restart.",
    "not_authed": "set SLACK_BOT_TOKEN to the app's bot token and restart.",
    "token_revoked": "the bot token was revoked; install the app again and set the new SLACK_BOT_TOKEN.",
    "token_expired": "the bot token has expired; set a new SLACK_BOT_TOKEN.",
    "account_inactive": "the app was removed from the workspace; install it again.",
    "missing_scope": "the app lacks a scope; run `signoff manifest slack` and install the app again.",
}


def code(error: BaseException) -> str:
    """Slack's error code, `http_503`, or the exception's name; never a text from elsewhere."""
    if isinstance(error, SlackApiError):
        data, status = _answer(error)
        said = data.get("error")
        return said if isinstance(said, str) and said.replace("_", "").isalnum() else f"http_{status}"
    return type(error).__name__


def translated(error: BaseException, place: str) -> ChatError:
    """ChatBusy for 429, Undeliverable for what waiting cannot mend, else ChatError."""
    said = code(error)
    if isinstance(error, SlackApiError):
        _, status = _answer(error)
        if status == 429 or said in {"ratelimited", "rate_limited"}:
            return ChatBusy(retry_after=_retry_after(error), reason="Slack limits how fast we may call it.")
        if said in _GONE:
            return Undeliverable(place=place, reason=_GONE[said])
        mend = _MENDS.get(said, "this is tried again.")
        return ChatError(reason=f"Slack answered {said}; {mend}")
    return ChatError(reason=f"Slack cannot be reached ({said}); this is tried again.")


def _answer(error: SlackApiError) -> tuple[dict[str, object], int]:
    # The SDK puts its own response, an aiohttp response or a plain dict here, untyped.
    response: object = cast("object", error.response)
    data: object = getattr(response, "data", response)
    status: object = getattr(response, "status_code", getattr(response, "status", 0))
    return cast("dict[str, object]", data) if isinstance(data, dict) else {}, status if isinstance(status, int) else 0


def _retry_after(error: SlackApiError) -> float:
    headers: object = getattr(cast("object", error.response), "headers", None)
    value = cast("Mapping[str, object]", headers).get("Retry-After") if isinstance(headers, Mapping) else None
    try:
        return max(0.0, float(str(value)))
    except ValueError:
        return DEFAULT_RETRY
