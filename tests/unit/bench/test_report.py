"""What a report says, in numbers and in words."""

import io

import msgspec
import pytest
from rich.console import Console
from unit.bench.fakes import MACHINE, case, report, rounds
from weighbridge.bench.envoy import Target
from weighbridge.bench.report import Report, summarise
from weighbridge.bench.tables import markdown, print_report


def printed(a_report):
    output = io.StringIO()
    print_report(Console(file=output, width=200), a_report)
    return output.getvalue()


def test_what_the_router_adds_is_taken_round_by_round():
    router = case().targets[Target.ROUTER]

    assert router.added_p50_ms.median == pytest.approx(0.8)
    assert router.of_empty.median == pytest.approx(0.8)
    assert router.of_empty.most == pytest.approx(0.95)


def test_a_target_that_answered_nothing_is_no_division_by_zero():
    measured = {target: rounds((1.0, 0.0)) for target in Target}

    assert summarise(measured)[Target.ROUTER].requests_per_s.median < 1


def test_the_report_survives_its_json():
    assert msgspec.json.decode(msgspec.json.encode(report()), type=Report) == report()


@pytest.mark.parametrize("render", [printed, markdown])
def test_tables_say_what_was_added_and_the_ratio(render):
    text = render(report())

    assert "300 B" in text
    assert "0.80 (0.70 to 0.90)" in text
    assert "0.80 (0.80 to 0.95)" in text
    assert "0.40 (0.39 to 0.41) s" in text
    assert "66.0 MiB before and 67.0 MiB after 5,000" in text


@pytest.mark.parametrize("render", [printed, markdown])
def test_faults_are_said_with_the_numbers(render):
    text = render(report(faults=["32 KB, round 1, router: 2 requests failed open"]))

    assert "worth nothing" in text
    assert "2 requests failed open" in text


def test_markdown_tables_have_as_many_cells_in_every_row():
    lines = [line for line in markdown(report()).splitlines() if line.startswith("|")]

    assert len(lines) == 6
    assert {line.count("|") for line in lines} == {8}


def test_parts_that_were_not_measured_are_not_mentioned():
    text = markdown(report(soak=None, seconds_to_serving=None))

    assert "memory" not in text
    assert "SERVING" not in text


@pytest.mark.parametrize(
    ("rates", "words"),
    [
        ((1000, 1010, 990), "quiet"),
        ((1000, 1100, 900), "some noise"),
        ((1000, 2000, 500), "noisy"),
    ],
)
def test_noise_is_put_into_words(rates, words):
    measured = {target: rounds(*((1.0, rate) for rate in rates)) for target in Target}
    noisy = msgspec.structs.replace(case(), targets=summarise(measured), rounds=measured)

    assert report(cases=[noisy]).noise_in_words.startswith(words)


def test_a_busy_machine_is_told():
    busy = msgspec.structs.replace(MACHINE, load=1.5)

    assert "other work" in markdown(report(machine=busy))
    assert "other work" not in markdown(report())
