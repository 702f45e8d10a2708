#!/usr/bin/env python3
"""The chart's schema in and the router's settings, `values.schema.json` out (`make generated`).

What `values.schema.in.json` says of the chart's own values is joined with the schema that the
router makes of its settings, so that the two can't part. Fields that the chart sets itself are left
out: Helm then refuses them, and names them.
"""

import json
from pathlib import Path
from typing import Any

from weighbridge.settings import Settings

FOLDER = Path(__file__).parent
OWNED_BY_CHART = {
    "Listen": ("unix_socket", "tls"),
    "Log": ("hash_key",),
}
"""mode, tls and hashKey of the values decide about these."""

Schema = dict[str, Any]


def values_schema() -> str:
    """Make the text of `values.schema.json`."""
    schema: Schema = json.loads((FOLDER / "values.schema.in.json").read_text(encoding="utf-8"))
    settings = Settings.model_json_schema()
    definitions: dict[str, Schema] = settings.pop("$defs")
    for section, fields in OWNED_BY_CHART.items():
        for field in fields:
            del definitions[section]["properties"][field]
    del definitions["Tls"]
    for address in ("address", "metrics_address"):
        definitions["Listen"]["properties"][address] = _with_port(definitions["Listen"], address)
    schema["$comment"] = (
        "Made by `make generated` of values.schema.in.json and the router's settings."
    )
    schema["$defs"].update(definitions, Settings=settings)
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _with_port(section: Schema, name: str) -> Schema:
    """An address that is there: container ports and probes follow from it."""
    field: Schema = section["properties"][name]
    return {
        "type": "string",
        "pattern": "^.+:[0-9]{1,5}$",
        "default": field["default"],
        "description": field["description"].removesuffix(" null turns TCP off."),
    }


if __name__ == "__main__":
    (FOLDER / "values.schema.json").write_text(values_schema(), encoding="utf-8")
