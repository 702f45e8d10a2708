"""The rules that `up --observe` loads are those of the checkout, and those in a wheel."""

import tomllib
from pathlib import Path

from weighbridge.local.rules import FILES, PACKAGED

REPOSITORY = Path(__file__).parents[3]


def test_the_packaged_rules_are_the_repositorys():
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    included = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]

    assert included["observability/rules"] == "weighbridge/rules"
    assert PACKAGED == REPOSITORY / "observability" / "rules"


def test_tests_of_rules_are_no_rules():
    files = list(PACKAGED.glob(FILES))

    assert files
    assert not [path for path in files if path.name.endswith(".test.yaml")]
