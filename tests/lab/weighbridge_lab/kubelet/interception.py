"""What Istio's CNI plugin does on a node: a pod's traffic is led to the proxy in it.

istiod was told that nodes have such a plugin, so the pods that it injects carry no privileged
container, only `istio-validation`, which checks that the redirection is there. Its arguments name
everything that is to be redirected, so the rules are made by the same command, Istio's own, run
by the kubelet in the pod's network.

Only what comes in is captured. Istio tells the proxy's own traffic from the application's by user
id 1337, but here containers live in user namespaces and are, to the kernel, all one user: root of
the lab. So id 0 stands for the proxy, and whatever leaves the pod passes by it. An application that
is to call through its proxy needs a listener of a Sidecar resource with `captureMode: NONE`.
"""

from collections.abc import Iterator
from typing import Final

from weighbridge_lab.kubelet.images import ImageTable
from weighbridge_lab.kubelet.manifest import Manifest
from weighbridge_lab.kubelet.sandbox import Sandbox, run

_VALIDATION: Final = "istio-validation"
_CHECK_ONLY: Final = frozenset({"--run-validation", "--skip-rule-apply"})
_USER: Final = frozenset({"-u", "-g"})
_ROOT: Final = ("-u", "0", "-g", "0")


async def redirect(manifest: Manifest, images: ImageTable, sandbox: Sandbox) -> None:
    """Lead a pod's traffic to its proxy, if one was injected.

    Raises:
        StartError: with the words of the command.
        ImageError: for a proxy's image that the table lacks.
    """
    command = redirection(manifest, images)
    if command:
        await run(["nsenter", f"--net={sandbox.network}", "--", *command])


def redirection(manifest: Manifest, images: ImageTable) -> list[str]:
    """Give the command that makes the rules; empty: no proxy was injected."""
    for container in manifest.inits:
        if container.name == _VALIDATION:
            image = images.find(container.image or "")
            programme, *rest = image.entrypoint
            outside = str(image.binds.get(programme, programme))
            return [outside, *rest, *_rules(container.args or []), *_ROOT]
    return []


def _rules(arguments: list[str]) -> Iterator[str]:
    """Give the arguments without those that only check and those that name a user."""
    words = iter(arguments)
    for word in words:
        if word in _USER:
            next(words, None)
        elif word not in _CHECK_ONLY:
            yield word
