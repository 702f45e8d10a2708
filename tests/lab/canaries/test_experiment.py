"""Before its first weight a canary is compared with stable: fresh pods of both, a share to each."""

from dataclasses import dataclass

import pytest
from lab.canaries.asserting import assert_named
from lab.canaries.test_healthy_canaries import PUSH_S, assert_promoted
from lab.canaries.test_sick_canaries import TTFT
from lab.chances import likely
from weighbridge_lab.canaries import POOLS, Version
from weighbridge_lab.gatewaylog import requests

SMALL = POOLS["small"]
WEIGHT = 10
"""Percent of the tier's requests to each side."""
SIDES = ("baseline", "candidate")
GATES = {"ttft", "ttft-against-stable", "itl", "itl-against-stable", "saturation"}
_HASH = "rollouts-pod-template-hash"
# Argo takes both destinations away one after the other.
_CLEAR_S = 2.0


@dataclass(frozen=True)
class Experiment:
    """What the chronicle has of the experiment of a change."""

    chronicle: object
    change: object

    def pods(self, side):
        """Pods of a side, whatever became of them."""
        found = {
            event.name: event.object
            for event in self.chronicle.events("pod", since=self.change.began)
            if event.object["metadata"]["labels"].get("weighbridge.dev/experiment") == side
        }
        return list(found.values())

    def servers(self, side):
        """Addresses of a side's pods."""
        return {pod["status"]["podIP"] for pod in self.pods(side)}

    def hashes(self, side):
        """Hashes of a side's pods: its revision, in Prometheus."""
        return {pod["metadata"]["labels"][_HASH] for pod in self.pods(side)}

    def weights(self):
        """When the tier's route had which weights, by destination; those above zero."""
        since = self.change.began
        events = self.chronicle.events("virtualservice", "weighbridge-mesh", since)
        return [(event.at, destinations(event.object)) for event in events]

    def runs(self):
        """Its analyses as they ended, by the gate's name."""
        prefix = f"{SMALL}-{self.change.revision}-"
        ended = {}
        for event in self.chronicle.events("analysisrun", since=self.change.began):
            owner, *_ = event.object["metadata"]["ownerReferences"]
            if owner["kind"] == "Experiment" and owner["name"].startswith(prefix):
                ended[event.name.removeprefix(owner["name"] + "-")] = event.object
        return ended

    def until_weighed(self):
        """Wait until both sides have their weight."""
        self.chronicle.until("both sides have a weight", self.shared)

    def shared(self):
        """When both sides had their weight: from the first moment to the last; empty: never."""
        weights = self.weights()
        there = [i for i, (_, w) in enumerate(weights) if all(w.get(s) == WEIGHT for s in SIDES)]
        if not there:
            return ()
        after = weights[there[-1] + 1 :]
        return weights[there[0]][0], after[0][0] if after else None


def destinations(virtual_service):
    """Weights of the tier's route by subset, or by side of the experiment."""
    (route,) = (r for r in virtual_service["spec"]["http"] if r.get("name") == "tier-small")
    weights = {}
    for each in route["route"]:
        to = each["destination"]
        name = to.get("subset") or to["host"].removeprefix(f"{SMALL}-")
        weights[name] = weights.get(name, 0) + each.get("weight", 0)
    return {name: weight for name, weight in weights.items() if weight}


@pytest.fixture
def experiment(chronicle, rollouts):
    """Experiments before the first weight; gives what the chronicle has of a change's."""
    rollouts({"defaults": {"experiment": {"enabled": True, "weight": WEIGHT}}})
    return lambda change: Experiment(chronicle, change)


def test_fresh_pods_of_both_versions_are_compared_and_then_the_canary_goes_on(lab, act, experiment):
    with act("healthy, compared in an experiment") as running:
        change = running.change
        change.until_promoted(180)
    assert_promoted(running)
    seen = experiment(change)
    start, end = seen.shared()
    # Only then come the canary's own weights.
    assert end <= next(weight.at for weight in change.weights() if weight.percent), change.told()
    sent = [r for r in change.requests() if start + PUSH_S <= r.at < end]
    for side in SIDES:
        share = sum(request.server in seen.servers(side) for request in sent)
        assert share in likely(len(sent), WEIGHT / 100), (side, share, len(sent))
    # Nobody else answers in their place.
    for request in requests(lab.cluster.layout, change.began):
        side = request.cluster.partition(f"{SMALL}-")[2].partition(".")[0]
        assert side not in SIDES or request.server in seen.servers(side), request
    assert_gates_measured_no_others(seen, change)


def assert_gates_measured_no_others(seen, change):
    """The gates of an experiment were asked of its own pods."""
    runs = seen.runs()
    assert set(runs) == GATES
    for run in runs.values():
        arguments = {each["name"]: each.get("value") for each in run["spec"]["args"]}
        assert {arguments["canary-revision"]} == seen.hashes("candidate")
        assert {arguments["stable-revision"]} == seen.hashes("baseline")
        assert run["status"]["phase"] == "Successful", run["status"]
    own = {change.stable, change.revision}
    assert len(own | seen.hashes("candidate") | seen.hashes("baseline")) == 4


def test_slow_version_is_aborted_by_the_experiment_before_it_has_a_weight(act, experiment):
    with act("slow: TTFT x4, in an experiment", "--ttft-factor=4") as running:
        change = running.change
        change.until_aborted()
    assert_named(running, *TTFT)
    assert "Experiment" in change.status["message"]
    assert [weight.percent for weight in change.weights()] == [0]
    assert running.figures.touched == 0
    assert not running.ledger.failed(), running.ledger.summary()
    candidate = experiment(change).servers("candidate")
    last = max(request.at for request in change.requests() if request.server in candidate)
    assert last <= change.aborted_at() + _CLEAR_S


def test_newer_revision_in_the_middle_of_an_experiment_has_one_of_its_own(
    act, change_of, experiment
):
    with act(
        "slow: TTFT x4, and its repair pushed during its experiment", "--ttft-factor=4"
    ) as run:
        experiment(run.change).until_weighed()
        repair = change_of(SMALL)
        repair.push(Version.new())
        repair.until_promoted(180)
    assert not run.ledger.failed(), run.ledger.summary()
    assert {r["status"]["phase"] for r in experiment(repair).runs().values()} == {"Successful"}


def test_version_without_verdict_in_its_experiment_is_given_up(act, experiment):
    with act("no traffic, in an experiment", rate=0.01) as running:
        change = running.change
        change.until_aborted()
    phases = {run["status"]["phase"] for run in experiment(change).runs().values()}
    assert "Inconclusive" in phases
    assert "Failed" not in phases
    # Argo does not wait for a person: it begins another, whose Services are there still.
    assert "Failed to create Service" in change.status["message"]
    assert [weight.percent for weight in change.weights()] == [0]
