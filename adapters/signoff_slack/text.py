"""Texts as Slack takes them. Agent text always travels as `plain_text` without emoji, which Slack shows as it is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from urllib.parse import quote

Json = dict[str, object]

SECTION_TEXT = 3000
"""Characters of a section's text and of one input (Block Kit reference)."""
FIELD_TEXT = 2000
"""Characters of one field of a section."""
NOTHING = "—"
"""Stands where a text is empty: Slack refuses empty texts."""

_SHORTCODE = re.compile(r":(?=[\w+'-]+:)")
_URL_UNSAFE = re.compile(r"[\s<>|\"\\^`{}\x00-\x1f\x7f]")


def units(text: str) -> int:
    """Length in UTF-16 code units, the stricter of the two ways in which Slack may count."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def head(text: str, limit: int) -> str:
    """The longest beginning of at most `limit` UTF-16 code units, no character cut in two."""
    if units(text) <= limit:
        return text
    return text.encode("utf-16-le", "surrogatepass")[: limit * 2].decode("utf-16-le", "ignore")


def cut(text: str, limit: int, hidden: int = 0) -> str:
    """The text within `limit`, ending in the count of what is not shown (`hidden` characters were left out before)."""
    if not hidden and units(text) <= limit:
        return text if text.strip() else NOTHING
    room = limit - 40  # for the longest note about what is missing
    shown = head(text, room)
    missing = len(text) - len(shown) + hidden
    return f"{shown}… ({missing:,} more characters)"


def name(text: str, limit: int) -> str:
    """A title, label or button text within `limit`; cut without a count."""
    flat = " ".join(text.split()) or NOTHING
    return flat if units(flat) <= limit else head(flat, limit - 1) + "…"


def plain(text: str) -> Json:
    return {"type": "plain_text", "text": text, "emoji": False}


def escape(text: str) -> str:
    """Text inside mrkdwn: Slack's three control characters (docs.slack.dev, formatting message text)."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def markup(text: str) -> Json:
    """Markup of our own; agent text never goes through here."""
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def bold(text: str) -> Json:
    """A label of our own."""
    return markup(f"*{escape(name(text, 200))}*")


def summary(text: str) -> str:
    """The line of a notification: Slack reads it as mrkdwn, so control characters are escaped and shortcodes broken."""
    # Escaped, a text may be five times as long, and Slack takes 4000 characters.
    return escape(_SHORTCODE.sub("∶", head(text, 700))) if text.strip() else NOTHING


def date(moment: datetime) -> str:
    """A moment that Slack shows in the reader's own time zone."""
    fallback = f"{moment:%Y-%m-%d %H:%M} UTC{moment:%z}".removesuffix("+0000")
    return f"<!date^{int(moment.timestamp())}^{{date_short_pretty}} {{time}}|{fallback}>"


def link(url: str, label: str) -> str | None:
    """A link with a label of our own; None if the address is not plain http(s) or, escaped, too long for a field."""
    if not url.startswith(("https://", "http://")) or len(url) > FIELD_TEXT:
        return None
    safe = _URL_UNSAFE.sub(lambda bad: quote(bad.group()), url)
    drawn = f"<{escape(safe)}|{escape(label)}>"
    return drawn if units(drawn) <= FIELD_TEXT else None


def pieces(text: str, limit: int) -> Sequence[str]:
    """The text in pieces of at most `limit` code units that join to the same text.

    Cuts stand between two visible characters where possible, so that nothing is lost if a client trims an input.
    """
    size = limit if text.isascii() or max(text) <= "\uffff" else limit // 2
    out: list[str] = []
    start = 0
    while len(text) - start > size:
        end = start + size
        for back in range(end, max(start, end - 200), -1):
            if not text[back - 1].isspace() and not text[back].isspace():
                end = back
                break
        out.append(text[start:end])
        start = end
    return [*out, text[start:]]
