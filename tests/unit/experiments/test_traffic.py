import random

import numpy as np
import pytest
from weighbridge_experiments.clock import Clock
from weighbridge_experiments.traffic import CONTEXT, Crowd, Lengths, User

CROWD = Crowd(low=10, high=100, seconds=1000.0)


def test_lengths_have_the_mean_that_was_asked_for():
    dice = random.Random(1)
    drawn = [Lengths(spread=0.5).draw(dice) for _ in range(4000)]
    assert np.mean([each.prompt for each in drawn]) == pytest.approx(160, rel=0.05)
    assert np.mean([each.answer for each in drawn]) == pytest.approx(340, rel=0.05)


def test_the_longest_fit_a_context():
    dice = random.Random(1)
    drawn = [Lengths(3000.0, 3000.0, 2.0).draw(dice) for _ in range(500)]
    assert max(each.prompt + each.answer for each in drawn) == CONTEXT
    assert min(min(each.prompt, each.answer) for each in drawn) >= 1


def test_what_runs_holds_what_was_computed():
    dice = random.Random(2)
    lengths = Lengths(spread=0.6)
    drawn = [lengths.draw(dice) for _ in range(20_000)]
    # Each holds its prompt and on average half of its answer, for as long as its answer is.
    weights = [each.answer for each in drawn]
    held = np.average([each.prompt + each.answer / 2 for each in drawn], weights=weights)
    assert held == pytest.approx(lengths.typical_tokens, rel=0.05)


@pytest.mark.parametrize(("now", "users"), [(0, 10), (500, 100), (1000, 10), (250, 55)])
def test_users_come_and_go_along_the_curve(now, users):
    assert CROWD.users(now) == pytest.approx(users)
    there = sum(comes <= now <= leaves for comes, leaves in map(CROWD.stay, range(100)))
    assert there == pytest.approx(users, abs=1)


def test_a_user_asks_no_more_once_he_has_gone():
    clock, asked = Clock(), []

    def ask(user):
        asked.append(clock.now)
        user.think()

    User(clock, random.Random(1), 10.0, 300.0, ask).think()
    clock.run()
    assert 10 < len(asked) < 60
    assert max(asked) < 300
