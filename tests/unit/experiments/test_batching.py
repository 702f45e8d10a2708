"""The experiment with less of everything, and the waste of blocks by hand."""

import re
from dataclasses import replace

import pytest
from weighbridge_experiments import batching
from weighbridge_experiments.batching_runs import try_pod, waste, whole_context
from weighbridge_experiments.hardware import SMALL
from weighbridge_experiments.progress import silent
from weighbridge_experiments.traffic import CONTEXT

ENGINE = SMALL.engine(600.0)
BLOCKS = (1, 16, 64, 256)


def test_blocks_of_one_token_waste_nothing_and_larger_ones_ever_more():
    spares = [each.spare for each in waste(BLOCKS, 1)]
    assert spares[0] == 0.0
    assert spares == sorted(spares)
    assert spares[-1] > 0.05


def test_half_a_block_is_spare_on_average_as_the_pod_assumes():
    one, sixteen, *_ = waste(BLOCKS, 1)
    assert sixteen.held - one.held == pytest.approx(15 / 2, rel=0.03)


def test_the_whole_context_for_each_holds_fewest():
    whole = whole_context(1)
    assert whole.held == CONTEXT
    assert whole.fit(10 * CONTEXT) == 10
    assert whole.fit(10 * CONTEXT) < min(each.fit(10 * CONTEXT) for each in waste(BLOCKS, 1))


def test_more_clients_make_more_tokens_and_longer_gaps():
    few, many = (try_pod(ENGINE, clients, 1, 600.0) for clients in (2, 16))
    assert many.tokens > few.tokens
    assert many.itl_p50 > few.itl_p50
    assert many.running > few.running


def test_fewer_places_make_shorter_gaps_and_longer_waits():
    narrow, wide = (
        try_pod(replace(ENGINE, max_num_seqs=places), 16, 1, 900.0) for places in (4, 16)
    )
    assert narrow.itl_p50 < wide.itl_p50
    assert narrow.ttft_p95 > wide.ttft_p95
    assert narrow.tokens < wide.tokens


def test_a_cache_that_is_too_small_preempts_and_makes_fewer_tokens():
    small, large = (
        try_pod(replace(ENGINE, kv_tokens=tokens), 16, 1, 600.0) for tokens in (4500, 10**6)
    )
    assert small.preemptions > 0 == large.preemptions
    assert small.tokens < large.tokens


def test_the_page_is_whole_and_the_same_twice(tmp_path, monkeypatch):
    monkeypatch.setattr(batching, "CLIENTS", {"small": (2, 8), "large": (2, 8)})
    monkeypatch.setattr(batching, "PLACES", (2, 8))
    monkeypatch.setattr(batching, "CROWDED", 12)
    pages = []
    for folder in ("one", "two"):
        written = batching.run(tmp_path / folder, 3, "make it", silent, seconds=600.0)
        pages.append([path.read_bytes() for path in written])
    assert pages[0] == pages[1]
    text = pages[0][0].decode()
    assert "`make it`, seed 3" in text
    assert "$" not in text
    assert not re.search(r"\bnan\b", text)
    assert text.count("8 clients |") == 2
