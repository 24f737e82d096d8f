"""What Signoff's core finds under the entry point `signoff.chats`. Loads no SDK until a chat is built."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel

from signoff.errors import BadConfig, ChatError, DirectoryAway
from signoff.policy import GroupKey
from signoff.ports import Chat, Check, Memory
from signoff_teams.settings import GUID, VARIABLES, TeamsSettings, read

if TYPE_CHECKING:
    from signoff.desk import Desk
    from signoff_teams.access import Access


_HOME = rf"(?:{GUID}/)?"
"""The tenant, where there are several."""

_TEAM = r"19:[^\s/]+@thread\.(?:tacv2|skype)"


class TeamsPlugin:
    name = "teams"
    variables: Mapping[str, str] = VARIABLES
    groups: Mapping[str, GroupKey] = {
        "entra_group": GroupKey("teams", _HOME + GUID, "02bd9fd6-8f93-4758-87c3-1fb73740a315"),
        "teams_team": GroupKey("teams", rf"{_HOME}(?:{GUID}|{_TEAM})", "19:ab12@thread.tacv2"),
    }
    """What the policy may name as a group of this chat."""

    def settings(self, environ: Mapping[str, str]) -> TeamsSettings | None:
        """None: not configured. Raises BadConfig."""
        return read(environ)

    def build(self, settings: BaseModel, desk: Desk, memory: Memory) -> Chat:
        from signoff_teams.chat import TeamsChat

        return TeamsChat(_ours(settings), desk, memory)

    async def check(self, settings: BaseModel) -> Sequence[Check]:
        """Whether Microsoft knows these credentials, its signing keys can be had, and Graph may be read."""
        from signoff_teams.access import Access
        from signoff_teams.auth import SigningKeys

        ours = _ours(settings)
        if ours.anonymous:
            return (Check("warning", "Teams: unauthenticated traffic is accepted (SIGNOFF_TEAMS_ANONYMOUS=1)."),)
        access = Access(ours)
        found: list[Check] = []
        try:
            try:
                await access.token()
                found.append(Check("ok", "Teams: Microsoft issues tokens for this app id and password."))
            except ChatError as error:
                found.append(Check("error", f"Teams: {error.data['reason']}"))
            try:
                await SigningKeys(ours.openid_metadata_url, access.document).refresh()
                found.append(Check("ok", "Teams: Bot Framework's signing keys can be fetched."))
            except ConnectionError as error:
                sentence = f"Teams: Bot Framework's signing keys cannot be fetched ({error})"
                found.append(Check("error", f"{sentence}; check TEAMS_OPENID_METADATA_URL."))
            found += await _graph(ours, access)
        finally:
            await access.close()
        return found

    def manifest(self, url: str, settings: BaseModel | None, folder: Path) -> Sequence[Path]:
        """Write the app package to upload to Teams. Raises BadConfig without an app id."""
        from signoff_teams.package import write

        ours = None if settings is None else _ours(settings)
        if ours is None or not ours.app_id:
            raise BadConfig(
                key="TEAMS_APP_ID",
                fault="it is not set, and the app package has to name it.",
                mend="Register an Azure Bot and set its Microsoft app id.",
            )
        return (write(url, ours.app_id, folder),)


async def _graph(settings: TeamsSettings, access: Access) -> Sequence[Check]:
    """What groups and the look at accounts need. No error: rosters know guests and teams without it."""
    from signoff_teams.graph import Graph

    if settings.graph_url is None or settings.tenant_id is None:
        return ()
    try:
        missing = await Graph(settings, access).missing(settings.tenant_id)
    except DirectoryAway as error:
        return (Check("warning", f"Teams: Microsoft Graph cannot be read ({error.data['what']})."),)
    if missing:
        what = "`entra_group` in the policy names nobody, and accounts that are switched off are not noticed"
        return (Check("warning", f"Teams: grant the app {' and '.join(missing)} in Entra; until then {what}."),)
    return (Check("ok", "Teams: Microsoft Graph lets the app read groups and accounts."),)


def _ours(settings: BaseModel) -> TeamsSettings:
    if not isinstance(settings, TeamsSettings):
        raise TypeError(f"these are not Teams' settings: {type(settings).__name__}")
    return settings


plugin = TeamsPlugin()
