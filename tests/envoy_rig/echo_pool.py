"""A stand-in for vLLM that tells what reached it: path, headers, size and SHA-256 of the body.

``?sse=N&gap_ms=M`` answers N server-sent events with M milliseconds between them; ``?status=`` and
``?slow_ms=`` do what they say; ``?reset=1`` drops the connection once the request has arrived.
Every answer carries forged decision headers: clients must never see them.
"""

import asyncio
import hashlib
import json
import sys

from aiohttp import web

FORGED = {
    "x-weighbridge-tier": "forged",
    "x-weighbridge-score": "9.999",
    "x-weighbridge-reason": "forged",
    "x-weighbridge-decile": "9",
}


class EchoPool:
    def __init__(self, name):
        self.name = name
        self.requests = 0

    async def handle(self, request):
        digest, size = hashlib.sha256(), 0
        async for chunk in request.content.iter_any():
            digest.update(chunk)
            size += len(chunk)
        self.requests += 1
        query = request.query
        if "reset" in query:
            request.transport.abort()
            return web.Response()
        await asyncio.sleep(int(query.get("slow_ms", 0)) / 1000)
        if "sse" in query:
            return await self._stream(request, int(query["sse"]), int(query.get("gap_ms", 0)))
        return web.json_response(
            {
                "pool": self.name,
                "method": request.method,
                "path": request.raw_path,
                "headers": [[key.lower(), value] for key, value in request.headers.items()],
                "size": size,
                "sha256": digest.hexdigest(),
            },
            status=int(query.get("status", 200)),
            headers=FORGED,
        )

    async def _stream(self, request, events, gap_ms):
        response = web.StreamResponse(headers={"content-type": "text/event-stream", **FORGED})
        await response.prepare(request)
        for number in range(events):
            event = json.dumps({"pool": self.name, "n": number, "text": "né…" * (number % 7)})
            await response.write(f"data: {event}\n\n".encode())
            await asyncio.sleep(gap_ms / 1000)
        await response.write(b"data: [DONE]\n\n")
        return response

    async def health(self, _):
        return web.Response()

    async def count(self, _):
        return web.json_response({"requests": self.requests})


def main(name, port, host="127.0.0.1"):
    pool = EchoPool(name)
    app = web.Application(client_max_size=1 << 30)
    app.router.add_get("/health", pool.health)
    app.router.add_get("/echo/count", pool.count)
    app.router.add_route("*", "/{path:.*}", pool.handle)
    web.run_app(
        app,
        host=host,
        port=port,
        print=None,
        access_log=None,
        keepalive_timeout=75,
        backlog=4096,  # as uvicorn's; aiohttp's 128 drops connections when a thousand come at once
    )


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:])
