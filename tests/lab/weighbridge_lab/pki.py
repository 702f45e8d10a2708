"""Certificates and keys of a lab: a CA of its own, the API server's, one administrator's.

Beside them a second CA, for the certificate by which servers behind the API server know it: whoever
has that may say whose request it hands on, so no other certificate may be taken for it.

They live as long as the lab; nothing of them is ever shared or stored elsewhere.
"""

import base64
from pathlib import Path

import trustme
import yaml
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from weighbridge_lab.layout import API_PORT, NODE_ADDRESS, SERVICE_ADDRESS, Layout

_SERVER_NAMES = (
    "localhost",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
    "127.0.0.1",
    NODE_ADDRESS,
    SERVICE_ADDRESS,
)
_ADMINISTRATORS = "system:masters"
"""The group to which the API server permits all."""
FRONT_PROXY = "front-proxy-client"
"""As whom the API server hands requests on."""


def write_pki(layout: Layout, api_door: int) -> None:
    """Make all keys and certificates, and the two kubeconfigs.

    Args:
        layout: of the lab.
        api_door: the host's port that leads to the API server.
    """
    ca = trustme.CA()
    ca.cert_pem.write_to_path(layout.pki / "ca.crt")
    server = ca.issue_cert(*_SERVER_NAMES, common_name="kube-apiserver")
    _write(server, layout.pki / "apiserver")
    _write_front_proxy(layout)
    _write_signing_key(layout.pki / "service-accounts.key")
    admin = ca.issue_cert("lab-admin", common_name="lab-admin", organization_name=_ADMINISTRATORS)
    inside = f"https://{NODE_ADDRESS}:{API_PORT}"
    _write_kubeconfig(layout.inner_kubeconfig, inside, ca, admin)
    _write_kubeconfig(layout.kubeconfig, f"https://127.0.0.1:{api_door}", ca, admin)


def _write_front_proxy(layout: Layout) -> None:
    ca = trustme.CA()
    ca.cert_pem.write_to_path(layout.pki / "front-proxy-ca.crt")
    _write(ca.issue_cert(FRONT_PROXY, common_name=FRONT_PROXY), layout.pki / "front-proxy")


def _write(certificate: trustme.LeafCert, stem: Path) -> None:
    chain = b"".join(blob.bytes() for blob in certificate.cert_chain_pems)
    stem.with_suffix(".crt").write_bytes(chain)
    certificate.private_key_pem.write_to_path(stem.with_suffix(".key"))


def _write_signing_key(path: Path) -> None:
    # The API server signs the tokens of service accounts with it, and checks them with it: it
    # accepts a private key where it asks for a public one.
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
    path.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    )


def _write_kubeconfig(path: Path, server: str, ca: trustme.CA, admin: trustme.LeafCert) -> None:
    chain = b"".join(blob.bytes() for blob in admin.cert_chain_pems)
    cluster = {"server": server, "certificate-authority-data": _base64(ca.cert_pem.bytes())}
    user = {
        "client-certificate-data": _base64(chain),
        "client-key-data": _base64(admin.private_key_pem.bytes()),
    }
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "lab", "cluster": cluster}],
        "users": [{"name": "lab-admin", "user": user}],
        "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": "lab-admin"}}],
        "current-context": "lab",
    }
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(config, sort_keys=False))


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
