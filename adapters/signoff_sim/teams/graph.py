"""Microsoft Graph, as far as a bot asks about groups and accounts ("List group transitive members", "Get a user")."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from signoff_sim.simulated import Traffic
from signoff_sim.teams.answers import Fault, injected
from signoff_sim.teams.directory import Directory
from signoff_sim.teams.keys import Tokens
from signoff_sim.teams.rules import Failure, Rules

Json = dict[str, Any]
Handler = Callable[[web.Request], Json]

ROOT = "/teams/graph"
"""What stands for https://graph.microsoft.com."""
LONGEST_PAGE = 999


class Graph:
    def __init__(
        self,
        directory: Directory,
        tokens: Tokens,
        traffic: Traffic,
        rules: Callable[[], Rules],
        failing: Callable[[str], Failure | None],
    ) -> None:
        """`failing`: takes the next injected failure for a kind of call."""
        self._directory = directory
        self._tokens = tokens
        self._traffic = traffic
        self._rules = rules
        self._failing = failing

    def routes(self) -> Iterable[web.RouteDef]:
        return [
            web.get(ROOT + "/v1.0/groups/{group}/transitiveMembers/microsoft.graph.user", self._guarded(self._members)),
            web.get(ROOT + "/v1.0/users/{user}", self._guarded(self._user)),
        ]

    def _guarded(self, handler: Handler) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handle(request: web.Request) -> web.Response:
            rules = self._rules()
            try:
                if rules.hold_seconds:
                    await asyncio.sleep(rules.hold_seconds)
                if rules.check_tokens and not self._tokens.valid(request.headers.get("Authorization"), graph=True):
                    raise Fault(401, "InvalidAuthenticationToken", "Access token is missing, expired or for another.")
                if failure := self._failing("graph"):
                    raise injected(failure)
                if not rules.graph_consent:
                    message = "Insufficient privileges to complete the operation."
                    raise Fault(403, "Authorization_RequestDenied", message)
                answer = handler(request)
            except Fault as fault:
                self._traffic.record("from_bot", "GET", request.path_qs, fault.status, {"error": fault.message})
                return fault.response()
            self._traffic.record("from_bot", "GET", request.path_qs, 200, answer)
            return web.json_response(answer)

        return handle

    def _members(self, request: web.Request) -> Json:
        query = request.query
        if request.headers.get("ConsistencyLevel") != "eventual" or query.get("$count") != "true":
            message = "A cast of nested members needs $count=true and ConsistencyLevel: eventual."
            raise Fault(400, "Request_UnsupportedQuery", message)
        group = self._directory.entra_group(request.match_info["group"])
        if group is None:
            raise Fault(404, "Request_ResourceNotFound", "There is no such group.")
        people = [self._directory.people[one] for one in sorted(group.members)]
        listed = [person for person in people if not self._directory.standings[person.id].gone]
        asked = int(query.get("$top", "100"))
        if not 1 <= asked <= LONGEST_PAGE:
            raise Fault(400, "Request_BadRequest", f"$top is between 1 and {LONGEST_PAGE}.")
        size, begin = min(asked, self._rules().page_size or asked), int(query.get("$skiptoken", "0"))
        answer: Json = {
            "@odata.count": len(listed),
            "value": [{"id": person.teams} for person in listed[begin : begin + size]],
        }
        if begin + size < len(listed):
            onward = urlencode({**query, "$skiptoken": str(begin + size)}, safe="$,")
            host = self._rules().next_link_host or f"{request.scheme}://{request.host}{ROOT}"
            answer["@odata.nextLink"] = f"{host}{request.path.removeprefix(ROOT)}?{onward}"
        return answer

    def _user(self, request: web.Request) -> Json:
        person = self._directory.find_member(request.match_info["user"])
        if person is None or (standing := self._directory.standings[person.id]).gone:
            raise Fault(404, "Request_ResourceNotFound", "There is no such account.")
        guest = standing.role == "guest" or person.id in self._rules().guests
        whole: Json = {
            "id": person.teams,
            "displayName": person.name,
            "accountEnabled": standing.enabled,
            "userType": "Guest" if guest else "Member",
        }
        wanted = request.query.get("$select")
        return {name: whole[name] for name in wanted.split(",") if name in whole} if wanted else whole
