import io

import pytest
from rich.console import Console
from weighbridge_experiments.progress import shown, silent


@pytest.mark.parametrize(("terminal", "percent"), [(True, True), (False, False)])
def test_a_person_sees_how_far_and_a_log_that_it_began(terminal, percent):
    text = io.StringIO()
    with shown(Console(file=text, force_terminal=terminal, width=80)) as step:
        step("a run")(0.5)
    assert "a run" in text.getvalue()
    assert ("50%" in text.getvalue()) == percent


def test_nobody_may_be_told():
    assert silent("a run")(0.5) is None
