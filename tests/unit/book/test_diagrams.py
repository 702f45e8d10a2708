"""Diagrams are drawn by a script that is part of the book, or stay text."""

import pytest
from unit.book.little_books import book

DIAGRAM = {"docs/index.md": "# Home\n\n```mermaid\nflowchart LR\n  a --> b\n```\n"}


def test_diagrams_are_drawn_by_the_book_s_own_script(tmp_path):
    script = tmp_path / "mermaid.js"
    script.write_text("// draws")
    built = book(tmp_path / "book", DIAGRAM, extra={"mermaid": str(script)})

    assert built.is_built, built.complaints
    assert '<pre class="mermaid">' in built.page(".")
    assert '<script src="javascripts/mermaid.min.js">' in built.page(".")
    assert (built.site / "javascripts/mermaid.min.js").read_text() == "// draws"


@pytest.mark.parametrize("extra", [{}, {"mermaid": ""}])
def test_diagrams_stay_text_without_a_script(tmp_path, extra):
    built = book(tmp_path, DIAGRAM, extra=extra)

    assert built.is_built, built.complaints
    assert 'class="mermaid"' not in built.page(".")
    assert "a --&gt; b" in built.page(".")
