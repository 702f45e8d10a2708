"""Engines computed from data sheets: no figure is known, but which is larger is."""

from dataclasses import replace

import pytest
from weighbridge_experiments.errors import ExperimentError
from weighbridge_experiments.hardware import LARGE, SMALL, Server


def throughput(server: Server, running: int) -> float:
    return running / server.engine(500.0).token_s(running)


@pytest.mark.parametrize("server", [SMALL, LARGE])
def test_more_that_run_make_more_tokens_but_each_of_them_later(server):
    engine = server.engine(500.0)
    assert throughput(server, 64) > throughput(server, 16) > throughput(server, 1)
    assert engine.token_s(64) > engine.token_s(16)


def test_a_faster_gpu_is_faster():
    slow, fast = SMALL.engine(500.0), replace(SMALL, gpu="nvidia-l40s").engine(500.0)
    assert fast.itl_s < slow.itl_s
    assert fast.prefill_s < slow.prefill_s
    assert fast.kv_tokens > slow.kv_tokens


def test_a_cache_in_eight_bits_holds_twice_the_tokens():
    tokens = [replace(LARGE, kv_bytes=each).engine(500.0).kv_tokens for each in (1, 2)]
    assert tokens[0] == pytest.approx(2 * tokens[1], abs=2)


def test_longer_requests_are_slower_beside_others_and_not_alone():
    short, long = SMALL.engine(100.0), SMALL.engine(2000.0)
    assert long.itl_s == short.itl_s
    assert long.interference > short.interference


def test_a_pod_costs_its_gpus():
    assert replace(LARGE, count=4).dollars_per_hour == 2 * LARGE.dollars_per_hour > 0


def test_a_gpu_without_data_sheet_is_told_with_the_way_out():
    with pytest.raises(ExperimentError, match=r"came nvidia-a10g: add it to SPEEDS"):
        replace(SMALL, gpu="nvidia-a10g").engine(500.0)


@pytest.mark.parametrize("server", [SMALL, LARGE])
def test_pods_are_those_of_the_charts_presets(server):
    from pathlib import Path

    import yaml

    presets = Path(__file__).parents[3] / "models" / "chart" / "presets"
    values = yaml.safe_load((presets / f"{server.model}.yaml").read_text())
    assert values["precision"] == "fp8"
    assert values["gpu"] == {"type": server.gpu, "count": server.count}
    assert values["vllm"]["maxModelLen"] == server.context
    assert values["vllm"]["maxNumSeqs"] == server.max_num_seqs
    assert (values["vllm"].get("kvCacheDtype") == "fp8") == (server.kv_bytes == 1)
