"""Inline SVG: no ids that meet, no text that becomes markup."""

import pytest
from weighbridge.learn.report import drawing


def test_what_a_figure_is_called_and_shows_is_escaped():
    made = drawing.draw("f", 'a "b" <c>', lambda figure: figure.add_subplot())

    assert 'aria-label="a &quot;b&quot; &lt;c&gt;"' in made


def test_two_figures_share_no_id():
    def paint(figure):
        figure.add_subplot().plot([0, 1], [0, 1], "o-")

    first, second = (drawing.draw(name, "alt", paint) for name in ("one", "two"))

    assert 'id="one-' in first
    assert "url(#one-" in first
    assert "one-" not in second


@pytest.mark.parametrize(("count", "columns"), [(1, 1), (3, 2), (4, 2)])
def test_panels_are_as_many_as_asked_for(count, columns):
    axes = []

    drawing.draw("f", "alt", lambda figure: axes.extend(drawing.panels(figure, count, columns)))

    assert len(axes) == count


@pytest.mark.parametrize(
    ("value", "shown"), [(0.6123, ".612"), (1.0, "1.000"), (-0.25, "-.250"), (0.0, ".000")]
)
def test_an_apgr_is_printed_as_the_field_does(value, shown):
    assert drawing.short(value) == shown
