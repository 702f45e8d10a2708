import hashlib
import json

import pytest
from weighbridge_simulator.answers import Answerer, read_recorded
from weighbridge_simulator.calls import Call
from weighbridge_simulator.prompts import Prompt


def prompt(text="How heavy?"):
    return Prompt(text.encode(), 3, text)


def answer(answerer, text="How heavy?", index=0, limit=1000, **fields):
    return answerer.answer(Call(model="", prompts=(), **fields), prompt(text), index, limit)


def test_same_seed_and_prompt_give_the_same_answer():
    assert answer(Answerer(7, 64, {})) == answer(Answerer(7, 64, {}))


@pytest.mark.parametrize("change", [{"text": "How light?"}, {"index": 1}, {"seed": 3}])
def test_prompt_index_and_request_seed_change_the_answer(change):
    answerer = Answerer(7, 64, {})
    assert answer(answerer, **change) != answer(answerer)


def test_the_process_seed_changes_the_answer():
    assert answer(Answerer(7, 64, {})) != answer(Answerer(8, 64, {}))


def test_lengths_have_the_mean_that_was_set():
    answerer = Answerer(0, 40, {})
    lengths = [len(answer(answerer, text=f"Question {n}").pieces) for n in range(3000)]
    assert 36 < sum(lengths) / len(lengths) < 44
    assert min(lengths) == 1


def test_a_limit_cuts_the_answer_and_says_so():
    cut = answer(Answerer(0, 64, {}), limit=5, ignore_eos=True)
    assert (len(cut.pieces), cut.finish) == (5, "length")


def test_min_tokens_are_answered():
    answerer = Answerer(0, 2, {})
    shortest = min(len(answer(answerer, f"q{n}", min_tokens=30).pieces) for n in range(50))
    assert shortest == 30
    assert answer(answerer, min_tokens=30).finish == "stop"


def test_a_stop_text_ends_the_answer_before_it():
    whole = "".join(answer(Answerer(0, 64, {}), limit=20, ignore_eos=True).pieces)
    stop = whole[20:26]
    stopped = answer(Answerer(0, 64, {}), limit=20, ignore_eos=True, stop=(stop, "absent"))
    assert "".join(stopped.pieces) == whole[: whole.index(stop)]
    assert stopped.finish == "stop"


def test_recorded_answers_are_found_by_prompt_and_by_digest(tmp_path):
    digest = hashlib.sha256(b"By digest").hexdigest().upper()
    records = [
        {"prompt": "How heavy?", "answer": "Forty tonnes."},
        {"prompt_sha256": digest, "answer": "Twelve."},
    ]
    path = tmp_path / "answers.jsonl"
    path.write_text("\n".join(json.dumps(record) for record in records))
    answerer = Answerer(0, 64, read_recorded(path))
    assert "".join(answer(answerer).pieces) == "Forty tonnes."
    assert "".join(answer(answerer, text="By digest").pieces) == "Twelve."
    assert answer(answerer).finish == "stop"
    assert answer(answerer, limit=2).finish == "length"
    assert "".join(answer(answerer, text="Something else").pieces) not in {"Forty tonnes.", ""}


@pytest.mark.parametrize("line", ["{", '{"answer": "x"}', '{"prompt": "x"}'])
def test_a_bad_record_is_refused_with_its_line(tmp_path, line):
    path = tmp_path / "answers.jsonl"
    path.write_text(f'{{"prompt": "a", "answer": "b"}}\n{line}')
    with pytest.raises(ValueError, match="line 2"):
        read_recorded(path)
