"""Data folders, cases and a silent progress for the tests of the evaluation."""

import gzip
import json

from unit.bodies import EASY, HARD

MODELS = ("gemma-2-9b-it", "llama-3.1-nemotron-51b-instruct")


def silent(_what, _total):
    return lambda: None


def write_gz(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


def pair_row(number, task="t", **fields):
    hard = number % 2
    text = f"{HARD} {number}" if hard else f"{EASY} {number}"
    return {
        "id": f"{task}/{number}",
        "source": "x",
        "task": task,
        "prompt": text,
        "weak": "org/small",
        "strong": "large",
        "score_weak": 0.0 if hard else 1.0,
        "score_strong": 1.0,
        "contaminated": False,
        **fields,
    }


def write_data(folder, rows=12):
    """All public files, each with a few rows in which hard prompts need the large model."""
    pairs = [pair_row(number) for number in range(rows)]
    for name in ("routellm_mmlu", "routellm_gsm8k", "routellm_mtbench"):
        write_gz(folder / "public" / f"{name}.jsonl.gz", pairs)
    scored = [
        {
            "id": f"l/{number}",
            "task": f"task {number % 3}",
            "prompt": row["prompt"],
            "question": "",
            "scores": dict(zip(MODELS, (row["score_weak"], row["score_strong"]), strict=True)),
        }
        for number, row in enumerate(pairs)
    ]
    write_gz(folder / "public" / "llmrouter_test.jsonl.gz", scored)
    write_gz(folder / "train" / "llmrouter_train.jsonl.gz", scored)
    return folder


def case(number, difficulty, prompt="", group="g", **fields):
    text = {} if "messages" in fields else {"prompt": prompt or f"{EASY} {number}"}
    return {
        "id": f"{group}-{number}",
        "group": group,
        "language": "en",
        "difficulty": difficulty,
        **text,
        **fields,
    }


def write_cases(folder, cases=None):
    folder.mkdir(parents=True, exist_ok=True)
    plain = [case(1, 1, EASY), case(2, 5, HARD), case(3, 3), case(4, 4, "why", "short")]
    rows = plain if cases is None else cases
    (folder / "cases.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder
