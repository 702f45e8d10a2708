"""The programmes that the pools' chart puts into its pods, run as they are run there."""

import json
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
from charts.rendering import MODELS_CHART

WARM_UP = MODELS_CHART / "files" / "warm_up.py"
DOWNLOAD = MODELS_CHART / "files" / "download.py"
TOKEN = {"HF_TOKEN": "mine"}
BODY = {"model": "gemma", "prompt": "hello", "max_tokens": 4}
CHOICES = '{"choices": [{"text": "hi"}]}'

HUB = """
import json, os, sys
from pathlib import Path
def snapshot_download(repository, *, revision, local_dir, ignore_patterns):
    asked = [repository, revision, str(local_dir), ignore_patterns, os.environ.get("HF_TOKEN")]
    with open(os.environ["ASKED"], "a") as file:
        file.write(json.dumps(asked) + "\\n")
    if os.environ.get("FAILS"):
        raise OSError("the hub is away")
    Path(local_dir, "model.safetensors").write_text("weights")
"""


@pytest.fixture
def server():
    """An HTTP server that answers as the test says, and keeps what it was asked."""
    servers = []

    def serve(health=200, status=200, answer=CHOICES):
        asked = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(health)
                self.end_headers()

            def do_POST(self):
                length = int(self.headers["content-length"])
                asked.append((self.path, json.loads(self.rfile.read(length))))
                self.send_response(status)
                self.end_headers()
                self.wfile.write(answer.encode())

            def log_message(self, *_):
                pass

        listening = HTTPServer(("127.0.0.1", 0), Handler)
        servers.append(listening)
        Thread(target=listening.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{listening.server_port}", asked

    yield serve
    for listening in servers:
        listening.shutdown()
        listening.server_close()


def warm_up(base):
    command = [sys.executable, str(WARM_UP), base, "5", json.dumps(BODY)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)


def test_the_warm_up_succeeds_once_an_answer_came(server):
    base, asked = server()

    done = warm_up(base)

    assert (done.returncode, done.stderr) == (0, "")
    assert asked == [("/v1/completions", BODY)]


@pytest.mark.parametrize(
    ("behaviour", "said"),
    [
        ({"health": 503}, "503"),
        ({"status": 404}, "404"),
        ({"answer": "nothing"}, "JSONDecodeError"),
        ({"answer": '{"choices": []}'}, "expected choices"),
    ],
    ids=str,
)
def test_the_warm_up_fails_while_there_is_no_answer_and_says_why(server, behaviour, said):
    base, _ = server(**behaviour)

    done = warm_up(base)

    assert done.returncode == 1
    assert said in done.stderr


def test_the_warm_up_asks_nothing_before_the_server_is_healthy(server):
    base, asked = server(health=503)

    warm_up(base)

    assert asked == []


def test_the_warm_up_fails_where_nobody_listens():
    done = warm_up("http://127.0.0.1:1")

    assert done.returncode == 1
    assert "refused" in done.stderr


@pytest.fixture
def download(tmp_path):
    """Run the download against a hub of the test's own; returns what it said and was asked."""
    (tmp_path / "huggingface_hub.py").write_text(HUB)
    log = tmp_path / "asked"

    def run(*arguments, **environment):
        folder = tmp_path / "models" / "g"
        done = subprocess.run(
            [sys.executable, str(DOWNLOAD), *arguments[:2], str(folder), *arguments[2:]],
            env={"PYTHONPATH": str(tmp_path), "ASKED": str(log), **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
        asked = [json.loads(line) for line in log.read_text().splitlines()]
        return done, asked, folder

    return run


def test_the_download_fetches_once(download):
    first, asked, folder = download("google/g", "abc", "*.pth", **TOKEN)
    second, asked_in_all, _ = download("google/g", "abc", "*.pth")

    assert asked == asked_in_all == [["google/g", "abc", str(folder), ["*.pth"], "mine"]]
    assert (first.stdout, second.stdout) == ("fetched google/g\n", "already there google/g\n")
    assert (folder / "model.safetensors").read_text() == "weights"


def test_another_revision_is_fetched(download):
    download("google/g", "abc")
    _, asked, _ = download("google/g", "def")

    assert [revision for _, revision, *_ in asked] == ["abc", "def"]


def test_no_revision_is_the_newest_one(download):
    _, asked, _ = download("google/g", "")

    assert [revision for _, revision, *_ in asked] == [None]


def test_a_download_that_broke_off_is_gone_on_with(download):
    broken, _, _ = download("google/g", "abc", FAILS="yes")
    again, asked, _ = download("google/g", "abc")

    assert broken.returncode == 1
    assert "the hub is away" in broken.stderr
    assert again.returncode == 0
    assert len(asked) == 2
