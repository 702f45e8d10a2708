"""Code is right when all asserts hold, and can neither outlast, outgrow nor outwit its limits."""

import asyncio
import os
import socket
import tempfile

import pytest
from weighbridge.learn.label.graders import tests as module
from weighbridge.learn.label.graders.tests import CodeVerifier, Limits, confinement, extract_code
from weighbridge.learn.records import PromptLine

TESTS = "assert add(2, 3) == 5\nassert add(-1, 1) == 0"
ADD = "def add(a, b):\n    return a + b\n"
QUICK = Limits(seconds=2, memory=256 * 1024**2, file_size=1024**2)


async def mark(code, tests=TESTS, limits=None):
    return await CodeVerifier(limits).mark(PromptLine(prompt="?", tests=tests), code)


@pytest.mark.parametrize(
    "answer",
    [
        ADD,
        f"Here you are:\n\n```python\n{ADD}```\nIt adds.",
        f"```\n{ADD}```",
        f"Run it:\n```bash\npip install x\n```\n```py\n{ADD}```",
        f"```python\nimport math\n```\nand\n```python\n{ADD}```",
        ADD + "print('no newline', end='')\n",
        ADD + "if __name__ == '__main__':\n    input()\n",
        "from __future__ import annotations\nprint('ż')\n" + ADD,
    ],
)
async def test_code_that_does_what_the_asserts_ask_is_right(answer):
    assert (await mark(answer)).score == 1.0


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ("def add(a, b):\n    return a - b\n", "AssertionError"),
        ("def add(a, b)\n", "SyntaxError: expected ':'"),
        ("I can't.", "SyntaxError"),
        ("", "NameError: name 'add' is not defined"),
        (ADD + "raise SystemExit(0)", "ended with 0"),
        (ADD + "import os; os._exit(0)", "ended with 0"),
        (ADD + "import numpy", "ModuleNotFoundError"),
        (ADD + "input()", "EOFError"),
        (ADD + "print('x' * 10**7)", "File too large"),
        (ADD + "x = 'x' * 10**9", "MemoryError"),
    ],
)
async def test_code_that_does_not_is_wrong_and_the_evidence_says_why(answer, error):
    marked = await mark(answer, limits=QUICK)
    assert marked.score == 0.0
    assert marked.evidence["outcome"] == "failed"
    assert error in marked.evidence["error"]


@pytest.mark.parametrize("answer", ["while True: pass", "import time; time.sleep(3600)"])
async def test_code_that_does_not_end_is_ended(answer):
    marked = await mark(answer, limits=Limits(seconds=1))
    assert (marked.score, marked.evidence["outcome"]) in {(0.0, "timeout"), (0.0, "failed")}


async def test_what_code_leaves_running_is_ended_with_it(tmp_path):
    if not confinement():
        pytest.skip("this system permits no process namespaces")
    flag = tmp_path / "alive"
    os.mkfifo(flag)
    reader = os.open(flag, os.O_RDONLY | os.O_NONBLOCK)
    leave = f"import os\nif os.fork() == 0:\n    os.setsid()\n    os.open({str(flag)!r}, 1)\n"
    leave += "    import time; time.sleep(3600)\n"
    try:
        await mark(leave + ADD, limits=QUICK)
        # A pipe whose writers are all gone reads as ended; one still held would have no data yet.
        async with asyncio.timeout(5):
            while os.read(reader, 1) != b"":  # noqa: ASYNC110  # of another process
                await asyncio.sleep(0.01)
    finally:
        os.close(reader)


async def test_code_has_no_environment_and_a_folder_of_its_own(monkeypatch):
    monkeypatch.setenv("WEIGHBRIDGE_JUDGE_API_KEY", "secret")
    tests = (
        "import os\nassert 'secret' not in str(os.environ)\nassert os.listdir() == []\n"
        "open('x', 'w').write('x')"
    )
    assert (await mark("", tests)).score == 1.0


async def test_nothing_is_left_behind(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert (await mark(ADD + "open('left', 'w').write('x')")).score == 1.0
    assert list(tmp_path.iterdir()) == []


async def test_code_has_no_network_where_the_system_permits_it():
    if not confinement():
        pytest.skip("this system permits no network namespaces")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        code = f"import socket; socket.create_connection(('127.0.0.1', {port}), 2)"
        marked = await mark(code, "")
    assert marked.score == 0.0
    assert "unreachable" in marked.evidence["error"]
    assert marked.evidence["network"] == "none"


async def test_without_namespaces_code_still_runs_and_the_evidence_says_so(monkeypatch):
    monkeypatch.setattr(module, "confinement", tuple)
    marked = await mark(ADD)
    assert (marked.score, marked.evidence["network"]) == (1.0, "as ours")


@pytest.fixture
def no_memory_of_confinement():
    confinement.cache_clear()
    yield
    confinement.cache_clear()


@pytest.mark.usefixtures("no_memory_of_confinement")
@pytest.mark.parametrize("which", [None, "false", "nowhere"])
def test_a_system_without_a_working_unshare_has_no_confinement(monkeypatch, tmp_path, which):
    found = {None: None, "false": "/bin/false", "nowhere": str(tmp_path / "nowhere")}[which]
    monkeypatch.setattr(module.shutil, "which", lambda _: found)
    assert confinement() == ()


async def test_no_more_run_at_once_than_allowed(monkeypatch):
    verifier = CodeVerifier(parallel=1)
    running = 0

    async def spawn(folder, home):
        nonlocal running
        running += 1
        assert running == 1
        await asyncio.sleep(0)
        running -= 1
        assert home == folder / "work"
        for name in ("output", "errors"):
            (folder / name).touch()
        return 1

    monkeypatch.setattr(verifier, "_spawn", spawn)
    prompt = PromptLine(prompt="?", tests=TESTS)
    marks = await asyncio.gather(*(verifier.mark(prompt, ADD) for _ in range(3)))
    assert [each.evidence["error"] for each in marks] == ["ended with 1"] * 3


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ("x = 1", "x = 1"),
        ("```python\nx = 1\n```", "x = 1\n"),
        ("```python\nx = 1\n```\n```json\n{}\n```\n```\ny = 2\n```", "x = 1\n\ny = 2\n"),
        ("1. so:\n   ```python\n   x = 1\n   ```", "   x = 1\n"),
        ("```python\nx = 1", "```python\nx = 1"),
    ],
)
def test_fenced_python_is_taken_from_the_text(answer, code):
    assert extract_code(answer) == code
