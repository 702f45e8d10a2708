"""A pool that answers what the request says: `pieces`, `type`, `status`, `gap_ms`, `cut`.

Each piece is written by itself, `gap_ms` after the one before, so that Envoy gets it by itself.
With `cut` the connection is dropped after the last piece.
"""

import asyncio
import json
import sys

from aiohttp import web


async def handle(request):
    script = json.loads(await request.read())
    response = web.StreamResponse(
        status=script.get("status", 200), headers={"content-type": script["type"]}
    )
    await response.prepare(request)
    for piece in script["pieces"]:
        await response.write(piece.encode("latin-1"))
        await asyncio.sleep(script.get("gap_ms", 0) / 1000)
    if script.get("cut"):
        request.transport.abort()
    return response


async def health(_):
    return web.Response()


def main(port, host="127.0.0.1"):
    app = web.Application(client_max_size=1 << 26)
    app.router.add_get("/health", health)
    app.router.add_post("/{path:.*}", handle)
    web.run_app(app, host=host, port=port, print=None, access_log=None, keepalive_timeout=75)


if __name__ == "__main__":
    main(int(sys.argv[1]))
