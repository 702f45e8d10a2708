"""A `PeersReport` in, the page docs/benchmarks/side-by-side.md and its plots out."""

from collections.abc import Sequence
from pathlib import Path
from string import Template
from typing import Final

from weighbridge.bench.peers.report import PeersReport
from weighbridge.bench.peers.tables import notes, sheets
from weighbridge.bench.tables import FAULTY, as_markdown
from weighbridge.errors import LocalError

NAME: Final = "side-by-side"
_WORDS: Final = Path(__file__).with_name("page.md")


def page(report: PeersReport, plots: Sequence[tuple[str, str]] = ()) -> str:
    """Write the page.

    Args:
        report: what was measured.
        plots: file and what it shows, of each that is to be on the page.
    """
    listed = [*notes(report), *([FAULTY, *report.faults] if report.faults else [])]
    return Template(_WORDS.read_text(encoding="utf-8")).substitute(
        tables="\n\n".join(as_markdown(sheet) for sheet in sheets(report)),
        plots="\n\n".join(f"![{shows}]({file})" for file, shows in plots),
        notes="\n".join(f"- {line}" for line in listed),
    )


def write_page(folder: Path, report: PeersReport) -> list[Path]:
    """Write page and plots into a folder; returns the files.

    Raises:
        LocalError: where matplotlib is missing or the folder can't be written.
    """
    from weighbridge.bench.peers.plots import draw  # noqa: PLC0415 - matplotlib is of an extra

    try:
        folder.mkdir(parents=True, exist_ok=True)
        drawn = draw(folder, NAME, report)
        text = page(report, [(path.name, shows) for path, shows in drawn])
        (folder / f"{NAME}.md").write_text(text, encoding="utf-8")
    except OSError as error:
        raise LocalError(
            f"{folder}: can't be written: {error.strerror}; name another folder: --plots FOLDER"
        ) from error
    return [folder / f"{NAME}.md", *(path for path, _ in drawn)]


def require_plots() -> None:
    """Make sure, before minutes are spent, that plots can be drawn.

    Raises:
        LocalError: with the way out.
    """
    try:
        import matplotlib  # noqa: F401, ICN001, PLC0415 - it is of an extra
    except ImportError as error:
        raise LocalError(
            "--plots needs matplotlib, which is not installed; install weighbridge[learn], or "
            "leave --plots away"
        ) from error
