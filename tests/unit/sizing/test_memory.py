"""Bytes, against figures that come from elsewhere: checkpoints, vLLM's own logs, sums by hand."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs
from weighbridge.catalog import Architecture, Precision, SlidingWindow, load_catalog
from weighbridge.sizing.memory import (
    BLOCK_TOKENS,
    Serving,
    activation_bytes,
    kv_numbers,
    memory_need,
    weight_bytes,
    window_tokens,
)

GIB = 2**30
MODELS = load_catalog()
DENSE = Architecture(
    parameters=8_030_261_248,
    layers=32,
    hidden_size=4096,
    intermediate_size=14336,
    heads=32,
    kv_heads=8,
    head_dim=128,
    vocabulary=128256,
)
servings = st.builds(
    Serving,
    precision=st.sampled_from(Precision),
    context=st.integers(1, 200_000),
    sequences=st.integers(1, 64),
    max_sequences=st.integers(1, 1024),
    kv_bytes=st.just(2),
)
shapes = st.sampled_from([model.architecture for model in MODELS.values()])
counts = st.sampled_from([1, 2, 4, 8])
steps = st.sampled_from([256, 2048, 8192])


def dense_parameters(a, *, norms=2, qkv_bias=False):
    """Parameters of a dense decoder, summed by the book: attention, MLP, norms, tables."""
    queries, keys = a.heads * a.head_dim, a.kv_heads * a.head_dim
    attention = 2 * a.hidden_size * queries + 2 * a.hidden_size * keys
    bias = queries + 2 * keys if qkv_bias else 0
    mlp = 3 * a.hidden_size * a.intermediate_size
    layer = attention + bias + mlp + norms * a.hidden_size
    return a.layers * layer + a.hidden_size + a.embeddings


def test_parameters_of_dense_models_are_what_their_shape_makes_them():
    unlike = {"deepseek-coder-v2-lite-instruct"}
    peculiar = {
        "gemma-2-9b-it": {"norms": 4},
        "qwen2.5-32b-instruct": {"qkv_bias": True},
        "qwen2.5-coder-32b-instruct": {"qkv_bias": True},
    }

    for name in set(MODELS) - unlike:
        shape = MODELS[name].architecture
        assert dense_parameters(shape, **peculiar.get(name, {})) == shape.parameters, name


def test_parameters_of_deepseek_are_its_latent_attention_and_experts():
    a = MODELS["deepseek-coder-v2-lite-instruct"].architecture
    h, latent, rope, nope, value = a.hidden_size, 512, 64, 128, 128
    attention = (
        h * a.heads * (nope + rope)  # queries
        + h * (latent + rope)  # down to what is cached
        + latent  # its norm
        + latent * a.heads * (nope + value)  # up again
        + a.heads * value * h
    )
    experts, shared, width = 64, 2, 1408
    sparse = 3 * h * width * (experts + shared) + h * experts
    dense = 3 * h * a.intermediate_size

    layers = a.layers * (attention + 2 * h) + dense + (a.layers - 1) * sparse
    assert layers + h + a.embeddings == a.parameters
    assert latent + rope == a.kv_latent_dim


@pytest.mark.parametrize(
    ("name", "total_size"),
    [
        # metadata.total_size of model.safetensors.index.json, bf16
        ("gemma-2-9b-it", 18_483_411_968),
        ("llama-3.1-8b-instruct", 16_060_522_496),
        ("llama-3.3-70b-instruct", 141_107_412_992),
        ("mistral-7b-instruct-v0.3", 14_496_047_104),
        ("qwen2.5-32b-instruct", 65_527_752_704),
        ("deepseek-coder-v2-lite-instruct", 31_412_968_448),
    ],
)
def test_unquantized_weights_are_the_checkpoint_to_the_byte(name, total_size):
    assert weight_bytes(MODELS[name].architecture, Precision.BF16) == total_size


@pytest.mark.parametrize(
    ("name", "precision", "gib"),
    [
        # "Loading model weights took …" of vLLM: issue 10517, pull requests 10511 and 12569
        ("llama-3.1-8b-instruct", Precision.BF16, 14.99),
        ("llama-3.3-70b-instruct", Precision.INT8, 67.72),
        ("llama-3.1-8b-instruct", Precision.AWQ, 5.35),
        # sizes of public checkpoints, in decimal gigabytes
        ("llama-3.1-8b-instruct", Precision.FP8, 9.08e9 / GIB),
        ("llama-3.1-8b-instruct", Precision.AWQ, 5.73e9 / GIB),
        ("llama-3.1-8b-instruct", Precision.GPTQ, 5.74e9 / GIB),
        ("llama-3.3-70b-instruct", Precision.FP8, 72.7e9 / GIB),
        ("llama-3.3-70b-instruct", Precision.AWQ, 39.8e9 / GIB),
        ("qwen2.5-32b-instruct", Precision.AWQ, 19.3e9 / GIB),
    ],
)
def test_weights_are_within_a_hundredth_of_what_others_saw(name, precision, gib):
    assert weight_bytes(MODELS[name].architecture, precision) / GIB == pytest.approx(gib, rel=0.01)


@pytest.mark.parametrize(
    ("name", "gpus", "bytes_per_token"),
    [
        ("llama-3.1-8b-instruct", 1, 2 * 32 * 8 * 128 * 2),
        ("llama-3.1-8b-instruct", 2, 2 * 32 * 4 * 128 * 2),
        ("llama-3.3-70b-instruct", 1, 327_680),
        ("llama-3.3-70b-instruct", 8, 40_960),
        ("llama-3.3-70b-instruct", 16, 40_960),  # a head can't be cut
        ("gemma-2-9b-it", 1, 344_064),
        ("qwen2.5-32b-instruct", 1, 262_144),
        ("mistral-7b-instruct-v0.3", 1, 131_072),
        ("deepseek-coder-v2-lite-instruct", 1, 27 * 576 * 2),
        ("deepseek-coder-v2-lite-instruct", 8, 27 * 576 * 2),  # nor can a latent
    ],
)
def test_a_token_of_kv_cache_is_what_a_sum_by_hand_gives(name, gpus, bytes_per_token):
    shape = MODELS[name].architecture

    assert shape.layers * kv_numbers(shape, gpus) * 2 == bytes_per_token


@pytest.mark.parametrize(
    ("batched_tokens", "sequences", "measured_gib"),
    [
        # Llama 3 8B, peak of PyTorch less weights: vLLM pull request 10511, issue 10517
        (8192, 256, 1.26),
        (20_000, 256, 2.07),
        (29_000, 256, 2.99),
    ],
)
def test_activations_and_logits_are_no_less_than_measured_and_a_quarter_more_at_most(
    batched_tokens, sequences, measured_gib
):
    serving = Serving(Precision.BF16, context=8192, max_sequences=sequences)
    need = memory_need(DENSE, serving, 1, batched_tokens)

    assert measured_gib <= (need.activations + need.logits) / GIB <= 1.25 * measured_gib


@pytest.mark.parametrize(
    ("context", "batched_tokens", "held"),
    [
        (1024, 2048, 1024 + BLOCK_TOKENS),  # shorter than the window
        (8192, 2048, 6144 + BLOCK_TOKENS),  # 4095 and 2048, in whole blocks
        (8192, 8192, 8192 + BLOCK_TOKENS),  # read in one step: nothing is saved
        (131_072, 2048, 6144 + BLOCK_TOKENS),
    ],
)
def test_a_window_holds_itself_and_a_step(context, batched_tokens, held):
    assert window_tokens(4096, context, batched_tokens) == held


def test_layers_with_a_window_hold_less_of_a_long_sequence():
    serving = Serving(Precision.BF16, context=131_072)
    whole = structs.replace(DENSE, sliding_window=None)
    half = structs.replace(DENSE, sliding_window=SlidingWindow(tokens=4096, layers=16))

    ratio = (
        memory_need(half, serving, 1, 2048).sequence / memory_need(whole, serving, 1, 2048).sequence
    )
    assert ratio == pytest.approx(0.5 + 0.5 * (6144 + 16) / 131_072)


def test_nccl_is_counted_where_there_are_several_gpus():
    serving = Serving(Precision.BF16, context=8192)

    one, two = (memory_need(DENSE, serving, gpus, 2048) for gpus in (1, 2))
    assert two.runtime - one.runtime == GIB


@given(shapes, servings, counts, steps, st.integers(1, 10_000))
def test_a_longer_context_never_needs_less(shape, serving, gpus, step, more):
    longer = replace(serving, context=serving.context + more)

    need, needed = (memory_need(shape, one, gpus, step) for one in (serving, longer))
    assert needed.sequence >= need.sequence
    assert needed.fixed == need.fixed


@given(shapes, servings, counts, steps)
def test_an_8_bit_cache_is_half_of_a_16_bit_one(shape, serving, gpus, step):
    small = memory_need(shape, replace(serving, kv_bytes=1), gpus, step)

    assert 2 * small.sequence == memory_need(shape, serving, gpus, step).sequence


@given(shapes, servings, steps)
def test_twice_the_gpus_never_need_more_weights_or_cache_on_each(shape, serving, step):
    one, two = (memory_need(shape, serving, gpus, step) for gpus in (1, 2))

    assert two.weights == -(-one.weights // 2)
    assert one.sequence / 2 <= two.sequence <= one.sequence


@given(shapes)
def test_fewer_bits_are_fewer_bytes_and_embeddings_stay(shape):
    sizes = [weight_bytes(shape, p) for p in (Precision.BF16, Precision.FP8, Precision.AWQ)]

    assert sizes == sorted(sizes, reverse=True)
    inner = shape.parameters - shape.embeddings
    assert sizes[0] - sizes[1] == inner
    assert sizes[2] > 2 * shape.embeddings + inner // 2


@given(shapes, servings, counts, steps)
def test_a_total_is_its_parts(shape, serving, gpus, step):
    need = memory_need(shape, serving, gpus, step)

    parts = need.weights + need.activations + need.logits + need.graphs + need.runtime
    assert need.total(serving.sequences) == parts + serving.sequences * need.sequence
    assert need.activations == step * activation_bytes(shape)
