"""One screen: nothing is lost, nothing is wider than the console, nothing is coloured in a pipe."""

import io

import pytest
from rich.cells import cell_len
from rich.console import Console
from unit.canary import documents as d
from unit.canary import scenes
from weighbridge.canary.screen import screen
from weighbridge.canary.status import states


def drawn(snapshot, width=100, **console):
    out = io.StringIO()
    drawing = screen(states(snapshot, d.NOW), snapshot.missing)
    Console(file=out, width=width, highlight=False, **console).print(drawing)
    return out.getvalue()


@pytest.mark.parametrize("width", [40, 60, 80, 100, 200])
@pytest.mark.parametrize("scene", scenes.ALL.values(), ids=scenes.ALL)
def test_no_line_is_wider_than_the_console(scene, width):
    assert max(map(cell_len, drawn(scene(), width).splitlines())) <= width


@pytest.mark.parametrize("scene", scenes.ALL.values(), ids=scenes.ALL)
def test_a_pool_fits_on_one_screen(scene):
    assert len(drawn(scene()).splitlines()) <= 40


WORDS = {
    "progressing": """5 of 8|▶ weight 5 %|canary 5 % wanted, 5 % in VirtualService|0.1823|<= 0.5
        google/gemma-3-12b-it|route canary-small open|goes on by itself""",
    "inconclusive": """paused: InconclusiveAnalysisRun|no data|pauseConditions|rollouts abort
        rollouts promote""",
    "aborted": "aborted: Step-based analysis|0.734|retry rollout gemma-small|git revert",
    "promoted": "Healthy|serves|nothing to do",
    "crash_looping": """ProgressDeadlineExceeded|canary: vllm CrashLoopBackOff after OOMKilled
        describe pods|no analysis of this revision""",
    "experimenting": "experiment|new: Running, 0 of 1 ready|Pending",
    "two_pools": "llama-large|large|Healthy",
}


@pytest.mark.parametrize(("scene", "words"), WORDS.items(), ids=WORDS)
def test_what_one_needs_to_know_is_there(scene, words):
    text = " ".join(drawn(scenes.ALL[scene](), 200).split())

    wanted = [each.strip() for each in words.replace("\n", "|").split("|")]
    assert [each for each in wanted if each not in text] == []


def test_of_several_pools_those_that_are_healthy_have_a_line_and_no_more():
    text = drawn(scenes.two_pools())

    assert (text.count("llama-large"), text.count("next\n")) == (1, 1)


def test_a_gateway_that_does_not_follow_is_pointed_out():
    text = drawn(scenes.snapshot(d.rollout(), service=d.virtual_service(50)), 200)

    assert "canary 5 % wanted, but 50 % in VirtualService" in text


def test_a_weight_that_waits_for_pods_is_no_fault_of_the_gateway():
    sets = (d.replica_set(d.STABLE, 3), d.replica_set(d.CANARY, 4, pods=2, ready=1))
    text = drawn(scenes.snapshot(d.rollout(), sets=sets, service=d.virtual_service(1)), 200)

    assert "canary 5 % wanted, still 1 % in VirtualService" in text
    assert "until the canary's pods are ready" in text


def test_a_gate_that_was_ended_without_a_verdict_is_not_shown_as_successful():
    ended = d.measured("ttft-p95", "[]", "Inconclusive", inconclusive=6) | {"phase": "Successful"}
    run = d.analysis_run("gemma-small-7b8c6d5f94-4", ended, phase="Successful")
    text = drawn(scenes.snapshot(d.rollout(), runs=[run]), 200)

    (line,) = (each for each in text.splitlines() if "ttft-p95" in each)
    assert "Inconclusive" in line
    assert "Successful" not in line


def test_what_could_not_be_read_is_said():
    text = drawn(scenes.snapshot(d.rollout(), missing=("not allowed to read pods in llm",)), 200)

    assert "no VirtualService read" in text
    assert "not read: not allowed to read pods in llm" in text


def test_names_in_brackets_are_no_markup():
    message = "Failed [red]pods[/red]"

    assert message in drawn(scenes.snapshot(d.rollout(message=message)))


def test_a_terminal_gets_colour_and_a_pipe_none():
    assert "\x1b[" in drawn(scenes.aborted(), force_terminal=True, color_system="standard")
    assert "\x1b[" not in drawn(scenes.aborted())
