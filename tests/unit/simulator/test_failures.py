import msgspec
import pytest
from weighbridge_simulator.failures import FailurePlan, Failures, Fate


def test_a_healthy_plan_spares_everyone():
    plan = FailurePlan(Failures(), seed=0)
    assert {plan.draw() for _ in range(100)} == {Fate()}


def test_rates_are_met_and_repeat_with_the_seed():
    failures = Failures(error_rate=0.3, error_status=503, stall_rate=0.5, cut_rate=0.1)
    first = [FailurePlan(failures, seed=4)] * 2000
    fates = [plan.draw() for plan in first]
    again = FailurePlan(failures, seed=4)
    assert fates == [again.draw() for _ in fates]
    assert 0.25 < sum(fate.error_status == 503 for fate in fates) / 2000 < 0.35
    assert 0.45 < sum(fate.stalls for fate in fates) / 2000 < 0.55
    assert 0.07 < sum(fate.is_cut for fate in fates) / 2000 < 0.13


def test_watchers_see_the_first_failures_and_every_later_ones():
    seen = []
    plan = FailurePlan(Failures(), seed=0)
    plan.watch(seen.append)
    plan.replace(Failures(refuse=True))
    assert seen == [Failures(), Failures(refuse=True)]
    assert plan.current.refuse


@pytest.mark.parametrize(
    "given",
    [
        {"error_rate": 1.1},
        {"cut_rate": -0.1},
        {"error_status": 200},
        {"itl_factor": -1.0},
        {"garbage_usage": "some"},
        {"eror_rate": 0.5},
    ],
)
def test_impossible_failures_are_refused(given):
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(given, Failures)
