"""The kubelet's command line: files and folders in, `Options` out, and then it runs.

It is started inside a lab's namespaces, as root of them, beside an API server that answers.
"""

import argparse
import asyncio
import contextlib
import logging
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import envoy

from weighbridge_lab.errors import LabError
from weighbridge_lab.kubelet.filesystem import REPOSITORY
from weighbridge_lab.kubelet.kubelet import Kubelet, Options
from weighbridge_lab.kubelet.states import BackOff
from weighbridge_lab.layout import BRIDGE


def main() -> None:
    """Run the kubelet until SIGTERM."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    # One line per request of its client would drown what the kubelet has to say.
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    try:
        options = parse(sys.argv[1:])
        with contextlib.suppress(asyncio.CancelledError):
            asyncio.run(_run(options))
    except LabError as error:
        sys.exit(str(error))


def parse(words: Sequence[str]) -> Options:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="weighbridge_lab.kubelet", description=__doc__)
    say = parser.add_argument
    say("--kubeconfig", type=Path, required=True, help="how to reach the API server")
    say("--state", type=Path, required=True, help="folder for all that this kubelet keeps")
    say("--nodes", type=Path, required=True, help="file that lists its nodes")
    say("--images", type=Path, required=True, help="file that says which programme an image is")
    say("--binaries", type=Path, help="folder that {bin} stands for in the file of images")
    say("--place", action="append", default=[], metavar="NAME=PATH", help="what {NAME} stands for")
    say("--bridge", default=BRIDGE, help="what pods are joined to")
    say("--back-off", type=float, default=BackOff.base_s, help="seconds before a second restart")
    say("--longest-back-off", type=float, default=BackOff.most_s, help="seconds it doubles up to")
    chosen = parser.parse_args(words)
    return Options(
        kubeconfig=chosen.kubeconfig,
        state=chosen.state.resolve(),
        nodes=chosen.nodes,
        images=chosen.images,
        places=_places(chosen.binaries, chosen.place),
        bridge=chosen.bridge,
        back_off=BackOff(chosen.back_off, chosen.longest_back_off),
    )


def _places(binaries: Path | None, said: Sequence[str]) -> dict[str, str]:
    places = {"python": sys.executable, "venv": sys.prefix, "repo": str(REPOSITORY)}
    stock = [Path(folder) / "_bin" / "envoy" for folder in envoy.__path__]
    places["envoy"] = str(next((path for path in stock if path.exists()), stock[0]))
    if binaries is not None:
        places["bin"] = str(binaries.resolve())
    for one in said:
        name, equals, path = one.partition("=")
        if not equals:
            raise LabError(f"--place: expected NAME=PATH, got {one}")
        places[name] = path
    return places


async def _run(options: Options) -> None:
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    await Kubelet(options).run()


if __name__ == "__main__":
    main()
