"""The API server takes what the rollouts' chart renders, Helm what the cluster is ready for.

What Argo Rollouts does with it is tried in `canaries/`.
"""

import pytest
from charts.rendering import ROLLOUTS_CHART, render, scenarios
from weighbridge_lab.errors import CommandError
from weighbridge_lab.installation import install

TRIED = ("apply", "--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict")
LLM = "llm"


@pytest.mark.parametrize("scenario", scenarios(ROLLOUTS_CHART))
def test_every_object_of_a_scenario_is_accepted(lab, scenario):
    rendering = render(ROLLOUTS_CHART, scenarios(ROLLOUTS_CHART)[scenario], name="tried")

    told = lab.kubectl(*TRIED, "-f", "-", text=rendering.text)

    assert told.count("serverside-applied") == len(rendering.documents)


@pytest.mark.parametrize(
    ("pool", "words"),
    [
        ("nobody", "no Deployment nobody; install models/chart as release nobody first"),
        ("gemma-small", "no Service gemma-small-stable; set rollout.enabled in the values of"),
    ],
    ids=["no-deployment", "no-services"],
)
def test_a_rollout_of_a_pool_that_is_not_ready_for_it_is_refused(lab, pool, words):
    with pytest.raises(CommandError, match=words):
        install(lab.cluster, "tried", ROLLOUTS_CHART, LLM, {"rollouts": {pool: {"tier": "small"}}})
