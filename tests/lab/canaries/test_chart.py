"""Helm looks at the cluster before it lets a rollout in."""

import pytest
from weighbridge_lab.canaries import POOLS
from weighbridge_lab.errors import CommandError

SMALL, LARGE = POOLS["small"], POOLS["large"]


def test_rollouts_whose_pools_and_routes_are_there_are_let_in(lab, rollouts):
    rollouts({"checkCluster": True})

    assert lab.get("rollout", SMALL, "llm")["status"]["phase"] == "Healthy"


def test_a_rollout_whose_tier_has_no_subsets_in_the_mesh_is_refused(rollouts):
    swapped = {SMALL: {"tier": "small", "routes": ["models"]}}
    words = "no route models with the subsets stable and canary; set tiers.small.subsets.enabled"

    with pytest.raises(CommandError, match=words):
        rollouts({"checkCluster": True, "rollouts": swapped})
