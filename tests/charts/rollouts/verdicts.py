"""A gate's verdict without Argo: the query by promtool, the conditions as Argo reads them.

In: a rendering, a metric's name, what the rules have recorded. Out: the value that was measured,
and Successful, Failed or Inconclusive.
"""

import math
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import yaml
from charts.rendering import Document, Rendering

CANARY, STABLE = "new", "old"
_GIVEN = {
    "pool": "a",
    "namespace": "llm",
    "canary-revision": CANARY,
    "stable-revision": STABLE,
    "fewest-answers": "10",
}
_ARGOS = {"len": len, "isNaN": math.isnan, "false": False}
_GOT = re.compile(r"got:(?P<all>.*)")
_SAMPLE = re.compile(r"\}? ?(?P<value>[-+]?(?:[0-9.]+(?:E[-+][0-9]+)?|Inf|NaN))$")

Recorded = Mapping[str, Mapping[str, float]]
"""Values of a version (`new`, `old`) by recording rule."""


def metric(rendering: Rendering, name: str) -> Document:
    """A metric of a gate, its arguments filled in with the template's defaults."""
    for template in rendering.all("AnalysisTemplate"):
        for found in template["spec"]["metrics"]:
            if found["name"] == name:
                return _filled(found, template["spec"]["args"])
    raise LookupError(f"expected a metric {name}, came none")


def measure(gate: Document, recorded: Recorded, folder: Path) -> float | None:
    """What Prometheus answers to a gate's query; None: no data."""
    file = folder / "query.test.yaml"
    query = gate["provider"]["prometheus"]["query"]
    # Expected is what can't be: promtool then says what came.
    sample = {"labels": "impossible", "value": 0}
    test = {
        "interval": "1m",
        "input_series": [
            _series(record, version, value) for record, version, value in _flat(recorded)
        ],
        "promql_expr_test": [{"expr": query, "eval_time": "1m", "exp_samples": [sample]}],
    }
    file.write_text(yaml.safe_dump({"tests": [test]}), encoding="utf-8")
    done = subprocess.run(
        [promtool(), "test", "rules", file], capture_output=True, text=True, check=False, timeout=60
    )
    got = _GOT.search(done.stdout + done.stderr)
    if not got:
        raise AssertionError(f"promtool could not read {query}: {done.stdout}{done.stderr}")
    value = _SAMPLE.search(got["all"].strip())
    return float(value["value"]) if value and got["all"].strip() != "nil" else None


def verdict(gate: Document, value: float | None) -> str:
    """What Argo makes of a measured value."""
    result = [] if value is None else [value]
    if _holds(gate["failureCondition"], result):
        return "Failed"
    return "Successful" if _holds(gate["successCondition"], result) else "Inconclusive"


def promtool() -> str:
    """Path of promtool, which Debian's package of Prometheus has."""
    found = shutil.which("promtool")
    if not found:
        raise AssertionError("no promtool: apt-get install prometheus")
    return found


def _holds(condition: str, result: list[float]) -> bool:
    python = condition.replace("&&", "and").replace("!", "not ")
    return bool(eval(python, _ARGOS | {"result": result}))  # noqa: S307


def _filled(found: Document, arguments: list[dict[str, str]]) -> Document:
    values = {a["name"]: a["value"] for a in arguments if "value" in a} | _GIVEN
    text = yaml.safe_dump(found)
    for name, value in values.items():
        text = text.replace("{{args." + name + "}}", value)
    filled: Document = yaml.safe_load(text)
    return filled


def _flat(recorded: Recorded) -> list[tuple[str, str, float]]:
    return [(record, version, v) for record, by in recorded.items() for version, v in by.items()]


def _series(record: str, version: str, value: float) -> dict[str, str]:
    labels = {"namespace": "llm", "pool": "a"}
    if record.startswith("pool_subset:"):
        labels["subset"] = {CANARY: "canary", STABLE: "stable"}[version]
    else:
        labels |= {"tier": "small", "revision": version}
    selector = ",".join(f'{name}="{each}"' for name, each in labels.items())
    return {"series": f"{record}{{{selector}}}", "values": f"{value}x5"}
