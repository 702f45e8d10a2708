"""Stands in for what no test starts: dcgm-exporter, kube-state-metrics, Argo, Istio's gateway.

It exposes the names of tests/contract/external_metrics.yaml, which says where each was read, and
the counters of clusters that Istio's gateway has for a pool with subsets. Counters grow with time.
"""

import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

POOL = {"namespace": "llm", "pool": "gemma-small", "tier": "small"}
VERSIONS = {"6b8f": "gemma-small-6b8f-x", "7c9d": "gemma-small-7c9d-y"}
"""Pods by revision: those of stable, and the canary's."""

_GPU = 'Hostname="node-1",gpu="0",modelName="NVIDIA L4"'
_CONTAINER = 'namespace="llm",pod="{pod}",container="vllm"'
_CLUSTER = (
    'cluster_name="outbound|8000|{subset}|gemma-small.llm.svc.cluster.local",'
    'response_code_class="{code}"'
)


def exposition(seconds):
    """What is exposed `seconds` after the start."""
    gauges = {
        f"DCGM_FI_DEV_FB_FREE{{{_GPU}}}": 4000,
        f"DCGM_FI_DEV_FB_USED{{{_GPU}}}": 18000,
        f"DCGM_FI_DEV_GPU_TEMP{{{_GPU}}}": 61,
        f"DCGM_FI_DEV_GPU_UTIL{{{_GPU}}}": 83,
        f"DCGM_FI_DEV_POWER_USAGE{{{_GPU}}}": 68,
        f"DCGM_FI_DEV_THERMAL_VIOLATION{{{_GPU}}}": seconds * 1e6,
        f"DCGM_FI_DEV_XID_ERRORS{{{_GPU}}}": 0,
        'rollout_info{namespace="llm",name="gemma-small",phase="Progressing"}': 1,
    }
    for pod in VERSIONS.values():
        labels = _CONTAINER.format(pod=pod)
        gauges[f"kube_pod_container_status_restarts_total{{{labels}}}"] = 0
        resource = f'{labels},resource="nvidia_com_gpu"'
        gauges[f"kube_pod_container_resource_requests{{{resource}}}"] = 1
    for subset, rate in (("stable", 9), ("canary", 1)):
        for code, share in (("2xx", 0.98), ("5xx", 0.02)):
            labels = _CLUSTER.format(subset=subset, code=code)
            gauges[f"envoy_cluster_upstream_rq{{{labels}}}"] = 1000 + seconds * rate * share
    return "".join(f"{series} {value}\n" for series, value in gauges.items())


class _Handler(BaseHTTPRequestHandler):
    started = time.monotonic()

    def do_GET(self):
        body = exposition(time.monotonic() - self.started).encode()
        self.send_response(200)
        self.send_header("content-type", "text/plain; version=0.0.4")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Say nothing."""


@contextmanager
def exporting():
    """Serve it; gives host:port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
