"""The whole path as a newcomer meets it: the printed curl, the official client, crashes, Ctrl-C."""

import os
import re
import shlex
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import httpx
import openai
import pytest

from up.conftest import Run, eventually, is_alive

EASY = "What is the capital of France?"
HARD = (
    "Prove that the algorithm terminates, derive its asymptotic complexity step by step, and "
    "design a counterexample for the case without the invariant."
)
MODELS = {"small": "gemma-small", "large": "llama-large"}


def chat(prompt: str, model: str = "auto") -> dict[str, object]:
    return {"model": model, "max_tokens": 8, "messages": [{"role": "user", "content": prompt}]}


@pytest.mark.parametrize(("prompt", "tier"), [(EASY, "small"), (HARD, "large")])
def test_official_client_is_answered_by_the_pool_the_prompt_calls_for(
    up: Run, prompt: str, tier: str
) -> None:
    with up.client() as client:
        answer = client.chat.completions.with_raw_response.create(**chat(prompt))
    assert answer.headers["x-weighbridge-tier"] == tier
    assert answer.headers["x-weighbridge-reason"] == "score"
    assert answer.parse().model == MODELS[tier]


@pytest.mark.parametrize(("prompt", "tier"), [(EASY, "small"), (HARD, "large")])
def test_official_client_streams_to_the_end(up: Run, prompt: str, tier: str) -> None:
    options = {"stream": True, "stream_options": {"include_usage": True}}
    with up.client() as client:
        chunks = list(client.chat.completions.create(**chat(prompt), **options))
    assert {chunk.model for chunk in chunks} == {MODELS[tier]}
    assert chunks[-2].choices[0].finish_reason in {"length", "stop"}
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens > 0


@pytest.mark.parametrize("tier", ["small", "large"])
def test_model_name_of_a_tier_goes_there(up: Run, tier: str) -> None:
    with up.client() as client:
        answer = client.chat.completions.with_raw_response.create(
            **chat(HARD, model=f"weighbridge/{tier}")
        )
    assert answer.headers["x-weighbridge-reason"] == "explicit"
    assert answer.parse().model == MODELS[tier]


def test_other_apis_of_the_official_client_are_answered(up: Run) -> None:
    with up.client() as client:
        completion = client.completions.create(model="auto", prompt=EASY, max_tokens=4)
        response = client.responses.create(model="auto", input=EASY, max_output_tokens=16)
        vectors = client.embeddings.create(model="auto", input=["one", "two"])
        models = client.models.list()
    assert completion.usage is not None
    assert response.output_text
    assert len(vectors.data) == 2
    assert MODELS["small"] in {model.id for model in models}


def test_unknown_model_of_a_pool_is_an_openai_error(up: Run) -> None:
    with up.client() as client, pytest.raises(openai.NotFoundError) as told:
        client.chat.completions.create(**chat(EASY, model="no-such-model"))
    assert told.value.body is not None


def test_printed_curls_work_as_pasted(up: Run) -> None:
    lines = up.output.read_text().splitlines()
    curls = [line.strip() for line in lines if line.strip().startswith("curl ")]
    assert len(curls) == 2
    tiers = []
    for curl in curls:
        said = subprocess.run(shlex.split(curl), capture_output=True, text=True, check=True)
        assert said.stdout.startswith("HTTP/1.1 200")
        tiers += re.findall(r"^x-weighbridge-tier: (\w+)", said.stdout, re.MULTILINE)
    assert tiers == ["small", "large"]


def test_decisions_are_shown_without_the_prompt(up: Run, http: httpx.Client) -> None:
    secret = "zebra-crossing-7481"
    http.post("/chat/completions", json=chat(f"What is {secret}?"))
    eventually(lambda: "tier=small" in up.output.read_text())
    folder = Path(up.said["run_dir"])
    written = [path.read_text(errors="replace") for path in folder.rglob("*") if path.is_file()]
    assert written
    assert not any(secret in text for text in (*written, up.output.read_text()))


def test_next_request_is_answered_after_the_router_was_killed(start: Callable[..., Run]) -> None:
    run = start()
    router = run.said["pids"]["router"]
    with httpx.Client(base_url=run.endpoint, timeout=30) as http:
        assert http.post("/chat/completions", json=chat(EASY)).is_success
        os.kill(router, signal.SIGKILL)
        answer = http.post("/chat/completions", json=chat(EASY))
        assert answer.is_success
        assert answer.headers["x-weighbridge-tier"] in MODELS
        eventually(lambda: run.said["pids"].get("router", router) != router)
        eventually(
            lambda: (
                http.post("/chat/completions", json=chat(HARD)).headers["x-weighbridge-reason"]
                == "score"
            )
        )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_all_children_end_when_it_is_told_to_stop(start: Callable[..., Run], number: int) -> None:
    run = start()
    pids = run.said["pids"].values()
    assert all(map(is_alive, pids))
    assert run.stop(number) == 0
    assert not any(map(is_alive, pids))
    assert not run.ready_file.exists()


def test_all_children_end_when_it_is_killed(start: Callable[..., Run]) -> None:
    run = start()
    pids = list(run.said["pids"].values())
    run.process.kill()
    run.process.wait()
    eventually(lambda: not any(map(is_alive, pids)))


def test_all_children_end_after_one_of_them_crashed(start: Callable[..., Run]) -> None:
    run = start()
    pids = run.said["pids"]
    os.kill(pids["pool-small"], signal.SIGKILL)
    eventually(lambda: not is_alive(pids["pool-small"]))
    with httpx.Client(base_url=run.endpoint, timeout=30) as http:
        answer = http.post("/chat/completions", json=chat(EASY))
    assert answer.status_code == 503
    assert set(answer.json()["error"]) == {"message", "type", "param", "code"}
    assert run.stop() == 0
    assert not any(map(is_alive, pids.values()))


def test_taken_port_is_said_plainly(up: Run, start: Callable[..., Run]) -> None:
    port = httpx.URL(up.endpoint).port
    run = start("--port", str(port), wait=False)
    assert run.process.wait(30) == 1
    said = run.output.read_text()
    assert str(port) in said
    assert "--port" in said
    assert "Traceback" not in said
