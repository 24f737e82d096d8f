"""What an invoke is answered with: the documented bodies ("Universal Actions", "Dialogs"). Pure."""

from __future__ import annotations

from signoff_teams.render.text import Json, clip

CARD = "application/vnd.microsoft.card.adaptive"
MESSAGE = "application/vnd.microsoft.activity.message"
ERROR = "application/vnd.microsoft.error"


def show(card: Json) -> Json:
    """A card in the place of the one that was clicked, for that person only."""
    return {"statusCode": 200, "type": CARD, "value": card}


def say(sentence: str) -> Json:
    """One sentence for that person; the card stays as it is."""
    return {"statusCode": 200, "type": MESSAGE, "value": sentence}


def refuse(sentence: str) -> Json:
    """The click could not be read."""
    return {"statusCode": 400, "type": ERROR, "value": {"code": "BadRequest", "message": sentence}}


def window(title: str, card: Json) -> Json:
    """A dialog with this card."""
    attachment: Json = {"contentType": CARD, "content": card}
    value: Json = {"title": clip(title, 200), "height": "large", "width": "large", "card": attachment}
    return {"task": {"type": "continue", "value": value}}


def close(sentence: str) -> Json:
    """The dialog's last word."""
    return {"task": {"type": "message", "value": sentence}}
