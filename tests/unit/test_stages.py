"""The stages: raw scores from an artifact's files; and which files they refuse, in words."""

import sys

import numpy as np
import pytest
from safetensors.numpy import load_file
from unit.artifacts import PIECES, STATES, WIDTH, encoder, machine, rewrite, tiny, write_tiny
from unit.bodies import EASY, HARD
from weighbridge import stages
from weighbridge.artifact import load_artifact, write_manifest
from weighbridge.classifier import KIND, make_classifier
from weighbridge.errors import ArtifactError
from weighbridge.features import BLOCKS, Features
from weighbridge.kernel import KernelMachine
from weighbridge.prompt import Ask
from weighbridge.stages import (
    ENCODER,
    ENCODER_PIECES,
    STAGE_1,
    STAGE_2,
    VOCABULARY,
    Encoder,
    Stage1,
    Stage2,
    read_vocabulary,
)
from weighbridge.vocabulary import Vocabulary


@pytest.fixture
def folder(tmp_path):
    return write_tiny(tmp_path / "model", second_stage=True)


@pytest.fixture
def stage1(folder):
    return Stage1(load_artifact(folder))


@pytest.fixture
def stage2(folder, stage1):
    return Stage2(load_artifact(folder), stage1)


def features(stage1, text):
    return stage1.featurizer.extract(Ask(text, len(text)))


def refusal(folder):
    """What is said of an artifact that can't be used."""
    with pytest.raises(ArtifactError) as raised:
        make_classifier(load_artifact(folder))
    return str(raised.value)


def listed(folder):
    """The same folder, its changed files taken up into the manifest."""
    write_manifest(folder, kind=KIND, name="damaged")
    return folder


@pytest.mark.parametrize("text", ["", EASY, HARD])
def test_stage_1_adds_the_length_to_what_its_machine_says(folder, stage1, text):
    found = features(stage1, text)
    plain = Stage1(load_artifact(rewrite(folder, length_weight=None)))

    assert plain.raw(found) == KernelMachine(load_file(folder / STAGE_1)).heads_of(found.row)[0]
    assert stage1.raw(found) == pytest.approx(plain.raw(found) + found.log_pieces)


def test_the_effect_of_a_block_is_what_the_score_loses_if_it_were_average(stage1):
    found = features(stage1, HARD)
    span = stage1.featurizer.spans["bag"]
    row = found.row.copy()
    row[span] = stage1.machine.average[span]

    effects = stage1.effects(found)

    assert tuple(effects) == BLOCKS
    assert effects["bag"] == stage1.raw(found) - stage1.raw(
        Features(found.ids, row, found.log_pieces)
    )


def test_an_average_text_has_no_effects(stage1):
    average = Features([1], stage1.machine.average.copy(), 1.0)

    assert set(stage1.effects(average).values()) == {0.0}


def test_the_encoder_reads_the_pieces_between_its_two_marks():
    model = encoder()
    made = Encoder(model, Vocabulary(PIECES))
    rows = np.array([made._session.run(None, {"ids": [[n]]})[0][0] for n in range(len(PIECES))])

    first, last = PIECES.index("[CLS]"), PIECES.index("[SEP]")
    assert made.width == STATES
    assert made.states([10, 20]) == pytest.approx(rows[[first, 10, 20, last]].mean(axis=0))


def test_of_a_long_text_the_encoder_reads_as_many_pieces_from_each_end():
    made = Encoder(encoder(), Vocabulary(PIECES))
    half = ENCODER_PIECES // 2

    long = made.states([10] * 300 + [20] * 300)

    assert long == pytest.approx(made.states([10] * half + [20] * half))


def test_stage_2_judges_the_features_and_the_states_together(folder, stage1, stage2):
    found = features(stage1, EASY)
    row = np.concatenate([found.row, stage2.encoder.states(found.ids)])

    assert len(row) == WIDTH + STATES
    assert stage2.raw(found) == KernelMachine(load_file(folder / STAGE_2)).heads_of(row)[0]


def test_stage_2_may_weigh_the_length_too(folder, stage1, stage2):
    found = features(stage1, EASY)
    rewrite(folder, STAGE_2, length_weight=np.full(1, 2.0))

    longer = Stage2(load_artifact(folder), stage1)

    assert longer.raw(found) == pytest.approx(stage2.raw(found) + 2 * found.log_pieces)


@pytest.mark.parametrize("name", [STAGE_1, STAGE_2, ENCODER, VOCABULARY])
def test_a_file_that_is_not_listed_is_named(folder, name):
    (folder / name).unlink()
    classifier_needs_it = name != STAGE_2  # without it there is but one stage

    if classifier_needs_it:
        assert refusal(listed(folder)) == f"damaged: the file {name} is missing"
    else:
        assert not make_classifier(load_artifact(listed(folder))).has_second_stage


@pytest.mark.parametrize("name", [STAGE_1, STAGE_2])
@pytest.mark.parametrize("damage", [b"", b"words", lambda raw: raw[:-9], lambda raw: raw[:100]])
def test_a_file_that_holds_no_tensors_is_refused_by_name(folder, name, damage):
    raw = (folder / name).read_bytes()
    (folder / name).write_bytes(damage if isinstance(damage, bytes) else damage(raw))

    assert refusal(listed(folder)).startswith(f"{name}: not a safetensors file")


def test_tensors_of_a_type_that_numpy_does_not_have_are_refused(folder):
    header = b'{"table":{"dtype":"BF16","shape":[1],"data_offsets":[0,2]}}'
    (folder / STAGE_1).write_bytes(len(header).to_bytes(8, "little") + header + b"\0\0")

    assert refusal(listed(folder)).startswith(f"{STAGE_1}: not a safetensors file")


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"a\na\n", b"a\nb\n", b"[UNK]\na\n"])
def test_words_that_make_no_vocabulary_of_it_are_refused(folder, content):
    (folder / VOCABULARY).write_bytes(content)

    message = refusal(listed(folder))

    assert "vocabulary" in message or "a vector for each of" in message


def test_a_vocabulary_has_one_piece_a_line_and_lines_end_at_line_feeds_alone():
    assert read_vocabulary("[UNK]\n\u2028\n\x85\n".encode()).pieces == ("[UNK]", "\u2028", "\x85")
    assert read_vocabulary(b"[UNK]\na").pieces == ("[UNK]", "a")


FAULTS = [
    ({"table": None}, "tensors are missing: table"),
    ({"table_step": None}, "tensors are missing: table_step"),
    ({"calibration": None}, "tensor calibration is missing"),
    ({"shift": None}, "tensors are missing: shift"),
    ({"table": np.zeros((62, 8), np.float32)}, "expected a table of int8, came float32"),
    ({"table": np.zeros((61, 8), np.int8)}, r"a vector for each of 62 pieces, came (61, 8)"),
    ({"table": np.zeros(62, np.int8)}, "a vector for each of 62 pieces, came (62,)"),
    ({"table": np.zeros((62, 9), np.int8)}, "table (62, 9) and table_step (8,) don't fit"),
    ({"table": np.zeros((62, 9), np.int8), "table_step": np.ones(9, np.float32)}, "for 73 feat"),
    ({"table_step": np.full(8, np.nan, np.float32)}, "tensor table_step: expected floating-point"),
    ({"length_weight": np.full(1, np.inf)}, "tensor length_weight: expected floating-point"),
    ({"length_weight": np.ones(2)}, "tensor length_weight: expected 1 number, came (2,)"),
    ({"calibration": np.zeros(9)}, "nothing tells hard from easy"),
    ({"calibration": np.arange(9.0)[::-1].copy()}, "expected rising knots"),
    ({"calibration": np.full(9, np.nan)}, "calibration: expected finite numbers"),
    ({"calibration": np.arange(9, dtype=np.float32)}, "calibration: expected float64"),
    ({"gamma": np.full(1, np.nan, np.float32)}, "tensor gamma: expected"),
    (machine(WIDTH - 1), f"made for {WIDTH - 1} features, there are {WIDTH}"),
]


@pytest.mark.parametrize(("changes", "words"), FAULTS)
def test_tensors_of_stage_1_that_can_not_be_used_are_refused_in_words(folder, changes, words):
    assert words in refusal(rewrite(folder, **changes))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"weights": None}, "tensors are missing: weights"),
        ({"bias": np.full(1, np.nan)}, "tensor bias: expected"),
        ({"length_weight": np.full(1, np.nan)}, "tensor length_weight: expected"),
        (machine(WIDTH), f"{STAGE_2}: made for {WIDTH} features, there are {WIDTH + STATES}"),
    ],
)
def test_tensors_of_stage_2_that_can_not_be_used_are_refused_in_words(folder, changes, words):
    assert words in refusal(rewrite(folder, STAGE_2, **changes))


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (b"", "stage2.onnx: can't be used"),
        (b"words", "stage2.onnx: can't be used"),
        (encoder()[:-40], "stage2.onnx: can't be used"),
        (encoder(inputs="tokens"), "stage2.onnx: does not read ids into states"),
        (encoder(output="mean"), "stage2.onnx: does not read ids into states"),
        (encoder(factor=np.nan), "stage2.onnx: expected finite states, 1 x width"),
        (encoder(pieces=30), "stage2.onnx: does not read ids into states"),
    ],
)
def test_an_encoder_that_can_not_be_used_is_refused_in_words(folder, model, words):
    (folder / ENCODER).write_bytes(model)

    assert refusal(listed(folder)).startswith(words)


def test_without_onnxruntime_the_way_out_is_told(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    stages._onnxruntime.cache_clear()

    message = refusal(folder)

    assert "install weighbridge[encoder], or set classifier.second_stage to false" in message
    assert make_classifier(load_artifact(folder), second_stage=False).stage2 is None


def test_two_loads_of_an_artifact_score_alike(tmp_path):
    one, other = (
        make_classifier(tiny(tmp_path / name, second_stage=True)) for name in ("one", "other")
    )
    found = one.features(Ask(HARD, 1))

    assert one.stage1.raw(found) == other.stage1.raw(found)
    assert one.stage2.raw(found) == other.stage2.raw(found)
