"""Everything that can be set, with unit, default and the reason for it. Filled in by cli.py."""

from pathlib import Path
from typing import Annotated

import msgspec

from weighbridge_simulator.failures import Failures

Positive = Annotated[int, msgspec.Meta(ge=1)]
Duration = Annotated[float, msgspec.Meta(ge=0.0)]

MEBIBYTE = 1024 * 1024


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of one simulator process.

    Attributes:
        host: address to listen on; loopback, because nothing here checks who asks.
        port: TCP port; 0 lets the system choose.
        served_model_names: names answered to. The first is the one in answers and metrics.
        any_model: answer to any model name, not only to those.
        echo_model: answers carry the name asked for. vLLM's carry the first served name.
        vllm_version: what /version says.
        max_model_len: tokens of prompt and answer together.
        max_num_seqs: sequences that run at once; vLLM's own default.
        kv_blocks: KV cache blocks; the default holds two conversations of `max_model_len`.
        block_size: tokens in a block; vLLM's own default.
        prefix_caching: keep blocks of prompts for later prompts that begin alike.
        ttft_ms: milliseconds from admission to the first token, without the prompt's share.
        ttft_jitter: standard deviation of the time to the first token, relative to its mean.
        prefill_us_per_token: microseconds more for each prompt token that is not cached.
        itl_ms: milliseconds from token to token of a sequence that runs alone.
        itl_jitter: standard deviation of that, relative to its mean.
        batch_interference: part by which each running sequence makes every step longer.
        speed: how many times faster than the above; 0 answers at once.
        output_tokens: mean length of answers that nothing else limits.
        embedding_dimensions: length of the vectors of /v1/embeddings.
        seed: same seed, same answers and same dice.
        answers: JSON lines with recorded answers, see answers.py.
        startup_seconds: time from start until ready.
        drain_seconds: time that running requests get after SIGTERM.
        body_limit_bytes: larger bodies, also once decompressed, get 413.
        body_digest: answers carry the SHA-256 of the body as it arrived; costs a hash per request.
        debug_endpoints: offer /debug/failures.
        ready_file: file that gets "host:port" once ready.
        failures: what goes wrong on purpose.
    """

    host: str = "127.0.0.1"
    port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 8000
    served_model_names: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)] = ("simulated",)
    any_model: bool = False
    echo_model: bool = False
    vllm_version: str = "0.33.0"
    max_model_len: Positive = 131072
    max_num_seqs: Positive = 256
    kv_blocks: Positive = 16384
    block_size: Positive = 16
    prefix_caching: bool = True
    ttft_ms: Duration = 50.0
    ttft_jitter: Duration = 0.0
    prefill_us_per_token: Duration = 20.0
    itl_ms: Duration = 20.0
    itl_jitter: Duration = 0.1
    batch_interference: Duration = 0.001
    speed: Duration = 1.0
    output_tokens: Positive = 64
    embedding_dimensions: Positive = 384
    seed: int = 0
    answers: Path | None = None
    startup_seconds: Duration = 0.0
    drain_seconds: Duration = 30.0
    body_limit_bytes: Positive = 64 * MEBIBYTE
    body_digest: bool = False
    debug_endpoints: bool = False
    ready_file: Path | None = None
    failures: Failures = Failures()

    def __post_init__(self) -> None:
        capacity = self.kv_blocks * self.block_size
        if self.max_model_len > capacity:
            raise ValueError(
                f"expected room for max_model_len ({self.max_model_len} tokens) in the KV cache, "
                f"which holds {capacity}: raise kv_blocks or lower max_model_len"
            )

    @property
    def primary_model(self) -> str:
        """The name that stands in answers and in the label model_name."""
        return self.served_model_names[0]
