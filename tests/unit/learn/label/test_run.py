"""`weighbridge learn label` against real simulators: what is asked, written, said and refused."""

import hashlib
import io
import sys

import msgspec
import pytest
import typer
from weighbridge.errors import LearnError
from weighbridge.learn.label.graders.judge import compose
from weighbridge.learn.label.options import (
    Endpoint,
    LabelOptions,
    Method,
    Price,
    Sampling,
    api_base,
)
from weighbridge.learn.label.run import run_label
from weighbridge.learn.records import PromptLine, read_labels

from .conftest import read_jsonl, write_jsonl

COUNT = 12
ASKED = [f"What is {number} times {number}?" for number in range(COUNT)]
SMALL_KNOWS = 5


def small_answer(number):
    return f"The answer is {number * number if number < SMALL_KNOWS else 7}."


def large_answer(number):
    return f"So it is \\boxed{{{number * number}}}"


@pytest.fixture(scope="module")
def started(lasting, tmp_path_factory):
    folder = tmp_path_factory.mktemp("answers")
    made = []
    for name, answer in (("gemma", small_answer), ("llama", large_answer)):
        rows = [{"prompt": text, "answer": answer(n)} for n, text in enumerate(ASKED)]
        file = write_jsonl(folder / f"{name}.jsonl", rows)
        made.append(lasting("--served-model-name", name, "--answers", str(file), "--speed", "0"))
    return made


@pytest.fixture
def pools(started):
    """Two pools with recorded answers: the large one knows all, the small one some."""
    return [pool.reset() for pool in started]


@pytest.fixture
def options(pools, tmp_path):
    rows = [
        {"id": f"q{n}", "prompt": text, "reference": str(n * n), "task": "squares"}
        for n, text in enumerate(ASKED)
    ]
    small, large = (Endpoint(api_base(pool.url, "--pool")) for pool in pools)
    return LabelOptions(
        prompts=write_jsonl(tmp_path / "prompts.jsonl", rows),
        out=tmp_path / "labels.jsonl",
        small=small,
        large=large,
        concurrency=4,
        patience_s=0.3,
        yes=True,
    )


def but(options, **changes):
    return msgspec.structs.replace(options, **changes)


def answered(pools):
    return [pool.answered for pool in pools]


def test_each_prompt_is_labelled_with_all_evidence(options, pools, capsys):
    assert run_label(options) == 0
    labels = list(read_labels(options.out))
    assert [label.id for label in labels] == [f"q{n}" for n in range(COUNT)]
    assert [label.score_small for label in labels] == [1.0] * SMALL_KNOWS + [0.0] * 7
    assert {label.score_large for label in labels} == {1.0}
    seven = labels[7]
    assert (seven.small, seven.large, seven.grader) == ("gemma", "llama", "exact")
    assert (seven.prompt, seven.task) == (ASKED[7], "squares")
    assert seven.evidence["small"]["answer"] == small_answer(7)
    assert seven.evidence["large"]["finish"] == "stop"
    assert seven.evidence["large"]["tokens_out"] > 0
    assert seven.evidence["large"]["seconds"] > 0
    assert seven.evidence["exact"]["small"] == {"found": "7."}
    assert answered(pools) == [COUNT, COUNT]
    said = capsys.readouterr().out
    assert "12 labels of 12 prompts" in said
    assert "large is better on 58.3% of the prompts, small on 0.0%" in said


def test_labels_are_for_their_owner_alone(options):
    run_label(but(options, limit=1))
    assert options.out.stat().st_mode & 0o777 == 0o600


def test_the_same_command_again_asks_nothing_and_writes_the_same(options, pools):
    run_label(options)
    first = options.out.read_bytes()
    options.out.unlink()
    assert run_label(options) == 0
    assert options.out.read_bytes() == first
    assert answered(pools) == [COUNT, COUNT]


def test_recorded_scores_are_replayed_through_a_pattern(options, simulate, tmp_path):
    scores = {
        name: [round(k / (COUNT + n), 3) for k in range(COUNT)]
        for n, name in enumerate(("weak", "strong"))
    }
    servers = []
    for name, values in scores.items():
        rows = [
            {"prompt_sha256": hashlib.sha256(text.encode()).hexdigest(), "answer": f"score: {v}"}
            for text, v in zip(ASKED, values, strict=True)
        ]
        file = write_jsonl(tmp_path / f"{name}.jsonl", rows)
        server = simulate("--served-model-name", name, "--answers", str(file), "--speed", "0")
        servers.append(Endpoint(f"{server.url}/v1"))
    pattern = r"^score: (?P<score>[\d.]+)$"
    rows = [{"prompt": text, "pattern": pattern} for text in ASKED]
    prompts = write_jsonl(tmp_path / "replay.jsonl", rows)
    run_label(but(options, prompts=prompts, small=servers[0], large=servers[1]))
    labels = list(read_labels(options.out))
    assert [label.score_small for label in labels] == scores["weak"]
    assert [label.score_large for label in labels] == scores["strong"]
    assert {label.grader for label in labels} == {"regex"}


def verdicts(judgement):
    """A judge's recorded replies; `judgement` says who is better at which prompt, or a reply."""
    rows = []
    for number, text in enumerate(ASKED):
        prompt = PromptLine(prompt=text, reference=str(number * number))
        pair = {"small": small_answer(number), "large": large_answer(number)}
        for order in (("small", "large"), ("large", "small")):
            question = compose(prompt, *(pair[name] for name in order))[0]["content"]
            better = judgement(number)
            letter = "AB"[order.index(better)] if better in pair else better
            rows.append({"prompt": question, "answer": f"Reasons.\n[[{letter}]]"})
    return rows


def judged(options, simulate, tmp_path, judgement):
    file = write_jsonl(tmp_path / "judge.jsonl", verdicts(judgement))
    flags = ("--served-model-name", "big", "--answers", str(file), "--speed", "0")
    judge = simulate(*flags)
    return judge, but(options, method=Method.JUDGE, judge=Endpoint(f"{judge.url}/v1"))


def test_a_judge_grades_in_both_orders(options, pools, simulate, tmp_path):
    # At 2 the judge always says A: that is a verdict on the place.
    told = {0: "small", 1: "large", 2: "A"}
    judge, given = judged(options, simulate, tmp_path, lambda n: told.get(n, "tie"))
    assert run_label(given) == 0
    labels = list(read_labels(options.out))
    pairs = [(label.score_small, label.score_large) for label in labels]
    assert pairs == [(1, 0), (0, 1)] + [(0.5, 0.5)] * 10
    assert labels[2].evidence["judge"]["small-first"]["raw"] == ["Reasons.\n[[A]]"]
    assert labels[2].evidence["judge"]["model"] == "big"
    run_label(given)
    assert [*answered(pools), judge.answered] == [COUNT, COUNT, 2 * COUNT]


def test_a_judge_without_a_verdict_gives_no_label_and_is_told(options, simulate, tmp_path, capsys):
    judge, given = judged(options, simulate, tmp_path, lambda n: "tie" if n else "?")
    assert run_label(given) == 0
    assert len(list(read_labels(options.out))) == COUNT - 1
    assert judge.answered == 2 * (COUNT - 1) + 2
    said = capsys.readouterr().out
    assert "1 prompts without a score:\n  1 times: the judge gave no verdict" in said


def test_a_reference_that_changed_does_not_get_an_old_verdict(options, simulate, tmp_path):
    judge, given = judged(options, simulate, tmp_path, lambda _: "tie")
    run_label(given)
    rows = read_jsonl(options.prompts)
    write_jsonl(options.prompts, [row | {"reference": "1"} for row in rows])
    with pytest.raises(LearnError, match="not what it was when its answer was paid for"):
        run_label(given)
    assert judge.answered == 2 * COUNT


def test_code_is_run_only_when_allowed(options, tmp_path):
    rows = [{"prompt": ASKED[2], "tests": "assert True"}]
    given = but(options, prompts=write_jsonl(tmp_path / "code.jsonl", rows))
    with pytest.raises(LearnError, match="--allow-code-execution"):
        run_label(given)
    assert run_label(but(given, allow_code=True)) == 0
    (label,) = read_labels(options.out)
    assert label.evidence["tests"]["small"]["outcome"] == "failed"  # prose is no Python


def test_a_limit_labels_the_first_and_can_be_raised(options, pools):
    run_label(but(options, limit=4))
    assert [label.id for label in read_labels(options.out)] == ["q0", "q1", "q2", "q3"]
    run_label(but(options, limit=6))
    run_label(but(options, limit=1))
    assert len(list(read_labels(options.out))) == 6
    assert answered(pools) == [6, 6]


def test_a_budget_ends_the_buying_before_it_is_passed(options, pools, capsys):
    price = Price(0, 10_000)  # a cent a token: at most 64 cents an answer
    endpoints = {
        name: msgspec.structs.replace(getattr(options, name), price=price)
        for name in ("small", "large")
    }
    given = but(options, **endpoints, budget=1.5, sampling=Sampling(max_tokens=64))
    assert run_label(given) == 0
    said = capsys.readouterr().out
    assert "stopped: the budget of $1.5 is spent" in said
    labels = list(read_labels(options.out))
    assert 0 < len(labels) < COUNT
    before = answered(pools)
    run_label(given)
    assert answered(pools) == before
    run_label(but(given, budget=100.0))
    assert answered(pools) == [COUNT, COUNT]


def test_a_budget_without_prices_is_refused(options, pools):
    with pytest.raises(LearnError, match="--small-price, --large-price"):
        run_label(but(options, budget=1.0))
    assert answered(pools) == [0, 0]


def test_a_pool_that_fails_for_good_leaves_what_was_labelled(options, pools, capsys):
    run_label(but(options, limit=3))
    pools[1].fail(error_rate=1, error_status=503)
    with pytest.raises(LearnError, match=r"the large pool at .* has given no answer for"):
        run_label(options)
    assert len(list(read_labels(options.out))) == 3
    assert "3 labels of 12 prompts" in capsys.readouterr().out
    pools[1].fail()
    assert run_label(options) == 0
    assert len(list(read_labels(options.out))) == COUNT
    assert answered(pools) == [COUNT, COUNT]


def test_a_pool_that_is_gone_is_told_before_anything_is_asked(options, pools):
    pools[1].fail(refuse=True)
    with pytest.raises(LearnError, match=r"the large pool at .* can't be asked"):
        run_label(options)
    assert answered([pools[0]]) == [0]


def test_troubles_that_pass_cost_nothing_twice(options, pools):
    pools[0].fail(error_rate=0.4)
    pools[1].fail(error_rate=0.4, error_status=503)
    assert run_label(but(options, patience_s=60.0)) == 0
    assert len(list(read_labels(options.out))) == COUNT
    assert answered(pools) == [COUNT, COUNT]


@pytest.mark.parametrize("usage", ["negative", "absurd", "missing"])
def test_without_a_sane_count_labels_say_that_tokens_are_estimated(options, pools, usage):
    pools[0].fail(garbage_usage=usage)
    run_label(but(options, limit=1))
    (label,) = read_labels(options.out)
    assert label.evidence["small"]["tokens_estimated"] is True
    assert label.evidence["small"]["tokens_in"] > 0
    assert "tokens_estimated" not in label.evidence["large"]


def test_a_prompt_that_a_pool_refuses_is_left_and_told(options, simulate, capsys):
    tight = simulate("--served-model-name", "gemma", "--max-model-len", "80", "--speed", "0")
    rows = [*read_jsonl(options.prompts), {"id": "long", "prompt": "x" * 400, "reference": "1"}]
    write_jsonl(options.prompts, rows)
    given = but(
        options, small=Endpoint(f"{tight.url}/v1"), sampling=Sampling(max_tokens=20), concurrency=1
    )
    assert run_label(given) == 0
    assert len(list(read_labels(options.out))) == COUNT
    said = capsys.readouterr().out
    assert "1 prompts without an answer" in said
    assert "status 400: This model's maximum context length is 80" in said
    assert "(as id 'long')" in said


def test_answers_that_were_cut_are_told(options, capsys):
    run_label(but(options, sampling=Sampling(max_tokens=1)))
    assert "12 answers of large were cut at --max-tokens" in capsys.readouterr().out


def test_other_settings_are_refused(options, pools):
    run_label(options)
    with pytest.raises(LearnError, match="seed: the journal has 0, this run 1"):
        run_label(but(options, sampling=Sampling(seed=1)))
    with pytest.raises(LearnError, match="large model: the journal has llama, this run gemma"):
        run_label(but(options, large=options.small))
    assert answered(pools) == [COUNT, COUNT]


def test_a_prompt_that_changed_is_refused_before_anything_is_asked(options, pools):
    run_label(but(options, limit=2))
    rows = read_jsonl(options.prompts)
    write_jsonl(options.prompts, [rows[0] | {"prompt": "Else?"}, *rows[1:]])
    with pytest.raises(LearnError, match=r"1 prompts are not what they were .*as id 'q0'"):
        run_label(options)
    assert answered(pools) == [2, 2]


def test_labels_without_their_journal_are_not_overwritten(options):
    options.out.write_text("mine\n")
    with pytest.raises(LearnError, match="without its journal"):
        run_label(options)
    assert options.out.read_text() == "mine\n"


def test_prompts_that_cant_be_graded_are_told_before_anything_is_asked(options, pools):
    rows = [*read_jsonl(options.prompts), {"id": "bare", "prompt": "Why?"}]
    write_jsonl(options.prompts, rows)
    with pytest.raises(LearnError, match=r"prompts.jsonl:13: id 'bare': expected 'reference'"):
        run_label(but(options, method=Method.EXACT))
    assert answered(pools) == [0, 0]
    assert not options.out.exists()


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_without_a_yes_nobody_to_ask_means_no(options, pools, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    with pytest.raises(LearnError, match="--yes"):
        run_label(but(options, yes=False))
    assert answered(pools) == [0, 0]


@pytest.mark.parametrize(("reply", "asked"), [(True, COUNT), (False, 0)])
def test_the_person_at_the_terminal_decides(options, pools, monkeypatch, reply, asked):
    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr(typer, "confirm", lambda _: reply)
    if reply:
        run_label(but(options, yes=False))
    else:
        with pytest.raises(LearnError, match="nothing was asked"):
            run_label(but(options, yes=False))
    assert answered(pools) == [asked, asked]
