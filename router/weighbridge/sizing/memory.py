"""A model and how vLLM serves it in, bytes on each GPU out; pure, and in whole numbers throughout.

What a GPU holds is weights, the KV cache of running sequences, and overhead: activations of one
step, logits of one step, CUDA graphs, CUDA and NCCL themselves. All of it, graphs too, has to come
from the share of memory that `--gpu-memory-utilization` grants. The pools' chart does the same sums
in its template, so no float may enter them. Where the constants are from, and how wrong the sum may
be: docs/adr/0018.
"""

from dataclasses import dataclass
from typing import Final

from weighbridge.catalog import Architecture, Precision

GROUP: Final = 128
"""Weights that share a scale in a 4-bit checkpoint."""
GROUP_BITS: Final = {
    Precision.BF16: 16 * GROUP,
    Precision.FP16: 16 * GROUP,
    Precision.FP8: 8 * GROUP,
    Precision.INT8: 8 * GROUP,
    Precision.AWQ: 4 * GROUP + 16 + 4,
    Precision.GPTQ: 4 * GROUP + 16 + 4,
}
"""Bits of a group of weights, with its scale and zero point where it has them."""

BLOCK_TOKENS: Final = 16
"""Tokens of a block of vLLM's KV cache."""
LOGIT_BYTES: Final = 12
"""For each sequence and word of the vocabulary, while a step is sampled."""
RUNTIME_BYTES: Final = 2**29
"""CUDA's context and libraries."""
NCCL_BYTES: Final = 2**30
"""Buffers between GPUs, if there are several."""
GRAPH_BYTES: Final = 3 * 2**28
"""CUDA graphs of decoding."""


@dataclass(frozen=True)
class Serving:
    """How vLLM is told to serve.

    Attributes:
        precision: of the weights.
        context: `--max-model-len`: tokens of prompt and answer together.
        sequences: how many of that length the KV cache has to hold at once; vLLM asks for one.
        max_sequences: `--max-num-seqs`.
        batched_tokens: `--max-num-batched-tokens`; None: what vLLM takes on that GPU.
        kv_bytes: of a number in the KV cache: 2, or 1 with `--kv-cache-dtype fp8`.
        utilization: `--gpu-memory-utilization`, to a thousandth.
    """

    precision: Precision
    context: int
    sequences: int = 1
    max_sequences: int = 256
    batched_tokens: int | None = None
    kv_bytes: int = 2
    utilization: float = 0.9

    @property
    def permille(self) -> int:
        """Thousandths of a GPU's memory that vLLM may use."""
        return int(self.utilization * 1000 + 0.5)


@dataclass(frozen=True)
class Need:
    """Bytes on each GPU of a server.

    Attributes:
        weights: its part of them.
        sequence: KV cache of one sequence of full length.
        activations: of one step.
        logits: of one step, while it is sampled.
        graphs: CUDA graphs.
        runtime: CUDA and NCCL.
    """

    weights: int
    sequence: int
    activations: int
    logits: int
    graphs: int
    runtime: int

    @property
    def fixed(self) -> int:
        """All but the KV cache."""
        return self.weights + self.activations + self.logits + self.graphs + self.runtime

    def total(self, sequences: int) -> int:
        """With so many sequences of full length."""
        return self.fixed + sequences * self.sequence


def memory_need(
    architecture: Architecture, serving: Serving, gpus: int, batched_tokens: int
) -> Need:
    """Bytes on each of the GPUs that share a model by tensor parallelism."""
    return Need(
        weights=_ceil(weight_bytes(architecture, serving.precision), gpus),
        sequence=_sequence_bytes(architecture, serving, gpus, batched_tokens),
        activations=batched_tokens * activation_bytes(architecture),
        logits=serving.max_sequences * architecture.vocabulary * LOGIT_BYTES,
        graphs=GRAPH_BYTES,
        runtime=RUNTIME_BYTES + (NCCL_BYTES if gpus > 1 else 0),
    )


def weight_bytes(architecture: Architecture, precision: Precision) -> int:
    """Bytes of all weights; whatever the precision, embeddings stay in 16 bits."""
    inner = architecture.parameters - architecture.embeddings
    return architecture.embeddings * 2 + _ceil(inner * GROUP_BITS[precision], GROUP * 8)


def kv_numbers(architecture: Architecture, gpus: int) -> int:
    """Numbers that a GPU caches of one token in one layer.

    Heads are divided among GPUs, but never below one; the latent of MLA belongs to all heads, so
    each GPU holds the whole of it.
    """
    if architecture.kv_latent_dim:
        return architecture.kv_latent_dim
    return 2 * architecture.head_dim * _ceil(architecture.kv_heads, gpus)


def activation_bytes(architecture: Architecture) -> int:
    """Bytes of a token on its way through a layer: four hidden vectors, three of the MLP.

    GPUs divide the MLP's, yet measured peaks are the same on one and on two, so this isn't divided.
    """
    return 2 * (4 * architecture.hidden_size + 3 * architecture.intermediate_size)


def window_tokens(window: int, context: int, batched_tokens: int) -> int:
    """Tokens that a layer with a sliding window holds of a sequence while its prompt is read.

    The window, a step's new tokens, and one block more, as a window may begin inside a block.
    """
    return _blocks(min(window - 1 + batched_tokens, context)) + BLOCK_TOKENS


def _sequence_bytes(
    architecture: Architecture, serving: Serving, gpus: int, batched_tokens: int
) -> int:
    window = architecture.sliding_window
    windowed = window.layers if window else 0
    cells = (architecture.layers - windowed) * _blocks(serving.context)
    if window:
        cells += windowed * window_tokens(window.tokens, serving.context, batched_tokens)
    return cells * kv_numbers(architecture, gpus) * serving.kv_bytes


def _blocks(tokens: int) -> int:
    return _ceil(tokens, BLOCK_TOKENS) * BLOCK_TOKENS


def _ceil(dividend: int, divisor: int) -> int:
    return -(-dividend // divisor)
