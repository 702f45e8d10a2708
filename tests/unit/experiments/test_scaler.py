import pytest
from weighbridge_experiments.scaler import Scaler, Scaling

QUIET = {"waiting": 0.0, "kv_usage": 0.1, "seats_usage": 0.1}


@pytest.mark.parametrize(
    ("pods", "waiting", "kv_usage", "seats_usage", "wanted"),
    [
        (1, 0.0, 0.5, 0.5, 1),
        (1, 4.3, 0.5, 0.5, 1),  # within a tenth of the target
        (1, 5.0, 0.5, 0.5, 2),
        (1, 0.0, 0.95, 0.5, 2),
        (1, 0.0, 0.1, 1.0, 2),  # full, and nobody waits
        (2, 8.7, 1.0, 1.0, 2),
        (2, 11.0, 1.0, 1.0, 3),
        (3, 500.0, 1.0, 1.0, 5),  # two a minute
        (9, 500.0, 9.0, 9.0, 10),  # the most
    ],
)
def test_the_metric_that_wants_most_says_how_many(pods, waiting, kv_usage, seats_usage, wanted):
    assert Scaler(Scaling()).decide(0.0, pods, waiting, kv_usage, seats_usage) == wanted


@pytest.mark.parametrize(("target", "wanted"), [(0.8, 4), (0.0, 2)], ids=["on", "off"])
def test_places_count_unless_they_are_not_looked_at(target, wanted):
    scaler = Scaler(Scaling(seats_usage=target))
    assert scaler.decide(0.0, 2, waiting=0.0, kv_usage=1.6, seats_usage=2.5) == wanted


def test_pods_come_two_a_minute():
    scaler, pods, seen = Scaler(Scaling()), 1, []
    for look in range(13):
        pods = scaler.decide(look * 15.0, pods, 1000.0, 1.0, 1.0)
        seen.append(pods)
    assert seen == [3, 3, 3, 3, 5, 5, 5, 5, 7, 7, 7, 7, 9]


def test_pods_go_one_by_one_after_a_lull():
    scaler, pods = Scaler(Scaling(down_s=60.0)), 3
    scaler.decide(0.0, pods, 12.0, 1.0, 1.0)
    went = []
    for look in range(1, 16):
        left = scaler.decide(look * 15.0, pods, **QUIET)
        if left < pods:
            went.append(look * 15.0)
        pods = left
    assert went == [75.0, 135.0]
    assert pods == 1


def test_a_short_lull_takes_nothing_away():
    scaler = Scaler(Scaling(down_s=60.0))
    for look in range(40):
        busy = look % 4 == 0
        assert scaler.decide(look * 15.0, 3, 12.0 if busy else 0.0, 1.0, 1.0) == 3


def test_never_fewer_than_the_least():
    scaler = Scaler(Scaling(least=2, down_s=15.0))
    assert [scaler.decide(look * 15.0, 2, **QUIET) for look in range(9)] == [2] * 9


def test_the_defaults_are_the_charts():
    from pathlib import Path

    import yaml

    chart = Path(__file__).parents[3] / "models" / "chart" / "values.yaml"
    values = yaml.safe_load(chart.read_text())["autoscaling"]
    scaling = Scaling()
    assert scaling.least == values["minReplicas"]
    assert scaling.waiting == values["waiting"]
    assert scaling.kv_usage == values["kvCacheUsage"]
    assert scaling.seats_usage == values["maxNumSeqsUsage"]
    assert scaling.pods_per_minute == values["behavior"]["podsPerMinute"]
    assert scaling.down_s == values["behavior"]["scaleDownSeconds"]
