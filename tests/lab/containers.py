"""Containers of the lab, looked into from outside."""

import json

from weighbridge_lab.errors import CommandError


def holds(lab, namespace, pod, container, path):
    """Whether a path exists as a container sees it."""
    record = lab.cluster.layout.pods / "pods" / f"{namespace}_{pod}.json"
    pid = json.loads(record.read_text())["containers"][container]
    inside = lab.cluster.inside(["ls", "-d", f"/proc/{pid}/root{path}"])
    try:
        lab.cluster.run(*inside)
    except CommandError as error:
        if "No such file" not in error.output:
            raise
        return False
    return True
