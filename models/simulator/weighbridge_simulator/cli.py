"""The command line: flags in, `Settings` out, and then the server.

Only typer and the settings are imported at once, so that `--help` and faults in flags come quickly.
"""

import sys
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from weighbridge_simulator.settings import Settings
from weighbridge_simulator.vllm_flags import translate

_SERVING = "Serving"
_ENGINE = "Engine"
_ANSWERS = "Answers"
_FAILURES = "Failures (also at run time by PUT /debug/failures, with --debug-endpoints)"
_DEFAULT = Settings()
_HEALTHY = _DEFAULT.failures

_app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


def _option(panel: str, text: str, *names: str) -> Any:
    return typer.Option(*names, help=text, rich_help_panel=panel)


@_app.command()
def _serve(
    host: Annotated[str, _option(_SERVING, "Address to listen on.")] = _DEFAULT.host,
    port: Annotated[
        int, _option(_SERVING, "TCP port; 0 lets the system choose (it is printed).")
    ] = _DEFAULT.port,
    served_model_name: Annotated[
        list[str],
        _option(_SERVING, "Name to answer to; repeat for aliases. The first one answers."),
    ] = list(_DEFAULT.served_model_names),  # noqa: B006  # typer copies it
    any_model: Annotated[
        bool, _option(_SERVING, "Answer to any model name.", "--any-model")
    ] = _DEFAULT.any_model,
    echo_model: Annotated[
        bool,
        _option(_SERVING, "Answer with the name asked for, not the first.", "--echo-model"),
    ] = _DEFAULT.echo_model,
    vllm_version: Annotated[str, _option(_SERVING, "What /version says.")] = _DEFAULT.vllm_version,
    startup_seconds: Annotated[
        float, _option(_SERVING, "Time from start until ready; /health says 503 meanwhile.")
    ] = _DEFAULT.startup_seconds,
    drain_seconds: Annotated[
        float, _option(_SERVING, "Time that running requests get after SIGTERM.")
    ] = _DEFAULT.drain_seconds,
    ready_file: Annotated[
        Path | None, _option(_SERVING, "File that gets host:port once ready.")
    ] = _DEFAULT.ready_file,
    body_limit_bytes: Annotated[
        int, _option(_SERVING, "Largest body, also once decompressed.")
    ] = _DEFAULT.body_limit_bytes,
    body_digest: Annotated[
        bool,
        _option(
            _SERVING,
            "Answer with x-simulator-body-sha256, the digest of the body as it arrived.",
            "--body-digest",
        ),
    ] = _DEFAULT.body_digest,
    debug_endpoints: Annotated[
        bool, _option(_SERVING, "Offer GET and PUT /debug/failures.", "--debug-endpoints")
    ] = _DEFAULT.debug_endpoints,
    max_model_len: Annotated[
        int, _option(_ENGINE, "Context length: tokens of prompt and answer together.")
    ] = _DEFAULT.max_model_len,
    max_num_seqs: Annotated[
        int, _option(_ENGINE, "Sequences that run at once; more wait.")
    ] = _DEFAULT.max_num_seqs,
    kv_blocks: Annotated[int, _option(_ENGINE, "KV cache blocks.")] = _DEFAULT.kv_blocks,
    block_size: Annotated[int, _option(_ENGINE, "Tokens in a block.")] = _DEFAULT.block_size,
    prefix_caching: Annotated[
        bool, _option(_ENGINE, "Reuse blocks of prompts that begin alike.")
    ] = _DEFAULT.prefix_caching,
    ttft_ms: Annotated[
        float, _option(_ENGINE, "Milliseconds from admission to first token, plus the prompt's.")
    ] = _DEFAULT.ttft_ms,
    ttft_jitter: Annotated[
        float, _option(_ENGINE, "Standard deviation of all that, relative to its mean (lognormal).")
    ] = _DEFAULT.ttft_jitter,
    prefill_us_per_token: Annotated[
        float, _option(_ENGINE, "Microseconds for each prompt token that is not cached.")
    ] = _DEFAULT.prefill_us_per_token,
    itl_ms: Annotated[
        float, _option(_ENGINE, "Milliseconds from token to token of a sequence on its own.")
    ] = _DEFAULT.itl_ms,
    itl_jitter: Annotated[
        float, _option(_ENGINE, "Standard deviation of that, relative to its mean (lognormal).")
    ] = _DEFAULT.itl_jitter,
    batch_interference: Annotated[
        float, _option(_ENGINE, "Part by which each running sequence makes steps longer.")
    ] = _DEFAULT.batch_interference,
    speed: Annotated[
        float, _option(_ENGINE, "How many times faster than all that; 0 answers at once.")
    ] = _DEFAULT.speed,
    output_tokens: Annotated[
        int, _option(_ANSWERS, "Mean length of answers that nothing else limits.")
    ] = _DEFAULT.output_tokens,
    embedding_dimensions: Annotated[
        int, _option(_ANSWERS, "Length of embedding vectors.")
    ] = _DEFAULT.embedding_dimensions,
    seed: Annotated[
        int, _option(_ANSWERS, "Same seed, same answers and same dice.")
    ] = _DEFAULT.seed,
    answers: Annotated[
        Path | None,
        _option(_ANSWERS, "JSON lines of {prompt or prompt_sha256, answer} to answer with."),
    ] = _DEFAULT.answers,
    error_rate: Annotated[
        float, _option(_FAILURES, "Fraction of requests that fail.")
    ] = _HEALTHY.error_rate,
    error_status: Annotated[
        int, _option(_FAILURES, "Their status: 500 or 503.")
    ] = _HEALTHY.error_status,
    ttft_factor: Annotated[
        float, _option(_FAILURES, "Multiplies the time to the first token.")
    ] = _HEALTHY.ttft_factor,
    itl_factor: Annotated[
        float, _option(_FAILURES, "Multiplies the time between tokens.")
    ] = _HEALTHY.itl_factor,
    stall_rate: Annotated[
        float, _option(_FAILURES, "Fraction of requests that stop half way for a while.")
    ] = _HEALTHY.stall_rate,
    stall_seconds: Annotated[
        float, _option(_FAILURES, "Length of such a stop.")
    ] = _HEALTHY.stall_seconds,
    cut_rate: Annotated[
        float, _option(_FAILURES, "Fraction of requests whose connection is dropped half way.")
    ] = _HEALTHY.cut_rate,
    garbage_usage: Annotated[
        str, _option(_FAILURES, "Usage in answers: none (true), negative, absurd or missing.")
    ] = _HEALTHY.garbage_usage,
    crash_after_seconds: Annotated[
        float | None, _option(_FAILURES, "Exit with status 1 after that long.")
    ] = _HEALTHY.crash_after_seconds,
    refuse: Annotated[
        bool, _option(_FAILURES, "Drop every connection, but for /debug/.", "--refuse")
    ] = _HEALTHY.refuse,
    slow_start_seconds: Annotated[
        float, _option(_FAILURES, "Not ready for that long; at run time, from when it is set.")
    ] = _HEALTHY.slow_start_seconds,
) -> None:
    """Stand in for vLLM: the same API and metrics, with an engine that only keeps time."""
    given = dict(locals())
    # Imported here: aiohttp and uvloop take half of the start, and --help needs neither.
    from weighbridge_simulator.server import run  # noqa: PLC0415

    settings = _settings(given)
    try:
        run(settings)
    except (OSError, ValueError) as error:
        # A port in use, or a file of answers that can't be read.
        typer.echo(f"weighbridge-simulator can't start: {error}", err=True)
        raise typer.Exit(1) from error


def _settings(given: dict[str, Any]) -> Settings:
    failures = {name: given.pop(name) for name in _HEALTHY.__struct_fields__}
    names = given.pop("served_model_name")
    try:
        return msgspec.convert(
            {**given, "served_model_names": names, "failures": failures}, Settings
        )
    except msgspec.ValidationError as error:
        raise typer.BadParameter(str(error)) from error


def main() -> None:
    """Entry point of `weighbridge-simulator`."""
    line = translate(sys.argv[1:])
    if line.ignored:
        typer.echo(f"weighbridge-simulator ignores what is vLLM's: {' '.join(line.ignored)}")
    _app(list(line.arguments))
