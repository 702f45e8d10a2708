"""Plans: the threshold that a wish asks for, the change to apply, and what to be warned of."""

import re

import numpy as np
import pytest
from unit.bodies import write_settings
from unit.calibrate.fakes import (
    SERVED,
    announcement,
    decisions,
    digest_of,
    write_artifact,
    write_log,
)
from weighbridge.artifact import load_artifact
from weighbridge.calibrate.plan import Wish, make_plan
from weighbridge.calibrate.replacement import calibration_of
from weighbridge.drift import SHIFTED, STABLE
from weighbridge.errors import ArtifactError, RecordError, SettingsError


@pytest.fixture
def served(tmp_path):
    return write_artifact(tmp_path / "model")


@pytest.fixture
def plan(tmp_path, served):
    """Makes a plan for a log of `lines`, by default a day of traffic harder than calibrated on."""

    def make(lines=None, **wish):
        log = write_log(tmp_path / "router.log", decisions(shift=0.8) if lines is None else lines)
        return make_plan(Wish(logs=[log], **{"artifact": served, **wish}))

    return make


def at(split, threshold):
    return float(split.shares(np.array([threshold]))[0])


def test_usual_traffic_is_stable_and_keeps_its_threshold(plan):
    made = plan(decisions())

    assert made.drift < STABLE
    assert made.threshold == pytest.approx(0.5, abs=0.05)
    assert made.warnings == []


def test_shifted_traffic_is_seen_and_gets_the_threshold_that_keeps_the_promise(plan):
    made = plan()

    assert made.drift > SHIFTED
    assert at(made.used, 0.5) > 0.7
    assert at(made.used, made.threshold) == pytest.approx(0.5, abs=0.005)
    assert made.change == {"policy": {"threshold": made.threshold}}


@pytest.mark.parametrize("share", [0.1, 0.3, 0.9])
def test_a_wanted_share_is_met_under_the_calibration_in_use(plan, share):
    made = plan(share=share)

    assert at(made.used, made.threshold) == pytest.approx(share, abs=0.005)


@pytest.mark.parametrize("share", [0.1, 0.3, 0.9])
def test_with_a_new_artifact_the_threshold_is_what_the_share_leaves(plan, tmp_path, share):
    made = plan(share=share, out=tmp_path / "new")

    assert made.threshold == pytest.approx(1 - share, abs=0.005)
    assert made.change == {
        "classifier": {"artifact": str(tmp_path / "new")},
        "policy": {"threshold": made.threshold},
    }


def test_the_new_artifact_is_calibrated_on_the_log_and_no_longer_drifts(plan, tmp_path):
    made = plan(out=tmp_path / "new")
    fresh = calibration_of(load_artifact(tmp_path / "new"))

    assert made.threshold == 0.5
    assert fresh.percentile(0.8) == pytest.approx(0.5, abs=0.03)
    assert plan(artifact=tmp_path / "new").drift < STABLE


def test_a_day_costs_what_its_requests_do(plan):
    made = plan(decisions(2000, seconds=43_200.0))

    assert made.per_day == pytest.approx(4000)


def test_a_log_of_which_a_share_was_sampled_stands_for_all(plan, tmp_path):
    config = write_settings(tmp_path / "s.yaml", "log: {decision_sample: 0.1}")

    assert plan(config=config).per_day == pytest.approx(20_000)


@pytest.mark.parametrize(
    ("seconds", "given", "per_day"), [(600.0, None, None), (0.0, None, None), (600.0, 5e6, 5e6)]
)
def test_a_day_is_not_guessed_from_minutes(plan, seconds, given, per_day):
    assert plan(decisions(seconds=seconds), requests_per_day=given).per_day == per_day


@pytest.mark.parametrize("part", [0.2, 0.6])
def test_a_budget_gets_the_lowest_threshold_that_keeps_it(plan, part):
    whole = plan(requests_per_day=1e6)
    small, large = whole.used.all_small * 1e6, whole.used.all_large * 1e6
    budget = small + part * (large - small)

    made = plan(requests_per_day=1e6, budget=budget)

    assert made.used.dollars(np.array([made.threshold]))[0] * 1e6 <= budget
    assert at(made.used, made.threshold) == pytest.approx(part, abs=0.01)


def test_a_budget_without_a_rate_is_refused_with_the_way_out(plan):
    with pytest.raises(SettingsError, match="--requests-per-day N"):
        plan(decisions(seconds=60.0), budget=10.0)


def test_a_budget_that_nothing_keeps_is_refused_with_the_least_there_is(plan):
    with pytest.raises(SettingsError, match=r"--budget 0\.01: no threshold .* would cost \$\d"):
        plan(budget=0.01)


def test_the_prices_are_those_of_the_models_named(plan):
    cheap, dear = (plan(large=name) for name in ("llama-3.1-8b-instruct", "llama-3.3-70b-instruct"))

    assert cheap.used.all_large < dear.used.all_large


@pytest.mark.parametrize(("given", "assumed"), [(None, 256), (0, 0), (900, 900)])
def test_answers_are_as_long_as_said_or_as_the_settings_assume(plan, given, assumed):
    assert plan(answer_tokens=given).pair.answer_tokens == assumed


@pytest.mark.parametrize(
    ("lines", "warning"),
    [
        (decisions(499), "only 499 weighed decisions; below 500"),
        (
            [*decisions(600), *decisions(600, generation=2)],
            r"2 sources \(generation 1, generation 2\)",
        ),
        ([line | {"raw": None} for line in decisions(600)], "600 lines hold no raw score"),
        ([line | {"raw": line["raw"] * 3 + 1} for line in decisions(600)], "another one served"),
        (
            [announcement("") | {"threshold": 0.7}, *decisions(600)],
            r"threshold 0\.7 was in service, the settings say 0\.5\. .*--config",
        ),
    ],
    ids=["few", "sources", "old", "disagree", "threshold"],
)
def test_what_makes_a_plan_doubtful_is_said(plan, lines, warning):
    (said,) = plan(lines).warnings

    assert re.search(warning, said)


def test_the_artifact_that_served_is_known_by_its_announcement(plan, served):
    made = plan([announcement(digest_of(served)), *decisions(600), *decisions(600, seed=3)])

    assert (len(made.traffic), made.warnings) == (1200, [])


def test_without_a_calibration_shares_are_told_and_drift_is_not(plan, tmp_path):
    bare = write_artifact(tmp_path / "bare", calibration=None)

    made = plan(artifact=bare, share=0.25)

    assert made.drift is None
    assert at(made.fresh, 0.75) == pytest.approx(0.25, abs=0.01)
    assert any("holds no calibration" in warning for warning in made.warnings)


def test_without_a_calibration_no_artifact_is_made(plan, tmp_path):
    bare = write_artifact(tmp_path / "bare", calibration=None)

    with pytest.raises(ArtifactError, match="leave out --out, or name an artifact"):
        plan(artifact=bare, out=tmp_path / "new")


def test_a_folder_in_the_way_is_found_before_the_log_is_read(plan, served):
    with pytest.raises(ArtifactError, match="is there already"):
        plan([], out=served)


def test_a_log_of_one_prompt_only_calibrates_nothing(plan):
    with pytest.raises(
        ArtifactError, match=r"all raw scores are 0\.3; nothing tells hard from easy"
    ):
        plan([line | {"raw": 0.3} for line in decisions(600)])


def test_the_artifact_of_the_settings_is_taken(tmp_path, served):
    config = write_settings(tmp_path / "s.yaml", f"classifier: {{artifact: {served}}}")
    log = write_log(tmp_path / "router.log", decisions(600))

    assert make_plan(Wish(logs=[log], config=config)).artifact == load_artifact(served)


def test_a_log_that_is_not_there_is_refused(served, tmp_path):
    with pytest.raises(RecordError, match="No such file"):
        make_plan(Wish(logs=[tmp_path / "absent"], artifact=served))


def test_the_fake_traffic_is_what_the_artifact_was_calibrated_on():
    raws = np.array([line["raw"] for line in decisions()])

    assert SERVED.percentiles(raws).mean() == pytest.approx(0.5, abs=0.02)
