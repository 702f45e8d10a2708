"""The scheduler on its own. Times are short; only their order is asserted."""

import asyncio

import pytest
from weighbridge_simulator.engine import Engine
from weighbridge_simulator.failures import FailurePlan, Failures
from weighbridge_simulator.metrics import Metrics
from weighbridge_simulator.sequences import Generation
from weighbridge_simulator.settings import Settings
from weighbridge_simulator.tokens import hash_blocks

HEALTHY = Failures()


class Bench:
    """An engine with its metrics."""

    def __init__(self, failures=HEALTHY, **changes) -> None:
        sizes = {"kv_blocks": 64, "max_model_len": 1024, "ttft_ms": 1.0, "itl_ms": 1.0}
        self.settings = Settings(**(sizes | changes))
        self.metrics = Metrics(self.settings.max_model_len)
        self.engine = Engine(self.settings, self.metrics, FailurePlan(failures, seed=0))

    def submit(self, *targets, prompt=b"p" * 40, stream=False, stalls=False) -> Generation:
        now = asyncio.get_running_loop().time()
        generation = Generation(
            now, wakes_per_token=stream, max_tokens=9, n=len(targets), stalls=stalls
        )
        hashes = hash_blocks(prompt, self.settings.block_size)
        for target in targets:
            generation.add(len(prompt) // 4, hashes, target, "stop")
        self.engine.submit(generation)
        return generation


async def finish(*generations):
    for generation in generations:
        while generation.unfinished:
            await generation.changed()


async def test_every_sequence_gets_all_its_tokens():
    bench = Bench()
    generation = bench.submit(3, 7)
    await finish(generation)
    assert [sequence.produced for sequence in generation.sequences] == [3, 7]
    assert bench.metrics.generation_tokens == 10
    assert bench.metrics.prompt_tokens == 20
    assert bench.metrics.finished["stop"] == 2
    assert sum(bench.metrics.time_to_first_token.counts) == 2
    assert sum(bench.metrics.inter_token_latency.counts) == 8
    assert (bench.engine.running, bench.engine.kv_usage) == (0, 0.0)


async def test_without_delays_a_request_is_done_once_submitted():
    bench = Bench(speed=0.0)
    generation = bench.submit(50)
    assert generation.unfinished == 0
    assert sum(bench.metrics.inter_token_latency.counts) == 49
    await generation.changed()


async def test_no_more_run_than_there_are_places_and_they_run_in_order_of_arrival():
    bench = Bench(max_num_seqs=2)
    generations = [bench.submit(5) for _ in range(5)]
    assert (bench.engine.running, bench.engine.waiting) == (2, 3)
    await finish(*generations)
    admitted = [generation.sequences[0].admitted_at for generation in generations]
    assert admitted == sorted(admitted)
    assert len(set(admitted)) > 1


async def test_those_for_whom_no_blocks_are_left_wait():
    bench = Bench(ttft_ms=60_000.0)
    bench.submit(1, prompt=b"a" * 4 * 1000)
    bench.submit(1, prompt=b"b" * 4 * 100)
    assert (bench.engine.running, bench.engine.waiting) == (1, 1)
    assert bench.engine.kv_usage == pytest.approx(63 / 64)


async def test_the_newest_is_preempted_when_blocks_run_out_and_still_gets_all_tokens():
    bench = Bench(kv_blocks=8, max_model_len=128, prefix_caching=False)
    old, new = bench.submit(100, prompt=b"a" * 4), bench.submit(100, prompt=b"b" * 4)
    await finish(old, new)
    assert old.sequences[0].preemptions == 0
    assert new.sequences[0].preemptions >= 1
    assert bench.metrics.preemptions == new.sequences[0].preemptions
    assert [each.sequences[0].produced for each in (old, new)] == [100, 100]
    assert bench.metrics.prompt_tokens == 2
    assert sum(bench.metrics.time_to_first_token.counts) == 2
    assert bench.engine.kv_usage == 0.0


async def test_an_aborted_request_frees_its_blocks_and_lets_the_next_one_run():
    bench = Bench(max_num_seqs=1, itl_ms=60_000.0, ttft_ms=60_000.0)
    first, second = bench.submit(9), bench.submit(9)
    bench.engine.abort(first)
    assert (bench.engine.running, bench.engine.waiting) == (1, 0)
    bench.engine.abort(second)
    assert (bench.engine.running, bench.engine.kv_usage) == (0, 0.0)
    assert bench.metrics.finished["abort"] == 2


async def test_aborting_what_waits_or_has_ended_is_harmless():
    bench = Bench(max_num_seqs=1, speed=0.0)
    done = bench.submit(3)
    bench.engine.abort(done)
    assert bench.metrics.finished["abort"] == 0
    slow = Bench(max_num_seqs=1, ttft_ms=60_000.0)
    slow.submit(3)
    waiting = slow.submit(3)
    slow.engine.abort(waiting)
    assert (slow.engine.running, slow.engine.waiting) == (1, 0)


async def test_a_prompt_seen_before_hits_the_cache():
    bench = Bench(speed=0.0)
    bench.submit(1, prompt=b"x" * 4 * 100)
    bench.submit(1, prompt=b"x" * 4 * 100)
    assert bench.metrics.prefix_cache_queries == 200
    assert bench.metrics.prefix_cache_hits == 96
    assert bench.metrics.prompt_tokens_cached == 96


async def test_a_cached_prompt_is_faster():
    bench = Bench(ttft_ms=0.0, prefill_us_per_token=500.0)
    cold = bench.submit(1, prompt=b"x" * 4 * 100)
    await finish(cold)
    warm = bench.submit(1, prompt=b"x" * 4 * 100)
    await finish(warm)
    first, second = cold.sequences[0], warm.sequences[0]
    assert first.first_token_at - cold.arrived_at > second.first_token_at - warm.arrived_at


async def test_an_embedding_is_prefill_only():
    bench = Bench()
    await finish(bench.submit(0))
    assert bench.metrics.generation_tokens == 0
    assert bench.metrics.prompt_tokens == 10
    assert sum(bench.metrics.time_to_first_token.counts) == 0
    assert bench.metrics.finished["stop"] == 1


async def test_factors_slow_it_down():
    plain, slow = Bench(), Bench(Failures(ttft_factor=40.0, itl_factor=30.0))
    quick, late = plain.submit(5), slow.submit(5)
    await finish(quick)
    assert late.unfinished
    await finish(late)
    sequence = late.sequences[0]
    assert sequence.first_token_at - late.arrived_at > 0.03
    assert sequence.last_token_at - sequence.first_token_at > 0.06


async def test_a_stall_shows_as_one_long_gap():
    bench = Bench(Failures(stall_seconds=0.3))
    await finish(bench.submit(10, stalls=True))
    gaps = bench.metrics.inter_token_latency
    slow = [bound for bound, count in zip(gaps.bounds, gaps.counts, strict=False) if count]
    assert max(slow) >= 0.3


async def test_streams_wake_with_each_token_and_others_once():
    bench = Bench(itl_ms=5.0)
    stream, whole = bench.submit(4, stream=True), bench.submit(4)
    wakes = 0
    while stream.unfinished:
        await stream.changed()
        wakes += 1
    assert wakes == 4
    await whole.changed()
    assert whole.unfinished == 0


async def test_the_same_seed_draws_the_same_jitter():
    def gaps(seed):
        engine = Bench(itl_jitter=0.5, seed=seed).engine
        return [engine._decode_seconds() for _ in range(5)]

    assert gaps(1) == gaps(1) != gaps(2)


async def test_jitter_leaves_the_mean():
    engine = Bench(itl_ms=20.0, itl_jitter=0.5, batch_interference=0.0).engine
    draws = [engine._decode_seconds() for _ in range(5000)]
    assert 0.0195 < sum(draws) / len(draws) < 0.0205


async def test_jitter_of_the_first_token_leaves_its_mean():
    bench = Bench(ttft_ms=300.0, ttft_jitter=0.5, prefill_us_per_token=0.0)
    bench.submit(1)
    (sequence,) = bench.engine._running
    draws = [bench.engine._prefill_seconds(sequence) for _ in range(5000)]
    assert 0.29 < sum(draws) / len(draws) < 0.31
    assert len(set(draws)) > 4000


async def test_more_running_sequences_make_steps_longer():
    bench = Bench(itl_jitter=0.0, batch_interference=0.1, ttft_ms=60_000.0)
    alone = bench.engine._decode_seconds()
    bench.submit(1, 1, 1, 1, 1)
    assert bench.engine._decode_seconds() == pytest.approx(alone * 1.5)


async def test_a_step_takes_time_only_for_those_that_are_still_there():
    bench = Bench(ttft_ms=20.0)
    gone, stays = bench.submit(2), bench.submit(2, prompt=b"other")
    bench.engine.abort(gone)
    await finish(stays)
    assert bench.metrics.generation_tokens == 2
    assert sum(bench.metrics.iteration_tokens.counts) == 2


async def test_whoever_is_preempted_in_a_step_gets_nothing_from_it():
    bench = Bench(kv_blocks=4, max_model_len=64, itl_jitter=0.0, prefix_caching=False)
    pair = bench.submit(45, 45, prompt=b"a" * 4)
    await finish(pair)
    assert bench.metrics.preemptions >= 1
    assert [sequence.produced for sequence in pair.sequences] == [45, 45]
    assert bench.metrics.generation_tokens == 90


async def test_the_newest_gives_way_also_when_it_is_itself_that_needs_a_block():
    bench = Bench(kv_blocks=6, max_model_len=96, itl_jitter=0.0, prefix_caching=False)
    old, new = bench.submit(70, prompt=b"a" * 4), bench.submit(70, prompt=b"b" * 36)
    await finish(old, new)
    assert (old.sequences[0].preemptions, old.sequences[0].produced) == (0, 70)
    assert new.sequences[0].preemptions >= 1
    assert new.sequences[0].produced == 70


async def test_who_comes_later_but_is_due_sooner_is_served_sooner():
    bench = Bench(ttft_ms=0.0, prefill_us_per_token=1000.0)
    long, short = bench.submit(1, prompt=b"l" * 4 * 300), bench.submit(1, prompt=b"s" * 4 * 5)
    await finish(short)
    assert long.unfinished == 1
    await finish(long)


async def test_no_client_waits_for_another_one_that_reads_slowly():
    bench = Bench()
    slow, quick = bench.submit(20, stream=True), bench.submit(20, stream=True)
    await slow.changed()
    await finish(quick)
    await finish(slow)
    assert [each.sequences[0].produced for each in (slow, quick)] == [20, 20]
