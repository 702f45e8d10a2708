import pytest
from weighbridge_experiments.errors import ExperimentError
from weighbridge_experiments.page import Plot, fill, table, write


def paint(figure):
    figure.subplots().plot([1, 2, 3], label="a line")


def test_a_table_has_its_first_column_to_the_left():
    assert table(["a", "b"], [["x", "1"]]) == "| a | b |\n| --- | ---: |\n| x | 1 |"


@pytest.mark.parametrize("values", [{}, {"name": "x", "other": "y"}])
def test_words_and_values_have_to_fit(values):
    with pytest.raises(ExperimentError, match=r"not in both: (name|other)"):
        fill("It is $name.", values)


def test_a_plot_is_drawn_the_same_twice_with_its_text_as_text(tmp_path):
    (tmp_path / "some.md").write_text("$x")
    drawn = []
    for folder in ("one", "two"):
        plots = [Plot("line", paint)]
        page, plot = write(tmp_path / folder, "some", {"x": "y"}, plots, pages=tmp_path)
        assert (page.name, plot.name) == ("some.md", "some-line.svg")
        drawn.append(plot.read_bytes())
    assert drawn[0] == drawn[1]
    assert b" \n" not in drawn[0]


def test_a_folder_that_can_not_be_written_is_told_with_the_way_out(tmp_path):
    (tmp_path / "some.md").write_text("$x")
    with pytest.raises(ExperimentError, match=r"can't be written: .*--out FOLDER"):
        write(tmp_path / "some.md" / "below", "some", {"x": "y"}, [], pages=tmp_path)
