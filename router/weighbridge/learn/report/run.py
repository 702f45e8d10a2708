"""The work of `weighbridge learn report`: files in, a report written and returned."""

import sys
from pathlib import Path

import msgspec

from weighbridge.artifact import PACKAGED
from weighbridge.errors import LearnError
from weighbridge.generation import Generation
from weighbridge.learn.records import read_labels
from weighbridge.learn.report import labelled
from weighbridge.learn.report.document import Report, make_report, render
from weighbridge.learn.report.sections import Costs
from weighbridge.learn.report.verdict import IN_USE


class ReportOptions(msgspec.Struct, frozen=True):
    """What was asked for.

    Attributes:
        labels: file of labels.
        artifact: folder of the artifact to judge.
        against: folder of the artifact in use; None: the one that the settings name.
        config: settings file; None: defaults and environment.
        costs: of both pools, if known.
    """

    labels: Path
    artifact: Path
    against: Path | None = None
    config: Path | None = None
    costs: Costs | None = None


def report_on(options: ReportOptions) -> Report:
    """Score the labels that nothing was fitted to, and judge.

    Raises:
        RecordError: for labels, or files beside an artifact, that can't be used.
        ArtifactError: for an artifact that can't be loaded.
        LearnError: if too few rows are left, or they are of several pairs of models.
    """
    fitted = Generation.load(options.config, options.artifact)
    in_use = Generation.load(options.config, options.against)
    serving = options.against or in_use.settings.classifier.artifact or PACKAGED
    used = {
        "artifact to judge": labelled.fitted_ids(options.artifact),
        IN_USE: labelled.fitted_ids(serving),
    }
    labels, remarks = labelled.held_out(read_labels(options.labels), used)
    name = f"{options.labels.name}: {options.artifact.name} against {serving.name}"
    generations = {labelled.FITTED: fitted, IN_USE: in_use}
    try:
        return make_report(
            labelled.score_labels(labels, generations, name),
            threshold=fitted.settings.policy.threshold,
            costs=options.costs,
            learning_curve=labelled.learning_points(options.artifact),
            remarks=remarks,
        )
    except ValueError as error:
        raise LearnError(f"{options.labels}: can't be reported on: {error}") from error


def write_page(report: Report, path: Path) -> None:
    """Write the page; a folder that is missing is made.

    Raises:
        LearnError: if it can't be written.
    """
    _write(path, render(report))


def write_numbers(report: Report, where: str) -> None:
    """Write the numbers as JSON to a file, or to standard output for ``-``.

    Raises:
        LearnError: if they can't be written.
    """
    text = msgspec.json.format(msgspec.json.encode(report), indent=2).decode() + "\n"
    if where == "-":
        sys.stdout.write(text)
    else:
        _write(Path(where), text)


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise LearnError(f"{path}: can't be written: {error.strerror}") from error
