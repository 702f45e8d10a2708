"""A Gateway of Gateway API whose address names the Service of a gateway that is already there."""

from envoy_rig.requests import decision, received
from lab.asking import ask, until_answered
from lab.stage import remove
from weighbridge_lab.installation import INGRESS
from weighbridge_lab.lab import GATEWAY_HOST
from weighbridge_lab.pools import pool

BORROWED = {
    "api": "gateway-api",
    "gateway": {"addresses": [{"type": "Hostname", "value": GATEWAY_HOST}]},
    "tiers": {"small": {"host": "echo-borrowed"}},
}


def test_it_serves_with_the_filter_and_without_a_client_s_copies(lab, client, mesh):
    echo = pool("echo-borrowed", "small", echo=True)
    lab.apply(echo)
    try:
        mesh(BORROWED)
        until_answered("the pool echoes", lambda: "pool" in ask(client).json())
        response = ask(client, headers={"x-weighbridge-tier": "large"})
    finally:
        remove(lab, echo)

    assert decision(response) == ("small", "score")
    assert received(response, "x-weighbridge-tier") == ["small"]
    made = lab.kubectl("get", "deployments", f"--namespace={INGRESS}", "--output=name")
    assert made.split() == [f"deployment.apps/{INGRESS}"]
