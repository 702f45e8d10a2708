"""The gateway with the chart's own defaults: TLS, and plain HTTP that leads nowhere else."""

from ssl import SSLError, TLSVersion

import httpx
import pytest
import trustme
from envoy_rig.requests import decision
from lab.asking import ask, client_of
from lab.stage import by_api, gateway_url, put_back
from lab.tls import HOST, Endpoint, of_version, secret
from weighbridge_lab.installation import INGRESS
from weighbridge_lab.waiting import until

DEFAULTS = {"gateway": {"https": {"enabled": True}, "http": {"mode": "redirect"}}}
NAME = "weighbridge-tls"
DOORS = {"istio": "gateway-tls", "gateway-api": "gateway-api-tls"}


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture(scope="module", params=list(DOORS))
def api(request):
    return request.param


@pytest.fixture(scope="module")
def endpoint(lab, api, authority):
    lab.apply([secret(NAME, authority.issue_cert(HOST))])
    lab.install_mesh({**DEFAULTS, **by_api(api)})
    found = Endpoint(lab.cluster.ports[DOORS[api]], authority)
    try:
        until("the gateway serves TLS", lambda: found.get("/v1/models"), 60)
        yield found
    finally:
        put_back(lab)
        lab.kubectl("delete", "secret", NAME, "--namespace", INGRESS)


def test_prompts_are_answered(endpoint):
    with endpoint.client() as client:
        answer = ask(client)
    assert decision(answer) == ("small", "score")
    assert answer.json()["model"] == "gemma-2-9b-it"


def test_http_2_is_offered(endpoint):
    with endpoint.client(http2=True) as client:
        assert client.get("/v1/models").http_version == "HTTP/2"


def test_plain_http_answers_with_nothing_but_the_way_to_tls(lab, api, endpoint):
    del endpoint
    with client_of(gateway_url(lab, api)) as client:
        answer = ask(client)
    assert answer.status_code == httpx.codes.MOVED_PERMANENTLY
    assert answer.headers["location"].startswith("https://127.0.0.1")
    assert decision(answer) == (None, None)


def test_tls_1_2_is_enough(endpoint):
    context = of_version(endpoint.context(), TLSVersion.TLSv1_2)
    assert endpoint.shake_hands(context).version == "TLSv1.2"


def test_an_older_tls_is_refused(endpoint):
    context = of_version(endpoint.context(), TLSVersion.TLSv1_1)
    with pytest.raises(SSLError, match="ALERT_PROTOCOL_VERSION"):
        endpoint.shake_hands(context)


def test_a_renewed_certificate_is_taken_without_a_restart(lab, endpoint, authority):
    before = endpoint.shake_hands().certificate
    gateway = lab.pods(INGRESS, INGRESS)

    lab.apply([secret(NAME, authority.issue_cert(HOST))])

    until("the new certificate is served", lambda: endpoint.shake_hands().certificate != before)
    assert lab.pods(INGRESS, INGRESS) == gateway
