"""Steps: each in words, and the weight that the controller works towards."""

import pytest
from unit.canary import documents as d
from weighbridge.canary.argo_rollout import Rollout, Step
from weighbridge.canary.steps import in_words, position, seconds

MATCH = [{"headerName": "x-weighbridge-canary", "headerValue": {"exact": "small"}}]


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ({"setWeight": 5}, "weight 5 %"),
        ({"setWeight": 0}, "weight 0 %"),
        ({"pause": {}}, "pause until promoted"),
        ({"pause": {"duration": 30}}, "pause 30 s"),
        ({"pause": {"duration": "10m"}}, "pause 10m"),
        (
            {"analysis": {"templates": [{"templateName": "a"}, {"templateName": "b"}]}},
            "analysis a, b",
        ),
        (
            {"analysis": {"templates": [{"templateName": "weighbridge-smoke"}]}},
            "analysis smoke",
        ),
        ({"analysis": {"templates": [{"templateName": "a"}] * 8}}, "analysis by 8 templates"),
        ({"setCanaryScale": {"replicas": 1}}, "canary of 1 pod"),
        ({"setCanaryScale": {"replicas": 2}}, "canary of 2 pods"),
        ({"setCanaryScale": {"weight": 25}}, "canary of 25 % of the pods"),
        (
            {"setCanaryScale": {"matchTrafficWeight": True}},
            "as many canary pods as the weight asks",
        ),
        ({"setHeaderRoute": {"name": "h", "match": MATCH}}, "open header route h"),
        ({"setHeaderRoute": {"name": "h"}}, "close header route h"),
        ({"setMirrorRoute": {"name": "m", "percentage": 10, "match": [{}]}}, "mirror 10 % by m"),
        ({"setMirrorRoute": {"name": "m", "match": [{}]}}, "mirror 100 % by m"),
        ({"setMirrorRoute": {"name": "m"}}, "close mirror m"),
        ({"experiment": {"templates": []}}, "experiment"),
        ({"plugin": {"name": "acme/step"}}, "plugin acme/step"),
        ({"somethingNewer": {}}, "unknown step"),
    ],
)
def test_a_step_is_said_in_words(step, words):
    assert in_words(Step.read(step)) == words


@pytest.mark.parametrize(
    ("status", "weight"),
    [
        ({"currentStepIndex": 0}, 0),
        ({"currentStepIndex": 3}, 0),
        ({"currentStepIndex": 4}, 5),
        ({"currentStepIndex": 5}, 5),
        ({"currentStepIndex": 7}, 50),
        ({"currentStepIndex": 8}, 100),
        ({"currentStepIndex": 4, "promoteFull": True}, 100),
        ({"currentStepIndex": 0, "abort": True}, 0),
        ({"currentStepIndex": 8, "stableRS": d.CANARY}, 0),
        ({"currentStepIndex": None}, 0),
    ],
)
def test_the_weight_wanted_is_the_last_one_set_by_a_step(status, weight):
    assert position(Rollout.read(d.rollout(**status))).weight == weight


@pytest.mark.parametrize(
    ("duration", "lasts"),
    [(30, 30), ("45", 45), ("45s", 45), ("10m", 600), ("2h", 7200), (None, None), ("soon", None)],
)
def test_a_pause_lasts_so_many_seconds(duration, lasts):
    assert seconds(duration) == lasts
