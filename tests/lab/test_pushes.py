"""Configuration that is pushed while answers stream, and gateways that leave: what is cut then."""

import re

import pytest
import yaml
from lab.stage import put_back
from weighbridge_lab.installation import INGRESS, LAB, REPOSITORY, until_rolled_out
from weighbridge_lab.waiting import until

CLOUDS = REPOSITORY / "mesh" / "clouds"
GATEWAY_VALUES = LAB / "values" / "gateway.yaml"
RATE = 10
# A second each: a push comes while several are half sent.
LONG_ANSWERS = {"max_tokens": 500}
# Eight seconds each.
LONGER_ANSWERS = {"rate": 1, "max_tokens": 4000, "before": 1}
DRAIN_S = 3
OVERRIDE = {"name": "pushed", "match": [{"uri": {"prefix": "/pushed"}}], "tier": "small"}

# What is changed, what Envoy then holds, and whether it drains connections of clients for it.
PUSHES = {
    "a route": ({"routes": {"before": [OVERRIDE]}}, '"pushed"', False),
    "a pool's policy": (
        {"tierDefaults": {"outlierDetection": {"interval": "4.321s"}}},
        '"4.321s"',
        False,
    ),
    "a fallback": ({"tiers": {"small": {"fallback": "large"}}}, "own|8000|", False),
    "a filter": ({"router": {"messageTimeout": "0.321s"}}, '"0.321s"', True),
    "a limit": ({"timeouts": {"streamIdle": "543s"}}, '"543s"', True),
}


@pytest.fixture
def mesh(lab):
    """Install the mesh's chart with other values, for one test."""
    yield lab.install_mesh
    put_back(lab)


@pytest.fixture
def gateway(lab):
    """Install the gateway's chart with other values, for one test."""

    def install(*values):
        lab.install_gateway(GATEWAY_VALUES, *values)
        until_rolled_out(lab.cluster, INGRESS, f"deployment/{INGRESS}")

    yield install
    install()


def until_told(lab, words):
    """Wait until the gateway's Envoy holds some words in its configuration."""
    until(f"Envoy holds {words}", lambda: words in lab.ask_envoy("/config_dump"))


def drained(lab):
    """How often connections of clients were drained for a new configuration."""
    counter = "listener_manager.listener_in_place_updated"
    found = re.search(rf"{counter}: (\d+)", lab.ask_envoy(f"/stats?filter={counter}"))
    return int(found[1]) if found else 0


@pytest.mark.parametrize("what", PUSHES)
def test_answers_survive_a_push(lab, trial, mesh, what):
    values, words, drains = PUSHES[what]
    before = drained(lab)
    with trial(f"{what} is pushed", rate=RATE, **LONG_ANSWERS) as running:
        running.strike()
        mesh(values)
        until_told(lab, words)
        running.until_answered(RATE)
    assert not running.ledger.failed(), running.ledger.summary()
    assert (drained(lab) > before) == drains


def test_answers_longer_than_the_drain_time_are_cut_by_a_push_that_drains(
    lab, trial, mesh, gateway
):
    gateway({"podAnnotations": {"proxy.istio.io/config": f"drainDuration: {DRAIN_S}s"}})
    values, words, _ = PUSHES["a filter"]
    with trial(f"a filter is pushed, drain time {DRAIN_S} s", **LONGER_ANSWERS) as running:
        mesh(values)
        until_told(lab, words)
        running.strike()
        running.until_answered(1)
    assert running.ledger.cut(), running.ledger.summary()
    ends = [record.started + record.seconds for record in running.ledger.failed()]
    assert max(ends) - min(ends) < DRAIN_S, running.ledger.summary()


def test_gateway_that_leaves_waits_for_its_answers(lab, trial, gateway):
    advised = yaml.safe_load((CLOUDS / "gateway.yaml").read_text(encoding="utf-8"))
    gateway(
        {
            "podAnnotations": advised["podAnnotations"],
            "env": {**advised["env"], "MINIMUM_DRAIN_DURATION": "1s"},
            "terminationGracePeriodSeconds": advised["terminationGracePeriodSeconds"],
        }
    )
    (before,) = lab.pods(INGRESS, INGRESS)
    with trial("a gateway leaves, answers of 8 s", **LONGER_ANSWERS) as running:
        running.strike()
        gateway()
    assert not running.ledger.failed(), running.ledger.summary()
    until("it has left", lambda: before not in names(lab))


def test_gateway_rolls_out_without_a_failure(lab, trial):
    (before,) = lab.pods(INGRESS, INGRESS)
    with trial("the gateway rolls out", rate=100) as running:
        running.strike()
        lab.kubectl("rollout", "restart", f"deployment/{INGRESS}", "--namespace", INGRESS)
        until_rolled_out(lab.cluster, INGRESS, f"deployment/{INGRESS}")
        until("the old one is gone", lambda: before not in names(lab), 60)
        running.until_answered(100)
    assert not running.ledger.failed(), running.ledger.summary()


def names(lab):
    """Names of the gateway's pods, those that are about to end too."""
    return lab.kubectl("get", "pods", "--namespace", INGRESS, "--output", "name")
