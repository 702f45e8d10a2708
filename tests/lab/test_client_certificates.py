"""The gateway closed to all but partners: certificates of clients, one host, no plain HTTP."""

from ssl import SSLError, TLSVersion

import httpx
import pytest
import trustme
from envoy_rig.requests import decision
from lab.asking import ask, client_of
from lab.stage import by_api, gateway_url, put_back
from lab.tls import HOST, Endpoint, authority_secret, of_version, secret
from weighbridge_lab.installation import INGRESS
from weighbridge_lab.waiting import until

NAME = "partners-tls"
MUTUAL = {"enabled": True, "mode": "MUTUAL", "credentialName": NAME}
# Of each API: its door, what it can say of TLS, and the version that is too old for that.
CLOSED = {
    "istio": ("gateway-tls", {**MUTUAL, "minProtocolVersion": "TLSV1_3"}, TLSVersion.TLSv1_2),
    "gateway-api": ("gateway-api-tls", MUTUAL, TLSVersion.TLSv1_1),
}


@pytest.fixture(scope="module")
def partners():
    """The CA whose clients are let in."""
    return trustme.CA()


@pytest.fixture(scope="module")
def partner(partners):
    return partners.issue_cert("partner.example.com")


@pytest.fixture(scope="module", params=list(CLOSED))
def api(request):
    return request.param


@pytest.fixture(scope="module")
def endpoint(lab, api, partners, partner):
    door, https, _ = CLOSED[api]
    ours = trustme.CA()
    lab.apply([secret(NAME, ours.issue_cert(HOST)), authority_secret(NAME, partners)])
    gateway = {"https": https, "http": {"mode": "off"}}
    lab.install_mesh({**by_api(api), "hosts": [HOST], "gateway": gateway})
    found = Endpoint(lab.cluster.ports[door], ours)
    try:
        until("partners are served", lambda: found.get("/v1/models", found.context(partner)), 60)
        yield found
    finally:
        put_back(lab)
        lab.kubectl("delete", "secret", NAME, f"{NAME}-cacert", "--namespace", INGRESS)


def test_a_partner_is_served(endpoint, partner):
    with endpoint.client(endpoint.context(partner)) as client:
        assert decision(ask(client)) == ("small", "score")


@pytest.mark.parametrize(
    ("stranger", "alert"),
    [(None, "ALERT_CERTIFICATE_REQUIRED"), (trustme.CA(), "ALERT_UNKNOWN_CA")],
    ids=["without-a-certificate", "of-another-ca"],
)
def test_nobody_else_is(endpoint, stranger, alert):
    own = stranger.issue_cert("partner.example.com") if stranger else None
    with (
        endpoint.client(endpoint.context(own)) as client,
        pytest.raises(httpx.TransportError, match=alert),
    ):
        ask(client)


def test_a_version_below_the_lowest_is_refused(endpoint, api, partner):
    *_, too_old = CLOSED[api]
    context = of_version(endpoint.context(partner), too_old)
    with pytest.raises(SSLError, match="ALERT_PROTOCOL_VERSION"):
        endpoint.shake_hands(context)


def test_a_host_that_is_not_served_gets_no_handshake(endpoint, partner):
    with pytest.raises((SSLError, ConnectionError)):
        endpoint.shake_hands(endpoint.context(partner), host="other.example.com")


def test_there_is_no_plain_http(lab, api, endpoint):
    del endpoint
    with client_of(gateway_url(lab, api)) as client, pytest.raises(httpx.TransportError):
        ask(client)
