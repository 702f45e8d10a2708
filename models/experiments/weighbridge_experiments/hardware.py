"""GPU types and models in, engines out: how fast a pod is where nobody has measured it yet.

All that this package assumes of hardware stands in `SPEEDS` and the constants beside it. A step of
decoding reads the weights once and the KV cache of each request, and computes each request's token;
both at a part of what the data sheet promises. What fits is asked of `weighbridge.sizing`.
"""

from dataclasses import dataclass
from typing import Final

from weighbridge.catalog import Model, Precision, find_model, load_catalog
from weighbridge.sizing.gpus import Gpu, load_gpus
from weighbridge.sizing.memory import Serving, kv_numbers
from weighbridge.sizing.placement import Placement, known_architecture, place

from weighbridge_experiments.errors import ExperimentError
from weighbridge_experiments.pod import Engine


@dataclass(frozen=True)
class Speed:
    """What a data sheet says of one GPU.

    Attributes:
        bandwidth: of its memory, bytes a second.
        flops: of dense multiplications in 8 bits, a second.
    """

    bandwidth: float
    flops: float


SPEEDS: Final = {
    "nvidia-l4": Speed(300e9, 242e12),
    "nvidia-l40s": Speed(864e9, 733e12),
    "nvidia-h100-80gb": Speed(3350e9, 1979e12),
}
BANDWIDTH_PART: Final = 0.6
"""What decoding gets of the bandwidth."""
FLOPS_PART: Final = 0.5
"""What it gets of the arithmetic."""
STEP_S: Final = 0.004
"""Scheduler, sampling and launches of a step, whatever is in it."""
FIRST_TOKEN_S: Final = 0.050
"""From admission to the first token, without the prompt's share: the step under way, HTTP."""


@dataclass(frozen=True)
class Server:
    """A pod of a pool, as the chart's presets have it.

    Attributes:
        model: name in models/catalog.
        gpu: name in models/gpus.
        count: GPUs of a pod.
        context: `maxModelLen`.
        max_num_seqs: `maxNumSeqs`.
        kv_bytes: of a number in the KV cache.
        cold_start_s: seconds from the wish for a pod to its first request: node, image, weights,
            graphs; an assumption, on average.
    """

    model: str
    gpu: str
    count: int
    context: int
    max_num_seqs: int
    kv_bytes: int
    cold_start_s: float

    @property
    def speed(self) -> Speed:
        """Of one of its GPUs.

        Raises:
            ExperimentError: if no data sheet is known.
        """
        if self.gpu not in SPEEDS:
            raise ExperimentError(
                f"expected one of {', '.join(SPEEDS)}, came {self.gpu}: "
                "add it to SPEEDS in hardware.py"
            )
        return SPEEDS[self.gpu]

    @property
    def dollars_per_hour(self) -> float:
        """Of a pod, on demand, by models/gpus."""
        return self._gpu.dollars_per_hour * self.count

    @property
    def _model(self) -> Model:
        return find_model(load_catalog(), self.model)

    @property
    def _gpu(self) -> Gpu:
        return load_gpus()[self.gpu]

    def engine(self, typical_tokens: float) -> Engine:
        """Its sizes and speeds.

        Args:
            typical_tokens: that a running request holds in the KV cache, on average.
        """
        placement = self._placement()
        architecture = known_architecture(self._model)
        bandwidth = self.speed.bandwidth * BANDWIDTH_PART
        token_s = 2 * architecture.parameters / (self.speed.flops * FLOPS_PART * self.count)
        cells = architecture.layers * kv_numbers(architecture, self.count)
        cache_s = typical_tokens * cells * self.kv_bytes / bandwidth
        itl_s = STEP_S + placement.need.weights / bandwidth
        return Engine(
            ttft_s=FIRST_TOKEN_S,
            prefill_s=token_s,
            itl_s=itl_s,
            interference=(token_s + cache_s) / itl_s,
            max_num_seqs=self.max_num_seqs,
            # As if no layer had a sliding window: what short requests take in all of them.
            kv_tokens=max(0, placement.room) // (cells * self.kv_bytes),
        )

    def _placement(self) -> Placement:
        serving = Serving(
            precision=Precision.FP8,
            context=self.context,
            max_sequences=self.max_num_seqs,
            kv_bytes=self.kv_bytes,
        )
        return place(self._model, self._gpu, self.count, serving)


SMALL: Final = Server("gemma-2-9b-it", "nvidia-l4", 1, 8192, 128, 2, 240.0)
"""The preset of the small tier."""
LARGE: Final = Server("llama-3.3-70b-instruct", "nvidia-h100-80gb", 2, 32768, 128, 1, 480.0)
"""The preset of the large tier."""
