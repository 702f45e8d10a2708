"""Small makers of Envoy's proto-JSON: durations, addresses, typed extensions."""

from typing import Any

from weighbridge_mesh.options import Endpoint

Config = dict[str, Any]
"""A message in proto-JSON form, with the field names of the .proto files."""


def seconds(value: float) -> str:
    """Write a duration as proto-JSON does."""
    return f"{value:.3f}".rstrip("0").rstrip(".") + "s"


def typed(name: str, message: str, **fields: Any) -> Config:
    """Make an extension.

    Args:
        name: under which Envoy lists it.
        message: its configuration's type, without the package prefix ``envoy.extensions``.
        fields: the configuration.
    """
    return {"name": name, "typed_config": typed_config(message, **fields)}


def typed_config(message: str, **fields: Any) -> Config:
    """Make the configuration of an extension alone."""
    return {"@type": f"type.googleapis.com/envoy.extensions.{message}", **fields}


def address(endpoint: Endpoint) -> Config:
    """Make a socket address or a Unix socket's."""
    if endpoint.path:
        return {"pipe": {"path": endpoint.path}}
    return {"socket_address": {"address": endpoint.host, "port_value": endpoint.port}}
