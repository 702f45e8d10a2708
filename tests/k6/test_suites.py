"""The suites of k6, run by k6: kept where all is well, broken by name where it is not."""

import asyncio
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from weighbridge.local.ports import free_ports
from weighbridge_simulator.failures import Failures
from weighbridge_simulator.server import Simulator
from weighbridge_simulator.settings import Settings

HERE = Path(__file__).parent
RUN = HERE / "run.py"
K6 = Path(sys.executable).with_name("k6")
# Short, and patient: what a busy machine measures is no matter here.
BRIEF = {"DURATION": "3s", "RATE": "5", "CALM": "1s", "SPIKE": "1s", "STEP": "1s", "MOST": "10"}
BRIEF |= {"PEOPLE": "3", "READING_SECONDS": "0.2", "ANSWER_SCALE": "0.02", "ITERATIONS": "2"}
BRIEF |= {"TTFT_MS": "60000", "ANSWER_MS": "60000", "SMALL_LEAST": "0.01", "SMALL_MOST": "1"}
SUITES = sorted(path.stem for path in HERE.glob("[a-z]*.js"))
KEPT, BROKEN, NOT_TRIED = 0, 1, 2


def run(*words, **environment):
    """Run suites as `make k6` does; status and all that was printed."""
    done = subprocess.run(
        [sys.executable, RUN, *map(str, words)],
        env={**os.environ, **BRIEF, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=100,
        check=False,
    )
    return done.returncode, done.stdout


@pytest.mark.parametrize("suite", SUITES)
def test_a_suite_is_kept_where_all_is_well(up, tmp_path, suite):
    status, printed = run(suite, "--url", up.endpoint, "--out", tmp_path)

    assert status == KEPT, printed
    assert "BROKEN" not in printed
    data = json.loads((tmp_path / f"{suite}.json").read_text())
    assert data["metrics"]["http_reqs"]["values"]["count"] > 0
    assert f"<h1>{suite}: kept</h1>" in (tmp_path / f"{suite}.html").read_text()


def beside_a_pool(suite, failures=None, **environment):
    """Run a suite against a pool itself: no router weighs anything there."""

    async def both():
        settings = Settings(port=0, any_model=True, failures=failures or Failures())
        async with Simulator(settings) as simulator:
            url = f"http://{simulator.address}"
            return await asyncio.to_thread(run, suite, "--url", url, **environment)

    return asyncio.run(both())


def test_a_promise_of_which_nothing_was_measured_is_broken(tmp_path):
    status, printed = beside_a_pool("slo", OUT=str(tmp_path))

    assert status == BROKEN, printed
    assert re.search(
        r"^BROKEN +first_token\{tier:small\} +measured at all +nothing", printed, re.MULTILINE
    )
    assert re.search(r"^BROKEN +small +measured at all +nothing", printed, re.MULTILINE)


@pytest.mark.parametrize(
    ("failures", "failed"),
    [
        (Failures(error_rate=1.0), True),
        (Failures(cut_rate=1.0), True),
        # The bill's business, not the client's.
        (Failures(garbage_usage="missing"), False),
    ],
    ids=["errors", "cut-off", "without-usage"],
)
def test_answers_that_are_not_whole_have_failed(failures, failed):
    status, printed = beside_a_pool("canary", failures)

    assert status == BROKEN
    assert bool(re.search(r"^BROKEN +failed +rate<=0 ", printed, re.MULTILINE)) == failed, printed


def test_a_pool_that_is_too_slow_breaks_the_promise_on_its_first_token(up):
    status, printed = run("slo", "--url", up.endpoint, TTFT_MS="0.001")

    assert status == BROKEN
    assert re.search(r"^BROKEN +first_token\{tier:small\} +p\(95\)<0\.001 ", printed, re.MULTILINE)


def test_without_an_endpoint_it_starts_one_and_ends_it():
    status, printed = run("smoke")

    assert status == KEPT, printed


@pytest.mark.parametrize(
    ("words", "environment", "said"),
    [
        (("nonsense",), {}, "no suite nonsense: expected some of canary, conversations"),
        (("smoke", "--url", "{free}"), {}, "is it up? `make up` runs one on this machine"),
        (
            ("smoke", "--url", "{up}"),
            {"ITERATIONS": "many"},
            "ITERATIONS: expected a number from 1",
        ),
        (
            ("slo", "--url", "{up}"),
            {"DURATION": "a minute"},
            "DURATION: expected a duration such as",
        ),
        (
            ("slo", "--url", "{up}"),
            {"SMALL_MOST": "40"},
            "SMALL_MOST: expected a share from 0 to 1",
        ),
        (("slo", "--url", "{up}"), {"RATE": "0"}, "RATE: expected a number from 1 up"),
    ],
)
def test_what_can_not_be_tried_is_said_and_is_no_success(up, words, environment, said):
    (port,) = free_ports(1)
    filled = [word.format(up=up.endpoint, free=f"http://127.0.0.1:{port}") for word in words]

    status, printed = run(*filled, **environment)

    assert status == NOT_TRIED, printed
    assert said in printed


def test_without_k6_it_says_where_it_comes_from(tmp_path):
    code = f"""
import runpy, shutil, sys
sys.executable, sys.argv = {str(tmp_path / "python")!r}, ["run.py", "smoke"]
sys.path.insert(0, {str(HERE)!r})
shutil.which = lambda name: None
runpy.run_path({str(RUN)!r}, run_name="__main__")
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )

    assert done.returncode == NOT_TRIED
    assert "no k6: `make setup` installs it" in done.stderr


def script(tmp_path, text):
    """Run a script of k6's; what it printed."""
    file = tmp_path / "script.js"
    file.write_text(text, encoding="utf-8")
    command = [K6, "run", "--quiet", "--no-usage-report", "--no-summary", file]
    done = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=60,
    )
    return done.stdout


def test_a_promise_on_what_no_suite_measures_is_refused(tmp_path):
    printed = script(
        tmp_path,
        f"import {{ promises }} from '{HERE}/_metrics.js';\n"
        "export const options = { thresholds: promises({ first_tokens: ['p(95)<300'] }) };\n"
        "export default () => {};\n",
    )

    assert "threshold on first_tokens: no such metric is measured; expected one of" in printed


def test_lengths_are_spread_about_the_means_they_claim(tmp_path):
    printed = script(
        tmp_path,
        f"import {{ generator, tokens }} from '{HERE}/_prompts.js';\n"
        "export default () => {\n"
        "  const random = generator(7);\n"
        "  const mean = (about) => {\n"
        "    let sum = 0;\n"
        "    for (let i = 0; i < 20000; i += 1) sum += tokens(random, about);\n"
        "    return sum / 20000;\n"
        "  };\n"
        "  console.log(`means ${mean(161)} ${mean(338)}`);\n"
        "};\n",
    )

    found = re.search(r"means ([\d.]+) ([\d.]+)", printed)
    # The longest are cut off, which takes a little from the mean.
    assert 150 < float(found[1]) < 165, printed
    assert 300 < float(found[2]) < 345, printed
