"""YAML of the repository says each thing once: of two equal keys a parser drops the first."""

from pathlib import Path

import pytest
import yaml

REPOSITORY = Path(__file__).parents[2]
# Templates are YAML only once they are rendered, and the golden renders stand here too.
ROOMS = ("mesh", "router", "models", "rollouts", "observability", "docs", "tests")
FILES = [
    path
    for room in ROOMS
    for path in sorted((REPOSITORY / room).rglob("*.yaml"))
    if not {"templates", "files"} & set(path.parts)
]


class Strict(yaml.SafeLoader):
    def construct_mapping(self, node, deep=False):
        keys = [key.value for key, _ in node.value]
        twice = {key for key in keys if keys.count(key) > 1}
        if twice:
            raise yaml.constructor.ConstructorError(
                None, None, f"twice: {sorted(twice)}", node.start_mark
            )
        return super().construct_mapping(node, deep)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_no_key_is_there_twice(path):
    list(yaml.load_all(path.read_text(encoding="utf-8"), Strict))


def test_a_key_twice_is_refused():
    with pytest.raises(yaml.YAMLError, match="twice: \\['a'\\]"):
        list(yaml.load_all("b: {a: 1, a: 2}", Strict))
