"""The HTTP side of inference: bodies in, answers or events out, errors as JSON, all counted."""

import hashlib
import time
import uuid
import zlib
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from http import HTTPStatus

from aiohttp import web

from weighbridge_simulator.calls import Endpoint, read_call
from weighbridge_simulator.errors import ApiError, not_ready
from weighbridge_simulator.exposition import HttpMetrics
from weighbridge_simulator.failures import FailurePlan
from weighbridge_simulator.inference import ConnectionCut, Inference, Pool
from weighbridge_simulator.readiness import Readiness
from weighbridge_simulator.settings import Settings

_CLIENT_CLOSED = 499
"""nginx's status for a client that went away; it goes nowhere but into the counts."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_WINDOW_BITS = {"gzip": 31, "x-gzip": 31, "deflate": 47}
"""zlib's names for: gzip wrapper; either wrapper, found out from the first bytes."""
_UNCOUNTED = frozenset({"/metrics", "/health", "/ping", "/version"})
"""Paths that vLLM leaves out of http_requests_total."""


class InferenceApi:
    """The routes that answer prompts.

    Args:
        settings: limits of bodies, and whether answers carry their digest.
        pool: takes the requests.
        readiness: requests get 503 while it says no.
    """

    def __init__(self, settings: Settings, pool: Pool, readiness: Readiness) -> None:
        self._settings = settings
        self._pool = pool
        self._readiness = readiness

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Add one route per API shape."""
        for endpoint in Endpoint:
            router.add_post(endpoint.value, self._handler(endpoint))

    def _handler(self, endpoint: Endpoint) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            return await self._answer(endpoint, request)

        return handle

    async def _answer(self, endpoint: Endpoint, request: web.Request) -> web.StreamResponse:
        if not self._readiness.is_ready:
            raise not_ready()
        raw = await request.read()
        encoding = request.headers.get("content-encoding", "")
        call = read_call(endpoint, decompress(raw, encoding, self._settings.body_limit_bytes))
        headers = echoed(request)
        if self._settings.body_digest:
            headers["x-simulator-body-sha256"] = hashlib.sha256(raw).hexdigest()
        request_id = request.headers.get("x-request-id") or uuid.uuid4().hex
        inference = self._pool.accept(endpoint, call, request_id)
        try:
            if call.stream:
                return await _stream(endpoint, request, inference, headers)
            body = await inference.whole(endpoint, self._settings.embedding_dimensions)
            return web.Response(body=body, content_type="application/json", headers=headers)
        finally:
            self._pool.release(inference)


def guard(plan: FailurePlan, http: HttpMetrics) -> Callable[..., Awaitable[web.StreamResponse]]:
    """The middleware around every request: it counts, renders errors, and drops connections."""

    @web.middleware
    async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
        started = time.monotonic()
        try:
            if plan.current.refuse and not request.path.startswith("/debug/"):
                raise ConnectionCut  # noqa: TRY301  # handled like one that comes later
            response = await handler(request)
        except ApiError as error:
            response = _refusal(request, error)
        except web.HTTPException as error:
            response = _refusal(request, ApiError(error.status, error.reason))
            if isinstance(error, web.HTTPMethodNotAllowed):
                response.headers["allow"] = error.headers["allow"]
        except ConnectionCut:
            if request.transport is not None:
                request.transport.abort()
            response = web.Response(status=HTTPStatus.INTERNAL_SERVER_ERROR)
        except ConnectionResetError:
            response = web.Response(status=_CLIENT_CLOSED)
        resource = request.match_info.route.resource
        path = resource.canonical if resource is not None else "none"
        if path not in _UNCOUNTED:
            http.observe(path, request.method, response.status, time.monotonic() - started)
        return response

    return guarded


def echoed(request: web.Request) -> dict[str, str]:
    """The headers that go back as they came."""
    request_id = request.headers.get("x-request-id")
    return {} if request_id is None else {"x-request-id": request_id}


def decompress(raw: bytes, encoding: str, limit: int) -> bytes:
    """Undo a Content-Encoding, reading no further than `limit` bytes of output.

    Raises:
        ApiError: for an encoding not known here, damaged data, or too much of it.
    """
    name = encoding.strip().lower()
    if name in {"", "identity"}:
        return raw
    if name not in _WINDOW_BITS:
        raise ApiError(415, "expected content-encoding gzip, deflate or identity")
    inflater = zlib.decompressobj(_WINDOW_BITS[name])
    try:
        body = inflater.decompress(raw, limit + 1)
    except zlib.error as error:
        raise ApiError(400, f"expected {name} data: {error}") from error
    if len(body) > limit:
        raise ApiError(413, f"expected at most {limit} bytes once decompressed")
    return body


def _refusal(request: web.Request, error: ApiError) -> web.Response:
    return web.Response(
        status=error.status,
        body=error.body(request.path),
        content_type="application/json",
        headers=echoed(request),
    )


async def _stream(
    endpoint: Endpoint, request: web.Request, inference: Inference, headers: dict[str, str]
) -> web.StreamResponse:
    content_type = "text/event-stream; charset=utf-8"
    response = web.StreamResponse(headers={**headers, "content-type": content_type})
    await response.prepare(request)
    async with aclosing(inference.events(endpoint)) as events:
        async for event in events:
            await response.write(event)
    await response.write_eof()
    return response
