"""A log and what is wanted of it in; the calibration, the threshold and the warnings out."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from weighbridge.artifact import PACKAGED, Artifact, load_artifact
from weighbridge.calibrate.replacement import calibration_of, replace_calibration
from weighbridge.calibrate.split import Pair, Split
from weighbridge.calibrate.traffic import Traffic, read_traffic
from weighbridge.calibration import Calibration
from weighbridge.catalog import find_model, load_catalog
from weighbridge.drift import BINS, histogram, stability_index
from weighbridge.errors import ArtifactError, SettingsError
from weighbridge.settings import Settings, load_settings

ENOUGH_ROWS: Final = 500
"""Fewer put a percentile off by more than 0.02 either way, one time in three."""

_DAY = 86_400.0
_LEAST_SECONDS = 3600.0
_MOST_DEVIATION = 0.02
_MOST_DEVIATING = 0.05
_UNCALIBRATED = Calibration([0.0, 1.0])


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What the command was asked for.

    Attributes:
        logs: files; `-` is standard input.
        config: settings of the router.
        artifact: over the settings.
        share: wanted share of the hard tier, 0..1.
        budget: dollars that a day may cost.
        out: folder for a recalibrated copy of the artifact.
        small: model of the easy tier, by its name in the catalog.
        large: model of the hard tier.
        catalog: folder of models; None: the packaged one.
        answer_tokens: of an answer; None: as the settings assume.
        requests_per_day: weighed requests; None: as the log tells.
    """

    logs: Sequence[Path]
    config: Path | None = None
    artifact: Path | None = None
    share: float | None = None
    budget: float | None = None
    out: Path | None = None
    small: str = "gemma-2-9b-it"
    large: str = "llama-3.3-70b-instruct"
    catalog: Path | None = None
    answer_tokens: int | None = None
    requests_per_day: float | None = None


class Plan(msgspec.Struct, frozen=True):
    """What came of it.

    Attributes:
        settings: of the router.
        artifact: whose calibration is in use, read and verified.
        traffic: of the log.
        pair: prices.
        used: thresholds under the calibration in use.
        fresh: thresholds under the one made of this log.
        drift: PSI of the log against the calibration in use; None if there is none.
        per_day: weighed requests a day; None if nothing tells.
        threshold: to be set.
        change: settings to apply.
        warnings: for a person to weigh.
    """

    settings: Settings
    artifact: Artifact
    traffic: Traffic
    pair: Pair
    used: Split
    fresh: Split
    drift: float | None
    per_day: float | None
    threshold: float
    change: dict[str, dict[str, Any]]
    warnings: list[str]


def make_plan(wish: Wish) -> Plan:
    """Read everything, work it out, and write the new artifact if one was asked for.

    Raises:
        SettingsError: for settings, a catalog or a budget that can't be used.
        ArtifactError: for an artifact that can't be used or written, or a log of one raw score.
        RecordError: for a log that can't be used.
    """
    settings = load_settings(wish.config)
    pair = _pair(wish, settings)
    folder = wish.artifact or settings.classifier.artifact or PACKAGED
    artifact = load_artifact(folder)
    served = calibration_of(artifact)
    _check_out(wish, folder, served)
    in_use = served or _UNCALIBRATED
    traffic = read_traffic(wish.logs, in_use, artifact.digest)
    fresh = Calibration.of(traffic.raws)
    splits = [Split(traffic, in_use, one, settings, pair) for one in (in_use, fresh)]
    per_day = wish.requests_per_day or _per_day(traffic, settings)
    threshold = _threshold(wish, settings, splits[bool(wish.out)], per_day)
    if wish.out:
        replace_calibration(folder, wish.out, fresh, _facts(traffic, artifact))
    return Plan(
        settings=settings,
        artifact=artifact,
        traffic=traffic,
        pair=pair,
        used=splits[0],
        fresh=splits[1],
        drift=_drift(traffic, served) if served else None,
        per_day=per_day,
        threshold=threshold,
        change=_change(wish, threshold),
        warnings=_warnings(traffic, served, settings.policy.threshold),
    )


def _pair(wish: Wish, settings: Settings) -> Pair:
    catalog = load_catalog(wish.catalog)
    answer = wish.answer_tokens
    return Pair(
        small=find_model(catalog, wish.small),
        large=find_model(catalog, wish.large),
        answer_tokens=settings.limits.default_max_tokens if answer is None else answer,
        bytes_per_token=settings.limits.bytes_per_token,
    )


def _check_out(wish: Wish, folder: Path, served: Calibration | None) -> None:
    """Find out before a long log is read what would keep the artifact from being written."""
    if wish.out and served is None:
        raise ArtifactError(
            f"{folder}: holds no calibration, so there is none to replace; leave out --out, or "
            "name an artifact that is calibrated: --artifact FOLDER"
        )
    if wish.out and wish.out.exists():
        raise ArtifactError(f"{wish.out}: is there already; name a new folder with --out")


def _per_day(traffic: Traffic, settings: Settings) -> float | None:
    sample = settings.log.decision_sample
    if traffic.seconds < _LEAST_SECONDS or not sample:
        return None
    return len(traffic) / sample / traffic.seconds * _DAY


def _threshold(wish: Wish, settings: Settings, split: Split, per_day: float | None) -> float:
    if wish.budget is not None:
        return _affordable(wish.budget, split, per_day)
    if wish.share is not None:
        return split.threshold_for_share(wish.share)
    # Nothing asked: keep what the threshold in service promises.
    threshold = settings.policy.threshold
    return threshold if wish.out else split.threshold_for_share(1 - threshold)


def _affordable(budget: float, split: Split, per_day: float | None) -> float:
    if not per_day:
        raise SettingsError(
            "--budget is per day, and the log covers less than an hour (or has no times); "
            "say how many weighed requests a day brings: --requests-per-day N"
        )
    threshold = split.threshold_for_dollars(budget / per_day)
    if threshold is None:
        raise SettingsError(
            f"--budget {budget:g}: no threshold is that cheap; with everything at the small model "
            f"a day would cost ${split.all_small * per_day:,.2f}, and guards may add to it"
        )
    return threshold


def _drift(traffic: Traffic, served: Calibration) -> float:
    counts = histogram(served.percentiles(traffic.raws).tolist())
    return stability_index(counts, served.expected_shares(BINS))


def _facts(traffic: Traffic, artifact: Artifact) -> dict[str, Any]:
    return {
        "source": "weighbridge calibrate",
        "rows": len(traffic),
        "replaces": artifact.digest,
    }


def _change(wish: Wish, threshold: float) -> dict[str, dict[str, Any]]:
    policy = {"policy": {"threshold": round(threshold, 4)}}
    return {"classifier": {"artifact": str(wish.out)}, **policy} if wish.out else policy


def _warnings(traffic: Traffic, served: Calibration | None, threshold: float) -> list[str]:
    found = []
    if len(traffic) < ENOUGH_ROWS:
        found.append(
            f"only {len(traffic):,} weighed decisions; below {ENOUGH_ROWS} shares and percentiles "
            "are rough. Gather more before you apply this."
        )
    if len(traffic.sources) > 1:
        found.append(
            f"the lines come from {len(traffic.sources)} sources "
            f"({_few(sorted(traffic.sources))}). Raw scores of two artifacts can't be compared: "
            "make sure that all of them served the same one."
        )
    if traffic.inverted:
        found.append(
            f"{traffic.inverted:,} lines hold no raw score (an older router wrote them): it was "
            "derived from the score, which is coarser and cut off at 0 and 1."
        )
    if traffic.threshold not in {None, threshold}:
        found.append(
            f"the log says that threshold {traffic.threshold:g} was in service, the settings say "
            f"{threshold:g}. Name the router's own with --config."
        )
    if served is None:
        found.append(
            "the artifact holds no calibration: its scores are taken as they are, "
            "and there is no drift to tell."
        )
    elif _disagrees(traffic, served):
        found.append(
            "the scores in the log are not those that this artifact gives to its raw scores: "
            "another one served. Name that with --artifact."
        )
    return found


def _disagrees(traffic: Traffic, served: Calibration) -> bool:
    deviation = np.abs(served.percentiles(traffic.raws) - traffic.logged)
    return bool((deviation > _MOST_DEVIATION).mean() > _MOST_DEVIATING)


def _few(names: Sequence[str], most: int = 3) -> str:
    return ", ".join([*names[:most], *(["…"] * (len(names) > most))])
