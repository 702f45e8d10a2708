"""Token accounting in Envoy: what is found in a response, and the receipt that the meter gets.

A Lua filter looks at each piece of a response's body as it passes and notes the pool's token
counts in the request's dynamic metadata; an access logger sends these, and who asked, by OTLP in
batches once the response is over. No byte of a body leaves Envoy for it, and nothing waits for the
meter: where that is down, receipts are dropped and counted (docs/adr/0025).
"""

from importlib.resources import files

from weighbridge.contract import HEADER_TIER, USAGE_KEY, USAGE_NAMESPACE, ReceiptField

from weighbridge_mesh.options import MeteringOptions
from weighbridge_mesh.proto import Config, seconds, typed

STAT_PREFIX = "weighbridge_meter."
"""Of Envoy's own counts of receipts, written and dropped."""

_BATCH_BYTES = 16_384


def usage_filter() -> Config:
    """Make the filter that finds token counts. It stands after the router's filter."""
    return typed(
        "envoy.filters.http.lua",
        "filters.http.lua.v3.Lua",
        default_source_code={"inline_string": usage_script()},
        stat_prefix="weighbridge_usage",
    )


def usage_script() -> str:
    """Read the filter's script."""
    return files("weighbridge_mesh").joinpath("usage.lua").read_text(encoding="utf-8")


def receipt_log(options: MeteringOptions) -> Config:
    """Make the access logger that sends receipts."""
    return typed(
        "envoy.access_loggers.open_telemetry",
        "access_loggers.open_telemetry.v3.OpenTelemetryAccessLogConfig",
        log_name="weighbridge-receipts",
        grpc_service={
            "envoy_grpc": {
                "cluster_name": options.cluster,
                "authority": options.host or options.cluster,
            }
        },
        buffer_flush_interval=seconds(options.flush_s),
        buffer_size_bytes=_BATCH_BYTES,
        # Node and cluster names are no part of a receipt.
        disable_builtin_labels=True,
        attributes={"values": [_attribute(*each) for each in receipt_fields(options).items()]},
        stat_prefix=STAT_PREFIX,
    )


def receipt_fields(options: MeteringOptions) -> dict[ReceiptField, str]:
    """List what a receipt says, as expressions of Envoy's; all of it, no body and no query."""
    fields = {
        ReceiptField.TIER: f"%REQ({HEADER_TIER})%",
        ReceiptField.PATH: "%PATH(NQ:PATH)%",
        ReceiptField.STATUS: "%RESPONSE_CODE%",
        ReceiptField.FLAGS: "%RESPONSE_FLAGS%",
        ReceiptField.REQUEST_BYTES: "%BYTES_RECEIVED%",
        ReceiptField.SEEN: f"%DYNAMIC_METADATA({USAGE_NAMESPACE}:{USAGE_KEY})%",
        ReceiptField.TEAM: options.team,
        ReceiptField.USER: options.user,
    }
    return {name: expression for name, expression in fields.items() if expression}


def _attribute(name: ReceiptField, expression: str) -> Config:
    return {"key": name.value, "value": {"string_value": expression}}
