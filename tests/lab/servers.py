"""What the gateway's Envoy knows of the servers behind it, and how they are made to hang."""

from contextlib import contextmanager

from weighbridge_lab.waiting import until

ROUTERS = "weighbridge"
ROUTER = "weighbridge-router"
ROUTER_CLUSTER = "|9002||weighbridge-router.weighbridge."
SMALL = "gemma-small"
SMALL_CLUSTER = "|8000||gemma-small.llm."


def healthy(lab, cluster):
    """Addresses that the gateway gives requests to, of clusters whose name has these words."""
    lines = lab.ask_envoy("/clusters").splitlines()
    flags = [line for line in lines if cluster in line and "::health_flags::" in line]
    return {line.split("::")[1] for line in flags if line.endswith("::healthy")}


def until_healthy(lab, cluster, count):
    """Wait until the gateway gives requests to so many servers."""
    what = f"{count} healthy servers of {cluster}"
    until(what, lambda: len(healthy(lab, cluster)) == count, timeout_s=60)


@contextmanager
def hung(lab, pods):
    """Routers that are there and do nothing."""
    for name in pods:
        lab.signal(ROUTERS, name, ROUTER, "STOP")
    try:
        yield
    finally:
        for name in pods:
            lab.signal(ROUTERS, name, ROUTER, "CONT")
