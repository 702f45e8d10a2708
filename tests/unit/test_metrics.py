"""Instruments: their names and labels come from the contract, their numbers from what happened."""

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram
from weighbridge import __version__
from weighbridge.contract import (
    CaptureResult,
    Metric,
    Outcome,
    Reason,
    ReloadResult,
    SpanResult,
    Stage,
)
from weighbridge.drift import LEAST, SHIFTED, STABLE
from weighbridge.metrics import Distribution, Metrics

LABELS = {
    Metric.DECISIONS: {"tier", "reason", "outcome"},
    Metric.STAGE_SECONDS: {"stage"},
    Metric.FAILURES: {"kind"},
    Metric.RELOADS: {"result"},
    Metric.CAPTURE: {"result"},
    Metric.SPANS: {"result"},
    Metric.GENERATION_INFO: {"settings", "artifact", "classifier"},
    Metric.BUILD_INFO: {"version"},
}


def families(metrics):
    return {family.name: family for family in metrics.registry.collect()}


def value(metrics, name, **labels):
    return metrics.registry.get_sample_value(name, labels)


@pytest.fixture
def busy():
    metrics = Metrics()
    for reason, outcome in itertools.product(Reason, Outcome):
        metrics.record_decision(("small", reason, outcome), 0.3, 0.0002, 500)
    for stage in Stage:
        metrics.record_stage(stage, 0.0001)
    for result in ReloadResult:
        metrics.record_reload(result)
    metrics.record_failure("unparsed")
    metrics.record_generation(3, "abc", "def", "lexical-1")
    return metrics


def test_the_names_exposed_are_those_of_the_contract(busy):
    assert set(families(busy)) == set(Metric)


@pytest.mark.parametrize("metric", Metric)
def test_each_metric_says_what_it_counts(busy, metric):
    assert len(families(busy)[metric].documentation) > 10


@pytest.mark.parametrize("metric", Metric)
def test_labels_are_these_and_no_others(busy, metric):
    for sample in families(busy)[metric].samples:
        assert set(sample.labels) - {"le"} == LABELS.get(metric, set())


@pytest.mark.parametrize(
    ("metric", "label", "values"),
    [
        (Metric.DECISIONS, "reason", set(Reason)),
        (Metric.DECISIONS, "outcome", set(Outcome)),
        (Metric.STAGE_SECONDS, "stage", set(Stage)),
        (Metric.RELOADS, "result", set(ReloadResult)),
        (Metric.CAPTURE, "result", set(CaptureResult)),
        (Metric.SPANS, "result", set(SpanResult)),
    ],
)
def test_label_values_are_bounded_by_their_enum(busy, metric, label, values):
    assert {sample.labels[label] for sample in families(busy)[metric].samples} == values


def test_a_decision_is_counted_timed_sized_and_scored_once():
    metrics = Metrics()

    metrics.record_decision(("large", Reason.SCORE, Outcome.WEIGHED), 0.8, 0.0003, 2000)

    labels = {"tier": "large", "reason": "score", "outcome": "weighed"}
    assert value(metrics, "weighbridge_decisions_total", **labels) == 1
    assert value(metrics, "weighbridge_decision_seconds_count") == 1
    assert value(metrics, "weighbridge_decision_seconds_sum") == pytest.approx(0.0003)
    assert value(metrics, "weighbridge_decision_seconds_bucket", le="0.00025") == 0
    assert value(metrics, "weighbridge_decision_seconds_bucket", le="0.0005") == 1
    assert value(metrics, "weighbridge_body_bytes_sum") == 2000
    assert value(metrics, "weighbridge_score_bucket", le="0.7") == 0
    assert value(metrics, "weighbridge_score_bucket", le="0.8") == 1


def test_a_decision_without_score_adds_no_score():
    metrics = Metrics()

    metrics.record_decision(("small", Reason.NO_BODY, Outcome.PASSED), None, 0.0001, 0)

    assert value(metrics, "weighbridge_score_count") == 0
    assert value(metrics, "weighbridge_body_bytes_count") == 1


def test_reloads_are_shown_as_zero_before_the_first():
    for result in ReloadResult:
        assert value(Metrics(), "weighbridge_reloads_total", result=result) == 0


def test_prompts_drawn_for_capture_are_counted_by_what_became_of_them():
    metrics = Metrics()

    metrics.record_capture(CaptureResult.KEPT)
    metrics.record_capture(CaptureResult.KEPT)

    assert value(metrics, "weighbridge_capture_total", result="kept") == 2
    assert value(metrics, "weighbridge_capture_total", result="unwritten") == 0


def test_a_new_generation_takes_the_place_of_the_old_one(busy):
    busy.record_generation(4, "xyz", "def", "lexical-2")

    (sample,) = families(busy)[Metric.GENERATION_INFO].samples
    assert sample.labels == {"settings": "xyz", "artifact": "def", "classifier": "lexical-2"}
    assert value(busy, "weighbridge_generation") == 4


WEIGHED = ("small", Reason.SCORE, Outcome.WEIGHED)


def weigh_evenly(metrics, count, upper=1.0):
    for number in range(count):
        metrics.record_decision(WEIGHED, upper * number / count, 0.0001, 500)


def drift(metrics):
    return value(metrics, "weighbridge_score_drift_psi")


def test_drift_is_shown_once_enough_prompts_were_weighed():
    metrics = Metrics()
    for _ in range(LEAST):
        metrics.record_decision(("small", Reason.NO_BODY, Outcome.PASSED), None, 0.0001, 0)
    weigh_evenly(metrics, LEAST - 1)
    assert drift(metrics) is None

    metrics.record_decision(WEIGHED, 1.0, 0.0001, 500)

    assert drift(metrics) < STABLE


def test_scores_that_gather_are_drift():
    metrics = Metrics()

    weigh_evenly(metrics, LEAST, upper=0.5)

    assert drift(metrics) > SHIFTED


@pytest.mark.parametrize(("artifact", "kept"), [("same", True), ("other", False)])
def test_drift_begins_anew_with_another_artifact_and_not_with_other_settings(artifact, kept):
    metrics = Metrics()
    metrics.record_generation(1, "settings", "same", "c")
    weigh_evenly(metrics, LEAST, upper=0.5)

    metrics.record_generation(2, "settings-2", artifact, "c")

    assert (drift(metrics) is not None) == kept


def test_drift_is_measured_against_what_the_artifact_expects():
    metrics = Metrics()
    metrics.record_generation(1, "s", "a", "c", expected_scores=(0.1,) * 10 + (0.0,) * 10)

    weigh_evenly(metrics, LEAST, upper=0.5)

    assert drift(metrics) < STABLE


def test_an_artifact_without_calibration_shows_no_drift():
    metrics = Metrics()
    metrics.record_generation(1, "s", "a", "c", expected_scores=None)

    weigh_evenly(metrics, LEAST)

    assert drift(metrics) is None


def test_the_build_says_its_version():
    assert value(Metrics(), "weighbridge_build_info", version=__version__) == 1


def test_two_routers_in_one_process_count_apart():
    one, other = Metrics(), Metrics()
    one.record_failure("unparsed")

    assert value(other, "weighbridge_failures_total", kind="unparsed") is None


@given(st.lists(st.floats(0, 2) | st.sampled_from([0.1, 0.5, 1.0, 1e-9, 1e9])))
@settings(deadline=None, derandomize=True, max_examples=50, database=None)
def test_a_distribution_counts_as_the_client_library_does(values):
    bounds = (0.1, 0.5, 1.0)
    registry = CollectorRegistry()
    reference = Histogram("reference", "-", buckets=bounds, registry=registry)
    distribution = Distribution(bounds)

    for number in values:
        reference.observe(number)
        distribution.observe(number)

    buckets, total = distribution.cumulative()
    assert [le for le, _ in buckets] == ["0.1", "0.5", "1.0", "+Inf"]
    for le, count in buckets:
        assert count == registry.get_sample_value("reference_bucket", {"le": le})
    assert math.isclose(total, registry.get_sample_value("reference_sum"))
