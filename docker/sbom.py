#!/usr/bin/env python3
"""Print what is installed beside this interpreter as a CycloneDX 1.5 document, for the image.

A component is a Python package with its version, its package URL and the licence it declares; what
the base image brings is for the scan of that image.
"""

import json
import re
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, distributions, metadata
from typing import Any

ROOT = "weighbridge"


def document() -> dict[str, Any]:
    """Make the document; the same environment gives the same one."""
    components = {component["purl"]: component for component in _components()}
    root = next(c for c in components.values() if c["name"] == ROOT)
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": {**root, "type": "application"}},
        "components": [components[purl] for purl in sorted(components) if purl != root["purl"]],
    }


def _components() -> Iterator[dict[str, Any]]:
    for distribution in distributions():
        # As package URLs want it: lower case, one dash for any run of dots, dashes, underscores.
        name = re.sub(r"[-_.]+", "-", distribution.metadata["Name"]).lower()
        purl = f"pkg:pypi/{name}@{distribution.version}"
        component = {
            "type": "library",
            "bom-ref": purl,
            "name": name,
            "version": distribution.version,
            "purl": purl,
        }
        if licence := _licence(distribution):
            component["licenses"] = [{"license": {"name": licence}}]
        yield component


def _licence(distribution: Distribution) -> str | None:
    declared = distribution.metadata.get("License-Expression")
    classified = [
        line.rpartition(" :: ")[2]
        for line in distribution.metadata.get_all("Classifier") or ()
        if line.startswith("License :: ")
    ]
    return declared or "; ".join(classified) or None


if __name__ == "__main__":
    metadata(ROOT)  # fails with a plain message where the router is not installed
    json.dump(document(), sys.stdout, indent=1)
    sys.stdout.write("\n")
