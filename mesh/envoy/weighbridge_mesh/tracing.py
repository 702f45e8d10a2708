"""Envoy's spans: the connection manager's tracing, by OTLP over HTTP, and what the spans leave out.

Envoy's own spans hold the path with its query, the request id, the user agent and the address of
the client: whatever a client wrote there. Tags of the same names put something harmless in their
place before a span leaves Envoy.
"""

from weighbridge_mesh.options import TracingOptions
from weighbridge_mesh.proto import Config, typed_config

COLLECTOR_PATH = "/v1/traces"
NOTHING = "-"

RUNTIME: Config = {
    # By default Envoy makes an export of each five spans.
    "tracing.opentelemetry.min_flush_spans": 64,
    "tracing.opentelemetry.flush_interval_ms": 1000,
}
"""Of Envoy's runtime; spans go out when so many wait, or after so long."""

_TIMEOUT = "5s"
_PARTS = 1_000_000
_SAMPLERS = "envoy.tracers.opentelemetry.samplers"
_SAMPLER_TYPES = "tracers.opentelemetry.samplers.v3"
_CLIENTS_OWN = ("user_agent", "guid:x-request-id", "peer.address")


def tracing(options: TracingOptions) -> Config:
    """Make the connection manager's tracing."""
    whole = {"value": 100}
    return {
        "provider": {"name": "envoy.tracers.opentelemetry", "typed_config": _provider(options)},
        # The sampler below decides; a request that one of these left out would lack its first span.
        "client_sampling": whole,
        "random_sampling": whole,
        "overall_sampling": whole,
        "spawn_upstream_span": True,
        "custom_tags": [
            {"tag": "http.url", "value": "%PATH(NQ:PATH)%"},
            *({"tag": name, "literal": {"value": NOTHING}} for name in _CLIENTS_OWN),
        ],
    }


def request_id() -> Config:
    """Make the handling of request ids where spans are made.

    By default Envoy writes its decision into the id, which a client may have sent, and traces
    nothing whose id is no UUID.
    """
    return {
        "typed_config": typed_config(
            "request_id.uuid.v3.UuidRequestIdConfig",
            pack_trace_reason=False,
            use_request_id_for_trace_sampling=False,
        )
    }


def runtime() -> Config:
    """Make the layer of Envoy's runtime that tracing needs."""
    return {"layers": [{"name": "tracing", "static_layer": RUNTIME}]}


def _provider(options: TracingOptions) -> Config:
    return {
        "@type": "type.googleapis.com/envoy.config.trace.v3.OpenTelemetryConfig",
        "service_name": options.service,
        "http_service": {
            "http_uri": {
                "uri": f"http://{options.host or options.cluster}{COLLECTOR_PATH}",
                "cluster": options.cluster,
                "timeout": _TIMEOUT,
            }
        },
        "sampler": _sampler(options),
    }


def _sampler(options: TracingOptions) -> Config:
    share = {"numerator": round(options.sample * _PARTS), "denominator": "MILLION"}
    ratio = {
        "name": f"{_SAMPLERS}.trace_id_ratio_based",
        "typed_config": typed_config(
            f"{_SAMPLER_TYPES}.TraceIdRatioBasedSamplerConfig", sampling_percentage=share
        ),
    }
    if not options.heed_clients:
        return ratio
    return {
        "name": f"{_SAMPLERS}.parent_based",
        "typed_config": typed_config(
            f"{_SAMPLER_TYPES}.ParentBasedSamplerConfig", wrapped_sampler=ratio
        ),
    }
