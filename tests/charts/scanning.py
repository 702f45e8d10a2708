"""Rendered manifests in, what kube-score finds wrong with them out.

What a chart does on purpose stands in its `scan_exceptions.yaml`, a reason beside each check. A
finding without a reason is a fault, and so is a reason without a finding.
"""

import json
import os
import subprocess
from pathlib import Path

import yaml

KUBERNETES = "v1.34"
_OPTIONAL = ("container-seccomp-profile", "container-ports-check")
_OK = 10
"""kube-score's grade of a check without finding; 5 is a warning, 1 is critical."""


def findings(manifests: str) -> set[str]:
    """Ids of the checks that found something, warnings included.

    Raises:
        RuntimeError: if kube-score could not read the manifests.
    """
    command = [
        *(_kube_score(), "score", "-", "--output-format=json"),
        f"--kubernetes-version={KUBERNETES}",
        "--disable-ignore-checks-annotations",
        *(f"--enable-optional-test={check}" for check in _OPTIONAL),
    ]
    done = subprocess.run(
        command, input=manifests, capture_output=True, text=True, check=False, timeout=60
    )
    try:
        scored = json.loads(done.stdout)
    except json.JSONDecodeError as error:
        raise RuntimeError(f"kube-score: {done.stdout} {done.stderr}") from error
    return {
        check["check"]["id"]
        for manifest in scored
        for check in manifest["checks"]
        if not check["skipped"] and check["grade"] < _OK
    }


def exceptions(path: Path) -> dict[str, str]:
    """Reasons by check."""
    loaded: dict[str, str] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return loaded


def _kube_score() -> str:
    if named := os.environ.get("WEIGHBRIDGE_KUBE_SCORE"):
        return named
    from weighbridge_lab import tools

    return str(tools.path("kube-score"))
