"""TCP ports of this machine: choose free ones, and say who holds one that is taken."""

import errno
import socket
from contextlib import ExitStack
from random import SystemRandom

import psutil

from weighbridge.errors import LocalError

LOOPBACK = "127.0.0.1"
_COMMAND_CHARS = 80
# Below those that systems give to clients: one of theirs may become a connection's at any moment,
# and then the server that is about to start can't have it.
_CANDIDATES = range(10_240, 32_768)


def free_ports(count: int, host: str = LOOPBACK) -> list[int]:
    """Choose ports that nobody listens on, all different.

    They are free at this moment only: bind them soon.

    Raises:
        LocalError: if `host` is no address of this machine, or hardly a port is free.
    """
    ports: list[int] = []
    with ExitStack() as held:
        for port in SystemRandom().sample(_CANDIDATES, len(_CANDIDATES)):
            if len(ports) == count:
                return ports
            probe = held.enter_context(socket.socket())
            try:
                probe.bind((host, port))
            except OSError as error:
                if error.errno not in {errno.EADDRINUSE, errno.EACCES}:
                    raise LocalError(f"{host} can't be listened on: {error.strerror}") from error
            else:
                ports.append(port)
    raise LocalError(f"fewer than {count} ports of {host} are free")


def require_free(port: int, option: str, host: str = LOOPBACK) -> None:
    """Make sure that `port` can be listened on.

    Binding alone would not tell: Envoy shares a port with another Envoy (SO_REUSEPORT) in silence.

    Args:
        port: the port asked for.
        option: the command's option that names another, for the message.
        host: address to bind.

    Raises:
        LocalError: naming the port, its holder where that can be seen, and the way out.
    """
    with socket.socket() as probe:
        # As servers do: connections of an earlier run that linger in TIME_WAIT don't count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError as error:
            raise LocalError(_explain(port, option, error)) from error


def _explain(port: int, option: str, error: OSError) -> str:
    way_out = f"choose another with {option}"
    if error.errno == errno.EADDRINUSE:
        return f"port {port} is in use{holder_of(port)}; {way_out}"
    if error.errno == errno.EACCES:
        return f"port {port} needs privileges (ports below 1024 do); {way_out}"
    return f"port {port} can't be listened on: {error.strerror}; {way_out}"


def holder_of(port: int) -> str:
    """Say who listens on `port`, as ``" by pid 12 (command)"``; empty where that can't be seen."""
    try:
        connections = psutil.net_connections(kind="tcp")
    except (psutil.Error, OSError):
        return ""
    for connection in connections:
        if connection.status != psutil.CONN_LISTEN or not connection.laddr:
            continue
        if connection.laddr[1] == port and connection.pid:
            return f" by pid {connection.pid} ({_command(connection.pid)})"
    return ""


def _command(pid: int) -> str:
    try:
        words = psutil.Process(pid).cmdline()
    except psutil.Error:
        return "command unknown"
    text = " ".join(words)
    return text if len(text) <= _COMMAND_CHARS else text[:_COMMAND_CHARS] + "…"
