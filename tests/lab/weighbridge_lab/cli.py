"""For people: bring a lab up and leave it, look inside, take it down."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from weighbridge_lab.canaries import CanaryLab
from weighbridge_lab.errors import LabError
from weighbridge_lab.false_aborts import command as false_aborts
from weighbridge_lab.installation import INGRESS
from weighbridge_lab.lab import CONFIG_DUMP, ENDPOINTS, Lab
from weighbridge_lab.measure import command as measure
from weighbridge_lab.record import Record
from weighbridge_lab.reports import report
from weighbridge_lab.tools_commands import app as tools

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="A service mesh on one machine: real control planes, pods as processes.",
)
app.add_typer(tools)
app.command("measure")(measure)
app.command("false-aborts")(false_aborts)

_STATE = Path("build/lab")
_LISTS_ENDPOINTS = ("endpoint", "endpoints", "ep")
StateOption = Annotated[
    Path, typer.Option(help="Folder of the lab's files.", envvar="WEIGHBRIDGE_LAB")
]


@app.command()
def up(
    state: StateOption = _STATE,
    port: Annotated[int, typer.Option(help="The endpoint's port; 0: a free one.")] = 8080,
    canaries: Annotated[
        bool, typer.Option("--canaries", help="With Argo Rollouts and Prometheus.")
    ] = False,
) -> None:
    """Start a lab, leave it up and say how to look around."""
    found = Record.find(state)
    if found is not None:
        raise LabError(f"a lab is up in {state} already; `make lab-down` ends it")
    kind = CanaryLab if canaries else Lab
    lab = kind(state, gateway_port=port, leashed=False, report=report())
    lab.start()
    record = Record.of(lab)
    record.write()
    typer.echo(record.guide())


@app.command()
def down(state: StateOption = _STATE) -> None:
    """End a lab and all that runs in it."""
    found = Record.find(state)
    if found is None:
        typer.echo(f"no lab is up in {state}")
        return
    found.end()
    typer.echo("down")


@app.command()
def status(state: StateOption = _STATE) -> None:
    """Say again how to look around."""
    typer.echo(_running(state).guide())


@app.command(context_settings={"ignore_unknown_options": True})
def inside(
    command: Annotated[list[str], typer.Argument(help="What to run.")],
    state: StateOption = _STATE,
    pod: Annotated[str | None, typer.Option(help="namespace/name: in this pod's network.")] = None,
) -> None:
    """Run a command in the lab's network or a pod's: `inside --pod llm/x curl localhost:8000`."""
    words = _running(state).inside(command, pod)
    os.execvp(words[0], words)  # noqa: S606 - the command asked for, without a shell


@app.command("proxy-config", context_settings={"ignore_unknown_options": True})
def proxy_config(
    words: Annotated[
        list[str], typer.Argument(help="As for `istioctl proxy-config`: routes, clusters --fqdn …")
    ],
    state: StateOption = _STATE,
    pod: Annotated[
        str | None, typer.Option(help="namespace/name of a proxy; the gateway's unless said.")
    ] = None,
) -> None:
    """Show what istiod told an Envoy, by `istioctl proxy-config`.

    istioctl itself would go through the kubelet's port-forwarding, which this kubelet lacks.
    """
    record = _running(state)
    asked = ENDPOINTS if words[0] in _LISTS_ENDPOINTS else CONFIG_DUMP
    dump = subprocess.run(
        record.inside(asked, pod or _gateway_pod(record)), capture_output=True, check=True
    )
    file = record.layout.state / "config_dump.json"
    file.write_bytes(dump.stdout)
    command = [str(record.layout.bin / "istioctl"), "proxy-config", *words, "--file", str(file)]
    os.execv(command[0], command)  # noqa: S606 - istioctl, without a shell


def _gateway_pod(record: Record) -> str:
    # The kubelet's own record of it: no need to ask the API server.
    for path in (record.layout.pods / "pods").glob(f"{INGRESS}_{INGRESS}-*.json"):
        return path.stem.replace("_", "/")
    raise LabError("no gateway runs in the lab")


def _running(state: Path) -> Record:
    found = Record.find(state)
    if found is None:
        raise LabError(f"no lab is up in {state}; `make lab` starts one")
    return found


def main() -> None:
    """Run the command; a fault is one message, not a traceback."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        app()
    except LabError as error:
        sys.exit(f"weighbridge_lab: {error}")
