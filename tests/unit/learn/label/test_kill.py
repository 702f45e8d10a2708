"""Whatever dies in the middle of labelling, nothing that was paid for is paid for again."""

import json
import re
import signal

import pytest

from .conftest import Command, Simulator, eventually, read_jsonl, write_jsonl

COUNT = 60
SOME = 12
ROUTE = ("--yes", "--concurrency", "4", "--judge", "regex")


@pytest.fixture
def pools(simulate):
    """Two pools slow enough that a run can be caught in the middle: 60 prompts take 6 s."""
    pace = ("--ttft-ms", "400", "--itl-ms", "0", "--seed", "3")
    return [simulate("--served-model-name", name, *pace) for name in ("gemma", "llama")]


@pytest.fixture
def ready(command, pools):
    rows = [{"id": f"q{n}", "prompt": f"What is {n}?", "pattern": "the"} for n in range(COUNT)]
    write_jsonl(command.folder / "prompts.jsonl", rows)
    command.flags = ("--small", pools[0].url, "--large", pools[1].url, *ROUTE)
    return command


def caught(command: Command, *arguments):
    """A run that has paid for some answers, and not for all."""
    run = command.start(*command.flags, *arguments)
    eventually(lambda: len(command.paid("large")) >= SOME)
    assert run.poll() is None
    return run


def settled(pools: list[Simulator]) -> list[int]:
    for pool in pools:
        pool.settle()
    return [pool.answered for pool in pools]


def missing(command: Command) -> list[int]:
    return [COUNT - len(command.paid(role)) for role in ("small", "large")]


def goes_on(command: Command, pools: list[Simulator]) -> str:
    """The same command again asks for what is missing and for no more."""
    before, lacking = settled(pools), missing(command)
    assert all(0 < count < COUNT for count in lacking)
    for pool in pools:
        pool.fail(ttft_factor=0.05)
    status, said = command.run(*command.flags)
    assert status == 0, said
    after = settled(pools)
    assert [now - then for now, then in zip(after, before, strict=True)] == lacking
    assert [row["id"] for row in read_jsonl(command.out)] == [f"q{n}" for n in range(COUNT)]
    return said


def test_a_run_killed_by_sigkill_goes_on_without_asking_twice(ready, pools):
    run = caught(ready)
    run.kill()
    run.communicate()
    assert not ready.out.exists()
    said = goes_on(ready, pools)
    assert "answers are paid for already" in said
    in_flight = re.search(r"up to ([\d,]+) tokens went to requests whose answer never came", said)
    assert in_flight is not None


def test_a_line_half_written_at_the_kill_is_repaired(ready, pools):
    run = caught(ready)
    run.kill()
    run.communicate()
    with ready.journal.open("ab") as file:
        file.write(b'{"kind":"paid","id":"q59","role":"lar')
    assert "a half-written line of 37 bytes was cut off" in goes_on(ready, pools)
    lines = ready.journal.read_text().splitlines()
    assert all(json.loads(line) for line in lines)


def test_a_pool_killed_in_the_middle_loses_no_label_already_paid_for(ready, pools):
    run = caught(ready, "--patience", "1")
    pools[1].kill()
    said, _ = run.communicate(timeout=60)
    assert run.returncode == 1
    assert re.search(r"the large pool at \S+ has given no answer for \d+ s: no connection", said)
    assert "The same command goes on from here" in said
    assert "Traceback" not in said
    complete = ready.paid("small") & ready.paid("large")
    assert {row["id"] for row in read_jsonl(ready.out)} == complete
    assert len(complete) >= SOME
    assert f"{len(complete)} labels of {COUNT} prompts" in said
    pools[1].start()
    goes_on(ready, pools)


def test_the_first_interrupt_waits_for_what_is_in_flight(ready, pools):
    run = caught(ready)
    run.send_signal(signal.SIGINT)
    said, _ = run.communicate(timeout=60)
    assert run.returncode == 130
    assert "stopping: waits for the answers in flight" in said
    assert "Traceback" not in said
    # All that the pools answered was received and written.
    assert settled(pools) == [len(ready.paid(role)) for role in ("small", "large")]
    assert "whose answer never came" not in goes_on(ready, pools)


def test_the_second_interrupt_leaves_at_once(ready, pools):
    pools[0].fail(ttft_factor=0.05)
    pools[1].fail(ttft_factor=1000)
    run = ready.start(*ready.flags)
    eventually(lambda: pools[1].metric("vllm:num_requests_running") > 0)
    run.send_signal(signal.SIGTERM)
    line = run.stdout.readline()
    while "stopping" not in line:
        assert line, "it ended without a word"
        line = run.stdout.readline()
    run.send_signal(signal.SIGTERM)
    said, _ = run.communicate(timeout=20)
    assert run.returncode == 130
    assert "left at once; all that was received stands in" in said
    assert "Traceback" not in said


def test_two_runs_at_once_are_refused(ready):
    run = caught(ready)
    status, said = ready.run(*ready.flags)
    assert (status, "in use by another run" in said) == (1, True)
    run.kill()
    run.communicate()
