"""`weighbridge learn label` against two real vLLM servers; their answers are noise, no more."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from up.conftest import Run
from up.test_up import MODELS

from .test_vllm import INSTALL_AND_START_S

pytestmark = pytest.mark.vllm

COUNT = 20
MOST_TOKENS = 48
WORDS = ("the", "of", "and", "in", "to")


@pytest.fixture(scope="module")
def pools(start: Callable[..., Run]) -> Iterator[dict[str, str]]:
    """The addresses of both servers, by tier."""
    run = start("--pools", "vllm", seconds=INSTALL_AND_START_S)
    yield run.said["pools"]
    assert run.stop() == 0


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    path = tmp_path / "prompts.jsonl"
    rows = [
        {
            "id": f"q{n}",
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": f"Say something about number {n}."},
            ],
            "pattern": rf"\b{WORDS[n % len(WORDS)]}\b",
        }
        for n in range(COUNT)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def label(prompts: Path, pools: dict[str, str], *arguments: str) -> str:
    command = [sys.executable, "-m", "weighbridge", "learn", "label", str(prompts)]
    command += ["--small", pools["small"], "--large", pools["large"], "--yes"]
    command += ["--max-tokens", str(MOST_TOKENS), *arguments]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def answered(url: str) -> float:
    text = httpx.get(f"{url}/metrics").text
    lines = [line for line in text.splitlines() if line.startswith("vllm:request_success_total{")]
    return sum(float(line.rpartition(" ")[2]) for line in lines)


def test_real_vllm_answers_are_labelled_and_bought_once(
    pools: dict[str, str], prompts: Path, tmp_path: Path
) -> None:
    out = tmp_path / "labels.jsonl"
    before = {tier: answered(url) for tier, url in pools.items()}
    label(prompts, pools, "--judge", "regex", "--out", str(out), "--limit", "5")
    said = label(prompts, pools, "--judge", "regex", "--out", str(out))
    assert f"{COUNT} labels of {COUNT} prompts" in said
    bought = {tier: answered(url) - before[tier] for tier, url in pools.items()}
    assert bought == {"small": COUNT, "large": COUNT}
    for row in read(out):
        assert (row["small"], row["large"]) == (MODELS["small"], MODELS["large"])
        for tier in ("small", "large"):
            evidence = row["evidence"][tier]
            assert evidence["model"] == MODELS[tier]
            assert evidence["finish"] in {"stop", "length"}
            assert 0 < evidence["tokens_out"] <= MOST_TOKENS
            assert "tokens_estimated" not in evidence
            found = row["evidence"]["regex"][tier]["found"]
            assert row[f"score_{tier}"] == float(found is not None)
            assert found is None or found in evidence["answer"]


def test_real_vllm_is_the_same_twice_at_temperature_zero(
    pools: dict[str, str], prompts: Path, tmp_path: Path
) -> None:
    answers = []
    for name in ("first", "second"):
        out = tmp_path / name
        label(
            prompts,
            pools,
            "--judge",
            "regex",
            "--out",
            str(out),
            "--concurrency",
            "1",
            "--limit",
            "5",
        )
        answers.append([row["evidence"]["small"]["answer"] for row in read(out)])
    assert answers[0] == answers[1]


def test_a_real_judge_that_talks_nonsense_is_asked_twice_and_gives_no_label(
    pools: dict[str, str], prompts: Path, tmp_path: Path
) -> None:
    out = tmp_path / "judged.jsonl"
    before = answered(pools["large"])
    said = label(
        prompts, pools, "--judge", pools["large"], "--judge-max-tokens", "16", "--out", str(out),
        "--limit", "3",
    )  # fmt: skip
    assert "the judge gave no verdict, though asked twice" in said
    assert not out.exists()
    # Three answers, and two requests for a verdict on each pair.
    assert answered(pools["large"]) - before == 3 + 3 * 2
