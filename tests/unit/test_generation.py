"""Generations: swapped whole when files change, kept when the change is faulty."""

import asyncio
import logging
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from unit.artifacts import rewrite, write_tiny
from unit.bodies import write_settings
from weighbridge import generation
from weighbridge.artifact import MANIFEST
from weighbridge.calibration import Calibration
from weighbridge.drift import BINS
from weighbridge.errors import ArtifactError, SettingsError
from weighbridge.generation import Generation, Generations
from weighbridge.metrics import Metrics
from weighbridge.stages import STAGE_1, VOCABULARY


class ConfigMap:
    """A folder as the kubelet fills it: file -> ..data/file, ..data -> a folder of its own."""

    def __init__(self, folder):
        self._folder = folder
        self._version = 0
        self.path = folder / "weighbridge.yaml"
        self.path.symlink_to("..data/weighbridge.yaml")

    def publish(self, text):
        old = self._folder / f"..v{self._version}"
        self._version += 1
        fresh = self._folder / f"..v{self._version}"
        fresh.mkdir()
        write_settings(fresh / "weighbridge.yaml", text)
        (self._folder / "..data_tmp").symlink_to(fresh.name)
        (self._folder / "..data_tmp").replace(self._folder / "..data")
        shutil.rmtree(old, ignore_errors=True)


class PlainFile:
    """A file that is written over in place."""

    def __init__(self, folder):
        self.path = folder / "weighbridge.yaml"
        self._written_at = 1_000_000_000

    def publish(self, text):
        write_settings(self.path, text)
        # Two writes in one tick of the clock of the file system would look the same.
        self._written_at += 1
        os.utime(self.path, (self._written_at, self._written_at))


@pytest.fixture(params=[ConfigMap, PlainFile])
def source(request, tmp_path):
    source = request.param(tmp_path)
    source.publish("policy: {threshold: 0.4}")
    return source


@pytest.fixture
def metrics():
    return Metrics()


@pytest.fixture
def generations(source, metrics):
    return Generations(source.path, None, metrics)


def sample(metrics, name, **labels):
    return metrics.registry.get_sample_value(f"weighbridge_{name}", labels)


def test_a_change_of_the_file_is_taken_as_a_new_generation(source, generations, metrics):
    first = generations.current
    source.publish("policy: {threshold: 0.9}")

    assert generations.refresh()

    assert generations.current.settings.policy.threshold == 0.9
    assert generations.current.number == 2
    assert generations.current.settings_digest != first.settings_digest
    assert first.settings.policy.threshold == 0.4
    assert sample(metrics, "generation") == 2
    assert sample(metrics, "reloads_total", result="loaded") == 1


def test_without_a_change_nothing_is_loaded(generations, monkeypatch):
    monkeypatch.setattr(generation, "load_settings", None)

    assert not generations.refresh()


def test_a_file_written_anew_with_the_same_settings_is_no_new_generation(
    source, generations, metrics
):
    source.publish("policy: {threshold: 0.40}  # the same\n")

    assert not generations.refresh()
    assert generations.current.number == 1
    assert sample(metrics, "reloads_total", result="loaded") == 0


@pytest.mark.parametrize(
    "fault",
    [
        "policy: {threshold: 7}",
        "policy: [",
        "policy: {easy_tier: tiny}",
        "policy: 2024-13-45",
        "? [a]\n: b",
        "classifier: {artifact: /nowhere}",
    ],
)
def test_a_faulty_file_is_refused_and_the_old_generation_serves_on(
    source, generations, metrics, caplog, fault
):
    before = generations.current
    source.publish(fault)

    with caplog.at_level(logging.ERROR):
        assert not generations.refresh()

    assert generations.current is before
    assert sample(metrics, "reloads_total", result="refused") == 1
    assert sample(metrics, "generation") == 1
    assert "reload refused, generation 1 serves on" in caplog.text


def test_the_class_of_the_fault_is_counted(source, generations, metrics):
    source.publish("policy: [")
    generations.refresh()
    source.publish("classifier: {artifact: /nowhere}")
    generations.refresh()

    assert sample(metrics, "failures_total", kind="settings") == 1
    assert sample(metrics, "failures_total", kind="artifact") == 1


def test_a_faulty_file_is_refused_once_not_at_every_look(source, generations, metrics):
    source.publish("policy: [")
    generations.refresh()

    assert not generations.refresh()
    assert sample(metrics, "reloads_total", result="refused") == 1


def test_a_mended_file_is_taken(source, generations):
    source.publish("policy: [")
    generations.refresh()
    source.publish("policy: {threshold: 0.6}")

    assert generations.refresh()
    assert generations.current.settings.policy.threshold == 0.6


def test_a_file_that_goes_away_is_refused_and_taken_when_it_is_back(source, generations):
    source.path.rename(source.path.with_suffix(".away"))
    assert not generations.refresh()
    assert generations.current.settings.policy.threshold == 0.4

    source.path.with_suffix(".away").rename(source.path)
    source.publish("policy: {threshold: 0.6}")
    assert generations.refresh()


@pytest.fixture
def model(tmp_path):
    return write_tiny(tmp_path / "model", second_stage=True)


def retrain(model, bias, moment):
    rewrite(model, bias=np.full(1, bias))
    os.utime(model / MANIFEST, (moment, moment))


@pytest.mark.parametrize("named_by", ["argument", "settings"])
def test_a_new_artifact_is_taken_wherever_it_is_named(tmp_path, model, metrics, named_by):
    path = write_settings(tmp_path / "s.yaml", f"classifier: {{artifact: {model}}}")
    generations = (
        Generations(None, model, metrics)
        if named_by == "argument"
        else Generations(path, None, metrics)
    )
    before = generations.current
    retrain(model, -1.0, 1_000_000_000)

    assert generations.refresh()
    assert generations.current.classifier.name == "rewritten"
    assert generations.current.artifact_digest != before.artifact_digest
    assert generations.current.settings_digest == before.settings_digest


def test_an_artifact_that_is_being_copied_is_refused_until_it_is_whole(model, metrics):
    generations = Generations(None, model, metrics)
    retrain(model, -1.0, 1_000_000_000)
    whole = (model / STAGE_1).read_bytes()
    (model / STAGE_1).write_bytes(whole[:-5])

    assert not generations.refresh()

    (model / STAGE_1).write_bytes(whole)
    os.utime(model / MANIFEST, (1_000_000_001, 1_000_000_001))
    assert generations.refresh()


@pytest.mark.parametrize(
    "damage",
    [
        lambda model: rewrite(model, weights=np.full((3, 1), np.nan)),
        lambda model: rewrite(model, landmarks=None),
        lambda model: rewrite(model, table=np.zeros((3, 8), np.int8)),
        lambda model: (model / STAGE_1).write_bytes(b"words"),
        lambda model: (model / VOCABULARY).unlink(),
        lambda model: (model / MANIFEST).write_text('{"schema_version": 3}'),
    ],
    ids=["not numbers", "a tensor missing", "mis-shaped", "corrupt", "a file gone", "a later one"],
)
def test_an_artifact_that_can_not_be_used_is_refused_and_the_old_one_serves_on(
    model, metrics, caplog, damage
):
    generations = Generations(None, model, metrics)
    before = generations.current
    damage(model)
    os.utime(model / MANIFEST, (1_000_000_000, 1_000_000_000))

    assert not generations.refresh()

    assert generations.current is before
    assert sample(metrics, "failures_total", kind="artifact") == 1
    assert "reload refused, generation 1 serves on" in caplog.text
    with pytest.raises(ArtifactError):
        Generations(None, model, metrics)


@pytest.mark.parametrize("wanted", [False, True])
def test_the_second_stage_is_loaded_where_the_settings_want_it(
    tmp_path, model, metrics, caplog, wanted
):
    path = write_settings(tmp_path / "s.yaml", f"classifier: {{second_stage: {wanted}}}")
    with caplog.at_level(logging.INFO):
        generations = Generations(path, model, metrics)

    assert generations.current.classifier.has_second_stage is wanted
    assert caplog.records[-1].fields["stages"] == 1 + wanted


def test_the_drift_is_measured_against_the_traffic_of_the_calibration(model):
    tied = [0.0, *[1.0] * 8, 2.0]
    rewrite(model, calibration=np.array(tied))
    told = []

    class Told(Metrics):
        def record_generation(self, *arguments):
            told.append(arguments[-1])

    Generations(None, model, Told())

    assert told == [Calibration(tied).expected_shares(BINS)]
    assert len(set(told[0])) > 1


def test_a_change_to_another_artifact_watches_that_one_from_then_on(tmp_path, model, metrics):
    source = PlainFile(tmp_path)
    source.publish("{}")
    generations = Generations(source.path, None, metrics)
    source.publish(f"classifier: {{artifact: {model}}}")
    assert generations.refresh()

    retrain(model, -1.0, 1_000_000_000)
    assert generations.refresh()


def test_a_change_made_while_files_are_being_read_is_not_lost(source, generations, monkeypatch):
    load = generation.load_artifact

    def publish_meanwhile(folder):
        monkeypatch.setattr(generation, "load_artifact", load)
        source.publish("policy: {threshold: 0.7}")
        return load(folder)

    monkeypatch.setattr(generation, "load_artifact", publish_meanwhile)
    source.publish("policy: {threshold: 0.6}")
    generations.refresh()
    generations.refresh()

    assert generations.current.settings.policy.threshold == 0.7


@pytest.mark.parametrize(
    ("text", "fault"),
    [("policy: [", SettingsError), ("classifier: {artifact: /nowhere}", ArtifactError)],
)
def test_a_fault_at_the_start_is_raised(tmp_path, metrics, text, fault):
    with pytest.raises(fault):
        Generations(write_settings(tmp_path / "s.yaml", text), None, metrics)


def test_the_digest_of_the_settings_does_not_give_the_hash_key_away(tmp_path):
    one, other = (
        Generation.load(write_settings(tmp_path / f"{key}.yaml", f"log: {{hash_key: {key}}}"))
        for key in ("swordfish", "password")
    )

    assert one.settings_digest == other.settings_digest


def test_routers_with_the_same_settings_show_the_same_digest():
    """Each process orders its sets in its own way; the digests of two pods must still agree."""
    code = "from weighbridge.generation import Generation as G; print(G.load(None).settings_digest)"
    digests = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
        ).stdout
        for seed in ("1", "2", "3")
    }

    assert len(digests) == 1


async def test_the_watch_takes_a_change_and_outlives_a_look_that_fails(
    tmp_path, metrics, caplog, monkeypatch
):
    source = PlainFile(tmp_path)
    source.publish("reload: {interval_s: 0.001}")
    generations = Generations(source.path, None, metrics)
    looks = []
    taken = asyncio.Event()
    refresh = generations.refresh

    def look():
        looks.append(1)
        if len(looks) == 1:
            raise RuntimeError("the disk is on fire")
        if refresh():
            taken.set()

    monkeypatch.setattr(generations, "refresh", look)
    source.publish("{reload: {interval_s: 0.001}, policy: {threshold: 0.9}}")
    watcher = asyncio.create_task(generations.watch())
    try:
        await asyncio.wait_for(taken.wait(), 20)
    finally:
        watcher.cancel()

    assert generations.current.settings.policy.threshold == 0.9
    assert sample(metrics, "failures_total", kind="internal") == 1
    assert "the disk is on fire" in caplog.text


async def test_an_interval_of_zero_turns_the_watch_off(tmp_path, metrics):
    path = write_settings(tmp_path / "s.yaml", "reload: {interval_s: 0}")

    await asyncio.wait_for(Generations(path, None, metrics).watch(), 20)


def test_a_generation_is_prepared_before_it_serves_and_what_that_refuses_does_not(
    source, metrics, caplog
):
    prepared = []

    def prepare(settings):
        prepared.append(settings.policy.threshold)
        if settings.policy.threshold == 0.9:
            raise SettingsError("capture.folder: can't be made")

    generations = Generations(source.path, None, metrics, prepare)
    source.publish("policy: {threshold: 0.9}")
    assert not generations.refresh()
    source.publish("policy: {threshold: 0.8}")
    assert generations.refresh()

    assert prepared == [0.4, 0.9, 0.8]
    assert generations.current.settings.policy.threshold == 0.8
    assert sample(metrics, "reloads_total", result="refused") == 1
    assert "capture.folder: can't be made" in caplog.text


def test_what_can_not_be_prepared_at_start_is_told(source, metrics):
    def prepare(_):
        raise SettingsError("capture.folder: can't be made")

    with pytest.raises(SettingsError, match=r"capture\.folder"):
        Generations(source.path, None, metrics, prepare)
