"""Collecting: files in, one file out, each line accounted for."""

import json
import os

import pytest
from rich.console import Console
from typer.testing import CliRunner
from unit.bodies import EASY, HARD, encode, user, write_settings
from weighbridge.cli import app
from weighbridge.errors import RecordError
from weighbridge.generation import Generation
from weighbridge.learn.collect import Wanted, alike_key, collect, find_files
from weighbridge.learn.collect_tables import print_faults, print_tally, watched
from weighbridge.learn.intake import Unfit
from weighbridge.learn.records import PromptLine, content_id, read_prompts

SECRET = "my diagnosis is a rare disease"


@pytest.fixture(scope="module")
def generation():
    return Generation.load(None)


@pytest.fixture
def write(tmp_path):
    def write(name, *documents):
        raws = (one if isinstance(one, bytes) else encode(one) for one in documents)
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"".join(raw + b"\n" for raw in raws))
        return tmp_path / name

    return write


@pytest.fixture
def gather(tmp_path, generation):
    """Collect, and give the tally and the prompts written."""

    def gather(*inputs, **fields):
        out = tmp_path / "out.jsonl"
        wanted = Wanted(inputs=inputs, out=out, **fields)
        tally = collect(wanted, find_files(inputs, out), generation)
        return tally, list(read_prompts(out)) if out.exists() else []

    return gather


def texts(lines):
    return [line.prompt for line in lines]


def prompts(count, start=0):
    return [{"prompt": f"Question {chr(97 + n % 26)}{n}?"} for n in range(start, start + count)]


def test_files_and_folders_come_together_in_their_order(gather, write, tmp_path):
    write("kept/b.jsonl", {"prompt": "third"})
    write("kept/a.jsonl", {"prompt": "second"})
    write("kept/notes.txt", {"prompt": "never"})
    first = write("own.jsonl", {"question": "first"}, b"", b"  ")

    tally, lines = gather(first, tmp_path / "kept", first)

    assert texts(lines) == ["first", "second", "third"]
    assert (tally.rows, tally.duplicates) == (3, 0)


def test_the_file_to_be_written_is_not_read_from_its_folder(gather, write, tmp_path):
    write("a.jsonl", {"prompt": "a"})
    write("out.jsonl", {"prompt": "from an earlier run"})

    tally, lines = gather(tmp_path)

    assert (texts(lines), tally.rows) == (["a"], 1)


def test_every_line_is_accounted_for(gather, write):
    path = write(
        "own.jsonl",
        {"prompt": EASY},
        {"prompt": f"  {EASY.upper()}"},
        b"{oops",
        {"prompt": "x" * 200},
        {"answer": "no prompt"},
        {"prompt": "<system-reminder>nothing else</system-reminder>"},
        {"messages": [user([{"type": "image_url"}])]},
        {"messages": [{"role": "system", "content": "alone"}]},
        {"prompt": HARD[:100]},
    )

    tally, lines = gather(path, prompt_bytes=150)

    assert texts(lines) == [EASY, HARD[:100]]
    assert tally.unfit == dict.fromkeys(Unfit, 1)
    assert tally.rows == len(lines) + tally.duplicates + sum(tally.unfit.values())
    numbers = [fault.removeprefix(f"{path}:").partition(": ")[0] for fault in tally.faults]
    assert numbers == ["3", "4", "5", "6", "7", "8"]
    assert sum(tally.different) == sum(tally.written) == 2


def test_faults_name_file_and_line_and_no_word_of_it(gather, write):
    path = write("own.jsonl", {"prompt": EASY}, SECRET.encode(), {"prompt": SECRET * 10})

    tally, _ = gather(path, prompt_bytes=100)

    assert tally.faults[0].startswith(f"{path}:2: not a JSON object: JSON is malformed")
    assert tally.faults[1] == f"{path}:3: too long: 300 bytes of words, at most 100 are wanted"
    assert SECRET not in "".join(tally.faults)


def test_of_very_many_faults_the_first_are_kept(gather, write):
    tally, _ = gather(write("own.jsonl", *[b"{"] * 200, {"prompt": EASY}))

    assert (len(tally.faults), tally.unfit[Unfit.NOT_JSON]) == (50, 200)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("What is it?", "what  is\nit"),
        ("Café", "Cafe\u0301"),
        ("Summarise ticket 4711234.", "Summarise ticket 998877"),
        ("On 2024-05-01 at 10:30 we", "on 2023-11-12 at 09:15:59 we"),
    ],
)
def test_prompts_that_differ_in_form_alone_are_alike(one, other):
    assert alike_key(PromptLine(prompt=one)) == alike_key(PromptLine(prompt=other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("What is 2 + 2?", "What is 2 + 3?"),
        ("a + b", "a - b"),
        ("Prove it.", "Prove it twice."),
        ("Solve x = 1999", "Solve x = 1998"),
    ],
)
def test_prompts_that_ask_something_else_are_not_alike(one, other):
    assert alike_key(PromptLine(prompt=one)) != alike_key(PromptLine(prompt=other))


def test_what_the_assistant_said_makes_no_difference_and_what_the_system_said_does(gather, write):
    def talk(answer, system):
        said = [user("Hi"), {"role": "assistant", "content": answer}, user("Why?")]
        return {"messages": [{"role": "system", "content": system}, *said]}

    path = write("own.jsonl", talk("a", "kind"), talk("b", "Kind."), talk("a", "stern"))

    tally, lines = gather(path)

    assert (len(lines), tally.duplicates) == (2, 1)


def test_where_words_end_makes_a_difference(gather, write):
    path = write(
        "own.jsonl",
        {"messages": [{"role": "system", "content": "a"}, user("b c")]},
        {"messages": [{"role": "system", "content": "a b"}, user("c")]},
    )

    assert len(gather(path)[1]) == 2


def test_ids_are_unique_in_what_is_written(gather, write):
    taken = content_id(PromptLine(prompt="b"))
    paths = [
        write("a.jsonl", {"prompt": "a", "id": 1}, {"prompt": "z", "id": taken}),
        write("b.jsonl", {"prompt": "b", "id": "1"}, {"prompt": "c", "id": 2}, {"prompt": "d"}),
    ]

    tally, lines = gather(*paths)

    assert [line.id for line in lines] == [
        "1",
        taken,
        f"{taken}+",
        "2",
        content_id(PromptLine(prompt="d")),
    ]
    assert tally.renamed == 1


def test_collecting_again_what_was_collected_changes_nothing(gather, write, tmp_path):
    gather(write("own.jsonl", *prompts(20)))
    before = (tmp_path / "out.jsonl").read_bytes()

    tally, _ = gather(tmp_path / "out.jsonl", tmp_path / "own.jsonl")

    assert (tmp_path / "out.jsonl").read_bytes() == before
    assert tally.duplicates == 20


def test_a_sample_is_drawn_by_score_and_can_be_drawn_again(gather, write):
    easy = [{"prompt": f"Hi {name}, thanks!"} for name in "abcdefghijklmnopqrst"]
    hard = [{"prompt": f"{HARD}\nNow for case {name}."} for name in "abcdefghij"]
    path = write("own.jsonl", *easy, *hard)

    tally, lines = gather(path, sample=9)
    again = gather(path, sample=9)[1]
    other = gather(path, sample=9, seed=2)[1]
    even = gather(path, sample=10, even=True)[1]

    assert sum(line.prompt.startswith("Hi") for line in lines) == 6
    assert sum(line.prompt.startswith("Hi") for line in even) == 5
    assert lines == again != other
    assert sum(tally.written) == 9
    assert sum(tally.different) == 30


def test_the_task_comes_from_the_field_that_was_named(gather, write):
    path = write("own.jsonl", {"prompt": "a", "meta": {"kind": "maths"}})

    assert gather(path, task_field="meta.kind")[1][0].task == "maths"


def test_a_byte_order_mark_is_no_fault(gather, write):
    assert texts(gather(write("own.jsonl", b"\xef\xbb\xbf" + encode({"prompt": "a"})))[1]) == ["a"]


def test_where_nothing_is_kept_nothing_is_written(gather, write, tmp_path):
    tally, lines = gather(write("own.jsonl", b"{"))

    assert (sum(tally.written), lines) == (0, [])
    assert [path.name for path in tmp_path.iterdir()] == ["own.jsonl"]


def test_what_is_written_is_the_owners_alone(gather, write, tmp_path):
    gather(write("own.jsonl", {"prompt": "a"}))

    assert (tmp_path / "out.jsonl").stat().st_mode & 0o777 == 0o600
    mask = os.umask(0)
    os.umask(mask)
    assert mask != 0o077


def test_inputs_that_are_not_there_are_told_together(tmp_path):
    out = tmp_path / "out.jsonl"

    with pytest.raises(RecordError, match=r"no such file: .*absent, .*gone"):
        find_files([tmp_path / "absent", tmp_path / "gone"], out)
    with pytest.raises(RecordError, match=r"expected \*\.jsonl in this folder, found none"):
        find_files([tmp_path], out)


def test_an_output_that_can_not_be_written_is_told(write, generation, tmp_path):
    path = write("own.jsonl", {"prompt": "a"})
    wanted = Wanted(inputs=[path], out=tmp_path / "no" / "out.jsonl")

    with pytest.raises(RecordError, match="can't be written: No such file"):
        collect(wanted, [path], generation)


def test_an_input_that_can_not_be_read_is_told(generation, tmp_path):
    wanted = Wanted(inputs=[], out=tmp_path / "out.jsonl")

    with pytest.raises(RecordError, match="can't be read: Is a directory"):
        collect(wanted, [tmp_path], generation)


def test_bytes_are_told_as_they_are_read(write, generation, tmp_path):
    path = write("own.jsonl", *prompts(10))
    told = []

    collect(Wanted(inputs=[path], out=tmp_path / "out.jsonl"), [path], generation, told.append)

    assert (len(told), sum(told)) == (10, path.stat().st_size)


def run(*arguments):
    return CliRunner().invoke(app, ["learn", "collect", *map(str, arguments)])


def test_the_command_prints_what_became_of_the_lines(write, tmp_path):
    path = write("own.jsonl", *prompts(1200), b"{oops", {"prompt": HARD})

    result = run(path, "--out", tmp_path / "out.jsonl", "--sample", "100")

    assert result.exit_code == 0
    assert f"{path}:1201: not a JSON object" in result.stderr
    rows = [
        [cell.strip() for cell in line.strip("│").split("│")] for line in result.stdout.splitlines()
    ]
    assert ["read", "1,202"] in rows
    assert ["not a JSON object", "1"] in rows
    assert ["written", "100"] in rows
    assert (
        sum(row[0] in {f"{n / 10:.1f}-{(n + 1) / 10:.1f}" for n in range(10)} for row in rows) == 10
    )
    assert f"100 prompts in {tmp_path / 'out.jsonl'}" in result.stdout.replace("\n", " ")
    assert len((tmp_path / "out.jsonl").read_bytes().splitlines()) == 100


def test_the_command_scores_with_the_artifact_that_the_settings_name(write, tmp_path):
    path = write("own.jsonl", {"prompt": "a"})
    config = write_settings(tmp_path / "s.yaml", "classifier: {artifact: /nowhere}")

    result = run(path, "--out", tmp_path / "out.jsonl", "--config", config)

    assert "/nowhere" in str(result.exception)


def test_the_command_fails_where_nothing_is_kept(write, tmp_path):
    path = write("own.jsonl", b"{", b"[]")

    result = run(path, "--out", tmp_path / "out.jsonl")

    assert isinstance(result.exception, RecordError)
    assert "not written: of 2 lines none can be kept" in str(result.exception)
    assert f"{path}:2: not a JSON object" in result.stderr


def printed(show, *arguments):
    console = Console(width=100, record=True, file=open(os.devnull, "w"))  # noqa: SIM115, PTH123
    show(console, *arguments)
    console.file.close()
    return console.export_text()


def test_what_is_left_unsaid_is_counted(gather, write):
    tally, _ = gather(write("own.jsonl", *[b"{"] * 1234, {"prompt": EASY}))

    assert "… and 1,184 more" in printed(print_faults, tally)


def test_a_sample_that_is_too_small_and_new_ids_are_told(gather, write, tmp_path):
    path = write("own.jsonl", {"prompt": "a", "id": 1}, {"prompt": "b", "id": 1})
    tally, _ = gather(path, sample=50)

    text = printed(print_tally, tally, Wanted(inputs=[path], out=tmp_path / "o", sample=50))

    assert "50 were wanted; there are no more" in text
    assert "1 ids stood for two prompts" in text


@pytest.mark.parametrize("terminal", [False, True])
def test_progress_is_shown_on_a_terminal_alone(write, monkeypatch, capsys, terminal):
    path = write("own.jsonl", *prompts(3))
    monkeypatch.setattr("sys.stderr.isatty", lambda: terminal)

    with watched([path]) as read:
        read(path.stat().st_size)

    assert ("read" in capsys.readouterr().err) is terminal


def test_a_whole_file_of_odd_lines_ends_in_a_count_and_no_traceback(gather, write):
    odd = [b"\x00" * 50, b"\xff\xfe", b'{"prompt": "\\ud83d"}', "🤡" * 5000, "a" * 1_000_000]
    tally, lines = gather(write("own.jsonl", *odd), prompt_bytes=10_000_000)

    assert tally.rows == 5
    assert tally.unfit == {Unfit.NOT_JSON: 3}
    assert [len(line.prompt) for line in lines] == [5000, 1_000_000]
    json.dumps(texts(lines))
