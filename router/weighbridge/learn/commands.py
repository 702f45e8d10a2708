"""`weighbridge learn`: collect, label, fit, report. Imports are made inside the commands."""

import typer

app = typer.Typer(
    no_args_is_help=True,
    help="Fit the scale to your own pair of pools.",
)
