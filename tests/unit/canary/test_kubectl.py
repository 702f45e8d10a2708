"""kubectl: what is asked of it, and that each refusal is one line with the way out."""

import pytest
from unit.canary import documents as d
from weighbridge.canary.kubectl import Kubectl
from weighbridge.errors import CanaryError

ROLLOUTS = "rollouts.argoproj.io"
SERVICE = "virtualservices.networking.istio.io.weighbridge-mesh"
FORBIDDEN = (
    'Error from server (Forbidden): {0} is forbidden: User "eve" cannot list resource "{0}"'
    ' in API group "" in the namespace "llm"'
)


@pytest.fixture
def ask(tmp_path):
    """Take a snapshot through a kubectl that answers from tables."""

    def snapshot(answers, refusals=None, pool=None, **kubectl):
        binary = d.write_kubectl(tmp_path / "bin", answers, refusals)
        return Kubectl(str(binary), **kubectl).snapshot("llm", pool)

    return snapshot


def test_all_kinds_of_a_namespace_are_read(ask):
    found = ask(
        {
            ROLLOUTS: [d.rollout("llama-large", "large"), d.rollout()],
            "analysisruns.argoproj.io": [d.analysis_run("r")],
            "replicasets.apps": [d.replica_set(d.STABLE, 1)],
            "experiments.argoproj.io": [d.experiment()],
            "pods": [d.crashing_pod()],
            SERVICE: d.virtual_service(),
        }
    )

    assert [each.metadata.name for each in found.rollouts] == ["gemma-small", "llama-large"]
    counts = (found.runs, found.replica_sets, found.experiments, found.pods, found.virtual_services)
    assert [len(each) for each in counts] == [1, 1, 1, 1, 1]
    assert found.missing == ()


def test_nothing_but_get_is_ever_asked(ask, tmp_path):
    ask({ROLLOUTS: [d.rollout()]}, context="blue")

    calls = (tmp_path / "bin" / "calls").read_text(encoding="utf-8").splitlines()
    assert len(calls) == 6
    assert {call.split()[0] for call in calls} == {"get"}
    assert all("--context=blue" in call and "--output=json" in call for call in calls)


def test_one_pool_alone_is_read_when_named(ask):
    found = ask({ROLLOUTS: [d.rollout(), d.rollout("llama-large", "large")]}, pool="llama-large")

    assert [each.metadata.name for each in found.rollouts] == ["llama-large"]


REFUSED = "The connection to the server 10.0.0.1:6443 was refused"
NO_TYPE = 'error: the server doesn\'t have a resource type "rollouts"'
NOT_ALLOWED = (
    "not allowed to read rollouts.argoproj.io in llm; ask for get and list on it: "
    "kubectl auth can-i list rollouts.argoproj.io --namespace=llm"
)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (FORBIDDEN.format(ROLLOUTS), NOT_ALLOWED),
        (NO_TYPE, "the cluster knows no rollouts.argoproj.io: is the operator"),
        ('error: context "blue" does not exist', "kubectl has no cluster to ask"),
        (f"E1121 memcache.go:265\n{REFUSED}\n", f"read rollouts.argoproj.io in llm: {REFUSED}"),
        ("", "no reason given"),
    ],
    ids=["forbidden", "no Argo", "no context", "no cluster", "silent"],
)
def test_a_refusal_is_one_line_that_says_the_way_out(ask, said, message):
    with pytest.raises(CanaryError) as refused:
        ask({}, {ROLLOUTS: said})

    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("rollouts", "message"),
    [
        ([d.rollout()], "no Rollout other in namespace llm; there are: gemma-small"),
        ([], "no Rollout in namespace llm: install rollouts/chart there"),
    ],
)
def test_a_pool_that_is_not_there_is_one_line_with_those_that_are(ask, rollouts, message):
    with pytest.raises(CanaryError, match=message):
        ask({ROLLOUTS: rollouts}, pool="other")


def test_a_kubectl_that_is_not_there_is_named(tmp_path):
    with pytest.raises(CanaryError, match=r"kubectl is not on PATH: install kubectl, or name it"):
        Kubectl(str(tmp_path / "kubectl")).snapshot("llm")


def test_an_answer_that_is_no_json_is_refused(tmp_path):
    binary = d.write_kubectl(tmp_path, {})
    (tmp_path / ROLLOUTS).write_text("Warning: deprecated", encoding="utf-8")

    with pytest.raises(CanaryError, match="expected JSON from kubectl on rollouts"):
        Kubectl(str(binary)).snapshot("llm")


def test_a_kubectl_that_hangs_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr("weighbridge.canary.kubectl._PATIENCE_S", 0.2)
    binary = tmp_path / "kubectl"
    binary.write_text("#!/bin/sh\nexec sleep 60\n", encoding="utf-8")
    binary.chmod(0o755)

    with pytest.raises(CanaryError, match="no answer on rollouts"):
        Kubectl(str(binary)).snapshot("llm")


def test_what_is_not_needed_may_be_refused_and_is_named(ask):
    found = ask(
        {ROLLOUTS: [d.rollout()]},
        {
            "pods": FORBIDDEN.format("pods"),
            "replicasets.apps": FORBIDDEN.format("replicasets.apps"),
        },
    )

    assert [line.partition(";")[0] for line in found.missing] == [
        "not allowed to read replicasets.apps in llm",
        "not allowed to read pods in llm",
        "there is no virtualservices.networking.istio.io weighbridge-mesh in istio-ingress",
    ]
