"""The experiment, with fewer users and less time."""

import re

import pytest
from weighbridge_experiments import autoscaling
from weighbridge_experiments.autoscaling_runs import measure, scenarios
from weighbridge_experiments.progress import silent
from weighbridge_experiments.traffic import Crowd
from weighbridge_experiments.world import simulate

CROWD = Crowd(low=20, high=200, seconds=900.0, think_s=60.0)


def results():
    return {
        name: measure(world, simulate(world, 1, lambda _: None))
        for name, world in scenarios(CROWD).items()
    }


def test_the_page_names_its_command_and_each_scenario_and_is_the_same_twice(tmp_path):
    pages = []
    for folder in ("one", "two"):
        written = autoscaling.run(tmp_path / folder, 4, "make it", silent, crowd=CROWD, seeds=2)
        pages.append([path.read_bytes() for path in written])
    assert pages[0] == pages[1]
    text = pages[0][0].decode()
    assert "`make it`, seeds 4 to 5" in text
    assert "$" not in text
    assert not re.search(r"\bnan\b", text)
    for name in scenarios(CROWD):
        assert text.count(f"| {name} |") == 2


def test_spot_nodes_cost_less_and_one_that_is_kept_costs_between():
    found = results()
    months = [
        found[name].month
        for name in ("tiers, spot", "tiers, spot but for one pod each", "tiers, on demand")
    ]
    assert months == sorted(months)
    assert months[0] < months[-1]


def test_a_month_is_its_tiers_and_no_scenario_loses_what_is_on_demand():
    for name, result in results().items():
        tiers = sum(result.tier_month(tier) for tier in ("small", "large"))
        assert result.month == pytest.approx(tiers)
        assert result.per_thousand > 0
        if "spot" not in name:
            assert (result.cut, result.refused, result.interruptions) == (0, 0, 0)
