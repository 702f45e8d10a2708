"""What the router's chart renders, as Helm renders it."""

import pytest
from charts.rendering import (
    ROUTER_CHART,
    containers,
    render,
    scenarios,
)
from weighbridge.cli import app
from weighbridge.errors import SettingsError
from weighbridge.settings import load_settings

SCENARIOS = scenarios(ROUTER_CHART)
SERVICE_SCENARIOS = sorted(set(SCENARIOS) - {"sidecar"})
NAME = "weighbridge-router"
METER = f"{NAME}-meter"
# Everything that runs, by scenario and name.
WORKLOADS = [*((scenario, NAME) for scenario in SERVICE_SCENARIOS), ("metered", METER)]


def test_the_name_of_the_release_goes_before_that_of_the_chart():
    other = render(ROUTER_CHART, name="blue")

    assert other.one("Deployment")["metadata"]["name"] == f"blue-{NAME}"
    assert other.one("Service")["spec"]["selector"]["app.kubernetes.io/instance"] == "blue"


def test_a_tier_added_by_values_keeps_its_place_in_the_order(rendered, tmp_path):
    file = tmp_path / "settings.yaml"
    file.write_text(_settings(rendered("three-tiers")), encoding="utf-8")

    assert list(load_settings(file).tiers) == ["small", "code", "large"]


@pytest.mark.parametrize(
    "values",
    [
        {"settings": {"policy": {"threshold": 0.8}}},
        {"settings": {"limits": {"body_bytes": 1_000_000}}},
        {"settings": {"log": {"decision_sample": 0.1}}},
        {"settings": {"reload": {"interval_s": 5}}},
        {"tierOrder": ["large", "small"]},
    ],
    ids=str,
)
def test_what_the_router_reads_again_rolls_no_pod(rendered, with_values, values):
    before, after = rendered("default"), with_values(values)

    assert _settings(after) != _settings(before)
    assert after.one("Deployment") == before.one("Deployment")


@pytest.mark.parametrize(
    "values",
    [
        {"settings": {"listen": {"max_streams": 5}}},
        {"settings": {"listen": {"drain_timeout_s": 10.5}}},
        {"settings": {"log": {"level": "debug"}}},
        {"settings": {"tracing": {"enabled": True, "endpoint": "http://collector:4318"}}},
        {"tls": {"existingSecret": "a"}, "istio": {"inject": False}},
        {"hashKey": {"existingSecret": "a"}},
    ],
    ids=str,
)
def test_what_the_router_takes_at_its_start_rolls_the_pods(rendered, with_values, values):
    before, after = rendered("default"), with_values(values)

    assert (
        after.one("Deployment")["spec"]["template"] != before.one("Deployment")["spec"]["template"]
    )


@pytest.mark.parametrize(
    ("delay", "timeout", "grace"),
    [(2, 10, 17), (0, 0, 5), (5.5, 10, 21), (0.1, 0.2, 6), (30, 3600, 3635)],
)
def test_the_grace_outlasts_the_drain(with_values, delay, timeout, grace):
    listen = {"drain_delay_s": delay, "drain_timeout_s": timeout}

    pod = _pod(with_values({"settings": {"listen": listen}}))

    assert pod["terminationGracePeriodSeconds"] == grace


@pytest.mark.parametrize(("scenario", "name"), WORKLOADS)
def test_the_pod_passes_the_restricted_pod_security_standard(rendered, scenario, name):
    deployment = rendered(scenario).one("Deployment", name)
    pod = deployment["spec"]["template"]["spec"]

    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsUser"] == pod["securityContext"]["runAsGroup"] == 65532
    for container in containers(deployment):
        _assert_confined(container["securityContext"])


def test_the_service_account_has_no_token(rendered):
    assert rendered("default").one("ServiceAccount")["automountServiceAccountToken"] is False


@pytest.mark.parametrize(("scenario", "name"), WORKLOADS)
def test_all_that_selects_the_pods_selects_these_and_no_others(rendered, scenario, name):
    rendering = rendered(scenario)
    deployments = rendering.all("Deployment")
    paths = {
        "Deployment": ("selector", "matchLabels"),
        "Service": ("selector",),
        "NetworkPolicy": ("podSelector", "matchLabels"),
    }
    if name == NAME:
        paths["PodDisruptionBudget"] = ("selector", "matchLabels")

    for kind, path in paths.items():
        selected = rendering.one(kind, name)["spec"]
        for step in path:
            selected = selected[step]
        chosen = [
            each["metadata"]["name"]
            for each in deployments
            if selected.items() <= each["spec"]["template"]["metadata"]["labels"].items()
        ]
        assert chosen == [name], kind


@pytest.mark.parametrize(("scenario", "name"), WORKLOADS)
def test_ports_that_are_named_are_there(rendered, scenario, name):
    rendering = rendered(scenario)
    runs = containers(rendering.one("Deployment", name))
    there = {port["name"] for container in runs for port in container["ports"]}
    rules = rendering.one("NetworkPolicy", name)["spec"]["ingress"]

    assert {port["targetPort"] for port in rendering.one("Service", name)["spec"]["ports"]} == there
    assert {port["port"] for rule in rules for port in rule["ports"]} == there


def test_the_meter_takes_its_words(rendered):
    (meter,) = containers(rendered("metered").one("Deployment", METER))

    with pytest.raises(SettingsError, match="expected a folder of YAML files"):
        # All of them are understood; only the volume with the prices is not here.
        app(meter["args"], standalone_mode=False)


def test_the_meter_runs_beside_a_router_that_is_a_sidecar(with_values):
    rendering = with_values({"mode": "sidecar", "meter": {"enabled": True}})
    pod = rendering.one("Deployment", METER)["spec"]["template"]["spec"]

    assert pod["serviceAccountName"] == rendering.one("ServiceAccount")["metadata"]["name"]
    assert "ServiceAccount" not in with_values({"mode": "sidecar"}).kinds()


def test_spans_may_leave_for_the_collector_and_for_nobody_else(with_values):
    tracing = {"enabled": True, "endpoint": "https://collector.observability/otlp"}
    values = {"settings": {"tracing": tracing}, "istio": {"inject": False}}
    to, *dns = with_values(values).one("NetworkPolicy")["spec"]["egress"]

    assert (_namespaces_to(to), to["ports"]) == (
        ["observability"],
        [{"protocol": "TCP", "port": 443}],
    )
    assert [_namespaces_to(rule) for rule in dns] == [["kube-system"]]


def test_another_address_moves_ports_and_probes(with_values):
    (router,) = containers(
        with_values({"settings": {"listen": {"address": "[::]:9102"}}}).one("Deployment")
    )

    assert router["ports"][0]["containerPort"] == 9102
    assert {router[probe]["grpc"]["port"] for probe in router if probe.endswith("Probe")} == {9102}


def test_only_the_gateway_may_ask_only_monitoring_may_scrape_and_nothing_may_leave(rendered):
    policy = rendered("plain").one("NetworkPolicy")["spec"]

    assert [(_namespaces(rule), rule["ports"][0]["port"]) for rule in policy["ingress"]] == [
        (["istio-ingress"], "grpc-ext-proc"),
        (["monitoring"], "http-metrics"),
    ]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert policy["egress"] == []


def test_an_injected_proxy_may_reach_istiod_and_dns_alone(rendered):
    rules = rendered("default").one("NetworkPolicy")["spec"]["egress"]

    assert [
        (rule["to"][0]["namespaceSelector"]["matchLabels"], rule["ports"][0]["port"])
        for rule in rules
    ] == [
        ({"kubernetes.io/metadata.name": "istio-system"}, 15012),
        ({"kubernetes.io/metadata.name": "kube-system"}, 53),
    ]


def test_settings_are_mounted_as_a_folder_so_that_they_can_be_read_again(rendered):
    (router,) = containers(rendered("default").one("Deployment"))
    (mount,) = router["volumeMounts"]

    assert "subPath" not in mount
    assert router["args"] == ["serve", "--config", mount["mountPath"] + "/settings.yaml"]


def test_autoscaling_takes_the_number_of_pods_away_from_the_deployment(rendered):
    assert "replicas" not in rendered("production").one("Deployment")["spec"]
    assert rendered("production").one("HorizontalPodAutoscaler")["spec"]["minReplicas"] == 3


def test_with_tls_no_probe_speaks_grpc_and_the_program_they_run_is_there(rendered):
    rendering = rendered("tls")
    (router,) = containers(rendering.one("Deployment"))
    probes = {name: router[name] for name in router if name.endswith("Probe")}

    assert len(probes) == 3
    assert not any("grpc" in probe for probe in probes.values())
    assert probes["readinessProbe"]["exec"]["command"][2] == "/etc/weighbridge/probe.py"
    assert "weighbridge_ready" in rendering.one("ConfigMap")["data"]["probe.py"]


def _assert_confined(context):
    assert context["allowPrivilegeEscalation"] is False
    assert context["capabilities"] == {"drop": ["ALL"]}
    assert context["readOnlyRootFilesystem"] is True
    assert context["runAsNonRoot"] is True
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}


def _namespaces_to(rule):
    return [
        each["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]
        for each in rule["to"]
    ]


def _pod(rendering):
    return rendering.one("Deployment")["spec"]["template"]["spec"]


def _settings(rendering):
    return rendering.one("ConfigMap", NAME)["data"]["settings.yaml"]


def _namespaces(rule):
    return [
        peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]
        for peer in rule["from"]
    ]
