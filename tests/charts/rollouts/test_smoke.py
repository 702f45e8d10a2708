"""What canaries are asked first: k6 itself, against simulators that are well and that are not."""

import asyncio
import os
import sys
from pathlib import Path

import pytest
from charts.rendering import ROLLOUTS_CHART
from weighbridge_simulator.failures import Failures
from weighbridge_simulator.server import Simulator
from weighbridge_simulator.settings import Settings

K6 = Path(sys.executable).with_name("k6")
WRONG_CHECK = 99
"""k6's exit status where a threshold is crossed."""


async def smoke(failures, model="m"):
    """Run the smoke; returns k6's status and what it printed."""
    settings = Settings(port=0, served_model_names=("m",), failures=failures)
    async with Simulator(settings) as simulator:
        environment = {
            **os.environ,
            "SMOKE_URL": f"http://{simulator.address}",
            "SMOKE_CANARY": "small",
            "SMOKE_MODEL": model,
            "SMOKE_ITERATIONS": "4",
            "SMOKE_ANSWER_SECONDS": "2",
        }
        process = await asyncio.create_subprocess_exec(
            *(K6, "run", "--quiet", "--no-usage-report", ROLLOUTS_CHART / "files" / "smoke.js"),
            env=environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        printed, _ = await process.communicate()
        return process.returncode, printed.decode()


async def test_a_version_that_is_well_passes():
    status, printed = await smoke(Failures())

    assert status == 0, printed
    assert "rate=100.00%" in printed


@pytest.mark.parametrize(
    ("failures", "check"),
    [
        (Failures(garbage_usage="negative"), "its usage adds up"),
        (Failures(garbage_usage="absurd"), "its usage adds up"),
        (Failures(garbage_usage="missing"), "its usage adds up"),
        (Failures(error_rate=1.0), "status is 200"),
        (Failures(cut_rate=1.0), "stream: it ends as it should"),
        (Failures(ttft_factor=50.0), "stream: it ends in time"),
    ],
    ids=str,
)
async def test_a_version_that_is_not_fails_by_name(failures, check):
    status, printed = await smoke(failures)

    assert status == WRONG_CHECK, printed
    assert any("✗" in line and check in line for line in printed.splitlines()), printed


async def test_a_version_that_does_not_serve_the_model_fails_and_says_so():
    status, printed = await smoke(Failures(), model="another")

    assert status == WRONG_CHECK
    assert "does not exist" in printed
