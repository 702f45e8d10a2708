"""The two stages of the classifier, each from the tensors of an artifact.

Stage 1 looks at word pieces and shape. Stage 2 reads the text with the first layers of a
transformer as well; it takes milliseconds and must be kept off the event loop.
"""

import functools
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load

from weighbridge.artifact import Artifact
from weighbridge.calibration import TENSOR, Calibration
from weighbridge.errors import ArtifactError
from weighbridge.features import Features, Featurizer
from weighbridge.kernel import Floats, KernelMachine, require_finite
from weighbridge.vocabulary import Vocabulary

VOCABULARY: Final = "vocabulary.txt"
STAGE_1: Final = "stage1.safetensors"
STAGE_2: Final = "stage2.safetensors"
ENCODER: Final = "stage2.onnx"
ENCODER_PIECES: Final = 94
"""Pieces that the encoder reads, half from each end; with its two marks 96. More cost time and
bought no accuracy (docs/quality.md)."""

_TABLE: Final = "table"
_STEPS: Final = "table_step"
_LENGTH: Final = "length_weight"

Tensors = Mapping[str, npt.NDArray[Any]]


def read_tensors(artifact: Artifact, name: str) -> dict[str, npt.NDArray[Any]]:
    """The tensors of one file.

    Raises:
        ArtifactError: if it is missing or no safetensors file.
    """
    content = _content(artifact, name)
    try:
        return dict(load(content))
    except (SafetensorError, KeyError) as error:  # a type that numpy doesn't have is a KeyError
        raise ArtifactError(f"{name}: not a safetensors file for numpy: {error}") from error


def _content(artifact: Artifact, name: str) -> bytes:
    try:
        return artifact.contents[name]
    except KeyError as error:
        raise ArtifactError(f"{artifact.manifest.name}: the file {name} is missing") from error


def make_featurizer(artifact: Artifact, tensors: Tensors) -> Featurizer:
    """The featurizer that an artifact's stages were fitted to.

    Raises:
        ArtifactError: for files that are missing or don't fit each other.
    """
    if missing := [name for name in (_TABLE, _STEPS) if name not in tensors]:
        raise ArtifactError(f"{STAGE_1}: tensors are missing: {', '.join(missing)}")
    table, steps = tensors[_TABLE], tensors[_STEPS]
    if table.dtype != np.int8:
        raise ArtifactError(f"{STAGE_1}: expected a table of int8, came {table.dtype}")
    require_finite(_STEPS, steps)
    vocabulary = read_vocabulary(_content(artifact, VOCABULARY))
    return Featurizer(vocabulary, table, steps.astype(np.float32))


def read_vocabulary(content: bytes) -> Vocabulary:
    """The vocabulary of a file with one piece a line.

    Raises:
        ArtifactError: for what is no such file.
    """
    try:
        # Not splitlines: some of the pieces are what Unicode counts as ends of lines.
        return Vocabulary(content.decode().removesuffix("\n").split("\n"))
    except UnicodeDecodeError as error:
        raise ArtifactError(f"{VOCABULARY}: not UTF-8: {error}") from error


def _length_weight(tensors: Tensors) -> float:
    if _LENGTH not in tensors:
        return 0.0
    require_finite(_LENGTH, tensors[_LENGTH])
    if tensors[_LENGTH].shape != (1,):
        raise ArtifactError(f"tensor {_LENGTH}: expected 1 number, came {tensors[_LENGTH].shape}")
    return float(tensors[_LENGTH][0])


class Stage1:
    """Word pieces and shape to a raw score.

    Raises:
        ArtifactError: for an artifact that can't be used.
    """

    def __init__(self, artifact: Artifact) -> None:
        tensors = read_tensors(artifact, STAGE_1)
        if TENSOR not in tensors:
            raise ArtifactError(f"{STAGE_1}: tensor {TENSOR} is missing")
        self.featurizer = make_featurizer(artifact, tensors)
        self.machine = KernelMachine(tensors)
        self.calibration = Calibration.from_array(tensors[TENSOR])
        self._length = _length_weight(tensors)
        if self.machine.width != self.featurizer.width:
            raise ArtifactError(
                f"{STAGE_1}: made for {self.machine.width} features, there are "
                f"{self.featurizer.width}"
            )

    def raw(self, features: Features) -> float:
        """The raw score of one ask."""
        return self.machine.heads_of(features.row)[0] + self._length * features.log_pieces

    def effects(self, features: Features) -> dict[str, float]:
        """What each block adds: the raw score less what it would be with an average block."""
        raw = self.raw(features)
        effects = {}
        for name, span in self.featurizer.spans.items():
            row = features.row.copy()
            row[span] = self.machine.average[span]
            effects[name] = raw - self.raw(Features(features.ids, row, features.log_pieces))
        return effects


class Encoder:
    """The first layers of a transformer: ids in, mean states of the chosen layers out.

    Args:
        model: ONNX; input ``ids``, 1 x pieces, int64; output ``states``, 1 x width, float32.
        vocabulary: whose marks open and close a text.

    Raises:
        ArtifactError: for a model that can't be used, or without onnxruntime installed.
    """

    def __init__(self, model: bytes, vocabulary: Vocabulary) -> None:
        self._first = vocabulary.id_of("[CLS]")
        self._last = vocabulary.id_of("[SEP]")
        self._session = _open_session(model)
        self.width = self._probe(len(vocabulary) - 1)

    def states(self, ids: list[int]) -> Floats:
        """Encode the ids of one text. Blocks for milliseconds; any thread may call it."""
        if len(ids) > ENCODER_PIECES:
            half = ENCODER_PIECES // 2
            ids = ids[:half] + ids[-half:]
        whole = np.array([[self._first, *ids, self._last]], np.int64)
        states: Floats = self._session.run(["states"], {"ids": whole})[0][0]
        return states

    def _probe(self, greatest: int) -> int:
        """The width of the states, once a text of the greatest id has been read."""
        try:
            states = self.states([greatest])
        except Exception as error:  # onnxruntime has no common base class for its failures
            raise ArtifactError(f"{ENCODER}: does not read ids into states: {error}") from error
        if np.ndim(states) != 1 or not np.isfinite(states).all():
            raise ArtifactError(f"{ENCODER}: expected finite states, 1 x width")
        return len(states)


class Stage2:
    """Stage 1's features and the encoder's states to a raw score on the scale of stage 1.

    Raises:
        ArtifactError: for an artifact that can't be used.
    """

    def __init__(self, artifact: Artifact, stage1: Stage1) -> None:
        tensors = read_tensors(artifact, STAGE_2)
        self.machine = KernelMachine(tensors)
        self._length = _length_weight(tensors)
        self.encoder = Encoder(_content(artifact, ENCODER), stage1.featurizer.vocabulary)
        width = stage1.featurizer.width + self.encoder.width
        if self.machine.width != width:
            raise ArtifactError(
                f"{STAGE_2}: made for {self.machine.width} features, there are {width}"
            )

    def raw(self, features: Features) -> float:
        """The raw score of one ask. Blocks for milliseconds; any thread may call it."""
        row = np.concatenate([features.row, self.encoder.states(features.ids)])
        return self.machine.heads_of(row)[0] + self._length * features.log_pieces


@functools.cache
def _onnxruntime() -> Any:
    try:
        import onnxruntime  # noqa: PLC0415 - only an artifact of two stages needs it
    except ImportError as error:
        raise ArtifactError(
            "the second stage needs onnxruntime: install weighbridge[encoder], "
            "or set classifier.second_stage to false"
        ) from error
    return onnxruntime


def _open_session(model: bytes) -> Any:
    runtime = _onnxruntime()
    options = runtime.SessionOptions()
    # One text at a time on one core: threads of its own would take the event loop's.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return runtime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has no common base class for its failures
        raise ArtifactError(f"{ENCODER}: can't be used: {error}") from error
