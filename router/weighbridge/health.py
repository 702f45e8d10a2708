"""gRPC health of the router: SERVING means that a generation is loaded and streams are welcome."""

from grpc_health.v1 import health, health_pb2

from weighbridge.metrics import Metrics

EXT_PROC_SERVICE = "envoy.service.ext_proc.v3.ExternalProcessor"
_NAMES = ("", EXT_PROC_SERVICE)


class Health:
    """Says NOT_SERVING until told otherwise, to Envoy, to Kubernetes and in the metrics alike."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self.servicer = health.aio.HealthServicer()

    async def say_serving(self) -> None:
        """From now on: send streams here."""
        await self._say(health_pb2.HealthCheckResponse.SERVING)
        self._metrics.ready.set(1)

    async def say_not_serving(self) -> None:
        """From now on: send streams elsewhere."""
        await self._say(health_pb2.HealthCheckResponse.NOT_SERVING)
        self._metrics.ready.set(0)

    async def _say(self, status: "health_pb2.HealthCheckResponse.ServingStatus") -> None:
        for name in _NAMES:
            await self.servicer.set(name, status)
