"""The TestRun of tests/k6_operator: fields that the operator knows, and the Job's pod in them.

What an API server and a kubelet make of Kubernetes' own among them: tests/lab/test_k6.py.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

HERE = Path(__file__).parent
K6 = Path(sys.executable).with_name("k6")
SUITES = sorted(path.stem for path in HERE.glob("[a-z]*.js"))
# Of k6.io/v1alpha1, but for those of its makers' cloud.
SPEC = {
    "arguments": str,
    "cleanup": str,
    "initializer": dict,
    "parallelism": int,
    "paused": str,
    "ports": list,
    "quiet": str,
    "runner": dict,
    "script": dict,
    "scuttle": dict,
    "separate": bool,
    "starter": dict,
}
POD = {
    "affinity": dict,
    "automountServiceAccountToken": str,
    "containerSecurityContext": dict,
    "env": list,
    "envFrom": list,
    "image": str,
    "imagePullPolicy": str,
    "imagePullSecrets": list,
    "initContainers": list,
    "livenessProbe": dict,
    "metadata": dict,
    "nodeSelector": dict,
    "priorityClassName": str,
    "readinessProbe": dict,
    "resources": dict,
    "schedulerName": str,
    "securityContext": dict,
    "serviceAccountName": str,
    "tolerations": list,
    "topologySpreadConstraints": list,
    "volumeMounts": list,
    "volumes": list,
}


def load(path):
    return yaml.safe_load((HERE.parent / path).read_text(encoding="utf-8"))


TEST_RUN = load("k6_operator/testrun.yaml")["spec"]
JOB = load("k6/job.yaml")["spec"]["template"]


def test_it_is_a_test_run_of_the_operators():
    test_run = load("k6_operator/testrun.yaml")

    assert (test_run["apiVersion"], test_run["kind"]) == ("k6.io/v1alpha1", "TestRun")
    # Without these the operator's API server refuses it.
    assert {"script", "parallelism"} <= TEST_RUN.keys()


@pytest.mark.parametrize(
    ("fields", "known"),
    [
        (TEST_RUN, SPEC),
        (TEST_RUN["script"]["configMap"], {"name": str, "file": str}),
        (TEST_RUN["scuttle"], {"enabled": str}),
        (TEST_RUN["runner"], POD),
        (TEST_RUN["runner"]["metadata"], {"annotations": dict, "labels": dict}),
        (TEST_RUN["starter"], POD),
        (TEST_RUN["starter"]["metadata"], {"annotations": dict, "labels": dict}),
    ],
    ids=["spec", "script", "scuttle", "runner", "runners-labels", "starter", "starters-labels"],
)
def test_the_operator_knows_every_field_and_its_type(fields, known):
    assert fields
    assert {name: type(value) for name, value in fields.items()} == {
        name: known.get(name) for name in fields
    }


@pytest.mark.parametrize("part", ["runner", "starter"])
def test_no_pod_holds_a_token_or_waits_for_a_sidecar(part):
    pod = TEST_RUN[part]

    assert pod["automountServiceAccountToken"] == "false"
    assert TEST_RUN["scuttle"]["enabled"] == "false"
    assert pod["metadata"]["labels"] == JOB["metadata"]["labels"]
    assert pod["securityContext"] == JOB["spec"]["securityContext"]
    assert pod["containerSecurityContext"] == JOB["spec"]["containers"][0]["securityContext"]


def test_the_runner_is_the_jobs_container():
    (container,) = JOB["spec"]["containers"]
    runner = TEST_RUN["runner"]

    for field in ("image", "envFrom", "resources"):
        assert runner[field] == container[field]
    script = TEST_RUN["script"]["configMap"]
    assert container["args"][-1] == f"/k6/{script['file']}"
    assert {"configMap": {"name": script["name"]}, "name": "scripts"} in JOB["spec"]["volumes"]
    assert set(TEST_RUN["arguments"].split()) <= set(container["args"])


def test_the_verdict_outlasts_the_run():
    # Jobs go with the TestRun, and it goes by itself where this says so.
    assert "cleanup" not in TEST_RUN


@pytest.mark.parametrize("suite", SUITES)
def test_the_initializer_can_archive_a_suite_and_say_what_it_asks_for(tmp_path, suite):
    archive = tmp_path / f"{suite}.tar"

    ran(K6, "archive", "--quiet", HERE / f"{suite}.js", "-O", archive)
    asked = json.loads(ran(K6, "inspect", "--execution-requirements", archive))

    assert asked["maxVUs"] > 0
    assert asked["thresholds"]


def ran(*words):
    """Run a command that succeeds; what it wrote."""
    return subprocess.run(words, capture_output=True, text=True, check=True, timeout=60).stdout
