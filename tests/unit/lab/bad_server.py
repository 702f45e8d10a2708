"""An endpoint that behaves, and misbehaves in known ways: the first part of the path says how."""

import asyncio

from aiohttp import web
from weighbridge.contract import HEADER_REASON, HEADER_TIER

DECIDED = {HEADER_TIER: "small", HEADER_REASON: "score"}
EVENT = b'data: {"choices": [{"delta": {"content": "Paris"}}]}\n\n'
DONE = b"data: [DONE]\n\n"


async def answer(request: web.Request) -> web.StreamResponse:
    manner = request.match_info["manner"]
    document = await request.json() if request.can_read_body else {}
    if manner.isdigit():
        return web.json_response({"error": {"code": f"code-{manner}"}}, status=int(manner))
    if manner == "drop":
        return abort(request)
    if manner == "hang":
        await asyncio.Event().wait()
    if manner == "short":
        return await short(request)
    if document.get("stream"):
        return await stream(request, manner)
    return web.json_response({"choices": []}, headers=DECIDED)


def abort(request: web.Request) -> web.Response:
    assert request.transport
    request.transport.abort()
    return web.Response()


async def stream(request: web.Request, manner: str) -> web.StreamResponse:
    response = web.StreamResponse(headers={"content-type": "text/event-stream", **DECIDED})
    await response.prepare(request)
    await response.write(EVENT)
    if manner == "cut":
        abort(request)
    elif manner != "endless":
        await response.write(DONE)
    return response


async def short(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"content-length": "100", **DECIDED})
    await response.prepare(request)
    await response.write(b'{"choices"')
    abort(request)
    return response


def application() -> web.Application:
    app = web.Application()
    app.router.add_route("*", "/{manner}/v1/{rest:.*}", answer)
    return app
