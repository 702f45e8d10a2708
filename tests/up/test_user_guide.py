"""The user guide's examples print what the guide says, and clients raise what it says of errors."""

import json
import re
from pathlib import Path

import httpx
import openai
import pytest
from weighbridge_mesh.local_replies import LocalReply, local_replies

from up.conftest import Run
from up.pages import Example, examples

GUIDE = Path(__file__).parents[2] / "docs" / "user-guide.md"
ANY_OTHER = 0
REPLIES = [reply for reply in local_replies("a limit") if reply.status != ANY_OTHER]
FENCE = re.compile(r"^(<!-- .* -->)?\n```(?:console|python|bash|sh)$", re.MULTILINE)


def rows() -> dict[tuple[str, str], str]:
    """The guide's table of errors: what a client raises, by status and code."""
    table = GUIDE.read_text(encoding="utf-8").partition("<!-- errors -->\n")[2].split("\n\n")[0]
    cells = [
        [cell.strip().strip("`") for cell in row.strip("|").split("|")]
        for row in table.splitlines()[2:]
    ]
    return {(status, code): raised for status, code, raised, _ in cells}


def client_of(reply: LocalReply, heard: list[httpx.Request], retries: int) -> openai.OpenAI:
    """A client whose every request is answered so."""

    def answer(request: httpx.Request) -> httpx.Response:
        heard.append(request)
        headers = {"content-type": "application/json", "retry-after-ms": "1"}
        return httpx.Response(reply.status, text=reply.body, headers=headers)

    transport = httpx.Client(transport=httpx.MockTransport(answer))
    return openai.OpenAI(
        base_url="http://gateway/v1", api_key="unused", max_retries=retries, http_client=transport
    )


@pytest.mark.parametrize("example", examples(GUIDE), ids=lambda each: f"line {each.line}")
def test_an_example_prints_what_the_guide_says(up: Run, example: Example) -> None:
    printed = example.run(up.endpoint)

    assert example.agrees_with(printed), printed


def test_every_example_is_run() -> None:
    marks = FENCE.findall(GUIDE.read_text(encoding="utf-8"))

    assert set(marks) == {"<!-- up -->"}


def test_the_guide_has_every_error_that_the_gateway_makes() -> None:
    told = {
        ("any other" if r.status == ANY_OTHER else str(r.status), r.code) for r in local_replies("")
    }

    assert set(rows()) == told


@pytest.mark.parametrize("reply", REPLIES, ids=lambda each: each.code)
def test_the_client_raises_what_the_guide_says(reply: LocalReply) -> None:
    with (
        client_of(reply, [], retries=0) as client,
        pytest.raises(openai.APIStatusError) as raised,
    ):
        client.models.list()

    assert type(raised.value).__name__ == rows()[str(reply.status), reply.code]
    assert raised.value.code == reply.code
    assert raised.value.body == json.loads(reply.body)["error"]


@pytest.mark.parametrize("reply", REPLIES, ids=lambda each: each.code)
def test_the_client_sends_again_after_the_statuses_that_the_guide_names(reply: LocalReply) -> None:
    heard: list[httpx.Request] = []
    with (
        client_of(reply, heard, openai.DEFAULT_MAX_RETRIES) as client,
        pytest.raises(openai.APIStatusError),
    ):
        client.models.list()

    is_tried_again = reply.status in {408, 429} or reply.status >= 500
    assert len(heard) == (3 if is_tried_again else 1)


def test_an_example_that_prints_something_else_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("<!-- up -->\n```console\n$ echo 'one two'\none …\n```\n")
    (example,) = examples(page)

    assert example.agrees_with(example.run("unused"))
    assert not example.agrees_with("two one\n")
    assert not example.agrees_with("one two\nthree\n")


def test_a_mark_that_is_before_no_example_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("<!-- up -->\n\n```console\n$ echo\n```\n")

    with pytest.raises(AssertionError, match="before no example"):
        examples(page)
