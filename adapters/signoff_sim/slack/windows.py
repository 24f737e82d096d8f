"""What a person does in the app's own windows: open modals and the App Home."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import cast

from signoff_sim.simulated import Refused
from signoff_sim.slack import payloads
from signoff_sim.slack.courier import SENTENCES, Courier, Delivery, told
from signoff_sim.slack.events import Events
from signoff_sim.slack.faults import Checks
from signoff_sim.slack.fields import complaint, elements, entered, tells_at_once, ticked
from signoff_sim.slack.finding import Body, match, the_field, the_user, the_view
from signoff_sim.slack.records import User, View
from signoff_sim.slack.shape import Json, SlackError, as_text
from signoff_sim.slack.submission import TROUBLE, apply_answer
from signoff_sim.slack.workspace import Workspace


class Windows:
    def __init__(
        self, workspace: Workspace, checks: Checks, courier: Courier, events: Events, on_change: Callable[[], None]
    ) -> None:
        self._workspace = workspace
        self._checks = checks
        self._courier = courier
        self._events = events
        self._on_change = on_change

    # ── entering ──

    async def fill(self, body: Body) -> Json:
        """Enter `values` (field → value, or a list for several options) without submitting.

        `where`: `home` for the App Home, else the open modal. `enter`: false when text was typed and Enter not
        pressed, which a field with `dispatch_action` waits for.
        """
        user = the_user(self._workspace, body)
        return told(
            *await self._fill(user, the_view(self._workspace, user, body), body, body.get("enter") is not False)
        )

    async def tick(self, body: Body) -> Json:
        """Tick one `option` (value or label) of a `field` that takes several, or untick it with `"on": false`."""
        user = the_user(self._workspace, body)
        view = the_view(self._workspace, user, body)
        block, element = the_field(view, as_text(body.get("field")))
        state = ticked(
            element, view.values.get(_key(block, element), {}), body.get("option"), body.get("on") is not False
        )
        delivery = await self._enter(user, view, block, element, state, pressed=True)
        self._on_change()
        return told(*([delivery] if delivery else []))

    async def _fill(self, user: User, view: View, body: Body, pressed: bool) -> list[Delivery]:
        given = cast("Mapping[str, object]", body.get("values") or {})
        deliveries: list[Delivery] = []
        for name, value in given.items():
            block, element = the_field(view, name)
            delivery = await self._enter(user, view, block, element, entered(element, value), pressed)
            deliveries += [delivery] if delivery else []
        self._on_change()
        return deliveries

    async def _enter(
        self, user: User, view: View, block: Json, element: Json, state: Json, pressed: bool
    ) -> Delivery | None:
        """Keep what was entered; what the app is told of at once: fields outside input blocks, and inputs with
        `dispatch_action`, text among them once Enter is `pressed`.
        """
        key = _key(block, element)
        same = view.values.get(key) == state
        if same and not (pressed and key in view.unsent):
            return None
        view.values[key] = state
        view.errors.pop(key[0], None)
        if tells_at_once(block, element, pressed):
            view.unsent.discard(key)
            return await self._act(user, view, block, element, state)
        view.unsent.add(key)
        return None

    # ── pressing ──

    async def press(self, body: Body) -> Json:
        """A button inside the open modal, with `values` entered first; with `"where": "home"`, in the App Home."""
        user = the_user(self._workspace, body)
        view = the_view(self._workspace, user, body)
        before = await self._fill(user, view, body, pressed=False)
        found = match(view.blocks, body)
        if found is None:
            raise Refused("There is nothing like that to press.")
        block, element = found
        state: Json = {}
        if element.get("type") != "button":
            state = entered(element, body.get("value"))
            if element.get("type") != "overflow":
                view.values[_key(block, element)] = state
        return told(*before, await self._act(user, view, block, element, state))

    async def _act(self, user: User, view: View, block: Json, element: Json, state: Json) -> Delivery:
        workspace = self._workspace
        is_modal = view.definition.get("type") == "modal"
        shown = payloads.view_json(view)
        delivery = await self._courier.interactive(
            payloads.interaction(user, "block_actions", workspace.new_trigger(user.id, from_modal=is_modal))
            | {
                "container": {"type": "view", "view_id": view.id},
                "view": shown,
                "state": shown["state"],
                "actions": [payloads.action(block, element, state, workspace.next_ts())],
            }
        )
        if delivery.error is not None:
            workspace.tell(user.id, SENTENCES[delivery.error])
        return delivery

    # ── submitting and closing ──

    async def submit(self, body: Body) -> Json:
        """Send the open modal, with `values` entered first. `force`: even when Slack's own client would not send it."""
        user = the_user(self._workspace, body)
        view = the_view(self._workspace, user, {})
        if not view.definition.get("submit"):
            raise Refused("This modal has no submit button.")
        before = await self._fill(user, view, body, pressed=False)
        view.errors = self._complaints(view) if body.get("force") is not True else {}
        view.trouble = ""
        if view.errors:
            return {"ok": False, "sent": False, "deliveries": [one.as_json() for one in before]}
        workspace = self._workspace
        delivery = await self._courier.interactive(
            payloads.interaction(user, "view_submission", workspace.new_trigger(user.id, from_modal=True))
            | {"view": payloads.view_json(view), "response_urls": []}
        )
        if delivery.error is not None:
            view.trouble = TROUBLE
        else:
            try:
                apply_answer(workspace, self._checks, view, delivery.answer)
            except SlackError as error:
                view.trouble = TROUBLE
                workspace.tell(user.id, f"Signoff answered the form in a way Slack refuses: {error.body()}")
        done = told(*before, delivery)
        return done | {"ok": done["ok"] and not view.errors and not view.trouble, "sent": True}

    def _complaints(self, view: View) -> dict[str, str]:
        if not self._checks.required_inputs:
            return {}
        found: dict[str, str] = {}
        for block, element in elements(view.blocks):
            if block.get("type") == "input":
                key = _key(block, element)
                said = complaint(block, element, view.values.get(key, {}))
                if said is not None:
                    found[key[0]] = said
        return found

    async def close(self, body: Body) -> Json:
        """Close the open modal; `all`: the whole stack, as its × does."""
        user = the_user(self._workspace, body)
        top = the_view(self._workspace, user, {})
        clears = body.get("all") is True or top.definition.get("clear_on_close") is True
        stack = self._workspace.modals[user.id]
        leaving = list(reversed(stack)) if clears else [top]
        self._workspace.modals[user.id] = [] if clears else stack[:-1]
        self._on_change()
        watched = [view for view in leaving if view.definition.get("notify_on_close") is True]
        deliveries = [
            await self._courier.interactive(
                payloads.interaction(user, "view_closed") | {"view": payloads.view_json(view), "is_cleared": clears}
            )
            for view in watched
        ]
        return told(*deliveries)

    async def home(self, body: Body) -> Json:
        """Open the app's page. `tab`: `home`, or `messages` for the direct message beside it."""
        user = the_user(self._workspace, body)
        workspace = self._workspace
        tab = as_text(body.get("tab")) or "home"
        if tab not in ("home", "messages"):
            raise Refused("The app's tabs are home and messages.")
        event: Json = {
            "type": "app_home_opened",
            "user": user.id,
            "channel": workspace.direct(user.id).id,
            "tab": tab,
            "event_ts": workspace.next_ts(),
        }
        if tab == "home" and user.id in workspace.homes:
            event["view"] = payloads.view_json(workspace.homes[user.id])
        return told(*await self._events.tell("app_home_opened", event, user))


def _key(block: Json, element: Json) -> tuple[str, str]:
    return as_text(block.get("block_id")), as_text(element.get("action_id"))
