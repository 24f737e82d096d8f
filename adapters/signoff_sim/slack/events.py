"""Events: what the app hears of without anybody having pressed anything of its own."""

from __future__ import annotations

from signoff_sim.slack import payloads
from signoff_sim.slack.courier import Courier, Delivery, told
from signoff_sim.slack.finding import Body
from signoff_sim.slack.records import User
from signoff_sim.slack.shape import Json, as_dict, as_text
from signoff_sim.slack.workspace import Workspace

SUBSCRIBED = frozenset(
    {
        "app_home_opened",
        "app_mention",
        "message.im",
        "subteam_created",
        "subteam_members_changed",
        "subteam_updated",
        "team_join",
        "user_change",
    }
)


class Events:
    def __init__(self, workspace: Workspace, courier: Courier) -> None:
        self.subscribed = set(SUBSCRIBED)
        """Events the app is subscribed to."""
        self._workspace = workspace
        self._courier = courier

    async def tell(self, name: str, event: Json, user: User | None) -> list[Delivery]:
        if name not in self.subscribed:
            return []
        return [await self._courier.event(self._callback(event, user))]

    async def announce(self, event: Json) -> Json:
        """Tell the app of a change in the workspace, if there is an app at all; what became of it."""
        event = {**event, "event_ts": self._workspace.next_ts()}
        reached = self._courier.reaches
        return told(*(await self.tell(as_text(event["type"]), event, None) if reached else ()))

    # ── what no person does, for tests ──

    async def event(self, body: Body) -> Json:
        """Any event, given whole in `event`."""
        event = as_dict(body.get("event"))
        return told(await self._courier.event(self._callback(event, self._workspace.user(as_text(body.get("as"))))))

    async def deliver(self, body: Body) -> Json:
        """Any interaction payload, given whole in `payload`: correctly signed, whatever it says."""
        return told(await self._courier.interactive(as_dict(body.get("payload"))))

    def _callback(self, event: Json, user: User | None) -> Json:
        return payloads.event_callback(event, user, self._workspace.new_id("Ev"), self._workspace.clock())
