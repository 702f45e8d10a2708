"""An artifact that is calibrated, and the log of a router that served it."""

import json

import numpy as np
from safetensors.numpy import save_file
from weighbridge.artifact import MANIFEST, load_artifact, write_manifest
from weighbridge.calibrate.traffic import Passed, Traffic
from weighbridge.calibration import Calibration
from weighbridge.stages import STAGE_1

SERVED = Calibration.of(np.random.default_rng(1).normal(0.0, 1.0, 8000))
"""What the artifact was calibrated on: raw scores about 0."""


def write_artifact(folder, calibration=SERVED, **fields):
    """A calibrated artifact; `fields` are added to its manifest."""
    folder.mkdir()
    tensors = {"weights": np.arange(6, dtype=np.float32)}
    if calibration:
        tensors["calibration"] = calibration.to_array()
    save_file(tensors, folder / STAGE_1, {"made_by": "a test"})
    (folder / "vocabulary.txt").write_bytes(b"a b c")
    write_manifest(folder, kind="lexical", name="test-1")
    if fields:
        manifest = json.loads((folder / MANIFEST).read_text()) | fields
        (folder / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    return folder


def announcement(artifact, generation=1):
    """The line by which a router says what serves."""
    return {
        "ts": 1.0,
        "event": "log",
        "level": "info",
        "message": "generation in service",
        "generation": generation,
        "settings": "0123456789ab",
        "artifact": artifact,
        "classifier": "test-1",
        "stages": 1,
        "threshold": 0.5,
    }


def decision(raw, served=SERVED, **fields):
    """A decision line as the router writes it."""
    score = round(served.percentile(raw), 3)
    return {
        "ts": 1000.0,
        "tier": "large" if score >= 0.5 else "small",
        "reason": "score",
        "micros": 180,
        "body_bytes": 700,
        "event": "decision",
        "score": score,
        "raw": round(raw, 5),
        "earlier": 0.0,
        "endpoint": "chat",
        "turns": 1,
        "ask_chars": 80,
        "ask_hash": "00ff",
        "trace_id": "",
        "span_id": "",
        "generation": 1,
    } | fields


def decisions(count=2000, shift=0.0, seed=2, seconds=86_400.0, **fields):
    """Decisions spread over `seconds`, on traffic whose raw scores lie about `shift`."""
    raws = np.random.default_rng(seed).normal(shift, 1.0, count)
    times = 1_000_000 + np.linspace(0, seconds, count)
    return [
        decision(raw, ts=round(ts, 3), **fields)
        for raw, ts in zip(raws.tolist(), times.tolist(), strict=True)
    ]


def write_log(path, lines):
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def digest_of(folder):
    return load_artifact(folder).digest[:12]


def traffic(raws, earlier=None, body_bytes=700.0, fixed=None):
    """What is read of such a log."""
    raws = np.array(raws, dtype=np.float64)
    return Traffic(
        raws=raws,
        earlier=np.zeros(len(raws)) if earlier is None else np.array(earlier, dtype=np.float64),
        body_bytes=np.zeros(len(raws)) + np.array(body_bytes, dtype=np.float64),
        fixed=[""] * len(raws) if fixed is None else fixed,
        logged=SERVED.percentiles(raws),
        seconds=86_400.0,
        inverted=0,
        sources=frozenset({"generation 1"}),
        passed=Passed(),
    )
