"""What Argo CD does with ignored differences, and what Argo Rollouts does to our objects.

Of Argo CD v3.4.13: `util/argo/normalizers/diff_normalizer.go` deletes each expression from both
sides before it compares; with RespectIgnoreDifferences `controller/sync.go` then copies from the
live object what was deleted, by a merge patch (RFC 7396) where Kubernetes has no types for a kind.
"""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import jq

Document = dict[str, Any]
HASH = "rollouts-pod-template-hash"


def ignored(application: Document, document: Document) -> Iterator[str]:
    """Yield what an Application ignores in an object, as jq expressions."""
    group, _, _ = document["apiVersion"].rpartition("/")
    for rule in application["spec"].get("ignoreDifferences", ()):
        if (rule.get("group", ""), rule["kind"]) == (group, document["kind"]):
            yield from rule.get("jqPathExpressions", ())
            yield from (each.replace("/", ".") for each in rule.get("jsonPointers", ()))


def compared(application: Document, document: Document) -> Document:
    """Return what of an object is compared. An expression that fails ignores nothing, as there."""
    for expression in ignored(application, document):
        try:
            document = jq.compile(f"del({expression})").input_value(document).first()
        except ValueError:
            continue
    return document


def applied(application: Document, wanted: Document, live: Document) -> Document:
    """Return what a sync with RespectIgnoreDifferences applies to a custom resource."""
    kept = _difference(compared(application, live), live)
    return _merged(compared(application, wanted), kept)


def in_a_canary(document: Document, tier: str, weight: int) -> Document:
    """Return an object as Argo Rollouts leaves it in the middle of a tier's canary."""
    live = deepcopy(document)
    spec = live["spec"]
    if live["kind"] == "VirtualService":
        _split(spec["http"], tier, weight)
    elif live["kind"] == "DestinationRule":
        for subset, revision in zip(spec["subsets"], ("6d5f7c9b8d", "7b8c6d5f94"), strict=True):
            subset["labels"] = {**subset.get("labels", {}), HASH: revision}
    elif live["kind"] == "Service":
        spec["selector"][HASH] = "7b8c6d5f94"
    elif live["kind"] == "Deployment":
        spec["replicas"] = 0
    elif live["kind"] == "Rollout":
        spec["replicas"] = 7
    return live


def in_an_experiment(document: Document, tier: str, pool: str) -> Document:
    """Return an object as Argo Rollouts leaves it while a tier's experiment runs."""
    live = deepcopy(document)
    for name in (f"{pool}-baseline", f"{pool}-candidate"):
        if live["kind"] == "VirtualService":
            (route,) = (r for r in live["spec"]["http"] if r["name"] == f"tier-{tier}")
            route["route"].append({"weight": 5.0, "destination": {"host": name}})
        else:
            live["spec"]["subsets"].append({"name": name, "labels": {HASH: "5c4d3e2f1a"}})
    return live


def _split(routes: list[Document], tier: str, weight: int) -> None:
    (route,) = (each for each in routes if each["name"] == f"tier-{tier}")
    for destination in route["route"]:
        canary = destination["destination"]["subset"] == "canary"
        destination["weight"] = weight if canary else 100 - weight
    header = {"headers": {"x-weighbridge-canary": {"exact": tier}}}
    routes.insert(0, {"name": f"mirror-{tier}", "match": [], "route": deepcopy(route["route"])})
    routes.insert(0, {"name": f"canary-{tier}", "match": [header], "route": [
        {"weight": 100.0, "destination": {"host": "h", "subset": "canary"}}]})  # fmt: skip


def _difference(old: Any, new: Any) -> Any:
    """Return the merge patch from one to the other."""
    patch = {key: None for key in old if key not in new}
    for key, value in new.items():
        if key not in old:
            patch[key] = value
        elif old[key] != value:
            both = isinstance(old[key], dict) and isinstance(value, dict)
            patch[key] = _difference(old[key], value) if both else value
    return patch


def _merged(target: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return patch
    made = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            made.pop(key, None)
        else:
            made[key] = _merged(made.get(key), value)
    return made
