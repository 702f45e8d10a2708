"""Health: one word to Envoy, Kubernetes and Prometheus alike."""

import pytest
from grpc_health.v1 import health_pb2
from weighbridge.health import EXT_PROC_SERVICE, Health
from weighbridge.metrics import Metrics

STATUS = health_pb2.HealthCheckResponse


@pytest.fixture
def health():
    return Health(Metrics())


async def status(health, service):
    request = health_pb2.HealthCheckRequest(service=service)
    return (await health.servicer.Check(request, None)).status


def ready(health):
    return health._metrics.registry.get_sample_value("weighbridge_ready")


@pytest.mark.parametrize("service", ["", EXT_PROC_SERVICE])
async def test_what_is_said_is_heard_under_both_names(health, service):
    await health.say_not_serving()
    assert await status(health, service) == STATUS.NOT_SERVING

    await health.say_serving()
    assert await status(health, service) == STATUS.SERVING

    await health.say_not_serving()
    assert await status(health, service) == STATUS.NOT_SERVING


async def test_the_gauge_follows(health):
    assert ready(health) == 0

    await health.say_serving()
    assert ready(health) == 1

    await health.say_not_serving()
    assert ready(health) == 0


def test_the_service_is_named_as_envoy_names_it():
    assert EXT_PROC_SERVICE == "envoy.service.ext_proc.v3.ExternalProcessor"
