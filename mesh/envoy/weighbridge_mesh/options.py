"""What can be chosen about Envoy's side: frozen values, checked once, rendered elsewhere."""

import ipaddress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

ROUTER_CLUSTER: Final = "weighbridge-router"
METER_CLUSTER: Final = "weighbridge-meter"
COLLECTOR_CLUSTER: Final = "weighbridge-collector"
UNIX_PREFIX: Final = "unix:"
MEBIBYTE: Final = 1024 * 1024
_MAX_PORT: Final = 65_535


class BodyMode(StrEnum):
    """How the request body reaches the router. Envoy's other modes misroute (docs/adr)."""

    BUFFERED = "BUFFERED"
    FULL_DUPLEX_STREAMED = "FULL_DUPLEX_STREAMED"


@dataclass(frozen=True, kw_only=True)
class FilterOptions:
    """The filter and what belongs to it, the same in a stand-alone Envoy and in a mesh.

    Attributes:
        cluster: Envoy's name for the router.
        authority: host name that the router is addressed by; None: the cluster's name. In a mesh
            that name has signs which no host name may have.
        message_timeout_s: seconds from a message sent to the router until its answer; twice per
            request (headers, body). A decision takes under 1 ms, a garbage collection or a busy
            node tens; 0.2 s is what a client may lose before its request goes on unweighed.
        failure_mode_allow: a request goes on unweighed where the router fails. With
            FULL_DUPLEX_STREAMED a request whose body is already on its way to a router that fails
            gets 500 all the same.
        body_mode: see `BodyMode`.
        body_bytes: greatest request body; beyond it the client gets 413. Equal to the router's
            ``limits.body_bytes``.
    """

    cluster: str = ROUTER_CLUSTER
    authority: str | None = None
    message_timeout_s: float = 0.2
    failure_mode_allow: bool = True
    body_mode: BodyMode = BodyMode.BUFFERED
    body_bytes: int = 16 * MEBIBYTE

    def __post_init__(self) -> None:
        if self.message_timeout_s <= 0:
            raise ValueError(f"message_timeout_s: expected above 0, came {self.message_timeout_s}")
        if self.body_bytes < 1:
            raise ValueError(f"body_bytes: expected at least 1, came {self.body_bytes}")

    @property
    def host(self) -> str:
        """Host name that the router is addressed by."""
        return self.cluster if self.authority is None else self.authority


@dataclass(frozen=True)
class Endpoint:
    """A TCP address, or a Unix socket (`path` set, the rest empty)."""

    host: str = ""
    port: int = 0
    path: str = ""

    @classmethod
    def parse(cls, text: str) -> "Endpoint":
        """Read ``host:port``, ``[v6]:port`` or ``unix:/path``.

        Raises:
            ValueError: saying what was expected.
        """
        if text.startswith(UNIX_PREFIX):
            return cls(path=text.removeprefix(UNIX_PREFIX))
        host, colon, port = text.rpartition(":")
        if not (colon and host and port.isdigit() and 0 < int(port) <= _MAX_PORT):
            raise ValueError(f"endpoint: expected host:port or unix:/path, came {text!r}")
        return cls(host=host.strip("[]"), port=int(port))

    @property
    def is_static(self) -> bool:
        """Whether no name has to be resolved."""
        if self.path:
            return True
        try:
            ipaddress.ip_address(self.host)
        except ValueError:
            return False
        return True


@dataclass(frozen=True, kw_only=True)
class MeteringOptions:
    """Token accounting: where the meter is, and who a request is billed to.

    Attributes:
        meter: its address; receipts go there.
        cluster: Envoy's name for it.
        host: host name that it is addressed by; None: the cluster's name.
        team: expression of Envoy's access logs that names the team of a request: a header, as by
            default, or a claim of its token. A header is what the client says it is, unless
            something before this sets it.
        user: likewise the user; empty: users are not told.
        flush_s: seconds that a receipt waits for others, and most that a crash of Envoy loses.
    """

    meter: Endpoint
    cluster: str = METER_CLUSTER
    host: str | None = None
    team: str = "%REQ(x-team)%"
    user: str = ""
    flush_s: float = 1.0

    def __post_init__(self) -> None:
        if self.flush_s <= 0:
            raise ValueError(f"flush_s: expected above 0, came {self.flush_s}")


@dataclass(frozen=True, kw_only=True)
class TracingOptions:
    """Spans: where the collector is, and of which requests they are recorded.

    Attributes:
        collector: its address for OTLP over HTTP, port 4318 by custom.
        cluster: Envoy's name for it.
        host: host name that it is addressed by; None: the cluster's name.
        service: name of this Envoy in traces.
        sample: share of requests, 0..1, chosen by trace id.
        heed_clients: a client that sends a traceparent decides instead whether its request is
            recorded. Otherwise its trace is joined, and the share holds for it as for all.
    """

    collector: Endpoint
    cluster: str = COLLECTOR_CLUSTER
    host: str | None = None
    service: str = "weighbridge-gateway"
    sample: float = 0.01
    heed_clients: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.sample <= 1:
            raise ValueError(f"trace_sample: expected a share from 0 to 1, came {self.sample}")


@dataclass(frozen=True)
class Pool:
    """The vLLM servers of one tier."""

    tier: str
    endpoints: tuple[Endpoint, ...]

    def __post_init__(self) -> None:
        if not self.endpoints:
            raise ValueError(f"tier {self.tier}: expected at least one endpoint, came none")

    @property
    def cluster(self) -> str:
        """Envoy's name for the pool."""
        return f"tier-{self.tier}"


_LOCAL_POOLS: Final = (
    Pool("small", (Endpoint("127.0.0.1", 8001),)),
    Pool("large", (Endpoint("127.0.0.1", 8002),)),
)


@dataclass(frozen=True, kw_only=True)
class BootstrapOptions:
    """A whole stand-alone Envoy.

    Attributes:
        filter: the part that a mesh shares.
        listen: where clients connect. Loopback: there is no TLS and no authentication here.
        admin: Envoy's admin address, None for none. It can stop Envoy, so loopback only.
        router: addresses of the routers; streams are spread over the healthy ones.
        pools: one per tier.
        fallback_tier: tier of requests that the router did not answer.
        access_log: file for the JSON lines; None: standard output.
        stream_idle_timeout_s: seconds without a byte in either direction after which a request is
            given up. A queued prompt is silent until its first token.
        pool_idle_timeout_s: seconds after which an unused connection to a pool is closed. vLLM's
            HTTP server closes at 5 s; a request sent in that moment would be lost.
        pool_health_path: path probed on each vLLM; None: no probes.
        connections: most client connections at once.
        requests: most requests and connections in flight to one tier. Envoy's default, 1,024,
            answers 503 long before vLLM's queue is full.
        metering: token accounting; None: none.
        tracing: spans; None: none.
    """

    filter: FilterOptions = field(default_factory=FilterOptions)
    listen: Endpoint = field(default_factory=lambda: Endpoint("127.0.0.1", 8080))
    admin: Endpoint | None = field(default_factory=lambda: Endpoint("127.0.0.1", 9901))
    router: tuple[Endpoint, ...] = (Endpoint("127.0.0.1", 9002),)
    pools: tuple[Pool, ...] = _LOCAL_POOLS
    fallback_tier: str = "large"
    access_log: str | None = None
    stream_idle_timeout_s: float = 600.0
    pool_idle_timeout_s: float = 3.0
    pool_health_path: str | None = "/health"
    connections: int = 20_000
    requests: int = 20_000
    metering: MeteringOptions | None = None
    tracing: TracingOptions | None = None

    def __post_init__(self) -> None:
        tiers = [pool.tier for pool in self.pools]
        if len(set(tiers)) != len(tiers):
            raise ValueError(f"pools: expected each tier once, came {', '.join(tiers)}")
        if self.fallback_tier not in tiers:
            raise ValueError(
                f"fallback_tier: expected one of {', '.join(tiers)}, came {self.fallback_tier!r}"
            )
        if not self.router:
            raise ValueError("router: expected at least one address, came none")
        if self.admin and self.admin.host not in _LOOPBACK and not self.admin.path:
            raise ValueError(f"admin: expected a loopback address, came {self.admin.host!r}")

    @property
    def fallback(self) -> Pool:
        """The pool of `fallback_tier`."""
        return next(pool for pool in self.pools if pool.tier == self.fallback_tier)


_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
