"""The book of docs/ builds strictly, loads nothing from elsewhere, and reads as its pages do."""

import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser

import pytest
from contract.tree import REPOSITORY

LOADING = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href"}
NOT_LOADED = {"canonical", "next", "prev"}
RAN_ON = re.compile(r"^\s*(?:[-*] |\d+\. |\|.*\|$|`{3})", re.MULTILINE)


class Reader(HTMLParser):
    """What a page loads, and lines of its paragraphs."""

    def __init__(self):
        super().__init__()
        self.loaded = []
        self.paragraphs = []
        self._open = False

    def handle_starttag(self, tag, attrs):
        said = dict(attrs)
        if tag in LOADING and said.get("rel") not in NOT_LOADED:
            self.loaded.append(said.get(LOADING[tag]) or "")
        if tag == "p":
            self._open = True
            self.paragraphs.append("")

    def handle_endtag(self, tag):
        self._open = self._open and tag != "p"

    def handle_data(self, data):
        if self._open:
            self.paragraphs[-1] += data


def read(text):
    reader = Reader()
    reader.feed(text)
    return reader


def foreign(text):
    return [address for address in read(text).loaded if re.match(r"(?:https?:)?//", address)]


def ran_on(text):
    """Paragraphs that hold a list or a table which should have ended them."""
    return [each for each in read(text).paragraphs if RAN_ON.search(each)]


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    """The whole book, built as `make docs` does, but with a stand-in for Mermaid's script."""
    site = tmp_path_factory.mktemp("book")
    script = tmp_path_factory.mktemp("mermaid") / "mermaid.js"
    script.write_text("// draws")
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(site)],
        env={"MERMAID_JS": str(script), "NO_MKDOCS_2_WARNING": "1"},
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    yield {
        path.parent.relative_to(site).as_posix(): path.read_text() for path in site.rglob("*.html")
    }
    shutil.rmtree(site)


def test_every_page_of_the_docs_is_in_the_book(book):
    pages = {
        path.relative_to(REPOSITORY / "docs").with_suffix("").as_posix()
        for path in (REPOSITORY / "docs").rglob("*.md")
    }

    assert {page.removesuffix("index").rstrip("/") or "." for page in pages} <= set(book)


def test_the_book_loads_nothing_from_elsewhere(book):
    assert {page: found for page, text in book.items() if (found := foreign(text))} == {}


def test_no_list_or_table_runs_on_from_the_paragraph_above_it(book):
    assert {page: found for page, text in book.items() if (found := ran_on(text))} == {}


def test_diagrams_are_drawn(book):
    assert 'class="mermaid"' in book["architecture"]


@pytest.mark.parametrize(
    "text",
    [
        '<script src="https://elsewhere.example/x.js">',
        '<link rel="stylesheet" href="//elsewhere.example/x.css">',
        '<img src="http://elsewhere.example/x.png">',
    ],
)
def test_what_is_loaded_from_elsewhere_is_found(text):
    assert len(foreign(text)) == 1


@pytest.mark.parametrize(
    "text", ['<a href="https://elsewhere.example">', '<script src="assets/x.js">']
)
def test_what_a_reader_may_click_and_what_is_here_is_no_fault(text):
    assert foreign(text) == []


@pytest.mark.parametrize("text", ["as said\n- one", "as said\n1. one", "so\n| a | b |"])
def test_what_runs_on_is_found(text):
    assert ran_on(f"<p>{text}</p>") != []


def test_an_ordinary_paragraph_does_not_run_on():
    assert ran_on("<p>from 0 to 1\n-0.4 is a score | no table</p><li>- x</li>") == []
