"""Generations: swapped whole when files change, kept when the change is faulty."""

import asyncio
import json
import logging
import os
import shutil
import subprocess
import sys

import pytest
from unit.bodies import write_settings
from weighbridge import generation
from weighbridge.artifact import PACKAGED, write_manifest
from weighbridge.errors import ArtifactError, SettingsError
from weighbridge.generation import Generation, Generations
from weighbridge.metrics import Metrics


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
    folder = tmp_path / "model"
    shutil.copytree(PACKAGED, folder)
    return folder


def retrain(model, bias, moment):
    weights = json.loads((model / "weights.json").read_text())
    (model / "weights.json").write_text(json.dumps(weights | {"bias": bias}), encoding="utf-8")
    write_manifest(model, kind="lexical", name="retrained")
    os.utime(model / "artifact.json", (moment, moment))


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
    assert generations.current.classifier.name == "retrained"
    assert generations.current.artifact_digest != before.artifact_digest
    assert generations.current.settings_digest == before.settings_digest


def test_an_artifact_that_is_being_copied_is_refused_until_it_is_whole(model, metrics):
    generations = Generations(None, model, metrics)
    retrain(model, -1.0, 1_000_000_000)
    whole = (model / "weights.json").read_bytes()
    (model / "weights.json").write_bytes(whole[:-5])

    assert not generations.refresh()

    (model / "weights.json").write_bytes(whole)
    os.utime(model / "artifact.json", (1_000_000_001, 1_000_000_001))
    assert generations.refresh()


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
