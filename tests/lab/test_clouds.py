"""The install guide's commands on each cloud, and what of a cloud's values shows here."""

import json
import re
import socket
from contextlib import closing

import pytest
import yaml
from envoy_rig.requests import EASY, chat
from lab.guide import CLOUDS, GUIDE, clouds, commands, installations
from weighbridge_lab.errors import CommandError
from weighbridge_lab.installation import INGRESS, LAB, MESH_CHART, until_rolled_out
from weighbridge_lab.waiting import until

TRIED = ("apply", "--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict")
ANY_CLOUD = CLOUDS / "gateway.yaml"
AT_ONCE = ("--grace-period=0", "--force", "--ignore-not-found", "--wait=false")
# What waits on a cloud for a load balancer to hear of a change need not here.
HASTE = {"env": {"MINIMUM_DRAIN_DURATION": "1s"}, "resources": {"requests": {"cpu": "50m"}}}
SHORTEST_MEMORY_S = 240
"""Of the load balancers in the guide: Azure's."""


@pytest.fixture
def gateway(lab):
    """Install Istio's gateway chart with other values, for one test."""

    def install(*values):
        lab.install_gateway(*values, HASTE)
        until_rolled_out(lab.cluster, INGRESS, f"deployment/{INGRESS}")

    yield install
    lab.install_gateway()
    # Helm removes the autoscaler last, and that may have asked for its two once more.
    lab.kubectl("scale", f"deployment/{INGRESS}", "--replicas=1", "--namespace", INGRESS)
    until_rolled_out(lab.cluster, INGRESS, f"deployment/{INGRESS}")
    # One that drains would be taken for the gateway by whoever reads its log; and one that had to
    # leave before its Envoy was up waits for that Envoy until its grace is over.
    serving = lab.pods(INGRESS, INGRESS)
    for leaving in set(gateway_pods(lab)) - set(serving):
        lab.kubectl("delete", "pod", leaving, "--namespace", INGRESS, *AT_ONCE)
    until("one gateway is left", lambda: len(gateway_pods(lab)) == 1)


def gateway_pods(lab):
    listed = lab.kubectl("get", "pods", "--namespace", INGRESS, "--output", "name")
    return [line.removeprefix("pod/") for line in listed.split()]


def connect(lab):
    return closing(socket.create_connection(("127.0.0.1", lab.cluster.ports["gateway"]), 20))


def log(lab, pod):
    """What a gateway wrote; nothing of one that is gone."""
    try:
        return lab.kubectl("logs", pod, "--namespace", INGRESS)
    except CommandError:
        return ""


@pytest.mark.parametrize("name", installations())
def test_what_the_guide_installs_is_accepted(lab, name):
    text = installations()[name].render()
    told = lab.kubectl(*TRIED, "-f", "-", text=text)

    objects = [document for document in yaml.safe_load_all(text) if document]
    assert told.count("serverside-applied") == len(objects) > 0


def proxy_config(path):
    """What a values file tells the gateway's proxy."""
    annotations = yaml.safe_load(path.read_text(encoding="utf-8"))["podAnnotations"]
    return yaml.safe_load(annotations["proxy.istio.io/config"])


def test_a_file_over_the_gateways_keeps_what_it_takes_the_place_of():
    over = proxy_config(CLOUDS / "eks" / "proxy-protocol.yaml")

    assert over == proxy_config(ANY_CLOUD) | {"gatewayTopology": {"proxyProtocol": {}}}


@pytest.mark.parametrize("part", ["proxyStatsMatcher", "runtimeValues"])
def test_the_labs_gateway_counts_and_sends_as_those_of_the_clouds(part):
    kept = proxy_config(LAB / "values" / "gateway.yaml")

    assert kept[part] == proxy_config(ANY_CLOUD)[part]


def test_the_guide_names_every_values_file_and_no_other():
    files = {path.relative_to(CLOUDS.parents[1]) for path in CLOUDS.rglob("*.yaml")}
    named = {word for words in commands() for word in words if word.endswith(".yaml")}
    named |= {
        path.removeprefix("../") for path in re.findall(r"\(([^)]+\.yaml)\)", GUIDE.read_text())
    }

    own = {str(path) for path in files}
    meant = {name.replace("CLOUD", cloud) for name in named for cloud in clouds()}
    assert own <= meant
    assert {name for name in named if name.startswith("mesh/clouds") and "CLOUD" not in name} <= own


def test_a_gateways_connections_are_probed_before_any_load_balancer_forgets_them(lab):
    (pod,) = gateway_pods(lab)
    with connect(lab):
        listed = until(
            "the connection is there",
            lambda: [
                line
                for line in lab.in_pod(
                    INGRESS, pod, ["ss", "-tnoH", "sport", "=", ":80"]
                ).splitlines()
                if "timer:(keepalive" in line
            ],
        )

    after = yaml.safe_load((MESH_CHART / "values.yaml").read_text())["timeouts"]["clientKeepalive"]
    assert float(after["time"].removesuffix("s")) < SHORTEST_MEMORY_S
    assert all(re.search(r"timer:\(keepalive,[0-9.]+(sec|ms)", line) for line in listed)


def test_a_request_in_flight_outlives_its_gateway(lab, gateway):
    gateway(ANY_CLOUD)
    told = json.loads(lab.ask_envoy("/server_info"))["command_line_options"]
    assert told["drain_time"] == "630s"
    body = json.dumps(chat(EASY, max_tokens=4)).encode()
    head = (
        "POST /v1/chat/completions HTTP/1.1\r\nhost: llm.example.com\r\nconnection: close\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    with connect(lab) as client:
        client.sendall(head.encode() + body[:10])
        before = set(gateway_pods(lab))
        lab.kubectl("rollout", "restart", f"deployment/{INGRESS}", "--namespace", INGRESS)
        until(
            "a gateway that was told to leave stays for its request",
            lambda: any("There are still 1 active connections" in log(lab, pod) for pod in before),
        )
        client.sendall(body[10:])
        answer = client.makefile("rb").read()

    assert answer.startswith(b"HTTP/1.1 200 OK")
    until("it leaves then", lambda: not before & set(gateway_pods(lab)))


def test_a_cloud_asks_nodes_for_their_health_and_finds_no_port_beyond_http(lab, gateway):
    gateway(ANY_CLOUD, CLOUDS / "gke" / "gateway.yaml")

    service = lab.get("service", INGRESS, INGRESS)["spec"]
    assert service["externalTrafficPolicy"] == "Local"
    assert service["healthCheckNodePort"] > 0
    assert [port["port"] for port in service["ports"]] == [80, 443]


def test_the_clients_address_is_read_from_the_proxy_protocol_alone(lab, gateway):
    gateway(ANY_CLOUD, CLOUDS / "eks" / "gateway.yaml", CLOUDS / "eks" / "proxy-protocol.yaml")
    request = b"GET /v1/models HTTP/1.1\r\nhost: llm.example.com\r\nconnection: close\r\n\r\n"

    with connect(lab) as client:
        client.sendall(b"PROXY TCP4 203.0.113.7 198.51.100.1 40000 80\r\n" + request)
        assert client.makefile("rb").read().startswith(b"HTTP/1.1 200 OK")
    with connect(lab) as client:
        client.sendall(request)
        assert client.makefile("rb").read() == b""
    until(
        "the log has the client's address",
        lambda: any('"client":"203.0.113.7"' in log(lab, pod) for pod in gateway_pods(lab)),
    )
