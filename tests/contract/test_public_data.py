"""Nothing that trains, selects or sets a threshold reads the public sets, only what reports does.

`replay` fits by running the command, on files of train/, and reads a public set for its report.
"""

import ast
from pathlib import Path

import pytest
from contract.tree import REPOSITORY
from weighbridge_training.public import PUBLIC

ROUTER = REPOSITORY / "router"
EXPERIMENTS = REPOSITORY / "models" / "experiments"
READER = "weighbridge_training.public"
MAY_READ = {
    READER,
    "weighbridge_training.evaluate",
    "weighbridge_training.replay",
    # An experiment that reports, and the command that starts it.
    "weighbridge_experiments.threshold",
    "weighbridge_experiments.cli",
    "weighbridge_experiments.__main__",
}
_FILES = tuple(which.file for which in PUBLIC)


def module_name(path: Path) -> str:
    root = EXPERIMENTS if path.is_relative_to(EXPERIMENTS) else ROUTER
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[1:] if parts[0] == "training" else parts).removesuffix(".__init__")


def sources():
    paths = (path for root in (ROUTER, EXPERIMENTS) for path in root.rglob("*.py"))
    return {module_name(path): path.read_text(encoding="utf-8") for path in paths}


def imports(source):
    """Names of all modules that a source may import, attributes of packages among them."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def readers(every):
    """Modules that import the reader, straight or by way of others."""
    found, before = {READER}, set()
    while found != before:
        before = set(found)
        found |= {name for name, source in every.items() if found & set(imports(source))}
    return found


def paths_in(source):
    """String literals that lead to a public file; prose in docstrings and messages does not."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value
            below = text == "public" or text.startswith("public/") or "/public/" in text
            if below or text.startswith(_FILES):
                yield text


def test_only_what_reports_can_reach_the_reader_of_the_public_sets():
    assert readers(sources()) == MAY_READ


def test_no_other_module_names_a_public_file():
    every = sources()
    named = {name: list(paths_in(source)) for name, source in every.items() if name != READER}

    assert {name: paths for name, paths in named.items() if paths} == {}
    assert set(paths_in(every[READER])) >= {which.file for which in PUBLIC}


@pytest.mark.parametrize(
    "source",
    [
        "from weighbridge_training import public",
        "from weighbridge_training.public import read_public",
        "import weighbridge_training.public as sets",
        "def f():\n    from weighbridge_training.evaluate import run",
    ],
)
def test_a_way_to_the_reader_is_found(source):
    assert "weighbridge_training.train" in readers(
        {**sources(), "weighbridge_training.train": source}
    )


@pytest.mark.parametrize(
    "source",
    [
        "open(data / 'public' / name)",
        "open('public/x.gz')",
        "open('../data/public/x')",
        "name = 'routellm_mmlu'",
        "name = 'llmrouter_test.jsonl.gz'",
        "path = f'public/{name}'",
    ],
)
def test_a_name_of_a_public_file_is_found(source):
    assert list(paths_in(source))
