"""The Bot Connector: what the bot calls. Errors have the codes of "Send proactive messages" and "Status codes from
bot conversational APIs"; where no document names one, the coverage table says so."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from aiohttp import web

from signoff_sim.simulated import Traffic
from signoff_sim.teams import content
from signoff_sim.teams.answers import Fault, at, injected, json_object, service_url, tenant_of
from signoff_sim.teams.content import Content
from signoff_sim.teams.directory import Channel, Directory, Team
from signoff_sim.teams.keys import Tokens
from signoff_sim.teams.limiter import Limiter
from signoff_sim.teams.rules import Call, Failure, Rules, take
from signoff_sim.teams.threads import Thread, Threads
from signoff_sim.world import Person

Json = dict[str, Any]
Reply = tuple[int, Json | list[Json] | None]
Handler = Callable[[web.Request, Json], Reply]


class Connector:
    def __init__(
        self, directory: Directory, threads: Threads, tokens: Tokens, traffic: Traffic, on_change: Callable[[], None]
    ) -> None:
        self.rules = Rules()
        self._directory = directory
        self._threads = threads
        self._tokens = tokens
        self._traffic = traffic
        self._on_change = on_change
        self._limiter = Limiter()

    def routes(self) -> Iterable[web.RouteDef]:
        conversation = "/teams/v3/conversations/{conversation}"
        activity = conversation + "/activities/{activity}"
        team = "/teams/v3/teams/{team}"
        return [
            web.post("/teams/token", self._token),
            web.post("/teams/v3/conversations", self._guarded("create", self._create)),
            web.post(conversation + "/activities", self._guarded("send", self._send)),
            web.post(activity, self._guarded("send", self._reply)),
            web.put(activity, self._guarded("update", self._update)),
            web.delete(activity, self._guarded("delete", self._delete)),
            web.get(conversation + "/members", self._guarded("members", self._members)),
            web.get(conversation + "/pagedmembers", self._guarded("members", self._paged_members)),
            web.get(conversation + "/members/{member}", self._guarded("members", self._member)),
            web.get(team, self._guarded("team", self._team)),
            web.get(team + "/conversations", self._guarded("team", self._channels)),
        ]

    # ── every call ───────────────────────────────────────────────────────────────────────────────

    async def _token(self, request: web.Request) -> web.Response:
        form = {key: value for key, value in (await request.post()).items() if isinstance(value, str)}
        try:
            if failure := self.take_failure("token"):
                raise injected(failure)
        except Fault as fault:
            self._traffic.record("from_bot", "POST", request.path, fault.status, form)
            return fault.response()
        status, body = self._tokens.issue(form, self.rules.token_seconds)
        self._traffic.record("from_bot", "POST", request.path, status, form)
        return web.json_response(body, status=status)

    def _guarded(self, call: Call, handler: Handler) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handle(request: web.Request) -> web.Response:
            body: object = ""
            try:
                if self.rules.hold_seconds:
                    await asyncio.sleep(self.rules.hold_seconds)
                if self.rules.check_tokens and not self._tokens.valid(request.headers.get("Authorization")):
                    raise Fault(401, "Unauthorized", "Authorization has been denied for this request.")
                raw = await request.read()
                if len(raw) > self.rules.message_bytes:
                    size = f"{len(raw)} bytes; {self.rules.message_bytes} are allowed"
                    raise Fault(413, "MessageSizeTooBig", f"The message has {size}.")
                body = json_object(raw)
                failure = self.take_failure(call)
                if failure and not failure.after:
                    raise injected(failure)
                if call in ("create", "send", "update"):
                    self._limit(request, body)
                status, answer = handler(request, body)
                if call in ("create", "send", "update", "delete"):
                    self._on_change()
                if failure:
                    raise injected(failure)
            except Fault as fault:
                note = {"error": fault.message, "sent": body}
                self._traffic.record("from_bot", request.method, request.path, fault.status, note)
                return fault.response()
            self._traffic.record("from_bot", request.method, request.path, status, body or answer)
            return web.json_response(answer, status=status) if answer is not None else web.Response(status=status)

        return handle

    def take_failure(self, call: str) -> Failure | None:
        """The next injected failure for a kind of call; it is used up."""
        self.rules, failure = take(self.rules, call)
        return failure

    def _limit(self, request: web.Request, body: Json) -> None:
        channel = at(body, "channelData", "channel", "id")
        conversation = request.match_info.get("conversation") or str(channel or "personal")
        if seconds := self._limiter.wait(conversation, self.rules):
            raise Fault(429, "Throttled", "API calls quota exceeded.", retry_after=seconds)

    def note(self, text: str, found: list[str]) -> None:
        """Put a line about a client's refusal into the traffic log."""
        self._traffic.record("from_bot", "CARD", text, 400, found)

    # ── conversations ────────────────────────────────────────────────────────────────────────────

    def _create(self, request: web.Request, body: Json) -> Reply:
        if tenant_of(body) not in (None, self._directory.tenant):
            raise Fault(403, "ForbiddenOperationException", "The app is not installed in this tenant.")
        if channel_id := at(body, "channelData", "channel", "id"):
            channel = self._directory.channels.get(str(channel_id))
            if channel is None:
                raise Fault(404, "ConversationNotFound", "There is no such channel.")
            self._check_channel(channel, post=True)
            if not isinstance(body.get("activity"), dict):
                raise Fault(400, "BadSyntax", "Incorrect conversation creation parameters: activity is missing.")
            thread = self._threads.start(channel, None, self._content(body["activity"], channel))
            return 201, {"id": thread.id, "activityId": thread.messages[0].id, "serviceUrl": service_url(request)}
        return 201, {"id": self._personal(body).id, "serviceUrl": service_url(request)}

    def _personal(self, body: Json) -> Thread:
        members: list[Json] = body.get("members") or []
        if len(members) != 1 or body.get("isGroup"):
            raise Fault(400, "BadSyntax", "Incorrect conversation creation parameters: name one member or a channel.")
        if not tenant_of(body):
            raise Fault(400, "BadSyntax", "Incorrect conversation creation parameters: the tenant is missing.")
        person = self._directory.find_member(str(members[0].get("id")))
        if person is None:
            raise Fault(403, "BadArgument", "The member's id cannot be decrypted; use an id this bot was given.")
        thread = self._threads.all[self._directory.chat_id(person)]
        self._check_thread(thread, post=True)
        if isinstance(body.get("activity"), dict):
            self._threads.add(thread, None, self._content(body["activity"], thread))
        return thread

    def _send(self, request: web.Request, body: Json) -> Reply:
        conversation = request.match_info["conversation"]
        if channel := self._directory.channels.get(conversation):
            self._check_channel(channel, post=True)
            return 201, {"id": self._threads.start(channel, None, self._content(body, channel)).messages[0].id}
        thread = self._thread(request)
        self._check_thread(thread, post=True)
        return 201, {"id": self._said(thread, body)}

    def _reply(self, request: web.Request, body: Json) -> Reply:
        conversation, activity = request.match_info["conversation"], request.match_info["activity"]
        found = self._threads.holding(conversation, activity)
        if found is None:
            # A reply to an invoke names the invoke's own id, which is no message: it goes to the conversation's end.
            return self._send(request, body)
        self._check_thread(found[0], post=True)
        return 201, {"id": self._said(found[0], body)}

    def _said(self, thread: Thread, body: Json) -> str:
        shown = self._content(body, thread)
        return self._threads.next_id() if shown.type == "typing" else self._threads.add(thread, None, shown).id

    def _update(self, request: web.Request, body: Json) -> Reply:
        found = self._threads.holding(request.match_info["conversation"], request.match_info["activity"])
        if found is None:
            raise Fault(404, "ActivityNotFoundInConversation", "The conversation has no such message.")
        thread, message = found
        self._check_thread(thread, post=True)
        if message.sender is not None:
            raise Fault(403, "NotEnoughPermissions", "A bot can only update its own messages.")
        message.replace(self._content(body, thread))
        return 200, {"id": message.id}

    def _delete(self, request: web.Request, body: Json) -> Reply:
        found = self._threads.holding(request.match_info["conversation"], request.match_info["activity"])
        if found is None:
            raise Fault(404, "ActivityNotFoundInConversation", "The conversation has no such message.")
        if found[1].sender is not None:
            raise Fault(403, "NotEnoughPermissions", "A bot can only delete its own messages.")
        found[1].deleted = True
        return 200, None

    # ── people and teams ─────────────────────────────────────────────────────────────────────────

    def _people(self, thread: Thread | Channel) -> list[Person]:
        """Who is in a conversation."""
        if isinstance(thread, Thread):
            if thread.channel is None:
                return [thread.person] if thread.person else []
            thread = thread.channel
        roster = self._directory.rosters[thread.team]
        return [person for person in self._directory.people.values() if person.id in roster]

    def _account(self, person: Person) -> Json:
        return self._directory.member(person, guest=person.id in self.rules.guests)

    def _members(self, request: web.Request, body: Json) -> Reply:
        thread = self._thread(request)
        self._check_thread(thread, post=False)
        return 200, [self._account(person) for person in self._people(thread)]

    def _paged_members(self, request: web.Request, body: Json) -> Reply:
        thread = self._thread(request)
        self._check_thread(thread, post=False)
        asked, begin = int(request.query.get("pageSize", "200")), int(request.query.get("continuationToken", "0"))
        if not 50 <= asked <= 500:
            raise Fault(400, "BadArgument", "pageSize is between 50 and 500.")
        size, people = self.rules.page_size or asked, self._people(thread)
        page: Json = {"members": [self._account(person) for person in people[begin : begin + size]]}
        if begin + size < len(people):
            page["continuationToken"] = str(begin + size)
        return 200, page

    def _member(self, request: web.Request, body: Json) -> Reply:
        thread = self._thread(request)
        self._check_thread(thread, post=False)
        person = self._directory.find_member(request.match_info["member"])
        if person is None or person not in self._people(thread):
            raise Fault(404, "MemberNotFoundInConversation", "The conversation has no such member.")
        return 200, self._account(person)

    def _team(self, request: web.Request, body: Json) -> Reply:
        return 200, self._directory.team_details(self._find_team(request))

    def _channels(self, request: web.Request, body: Json) -> Reply:
        return 200, self._directory.channel_list(self._find_team(request))

    def _find_team(self, request: web.Request) -> Team:
        team = next((team for team in self._directory.teams if team.id == request.match_info["team"]), None)
        if team is None:
            raise Fault(404, "ConversationNotFound", "There is no such team.")
        self._check_channel(team.channels[0], post=False)
        return team

    # ── checks ───────────────────────────────────────────────────────────────────────────────────

    def _thread(self, request: web.Request) -> Thread:
        conversation = request.match_info["conversation"]
        if thread := self._threads.all.get(conversation):
            return thread
        if channel := self._directory.channels.get(conversation):
            return Thread(conversation, channel=channel)
        raise Fault(404, "ConversationNotFound", "There is no such conversation.")

    def _check_thread(self, thread: Thread, *, post: bool) -> None:
        if thread.channel is not None:
            self._check_channel(thread.channel, post=post)
        elif thread.person is not None and thread.person.id in self.rules.not_installed:
            message = "The app is not installed in this person's personal scope."
            raise Fault(403, "ForbiddenOperationException", message)

    def _check_channel(self, channel: Channel, *, post: bool) -> None:
        if channel.team in self.rules.not_installed:
            raise Fault(403, "BotNotInConversationRoster", "The bot is not part of the conversation roster.")
        if post and {channel.team, f"{channel.team}/{channel.name}", channel.id} & set(self.rules.archived):
            raise Fault(403, "NotEnoughPermissions", "The channel is archived; nothing can be posted to it.")

    def _content(self, activity: Json, where: Thread | Channel) -> Content:
        def knows(member: str) -> bool:
            person = self._directory.find_member(member)
            return person is not None and person in self._people(where)

        return content.read(activity, self.rules, knows)
