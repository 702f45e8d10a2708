"""A client that asks several listeners in turn, one request at a time, and times each answer.

In turn, because what metering adds is smaller than what a busy machine's mood does from one second
to the next: a request and its neighbour have the same mood.
"""

import socket
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack

from weighbridge.bench.envoy import LOOPBACK
from weighbridge.errors import LocalError

_HEAD_END = b"\r\n\r\n"
_LENGTH = b"content-length:"
_OK = b"HTTP/1.1 200 "
_TIMEOUT_S = 10.0


def alternate(ports: Mapping[str, int], request: bytes, times: int) -> dict[str, list[float]]:
    """Send `request` to each port, `times` times around.

    Args:
        ports: by name. The order changes from round to round: who is asked second finds the pool's
            code in the cache.
        request: a whole HTTP/1.1 request that keeps its connection.
        times: rounds.

    Returns:
        Seconds from the request's first byte sent to the response's last received, by name.

    Raises:
        LocalError: for an answer other than 200.
    """
    taken: dict[str, list[float]] = {name: [] for name in ports}
    with ExitStack() as stack:
        lines = {
            name: stack.enter_context(socket.create_connection((LOOPBACK, port), _TIMEOUT_S))
            for name, port in ports.items()
        }
        for line in lines.values():
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        names = list(lines)
        for number in range(times):
            for name in turned(names, number):
                taken[name].append(_timed(lines[name], request))
    return taken


def turned(names: Sequence[str], by: int) -> list[str]:
    """The names in the same circle, begun `by` places further."""
    by %= len(names)
    return [*names[by:], *names[:by]]


def _timed(line: socket.socket, request: bytes) -> float:
    started = time.perf_counter()
    line.sendall(request)
    answer = line.recv(65_536)
    while answer and not is_whole(answer):
        more = line.recv(65_536)
        if not more:
            break
        answer += more
    seconds = time.perf_counter() - started
    if not answer.startswith(_OK):
        raise LocalError(f"expected an answer with status 200, came {answer[:60]!r}")
    return seconds


def is_whole(answer: bytes) -> bool:
    """Whether a response with a Content-Length has all of its bytes.

    Raises:
        LocalError: for a head without one.
    """
    head, end, body = answer.partition(_HEAD_END)
    if not end:
        return False
    for line in head.lower().split(b"\r\n"):
        if line.startswith(_LENGTH):
            return len(body) >= int(line.removeprefix(_LENGTH))
    raise LocalError(f"expected a response with a content-length, came {head[:200]!r}")
