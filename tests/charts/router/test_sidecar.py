"""Mode sidecar, as far as charts go: Istio's own gateway chart takes the values that ours makes."""

import pytest
import yaml
from charts.rendering import ROUTER_CHART, containers, render, scenarios
from weighbridge_lab.module_files import module_files
from weighbridge_lab.tools import project_toolbox

NAME = "weighbridge-router"
SOCKET = "/var/run/weighbridge/ext_proc.sock"


@pytest.fixture(scope="module")
def rendering():
    return render(ROUTER_CHART, scenarios(ROUTER_CHART)["sidecar"], namespace="istio-ingress")


@pytest.fixture(scope="module")
def gateway(rendering, tmp_path_factory):
    """The gateway's Deployment, by Istio's chart with these values."""
    values = tmp_path_factory.mktemp("gateway") / "values.yaml"
    text = rendering.one("ConfigMap", f"{NAME}-gateway-values")["data"]["values.yaml"]
    values.write_text(text, encoding="utf-8")
    chart = module_files(project_toolbox()).istio_gateway
    return render(chart, values, name="istio-ingress", namespace="istio-ingress").one("Deployment")


def test_nothing_but_configuration_is_rendered(rendering):
    assert set(rendering.kinds()) == {"ConfigMap", "PodMonitor"}


def test_the_router_listens_on_a_socket_alone_and_waits_for_nobody(rendering):
    listen = yaml.safe_load(rendering.one("ConfigMap", NAME)["data"]["settings.yaml"])["listen"]

    assert listen["address"] is None
    assert listen["unix_socket"] == SOCKET
    assert listen["drain_delay_s"] == 0


def test_the_router_starts_before_envoy_and_ends_after_it(gateway):
    first, second = containers(gateway)

    assert (first["name"], first["restartPolicy"]) == (NAME, "Always")
    assert second["name"] == "istio-proxy"
    assert first["startupProbe"]["exec"]["command"][-1] == SOCKET


def test_a_router_that_fails_does_not_take_the_gateway_out_of_service(gateway):
    assert "readinessProbe" not in next(containers(gateway))


def test_both_see_the_socket_and_only_the_router_can_put_it_there(gateway):
    router, envoy = (
        {mount["name"]: mount for mount in container["volumeMounts"]}["weighbridge-socket"]
        for container in containers(gateway)
    )

    assert router["mountPath"] == envoy["mountPath"] == SOCKET.rpartition("/")[0]
    assert "readOnly" not in router
    assert envoy["readOnly"] is True


def test_the_router_is_the_user_that_istio_gives_envoy(gateway):
    context = next(containers(gateway))["securityContext"]

    assert (context["runAsUser"], context["runAsGroup"]) == (1337, 1337)
    assert context["readOnlyRootFilesystem"] is True
    assert context["capabilities"] == {"drop": ["ALL"]}


def test_every_mount_has_its_volume(gateway):
    pod = gateway["spec"]["template"]["spec"]
    mounted = {mount["name"] for c in containers(gateway) for mount in c["volumeMounts"]}

    assert mounted == {volume["name"] for volume in pod["volumes"]}


def test_the_pod_monitor_finds_the_gateways_pods(rendering, gateway):
    selected = rendering.one("PodMonitor")["spec"]["selector"]["matchLabels"]

    assert selected.items() <= gateway["spec"]["template"]["metadata"]["labels"].items()
    assert selected.items().isdisjoint(gateway["spec"]["selector"]["matchLabels"].items())
