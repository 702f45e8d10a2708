"""k6's suites in a cluster: as a Job, and as a TestRun of the k6-operator.

The operator is not among the lab's programmes, as the module proxy serves none of its versions.
So pods are made here of a TestRun's fields, as the operator makes them, and these are real.
"""

import pytest
import yaml
from lab.stage import remove
from weighbridge_lab.errors import CommandError
from weighbridge_lab.installation import REPOSITORY
from weighbridge_lab.waiting import until

LLM = "llm"
TRIED = ("apply", "--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict")
CONFIG_MAPS = ["ConfigMap", "ConfigMap"]
SUITE = "smoke.js"
# What the operator has the shell of the initializer do, and its runners.
ARCHIVED = f"/tmp/{SUITE}.archived.tar"
ARCHIVE = (
    f"k6 archive /test/{SUITE} -O {ARCHIVED} && k6 inspect --execution-requirements {ARCHIVED}"
)
RUN = ["k6", "run", "--quiet", "--no-usage-report", f"/test/{SUITE}", "--address=0.0.0.0:6565"]
ENDED = {"Succeeded", "Failed"}


def manifests_of(lab, folder):
    """What `kubectl apply --kustomize` of a folder sends."""
    text = lab.kubectl("kustomize", str(REPOSITORY / "tests" / folder))
    return list(yaml.safe_load_all(text))


@pytest.fixture
def made(lab):
    """A TestRun's spec; the ConfigMaps that it names are applied."""
    every = manifests_of(lab, "k6_operator")
    maps = [each for each in every if each["kind"] == "ConfigMap"]
    for each in maps:
        each["metadata"]["namespace"] = LLM
        if "settings" in each["metadata"]["name"]:
            each["data"] |= {"ITERATIONS": "2"}
    lab.apply(maps)
    (test_run,) = (each for each in every if each["kind"] == "TestRun")
    yield test_run["spec"]
    remove(lab, maps)


def pod_of(spec, part, name, command):
    """A pod of one of a TestRun's parts, by the names that its fields have in a pod."""
    fields = spec[part]
    script = {"name": "k6-test-volume", "configMap": {"name": spec["script"]["configMap"]["name"]}}
    mount = {"name": "k6-test-volume", "mountPath": "/test"}
    container = {
        "name": "k6",
        "image": fields.get("image", "the-operators/starter"),
        "command": command,
        "volumeMounts": [mount, *fields.get("volumeMounts", [])],
        "securityContext": fields.get("containerSecurityContext", {}),
    } | {name: fields[name] for name in ("envFrom", "resources") if name in fields}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": LLM, **fields["metadata"]},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": fields["automountServiceAccountToken"] == "true",
            "securityContext": fields["securityContext"],
            "volumes": [script, *fields.get("volumes", [])],
            "containers": [container],
        },
    }


def test_the_api_server_takes_the_job_and_what_it_mounts(lab):
    manifests = manifests_of(lab, "k6")

    told = lab.kubectl(*TRIED, f"--namespace={LLM}", "-f", "-", text=yaml.safe_dump_all(manifests))

    assert sorted(each["kind"] for each in manifests) == [*CONFIG_MAPS, "Job"]
    assert told.count("serverside-applied") == len(manifests)


def test_a_test_run_stands_in_the_jobs_place_and_names_what_is_made_beside_it(lab):
    job, test_run = (manifests_of(lab, folder) for folder in ("k6", "k6_operator"))
    names = [each["metadata"]["name"] for each in test_run if each["kind"] == "ConfigMap"]
    (spec,) = (each["spec"] for each in test_run if each["kind"] == "TestRun")
    (settings,) = spec["runner"]["envFrom"]

    assert sorted(each["kind"] for each in test_run) == [*CONFIG_MAPS, "TestRun"]
    assert [each for each in job if each["kind"] == "ConfigMap"] == test_run[: len(names)]
    assert {spec["script"]["configMap"]["name"], settings["configMapRef"]["name"]} == set(names)


@pytest.mark.parametrize("part", ["runner", "starter"])
def test_its_pods_fields_are_kubernetes_and_within_the_restricted_standard(lab, made, part):
    pod = pod_of(made, part, "tried", RUN)

    told = lab.kubectl(*TRIED, "-f", "-", text=yaml.safe_dump(pod))

    assert "serverside-applied" in told


@pytest.mark.parametrize(
    ("part", "field", "value", "words"),
    [
        ("runner", "containerSecurityContext", {}, 'violates PodSecurity "restricted'),
        (
            "starter",
            "securityContext",
            {"runAsNoneRoot": True},
            "runAsNoneRoot: field not declared",
        ),
        ("runner", "resources", {"limits": {"memory": "much"}}, "quantities must match"),
    ],
    ids=["too-free", "misspelt", "no-quantity"],
)
def test_a_wrong_field_would_be_refused(lab, made, part, field, value, words):
    pod = pod_of({**made, part: {**made[part], field: value}}, part, "tried", RUN)

    with pytest.raises(CommandError, match=words):
        lab.kubectl(*TRIED, "-f", "-", text=yaml.safe_dump(pod))


@pytest.mark.parametrize(
    ("name", "command", "word"),
    [
        ("k6-initializer", ["sh", "-c", ARCHIVE], '"maxVUs": 1'),
        ("k6-runner", RUN, "kept    failed"),
    ],
    ids=["initializer", "runner"],
)
def test_such_a_pod_does_its_part(lab, made, name, command, word):
    pod = pod_of(made, "runner", name, command)
    lab.apply([pod])
    try:
        until(f"{name} has ended", lambda: phase(lab, name) in ENDED, 90)
        said = lab.kubectl("logs", name, f"--namespace={LLM}")

        assert phase(lab, name) == "Succeeded", said
        assert word in said
    finally:
        remove(lab, [pod])


def phase(lab, name):
    """How far a pod has come."""
    return lab.get("pod", name, LLM)["status"]["phase"]
