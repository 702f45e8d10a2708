"""Capture: what is drawn reaches the disk redacted or not at all, and nobody waits for it."""

import gzip
import json
import logging
import sys
import threading
import types

import pytest
from unit.bodies import EASY, assistant, chat, encode, make_settings, text_part, user
from weighbridge import capture as module
from weighbridge.body import BodyBuffer
from weighbridge.capture import Capture
from weighbridge.contract import CaptureResult, Endpoint
from weighbridge.errors import SettingsError
from weighbridge.learn.records import read_prompts

SECRET = "my diagnosis is a rare disease"
START = 1_700_000_000.0


class Clock:
    def __init__(self):
        self.now = START

    def __call__(self):
        return self.now


class Bench:
    """A capture whose writer is this test: `flush` is called when it suits."""

    def __init__(self, folder, monkeypatch):
        self.folder = folder
        self.counted = []
        self.clock = Clock()
        self.capture = Capture(self.counted.append, self.clock)
        monkeypatch.setattr(self.capture._writer, "start", lambda: None)

    def prepare(self, **fields):
        wanted = {"folder": self.folder, "sample": 1, **fields}
        self.settings = make_settings(capture=wanted)
        self.capture.prepare(self.settings)
        return self

    def offer(self, content, endpoint=Endpoint.CHAT, encoding="", **fields):
        settings = self.settings.capture
        if fields:
            settings = settings.model_copy(update=fields)
        body = BodyBuffer(10**7)
        body.add(content)
        self.capture.offer(settings, body, endpoint, encoding)

    def results(self):
        self.capture.flush()
        found, self.counted[:] = list(self.counted), []
        return found

    def kept(self):
        paths = sorted(self.folder.glob("*.jsonl"))
        return [line for path in paths for line in read_prompts(path)]

    def texts(self):
        return [line.prompt or line.messages for line in self.kept()]


@pytest.fixture
def bench(tmp_path, monkeypatch):
    return Bench(tmp_path / "kept", monkeypatch)


@pytest.fixture
def hook(monkeypatch):
    """Make a hook of the operator, and give its path."""

    def make(function):
        library = types.ModuleType("operators_own")
        library.hook = function
        monkeypatch.setitem(sys.modules, "operators_own", library)
        return "operators_own:hook"

    return make


def test_off_is_the_default_and_takes_starts_and_makes_nothing(tmp_path):
    counted = []
    capture = Capture(counted.append)
    settings = make_settings()
    capture.prepare(settings)
    body = BodyBuffer(1000)
    body.add(chat(EASY))

    capture.offer(settings.capture, body, Endpoint.CHAT, "")
    capture.flush()

    assert not capture._writer.is_alive()
    assert (counted, list(tmp_path.iterdir())) == ([], [])


def test_a_conversation_is_kept_as_learn_reads_it(bench):
    bench.prepare().offer(chat("hi", "and now?", model="m", temperature=1, user="joe-4711"))

    assert bench.results() == [CaptureResult.KEPT]
    (line,) = bench.kept()
    assert line.chat() == [user("hi"), assistant(), user("and now?")]
    (path,) = bench.folder.iterdir()
    assert set(json.loads(path.read_text())) == {"messages"}


def test_a_lone_prompt_is_kept_as_such(bench):
    bench.prepare().offer(chat(EASY))
    bench.offer(encode({"prompt": "Once upon"}), Endpoint.COMPLETIONS)

    assert bench.results() == [CaptureResult.KEPT] * 2
    assert bench.texts() == [EASY, "Once upon"]


def test_only_the_share_that_was_asked_for_is_taken(bench, monkeypatch):
    drawn = iter([0.1, 0.3, 0.2, 0.9])
    monkeypatch.setattr("weighbridge.logs.random.random", lambda: next(drawn))
    bench.prepare(sample=0.25)

    for text in "abcd":
        bench.offer(chat(text))

    assert bench.results() == [CaptureResult.KEPT] * 2
    assert bench.texts() == ["a", "c"]


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_compressed_body_is_kept_plain(bench, encoding):
    bench.prepare().offer(gzip.compress(chat(EASY), mtime=0), encoding=encoding)

    assert bench.results() == [CaptureResult.KEPT]
    assert bench.texts() == [EASY]


@pytest.mark.parametrize(
    ("content", "encoding", "result"),
    [
        (chat("x" * 300), "", CaptureResult.TOO_LONG),
        (gzip.compress(chat("x" * 300), mtime=0), "gzip", CaptureResult.TOO_LONG),
        (chat([text_part("what?"), {"type": "image_url"}]), "", CaptureResult.NOT_TEXT),
        (encode({"messages": []}), "", CaptureResult.NOT_TEXT),
        (b"broken " + SECRET.encode(), "", CaptureResult.UNREADABLE),
        (SECRET.encode(), "gzip", CaptureResult.UNREADABLE),
        (SECRET.encode(), "br", CaptureResult.UNREADABLE),
    ],
)
def test_what_is_no_whole_prompt_of_words_is_counted_and_not_kept(bench, content, encoding, result):
    bench.prepare(prompt_bytes=256).offer(content, encoding=encoding)

    assert bench.results() == [result]
    assert list(bench.folder.iterdir()) == []


def test_what_looks_personal_is_redacted_in_every_message(bench):
    bench.prepare()
    bench.offer(chat("I am a@b.example", "call 555-123-4567", system="key: sk-abcdef123456789"))

    assert bench.results() == [CaptureResult.KEPT]
    assert [message["content"] for message in bench.kept()[0].messages] == [
        "key: [secret]",
        "I am [email]",
        "Done.",
        "call [number]",
    ]


def test_redaction_can_be_turned_off(bench):
    bench.prepare(redact=False).offer(chat("I am a@b.example"))

    assert bench.results() == [CaptureResult.KEPT]
    assert bench.texts() == ["I am a@b.example"]


def test_the_hook_comes_first_and_the_rules_see_what_it_left(bench, hook):
    path = hook(lambda text: text.replace("Joe", "[name]") + " from a@b.example")
    bench.prepare(redact_hook=path).offer(chat("I am Joe"))

    assert bench.results() == [CaptureResult.KEPT]
    assert bench.texts() == ["I am [name] from [email]"]


def test_a_hook_that_withholds_one_message_withholds_the_whole(bench, hook):
    path = hook(lambda text: None if "diagnosis" in text else text)
    bench.prepare(redact_hook=path).offer(chat(SECRET, "and now?"))
    bench.offer(chat("fine"))

    assert bench.results() == [CaptureResult.WITHHELD, CaptureResult.KEPT]
    assert bench.texts() == ["fine"]


def fails(text):
    raise ValueError(f"no rule for {text}")


def leaves(text):
    sys.exit(text)


@pytest.mark.parametrize(
    ("function", "why"),
    [
        (fails, "ValueError"),
        (leaves, "SystemExit"),
        (lambda text: text.encode(), "bytes"),
        (lambda _: 7, "int"),
    ],
)
def test_a_hook_that_fails_keeps_nothing_and_tells_no_word_of_it(
    bench, hook, caplog, function, why
):
    bench.prepare(redact_hook=hook(function)).offer(chat(SECRET))
    bench.offer(chat(SECRET))

    assert bench.results() == [CaptureResult.HOOK_FAILED] * 2
    assert list(bench.folder.iterdir()) == []
    assert SECRET not in caplog.text
    (record,) = caplog.records
    assert why in record.getMessage()
    assert "capture.redact_hook" in record.getMessage()


def test_half_a_surrogate_pair_of_a_hook_is_not_written(bench, hook):
    bench.prepare(redact_hook=hook(lambda text: text + "\ud83d")).offer(chat("x"))

    assert bench.results() == [CaptureResult.UNREADABLE]
    assert bench.kept() == []


def test_a_hook_that_makes_a_prompt_larger_than_a_file_loses_it(bench, hook):
    path = hook(lambda text: text * 1000)
    bench.prepare(prompt_bytes=256, file_bytes=256, redact_hook=path).offer(chat("x"))

    assert bench.results() == [CaptureResult.TOO_LONG]


def test_a_writer_that_falls_behind_loses_prompts_and_no_memory(bench, monkeypatch):
    content = chat(EASY)
    monkeypatch.setattr(module, "_MOST_BYTES", 3 * len(content))
    bench.prepare()

    for _ in range(5):
        bench.offer(content)
    assert bench.counted == [CaptureResult.QUEUE_FULL] * 2
    bench.results()
    bench.offer(content)

    assert bench.results() == [CaptureResult.KEPT]
    assert len(bench.kept()) == 4


def test_a_disk_that_takes_no_more_is_told_once_and_tried_again(bench, caplog, monkeypatch):
    bench.prepare()
    refused = OSError(28, "No space left on device")

    def full(*_):
        raise refused

    with monkeypatch.context() as patched:
        patched.setattr("weighbridge.spool.os.write", full)
        for _ in range(3):
            bench.offer(chat(SECRET))
        assert bench.results() == [CaptureResult.UNWRITTEN] * 3
    bench.offer(chat(EASY))

    assert bench.results() == [CaptureResult.KEPT]
    assert bench.texts() == [EASY]
    (record,) = caplog.records
    assert f"{bench.folder}: No space left on device" in record.getMessage()


def test_the_same_trouble_is_told_again_after_a_while(bench, caplog, monkeypatch):
    monkeypatch.setattr(module, "_TELL_S", 0.0)
    bench.prepare()
    bench.folder.rmdir()

    for _ in range(2):
        bench.offer(chat(EASY))
        bench.results()

    assert caplog.text.count("prompts can't be written to") == 2


def test_old_prompts_are_deleted_at_start_and_later_on(bench, monkeypatch):
    monkeypatch.setattr(module, "_SWEEP_S", 0.0)
    bench.folder.mkdir(mode=0o700)
    left_behind = bench.folder / "prompts-20200101T000000Z-00000000.jsonl"
    left_behind.write_text("old\n")
    bench.prepare(keep_s=3600)

    bench.results()
    assert not left_behind.exists()

    bench.offer(chat(EASY))
    bench.results()
    assert bench.texts() == [EASY]
    bench.clock.now += 3602
    bench.results()
    assert bench.kept() == []


def test_prompts_of_a_folder_that_is_no_longer_named_grow_old_too(bench, monkeypatch, tmp_path):
    monkeypatch.setattr(module, "_SWEEP_S", 0.0)
    bench.prepare(keep_s=3600).offer(chat(EASY))
    bench.results()
    bench.prepare(folder=tmp_path / "elsewhere", keep_s=3600)
    bench.capture.prepare(make_settings())

    bench.clock.now += 3602
    bench.results()

    assert list(bench.folder.iterdir()) == []


def test_what_can_not_be_deleted_is_told(bench, caplog):
    bench.prepare()
    bench.folder.rmdir()

    bench.results()

    assert "old prompts can't be deleted from" in caplog.text
    assert "No such file" in caplog.text


def test_a_reload_takes_effect_with_the_next_body(bench, tmp_path):
    bench.prepare()
    before = bench.settings.capture
    bench.offer(chat("first"))
    bench.prepare(folder=tmp_path / "second", redact=False)
    bench.offer(chat("a@b.example"))
    bench.settings = make_settings(capture=before.model_copy(update={"sample": 0}).model_dump())
    bench.offer(chat("third"))

    assert bench.results() == [CaptureResult.KEPT] * 2
    assert bench.texts() == ["first"]
    (path,) = (tmp_path / "second").iterdir()
    assert json.loads(path.read_text()) == {"prompt": "a@b.example"}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"folder": "/proc/no/such"}, "capture.folder: /proc/no/such: can't be made"),
        ({"redact_hook": "no.such:hook"}, "capture.redact_hook: no.such:hook can't be imported"),
    ],
)
def test_what_can_not_work_is_refused_before_it_serves(bench, fields, message):
    with pytest.raises(SettingsError, match=message):
        bench.prepare(**fields)


def test_the_writer_writes_without_being_asked_and_the_rest_at_the_end(tmp_path):
    counted = []
    written = threading.Event()

    def count(result):
        counted.append(result)
        written.set()

    capture = Capture(count)
    settings = make_settings(capture={"folder": tmp_path / "kept", "sample": 1})
    capture.prepare(settings)
    capture.prepare(settings)
    body = BodyBuffer(1000)
    body.add(chat(EASY))

    capture.offer(settings.capture, body, Endpoint.CHAT, "")
    assert written.wait(20)
    capture.offer(settings.capture, body, Endpoint.CHAT, "")
    capture.close()

    assert counted == [CaptureResult.KEPT] * 2
    (path,) = (tmp_path / "kept").iterdir()
    assert len(path.read_bytes().splitlines()) == 2


def test_a_bug_in_the_writer_does_not_end_it(tmp_path, caplog):
    broken = threading.Event()
    kept = threading.Event()

    def count(_):
        if not broken.is_set():
            broken.set()
            raise ZeroDivisionError(SECRET)
        kept.set()

    capture = Capture(count)
    settings = make_settings(capture={"folder": tmp_path / "kept", "sample": 1})
    capture.prepare(settings)
    body = BodyBuffer(1000)
    body.add(chat(EASY))
    with caplog.at_level(logging.ERROR):
        capture.offer(settings.capture, body, Endpoint.CHAT, "")
        assert broken.wait(20)
        capture.offer(settings.capture, body, Endpoint.CHAT, "")
        assert kept.wait(20)
    capture.close()

    assert "ZeroDivisionError" in caplog.text
    assert SECRET not in caplog.text


def test_a_capture_that_was_never_on_can_be_closed():
    Capture(lambda _: None).close()
