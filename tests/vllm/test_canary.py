"""Real vLLM as stable and as canary: Argo moves the weights by what vLLM's own metrics say."""

import httpx
import pytest
from envoy_rig.requests import chat
from weighbridge.local.tiny_model import Family, write_model
from weighbridge.local.up import _cache_dir
from weighbridge.local.vllm_pool import ensure_environment
from weighbridge_lab.canaries import POOLS, CanaryLab, Version
from weighbridge_lab.change import Change
from weighbridge_lab.chronicle import Chronicle
from weighbridge_lab.installation import LAB
from weighbridge_lab.reports import report
from weighbridge_lab.verdicts import Act, table
from weighbridge_lab.waiting import until

pytestmark = pytest.mark.vllm

SMALL = POOLS["small"]
START_S = 600  # of which a busy machine needs most: two processes import PyTorch
RATE = 6
"""Requests a second to both tiers; half of them are the small one's."""
PROMPTS = (
    "one two three",
    "the first of the day",
    "what would you say",
    "good people, little state",
)
GATES = {
    "ttft-p95",
    "ttft-p95-against-stable",
    "itl-p95",
    "itl-p95-against-stable",
    "error-ratio",
    "queue-length",
    "kv-cache-usage",
}
TESTERS = "canary-small"
SECOND = {"weights": {"path": "second"}}
REAL = (
    "--enforce-eager",
    "--kv-cache-memory-bytes=67108864",
    "--distributed-executor-backend=uni",
)
_VALUES = LAB / "values"


class RealLab(CanaryLab):
    """A lab with canaries whose small pool is real vLLM."""

    rollouts_values = (*CanaryLab.rollouts_values, _VALUES / "rollouts-vllm.yaml")
    start_s = START_S

    def install_pools(self):
        """Install everything, and end the Deployment's own pod: Argo's takes its place anyway."""
        super().install_pools()
        # Two that start at once take twice as long.
        self.kubectl("scale", f"deployment/{SMALL}", "--replicas=0", "--namespace=llm")

    def pool_values(self, pool):
        """Give the lab's values of a pool."""
        return (_VALUES / "pool-vllm.yaml",) if pool == SMALL else super().pool_values(pool)

    def pool_flags(self, pool):
        """Give the flags that each version of a pool has."""
        return REAL if pool == SMALL else super().pool_flags(pool)


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    environment = ensure_environment(_cache_dir(), progress=print)
    models = tmp_path_factory.mktemp("models")
    for seed, name in enumerate(("first", "second"), 1):
        write_model(models / name, family=Family.GEMMA, seed=seed)
    places = {"vllm": environment, "models": models}
    running = RealLab(tmp_path_factory.mktemp("lab") / "state", places=places, report=report())
    running.start()
    try:
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="module")
def chronicle(lab):
    with Chronicle(lab.cluster) as listening:
        listening.until_known("rollout", POOLS.values())
        yield listening


def test_real_vllm_is_promoted_by_its_own_metrics_and_answers_with_its_new_weights(lab, chronicle):
    old = [answer(lab, prompt) for prompt in PROMPTS]
    change, figures = Change(lab, chronicle, SMALL), []
    case, version = "real vLLM, other weights", Version.new(values=SECOND)
    with Act(lab, change, version, case, figures, rate=RATE) as running:
        chronicle.until("testers have a route", lambda: routes(chronicle)[0] == TESTERS, START_S)
        # Nobody else asks it yet: how requests are batched is in the last bits of an answer.
        new = until("all of its answers are others", lambda: others(lab, old))
        change.until_promoted(START_S)
    report().line(table(figures))
    told = f"{change.told()}\n{running.ledger.summary()}"
    assert not running.ledger.failed(), told
    assert [weight.percent for weight in change.weights()] == [0, 30, 60, 100, 0], told
    good = {m.metric for m in change.measurements() if m.phase == "Successful"}
    assert good >= GATES, told
    # Greedy answers are the weights', and the servers that gave the canary's are stable's now.
    assert [answer(lab, prompt) for prompt in PROMPTS] == new


def routes(chronicle):
    """Names of the VirtualService's routes, in their order."""
    virtual_service = chronicle.latest("virtualservice", "weighbridge-mesh")
    return [route.get("name") for route in virtual_service["spec"]["http"]]


def others(lab, old):
    """Answers that testers get, if none of them is as of old."""
    new = [answer(lab, prompt, canary=True) for prompt in PROMPTS]
    return new if all(one != other for one, other in zip(old, new, strict=True)) else None


def answer(lab, prompt, *, canary=False):
    """What the small tier answers at temperature 0; `canary`: by the testers' route."""
    asked = chat(prompt, model="weighbridge/small", max_tokens=16, temperature=0)
    headers = {"x-weighbridge-canary": "small"} if canary else {}
    with httpx.Client(base_url=lab.gateway, headers=headers, timeout=30) as client:
        answered = client.post("/v1/chat/completions", json=asked).raise_for_status().json()
    return answered["choices"][0]["message"]["content"]
