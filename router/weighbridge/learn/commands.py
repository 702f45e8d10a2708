"""`weighbridge learn`: collect, label, fit, report. Imports are made inside the commands."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from weighbridge.learn.label.options import LabelOptions

app = typer.Typer(
    no_args_is_help=True,
    help="Fit the scale to your own pair of pools.",
)


@app.command()
def collect(
    inputs: Annotated[
        list[Path],
        typer.Argument(help="Files of JSON lines; folders, such as capture.folder, whose *.jsonl."),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="File of prompts to write.")],
    sample: Annotated[
        int | None,
        typer.Option(min=1, help="So many of them, drawn from each tenth of the scale by share."),
    ] = None,
    even: Annotated[
        bool, typer.Option("--even", help="Draw as many from each tenth; no mirror of traffic.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Of the draw.")] = 1,
    task_field: Annotated[
        str, typer.Option(help="Field of a line that names its task; a.b looks into a.")
    ] = "task",
    prompt_bytes: Annotated[
        int, typer.Option(min=1, help="Longer prompts are left out, in bytes of their words.")
    ] = 32_768,
    config: Annotated[
        Path | None,
        typer.Option("--config", "-c", help="Settings file (YAML) whose artifact scores them."),
    ] = None,
    artifact: Annotated[
        Path | None, typer.Option("--artifact", help="Artifact that scores them, over the file.")
    ] = None,
) -> None:
    """Gather prompts from capture folders and own files, without doubles, for `learn label`."""
    from rich.console import Console

    from weighbridge.errors import RecordError
    from weighbridge.generation import Generation
    from weighbridge.learn.collect import Wanted, find_files
    from weighbridge.learn.collect import collect as gather
    from weighbridge.learn.collect_tables import print_faults, print_tally, watched

    wanted = Wanted(
        inputs=inputs,
        out=out,
        sample=sample,
        even=even,
        seed=seed,
        task_field=task_field,
        prompt_bytes=prompt_bytes,
    )
    files = find_files(inputs, out)
    generation = Generation.load(config, artifact)
    with watched(files) as read:
        tally = gather(wanted, files, generation, read)
    print_faults(Console(stderr=True), tally)
    print_tally(Console(), tally, wanted)
    if not any(tally.written):
        raise RecordError(f"{out}: not written: of {tally.rows:,} lines none can be kept")


@app.command()
def report(
    labels: Annotated[Path, typer.Argument(help="Labels (JSON lines) that `learn label` wrote.")],
    artifact: Annotated[Path, typer.Option("--artifact", help="Folder of the artifact to judge.")],
    against: Annotated[
        Path | None,
        typer.Option(help="Folder of the artifact in use. Default: the one the settings name."),
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="HTML page to write.")] = Path(
        "report.html"
    ),
    json: Annotated[str, typer.Option(help="File for the report as JSON; - is output.")] = "",
    cost_small: Annotated[
        float | None, typer.Option(min=0, help="Cost of 1,000 requests in the small pool.")
    ] = None,
    cost_large: Annotated[
        float | None, typer.Option(min=0, help="The same in the large pool.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="Settings file (YAML).")
    ] = None,
    gate: Annotated[
        bool, typer.Option("--gate", help="Exit status 1 unless the verdict is to ship.")
    ] = False,
) -> None:
    """Judge an artifact on labels it was not fitted to, beside length and the artifact in use."""
    from rich.console import Console

    from weighbridge.learn.report.run import ReportOptions, report_on, write_numbers, write_page
    from weighbridge.learn.report.sections import Costs
    from weighbridge.learn.report.terminal import print_report

    if (cost_small is None) != (cost_large is None):
        raise typer.BadParameter("expected both --cost-small and --cost-large, came one of them")
    costs = None if cost_small is None or cost_large is None else Costs(cost_small, cost_large)
    made = report_on(ReportOptions(labels, artifact, against, config, costs))
    write_page(made, out)
    if json:
        write_numbers(made, json)
    print_report(Console(stderr=json == "-"), made, out)
    if gate and not made.verdict.ship:
        raise typer.Exit(1)


@app.command()
def label(
    prompts: Annotated[Path, typer.Argument(help="JSON lines of prompts, as from `collect`.")],
    small: Annotated[str, typer.Option(help="Address of the small pool's OpenAI API.")],
    large: Annotated[str, typer.Option(help="Address of the large pool's.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="File of labels to write.")],
    judge: Annotated[
        str,
        typer.Option(
            help="How to grade: exact, regex, tests, or the address of a judge's OpenAI API. "
            "Left out: by what all prompts bring."
        ),
    ] = "",
    small_model: Annotated[
        str, typer.Option(help="Model to ask for; left out: the first that the server lists.")
    ] = "",
    large_model: Annotated[str, typer.Option(help="The large pool's, likewise.")] = "",
    judge_model: Annotated[str, typer.Option(help="The judge's, likewise.")] = "",
    small_price: Annotated[
        str, typer.Option(help="Dollars per million tokens in,out, as in 0.10,0.40.")
    ] = "",
    large_price: Annotated[str, typer.Option(help="The large pool's, likewise.")] = "",
    judge_price: Annotated[str, typer.Option(help="The judge's, likewise.")] = "",
    max_tokens: Annotated[int, typer.Option(min=1, help="Longest answer, in tokens.")] = 1024,
    temperature: Annotated[float, typer.Option(min=0, help="Of the answers' sampling.")] = 0.0,
    seed: Annotated[int, typer.Option(help="Of all sampling.")] = 0,
    judge_max_tokens: Annotated[
        int, typer.Option(min=1, help="Longest reply of the judge, in tokens.")
    ] = 512,
    judge_temperature: Annotated[
        float, typer.Option(min=0, help="Of the judge's; some models know 1 alone.")
    ] = 0.0,
    concurrency: Annotated[
        int, typer.Option(min=1, help="Requests in flight at once, for each server.")
    ] = 16,
    timeout: Annotated[
        float, typer.Option(min=0.1, help="Seconds that one answer may take.")
    ] = 300.0,
    patience: Annotated[
        float, typer.Option(min=0, help="Seconds of failures alone until a server is given up.")
    ] = 120.0,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first so many.")] = None,
    budget: Annotated[
        float | None, typer.Option(min=0, help="Dollars not to be passed, by all runs together.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask before spending.")] = False,
    allow_code_execution: Annotated[
        bool,
        typer.Option("--allow-code-execution", help="Let `tests` run what the models answer."),
    ] = False,
) -> None:
    """Have both pools answer the prompts, and grade the answers; goes on where it was stopped.

    API keys come from WEIGHBRIDGE_SMALL_API_KEY, WEIGHBRIDGE_LARGE_API_KEY and
    WEIGHBRIDGE_JUDGE_API_KEY.
    """
    from weighbridge.learn.label.options import LabelOptions, Sampling, endpoint_of, grading_of

    judge_sampling = Sampling(judge_max_tokens, judge_temperature, seed)
    method, judge_server = grading_of(judge, judge_model, judge_price)
    options = LabelOptions(
        prompts=prompts,
        out=out,
        small=endpoint_of("small", small, small_model, small_price),
        large=endpoint_of("large", large, large_model, large_price),
        judge=judge_server,
        method=method,
        sampling=Sampling(max_tokens, temperature, seed),
        judge_sampling=judge_sampling,
        concurrency=concurrency,
        timeout_s=timeout,
        patience_s=patience,
        limit=limit,
        budget=budget,
        yes=yes,
        allow_code=allow_code_execution,
    )
    raise typer.Exit(_label(options))


def _label(options: "LabelOptions") -> int:
    from weighbridge.errors import LearnError

    try:
        from weighbridge.learn.label.run import run_label
    except ModuleNotFoundError as error:
        raise LearnError(
            f"`learn label` needs {error.name}: pip install 'weighbridge[learn]'"
        ) from error
    return run_label(options)


@app.command()
def fit(
    labels: Annotated[Path, typer.Argument(help="Labels that `learn label` wrote.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the new artifact.")],
    base: Annotated[
        Path | None,
        typer.Option(help="Artifact whose word pieces and encoder are taken. [the packaged one]"),
    ] = None,
    name: Annotated[str, typer.Option(help="Of the artifact, for logs and metrics.")] = "fitted",
    held_out: Annotated[
        float, typer.Option(min=0, max=0.9, help="Share of the labels left for `learn report`.")
    ] = 0.2,
    second_stage: Annotated[
        bool, typer.Option(help="Fit the second stage too, if the base has an encoder.")
    ] = True,
    seed: Annotated[int, typer.Option(help="Of everything drawn.")] = 1,
) -> None:
    """Fit an artifact to your pair of pools, choosing by cross-validation."""
    from rich.console import Console

    from weighbridge.learn.fit import FitOptions
    from weighbridge.learn.fit import fit as run
    from weighbridge.learn.fit_tables import print_fitted
    from weighbridge.learn.records import read_labels

    options = FitOptions(
        out=out,
        base=base,
        name=name,
        held_out=held_out,
        second_stage=second_stage,
        seed=seed,
    )
    console = Console()
    read = list(read_labels(labels))
    fitted = run(read, options, lambda words: console.print(words, style="dim"))
    print_fitted(console, fitted)
