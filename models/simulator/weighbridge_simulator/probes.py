"""The routes beside inference: health, version, models, metrics, tokenize, and those for tests."""

import hashlib
import time

import msgspec
import orjson
from aiohttp import web

from weighbridge_simulator.api import echoed
from weighbridge_simulator.errors import ApiError, not_ready
from weighbridge_simulator.exposition import Exposition
from weighbridge_simulator.failures import FailurePlan, Failures
from weighbridge_simulator.readiness import Readiness
from weighbridge_simulator.settings import Settings
from weighbridge_simulator.tokens import count_tokens

_METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class _TokenizeBody(msgspec.Struct):
    prompt: str


class ProbeApi:
    """Routes that touch no engine.

    Args:
        settings: names, and which routes there are.
        plan: the failures that can be looked at and replaced.
        readiness: what /health tells.
        exposition: what /metrics shows.
    """

    def __init__(
        self, settings: Settings, plan: FailurePlan, readiness: Readiness, exposition: Exposition
    ) -> None:
        self._settings = settings
        self._plan = plan
        self._readiness = readiness
        self._exposition = exposition
        self._started_at = int(time.time())

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Add them; /debug/failures only where the settings allow it."""
        router.add_get("/health", self._health)
        router.add_get("/ping", self._health)
        router.add_get("/version", self._version)
        router.add_get("/metrics", self._metrics)
        router.add_get("/v1/models", self._models)
        router.add_post("/tokenize", self._tokenize)
        router.add_route("*", "/debug/sha256{rest:.*}", self._digest)
        if self._settings.debug_endpoints:
            router.add_get("/debug/failures", self._show_failures)
            router.add_put("/debug/failures", self._replace_failures)

    async def _health(self, _: web.Request) -> web.Response:
        return web.Response(status=200 if self._readiness.is_ready else 503)

    async def _version(self, _: web.Request) -> web.Response:
        return _json({"version": self._settings.vllm_version})

    async def _metrics(self, _: web.Request) -> web.Response:
        return web.Response(body=self._exposition.render(), headers={"content-type": _METRICS_TYPE})

    async def _models(self, request: web.Request) -> web.Response:
        if not self._readiness.is_ready:
            raise not_ready()
        cards: list[dict[str, object]] = [
            {
                "id": name,
                "object": "model",
                "created": self._started_at,
                "owned_by": "vllm",
                "root": self._settings.primary_model,
                "parent": None,
                "max_model_len": self._settings.max_model_len,
                "permission": [],
            }
            for name in self._settings.served_model_names
        ]
        return _json({"object": "list", "data": cards}, echoed(request))

    async def _tokenize(self, request: web.Request) -> web.Response:
        try:
            body = msgspec.json.decode(await request.read(), type=_TokenizeBody)
        except msgspec.DecodeError as error:
            raise ApiError(400, f"1 validation error: {error}") from error
        count = count_tokens(body.prompt.encode(errors="replace"))
        limit = self._settings.max_model_len
        return _json({"count": count, "max_model_len": limit, "tokens": list(range(count))})

    async def _digest(self, request: web.Request) -> web.Response:
        """Tell what arrived: a proof that nothing on the way changed it."""
        digest = hashlib.sha256()
        size = 0
        async for chunk in request.content.iter_any():
            digest.update(chunk)
            size += len(chunk)
        headers = {name.lower(): value for name, value in request.headers.items()}
        told = {"sha256": digest.hexdigest(), "bytes": size, "headers": headers}
        return _json(told, echoed(request))

    async def _show_failures(self, _: web.Request) -> web.Response:
        return _json(msgspec.to_builtins(self._plan.current))

    async def _replace_failures(self, request: web.Request) -> web.Response:
        """Put the failures of the body in force; what it does not name is healthy."""
        try:
            failures = msgspec.json.decode(await request.read(), type=Failures)
        except msgspec.DecodeError as error:
            raise ApiError(400, f"expected failures as a JSON object: {error}") from error
        self._plan.replace(failures)
        return _json(msgspec.to_builtins(failures))


def _json(data: object, headers: dict[str, str] | None = None) -> web.Response:
    body = orjson.dumps(data)
    return web.Response(body=body, content_type="application/json", headers=headers)
