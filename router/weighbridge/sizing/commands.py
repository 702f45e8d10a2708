"""The options of `weighbridge catalog`, for cli.py to mount. Imports are made inside."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from weighbridge.catalog import Precision

app = typer.Typer()


class KvCacheType(StrEnum):
    """What the KV cache is stored in: 16 bits, or 8."""

    AUTO = "auto"
    FP8 = "fp8"


@app.command(name="catalog")
def show_catalog(
    model: Annotated[
        str | None, typer.Option(help="One model of the catalog, with the arithmetic.")
    ] = None,
    gpu: Annotated[str | None, typer.Option(help="One type of GPU.")] = None,
    precision: Annotated[Precision | None, typer.Option(help="One precision.")] = None,
    context: Annotated[
        int | None,
        typer.Option(
            min=1, help="Tokens of prompt and answer (--max-model-len). Default: 8192 at most."
        ),
    ] = None,
    sequences: Annotated[
        int, typer.Option(min=1, help="Sequences of that length to hold at once.")
    ] = 1,
    max_num_seqs: Annotated[
        int, typer.Option(min=1, help="Sequences of a step, of any length, as vLLM is told.")
    ] = 256,
    kv_cache_dtype: Annotated[
        KvCacheType, typer.Option(help="What the KV cache is stored in, as vLLM is told.")
    ] = KvCacheType.AUTO,
    gpu_memory_utilization: Annotated[
        float, typer.Option(min=0.1, max=1, help="Share of memory to use, as vLLM is told.")
    ] = 0.9,
    catalog: Annotated[
        Path | None, typer.Option(help="Folder of models. Default: the packaged one.")
    ] = None,
    gpus: Annotated[
        Path | None, typer.Option(help="Folder of GPU types. Default: the packaged one.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead.")] = False,
) -> None:
    """Show which GPUs hold which model: the fewest of each type, and the KV cache they leave."""
    from rich.console import Console

    from weighbridge.sizing.memory import Serving
    from weighbridge.sizing.question import ask
    from weighbridge.sizing.report import fits_json, print_arithmetic, print_fits

    serving = Serving(
        precision=Precision.BF16,
        context=1,
        sequences=sequences,
        max_sequences=max_num_seqs,
        kv_bytes=1 if kv_cache_dtype is KvCacheType.FP8 else 2,
        utilization=gpu_memory_utilization,
    )
    question = ask(catalog, gpus, model, gpu, precision, context, serving)
    if as_json:
        typer.echo(fits_json(question))
    elif model:
        print_arithmetic(Console(), question)
    else:
        print_fits(Console(), question)
