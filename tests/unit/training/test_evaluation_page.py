"""The page and the tables of an evaluation."""

import io
import math

import msgspec
import pytest
from rich.console import Console
from unit.training.fakes import case, silent, write_data
from weighbridge.generation import Generation
from weighbridge_training import graded
from weighbridge_training.evaluation import evaluate
from weighbridge_training.evaluation_page import render
from weighbridge_training.evaluation_tables import print_evaluation
from weighbridge_training.graded import GradedCase
from weighbridge_training.public import PUBLIC, read_public


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    data = write_data(tmp_path_factory.mktemp("data"))
    cases = [GradedCase(**case(1, 1)), GradedCase(**case(2, 4, "why", "short"))]
    return evaluate(Generation.load(None), [read_public(data, PUBLIC[1])], cases, silent)


def printed(evaluation):
    out = io.StringIO()
    print_evaluation(Console(file=out, width=80), evaluation)
    return out.getvalue()


def test_a_group_below_what_it_should_reach_is_named(made):
    assert "groups below: short" in render(made)


def test_cases_that_reach_it_all_are_said_to(made):
    right = graded.decide(Generation.load(None), [GradedCase(**case(1, 1))])

    page = render(msgspec.structs.replace(made, cases=graded.report(right)))

    assert "no group below" in page
    assert '<div class="banner"><strong>1 of 1 right: 100.0%' in page


def test_no_prompt_stands_on_the_page(made):
    assert "capital of France" not in render(made)


def test_a_set_without_a_gap_is_told_and_the_rest_is_shown(made):
    flat = msgspec.structs.replace(made.sets[0].analysis, fault="no gap here", tasks=[])
    report = msgspec.structs.replace(made.sets[0], analysis=flat, stages={}, unscored=2)
    evaluation = msgspec.structs.replace(made, sets=[report])

    assert "Not measured: no gap here." in render(evaluation)
    assert "Stages: none; 2 rows were decided without a score." in render(evaluation)
    assert "llmrouter_test: no gap here" in printed(evaluation)
    assert "Own cases" in printed(evaluation)


def test_an_attack_with_nothing_to_flip_says_so(made):
    # The one hard case is wrong before any attack.
    assert math.isnan(made.attacks[0].to_small.rate.value)
    assert "none to try" in render(made)
    assert "none to try" in printed(made)


def test_tables_fit_80_characters(made):
    assert "…" not in printed(made)
    assert max(map(len, printed(made).splitlines())) <= 80
