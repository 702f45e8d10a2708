"""The experiment on a small folder of data, with a classifier of known answers."""

import pytest
from unit.learn.stand_in import standing_in
from unit.training.fakes import write_data
from weighbridge.errors import RecordError
from weighbridge_experiments import threshold
from weighbridge_experiments.errors import ExperimentError
from weighbridge_experiments.progress import silent
from weighbridge_training.public import PUBLIC


@pytest.fixture(scope="module", autouse=True)
def _stand_in():
    with standing_in():
        yield


def test_the_page_has_each_set_with_both_ends_and_is_the_same_twice(tmp_path):
    data = write_data(tmp_path)
    pages = []
    for folder in ("one", "two"):
        written = threshold.run(tmp_path / folder, data, "make it", silent)
        pages.append([path.read_bytes() for path in written])
    assert pages[0] == pages[1]
    text = pages[0][0].decode()
    for which in PUBLIC:
        _, section = text.split(f"### {which.name}\n")
        rows = [line for line in section.split("###")[0].splitlines() if line.startswith("| ")]
        assert "| 0.00 | 100% |" in rows[2]
        assert "| all small | 0% |" in rows[len(threshold.SHOWN) + 1]


def test_without_data_the_way_to_it_is_told(tmp_path):
    with pytest.raises(ExperimentError, match=r"--data FOLDER .* `make evaluate` takes"):
        threshold.run(tmp_path, None, "make it", silent)


def test_data_that_is_not_there_is_told_and_nothing_written(tmp_path):
    with pytest.raises(RecordError, match="there is no such file"):
        threshold.run(tmp_path / "out", tmp_path / "nowhere", "make it", silent)
    assert not (tmp_path / "out").exists()
