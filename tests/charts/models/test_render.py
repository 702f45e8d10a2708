"""What the pools' chart renders, as Helm renders it."""

from itertools import takewhile

import pytest
import yaml
from charts.rendering import MODELS_CHART, HelmError, containers, render, scenarios
from weighbridge.catalog import load_catalog
from weighbridge.settings import Settings
from weighbridge_simulator.vllm_flags import translate

SCENARIOS = scenarios(MODELS_CHART)
PRESETS = sorted((MODELS_CHART / "presets").glob("*.yaml"))
POOL = "gemma-small"
TOKEN = "huggingFace.existingSecret=token"


@pytest.mark.parametrize("name", ["9b", "gemma.small", "a" * 53])
def test_a_release_that_can_name_no_service_is_refused(name):
    with pytest.raises(HelmError, match="the release's name"):
        render(MODELS_CHART, SCENARIOS["default"], name=name, settings=["rollout.enabled=true"])


def test_every_model_of_the_catalog_has_a_preset():
    assert {path.stem for path in PRESETS} == set(load_catalog())


@pytest.mark.parametrize("path", PRESETS, ids=lambda path: path.stem)
def test_a_preset_serves_its_model_and_fits(path):
    rendering = render(MODELS_CHART, path, settings=[TOKEN])

    assert _served_names(rendering)[0] == path.stem


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_services_are_those_that_mesh_and_rollout_name(rendered, scenario):
    with_rollout = _values(scenario).get("rollout", {}).get("enabled")
    expected = [POOL, *([f"{POOL}-stable", f"{POOL}-canary"] if with_rollout else [])]
    services = rendered(scenario).all("Service")

    assert [service["metadata"]["name"] for service in services] == expected
    for service in services:
        assert service["spec"]["selector"] == {"app.kubernetes.io/name": POOL}
        (port,) = service["spec"]["ports"]
        assert (port["name"], port["port"], port["targetPort"]) == ("http", 8000, "http")


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_who_scales_alone_says_how_many(rendered, scenario):
    values = _values(scenario)
    scaled = "autoscaling" in values or values.get("rollout", {}).get("enabled")

    assert ("replicas" in rendered(scenario).one("Deployment", POOL)["spec"]) is not bool(scaled)


@pytest.mark.parametrize(
    ("scenario", "kind", "target"),
    [
        ("large", "ScaledObject", ("argoproj.io/v1alpha1", "Rollout", POOL)),
        ("spot", "ScaledObject", ("apps/v1", "Deployment", POOL)),
        ("hpa", "HorizontalPodAutoscaler", ("argoproj.io/v1alpha1", "Rollout", POOL)),
    ],
)
def test_the_autoscaler_scales_what_makes_the_pods(rendered, scenario, kind, target):
    reference = rendered(scenario).one(kind)["spec"]["scaleTargetRef"]

    assert (reference["apiVersion"], reference["kind"], reference["name"]) == target


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_all_that_selects_the_pods_selects_these_and_no_placeholder(rendered, scenario):
    rendering = rendered(scenario)
    labels = _template(rendering)["metadata"]["labels"]
    selectors = [
        *(d["spec"]["selector"] for d in rendering.all("Service")),
        *(d["spec"]["selector"]["matchLabels"] for d in rendering.all("PodDisruptionBudget")),
        *(d["spec"]["selector"]["matchLabels"] for d in rendering.all("PodMonitor")),
        *(d["spec"]["podSelector"]["matchLabels"] for d in _policies(rendering)),
    ]

    assert selectors
    for selected in selectors:
        assert selected.items() <= labels.items()
        for other in rendering.all("Deployment"):
            if other["metadata"]["name"] != POOL:
                assert not selected.items() <= _labels(other).items()


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_pod_passes_the_restricted_pod_security_standard(rendered, scenario):
    for deployment in rendered(scenario).all("Deployment"):
        pod = deployment["spec"]["template"]["spec"]
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        for container in containers(deployment):
            context = container["securityContext"]
            assert context["allowPrivilegeEscalation"] is False
            assert context["readOnlyRootFilesystem"] is True
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert context["seccompProfile"] == {"type": "RuntimeDefault"}


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_mount_has_its_volume(rendered, scenario):
    pod = _template(rendered(scenario))["spec"]
    mounts = {
        m["name"]
        for c in containers(rendered(scenario).one("Deployment", POOL))
        for m in c["volumeMounts"]
    }

    assert mounts == {volume["name"] for volume in pod["volumes"]}


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_vllm_only_reads_the_weights_and_never_sees_the_token(rendered, scenario):
    vllm = _vllm(rendered(scenario))
    mounts = {mount["name"]: mount for mount in vllm["volumeMounts"]}

    assert mounts["weights"] == {"name": "weights", "mountPath": "/models", "readOnly": True}
    assert {"name": "HF_HUB_OFFLINE", "value": "1"} in vllm["env"]
    assert "HF_TOKEN" not in {variable["name"] for variable in vllm["env"]}


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_cache_of_every_library_is_on_a_volume(rendered, scenario):
    places = {e["name"]: e.get("value", "") for e in _vllm(rendered(scenario))["env"]}

    for name in ("HOME", "HF_HOME", "VLLM_CACHE_ROOT", "TRITON_CACHE_DIR", "XDG_CACHE_HOME"):
        assert places[name].startswith("/var/cache/weighbridge")


def test_the_pool_answers_to_every_alias_of_the_routers_own(rendered):
    names = _served_names(rendered("default"))

    assert names[:3] == ["gemma-2-9b-it", POOL, "weighbridge/small"]
    assert set(Settings().policy.aliases) <= set(names)


@pytest.mark.parametrize(
    ("values", "argument"),
    [
        ({"precision": "bf16", "gpu": {"type": "nvidia-l40s"}}, "--dtype=bfloat16"),
        ({"precision": "fp8"}, "--quantization=fp8_per_tensor"),
        ({"vllm": {"maxModelLen": 4096}}, "--max-model-len=4096"),
        ({}, "--max-model-len=8192"),
        ({"vllm": {"maxNumSeqs": 12}}, "--max-num-seqs=12"),
        ({"vllm": {"maxNumBatchedTokens": 512}}, "--max-num-batched-tokens=512"),
        ({"vllm": {"gpuMemoryUtilization": 0.85}}, "--gpu-memory-utilization=0.85"),
        ({"gpu": {"count": 4}}, "--tensor-parallel-size=4"),
        ({"vllm": {"kvCacheDtype": "fp8"}}, "--kv-cache-dtype=fp8"),
        ({"vllm": {"prefixCaching": False}}, "--no-enable-prefix-caching"),
        ({"drain": {"timeoutSeconds": 60}}, "--shutdown-timeout=60"),
        ({"spot": {"enabled": True, "cloud": "aks"}}, "--shutdown-timeout=23"),
        ({"vllm": {"chatTemplate": "x"}}, "--chat-template=/etc/weighbridge/chat_template.jinja"),
        (
            {"vllm": {"speculative": {"method": "ngram", "num_speculative_tokens": 4}}},
            '--speculative-config={"method":"ngram","num_speculative_tokens":4}',
        ),
    ],
    ids=str,
)
def test_a_value_becomes_the_argument_of_vllms(with_values, values, argument):
    assert argument in _vllm(with_values(values))["args"]


@pytest.mark.parametrize("values", [{"repository": "ours/gemma-fp8"}], ids=str)
def test_weights_that_are_quantized_say_so_themselves(with_values, values):
    arguments = _vllm(with_values(values))["args"]

    assert arguments[0] == "/models/ours/gemma-fp8"
    assert not any(word.startswith(("--quantization", "--dtype")) for word in arguments)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_simulator_knows_every_argument_for_vllms(rendered, scenario):
    translation = translate(_vllm(rendered(scenario))["args"])
    flags = {word.partition("=")[0] for word in translation.arguments if word.startswith("-")}

    assert flags <= {
        *("--served-model-name", "--host", "--port", "--max-model-len", "--max-num-seqs"),
        *("--prefix-caching", "--no-prefix-caching", "--drain-seconds"),
    }


@pytest.mark.parametrize(
    ("drain", "spot", "grace"),
    [
        ({}, {}, 315),
        ({"delaySeconds": 10, "timeoutSeconds": 60}, {}, 80),
        ({}, {"enabled": True}, 5 + 8 + 10),
        ({}, {"enabled": True, "cloud": "eks"}, 5 + 113 + 10),
        ({"timeoutSeconds": 20}, {"enabled": True, "cloud": "eks"}, 35),
        ({}, {"enabled": True, "noticeSeconds": 60}, 5 + 53 + 10),
    ],
    ids=str,
)
def test_the_grace_outlasts_the_drain_and_the_drain_the_notice(with_values, drain, spot, grace):
    pod = _template(with_values({"drain": drain, "spot": spot}))["spec"]

    assert pod["terminationGracePeriodSeconds"] == grace


def test_no_probe_but_the_warm_up_decides_when_the_pod_has_started(rendered):
    vllm = _vllm(rendered("default"))

    assert vllm["startupProbe"]["exec"]["command"][:2] == ["python3", "/etc/weighbridge/warm_up.py"]
    assert vllm["startupProbe"]["timeoutSeconds"] > 60
    assert {vllm[name]["httpGet"]["path"] for name in ("readinessProbe", "livenessProbe")} == {
        "/health"
    }


def test_a_canary_with_another_template_leaves_stables_alone(with_values):
    values = {"rollout": {"enabled": True}}
    stable = with_values(values).one("ConfigMap")
    canary = with_values({**values, "vllm": {"chatTemplate": "other"}}).one("ConfigMap")

    assert stable["metadata"]["name"] != canary["metadata"]["name"]
    assert stable["immutable"] is True
    assert stable["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"


def test_a_pool_without_a_rollout_leaves_no_config_map_behind(rendered):
    assert "annotations" not in rendered("default").one("ConfigMap")["metadata"]


@pytest.mark.parametrize(
    ("scenario", "label", "values"),
    [
        ("default", "nvidia.com/gpu.product", ["NVIDIA-L4"]),
        ("large", "nvidia.com/gpu.product", ["NVIDIA-H100-80GB-HBM3", "NVIDIA-H100-PCIe"]),
        ("spot", "cloud.google.com/gke-accelerator", ["nvidia-l40s"]),
        ("own-model", "example.com/gpu", ["ours"]),
    ],
)
def test_the_pods_go_to_nodes_of_their_gpu(rendered, scenario, label, values):
    affinity = _template(rendered(scenario))["spec"]["affinity"]["nodeAffinity"]
    (term,) = affinity["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]

    assert term["matchExpressions"] == [{"key": label, "operator": "In", "values": values}]


def test_nodes_known_by_several_labels_need_one_of_them(with_values):
    labels = {"cloud.google.com/gke-accelerator": ["nvidia-l4"], "node.kubernetes.io/gpu": ["l4"]}
    pod = _template(with_values({"gpu": {"nodeLabels": labels}}))["spec"]
    terms = pod["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]

    assert [t["matchExpressions"][0]["key"] for t in terms["nodeSelectorTerms"]] == sorted(labels)


def test_without_a_gpu_none_is_asked_for(rendered):
    pod = _template(rendered("cpu"))["spec"]

    assert "affinity" not in pod
    assert "tolerations" not in pod
    assert "nvidia.com/gpu" not in _vllm(rendered("cpu"))["resources"]["limits"]


def test_a_placeholder_asks_for_what_a_pod_does_on_the_same_nodes(rendered):
    rendering = rendered("spot")
    placeholder = rendering.one("Deployment", f"{POOL}-placeholder")
    (container,) = containers(placeholder)
    theirs, ours = placeholder["spec"]["template"]["spec"], _template(rendering)["spec"]
    class_ = rendering.one("PriorityClass")

    assert container["resources"] == _vllm(rendering)["resources"]
    assert theirs["affinity"] == ours["affinity"]
    assert theirs["tolerations"] == ours["tolerations"]
    assert theirs["priorityClassName"] == class_["metadata"]["name"]
    assert class_["value"] < 0


@pytest.mark.parametrize(
    ("activation", "metric"),
    [("gateway", "envoy_cluster_upstream_rq_completed"), ("router", "weighbridge_decisions_total")],
)
def test_an_empty_pool_is_woken_by_a_counter_that_is_not_its_own(with_values, activation, metric):
    values = {"kind": "keda", "minReplicas": 0, "keda": {"activation": activation}}
    triggers = _triggers(with_values({"autoscaling": values}))

    assert metric in triggers["activation"]["query"]
    assert all(t["query"].endswith("or vector(0)") for t in triggers.values())


def test_a_pool_that_is_never_empty_takes_no_data_for_an_error(rendered):
    triggers = _triggers(rendered("large"))

    assert set(triggers) == {"waiting", "kv-cache", "running"}
    for metadata in triggers.values():
        assert metadata["ignoreNullValues"] == "false"
        assert "vector" not in metadata["query"]
        assert '{namespace="llm",pool="gemma-small"}' in metadata["query"]


@pytest.mark.parametrize(
    ("places", "share", "target"),
    [(256, 0.8, "204.8"), (10, 0.7, "7"), (64, 1, "64"), (100, 0.333, "33.3")],
)
def test_pods_are_as_full_as_a_share_of_their_places_says(with_values, places, share, target):
    values = {"vllm": {"maxNumSeqs": places}, "autoscaling": {"maxNumSeqsUsage": share}}
    by_keda = _triggers(with_values(_scaled(values, "keda")))
    by_hpa = _targets(with_values(_scaled(values, "hpa")))

    assert by_keda["running"]["threshold"] == by_hpa["vllm_num_requests_running"] == target


@pytest.mark.parametrize("kind", ["hpa", "keda"])
def test_places_that_are_not_looked_at_leave_the_two_other_metrics(with_values, kind):
    rendering = with_values(_scaled({"autoscaling": {"maxNumSeqsUsage": 0}}, kind))
    names = {"hpa": _targets, "keda": _triggers}[kind](rendering)

    assert not [name for name in names if "running" in name]
    assert len(names) == 2


def test_metrics_get_the_labels_that_gates_go_by(rendered):
    (endpoint,) = rendered("large").one("PodMonitor")["spec"]["podMetricsEndpoints"]
    sources = {r["targetLabel"]: r["sourceLabels"] for r in endpoint["relabelings"]}

    assert sources["pool"] == ["__meta_kubernetes_pod_label_app_kubernetes_io_name"]
    assert sources["tier"] == ["__meta_kubernetes_pod_label_weighbridge_dev_tier"]
    assert sources["revision"] == ["__meta_kubernetes_pod_label_rollouts_pod_template_hash"]


def test_merged_metrics_are_announced_to_istios_agent(rendered):
    annotations = _template(rendered("large"))["metadata"]["annotations"]

    assert annotations["prometheus.io/port"] == "8000"
    assert "prometheus.io/port" not in _template(rendered("hpa"))["metadata"]["annotations"]


def test_only_gateway_and_monitoring_come_in_and_only_a_download_goes_out(rendered):
    default, large = (
        rendered(name).one("NetworkPolicy", POOL)["spec"] for name in ("default", "large")
    )

    assert [_namespace(rule["from"]) for rule in default["ingress"]] == [
        "istio-ingress",
        "monitoring",
    ]
    assert [rule["ports"][0]["port"] for rule in default["egress"]] == [15012, 53, 443]
    assert [rule["ports"][0]["port"] for rule in large["egress"]] == [15012, 53]


@pytest.mark.parametrize(
    ("values", "gib"),
    [
        # 8,030,261,248 parameters in 16 bits: 14.96 GiB, and a quarter more.
        ({"model": "llama-3.1-8b-instruct"}, 19),
        ({"model": "llama-3.1-8b-instruct", "weights": {"sizeGiB": 70}}, 70),
        # Its own repository has 8 bits: embeddings stay in 16.
        ({"model": "llama-3.1-8b-instruct", "repository": "ours/fp8"}, 11),
    ],
    ids=str,
)
def test_a_volume_holds_the_weights_as_they_are_published(with_values, values, gib):
    serving = {"maxModelLen": 8192}
    rendering = with_values({**values, "vllm": serving})
    (volume,) = [v for v in _template(rendering)["spec"]["volumes"] if v["name"] == "weights"]

    assert volume["emptyDir"]["sizeLimit"] == f"{gib}Gi"
    assert _vllm(rendering)["resources"]["requests"]["ephemeral-storage"] == f"{gib + 2}Gi"


def test_who_passes_own_annotations_keeps_the_charts(with_values):
    rendering = with_values({"podAnnotations": {"weighbridge.dev/precision": "mine", "a": "b"}})
    annotations = _template(rendering)["metadata"]["annotations"]

    assert (annotations["weighbridge.dev/precision"], annotations["a"]) == ("mine", "b")
    assert "EXIT_ON_ZERO_ACTIVE_CONNECTIONS" in annotations["proxy.istio.io/config"]


def _values(scenario):
    return yaml.safe_load(SCENARIOS[scenario].read_text(encoding="utf-8"))


def _policies(rendering):
    return [d for d in rendering.all("NetworkPolicy") if d["metadata"]["name"] == POOL]


def _template(rendering):
    return rendering.one("Deployment", POOL)["spec"]["template"]


def _labels(deployment):
    return deployment["spec"]["template"]["metadata"]["labels"]


def _vllm(rendering):
    (vllm,) = [c for c in containers(rendering.one("Deployment", POOL)) if c["name"] == "vllm"]
    return vllm


def _served_names(rendering):
    words = iter(_vllm(rendering)["args"])
    assert "--served-model-name" in words
    return list(takewhile(lambda word: not word.startswith("--"), words))


def _scaled(values, kind):
    return {**values, "autoscaling": {"kind": kind, **values["autoscaling"]}}


def _targets(rendering):
    metrics = rendering.one("HorizontalPodAutoscaler")["spec"]["metrics"]
    return {m["pods"]["metric"]["name"]: m["pods"]["target"]["averageValue"] for m in metrics}


def _triggers(rendering):
    triggers = rendering.one("ScaledObject")["spec"]["triggers"]
    return {trigger["name"]: trigger["metadata"] for trigger in triggers}


def _namespace(peers):
    (peer,) = peers
    return peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]
