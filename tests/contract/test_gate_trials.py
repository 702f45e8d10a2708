"""Gates on paper, with the chart's limits: no healthy canary is aborted, no sick one promoted."""

import re

import numpy as np
import pytest
import yaml
from contract.gate_trials import (
    CANARIES,
    CHART,
    LEAST_ITL,
    LEAST_P95,
    LEAST_P99,
    NOISE,
    Traffic,
    quantile,
    trials,
)

RULES = CHART.parents[1] / "observability" / "rules" / "canary.rules.yaml"
SICK = sorted(set(CANARIES) - {"healthy"})


@pytest.mark.parametrize("traffic", NOISE, ids=str)
def test_noise_aborts_no_healthy_canary(traffic):
    ended = trials(traffic, CANARIES["healthy"], "standard", 10)

    assert [outcome.end for outcome in ended] == ["promoted"] * 10


@pytest.mark.parametrize("preset", ["standard", "fast"])
@pytest.mark.parametrize("name", SICK)
def test_no_sick_canary_is_promoted(name, preset):
    ended = trials(Traffic(50), CANARIES[name], preset, 5)

    assert {outcome.end for outcome in ended} <= {"aborted", "paused"}
    # The first bad measurement decides: it is the one that needs evidence.
    assert {outcome.intervals for outcome in ended} == {0}


@pytest.mark.parametrize(
    ("record", "ladder"),
    [
        ("pool_revision:ttft_seconds:p95_least", LEAST_P95),
        ("pool_revision:ttft_seconds:p99_least", LEAST_P99),
        ("pool_revision:itl_seconds:p95_least", LEAST_ITL),
    ],
)
def test_the_rules_put_the_same_percentiles_in_place_of_few_requests(record, ladder):
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    expressions = {rule["record"]: rule["expr"] for group in groups for rule in group["rules"]}
    quantiles = [float(q) for q in re.findall(r"histogram_quantile\(([\d.]+)", expressions[record])]
    counts = [int(count) for count in re.findall(r"count < (\d+)", expressions[record])]

    assert quantiles == [q for _, q in ladder]
    assert counts == [below for below, _ in ladder[:-1]]


@pytest.mark.parametrize(
    ("counts", "expected"),
    [([0, 50, 50, 0], 1.45), ([95, 5, 0, 0], 0.5), ([0, 0, 0, 9], 1.5)],
)
def test_a_quantile_is_found_as_prometheus_finds_it(counts, expected):
    assert quantile(0.95, np.array(counts), (0.5, 1.0, 1.5)) == pytest.approx(expected)


def test_no_observations_have_no_quantile():
    assert np.isnan(quantile(0.95, np.array([0, 0]), (1.0,)))
