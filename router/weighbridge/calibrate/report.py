"""A plan in, tables and the change to apply out, for a person to read."""

import numpy as np
import yaml
from rich.console import Console
from rich.table import Table

from weighbridge.calibrate.plan import Plan
from weighbridge.calibrate.split import Split
from weighbridge.drift import SHIFTED, STABLE

_TENTHS = tuple(tenth / 10 for tenth in range(1, 10))
_MILLION = 1_000_000.0


def print_plan(console: Console, plan: Plan) -> None:
    """Print all of it: what was read, the table, the drift, warnings, the change."""
    traffic = plan.traffic
    _say(console, f"{len(traffic):,} weighed decisions{_passed(plan)}")
    _say(console, _drift_words(plan.drift))
    console.print()
    console.print(_table(plan))
    _say(console, _cost_words(plan))
    for warning in plan.warnings:
        _say(console, f"warning: {warning}")
    console.print()
    _say(console, _promise(plan))
    _say(console, yaml.safe_dump(plan.change, sort_keys=False).rstrip())


def _say(console: Console, text: str) -> None:
    # Unwrapped, so that what is copied or searched for stands on one line.
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def _passed(plan: Plan) -> str:
    words = plan.traffic.passed.words()
    return f"; passed over: {words}" if words else ""


def _drift_words(drift: float | None) -> str:
    if drift is None:
        return "drift: unknown, since the artifact holds no calibration"
    if drift < STABLE:
        reading = "stable: this is the traffic that was calibrated on"
    elif drift <= SHIFTED:
        reading = "some: shares are a little off what thresholds promise"
    else:
        reading = "recalibrate: thresholds no longer send the shares that they promise"
    return f"drift (PSI against the calibration in use): {drift:.3f}, {reading}"


def _table(plan: Plan) -> Table:
    in_service = plan.settings.policy.threshold
    marks = {in_service: "in service", plan.threshold: "to apply"}
    table = Table(box=None, pad_edge=False)
    for heading in ("threshold", "in use: to large", _unit(plan), "recalibrated", _unit(plan)):
        table.add_column(heading, justify="right")
    table.add_column("")
    for threshold in sorted({*_TENTHS, *marks}):
        cells = [
            cell for split in (plan.used, plan.fresh) for cell in _cells(plan, split, threshold)
        ]
        table.add_row(f"{threshold:.3f}", *cells, marks.get(threshold, ""))
    return table


def _cells(plan: Plan, split: Split, threshold: float) -> tuple[str, str]:
    share, dollars, part = _at(plan, split, threshold)
    return share, f"{dollars} ({part})"


def _at(plan: Plan, split: Split, threshold: float) -> tuple[str, str, str]:
    """Share of the large tier, dollars, and their part of what all-large costs."""
    at = np.array([threshold])
    share, dollars = float(split.shares(at)[0]), float(split.dollars(at)[0])
    part = dollars / split.all_large if split.all_large else 1.0
    return f"{share:.1%}", _dollars(plan, dollars), f"{part:.0%}"


def _unit(plan: Plan) -> str:
    return "$ per day" if plan.per_day else "$ per 1M"


def _dollars(plan: Plan, each: float) -> str:
    return f"{each * (plan.per_day or _MILLION):,.2f}"


def _cost_words(plan: Plan) -> str:
    pair, used = plan.pair, plan.used
    unit = f"a day of {plan.per_day:,.0f} weighed requests" if plan.per_day else "1M requests"
    large, small = _dollars(plan, used.all_large), _dollars(plan, used.all_small)
    return (
        f"{unit} with everything at {pair.large.name}: ${large} (100%); at {pair.small.name}: "
        f"${small}.\nTokens are estimated: {pair.bytes_per_token:g} bytes each, answers of "
        f"{pair.answer_tokens}. Prices are the catalog's, list-price assumptions until you replace "
        "them."
    )


def _promise(plan: Plan) -> str:
    split = plan.fresh if "classifier" in plan.change else plan.used
    share, dollars, part = _at(plan, split, plan.threshold)
    unit = _unit(plan).removeprefix("$ ")
    return f"Apply this: {share} to large, ${dollars} {unit}, {part} of everything at large."
