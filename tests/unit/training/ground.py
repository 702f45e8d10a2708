"""A folder of data and cases that is small enough to train on in a test."""

import json

from unit.training.fakes import case, pair_row, write_gz

MODELS = (
    "gemma-2-9b-it",
    "mistral-7b-instruct-v0.3",
    "llama-3.1-8b-instruct",
    "llama-3.1-nemotron-51b-instruct",
)
TASKS = ("algebra", "law")


def prompt(number, *, hard):
    """Hard ones say "prove"; all are of many lengths."""
    return f"{'prove' if hard else 'what'} {'abcdefgh'[number % 8] * 2} " + "ox " * (number % 7)


def cases(count=48):
    """Grades 1 to 5 in turn."""
    made = [
        case(number, 1 + number % 5, prompt(number, hard=number % 5 >= 3))
        for number in range(count)
    ]
    chat = {"role": "user", "content": prompt(1, hard=True)}
    return [*made, case(count, 5, messages=[{"role": "user", "content": "hi"}, chat])]


def recorded(count=40):
    """Every second prompt is hard, and the small models fail it."""
    rows = []
    for number in range(count):
        hard = bool(number % 2)
        scores = dict.fromkeys(MODELS, 0.0 if hard else 1.0) | {MODELS[-1]: 1.0}
        task = TASKS[number // 2 % 2]
        row = {"id": f"{task}/{number}", "task": task, "scores": scores}
        rows.append(row | {"prompt": prompt(number, hard=hard) + task})
    return rows


def write_ground(folder):
    """Data below `data`, cases below `cases`; nothing under public/."""
    train = folder / "data" / "train"
    write_gz(train / "llmrouter_train.jsonl.gz", recorded())
    write_gz(train / "mmlupro_train.jsonl.gz", recorded(20))
    gold = [pair_row(n, "gold", prompt=prompt(n, hard=bool(n % 2))) for n in range(20)]
    write_gz(train / "mmlu_gold1500.jsonl.gz", gold)
    (folder / "cases").mkdir(parents=True)
    lines = "".join(json.dumps(one) + "\n" for one in cases())
    (folder / "cases" / "g.jsonl").write_text(lines, encoding="utf-8")
    return folder
