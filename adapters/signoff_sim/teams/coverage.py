"""What of Teams is modelled, as data. `/control/coverage` and the page show it; a test keeps it honest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Row:
    area: str
    what: str
    modelled: Literal["yes", "partly", "no"]
    source: Literal["documented", "observed", "assumed"]
    """`documented` by the vendor, `observed` in library source or by trial, `assumed` where neither says."""
    switch: str | None = None
    """The name under `POST /control/faults {"teams": …}` that turns it off, changes it or injects it."""
    note: str = ""


TABLE: tuple[Row, ...] = (
    Row("sign-in", "OpenID metadata, JWKS with endorsements, key rotation (verb rotate)", "yes", "observed"),
    Row("sign-in", "Client credentials: app id, password, scope, grant type", "yes", "documented", "check_tokens"),
    Row("sign-in", "Token lifetime", "yes", "documented", "token_seconds"),
    Row("sign-in", "Certificates, managed identity, single sign-on, OAuth cards", "no", "documented"),
    Row("to the bot", "RS256 tokens: iss, aud, nbf, exp, serviceurl", "yes", "observed"),
    Row("to the bot", "conversationUpdate and installationUpdate, repeated until taken", "yes", "documented"),
    Row("to the bot", "Messages; in channels only those that mention the app", "yes", "documented"),
    Row("to the bot", "Mentions of people in channels, as entities (`@Bob` in what is typed)", "yes", "documented"),
    Row("to the bot", "conversationUpdate when somebody joins or leaves a team (verb team)", "yes", "documented"),
    Row("to the bot", "adaptiveCard/action, manual and automatic (refresh, at most 60 userIds)", "yes", "documented"),
    Row("to the bot", "task/fetch and task/submit with Adaptive Cards", "yes", "documented"),
    Row("to the bot", "replyToId on task/submit", "yes", "assumed", "submit_reply_to"),
    Row("to the bot", "Emptied inputs are left out of a submission", "yes", "observed", "empty_inputs"),
    Row("to the bot", "The same activity more than once", "yes", "documented", "duplicates"),
    Row("to the bot", "Reactions, edits and deletions by people, extensions, tabs, meetings", "no", "documented"),
    Row("answers", "Card for the clicker only, until the message is updated", "yes", "observed"),
    Row("answers", "activity.message, error, task continue and message", "yes", "documented"),
    Row("answers", "Time limit; Unable to reach app", "yes", "documented", "invoke_seconds"),
    Row("answers", "loginRequest and other sign-in answers", "no", "documented"),
    Row("connector", "Create (channel post, personal chat), send, reply, update, delete", "yes", "documented"),
    Row("connector", "Group chats, attachments other than one Adaptive Card, targeted messages", "no", "documented"),
    Row("connector", "Members, one member, guests; roles and tenants (verb user)", "yes", "documented", "guests"),
    Row("connector", "Paged members: pageSize 50 to 500, continuationToken", "yes", "documented", "page_size"),
    Row("connector", "Texts: plain, xml; mentions of members; no Markdown", "partly", "documented"),
    Row("connector", "Team details and channels; the first channel has no name", "yes", "documented"),
    Row("connector", "403 where the app is not installed", "yes", "documented", "not_installed"),
    Row("connector", "403 in archived channels", "partly", "assumed", "archived", "The code is not documented."),
    Row("connector", "Injected 412, 429, 502, 504 and others, before or after the effect", "yes", "documented", "fail"),
    Row("connector", "Slow answers", "yes", "documented", "hold_seconds"),
    Row("graph", "Nested members of a group, with pages (verb group)", "yes", "documented", "page_size"),
    Row("graph", "A second page that is said to be elsewhere", "yes", "assumed", "next_link_host"),
    Row("graph", "Accounts: switched off, guest, deleted (verb user)", "yes", "documented"),
    Row("graph", "403 without the administrator's consent", "yes", "documented", "graph_consent"),
    Row("graph", "Tokens of its own scope; other calls, batches, change notifications", "partly", "documented"),
    Row("limits", "Calls per conversation and second; updates count like sends", "yes", "assumed", "thread_limits"),
    Row("limits", "Whether any rate is limited", "yes", "documented", "rate_limits"),
    Row("limits", "Calls per app and tenant", "yes", "documented", "app_per_second"),
    Row("limits", "Card size", "yes", "documented", "card_bytes", "Newer documents name only the message's size."),
    Row("limits", "Message size", "yes", "documented", "message_bytes"),
    Row("cards", "Type, version ≤ 1.5, known elements and properties, unique ids", "yes", "documented", "check_cards"),
    Row("cards", "Primary actions of a card and of an ActionSet", "yes", "documented", "card_actions"),
    Row("cards", "Input.ChoiceSet: all three styles; several values arrive with commas", "yes", "documented"),
    Row("cards", "Input.Toggle: valueOn and valueOff as strings", "yes", "documented"),
    Row("cards", "Action.ShowCard: its inputs go with the buttons inside it only", "yes", "observed"),
    Row("cards", "Action.ToggleVisibility: names what there is; hidden inputs are submitted", "yes", "observed"),
    Row("cards", "Hidden buttons cannot be pressed", "partly", "observed", None, "Not on the page; by control, yes."),
    Row("cards", "Table, ColumnSet, Container, ActionSet, selectAction", "yes", "observed"),
    Row("cards", "Several chosen values in a dropdown", "partly", "documented", None, "Drawn as check boxes."),
    Row("cards", "Input rules checked by the client: required, length, bounds, pattern, choices", "yes", "documented"),
    Row("cards", "Media, people picker, dynamic choices, templating", "no", "documented"),
)  # fmt: skip
