#!/usr/bin/env python3
"""Run suites of k6 against an endpoint, one after the other; `make k6` calls it.

Without --url it starts `weighbridge up` and ends it afterwards. Exit status: 0 if every promise of
every suite was kept, 1 if not, 2 if it could not be tried.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import httpx
import typer
from endpoint import HERE, base_of, find_k6, give_up, own_endpoint, run_suite

SUITES = sorted(path.stem for path in HERE.glob("[a-z]*.js"))
_ASK_S = 5


def main(
    suites: Annotated[
        list[str] | None, typer.Argument(help=f"Of {', '.join(SUITES)}. [smoke slo]")
    ] = None,
    url: Annotated[str, typer.Option(help="The endpoint. [`weighbridge up` is started]")] = "",
    out: Annotated[Path, typer.Option(help="Folder for reports, HTML and JSON.")] = Path(
        "build/k6"
    ),
    token: Annotated[
        str, typer.Option(envvar="WEIGHBRIDGE_TOKEN", help="Bearer token.", show_default=False)
    ] = "",
) -> None:
    """Run suites of k6; what else they take is in tests/k6/README.md, as environment variables."""
    wanted = suites or ["smoke", "slo"]
    if unknown := [name for name in wanted if name not in SUITES]:
        give_up(f"no suite {', '.join(unknown)}: expected some of {', '.join(SUITES)}")
    k6 = find_k6()
    out.mkdir(parents=True, exist_ok=True)
    settings = {"WEIGHBRIDGE_TOKEN": token}
    with _endpoint(url) as endpoint:
        kept = [run_suite(k6, name, endpoint, out.resolve(), settings) for name in wanted]
    typer.echo(f"reports: {out}")
    sys.exit(0 if all(kept) else 1)


@contextmanager
def _endpoint(url: str) -> Iterator[str]:
    if not url:
        with own_endpoint() as started:
            yield base_of(started["endpoint"])
        return
    base = base_of(url)
    try:
        httpx.get(f"{base}/v1/models", timeout=_ASK_S)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        give_up(f"no answer from {base} ({error}): is it up? `make up` runs one on this machine")
    yield base


if __name__ == "__main__":
    typer.run(main)
