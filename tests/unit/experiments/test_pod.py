"""The pod against what can be computed by hand, and against the theory of queues."""

import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from unit.experiments.worlds import QUICK, arrivals, serve
from weighbridge_experiments.clock import Clock
from weighbridge_experiments.errors import ExperimentError
from weighbridge_experiments.pod import Engine, Pod
from weighbridge_experiments.request import End, Request

TINY = replace(QUICK, kv_tokens=600)


def test_a_request_alone_takes_its_first_token_and_a_step_for_each_other():
    request = Request(prompt=50, answer=11)
    serve(QUICK, [request])
    assert request.ttft == pytest.approx(0.1 + 50 * 0.001)
    assert request.itl == pytest.approx(0.02 * 1.05)
    assert request.end is End.ANSWERED


def test_two_at_once_slow_each_other_down_while_both_run():
    short, long = Request(prompt=50, answer=11), Request(prompt=50, answer=21)
    serve(QUICK, [short, long])
    assert short.itl == pytest.approx(0.02 * 1.1)
    # Ten tokens beside the other, ten alone.
    assert long.itl == pytest.approx((10 * 0.02 * 1.1 + 10 * 0.02 * 1.05) / 20)


def test_no_more_run_than_there_are_places_and_they_start_in_order():
    requests = [Request(prompt=1, answer=20) for _ in range(5)]
    serve(replace(QUICK, max_num_seqs=2), requests)
    admitted = [request.admitted_at for request in requests]
    assert admitted == sorted(admitted)
    assert admitted[:3].count(0.0) == 2


def test_one_server_with_exponential_times_is_the_queue_of_the_textbook():
    # M/M/1 with 0.5 arrivals and 0.8 answers a second: waits of rho / (mu - lambda) on average.
    engine = Engine(0.0, 0.0, 0.01, 0.0, max_num_seqs=1, kv_tokens=10**9)
    theory = (0.5 / 0.8) / (0.8 - 0.5)
    means = []
    for seed in range(30):
        requests = arrivals(seed, 6000, 0.5, tokens=1.25 / 0.01)
        serve(engine, requests)
        means.append(np.mean([each.admitted_at - each.arrived_at for each in requests[500:]]))
    error = np.std(means, ddof=1) / np.sqrt(len(means))
    # Seeds are fixed, so this holds always or never: three standard errors, and they are small.
    assert error < 0.05 * theory
    assert np.mean(means) == pytest.approx(theory, abs=3 * error)


@given(
    seed=st.integers(0, 10**6),
    places=st.integers(1, 12),
    kv_tokens=st.integers(400, 3000),
    rate=st.floats(0.5, 30),
)
@settings(max_examples=60, deadline=None)
def test_every_request_ends_once_with_all_its_tokens(seed, places, kv_tokens, rate):
    requests = arrivals(seed, 60, rate, tokens=30)
    requests = [each for each in requests if each.answer < 300]
    serve(replace(QUICK, max_num_seqs=places, kv_tokens=kv_tokens), requests)
    assert [each.end for each in requests] == [End.ANSWERED] * len(requests)
    assert all(each.produced >= each.answer for each in requests)
    assert all(each.arrived_at <= each.admitted_at for each in requests)
    assert all(each.admitted_at < each.first_token_at <= each.ended_at for each in requests)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("rate", [3.0, 8.0, 20.0])
def test_more_places_never_make_the_queue_longer(seed, rate):
    # Without interference: with it, more that run are slower.
    engine = replace(QUICK, interference=0.0, kv_tokens=10**9)
    few = serve(replace(engine, max_num_seqs=2), arrivals(seed, 200, rate))
    many = serve(replace(engine, max_num_seqs=6), arrivals(seed, 200, rate))
    assert all(more <= less for more, less in zip(many, few, strict=True))
    assert sum(few) > 0


@pytest.mark.parametrize("seed", range(5))
def test_more_pods_never_make_anyone_wait_longer(seed):
    engine = replace(QUICK, max_num_seqs=1, kv_tokens=10**9)
    waits = []
    for pods in (1, 2, 4):
        requests = arrivals(seed, 200, 1.0)
        serve(engine, requests, pods)
        waits.append(max(each.admitted_at - each.arrived_at for each in requests))
    assert waits == sorted(waits, reverse=True)
    assert waits[0] > waits[2]


def test_when_the_cache_is_full_the_newest_is_preempted_and_comes_back():
    requests = [Request(prompt=100, answer=250) for _ in range(3)]
    serve(TINY, requests)
    assert requests[0].preemptions == 0
    assert requests[2].preemptions > 0
    assert {each.end for each in requests} == {End.ANSWERED}


def test_a_preempted_request_keeps_the_time_of_its_first_token():
    requests = [Request(prompt=100, answer=250) for _ in range(3)]
    serve(TINY, requests)
    assert requests[2].preemptions
    assert requests[2].ttft == pytest.approx(0.1 + 100 * 0.001)


def test_the_cache_is_empty_when_all_are_gone_and_never_more_than_full():
    clock = Clock()
    pod = Pod(clock, TINY, lambda _: None, random.Random(0))
    for request in arrivals(1, 50, 5.0, tokens=60):
        clock.at(request.arrived_at, lambda request=request: pod.submit(request))
    usages = []
    clock.every(0.05, lambda: usages.append(pod._used / TINY.kv_tokens), until=120.0)
    clock.run()
    assert 0.5 < max(usages) <= 1 + 1e-9
    assert (pod.kv_usage, pod.load) == (0.0, 0)


def test_whoever_is_on_a_pod_that_dies_is_cut():
    clock, ended = Clock(), []
    pod = Pod(clock, replace(QUICK, max_num_seqs=2), ended.append, random.Random(0))
    requests = [Request(prompt=10, answer=100) for _ in range(4)]
    for request in requests:
        pod.submit(request)
    clock.run(1.0)
    pod.kill()
    clock.run()
    assert ended == requests
    assert {each.end for each in requests} == {End.CUT}
    assert {each.ended_at for each in requests} == {1.0}


def test_a_request_that_can_never_fit_is_refused_with_the_way_out():
    with pytest.raises(ExperimentError, match="fit a KV cache of 600 tokens, came one of 1000"):
        serve(TINY, [Request(prompt=400, answer=600)])


def test_jitter_spreads_first_tokens_around_the_same_mean():
    requests = [Request(prompt=50, answer=1, arrived_at=float(each)) for each in range(2000)]
    serve(replace(QUICK, ttft_jitter=0.3), requests)
    times = [each.ttft for each in requests]
    assert np.mean(times) == pytest.approx(0.15, rel=0.03)
    assert np.std(times) / np.mean(times) == pytest.approx(0.3, rel=0.1)


def test_a_request_that_ended_can_not_end_again():
    request = Request(prompt=1, answer=1)
    request.finish(End.ANSWERED, 1.0)
    with pytest.raises(RuntimeError, match="end once; answered, and now cut"):
        request.finish(End.CUT, 2.0)
