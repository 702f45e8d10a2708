"""The gateway's TLS door, as tests knock at it."""

import socket
import ssl
import warnings
from dataclasses import dataclass

import httpx
from weighbridge_lab.installation import INGRESS

HOST = "llm.example.com"
_TIMEOUT_S = 10


@dataclass(frozen=True)
class Hands:
    """What a handshake agreed on."""

    version: str
    certificate: bytes


class Endpoint:
    """The door, and the CA that a client trusts."""

    def __init__(self, port, authority):
        self._port = port
        self._authority = authority

    def context(self, certificate=None):
        """What a client believes, with a certificate of its own if it has one."""
        context = ssl.create_default_context()
        self._authority.configure_trust(context)
        if certificate is not None:
            certificate.configure_cert(context)
        return context

    def client(self, context=None, **options):
        """A client that says HOST, whatever the address is."""
        context = context or self.context()
        headers = {"host": HOST}
        url = f"https://127.0.0.1:{self._port}"
        client = httpx.Client(
            base_url=url, verify=context, headers=headers, trust_env=False, **options
        )
        client.event_hooks = {"request": [_say_host]}
        return client

    def get(self, path, context=None):
        """Ask once; None where there is no answer, whatever the reason."""
        with self.client(context) as client:
            try:
                return client.get(path)
            except httpx.TransportError:
                return None

    def shake_hands(self, context=None, host=HOST):
        """Shake hands and no more."""
        with (
            socket.create_connection(("127.0.0.1", self._port), _TIMEOUT_S) as raw,
            (context or self.context()).wrap_socket(raw, server_hostname=host) as tls,
        ):
            return Hands(tls.version(), tls.getpeercert(binary_form=True))


def of_version(context, version):
    """Let a client speak one version of TLS alone."""
    # So old that this side has to be talked into it as well.
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = version
        context.maximum_version = version
    return context


def secret(name, certificate):
    """A Secret of type kubernetes.io/tls, where the gateway looks for it."""
    chain = b"".join(blob.bytes() for blob in certificate.cert_chain_pems)
    key = certificate.private_key_pem.bytes()
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": INGRESS},
        "type": "kubernetes.io/tls",
        "stringData": {"tls.crt": chain.decode(), "tls.key": key.decode()},
    }


def authority_secret(name, authority):
    """The CA of clients' certificates, as Istio looks for it beside the former."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": f"{name}-cacert", "namespace": INGRESS},
        "stringData": {"ca.crt": authority.cert_pem.bytes().decode()},
    }


def _say_host(request):
    request.extensions["sni_hostname"] = HOST
