"""`weighbridge top`: once, for scripts, again and again; and what it says where it can't."""

import json

import pytest
from typer.testing import CliRunner
from unit.observing.fake_prometheus import serving, table
from weighbridge.cli import app
from weighbridge.errors import ObservingError
from weighbridge.observing import commands

SERIES = {
    "gateway:requests:rate": [({"__name__": "gateway:requests:rate"}, "12.5")],
    "tier:gateway_requests:rate": [({"tier": "small"}, "9"), ({"tier": "large"}, "3.5")],
}


def top(*words):
    return CliRunner().invoke(app, ["top", *words])


def test_once_prints_the_overview():
    with serving(table(SERIES)) as url:
        ended = top("--prometheus", url, "--once")

    assert ended.exit_code == 0, ended.output
    assert "Weighbridge / Overview" in ended.output
    assert "small 9/s" in ended.output
    assert "no data" in ended.output


def test_the_address_may_come_from_the_environment(monkeypatch):
    with serving(table(SERIES)) as url:
        monkeypatch.setenv("WEIGHBRIDGE_PROMETHEUS", url)
        assert top("--once").exit_code == 0


def test_json_is_for_scripts():
    with serving(table(SERIES)) as url:
        said = json.loads(top("--prometheus", url, "--json").output)

    (requests,) = [p for p in said["panels"] if p["panel"] == "Requests"]
    assert {s["name"]: s["value"] for s in requests["series"]} == {
        "all": 12.5,
        "small": 9,
        "large": 3.5,
    }


def test_an_unknown_page_is_answered_with_those_there_are():
    with pytest.raises(ObservingError, match=r"overview, router, pools, canary, slo\), came 'gpu'"):
        raise top("gpu", "--once").exception


def test_a_prometheus_without_our_rules_is_told_of():
    with serving(table({})) as url, pytest.raises(ObservingError, match="none of these series"):
        raise top("--prometheus", url, "--once").exception


def test_it_looks_again_until_it_is_left_and_a_failure_on_the_way_is_told(monkeypatch):
    left = iter([False, False, True])
    answers = table(SERIES)
    failing = []

    def sleep(_):
        if next(left):
            raise KeyboardInterrupt
        failing.append(len(failing) == 0)

    def answer(expr):
        return (503, b"starting") if failing and failing[-1] else answers(expr)

    monkeypatch.setattr(commands, "sleep", sleep)
    with serving(answer) as url:
        ended = top("--prometheus", url)

    assert ended.exit_code == 0
    assert ended.output.count("Weighbridge / Overview") == 2
    assert "is no Prometheus: expected the JSON of its API, came 'starting'" in ended.stderr
