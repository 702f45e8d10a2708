"""`weighbridge learn fit`: labels in, an artifact that knows them out."""

import shutil
import sys

import msgspec
import pytest
from unit.artifacts import STATES, WIDTH, rewrite, write_tiny
from unit.learn.pairs import few_combinations, labels
from weighbridge import cli
from weighbridge.artifact import load_artifact
from weighbridge.classifier import make_classifier
from weighbridge.errors import ArtifactError, LearnError
from weighbridge.generation import Generation, Generations
from weighbridge.learn.fit import LEAST_LABELS, FitOptions, fit, split
from weighbridge.learn.quality import Outcomes, apgr
from weighbridge.learn.records import LabelLine, write_lines
from weighbridge.learn.report import labelled
from weighbridge.learn.report.run import ReportOptions, report_on
from weighbridge.metrics import Metrics
from weighbridge.stages import ENCODER, STAGE_2, VOCABULARY

LABELS = labels(150)
FRESH = labels(200, seed=2)


@pytest.fixture(scope="module", autouse=True)
def _quick():
    with few_combinations():
        yield


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return write_tiny(tmp_path_factory.mktemp("base") / "tiny", second_stage=True)


@pytest.fixture(scope="module")
def made(base, tmp_path_factory):
    out = tmp_path_factory.mktemp("fit") / "fitted"
    return fit(LABELS, FitOptions(out=out, base=base, held_out=0.2))


@pytest.fixture(params=["stage 1", "stage 2"])
def generation(request, made, tmp_path):
    config = tmp_path / "s.yaml"
    second = "{second_stage: true, band: 1.0}" if request.param == "stage 2" else "{}"
    config.write_text(f"classifier: {second}\n", encoding="utf-8")
    return Generation.load(config, made.folder)


def folder_of(tmp_path, base, name="out", of=LABELS, **options):
    return fit(of, FitOptions(out=tmp_path / name, base=base, **options)).folder


def bytes_of(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_prompts_never_seen_are_ranked_better_than_by_chance_and_by_length(generation):
    rows = labelled.score_labels(FRESH, {"fitted": generation}, "fresh")

    outcomes = Outcomes.of(rows.weak, rows.strong)
    reached = {name: apgr(score, outcomes) for name, score in rows.scores.items()}
    assert reached["fitted"] > max(0.62, reached["length"] + 0.1)


def test_half_of_prompts_like_those_labelled_score_above_one_half(generation):
    rows = labelled.score_labels(FRESH, {"fitted": generation}, "fresh")

    assert 0.35 < (rows.scores["fitted"] >= 0.5).mean() < 0.65


def test_what_is_told_out_of_fold_is_what_prompts_never_seen_get(made):
    generation = Generation.load(None, made.folder)
    rows = labelled.score_labels(FRESH, {"fitted": generation}, "fresh")

    reached = apgr(rows.scores["fitted"], Outcomes.of(rows.weak, rows.strong))
    assert made.stages[0].quality == pytest.approx(reached, abs=0.1)


def test_pieces_and_encoder_are_those_of_the_base(made, base):
    fitted, source = load_artifact(made.folder), load_artifact(base)

    assert all(fitted.contents[name] == source.contents[name] for name in (VOCABULARY, ENCODER))
    stage2 = make_classifier(fitted).stage2
    assert (stage2.machine.width, stage2.encoder.width) == (WIDTH + STATES, STATES)


@pytest.mark.parametrize(
    ("second_stage", "wanted", "has"), [(True, False, 1), (False, True, 1), (True, True, 2)]
)
def test_there_is_a_second_stage_where_the_base_has_one_and_it_is_wanted(
    tmp_path, second_stage, wanted, has
):
    base = write_tiny(tmp_path / "base", second_stage=second_stage)

    folder = folder_of(tmp_path, base, second_stage=wanted, held_out=0)

    contents = load_artifact(folder).contents
    assert (STAGE_2 in contents, ENCODER in contents) == (has == 2, has == 2)
    assert make_classifier(load_artifact(folder)).has_second_stage == (has == 2)


def test_without_a_base_that_of_the_package_is_taken(tmp_path, base, monkeypatch):
    monkeypatch.setattr("weighbridge.artifact.PACKAGED", base)

    folder = folder_of(tmp_path, None, held_out=0)

    digest = load_artifact(base).digest
    assert load_artifact(folder).manifest.training.data["base"] == digest


def test_the_report_leaves_out_what_it_was_fitted_to(made, base, tmp_path):
    write_lines(tmp_path / "labels.jsonl", LABELS + FRESH)

    report = report_on(ReportOptions(tmp_path / "labels.jsonl", made.folder, against=base))

    assert (made.labels, made.held_out) == (120, 30)
    assert report.analysis.rows == len(FRESH) + 30
    assert report.remarks == ["120 of 350 rows left out: the artifact to judge was fitted to them"]
    assert [point.labels for point in report.learning_curve] == [24, 48, 72, 96]
    assert report.learning_curve == made.curve.points


def test_the_same_labels_and_seed_give_the_same_bytes(tmp_path, base):
    first, again, other = (
        bytes_of(folder_of(tmp_path, base, name, seed=seed, held_out=0))
        for name, seed in (("first", 3), ("again", 3), ("other", 4))
    )

    assert first == again
    assert other["stage1.safetensors"] != first["stage1.safetensors"]


def test_the_environment_of_the_process_changes_nothing(tmp_path, base, monkeypatch):
    before = bytes_of(folder_of(tmp_path, base, "before", held_out=0))
    monkeypatch.setenv("WEIGHBRIDGE_LIMITS__TEXT_BYTES", "256")

    assert bytes_of(folder_of(tmp_path, base, "after", held_out=0)) == before


def test_chats_are_fitted_to_as_the_router_reads_them(tmp_path, base):
    """The last ask counts: what an answer quotes before it says nothing."""
    chats = [
        LabelLine(
            label.id,
            label.score_small,
            label.score_large,
            messages=[
                {"role": "user", "content": "what?"},
                {"role": "assistant", "content": "prove " * 9},
                {"role": "user", "content": label.prompt},
            ],
        )
        for label in LABELS
    ]

    plain = load_artifact(folder_of(tmp_path, base, "plain", held_out=0))
    chatted = load_artifact(folder_of(tmp_path, base, "chat", chats, held_out=0))

    assert plain.contents["stage1.safetensors"] == chatted.contents["stage1.safetensors"]


def test_what_is_held_out_is_drawn_by_the_seed():
    few, same, other = (
        {label.id for label in split(FRESH, FitOptions(out=None, held_out=0.25, seed=seed))}
        for seed in (1, 1, 2)
    )

    assert len(few) == 150
    assert few == same != other


def ties(score):
    return [msgspec.structs.replace(one, score_small=score, score_large=0.5) for one in LABELS]


@pytest.mark.parametrize(
    ("given", "options", "said"),
    [
        ([], {}, "came none: `weighbridge learn label` makes them"),
        (LABELS[: LEAST_LABELS - 1], {"held_out": 0}, "at least 100 labels to fit to, came 99 of"),
        (LABELS, {"held_out": 0.5}, "came 75 of 150: label more prompts, or hold fewer out"),
        (
            [*LABELS, LabelLine("x", 0, 1, "y", small="tiny")],
            {},
            "one pair of models, came 2: tiny and \\?; tiny and huge; fit each pair",
        ),
        (ties(0.5), {}, "got 0.5000 and the weak one 0.5000.*Do not route these prompts"),
        (ties(0.9), {}, "Do not route these prompts by difficulty"),
    ],
    ids=["none", "few", "few kept", "two pairs", "alike", "large is worse"],
)
def test_labels_that_nothing_can_be_learnt_from_are_refused(tmp_path, base, given, options, said):
    with pytest.raises(LearnError, match=said):
        fit(given, FitOptions(out=tmp_path / "out", base=base, **options))

    assert list(tmp_path.iterdir()) == []


def cut_short(folder):
    (folder / "stage1.safetensors").write_bytes(b"short")


def without_table(folder):
    rewrite(folder, table=None)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (shutil.rmtree, "artifact.json: can't be read"),
        (cut_short, "stage1.safetensors: damaged"),
        (without_table, "tensors are missing: table"),
        (lambda folder: (folder / ENCODER).unlink(), "stage2.onnx: can't be read"),
    ],
    ids=["missing", "cut short", "no table", "no encoder"],
)
def test_a_base_that_can_not_be_used_is_told_and_nothing_is_left(tmp_path, damage, said):
    base = write_tiny(tmp_path / "base", second_stage=True)
    damage(base)
    out = tmp_path / "new" / "out"

    with pytest.raises(ArtifactError, match=said):
        fit(LABELS, FitOptions(out=out, base=base))

    assert list(out.parent.iterdir()) == []


@pytest.fixture
def served(tmp_path, base):
    """A router that serves from a link, and a way to turn the link round."""
    link = tmp_path / "current"
    link.symlink_to(base)

    def turn(folder):
        (tmp_path / "next").symlink_to(folder)
        (tmp_path / "next").replace(link)

    return Generations(None, link, Metrics()), turn


def test_a_running_router_takes_a_fitted_artifact_as_one_generation(served, made, base):
    generations, turn = served
    before = generations.current
    turn(made.folder)

    assert generations.refresh()

    now = generations.current
    assert (now.number, now.classifier.name, now.classifier.has_second_stage) == (
        2,
        "fitted",
        now.settings.classifier.second_stage,
    )
    assert now.artifact_digest == load_artifact(made.folder).digest[:12] != before.artifact_digest
    assert now.classifier.calibration != before.classifier.calibration
    turn(base)
    assert generations.refresh()
    assert generations.current.artifact_digest == before.artifact_digest


def test_a_fitted_artifact_that_was_half_copied_is_refused_until_it_is_whole(
    served, made, tmp_path
):
    generations, turn = served
    copy = tmp_path / "copy"
    shutil.copytree(made.folder, copy)
    (copy / "rows.json").unlink()
    turn(copy)

    assert not generations.refresh()
    assert generations.current.number == 1

    shutil.copy(made.folder / "rows.json", copy)
    assert generations.refresh()
    assert generations.current.classifier.name == "fitted"


@pytest.fixture
def command(tmp_path, monkeypatch, capsys):
    """The command as a shell runs it: its status, and what it printed."""
    write_lines(tmp_path / "labels.jsonl", LABELS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["weighbridge", "learn", "fit", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return (ended.value.code or 0, *capsys.readouterr())

    return run


def test_the_command_fits_and_says_what_to_do_next(command, base, tmp_path):
    status, out, _ = command("labels.jsonl", "--out", "own", "--base", base, "--name", "ours")

    assert status == 0
    assert "prompts read: 120 of 120" in out
    assert "Fitted to 120 labels, 30 left for the report." in out
    assert "Next: weighbridge learn report LABELS.jsonl --artifact own --out report.html" in out
    manifest = load_artifact(tmp_path / "own").manifest
    assert (manifest.name, manifest.training.seed) == ("ours", 1)
    assert "stage 2" in out


def test_the_command_leaves_the_second_stage_out_if_told(command, base, tmp_path):
    status, out, _ = command(
        "labels.jsonl", "--out", "own", "--base", base, "--held-out", "0", "--no-second-stage"
    )

    assert (status, "stage 2" in out) == (0, False)
    assert STAGE_2 not in load_artifact(tmp_path / "own").contents


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (
            ["labels.jsonl", "--out", "own", "--held-out", "0.5"],
            1,
            "weighbridge: expected at least",
        ),
        (["labels.jsonl", "--out", "labels.jsonl"], 1, "weighbridge: labels.jsonl: is there"),
        (["labels.jsonl", "--out", "own", "--base", "x"], 1, "weighbridge: x/artifact.json: can't"),
        (["none.jsonl", "--out", "own"], 1, "weighbridge: none.jsonl: can't be read"),
        (["labels.jsonl"], 2, "Missing option '--out'"),
        (["labels.jsonl", "--out", "own", "--held-out", "1"], 2, "--held-out"),
    ],
)
def test_the_command_tells_a_fault_in_a_line_and_writes_nothing(
    command, tmp_path, arguments, status, said
):
    ended, _, err = command(*arguments)

    assert (ended, said in err) == (status, True), err
    assert "Traceback" not in err
    assert [path.name for path in tmp_path.iterdir()] == ["labels.jsonl"]


def test_the_help_names_every_option(command):
    status, out, _ = command("--help")

    assert status == 0
    for option in ("--out", "--base", "--name", "--held-out", "--no-second-stage", "--seed"):
        assert option in out
