"""What `kubectl logs` asks a kubelet for: the output of a container, served over HTTPS.

The API server fetches it here on behalf of whoever may read it; nobody else can reach this address,
so it asks nobody who they are. All starts of a container share one log, so ``--previous`` is
refused; ``--timestamps`` and ``--since`` are too, since lines have no times of ours.
"""

import asyncio
import ssl
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import trustme
from aiohttp import web

_REFUSED = ("previous", "timestamps", "sinceSeconds", "sinceTime")
_POLL_S = 0.1
_CHUNK = 65_536

IsLive = Callable[[str, str, str], bool]


class ContainerLogs:
    """Serves logs.

    Args:
        folder: where they lie.
        is_live: says whether a container (namespace, pod, name) may yet write.
    """

    def __init__(self, folder: Path, is_live: IsLive) -> None:
        self._folder = folder
        self._is_live = is_live

    async def run(self, address: str, port: int) -> None:
        """Serve until cancelled."""
        app = web.Application()
        app.router.add_get("/containerLogs/{namespace}/{pod}/{container}", self._answer)
        # No stream of a follower may hold up the end.
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.TCPSite(runner, address, port, ssl_context=_make_tls(address)).start()
            await asyncio.Event().wait()
        finally:
            await runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        asked = [request.match_info[part] for part in ("namespace", "pod", "container")]
        path = self._folder / log_name(*asked)
        if path.parent != self._folder or not path.is_file():
            raise web.HTTPNotFound(text=f"no output of {'/'.join(asked)}")
        if refused := [one for one in _REFUSED if request.query.get(one, "false") != "false"]:
            raise web.HTTPBadRequest(text=f"this kubelet can't give logs by {refused[0]}")
        answer = web.StreamResponse(headers={"Content-Type": "text/plain"})
        await answer.prepare(request)
        # Whoever follows goes away when they have seen enough.
        with suppress(ConnectionError):
            offset = await _send(path, _tail(path, request.query.get("tailLines")), answer)
            if request.query.get("follow") == "true":
                while self._is_live(asked[0], asked[1], asked[2]):
                    await asyncio.sleep(_POLL_S)
                    offset = await _send(path, offset, answer)
                await _send(path, offset, answer)
            await answer.write_eof()
        return answer


def log_name(namespace: str, pod: str, container: str) -> str:
    """Give the name of a container's log; namespaces and pods can't have a line in theirs."""
    return f"{namespace}_{pod}_{container}.log"


async def _send(path: Path, offset: int, answer: web.StreamResponse) -> int:
    """Send what lies behind an offset; give where it ends."""
    with path.open("rb") as file:
        file.seek(offset)
        while chunk := file.read(_CHUNK):
            await answer.write(chunk)
        return file.tell()


def _tail(path: Path, lines: str | None) -> int:
    """Give the offset of the last so many lines."""
    if lines is None:
        return 0
    content = path.read_bytes()
    kept = content.splitlines(keepends=True)[-int(lines) :] if int(lines) else []
    return len(content) - sum(len(line) for line in kept)


def _make_tls(address: str) -> ssl.SSLContext:
    # The API server isn't told whose certificates to trust here, so it takes any.
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert(address).configure_cert(context)
    return context
