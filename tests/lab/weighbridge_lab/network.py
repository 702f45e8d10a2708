"""The node's side of a lab's network: loopback and the bridge to which pods are joined."""

import subprocess

from weighbridge_lab.errors import CommandError
from weighbridge_lab.layout import BRIDGE, NODE_NETWORK

_COMMANDS = (
    "link set lo up",
    f"link add {BRIDGE} type bridge",
    f"address add {NODE_NETWORK} dev {BRIDGE}",
    f"link set {BRIDGE} up",
)


def raise_network() -> None:
    """Make the bridge, in a network namespace that is new.

    Raises:
        CommandError: with the words of `ip`.
    """
    for words in _COMMANDS:
        command = ["ip", *words.split()]
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
        if ran.returncode:
            raise CommandError(command, ran.returncode, ran.stdout + ran.stderr)
