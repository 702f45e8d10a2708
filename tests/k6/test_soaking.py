"""What the soak says of memory, and that it says it."""

import subprocess
import sys
from pathlib import Path

import pytest

from k6.memory import Growth, Sample, growth

HERE = Path(__file__).parent


def memory(*megabytes):
    return [Sample(60.0 * n, {"router": mb * 10**6}) for n, mb in enumerate(megabytes)]


@pytest.mark.parametrize(
    ("samples", "grown"),
    [
        (memory(100, 110, 120, 120, 120, 120), 0.0),
        (memory(100, 110, 120, 126, 130, 132), 0.1),
        # One high sample in between is no growth.
        (memory(100, 110, 120, 999, 120, 126), 0.05),
    ],
)
def test_growth_is_what_came_after_the_warm_up(samples, grown):
    assert growth(samples, "router", 120).share == pytest.approx(grown)


def test_growth_tells_where_it_began_and_the_most_there_was():
    told = growth(memory(100, 110, 120, 140, 126), "router", 120)

    assert told == Growth(first=100_000_000, warm=120_000_000, last=126_000_000, most=140_000_000)


def test_a_soak_shorter_than_its_warm_up_is_refused():
    with pytest.raises(ValueError, match="expected samples after"):
        growth(memory(100, 110), "router", 120)


def test_a_soak_writes_its_page_with_what_was_seen(tmp_path):
    words = [sys.executable, HERE / "soaking.py", "--minutes", "0.5", "--rate", "10"]
    done = subprocess.run(
        [*map(str, words), "--warm", "0.1", "--out", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )

    page = (tmp_path / "soak.md").read_text()
    # In half a minute scores are still few, and memory may well grow.
    kept = "Promises: **kept**." in page
    assert done.returncode == (0 if kept else 1), done.stdout + done.stderr
    assert "| failed | 0 |" in page
    assert "| router |" in page
    assert (tmp_path / "soak-memory.svg").read_text().startswith("<?xml")
