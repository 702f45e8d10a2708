"""What fits, what does not and why, and what would."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs
from weighbridge.catalog import Model, Precision, load_catalog
from weighbridge.errors import SettingsError
from weighbridge.sizing.gpus import load_gpus
from weighbridge.sizing.memory import Serving
from weighbridge.sizing.placement import cheapest, gibibytes, least, place, refusal, way_out

MODELS, GPUS = load_catalog(), load_gpus()
GEMMA, LLAMA = MODELS["gemma-2-9b-it"], MODELS["llama-3.3-70b-instruct"]
L4, H100 = GPUS["nvidia-l4"], GPUS["nvidia-h100-80gb"]
EIGHT_BITS = Serving(Precision.FP8, context=8192)
models = st.sampled_from([model for model in MODELS.values() if model.architecture])
types = st.sampled_from(list(GPUS.values()))


@pytest.mark.parametrize(
    ("model", "gpu", "count", "serving", "fits"),
    [
        (GEMMA, L4, 1, EIGHT_BITS, True),
        (GEMMA, L4, 1, replace(EIGHT_BITS, precision=Precision.BF16), False),
        (LLAMA, H100, 1, EIGHT_BITS, False),
        (LLAMA, H100, 2, EIGHT_BITS, True),
        (LLAMA, GPUS["nvidia-h200"], 1, EIGHT_BITS, True),
        (LLAMA, H100, 2, replace(EIGHT_BITS, precision=Precision.BF16), False),
        (LLAMA, H100, 4, replace(EIGHT_BITS, precision=Precision.BF16), True),
    ],
)
def test_pools_fit_where_people_run_them(model, gpu, count, serving, fits):
    assert place(model, gpu, count, serving).fits is fits


def test_the_arithmetic_can_be_read_and_adds_up():
    lines = place(GEMMA, L4, 1, EIGHT_BITS).explain()

    assert lines[0] == "gemma-2-9b-it in fp8 on 1 x nvidia-l4, each:"
    figures = [float(line.split()[0]) for line in lines[1:-1]]
    *parts, needed, usable = figures
    assert sum(parts) == pytest.approx(needed, abs=0.3)
    assert needed < usable
    assert "weights: 1/1 of 9,241,705,984" in lines[1]
    assert lines[-1] == "fits: 29,086 tokens of KV cache, 3 full sequences"


@pytest.mark.parametrize(
    ("model", "gpu", "count", "serving", "words"),
    [
        (GEMMA, L4, 1, replace(EIGHT_BITS, precision=Precision.FP16), "not in fp16. Cheapest that"),
        (GEMMA, L4, 1, replace(EIGHT_BITS, context=8193), "8193 tokens are more than the context"),
        (GEMMA, L4, 3, EIGHT_BITS, "3 GPUs can't share the 16 heads (8 of keys and values)"),
        (LLAMA, GPUS["nvidia-a10g"], 8, EIGHT_BITS, "fp8 needs GPUs of compute capability 8.9;"),
        (
            LLAMA,
            L4,
            1,
            EIGHT_BITS,
            "70b-instruct in fp8 on 1 x nvidia-l4 needs 72.2 GiB on each: weights 67.7 + KV cache",
        ),
        (LLAMA, L4, 1, replace(EIGHT_BITS, sequences=10_000), "ask for fewer tokens or sequences"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_reason_and_the_way_out(
    model, gpu, count, serving, words
):
    assert words in refusal(place(model, gpu, count, serving), GPUS.values())


def test_what_fits_is_not_refused():
    assert refusal(place(GEMMA, L4, 1, EIGHT_BITS), GPUS.values()) is None


def test_heads_of_keys_are_repeated_where_there_are_more_gpus_than_heads():
    wide = place(LLAMA, H100, 16, EIGHT_BITS)

    assert wide.fits
    assert wide.need.sequence == place(LLAMA, H100, 8, EIGHT_BITS).need.sequence


def test_the_way_out_names_the_same_precision_and_the_cheapest_of_all():
    words = way_out(LLAMA, GPUS.values(), replace(EIGHT_BITS, precision=Precision.BF16))

    assert words == (
        "Cheapest that fit: bf16 on 8 x nvidia-l4 ($5.60/h), awq on 4 x nvidia-l4 ($2.80/h)"
    )


def test_of_equal_prices_the_one_with_fewer_gpus_is_cheapest():
    free = [structs.replace(gpu, dollars_per_hour=0) for gpu in GPUS.values()]

    found = cheapest(LLAMA, free, EIGHT_BITS, (Precision.FP8,))
    assert found is not None
    assert (found.count, found.gpu.name) == (1, "nvidia-h200")


@given(models, types, st.integers(1, 8192), st.integers(1, 8))
def test_tokens_and_sequences_of_the_cache_fit_and_one_more_does_not(model, gpu, context, wanted):
    serving = Serving(model.quantizations[0], context=context, sequences=wanted)
    found = least(model, gpu, serving)
    if found is None:
        assert not place(model, gpu, 8, serving).fits
        return

    assert found.full_sequences >= wanted
    assert found.full_sequences == found.kv_tokens // context
    held = replace(serving, sequences=found.full_sequences)
    assert place(model, gpu, found.count, held).fits
    assert not place(model, gpu, found.count, replace(held, sequences=held.sequences + 1)).fits


@given(models, types, st.sampled_from([1, 2, 4, 8]), st.floats(0.1, 0.99))
def test_more_memory_to_use_never_turns_a_fit_into_none(model, gpu, count, share):
    serving = Serving(model.quantizations[0], context=2048, utilization=share)
    more = place(model, gpu, count, replace(serving, utilization=min(1, share + 0.01)))

    assert more.room >= place(model, gpu, count, serving).room


@pytest.mark.parametrize(
    ("size", "words"),
    [(0, "0.0"), (2**30, "1.0"), (2**30 - 1, "1.0"), (13 * 2**30 // 10, "1.3"), (2**26, "0.1")],
)
def test_sizes_are_said_in_gibibytes_with_one_decimal(size, words):
    assert gibibytes(size) == words


def test_a_model_whose_architecture_is_unknown_is_refused_by_name():
    unknown = Model("mine", 7, "small", 4096, GEMMA.prices)

    with pytest.raises(SettingsError, match=r"model 'mine': its file has no architecture"):
        place(unknown, L4, 1, EIGHT_BITS)
