"""A tiny artifact, small enough to damage in every way: 62 pieces, 3 landmarks, 4 states.

Its first stage goes by length: `bodies.EASY` scores below one half, `bodies.HARD` above. Its second
stage finds everything hard.
"""

from pathlib import Path
from string import ascii_lowercase
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file
from weighbridge.artifact import Artifact, load_artifact, write_manifest
from weighbridge.classifier import KIND
from weighbridge.features import SHAPE_NAMES
from weighbridge.stages import ENCODER, STAGE_1, STAGE_2, VOCABULARY

DIMENSIONS = 8
WIDTH = 3 * DIMENSIONS + len(SHAPE_NAMES)
STATES = 4
PIECES = (
    *("[UNK]", "[CLS]", "[SEP]", "[PAD]", ".", ",", "?", "!", "prove", "what"),
    *ascii_lowercase,
    *(f"##{letter}" for letter in ascii_lowercase),
)
UNCERTAIN = "Please tell us how tall the old oak tree became."
"""Within 0.2 of the middle by the first stage."""


def write_tiny(folder: Path, *, second_stage: bool = False, name: str = "tiny-1") -> Path:
    """Write the artifact into a new folder."""
    folder.mkdir(parents=True)
    (folder / VOCABULARY).write_text("\n".join(PIECES) + "\n", encoding="utf-8")
    dice = np.random.default_rng(1)
    first = machine(WIDTH) | {
        "table": dice.integers(-127, 128, (len(PIECES), DIMENSIONS), dtype=np.int8),
        "table_step": np.full(DIMENSIONS, 0.01, np.float32),
        "calibration": np.linspace(2.5, 6.0, 257),
        "length_weight": np.ones(1),
    }
    save_file(first, folder / STAGE_1)
    if second_stage:
        save_file(machine(WIDTH + STATES) | {"bias": np.full(1, 9.0)}, folder / STAGE_2)
        (folder / ENCODER).write_bytes(encoder())
    write_manifest(folder, kind=KIND, name=name)
    return folder


def tiny(folder: Path, **options: Any) -> Artifact:
    return load_artifact(write_tiny(folder, **options))


def rewrite(folder: Path, file: str = STAGE_1, **changes: Any) -> Path:
    """Change tensors of an artifact, or take away those that are given as None."""
    tensors = load_file(folder / file) | changes
    save_file({k: v for k, v in tensors.items() if v is not None}, folder / file)
    write_manifest(folder, kind=KIND, name="rewritten")
    return folder


def machine(width: int, landmarks: int = 3, heads: int = 1) -> dict[str, Any]:
    """Tensors of a kernel machine whose heads move by a tenth at most."""
    dice = np.random.default_rng(2)
    return {
        "shift": dice.normal(size=width).astype(np.float32),
        "scale": np.ones(width, np.float32),
        "stretch": np.full(width, 0.2, np.float32),
        "landmarks": dice.normal(size=(landmarks, width)).astype(np.float16) / 5,
        "gamma": np.full(1, 0.2, np.float32),
        "weights": dice.uniform(-0.1, 0.1, (landmarks, heads)),
        "bias": np.zeros(heads),
    }


_INT64, _FLOAT = 7, 1
_OPSET = 13


def encoder(
    pieces: int = len(PIECES), *, inputs: str = "ids", output: str = "states", factor: float = 1.0
) -> bytes:
    """An ONNX model by hand: the mean of a row for each piece, 1 x pieces in, 1 x states out."""
    rows = (np.random.default_rng(3).normal(size=(pieces, STATES)) * factor).astype(np.float32)
    table = b"".join(
        [
            *(_number(1, size) for size in rows.shape),
            _number(2, _FLOAT),
            _text(8, "rows"),
            _bytes(9, rows.tobytes()),
        ]
    )
    axis = _text(1, "axes") + _number(8, 1) + _number(20, 7)
    flat = _text(1, "keepdims") + _number(3, 0) + _number(20, 2)
    graph = b"".join(
        [
            _bytes(1, _node("Gather", ["rows", inputs], "found")),
            _bytes(1, _node("ReduceMean", ["found"], output) + _bytes(5, axis) + _bytes(5, flat)),
            _text(2, "tiny"),
            _bytes(5, table),
            _bytes(11, _value(inputs, _INT64, [_number(1, 1), _text(2, "pieces")])),
            _bytes(12, _value(output, _FLOAT, [_number(1, 1), _number(1, STATES)])),
        ]
    )
    return _number(1, 8) + _bytes(7, graph) + _bytes(8, _text(1, "") + _number(2, _OPSET))


def _node(operator: str, inputs: list[str], output: str) -> bytes:
    return b"".join(_text(1, name) for name in inputs) + _text(2, output) + _text(4, operator)


def _value(name: str, kind: int, dimensions: list[bytes]) -> bytes:
    shape = b"".join(_bytes(1, dimension) for dimension in dimensions)
    tensor = _number(1, kind) + _bytes(2, shape)
    return _text(1, name) + _bytes(2, _bytes(1, tensor))


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _text(field: int, value: str) -> bytes:
    return _bytes(field, value.encode())


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])
