"""The least that an approval over HTTP takes: aiohttp, and one Lua script in Redis for each of two calls.

`POST /ask` writes a record that is approved at once, `POST /outcome` writes down what came of it. No key is checked, no
rule is looked at, nothing is audited, signed or told to anybody.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import sys

from aiohttp import web
from ground import say
from redis.asyncio import Redis

ASK = "redis.call('HSET', KEYS[1], 'status', 'approved', 'doc', ARGV[1]) return 1"
OUTCOME = "redis.call('HSET', KEYS[1], 'outcome', ARGV[1]) return 1"


async def main() -> None:
    redis = Redis.from_url(sys.argv[1])
    write, end = redis.register_script(ASK), redis.register_script(OUTCOME)

    async def ask(request: web.Request) -> web.Response:
        asked = await request.json()
        name = secrets.token_hex(12)
        await write(keys=[f"least:{name}"], args=[json.dumps(asked)])
        return web.json_response({"id": name, "status": "approved", "arguments": asked["arguments"]})

    async def outcome(request: web.Request) -> web.Response:
        told = await request.json()
        await end(keys=[f"least:{told['id']}"], args=[json.dumps(told)])
        return web.json_response({"id": told["id"], "status": "approved"})

    app = web.Application()
    app.add_routes([web.post("/ask", ask), web.post("/outcome", outcome)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    say(port=runner.addresses[0][1])
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
