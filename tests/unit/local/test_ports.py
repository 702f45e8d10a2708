import os
import socket

import pytest
from weighbridge.errors import LocalError
from weighbridge.local.ports import LOOPBACK, free_ports, holder_of, require_free


@pytest.fixture
def taken():
    with socket.socket() as listener:
        listener.bind((LOOPBACK, 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_chosen_ports_differ_and_are_free():
    ports = free_ports(20)
    assert len(set(ports)) == 20
    for port in ports:
        require_free(port, "--port")


def test_taken_port_names_its_holder_and_the_way_out(taken):
    with pytest.raises(LocalError) as caught:
        require_free(taken, "--port")
    message = str(caught.value)
    assert f"port {taken} is in use by pid {os.getpid()} (" in message
    assert message.endswith("choose another with --port")


def test_port_that_its_holder_would_share_counts_as_taken():
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind((LOOPBACK, 0))
        listener.listen()
        with pytest.raises(LocalError, match="in use"):
            require_free(listener.getsockname()[1], "--port")


def test_address_that_is_not_here_is_told():
    with pytest.raises(LocalError, match="can't be listened on"):
        require_free(free_ports(1)[0], "--port", host="192.0.2.77")


def test_port_without_privileges_is_told(monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", refuse)
    with pytest.raises(LocalError, match="needs privileges"):
        require_free(80, "--port")


def test_nobody_holds_a_free_port():
    assert holder_of(free_ports(1)[0]) == ""
