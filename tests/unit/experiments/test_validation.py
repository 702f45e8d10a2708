"""The comparison itself, and one short run against servers that answer."""

import asyncio
from dataclasses import replace

import pytest
from weighbridge_experiments import live, validation
from weighbridge_experiments.comparison import OTHERS, WORDS, compare, figures
from weighbridge_experiments.errors import ExperimentError
from weighbridge_experiments.pod import Engine
from weighbridge_experiments.progress import silent
from weighbridge_experiments.request import End, Request
from weighbridge_experiments.validation import Load
from weighbridge_experiments.world import simulate

LOAD = Load(6, "a trial", replace(validation.ENGINE, itl_s=0.001, ttft_s=0.005))
WORLD = LOAD.world(1.5)
WORLD = replace(WORLD, crowd=replace(WORLD.crowd, think_s=0.2))


def done(arrived, first, end, answer=11):
    request = Request(prompt=5, answer=answer, arrived_at=arrived, first_token_at=first)
    request.finish(End.ANSWERED, end)
    return request


def test_what_came_too_late_is_not_counted():
    requests = [done(0.0, 1.0, 2.0), done(1.0, 2.0, 9.0), done(8.0, 11.0, 12.0)]
    found = figures([[*requests, Request(1, 1)]], 8.0)
    assert found.ttft_p50 == 1.0
    assert found.itl_p50 == pytest.approx(0.1)
    assert (found.answers, found.tokens) == (1 / 8, 11 / 8)


def test_crowds_are_counted_together_and_rates_are_of_one():
    one, two = [done(0.0, 1.0, 2.0)], [done(0.0, 3.0, 4.0), done(0.0, 2.0, 3.0)]
    found = figures([one, two], 8.0)
    assert found.ttft_p50 == 2.0
    assert found.answers == 3 / 8 / 2


def test_a_simulation_beside_itself_is_off_by_nothing():
    comparison = compare(WORLD, 3, [simulate(WORLD, each).requests for each in (3, 4, 5)])
    for name in WORDS:
        assert comparison.error(name) == 0.0
        low, high = comparison.luck(name)
        assert low <= getattr(comparison.real, name) <= high
    assert comparison.within == len(WORDS)
    assert len(comparison.others) == OTHERS


def test_the_load_with_a_short_cache_preempts_and_the_others_do_not():
    found = {
        name: sum(each.preemptions for each in simulate(load.world(36.0), 1).requests)
        for name, load in validation.LOADS.items()
    }
    assert found["cache short"] > 10
    assert found["calm"] == found["crowded"] == 0


def test_what_no_simulation_gives_is_not_taken_for_luck():
    slow = [done(0.0, 1.0, 1.4), done(0.0, 1.1, 1.4)]
    assert compare(WORLD, 3, [slow]).within < len(WORDS)


async def test_servers_answer_the_same_users_as_the_simulation():
    told = []
    real = await live.ask_servers(WORLD, 2, 3, told.append)
    simulated = simulate(WORLD, 3).requests
    assert len(real) > 5
    assert {each.end for each in real} == {End.ANSWERED}
    assert all(each.arrived_at <= each.first_token_at <= each.ended_at for each in real)
    # Each user's first question, at least: later ones come when he has read the answer.
    both = {(each.prompt, each.answer) for each in real} & {
        (each.prompt, each.answer) for each in simulated
    }
    assert len(both) >= LOAD.users
    assert told[-1] == 1.0


async def test_a_server_that_does_not_start_is_told_with_the_way_out():
    # A cache that holds no context.
    engine = Engine(0.0, 0.0, 0.0, 0.0, max_num_seqs=1, kv_tokens=16)
    plan = replace(WORLD.tiers["only"], engine=engine)
    with pytest.raises(ExperimentError, match="to say where it is, came ''"):
        await live.ask_servers(replace(WORLD, tiers={"only": plan}), 1, 1, lambda _: None)


@pytest.mark.parametrize("tokens", [1, 2, 500])
def test_a_prompt_is_as_long_as_was_drawn(tokens):
    from weighbridge_simulator.tokens import count_tokens

    assert count_tokens(live._text(tokens, 123456).encode()) == tokens


def test_the_page_says_how_far_off_it_is(tmp_path, monkeypatch):
    monkeypatch.setattr(validation, "LOADS", {"a trial": LOAD})

    async def instead(world, pods, seed, _):
        await asyncio.sleep(0)
        assert pods == validation.PODS
        return simulate(world, seed + 100).requests

    monkeypatch.setattr(validation, "ask_servers", instead)
    page, plot = validation.run(tmp_path, 2, "make it", silent, seconds=60.0)
    text = page.read_text()
    assert "`make it`, seeds 2 to 4." in text
    assert "a trial: TTFT p95, ms" in text
    assert "$" not in text
    assert plot.read_text().startswith("<?xml")
