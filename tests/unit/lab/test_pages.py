import pytest
from lab.pages import Session, sessions, words

PAGE = """\
Text.

<!-- words -->
```bash
ask() { curl x; }
```

<!-- lab: empty -->
```console
$ ask
HTTP/1.1 503
…
a   b
$ count
0
```

<!-- lab: other -->
```console
$ silent
```
"""


def session(*printed):
    return Session("nothing", "ask", printed)


@pytest.fixture
def page(tmp_path):
    path = tmp_path / "page.md"
    path.write_text(PAGE, encoding="utf-8")
    return path


def test_commands_are_found_with_their_state_and_what_they_print(page):
    assert sessions(page) == {
        "empty": [
            Session("empty", "ask", ("HTTP/1.1 503", "…", "a b")),
            Session("empty", "count", ("0",)),
        ],
        "other": [Session("other", "silent", ())],
    }


def test_the_readers_words_are_found(page):
    assert words(page) == "ask() { curl x; }\n"


@pytest.mark.parametrize(
    ("printed", "output"),
    [
        ((), ""),
        (("a b",), "a \t  b\n"),
        (("a b",), "a b   \r\n"),
        (("x: …",), "x: 0.008\n"),
        (("a", "…", "b"), "a\n1\n2\nb\n"),
        (("a", "…"), "a\n"),
        (("…", "(b)"), "(b)\n"),
    ],
)
def test_what_the_page_says_agrees(printed, output):
    assert session(*printed).agrees_with(output)


@pytest.mark.parametrize(
    ("printed", "output"),
    [
        ((), "a\n"),
        (("a",), ""),
        (("a",), "a\nb\n"),
        (("a", "c"), "a\nb\nc\n"),
        (("a.c",), "abc\n"),
        (("x: …",), "y: 1\n"),
    ],
)
def test_what_the_page_does_not_say_does_not_agree(printed, output):
    assert not session(*printed).agrees_with(output)
