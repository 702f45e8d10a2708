"""LiteLLM as a subprocess, with fakes in its place: whole answers or a plain refusal."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from weighbridge_training import peers
from weighbridge_training.peers import LITELLM, LITELLM_TRAINED, PeerError

GOOD = """
import json, sys
for line in sys.stdin:
    size = len(json.loads(line))
    print(json.dumps([size, 0.001, 1 / size, 0.002]), flush=True)
"""


def worker(tmp_path, source):
    path = tmp_path / "worker.py"
    path.write_text(source)
    return path


def score(texts, path, told=lambda: None):
    return peers.score_with_litellm(texts, Path(sys.executable), told, path)


def test_every_text_gets_both_scores_and_times(tmp_path):
    calls = []

    answers = score(["ab", "żółw\n"], worker(tmp_path, GOOD), lambda: calls.append(1))

    assert answers[LITELLM].values.tolist() == [2, 5]
    assert answers[LITELLM_TRAINED].values.tolist() == [0.5, 0.2]
    assert answers[LITELLM_TRAINED].seconds.tolist() == [0.002, 0.002]
    assert len(calls) == 2


def test_more_text_than_pipes_hold_does_not_block(tmp_path):
    texts = ["x" * 10_000] * 200
    before = set(threading.enumerate())

    assert len(score(texts, worker(tmp_path, GOOD))[LITELLM].values) == 200
    assert set(threading.enumerate()) <= before


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("raise SystemExit('no such class')", "came 0: no such class"),
        ("input(); print([1, 1, 1, 1])", "expected 2 answers of LiteLLM, came 1"),
        ("import sys; sys.stderr.write('w' * 500_000); sys.exit(1)", "came 0: w{400}$"),
        ("", "came 0: it said nothing"),
    ],
)
def test_a_worker_that_does_not_answer_is_told_with_its_last_words(tmp_path, source, said):
    with pytest.raises(PeerError, match=said):
        score(["a", "b"], worker(tmp_path, source))


def test_the_worker_sees_no_other_variables_and_fetches_no_prices(tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    source = (
        "import json, os, sys\n"
        "keys = set(os.environ) - {'LC_CTYPE'}\n"
        "assert keys == {'LITELLM_LOCAL_MODEL_COST_MAP', 'PATH'}, keys\n"
    )

    assert score(["a"], worker(tmp_path, source + GOOD))[LITELLM].values.tolist() == [1]


@pytest.fixture
def lock(tmp_path):
    path = tmp_path / "lock.txt"
    path.write_text("httpx==1.0 \\\n  --hash=sha256:00\nlitellm==9.9.9 \\\n  --hash=sha256:00\n")
    return path


@pytest.fixture
def runs(monkeypatch):
    made = []

    def run(argv, **_):
        made.append(argv)
        if "venv" in argv:
            (Path(argv[-1]) / "bin").mkdir(parents=True)
        return subprocess.CompletedProcess(argv, 0)

    monkeypatch.setattr(subprocess, "run", run)
    return made


def test_the_lock_names_the_version(lock):
    assert peers.version(lock) == "9.9.9"
    assert peers.version().startswith("1.")


def test_an_environment_is_built_once_from_the_lock_alone(tmp_path, lock, runs):
    first = peers.ensure_environment(tmp_path / "cache", lock)
    second = peers.ensure_environment(tmp_path / "cache", lock)

    assert first == second
    assert first.parents[1].name.startswith("litellm-9.9.9-")
    assert len(runs) == 2
    assert {"--no-deps", "--require-hashes", str(lock)} <= set(runs[1])


def test_a_changed_lock_makes_a_new_one(tmp_path, lock, runs):
    first = peers.ensure_environment(tmp_path / "cache", lock)
    lock.write_text(lock.read_text() + "more==1\n")

    assert peers.ensure_environment(tmp_path / "cache", lock) != first
    assert len(runs) == 4


def test_what_an_interrupted_build_left_is_thrown_away(tmp_path, lock, runs):
    folder = peers.ensure_environment(tmp_path / "cache", lock).parents[1]
    (folder / "complete").unlink()
    (folder / "half").touch()

    peers.ensure_environment(tmp_path / "cache", lock)

    assert not (folder / "half").exists()
    assert len(runs) == 4


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (subprocess.CalledProcessError(1, "pip", "", "no index"), "installed: no index"),
        (subprocess.TimeoutExpired("pip", 900), "timed out"),
        (OSError("no such file"), "no such file"),
    ],
)
def test_a_build_that_fails_says_why(tmp_path, lock, monkeypatch, fault, said):
    def run(*_, **__):
        raise fault

    monkeypatch.setattr(subprocess, "run", run)

    with pytest.raises(PeerError, match=said):
        peers.ensure_environment(tmp_path / "cache", lock)


@pytest.mark.parametrize(
    ("variable", "folder"), [("/c", "/c/weighbridge"), ("", "/h/.cache/weighbridge")]
)
def test_the_cache_lies_where_caches_lie(monkeypatch, variable, folder):
    monkeypatch.setenv("XDG_CACHE_HOME", variable)
    monkeypatch.setenv("HOME", "/h")

    assert peers.cache_folder() == Path(folder)
