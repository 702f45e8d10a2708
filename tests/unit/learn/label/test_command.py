"""Every option of `weighbridge learn label` arrives where it is used."""

import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner
from weighbridge.cli import app
from weighbridge.errors import LearnError
from weighbridge.learn.label import run
from weighbridge.learn.label.options import Endpoint, LabelOptions, Method, Price, Sampling

REQUIRED = (
    "learn",
    "label",
    "p.jsonl",
    "--small",
    "http://s",
    "--large",
    "http://l/v1",
    "--out",
    "o.jsonl",
)


@pytest.fixture
def asked(monkeypatch):
    """The options that a command line comes to."""
    given = []

    def run_label(options):
        given.append(options)
        return 0

    monkeypatch.setattr(run, "run_label", run_label)

    def invoke(*arguments):
        result = CliRunner().invoke(app, [*REQUIRED, *arguments], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return given[-1]

    return invoke


def test_what_is_left_out_has_its_default(asked):
    assert asked() == LabelOptions(
        prompts=Path("p.jsonl"),
        out=Path("o.jsonl"),
        small=Endpoint("http://s/v1"),
        large=Endpoint("http://l/v1"),
    )


def test_every_option_is_taken(asked):
    words = """
        --judge http://j/v1 --small-model a --large-model b --judge-model c
        --small-price 1,2 --large-price 3,4 --judge-price 5,6
        --max-tokens 7 --temperature 0.5 --seed 8 --judge-max-tokens 9 --judge-temperature 1
        --concurrency 10 --timeout 11 --patience 12 --limit 13 --budget 14 --yes
        --allow-code-execution
    """.split()
    assert asked(*words) == LabelOptions(
        prompts=Path("p.jsonl"),
        out=Path("o.jsonl"),
        small=Endpoint("http://s/v1", "a", Price(1, 2)),
        large=Endpoint("http://l/v1", "b", Price(3, 4)),
        judge=Endpoint("http://j/v1", "c", Price(5, 6)),
        method=Method.JUDGE,
        sampling=Sampling(7, 0.5, 8),
        judge_sampling=Sampling(9, 1.0, 8),
        concurrency=10,
        timeout_s=11.0,
        patience_s=12.0,
        limit=13,
        budget=14.0,
        yes=True,
        allow_code=True,
    )


@pytest.mark.parametrize("name", ["exact", "regex", "tests"])
def test_judge_names_a_verifier(asked, name):
    assert asked("--judge", name).method == name


def test_the_exit_status_is_the_runs(monkeypatch):
    monkeypatch.setattr(run, "run_label", lambda _: 130)
    assert CliRunner().invoke(app, REQUIRED).exit_code == 130


def test_a_missing_extra_is_told_with_the_way_out(monkeypatch):
    monkeypatch.delitem(sys.modules, "weighbridge.learn.label.run")
    monkeypatch.delitem(sys.modules, "weighbridge.learn.label.pools", raising=False)
    monkeypatch.setitem(sys.modules, "openai", None)
    with pytest.raises(LearnError, match=r"needs openai: pip install 'weighbridge\[learn\]'"):
        CliRunner().invoke(app, REQUIRED, catch_exceptions=False)
