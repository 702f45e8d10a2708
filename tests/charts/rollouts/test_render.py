"""What the rollouts' chart renders, as Helm renders it."""

import itertools
import json
import subprocess

import pytest
import yaml
from charts.rendering import MESH_CHART, MODELS_CHART, ROLLOUTS_CHART, render, scenarios
from weighbridge.contract import HEADER_CANARY, HEADER_TIER
from weighbridge_lab import tools

SCENARIOS = scenarios(ROLLOUTS_CHART)
POOL = "gemma-small"
AGAINST_STABLE = {"weighbridge-ttft-against-stable", "weighbridge-itl-against-stable"}
TEMPLATES = ("AnalysisTemplate", "ClusterAnalysisTemplate")


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_argo_finds_no_fault_with_a_scenario(rendered, scenario, tmp_path):
    assert _lint(rendered(scenario), tmp_path) == ""


def test_argo_would_find_a_fault(rendered, tmp_path):
    rollout = json.loads(json.dumps(rendered("default").one("Rollout", POOL)))
    rollout["spec"]["strategy"]["canary"]["dynamicStableScale"] = True

    faulty = type(rendered("default"))("", (rollout,))

    assert "dynamicStableScale cannot be used with scaleDownDelaySeconds" in _lint(faulty, tmp_path)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_first_pods_come_without_a_weight_and_the_background_watches_from_the_first_one(
    rendered, scenario
):
    for rollout in rendered(scenario).all("Rollout"):
        steps, canary = _steps(rollout), rollout["spec"]["strategy"]["canary"]

        assert steps[0] == {"setCanaryScale": {"replicas": 1}}
        first = next(index for index, step in enumerate(steps) if "setWeight" in step)
        assert canary["analysis"]["startingStep"] == first
        # The pods that were tried get the weight; from then on there are as many as it asks.
        weight = steps[first]["setWeight"]
        assert steps[first - 1] == {"setCanaryScale": {"weight": weight}}
        assert steps[first + 1] == {"setCanaryScale": {"matchTrafficWeight": True}}


@pytest.mark.parametrize(
    ("preset", "weights"),
    [
        ("cautious", [1, 5, 10, 25, 50, 100]),
        ("standard", [1, 5, 25, 50, 100]),
        ("fast", [5, 25, 100]),
    ],
)
def test_a_preset_says_the_weights_and_each_is_paused_at_and_judged(with_values, preset, weights):
    all_steps = _steps(with_values({"defaults": {"preset": preset}}).one("Rollout", POOL))
    steps = [step for step in all_steps if "setCanaryScale" not in step]
    weighed = [index for index, step in enumerate(steps) if "setWeight" in step]

    assert [steps[index]["setWeight"] for index in weighed] == weights
    for index in weighed:
        assert "duration" in steps[index + 1]["pause"]
        assert len(_names(steps[index + 2]["analysis"])) >= 4


def test_at_the_last_weight_nothing_is_compared_with_a_stable_that_nobody_asks(rendered):
    *_, before, last = _judged(_steps(rendered("default").one("Rollout", POOL)))

    assert _names(before) >= AGAINST_STABLE
    assert _names(last) == _names(before) - AGAINST_STABLE


def test_what_often_has_nothing_to_say_is_judged_in_the_background_alone(rendered):
    rollout = rendered("default").one("Rollout", POOL)
    always = _names(rollout["spec"]["strategy"]["canary"]["analysis"])

    assert always - _names(_judged(_steps(rollout))[1]) == {
        "weighbridge-ttft-tail",
        "weighbridge-throughput",
    }


def test_a_dry_run_measures_in_the_background_and_stops_no_step(with_values):
    gates = {"ttft": {"dryRun": True}, "saturation": {"dryRun": True}}
    rollout = with_values({"gates": gates}).one("Rollout", POOL)
    background = rollout["spec"]["strategy"]["canary"]["analysis"]

    assert {entry["metricName"] for entry in background["dryRun"]} == {
        "ttft-p95",
        "queue-length",
        "kv-cache-usage",
    }
    assert {"weighbridge-ttft", "weighbridge-saturation"} <= _names(background)
    for analysis in _judged(_steps(rollout))[1:]:
        assert {"weighbridge-ttft", "weighbridge-saturation"}.isdisjoint(_names(analysis))
        assert "dryRun" not in analysis


def test_all_gates_as_dry_runs_leave_steps_of_weights_and_pauses(with_values):
    chart = yaml.safe_load((ROLLOUTS_CHART / "values.yaml").read_text(encoding="utf-8"))
    dry = {name: {"dryRun": True} for name in chart["gates"] if name != "custom"}
    rollout = with_values({"gates": dry}).one("Rollout", POOL)
    steps = _steps(rollout)

    assert len(_judged(steps)) == 1  # the smoke
    assert [step["setWeight"] for step in steps if "setWeight" in step][-1] == 100


def test_a_switched_off_gate_is_neither_judged_nor_measured(with_values):
    rollouts = {POOL: {"gates": {"errors": {"enabled": False}}}}

    rendering = with_values({"rollouts": rollouts})

    assert "weighbridge-errors" not in json.dumps(rendering.one("Rollout", POOL))
    assert "weighbridge-errors" in json.dumps(rendering.one("Rollout", "llama-large"))


def test_a_pools_own_limits_go_before_the_charts(rendered):
    rollout = rendered("cautious").one("Rollout")
    arguments = _arguments(rollout["spec"]["strategy"]["canary"]["analysis"])

    assert arguments["ttft-p95-limit"] == "5"
    assert arguments["ttft-p99-limit"] == "10"


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_argument_that_a_template_needs_is_given(rendered, scenario):
    templates = {t["metadata"]["name"]: t["spec"] for t in _templates(rendered(scenario))}
    for rollout in rendered(scenario).all("Rollout"):
        background = rollout["spec"]["strategy"]["canary"]["analysis"]
        for analysis in [background, *_judged(_steps(rollout))]:
            given = _arguments(analysis)
            for name in _names(analysis):
                needed = {a["name"] for a in templates[name].get("args", ()) if "value" not in a}
                assert needed <= set(given), name


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_templates_that_share_an_argument_share_its_default(rendered, scenario):
    """Argo refuses to join them otherwise."""
    defaults = {}
    for template in _templates(rendered(scenario)):
        for argument in template["spec"]["args"]:
            value = argument.get("value")
            if value is not None and template["metadata"]["name"] != "weighbridge-smoke":
                assert defaults.setdefault(argument["name"], value) == value


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_metrics_have_names_of_their_own(rendered, scenario):
    names = [m["name"] for t in _templates(rendered(scenario)) for m in t["spec"]["metrics"]]

    assert len(names) == len(set(names))


def test_the_route_of_testers_leads_to_their_own_tier_and_is_argos_to_remove(rendered):
    for rollout in rendered("default").all("Rollout"):
        tier = rollout["metadata"]["labels"]["weighbridge.dev/tier"]
        route = next(s["setHeaderRoute"] for s in _steps(rollout) if "setHeaderRoute" in s)

        assert route["match"] == [{"headerName": HEADER_CANARY, "headerValue": {"exact": tier}}]
        assert {"name": route["name"]} in _routing(rollout)["managedRoutes"]


def test_the_routes_of_two_rollouts_are_two(rendered):
    owned = [
        {route["name"] for route in _routing(rollout)["managedRoutes"]}
        | set(_routing(rollout)["istio"]["virtualServices"][0]["routes"])
        for rollout in rendered("default").all("Rollout")
    ]

    assert all(a.isdisjoint(b) for a, b in itertools.combinations(owned, 2))


def test_a_mirror_copies_its_tiers_requests_and_ends_before_the_first_weight(rendered):
    steps = _steps(rendered("cautious").one("Rollout"))
    mirrors = [step["setMirrorRoute"] for step in steps if "setMirrorRoute" in step]
    kinds = [next(iter(step)) for step in steps]

    begun, ended = mirrors
    assert begun["match"] == [{"headers": {HEADER_TIER: {"exact": "large"}}}]
    assert ended == {"name": begun["name"]}
    last = len(kinds) - 1 - kinds[::-1].index("setMirrorRoute")
    assert last < kinds.index("setWeight")


def test_a_person_is_waited_for_before_the_weight_that_is_named(rendered):
    steps = _steps(rendered("cautious").one("Rollout"))

    assert steps[steps.index({"pause": {}}) + 1] == {"setWeight": 50}


def test_with_an_autoscaler_the_number_of_pods_is_not_ours(rendered):
    assert "replicas" not in rendered("fast").one("Rollout")["spec"]
    assert rendered("default").one("Rollout", POOL)["spec"]["replicas"] == 1


def test_an_aborted_and_a_replaced_version_stay_until_gateways_have_let_go(rendered):
    canary = rendered("default").one("Rollout", POOL)["spec"]["strategy"]["canary"]

    assert "dynamicStableScale" not in canary
    assert canary["scaleDownDelaySeconds"] >= 30
    assert canary["abortScaleDownDelaySeconds"] >= 30


def test_a_canary_that_does_not_come_up_is_aborted(rendered):
    spec = rendered("default").one("Rollout", POOL)["spec"]

    assert spec["progressDeadlineAbort"] is True
    assert spec["progressDeadlineSeconds"] > spec["minReadySeconds"]


def test_who_is_told_is_an_annotation(rendered):
    annotations = rendered("cautious").one("Rollout")["metadata"]["annotations"]

    prefix = "notifications.argoproj.io/subscribe.on-rollout-aborted"
    assert annotations[f"{prefix}.slack"] == "models;on-call"
    assert annotations[f"{prefix}.webhook"] == "pager"


def test_the_rules_of_the_operator_are_those_of_observability(rendered):
    rules = ROLLOUTS_CHART.parents[1] / "observability" / "rules" / "canary.rules.yaml"

    packed = rendered("cautious").one("PrometheusRule")

    assert packed["spec"] == yaml.safe_load(rules.read_text(encoding="utf-8"))
    assert packed["metadata"]["labels"]["release"] == "prometheus"


def test_what_a_rollout_names_is_there_in_the_other_charts(rendered):
    rollout = rendered("default").one("Rollout", POOL)
    canary, routing = rollout["spec"]["strategy"]["canary"], _routing(rollout)
    pool = render(
        MODELS_CHART, scenarios(MODELS_CHART)["default"], settings=["rollout.enabled=true"]
    )
    mesh = render(MESH_CHART, scenarios(MESH_CHART)["subsets"])
    service = mesh.one("VirtualService")
    name, namespace = routing["istio"]["virtualServices"][0]["name"].split(".")
    rule = mesh.one("DestinationRule", routing["istio"]["destinationRule"]["name"])

    assert pool.one("Deployment")["metadata"]["name"] == rollout["spec"]["workloadRef"]["name"]
    services = {service["metadata"]["name"] for service in pool.all("Service")}
    assert {canary["stableService"], canary["canaryService"]} <= services
    assert (name, namespace) == (service["metadata"]["name"], service["metadata"]["namespace"])
    assert set(routing["istio"]["virtualServices"][0]["routes"]) <= {
        route["name"] for route in service["spec"]["http"]
    }
    assert rule["metadata"]["namespace"] == rollout["metadata"]["namespace"]
    assert [subset["name"] for subset in rule["spec"]["subsets"]] == ["stable", "canary"]


def test_the_smoke_goes_through_the_gateway_as_a_tester_with_nothing_it_does_not_need(rendered):
    smoke = rendered("default").one("AnalysisTemplate", "weighbridge-smoke")
    pod = smoke["spec"]["metrics"][0]["provider"]["job"]["spec"]["template"]["spec"]
    (k6,) = pod["containers"]
    environment = {variable["name"]: variable.get("value") for variable in k6["env"]}

    assert environment["SMOKE_URL"].startswith("https://istio-ingress.istio-ingress.")
    assert environment["SMOKE_CANARY"] == "{{args.canary-header}}"
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert k6["securityContext"]["readOnlyRootFilesystem"] is True
    assert k6["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_without_a_smoke_there_is_no_job(rendered):
    assert "ConfigMap" not in rendered("fast").kinds()
    assert "weighbridge-smoke" not in rendered("fast").text


def test_an_experiment_compares_fresh_pods_of_both_versions_with_equal_weights(rendered):
    rollout = rendered("experiment").one("Rollout")
    step = next(s["experiment"] for s in _steps(rollout) if "experiment" in s)

    assert [(t["specRef"], t["weight"]) for t in step["templates"]] == [
        ("stable", 10),
        ("canary", 10),
    ]
    for analysis in step["analyses"]:
        arguments = _arguments(analysis)
        assert analysis["requiredForCompletion"] is True
        assert arguments["canary-revision"] == "{{templates.candidate.podTemplateHash}}"
        assert arguments["stable-revision"] == "{{templates.baseline.podTemplateHash}}"


def test_an_experiments_pods_have_hashes_of_their_own_and_end_by_their_gates(rendered):
    step = next(
        s["experiment"] for s in _steps(rendered("experiment").one("Rollout")) if "experiment" in s
    )

    labels = [each["metadata"]["labels"] for each in step["templates"]]
    assert labels == [{"weighbridge.dev/experiment": side} for side in ("baseline", "candidate")]
    # Pods of one that has lasted too long would go before their weights do.
    assert "duration" not in step
    assert step["scaleDownDelaySeconds"] == 15


def test_an_experiments_services_have_aliases_with_a_port_beside_the_virtualservice(rendered):
    services = rendered("experiment").all("Service")

    told = {s["metadata"]["name"]: (s["metadata"]["namespace"], s["spec"]) for s in services}
    assert told == {
        f"gemma-small-{side}": (
            "istio-ingress",
            {
                "type": "ExternalName",
                "externalName": f"gemma-small-{side}.llm.svc.cluster.local",
                "ports": [{"name": "http", "port": 8000}],
            },
        )
        for side in ("baseline", "candidate")
    }


@pytest.mark.parametrize(("settle", "expected"), [("15s", 15), ("2m", 120), ("1h", 3600)])
def test_an_experiments_pods_outlast_their_weights_by_the_time_to_settle(
    with_values, settle, expected
):
    rollouts = {POOL: {"tier": "small", "settle": settle, "experiment": {"enabled": True}}}
    rendering = with_values({"rollouts": rollouts})

    step = next(
        s["experiment"] for s in _steps(rendering.one("Rollout", POOL)) if "experiment" in s
    )
    assert step["scaleDownDelaySeconds"] == expected


def _lint(rendering, folder):
    """What Argo's own plugin says of them."""
    kinds = {"Rollout", *TEMPLATES}
    file = folder / "rollouts.yaml"
    documents = [document for document in rendering.documents if document["kind"] in kinds]
    file.write_text(yaml.safe_dump_all(documents), encoding="utf-8")
    done = subprocess.run(
        [tools.path("kubectl-argo-rollouts"), "lint", "--filename", file],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.stdout + done.stderr


def _steps(rollout):
    return rollout["spec"]["strategy"]["canary"]["steps"]


def _judged(steps):
    return [step["analysis"] for step in steps if "analysis" in step]


def _routing(rollout):
    return rollout["spec"]["strategy"]["canary"]["trafficRouting"]


def _templates(rendering):
    return [document for kind in TEMPLATES for document in rendering.all(kind)]


def _names(analysis):
    return {template["templateName"] for template in analysis["templates"]}


def _arguments(analysis):
    return {argument["name"]: argument.get("value") for argument in analysis["args"]}
