"""Gates: the limit is read out of the condition, and no data never looks like a value."""

import pytest
from unit.canary import documents as d
from weighbridge.canary.argo_analysis import AnalysisRun, Metric
from weighbridge.canary.gates import limit_of, read_analysis

ARGUMENTS = {"limit": "0.5", "ttft-p95": "0.25"}


@pytest.mark.parametrize(
    ("success", "failure", "limit"),
    [
        ("result[0] <= 0.5", "", "<= 0.5"),
        ("len(result) > 0 && !isNaN(result[0]) && result[0] <= {{args.limit}}", "", "<= 0.5"),
        ("(len(result) > 0 && result[0] <= {{ args.ttft-p95 }})", "", "<= 0.25"),
        ("result >= 10", "", ">= 10"),
        ("asFloat(result[0]) < 3", "", "< 3"),
        ("result[0] >= 0.1 && result[0] <= 0.9", "", ">= 0.1 and <= 0.9"),
        ("result[0] <= result[1] * 1.2", "", "<= result[1] * 1.2"),
        ("", "len(result) > 0 && result[0] > {{args.limit}}", "<= 0.5"),
        ("", "result[0] < 1", ">= 1"),
        ("result[0] <= {{args.from-a-secret}}", "", "<= {{args.from-a-secret}}"),
        ("all(result, # < 1)", "", "all(result, # < 1)"),
        ("", "isNaN(result)", "not (isNaN(result))"),
        ("", "", ""),
    ],
)
def test_the_limit_is_what_the_condition_compares_the_value_with(success, failure, limit):
    metric = Metric(success_condition=success, failure_condition=failure)

    assert limit_of(metric, ARGUMENTS) == limit


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("[0.18234567]", "0.1823"),
        ("0.5", "0.5"),
        ("[1,22000000]", "1, 2.2e+07"),
        ("[]", "no data"),
        ("[NaN]", "no data (NaN)"),
        ("[+Inf]", "inf"),
        ("true", "true"),
        ("", ""),
    ],
)
def test_a_value_is_shown_shortly_and_no_data_as_such(raw, shown):
    run = d.analysis_run("r", d.measured("ttft-p95", raw))

    assert read_analysis(AnalysisRun.read(run)).gates[0].value == shown


def test_a_gate_has_its_last_look_its_limit_and_all_counts():
    result = d.measured(
        "ttft-p95", "[0.7]", "Failed", successful=3, failed=2, inconclusive=1, error=4
    )
    run = d.analysis_run("r", {**result, "dryRun": True})

    gate = read_analysis(AnalysisRun.read(run)).gates[0]

    assert (gate.value, gate.verdict, gate.limit, gate.phase) == (
        "0.7",
        "Failed",
        "<= 0.5",
        "Running",
    )
    assert (gate.successful, gate.failed, gate.inconclusive, gate.errors) == (3, 2, 1, 4)
    assert (gate.dry_run, gate.measured_at) == (True, "2026-11-21T11:59:40Z")


def test_a_gate_that_was_not_looked_at_yet_is_pending():
    gates = read_analysis(AnalysisRun.read(d.analysis_run("r"))).gates

    assert [(gate.name, gate.phase, gate.value) for gate in gates] == [
        ("ttft-p95", "Pending", ""),
        ("errors", "Pending", ""),
    ]


@pytest.mark.parametrize(
    ("kind", "words"),
    [("Background", "background"), ("Step", "step 3"), ("Experiment", "experiment")],
)
def test_an_analysis_says_what_it_belongs_to(kind, words):
    assert read_analysis(AnalysisRun.read(d.analysis_run("r", kind=kind))).kind == words
