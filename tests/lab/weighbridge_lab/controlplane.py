"""Command lines of the Kubernetes control plane: etcd, API server, controllers, scheduler.

All of it is stock. What differs from a cluster is speed where a cluster has patience: no fsync, one
replica, so no leader election.
"""

from pathlib import Path
from typing import Final

from weighbridge_lab.layout import (
    API_PORT,
    ETCD_PORT,
    NODE_ADDRESS,
    SERVICE_NETWORK,
    Layout,
)
from weighbridge_lab.pki import FRONT_PROXY
from weighbridge_lab.processes import Spec

_ETCD: Final = f"http://{NODE_ADDRESS}:{ETCD_PORT}"
_ISSUER: Final = "https://kubernetes.default.svc.cluster.local"


def etcd(layout: Layout, binary: Path) -> Spec:
    """Make etcd's. A lab's data dies with it, so nothing is forced to disk."""
    peers = f"http://127.0.0.1:{ETCD_PORT + 1}"
    return Spec(
        name="etcd",
        argv=[
            str(binary),
            f"--data-dir={layout.data / 'etcd'}",
            f"--listen-client-urls={_ETCD}",
            f"--advertise-client-urls={_ETCD}",
            f"--listen-peer-urls={peers}",
            f"--initial-advertise-peer-urls={peers}",
            f"--initial-cluster=default={peers}",
            "--unsafe-no-fsync",
            "--log-level=warn",
        ],
        ready_url=f"{_ETCD}/health",
    )


def api_server(layout: Layout, binary: Path) -> Spec:
    """Make the API server's.

    Webhooks, and servers of further groups of its API, are called at the endpoints of their Service
    (--enable-aggregator-routing): there is no kube-proxy here that would make a cluster IP answer.
    """
    key = layout.pki / "service-accounts.key"
    return Spec(
        name="kube-apiserver",
        argv=[
            str(binary),
            f"--etcd-servers={_ETCD}",
            "--bind-address=0.0.0.0",
            f"--advertise-address={NODE_ADDRESS}",
            f"--secure-port={API_PORT}",
            f"--tls-cert-file={layout.pki / 'apiserver.crt'}",
            f"--tls-private-key-file={layout.pki / 'apiserver.key'}",
            f"--client-ca-file={layout.pki / 'ca.crt'}",
            f"--service-account-issuer={_ISSUER}",
            f"--api-audiences={_ISSUER},istio-ca",
            f"--service-account-key-file={key}",
            f"--service-account-signing-key-file={key}",
            f"--service-cluster-ip-range={SERVICE_NETWORK}",
            "--authorization-mode=Node,RBAC",
            "--enable-aggregator-routing",
            *_aggregation(layout),
            "--allow-privileged",
            # A kubelet reaches it as an administrator: what it may not do is not the question here.
            "--disable-admission-plugins=NodeRestriction",
            "--event-ttl=1h",
            # Volumes that are images, a way to bring weights; on by itself from 1.35.
            "--feature-gates=ImageVolume=true",
        ],
        ready_url=f"https://{NODE_ADDRESS}:{API_PORT}/readyz",
    )


def controller_manager(layout: Layout, binary: Path) -> Spec:
    """Make the controllers'."""
    return Spec(
        name="kube-controller-manager",
        argv=[
            str(binary),
            *_client(layout),
            f"--service-account-private-key-file={layout.pki / 'service-accounts.key'}",
            f"--root-ca-file={layout.pki / 'ca.crt'}",
            "--kube-api-qps=200",
            "--kube-api-burst=400",
            # A cluster's looks every 15 seconds.
            "--horizontal-pod-autoscaler-sync-period=2s",
        ],
        ready_url="https://127.0.0.1:10257/healthz",
    )


def scheduler(layout: Layout, binary: Path) -> Spec:
    """Make the scheduler's."""
    return Spec(
        name="kube-scheduler",
        argv=[str(binary), *_client(layout), "--kube-api-qps=200", "--kube-api-burst=400"],
        ready_url="https://127.0.0.1:10259/healthz",
    )


def _aggregation(layout: Layout) -> list[str]:
    """How it hands requests on to servers that serve a group of the API, such as metrics."""
    return [
        f"--proxy-client-cert-file={layout.pki / 'front-proxy.crt'}",
        f"--proxy-client-key-file={layout.pki / 'front-proxy.key'}",
        f"--requestheader-client-ca-file={layout.pki / 'front-proxy-ca.crt'}",
        f"--requestheader-allowed-names={FRONT_PROXY}",
        "--requestheader-username-headers=X-Remote-User",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
    ]


def _client(layout: Layout) -> list[str]:
    return [
        f"--kubeconfig={layout.inner_kubeconfig}",
        "--leader-elect=false",
        "--bind-address=127.0.0.1",
        "--authentication-skip-lookup",
        "--authorization-always-allow-paths=/healthz,/metrics",
    ]
