"""The page and its plots as files."""

import sys

import pytest
from unit.bench.peers.peers_fakes import case, overloaded, report
from weighbridge.bench.peers.page import require_plots, write_page
from weighbridge.errors import LocalError


def test_a_page_shows_the_plots_that_lie_beside_it(tmp_path):
    files = write_page(tmp_path / "new", report())

    assert [each.name for each in files] == [
        "side-by-side.md",
        "side-by-side-latency.svg",
        "side-by-side-throughput.svg",
    ]
    text = files[0].read_text()
    for each in files[1:]:
        assert f"]({each.name})" in text
        drawn = each.read_text()
        assert drawn.rstrip().endswith("</svg>")
        assert "LiteLLM" in drawn


def test_a_line_that_ends_early_says_that_it_saturated(tmp_path):
    _, latency, _ = write_page(tmp_path, report())

    assert "at 1000/s" in latency.read_text()
    assert "at 50/s" not in latency.read_text()


def test_the_same_report_draws_the_same_bytes(tmp_path):
    first, second = (write_page(tmp_path / name, report()) for name in "ab")

    assert [each.read_bytes() for each in first] == [each.read_bytes() for each in second]


def test_a_target_without_a_number_is_left_out_of_a_plot(tmp_path):
    (*_, plot) = write_page(tmp_path, report(cases=[case(litellm=[overloaded()] * 2)]))

    assert "LiteLLM" in plot.read_text()


def test_a_folder_that_can_not_be_written_is_told_with_the_way_out(tmp_path):
    (tmp_path / "file").touch()

    with pytest.raises(LocalError, match="name another folder: --plots FOLDER"):
        write_page(tmp_path / "file", report())


def test_plots_without_matplotlib_are_refused_before_anything_is_measured(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)

    with pytest.raises(LocalError, match=r"install weighbridge\[learn\]"):
        require_plots()
