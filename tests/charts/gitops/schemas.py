"""Custom resources' definitions in, validators out, as strict as `kubectl --validate=strict`."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator

Document = dict[str, Any]


def validators(definitions: Iterable[Path]) -> dict[tuple[str, str], Draft202012Validator]:
    """Return a validator by apiVersion and kind, for each version that is served."""
    found = {}
    for path in definitions:
        spec = yaml.safe_load(path.read_text(encoding="utf-8"))["spec"]
        for version in spec["versions"]:
            schema = {"properties": {}, **version["schema"]["openAPIV3Schema"]}
            schema["properties"]["metadata"] = {"type": "object"}
            key = f"{spec['group']}/{version['name']}", spec["names"]["kind"]
            found[key] = Draft202012Validator(_strict(schema))
    return found


def faults(document: Document, by_kind: dict[tuple[str, str], Draft202012Validator]) -> list[str]:
    """Return what is wrong with a document, one line each; a null counts as absent."""
    validator = by_kind[document["apiVersion"], document["kind"]]
    return [f"{e.json_path}: {e.message}" for e in validator.iter_errors(_without_nulls(document))]


def _strict(schema: Any) -> Any:
    """Refuse fields that are not declared, and take OpenAPI's own words for what they mean."""
    if not isinstance(schema, dict):
        return schema
    made = {key: _strict(value) for key, value in schema.items() if key != "properties"}
    if "items" in schema:
        made["items"] = _strict(schema["items"])
    if "properties" in schema:
        made["properties"] = {key: _strict(value) for key, value in schema["properties"].items()}
        if not schema.get("x-kubernetes-preserve-unknown-fields"):
            made.setdefault("additionalProperties", False)
    if schema.get("x-kubernetes-int-or-string"):
        made = {"type": ["integer", "string"]}
    made.pop("format", None)
    return made


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_nulls(v) for k, v in value.items() if v is not None}
    if isinstance(value, list):
        return [_without_nulls(each) for each in value]
    return value
